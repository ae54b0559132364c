/* Which of a file's and a directory's three times each call moves, and which it leaves. */
#include "check.h"

enum { ACCESS = 1, MODIFY = 2, CHANGE = 4 };

static int later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static struct stat before;

static int differs(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
}

/* Access and modification are set far back; ctime is what utimensat made it, and the clock goes on behind it. */
static void begin(const char *name)
{
	struct timespec old[2] = {{1000000000, 1}, {1000000000, 2}};
	static const struct timespec tick = {0, 12000000}; /* longer than the coarse clock's */

	CHECK_EQ(utimensat(AT_FDCWD, name, old, 0), 0);
	CHECK_EQ(stat(name, &before), 0);
	CHECK_EQ(nanosleep(&tick, NULL), 0);
}

static void moved(const char *name, const char *what, int expected)
{
	struct stat st;
	int got;

	CHECK_EQ(stat(name, &st), 0);
	got = (differs(st.st_atim, before.st_atim) ? ACCESS : 0) | (differs(st.st_mtim, before.st_mtim) ? MODIFY : 0) |
	      (differs(st.st_ctim, before.st_ctim) ? CHANGE : 0);
	if (got != expected)
		check_failed(__FILE__, __LINE__, "%s moves times %d, not %d", what, got, expected);
	if (got & CHANGE)
		CHECK(later(st.st_ctim, before.st_ctim));
	if (got & MODIFY && st.st_mtim.tv_sec != 5) {
		CHECK_EQ(st.st_mtim.tv_sec, st.st_ctim.tv_sec);
		CHECK_EQ(st.st_mtim.tv_nsec, st.st_ctim.tv_nsec);
	}
}

#define STEP(name, what, act, expected)      \
	do {                                 \
		begin(name);                 \
		act;                         \
		moved(name, what, expected); \
	} while (0)

static void of_files(void)
{
	int fd = file_with("f", "0123456789", 10), other = file_with("g", "g", 1);
	struct timespec set[2] = {{0, UTIME_OMIT}, {5, 0}}; /* moved() knows it */

	STEP("f", "write", CHECK_EQ(write(fd, "x", 1), 1), MODIFY | CHANGE);
	STEP("f", "write of nothing", CHECK_EQ(write(fd, "", 0), 0), 0);
	STEP("f", "ftruncate", CHECK_EQ(ftruncate(fd, 5), 0), MODIFY | CHANGE);
	STEP("f", "ftruncate to the same size", CHECK_EQ(ftruncate(fd, 5), 0), MODIFY | CHANGE);
	STEP("f", "open", CHECK_EQ(close(open("f", O_RDONLY)), 0), 0);
	STEP("f", "O_TRUNC", CHECK_EQ(close(open("f", O_WRONLY | O_TRUNC)), 0), MODIFY | CHANGE);
	STEP("f", "O_TRUNC of an empty file", CHECK_EQ(close(open("f", O_WRONLY | O_TRUNC)), 0), MODIFY | CHANGE);
	STEP("f", "chmod", CHECK_EQ(chmod("f", 0640), 0), CHANGE);
	STEP("f", "link", CHECK_EQ(link("f", "h"), 0), CHANGE);
	STEP("f", "unlink of another name", CHECK_EQ(unlink("h"), 0), CHANGE);
	STEP("f", "utimensat", CHECK_EQ(utimensat(AT_FDCWD, "f", set, 0), 0), MODIFY | CHANGE);
	set[1].tv_nsec = UTIME_OMIT;
	STEP("f", "utimensat of nothing", CHECK_EQ(utimensat(AT_FDCWD, "f", set, 0), 0), 0);
	STEP("g", "a write elsewhere", CHECK_EQ(pwrite(fd, "y", 1, 0), 1), 0);
	begin("g");
	CHECK_EQ(rename("f", "g"), 0);
	struct stat st;
	CHECK_EQ(fstat(other, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK(later(st.st_ctim, before.st_ctim)); /* the name went */
	close(other);
	close(fd);
}

static void of_directories(void)
{
	CHECK_EQ(mkdir("d", 0700), 0);
	STEP("d", "a new file", close(file_with("d/a", "a", 1)), MODIFY | CHANGE);
	STEP("d", "an old file written", close(file_with("d/a", "ab", 2)), 0);
	STEP("d", "rename", CHECK_EQ(rename("d/a", "d/b"), 0), MODIFY | CHANGE);
	STEP("d", "link", CHECK_EQ(link("d/b", "d/c"), 0), MODIFY | CHANGE);
	STEP("d", "unlink", CHECK_EQ(unlink("d/c"), 0), MODIFY | CHANGE);
	STEP("d", "chmod of a file", CHECK_EQ(chmod("d/b", 0600), 0), 0);
	STEP("d", "symlink", CHECK_EQ(symlink("b", "d/s"), 0), MODIFY | CHANGE);
	STEP("d", "mkdir", CHECK_EQ(mkdir("d/sub", 0700), 0), MODIFY | CHANGE);
	STEP("d", "rmdir", CHECK_EQ(rmdir("d/sub"), 0), MODIFY | CHANGE);
	STEP("d", "mkdir that fails", CHECK_ERRNO(mkdir("d/b", 0700), EEXIST), 0);
	STEP("d", "unlink that fails", CHECK_ERRNO(unlink("d/none"), ENOENT), 0);
}

/* A mapping's writes are told at the latest by msync. */
static void of_mappings(void)
{
	int fd = file_with("m", "0123456789", 10);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	begin("m");
	p[0] = 'm';
	CHECK_EQ(msync(p, 4096, MS_SYNC), 0);
	moved("m", "a shared mapping", MODIFY | CHANGE);
	close(fd);
}

int main(void)
{
	of_files();
	of_directories();
	of_mappings();
	return 0;
}
