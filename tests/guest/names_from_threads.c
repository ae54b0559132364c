/* Several threads look the same names up, open and leave them, without end: each name is counted rightly. */
#include "check.h"
#include <sys/stat.h>

#define THREADS 4
#define ROUNDS 80000

static char whole_name[4200];

static void *look(void *arg)
{
	struct stat st;
	int fd;

	/* The working directory, by name and as such. */
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_OK(stat((long)arg & 1 ? "dir/sub/file" : whole_name, &st));
		CHECK_EQ(st.st_size, 1);
		if (i % 64 == 0) {
			fd = open("dir/sub", O_RDONLY | O_DIRECTORY);
			CHECK(fd >= 0);
			CHECK_OK(fstatat(fd, "file", &st, 0));
			close(fd);
			CHECK_ERRNO(access("dir/sub/none", F_OK), ENOENT);
		}
	}
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];
	int fd;

	CHECK_OK(mkdir("dir", 0755));
	CHECK_OK(mkdir("dir/sub", 0755));
	fd = open("dir/sub/file", O_CREAT | O_WRONLY, 0644);
	CHECK_EQ(write(fd, "x", 1), 1);
	close(fd);
	CHECK(getcwd(whole_name, 4096));
	strcat(whole_name, "/dir/sub/file");
	for (long i = 0; i < THREADS; i++)
		CHECK_OK(pthread_create(&t[i], NULL, look, (void *)i));
	for (int i = 0; i < THREADS; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	CHECK_OK(unlink("dir/sub/file"));
	CHECK_OK(rmdir("dir/sub"));
	CHECK_OK(rmdir("dir"));
	return 0;
}
