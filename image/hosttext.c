/*
 * `bartizan-image text PROGRAM`: patched text of a program of the host, its interpreter and its libraries, kept in the user's
 * cache for the next time the program is run (libos/rewrite/textformat.h).  `bartizan run` starts it when the cache has nothing.
 *
 * The program may be hostile, which is why somebody runs it in a sandbox.  So a child that can read nothing but what every
 * program of the host sees (/usr and the loader's lists), and the program itself, parses it, and all that it says ends in a file
 * that is used for this program alone: whatever it makes of that file, its own sandbox maps it.  What cannot be made is kept as an
 * empty file, so that it is not tried each time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "image/build.h"
#include "image/cache.h"
#include "image/confine.h"
#include "image/elfscan.h"
#include "image/text.h"

#define OUT_FD 3
#define FILES_MAX 64	   /* programs that are kept */
#define SIZE_MAX_BYTES (256ull << 20)
#define CPU_SECONDS 20
#define STALE_SECONDS 60   /* whoever began to write this file has died */
#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"

static int64_t nanoseconds(struct timespec t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       nanoseconds(a->st_mtim) == nanoseconds(b->st_mtim) && nanoseconds(a->st_ctim) == nanoseconds(b->st_ctim);
}

/* An elf_add: proves the sites of one file.  What cannot be read, or has just changed, is left out. */
static int add(void *arg, const char *path, struct image_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret = 0;
	struct text_source source = {.name = path};
	struct stat st, after;
	void *map = MAP_FAILED;

	(void)err;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size && cache_settled(&st))
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED) {
		source.bytes = map;
		source.size = (uint64_t)st.st_size;
		source.first = st.st_ino;
		source.key = (struct text_key){.dev = st.st_dev,
					       .size = source.size,
					       .mtime = nanoseconds(st.st_mtim),
					       .ctime = nanoseconds(st.st_ctim)};
		if (fstat(fd, &after) == 0 && same_file(&st, &after))
			ret = texts_add(arg, &source);
		munmap(map, (size_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

static bool write_whole(const uint8_t *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(OUT_FD, bytes + done, len - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* In a process of its own; its exit code. */
static int prove(const char *program)
{
	const char *const readable[] = {"/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/ld-musl-x86_64.path",
					program, NULL};
	struct elf_cached cached = {0};
	struct image_error err;
	struct texts *t;
	uint8_t *out = NULL;
	size_t len;

	if (confine_reading(readable, OUT_FD, SIZE_MAX_BYTES, &err))
		return 1;
	t = texts_new(&err);
	if (!t)
		return 1;
	/* A library that is not found is perhaps in a volume; the loader and the C library make most calls. */
	if (elf_find_needed(program, add, t, &cached, &err))
		add(t, LIBC, &err);
	return texts_finish(t, 0, &out, &len) || (out && !write_whole(out, len));
}

static bool prove_apart(const char *program, int out)
{
	struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CPU, &cpu);
		if (out != OUT_FD && dup2(out, OUT_FD) < 0)
			_exit(1);
		_exit(prove(program));
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* More programs than are kept: the one that was written first goes. */
static void prune(int dir)
{
	DIR *d = fdopendir(dup(dir));
	char oldest[NAME_MAX + 1] = "";
	struct timespec least = {0};
	struct dirent *e;
	struct stat st;
	int n = 0;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		n++;
		if (*oldest && nanoseconds(st.st_mtim) >= nanoseconds(least))
			continue;
		strcpy(oldest, e->d_name);
		least = st.st_mtim;
	}
	if (d)
		closedir(d);
	if (n > FILES_MAX)
		unlinkat(dir, oldest, 0);
}

/* Somebody else may be at it. */
static int open_new(int dir, const char *name)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags, 0600);
	struct stat st;

	if (fd >= 0 || errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || time(NULL) - st.st_mtim.tv_sec < STALE_SECONDS)
		return fd;
	unlinkat(dir, name, 0);
	return openat(dir, name, flags, 0600);
}

int text_main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1, dir = cache_dir(HOSTTEXT_DIR, true), out;
	char name[HOSTTEXT_NAME], temporary[HOSTTEXT_NAME + 1];
	struct stat before, after;

	if (fd < 0 || dir < 0 || fstat(fd, &before) || !S_ISREG(before.st_mode) || !cache_settled(&before))
		return EXIT_FAILED;
	hosttext_name(&before, name);
	snprintf(temporary, sizeof(temporary), ".%s", name);
	out = open_new(dir, temporary);
	if (out < 0)
		return EXIT_FAILED;
	if (!prove_apart(argv[1], out) && ftruncate(out, 0))
		unlinkat(dir, temporary, 0);
	if (fstat(fd, &after) || !same_file(&before, &after) || renameat(dir, temporary, dir, name))
		unlinkat(dir, temporary, 0);
	prune(dir);
	return 0;
}
