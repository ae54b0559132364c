/* Open file description locks conflict between two descriptions of one process, and wait until released. */
#include "check.h"

static int a, b;
static volatile int got;

static void *waiter(void *unused)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	CHECK_EQ(fcntl(b, F_OFD_SETLKW, &lock), 0);
	got = 1;
	return NULL;
}

int main(void)
{
	pthread_t t;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};

	a = file_with("f", "0123456789", 10);
	b = open("f", O_RDWR);
	CHECK_EQ(fcntl(a, F_OFD_SETLK, &lock), 0);
	lock.l_start = 5;
	CHECK_ERRNO(fcntl(b, F_OFD_SETLK, &lock), EAGAIN);
	CHECK_EQ(fcntl(b, F_OFD_GETLK, &lock), 0);
	CHECK_EQ(lock.l_type, F_WRLCK);
	CHECK_EQ(lock.l_pid, -1);
	CHECK_EQ(lock.l_start, 0);
	CHECK_EQ(lock.l_len, 10);
	lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 1};
	CHECK_EQ(fcntl(b, F_OFD_SETLK, &lock), 0);
	lock.l_type = F_UNLCK;
	CHECK_EQ(fcntl(b, F_OFD_SETLK, &lock), 0);
	CHECK_OK(pthread_create(&t, NULL, waiter, NULL));
	sleep_ms(30);
	CHECK_EQ(got, 0);
	lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
	CHECK_EQ(fcntl(a, F_OFD_SETLK, &lock), 0);
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(got, 1);
	lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 5};
	CHECK_ERRNO(fcntl(a, F_OFD_SETLK, &lock), EINVAL);
	return 0;
}
