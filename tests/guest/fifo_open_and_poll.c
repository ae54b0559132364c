/* A FIFO joins a reader and a writer; O_NONBLOCK without a reader is ENXIO; opening waits for the other end.
 */
#include "check.h"

static void *writer(void *unused)
{
	int fd = open("fifo", O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "through", 7), 7);
	CHECK_EQ(close(fd), 0);
	return NULL;
}

int main(void)
{
	pthread_t t;
	char text[8] = "";
	struct stat st;

	umask(027);
	CHECK_EQ(mkfifo("fifo", 0666), 0);
	CHECK_EQ(stat("fifo", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_ERRNO(mkfifo("fifo", 0600), EEXIST);
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	CHECK_OK(pthread_create(&t, NULL, writer, NULL));
	int fd = open("fifo", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, text, 7), 7);
	CHECK_STR(text, "through");
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(read(fd, text, 7), 0);
	CHECK_EQ(unlink("fifo"), 0);
	return 0;
}
