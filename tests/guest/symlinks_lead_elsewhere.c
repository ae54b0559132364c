/*
 * Links out of the directory that the program works in, which is a volume of a sandbox or not: they lead where the program's
 * own root has that name, for each call that follows them.
 */
#include "check.h"

static void same(const char *link, const char *target)
{
	struct stat a, b;
	int fd;

	CHECK_EQ(stat(link, &a), 0);
	CHECK_EQ(stat(target, &b), 0);
	CHECK_EQ(a.st_dev, b.st_dev);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(lstat(link, &b), 0);
	CHECK(S_ISLNK(b.st_mode));
	fd = open(link, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	close(fd);
	CHECK_ERRNO(open(link, O_RDONLY | O_NOFOLLOW), ELOOP);
}

int main(void)
{
	char up[256] = "", there[64], text[64] = "", here[PATH_MAX], back[PATH_MAX + 16];
	struct stat st, other;
	int fd;

	CHECK(getcwd(here, sizeof here));
	CHECK_EQ(symlink("/dev/shm", "absolute"), 0);
	same("absolute", "/dev/shm");
	CHECK_EQ(stat("absolute/..", &st), 0); /* the parent of what it leads to */
	CHECK_EQ(stat("/dev", &other), 0);
	CHECK_EQ(st.st_ino, other.st_ino);
	/* As far up as there is, and further: the root's parent is the root. */
	for (int i = 0; i < 40; i++)
		strcat(up, "../");
	strcat(up, "dev/shm");
	CHECK_EQ(symlink(up, "upwards"), 0);
	same("upwards", "/dev/shm");
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_EQ(symlink("../absolute", "d/chain"), 0);
	same("d/chain", "/dev/shm");
	CHECK_EQ(symlink("/proc/self/cwd", "self"), 0);
	CHECK_EQ(stat("self/d", &st), 0);
	CHECK_EQ(stat("d", &other), 0);
	CHECK_EQ(st.st_ino, other.st_ino);
	CHECK_EQ(symlink("/dev/null", "null"), 0);
	fd = open("null", O_WRONLY);
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISCHR(st.st_mode));
	/* Out and in again. */
	snprintf(back, sizeof back, "%s/d", here);
	CHECK_EQ(symlink(back, "around"), 0);
	same("around", "d");
	close(file_with("around/made", "x", 1));
	CHECK_EQ(stat("d/made", &st), 0);

	/* A file made through a link that leads nowhere yet is made there, not here. */
	snprintf(there, sizeof there, "/tmp/elsewhere-%d-%ld", getpid(), (long)time(NULL));
	CHECK_EQ(symlink(there, "dangling"), 0);
	CHECK_ERRNO(stat("dangling", &st), ENOENT);
	CHECK_ERRNO(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERRNO(mkdir("dangling", 0700), EEXIST);
	close(file_with("dangling", "elsewhere", 9));
	fd = open(there, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, text, sizeof text), 9);
	CHECK_STR(text, "elsewhere");
	CHECK_EQ(truncate("dangling", 4), 0);
	CHECK_EQ(file_size(fd), 4);
	CHECK_EQ(chmod("dangling", 0640), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0640);
	/* What works on the link itself leaves the file alone. */
	CHECK_EQ(rename("dangling", "renamed"), 0);
	CHECK_EQ(readlink("renamed", text, sizeof text), strlen(there));
	CHECK_EQ(unlink("renamed"), 0);
	CHECK_EQ(stat(there, &st), 0);
	CHECK_EQ(unlink(there), 0);
	CHECK_EQ(readlink("absolute", text, sizeof text), 8);
	CHECK_EQ(memcmp(text, "/dev/shm", 8), 0);
	return 0;
}
