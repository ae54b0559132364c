/* Names are looked up by one thread while another renames and removes what they lead to: each look finds the whole truth. */
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 3000
static volatile int stop;

static void put(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* The directory is always at one of its two names, the file in it always itself. */
static void *look(void *arg)
{
	const char *names[] = {"a/one/file", "a/two/file", "a/../a/one/./file", "link/file"};
	char c[2] = "";
	struct stat st;
	long found = 0;

	for (int i = 0; !stop; i++) {
		const char *name = names[i % 4];
		int fd = open(name, O_RDONLY);

		if (fd < 0) {
			CHECK(errno == ENOENT);
			continue;
		}
		CHECK(read(fd, c, 1) == 1 && c[0] == 'x');
		CHECK(!fstat(fd, &st) && st.st_size == 1 && st.st_nlink == 1);
		close(fd);
		if (!stat(name, &st))
			CHECK(st.st_size == 1);
		found++;
	}
	return (void *)found;
}

/* A name that comes and goes. */
static void *flicker(void *arg)
{
	struct stat st;

	for (int i = 0; !stop; i++) {
		put("a/short", "y");
		CHECK(!stat("a/short", &st) && st.st_size == 1);
		CHECK(!unlink("a/short"));
		CHECK(stat("a/short", &st) < 0 && errno == ENOENT);
	}
	return NULL;
}

int main(void)
{
	char dir[] = "/tmp/renames-XXXXXX";
	pthread_t t[3];
	struct stat st;
	void *found;
	long sum = 0;

	CHECK(mkdtemp(dir) && !chdir(dir) && !mkdir("a", 0700) && !mkdir("a/one", 0700));
	put("a/one/file", "x");
	CHECK(!symlink("a/one", "link"));
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&t[i], NULL, i < 2 ? look : flicker, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(!rename("a/one", "a/two"));
		CHECK(!rename("a/two", "a/one"));
		if (i % 50 == 0)
			usleep(100);
	}
	stop = 1;
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &found);
		sum += (long)found;
	}
	CHECK(sum > 0);
	CHECK(!access("a/one/file", R_OK) && access("a/two", F_OK) < 0);
	/* What may not be searched is not found, though it was just now. */
	if (getuid()) {
		CHECK(!chmod("a", 0) && stat("a/one/file", &st) < 0 && errno == EACCES);
		CHECK(!chmod("a", 0700));
	} else {
		CHECK(!seteuid(65534) && stat("a/one/file", &st) < 0 && errno == EACCES);
		CHECK(!seteuid(0));
	}
	CHECK(!unlink("a/one/file") && !unlink("link") && !rmdir("a/one") && !rmdir("a") && !chdir("/") && !rmdir(dir));
	return 0;
}
