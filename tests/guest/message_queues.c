/* POSIX message queues: priorities, limits, waiting on both sides, notification, poll, names. */
#include "check.h"
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char name[64];

static mqd_t make(int flags, long count, long size)
{
	struct mq_attr attr = {.mq_maxmsg = count, .mq_msgsize = size};
	mqd_t q = mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &attr);

	CHECK(q >= 0);
	return q;
}

static void drop(mqd_t q)
{
	CHECK(mq_close(q) == 0);
	CHECK(mq_unlink(name) == 0);
}

static int put(mqd_t q, const char *text, unsigned int priority)
{
	return mq_send(q, text, strlen(text), priority);
}

static void get(mqd_t q, const char *text, unsigned int expected)
{
	char buf[64] = {0};
	unsigned int priority;

	CHECK_EQ(mq_receive(q, buf, sizeof(buf), &priority), strlen(text));
	CHECK_STR(buf, text);
	CHECK_EQ(priority, expected);
}

static long count(mqd_t q)
{
	struct mq_attr attr;

	CHECK(mq_getattr(q, &attr) == 0);
	return attr.mq_curmsgs;
}

static void join(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
}

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void priorities(void)
{
	mqd_t q = make(0, 8, 64);

	CHECK(put(q, "low", 1) == 0);
	CHECK(put(q, "high", 30000) == 0);
	CHECK(put(q, "low too", 1) == 0);
	CHECK(put(q, "", 0) == 0);
	CHECK(put(q, "high too", 30000) == 0);
	CHECK_EQ(count(q), 5);
	get(q, "high", 30000);
	get(q, "high too", 30000);
	get(q, "low", 1);
	get(q, "low too", 1);
	get(q, "", 0);
	drop(q);
}

static void attributes(void)
{
	mqd_t q = make(O_NONBLOCK, 2, 64), other;
	struct mq_attr attr = {.mq_flags = 0}, old;
	struct stat st;
	char buf[64];

	CHECK(fcntl(q, F_GETFD) == FD_CLOEXEC);
	CHECK(fstat(q, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 80);
	CHECK(mq_getattr(q, &old) == 0);
	CHECK_EQ(old.mq_flags, O_NONBLOCK);
	CHECK_EQ(old.mq_maxmsg, 2);
	CHECK_EQ(old.mq_msgsize, 64);
	CHECK(put(q, "a", 0) == 0 && put(q, "b", 0) == 0);
	CHECK_ERRNO(put(q, "c", 0), EAGAIN);
	CHECK_ERRNO(mq_send(q, buf, 65, 0), EMSGSIZE);
	CHECK_ERRNO(mq_send(q, buf, 1, 32768), EINVAL);
	CHECK_ERRNO(mq_receive(q, buf, 63, NULL), EMSGSIZE);
	memset(buf, 0, sizeof(buf));
	CHECK(pread(q, buf, 63, 0) > 0);
	CHECK_EQ(strncmp(buf, "QSIZE:2 ", 8), 0);
	get(q, "a", 0);
	get(q, "b", 0);
	CHECK_ERRNO(mq_receive(q, buf, 64, NULL), EAGAIN);
	CHECK(mq_setattr(q, &attr, &old) == 0 && old.mq_flags == O_NONBLOCK);
	CHECK(mq_getattr(q, &old) == 0 && old.mq_flags == 0);
	attr.mq_flags = O_APPEND;
	CHECK_ERRNO(mq_setattr(q, &attr, NULL), EINVAL);

	/* The access that it was opened for. */
	other = mq_open(name, O_RDONLY);
	CHECK(other >= 0);
	CHECK_ERRNO(put(other, "x", 0), EBADF);
	CHECK(mq_close(other) == 0);
	other = mq_open(name, O_WRONLY);
	CHECK_ERRNO(mq_receive(other, buf, 64, NULL), EBADF);
	CHECK(mq_close(other) == 0);
	CHECK_ERRNO(put(0, "x", 0), EBADF);
	CHECK_ERRNO(mq_getattr(-1, &attr), EBADF);
	drop(q);
}

static void names(void)
{
	mqd_t q = make(0, 2, 64), other;
	struct mq_attr attr = {.mq_maxmsg = 0, .mq_msgsize = 1};
	char longer[300];

	CHECK_ERRNO(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
	CHECK_ERRNO(syscall(SYS_mq_open, name, O_RDWR, 0, NULL), EACCES);
	CHECK_ERRNO(syscall(SYS_mq_open, "", O_RDWR, 0, NULL), ENOENT);
	CHECK_ERRNO(syscall(SYS_mq_open, "..", O_RDWR, 0, NULL), EACCES);
	memset(longer, 'l', sizeof(longer));
	longer[0] = '/';
	longer[299] = 0;
	CHECK_ERRNO(mq_open(longer, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
	/* Without its name it is there for who has it open; the name can be another's. */
	CHECK(put(q, "kept", 3) == 0);
	CHECK(mq_unlink(name) == 0);
	CHECK_ERRNO(mq_unlink(name), ENOENT);
	CHECK_ERRNO(mq_open(name, O_RDWR), ENOENT);
	CHECK_ERRNO(mq_open(name, O_CREAT | O_RDWR, 0600, &attr), EINVAL);
	other = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	CHECK(other >= 0);
	CHECK(mq_getattr(other, &attr) == 0);
	CHECK_EQ(attr.mq_maxmsg, 10);
	CHECK_EQ(attr.mq_msgsize, 8192);
	CHECK_EQ(count(other), 0);
	get(q, "kept", 3);
	CHECK(mq_close(q) == 0);
	drop(other);
}

static void nothing(int signo)
{
}

static void waiting(void)
{
	mqd_t q = make(0, 1, 64);
	struct timespec soon = in_ms(50), bad = {0, 1000000000}, past = {0, 0};
	int64_t start = now_ms();
	char buf[64];
	pid_t child;
	int status;

	CHECK_ERRNO(mq_timedreceive(q, buf, 64, NULL, &soon), ETIMEDOUT);
	CHECK(now_ms() - start >= 40);
	CHECK_ERRNO(mq_timedreceive(q, buf, 64, NULL, &bad), EINVAL);
	CHECK_ERRNO(mq_timedreceive(q, buf, 64, NULL, &past), ETIMEDOUT);
	CHECK(put(q, "full", 1) == 0);
	soon = in_ms(20);
	CHECK_ERRNO(mq_timedsend(q, "more", 4, 1, &soon), ETIMEDOUT);

	/* A sender's message has its place as soon as there is room. */
	child = fork();
	if (!child) {
		CHECK(put(q, "second", 2) == 0);
		_exit(0);
	}
	WAIT_FOR(asleep(child));
	get(q, "full", 1);
	join(child);
	get(q, "second", 2);

	/* A receiver gets it, whatever comes next; a signal ends the wait. */
	child = fork();
	if (!child) {
		on_signal(SIGUSR1, nothing, 0);
		get(q, "for you", 0);
		CHECK_ERRNO(mq_receive(q, buf, 64, NULL), EINTR);
		_exit(0);
	}
	WAIT_FOR(asleep(child));
	CHECK(put(q, "for you", 0) == 0);
	soon = in_ms(1);
	CHECK_ERRNO(mq_timedreceive(q, buf, 64, NULL, &soon), ETIMEDOUT);
	/* It may not wait again yet: as many signals as it takes. */
	WAIT_FOR((kill(child, SIGUSR1), waitpid(child, &status, WNOHANG) == child));
	CHECK_EQ(status, 0);
	drop(q);
}

static volatile sig_atomic_t told;
static siginfo_t last;

static void tell(int signo, siginfo_t *info, void *context)
{
	last = *info;
	told++;
}

static void notification(void)
{
	mqd_t q = make(0, 4, 64);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	char buf[128] = {0}, expected[128];
	pid_t child;

	on_siginfo(SIGUSR2, tell, SA_RESTART);
	ev.sigev_value.sival_int = 4711;
	CHECK(mq_notify(q, &ev) == 0);
	CHECK_ERRNO(mq_notify(q, &ev), EBUSY);
	snprintf(expected, sizeof(expected), "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 0, 0, SIGUSR2, getpid());
	CHECK(pread(q, buf, sizeof(buf) - 1, 0) > 0);
	CHECK_STR(buf, expected);
	child = fork();
	if (!child) {
		CHECK_ERRNO(mq_notify(q, &ev), EBUSY);
		CHECK(mq_notify(q, NULL) == 0);
		CHECK(put(q, "hear", 0) == 0);
		_exit(0);
	}
	join(child);
	CHECK_EQ(told, 1);
	CHECK_EQ(last.si_code, SI_MESGQ);
	CHECK_EQ(last.si_pid, child);
	CHECK_EQ(last.si_uid, getuid());
	CHECK_EQ(last.si_value.sival_int, 4711);
	/* Once, and only when the queue was empty. */
	CHECK(mq_notify(q, &ev) == 0);
	CHECK(put(q, "not empty", 0) == 0);
	CHECK_EQ(told, 1);
	get(q, "hear", 0);
	get(q, "not empty", 0);
	CHECK(put(q, "again", 0) == 0);
	CHECK_EQ(told, 2);
	CHECK(put(q, "no more", 0) == 0);
	CHECK_EQ(told, 2);
	get(q, "again", 0);
	get(q, "no more", 0);
	/* Who waits in mq_receive comes first. */
	CHECK(mq_notify(q, &ev) == 0);
	child = fork();
	if (!child) {
		get(q, "to the child", 0);
		_exit(0);
	}
	WAIT_FOR(asleep(child));
	CHECK(put(q, "to the child", 0) == 0);
	join(child);
	CHECK_EQ(told, 2);
	CHECK(mq_notify(q, NULL) == 0);
	/* Closing any descriptor of it ends the registration. */
	CHECK(mq_notify(q, &ev) == 0);
	CHECK(close(dup(q)) == 0);
	CHECK(put(q, "silence", 0) == 0);
	CHECK_EQ(told, 2);
	ev.sigev_notify = 77;
	CHECK_ERRNO(syscall(SYS_mq_notify, q, &ev), EINVAL);
	ev = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
	CHECK_ERRNO(mq_notify(q, &ev), EINVAL);
	CHECK_ERRNO(mq_notify(0, NULL), EBADF);
	drop(q);
}

static void polling(void)
{
	mqd_t q = make(0, 1, 64);
	struct pollfd p = {.fd = q, .events = POLLIN | POLLOUT};
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	int ep = epoll_create1(0);

	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, q, &ev) == 0);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	pid_t child = fork();
	if (!child) {
		sleep_ms(20);
		CHECK(put(q, "x", 0) == 0);
		_exit(0);
	}
	CHECK_EQ(epoll_wait(ep, &ev, 1, 5000), 1);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	join(child);
	child = fork();
	if (!child) {
		sleep_ms(20);
		get(q, "x", 0);
		_exit(0);
	}
	p.events = POLLOUT;
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents, POLLOUT);
	join(child);
	close(ep);
	drop(q);
}

/* RLIMIT_MSGQUEUE counts what the queues could hold, by user. */
static void limits(void)
{
	pid_t child = fork();

	if (!child) {
		struct rlimit limit = {10000, 10000};
		mqd_t q;

		if (geteuid() == 0)
			CHECK(setgid(65534) == 0 && setuid(65533) == 0);
		CHECK(setrlimit(RLIMIT_MSGQUEUE, &limit) == 0);
		CHECK_ERRNO(mq_open(name, O_CREAT | O_RDWR, 0600, NULL), EMFILE);
		CHECK_ERRNO(mq_open(name, O_CREAT | O_RDWR, 0600, &(struct mq_attr){.mq_maxmsg = 11, .mq_msgsize = 8}), EINVAL);
		CHECK_ERRNO(mq_open(name, O_CREAT | O_RDWR, 0600, &(struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 8193}), EINVAL);
		q = make(0, 1, 8000);
		CHECK(mq_unlink(name) == 0);
		CHECK_ERRNO(mq_open(name, O_CREAT | O_RDWR, 0600, &(struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 2000}), EMFILE);
		CHECK(mq_close(q) == 0);
		drop(make(0, 1, 2000));
		_exit(0);
	}
	join(child);
}

int main(void)
{
	snprintf(name, sizeof(name), "/bartizan-test-%d", getpid());
	priorities();
	attributes();
	names();
	waiting();
	notification();
	polling();
	limits();
	return 0;
}
