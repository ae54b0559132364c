/*
 * Any bytes as the tar that a sandbox answers `bartizan cp` with.  Beside the directory that it is unpacked in lies another,
 * and a link leads there from the beginning: whatever comes, nothing may be made or changed in it.  Headers get their magic and
 * checksum here, but where the input's first byte is odd; else few inputs would come further.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t left;
static bool raw;
static jmp_buf refused;

void fail(int code, const char *format, ...)
{
	char line[8192];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	longjmp(refused, code);
}

/* What is refused ends the command: nobody frees then. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

char *must_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return text;
}

bool tar_receive(int fd, void *data, size_t len)
{
	struct bz_tar *h = data;
	uint32_t sum = 0;

	(void)fd;
	if (len > left)
		return false;
	memcpy(data, input, len);
	input += len;
	left -= len;
	if (raw || len != sizeof(*h) || !h->name[0])
		return true;
	memcpy(h->magic, "ustar  ", 8);
	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < len; i++)
		sum += ((const uint8_t *)data)[i];
	snprintf(h->checksum, 7, "%06o", sum);
	return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type;
	return ftw->level ? remove(path) : 0;
}

/* Made once: a folder of this process with `in`, `outside` and what is to be watched in there. */
static char base[64];

static void clean_up(void)
{
	if (chdir("/") == 0)
		nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(base);
}

static void make_place(void)
{
	strcpy(base, "/dev/shm/fuzz_untar.XXXXXX");
	if (!mkdtemp(base) || chdir(base) || mkdir("in", 0700) || mkdir("outside", 0700))
		abort();
	atexit(clean_up);
}

static void check_outside(const struct stat *before)
{
	struct stat now;

	if (lstat("outside", &now) || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec || now.st_mode != before->st_mode || now.st_uid != before->st_uid)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stat before;
	int dir;

	if (!size)
		return 0;
	if (!base[0])
		make_place();
	raw = data[0] & 1;
	input = data + 1;
	left = size - 1;
	if (mkdir("in/top", 0700) || symlink("../../outside", "in/top/link") || lstat("outside", &before))
		abort();
	dir = open("in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!setjmp(refused))
		tar_unpack(-1, "a", dir, "top", data[0] & 2);
	close_range(dir, ~0u, 0);
	check_outside(&before);
	if (nftw("in", remove_one, 16, FTW_DEPTH | FTW_PHYS))
		abort();
	return 0;
}
