/* Which components are there, by a call or a name of each: `NAME yes` or `NAME ERRNO` a line.  Ends with a file in /tmp and a thread. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char *name, int result)
{
	if (result >= 0)
		printf("%s yes\n", name);
	else
		printf("%s %s\n", name, strerrorname_np(errno));
}

static void *thread(void *arg)
{
	return arg;
}

int main(void)
{
	int ends[2];
	pthread_t t;

	say("epoll", epoll_create1(0));
	say("event", eventfd(0, 0));
	say("landlock", syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* its version */));
	say("mqueue", mq_open("/queue", O_CREAT | O_RDWR, 0600, NULL));
	say("overlay", open("/made", O_CREAT | O_WRONLY, 0600));
	say("pipe", pipe(ends));
	say("procfs", open("/proc/self/status", O_RDONLY));
	say("ptrace", syscall(SYS_ptrace, 0 /* trace me: the first process has nobody */, 0, 0, 0) < 0 && errno == EPERM ? 0 : -1);
	say("seccomp", syscall(SYS_seccomp, 2 /* is an action there */, 0, &(unsigned){0x7fff0000}));
	say("sysvipc", shmget(IPC_PRIVATE, 1, 0600));
	say("tty", open("/dev/ptmx", O_RDWR));
	say("null", open("/dev/null", O_RDWR));
	say("shm", open("/dev/shm/x", O_CREAT | O_RDWR, 0600));
	say("thread", pthread_create(&t, NULL, thread, NULL) || pthread_join(t, NULL) ? -1 : 0);
	return 0;
}
