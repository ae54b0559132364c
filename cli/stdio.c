/*
 * The command's standard streams that are files.  A guest gets a file opened for just reading or just writing.  Where
 * the command was given one that is open for both (Python's TemporaryFile(), `1<>log`), it opens that again for itself as
 * well: with two offsets, what the command says and what the guest writes would lie over each other.  At the end the
 * caller's offset is put where it would be natively.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/session.h"

static int callers[3] = {-1, -1, -1}; /* what was at 0, 1, 2 */

static void give_back(void)
{
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		off_t at = callers[i] < 0 ? -1 : lseek(i, 0, SEEK_CUR);

		if (at >= 0)
			lseek(callers[i], at, SEEK_SET);
	}
}

/* `>log 2>&1`: one description, or as good as. */
static bool is_twin(const struct stat *a, int other, int flags, off_t at)
{
	struct stat b;

	return callers[other] >= 0 && fstat(callers[other], &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino &&
	       fcntl(callers[other], F_GETFL) == flags && lseek(callers[other], 0, SEEK_CUR) == at;
}

static void own_file(int fd)
{
	int flags = fcntl(fd, F_GETFL), again;
	char path[32];
	struct stat st;
	off_t at;

	if (flags < 0 || (flags & O_ACCMODE) != O_RDWR || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	at = lseek(fd, 0, SEEK_CUR);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd == 2 && is_twin(&st, 1, flags, at))
		again = dup(1);
	else
		again = open(path, (fd ? O_WRONLY : O_RDONLY) | (flags & O_APPEND) | O_CLOEXEC);
	if (again < 0)
		return; /* the monitor opens it, or hands it over as it is */
	callers[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	if (at >= 0)
		lseek(again, at, SEEK_SET);
	dup2(again, fd);
	close(again);
}

void stdio_own_files(void)
{
	for (int i = 0; i < 3; i++)
		own_file(i);
	atexit(give_back);
}
