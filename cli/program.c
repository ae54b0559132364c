/*
 * Which program is meant: what contains a slash is a path, else an image of the user's store, else a program
 * on the PATH.  Only a file's first bytes are looked at here; the library OS reads the ELF file itself.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/view.h"
#include "guests/solo5/image.h"
#include "image/format.h"

const char *store_path(void)
{
	const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (base && *base == '/')
		return must_format("%s/bartizan/images", base);
	return home && *home == '/' ? must_format("%s/.local/share/bartizan/images", home) : NULL;
}

static char *real_path(int fd)
{
	char link[32], path[BZ_PATH_MAX + 1];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		fail(EXIT_BARTIZAN, "%s: %s", link, strerror(errno));
	path[len] = 0;
	return must_dup(path);
}

/* In what every host program sees? */
static bool in_view(const struct run_options *o, const char *path)
{
	static const char *const prefixes[] = {"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"};

	if (!o->usr_local && !strncmp(path, "/usr/local/", 11))
		return false;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void check_elf(const char *name, const unsigned char *head, ssize_t len)
{
	uint16_t machine = head[18] | head[19] << 8, type = head[16] | head[17] << 8;

	if (len < 64)
		fail(EXIT_NOEXEC, "%s: a truncated ELF file", name);
	if (head[EI_CLASS] != ELFCLASS64)
		fail(EXIT_NOEXEC, "%s: a 32-bit program; only x86-64 ones run here", name);
	if (head[EI_DATA] != ELFDATA2LSB || machine != EM_X86_64)
		fail(EXIT_NOEXEC,
		     "%s: a program for another processor (ELF machine %u); only x86-64 ones run here", name,
		     machine);
	if (type != ET_EXEC && type != ET_DYN)
		fail(EXIT_NOEXEC, "%s: an ELF file of type %u, which is not a program", name, type);
}

/* The path behind "#!", as execve(2) reads it; NULL: it is cut off here, or relative. */
static const char *interpreter_of(const char *line, size_t n)
{
	size_t from = 0, len = 0;

	while (from < n && (line[from] == ' ' || line[from] == '\t'))
		from++;
	while (from + len < n && !strchr(" \t\n", line[from + len]))
		len++;
	return from + len < n && line[from] == '/' ? must_format("%.*s", (int)len, line + from) : NULL;
}

static bool is_solo5(int fd, uint64_t size)
{
	struct solo5_file file = {.fd = fd};
	struct solo5_source source = solo5_source_of_file(&file, size);

	return solo5_probe(&source);
}

static void program_open(struct program *p, const struct run_options *o, const char *path)
{
	unsigned char head[64] = {0};
	struct stat st;
	ssize_t len;
	char *clean;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(errno == ENOENT || errno == ENOTDIR ? EXIT_NOPROGRAM : EXIT_NOEXEC, "%s: %s", path,
		     strerror(errno));
	if (!S_ISREG(st.st_mode))
		fail(EXIT_NOEXEC, "%s: %s", path,
		     S_ISDIR(st.st_mode) ? "a directory; --rootfs runs a program of a directory"
					 : "not a file");
	len = pread(fd, head, sizeof(head), 0);
	p->size = st.st_size;
	p->fd = -1;
	if (len >= 8 && !memcmp(head, BZ_IMAGE_MAGIC, 8)) {
		p->kind = PROGRAM_IMAGE;
		p->host_path = path;
		p->fd = fd;
		return;
	}
	if (len == sizeof(head) && head[16] == ET_EXEC && is_solo5(fd, st.st_size)) {
		p->kind = PROGRAM_SOLO5;
		p->host_path = p->exe = path;
		p->fd = fd;
		return;
	}
	if (len >= 4 && !memcmp(head, ELFMAG, SELFMAG))
		check_elf(path, head, len);
	else if (len < 2 || memcmp(head, "#!", 2))
		fail(EXIT_NOEXEC, "%s: neither an image nor an ELF program nor a '#!' script", path);
	if (!(st.st_mode & 0111))
		fail(EXIT_NOEXEC, "%s: is not executable (chmod +x)", path);
	if (o->entrypoint)
		fail(EXIT_BARTIZAN, "--entrypoint: %s is no image but a program of this host; run %s itself", path,
		     o->entrypoint);
	p->kind = PROGRAM_HOST;
	p->st = st;
	p->interpreter = head[0] == '#' ? interpreter_of((const char *)head + 2, len - 2) : NULL;
	clean = clean_path(path);
	p->exe = p->host_path = clean && in_view(o, clean) ? clean : real_path(fd);
	p->outside_usr = !in_view(o, p->exe);
	close(fd);
}

static bool find_on_path(const char *name, char out[BZ_PATH_MAX + 1])
{
	const char *at = getenv("PATH");
	struct stat st;

	for (at = at ? at : "/usr/bin:/bin"; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int len = strcspn(at, ":");

		if (len && snprintf(out, BZ_PATH_MAX, "%.*s/%s", len, at, name) < BZ_PATH_MAX &&
		    stat(out, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			return true;
	}
	return false;
}

void program_find(struct program *p, const struct run_options *o)
{
	char path[BZ_PATH_MAX + 1];
	const char *store;

	p->fd = -1;
	p->given = o->entrypoint ? o->entrypoint : o->program;
	if (o->rootfs) {
		p->kind = PROGRAM_ROOTFS;
		p->exe = p->given;
		return;
	}
	if (strchr(o->program, '/')) {
		program_open(p, o, o->program);
		return;
	}
	store = store_path();
	if (store && snprintf(path, sizeof(path), "%s/%s", store, o->program) < (int)sizeof(path) &&
	    access(path, F_OK) == 0) {
		program_open(p, o, must_dup(path));
		return;
	}
	if (find_on_path(o->program, path)) {
		program_open(p, o, must_dup(path));
		return;
	}
	if (access(o->program, F_OK) == 0)
		fail(EXIT_NOPROGRAM, "%s: no such image in %s and no such program on the PATH; for the file here write ./%s",
		     o->program, store ? store : "the store", o->program);
	fail(EXIT_NOPROGRAM, "%s: no such image in %s and no such program on the PATH", o->program,
	     store ? store : "the store");
}
