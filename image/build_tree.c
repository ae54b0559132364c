/*
 * The tree of files that an image will hold; see build_tree.h.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/build.h"
#include "image/build_tree.h"
#include "image/elfscan.h"
#include "image/progress.h"

/* 1: the path is new.  Once each: the libraries of a hundred plugins are mostly the same. */
static int note_seen(struct tree *t, const char *path, struct image_error *err)
{
	char **seen;

	for (size_t i = 0; i < t->seen_count; i++)
		if (strcmp(t->seen[i], path) == 0)
			return 0;
	seen = realloc(t->seen, (t->seen_count + 1) * sizeof(*seen));
	if (seen)
		t->seen = seen;
	if (!seen || !(seen[t->seen_count] = strdup(path)))
		return image_fail(err, -ENOMEM, "out of memory");
	t->seen_count++;
	return 1;
}

static int add_file(void *arg, const char *path, struct image_error *err)
{
	struct tree *t = arg;
	int ret = note_seen(t, path, err);

	return ret == 1 ? stage_host_path(&t->stage, path, err) : ret;
}

/* What programs expect to be there, and the library OS mounts on. */
static int add_usual(struct stage *s, bool accounts, struct image_error *err)
{
	static const struct {
		const char *path;
		uint32_t mode;
	} dirs[] = {{"dev", 0755}, {"proc", 0555}, {"sys", 0555}, {"tmp", 01777},
		    {"run", 0755}, {"etc", 0755},  {"root", 0700}};
	int ret = 0;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !ret; i++)
		ret = stage_directory(s, dirs[i].path, dirs[i].mode, err);
	if (!ret && accounts)
		ret = stage_text(s, "etc/passwd",
				 "root:x:0:0:root:/root:/bin/sh\n"
				 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
				 err);
	if (!ret && accounts)
		ret = stage_text(s, "etc/group", "root:x:0:\nnogroup:x:65534:\n", err);
	if (!ret && accounts)
		ret = stage_text(s, "etc/hosts",
				 "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", err);
	if (!ret && accounts)
		ret = stage_text(s, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n",
				 err);
	return ret;
}

/* Absolute, links left as they are: the guest sees the name that the builder used. */
static int absolute(const char *path, char out[PATH_MAX], struct image_error *err)
{
	char here[PATH_MAX], raw[PATH_MAX * 2];
	size_t at = 0;

	if (!getcwd(here, sizeof(here)))
		return image_fail(err, -errno, "no current directory: %s", strerror(errno));
	snprintf(raw, sizeof(raw), "%s/%s", path[0] == '/' ? "" : here, path);
	out[0] = 0;
	for (char *save, *c = strtok_r(raw, "/", &save); c; c = strtok_r(NULL, "/", &save)) {
		if (strcmp(c, ".") == 0)
			continue;
		if (strcmp(c, "..") == 0) { /* as the kernel would: what it leaves may be a link */
			char real[PATH_MAX];

			if (!realpath(at ? out : "/", real))
				return image_fail(err, -errno, "%s: %s", path, strerror(errno));
			*strrchr(real, '/') = 0;
			at = (size_t)snprintf(out, PATH_MAX, "%s", real);
			continue;
		}
		if (at + strlen(c) + 2 > PATH_MAX)
			return image_fail(err, -ENAMETOOLONG, "%s: name too long", path);
		at += (size_t)snprintf(out + at, PATH_MAX - at, "/%s", c);
	}
	return 0;
}

static int from_program(struct tree *t, const char *source, struct image_error *err)
{
	char path[PATH_MAX];
	int ret = absolute(source, path, err);

	progress_start("collecting files");
	t->program = true;
	if (!ret)
		ret = elf_find_needed(path, add_file, t, &t->cached, err);
	if (ret)
		return ret;
	draft_list_add(&t->draft, &t->draft.m.entrypoint, path);
	return add_usual(&t->stage, true, err);
}

static int from_directory(struct tree *t, const char *source, bool in_place, struct image_error *err)
{
	if (in_place) {
		t->dir = source;
		t->owners = &t->own;
		return owners_of_tree(t->owners, source, &t->bytes, err);
	}
	progress_start("copying files");
	return stage_copy(&t->stage, source, "", true, err);
}

enum source { DIRECTORY, PROGRAM, SOLO5, ARCHIVE, SCRIPT, OTHER };

static enum source kind_of(int fd, const struct stat *st)
{
	static const struct {
		uint8_t len, bytes[6];
	} magics[] = {{2, {0x1f, 0x8b}},
		      {6, {0xfd, '7', 'z', 'X', 'Z', 0}},
		      {4, {0x28, 0xb5, 0x2f, 0xfd}},
		      {3, {'B', 'Z', 'h'}}};
	uint8_t head[512] = {0};
	unsigned int sum = 8 * ' ';

	if (S_ISDIR(st->st_mode))
		return DIRECTORY;
	if (pread(fd, head, sizeof(head), 0) < 4)
		return OTHER;
	if (memcmp(head, ELFMAG, SELFMAG) == 0)
		return solo5_is_part(fd, 0, (uint64_t)st->st_size) ? SOLO5 : PROGRAM;
	if (memcmp(head, "#!", 2) == 0)
		return SCRIPT;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (memcmp(head, magics[i].bytes, magics[i].len) == 0)
			return ARCHIVE;
	/* A tar of any age has a checksum of its header. */
	for (int i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? 0 : head[i];
	return head[0] && strtoul((char *)head + 148, NULL, 8) == sum ? ARCHIVE : OTHER;
}

static int from_archive(struct tree *t, int fd, const struct stat *st, const struct unpack_limits *limits,
			struct image_error *err)
{
	int ret =
	    unpack(&t->stage, &t->draft, fd, S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, limits, err);

	return ret ? ret : add_usual(&t->stage, false, err);
}

static int from_source(struct tree *t, const char *source, bool in_place, const struct unpack_limits *limits,
		       struct image_error *err)
{
	bool standard_input = strcmp(source, "-") == 0;
	int fd = standard_input ? dup(STDIN_FILENO) : open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;
	enum source kind;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		ret = image_fail(err, -errno, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !standard_input)
		kind = OTHER;
	else
		kind = standard_input ? ARCHIVE : kind_of(fd, &st);
	in_place = in_place && kind == DIRECTORY;
	ret = in_place ? 0 : stage_create(&t->stage, err);
	if (ret || kind == OTHER)
		ret = ret ? ret
			  : image_fail(err, -ENOEXEC,
				       "is neither an ELF file, nor a directory, nor a tar archive");
	else if (kind == SCRIPT)
		ret = image_fail(
		    err, -ENOEXEC,
		    "is a script: build its interpreter, with --include %s and the script as --cmd", source);
	else if (kind == SOLO5)
		t->solo5 = true;
	else if (kind == PROGRAM)
		ret = from_program(t, source, err);
	else if (kind == DIRECTORY)
		ret = from_directory(t, source, in_place, err);
	else
		ret = from_archive(t, fd, &st, limits, err);
	close(fd);
	return ret;
}

static bool is_elf(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	char magic[SELFMAG];
	bool yes = fd >= 0 && read(fd, magic, SELFMAG) == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Plugins and programs below an included path need libraries, too.  What one of them misses is a note: a tree
 * has modules that nobody will load. */
static int add_libraries(struct tree *t, const char *path, struct image_error *err)
{
	char *roots[] = {(char *)path, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int ret = 0;

	while (fts && !ret && (e = fts_read(fts))) {
		struct image_error why;
		int r;

		if (e->fts_info != FTS_F || !((e->fts_statp->st_mode & 0111) || strstr(e->fts_name, ".so")) ||
		    !is_elf(e->fts_path))
			continue;
		r = note_seen(t, e->fts_path,
			      &why); /* itself is staged already, perhaps under another name */
		if (r >= 0)
			r = elf_find_needed(e->fts_path, add_file, t, &t->cached, &why);
		if (r == -ENOENT || r == -ENOEXEC)
			image_say("bartizan: note", NULL, why.text);
		else if (r)
			ret = image_fail(err, r, "%s", why.text);
	}
	if (fts)
		fts_close(fts);
	return ret;
}

static int add_include(struct tree *t, const struct include *i, struct image_error *err)
{
	char path[PATH_MAX];
	int ret = absolute(i->host, path, err);

	if (ret)
		return ret;
	if (access(path, F_OK))
		return image_fail(err, -errno, "--include %s: %s", i->host, strerror(errno));
	ret = i->guest ? stage_copy(&t->stage, path, i->guest, false, err)
		       : stage_host_path(&t->stage, path, err);
	return ret || !t->program ? ret : add_libraries(t, path, err);
}

static int add_cache(struct tree *t, struct image_error *err)
{
	size_t len;
	char *bytes = ldcache_make(t->cached.item, t->cached.count, &len);
	int ret = bytes ? stage_file(&t->stage, "etc/ld.so.cache", bytes, len, err)
			: image_fail(err, -ENOMEM, "out of memory");

	free(bytes);
	return ret;
}

int tree_make(struct tree *t, const char *source, const struct include *includes, size_t count,
	      const struct unpack_limits *limits, struct image_error *err)
{
	int ret;

	memset(t, 0, sizeof(*t));
	t->stage.dir = t->stage.root = -1;
	t->owners = &t->stage.owners;
	ret = from_source(t, source, count == 0, limits, err);
	for (size_t i = 0; i < count && !ret; i++)
		ret = add_include(t, &includes[i], err);
	if (!ret && t->cached.count)
		ret = add_cache(t, err);
	if (!t->dir) {
		snprintf(t->root, sizeof(t->root), "%s/root", t->stage.path);
		t->dir = t->root;
		t->bytes = t->stage.bytes;
	}
	return ret;
}

void tree_free(struct tree *t)
{
	stage_destroy(&t->stage);
	owners_free(&t->own);
	draft_free(&t->draft);
	elf_cached_free(&t->cached);
	for (size_t i = 0; i < t->seen_count; i++)
		free(t->seen[i]);
	free(t->seen);
}
