/* A thread's name can be set and read (15 bytes of it), by prctl and in /proc; other prctl calls answer. */
#include "check.h"
#include <sys/prctl.h>

static void *thread(void *unused)
{
	char name[16] = "", path[64], text[32];

	CHECK_OK(pthread_setname_np(pthread_self(), "worker"));
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "worker");
	snprintf(path, sizeof path, "/proc/self/task/%d/comm", gettid());
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, text, sizeof text), 7);
	CHECK_EQ(memcmp(text, "worker\n", 7), 0);
	return NULL;
}

int main(void)
{
	char name[16];
	pthread_t t;

	CHECK_EQ(prctl(PR_SET_NAME, "a name longer than fifteen"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "a name longer t");
	CHECK_OK(pthread_create(&t, NULL, thread, NULL));
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "a name longer t");
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0), 0);
	int signo = 0;
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &signo, 0, 0, 0), 0);
	CHECK_EQ(signo, SIGUSR1);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_ERRNO(prctl(12345, 0, 0, 0, 0), EINVAL);
	return 0;
}
