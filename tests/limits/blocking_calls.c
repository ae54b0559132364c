/*
 * Sits in each blocking call in turn, says how it ended, and checks that no time-out was shortened.  Whoever stops and
 * continues the processes from outside meanwhile must not be able to tell from the output: `stop_and_continue.py`.
 *
 *   blocking_calls VOLUME-DIRECTORY     needs a pipe as standard input, which gets a byte for each line `feed`
 */
#include "tests/guest/check.h"

#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define PAUSE 60 /* ms until somebody ends a wait; also the time-outs */

static int64_t began;
static pthread_t main_thread;
static char block[65536];

static void say(const char *what, long result)
{
	int error = errno;

	printf("%s %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerrorname_np(error) : "");
	fflush(stdout);
}

/* The call is made behind a fresh look at the clock. */
#define STEP(call)                         \
	do {                               \
		began = now_ms();          \
		errno = 0;                 \
		say(#call, (long)(call));  \
	} while (0)
/* One that ends by its time-out: not before it. */
#define TIMED(call)                                                                                       \
	do {                                                                                              \
		STEP(call);                                                                               \
		if (now_ms() - began < PAUSE - 1)                                                         \
			check_failed(__FILE__, __LINE__, "%s ended after %d ms", #call, (int)(now_ms() - began)); \
	} while (0)

/* --- Somebody who does a thing a little later, in a thread or in a process of its own ------------------ */

struct later {
	void (*act)(void *);
	void *arg;
};

static void *later_main(void *arg)
{
	struct later *l = arg;

	sleep_ms(PAUSE);
	l->act(l->arg);
	return NULL;
}

static pthread_t later(struct later *l)
{
	pthread_t thread;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	CHECK_OK(pthread_create(&thread, NULL, later_main, l));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return thread;
}

/* STEP, which is ended by ACT(ARG). */
#define ENDED(call, act, arg)                            \
	do {                                             \
		struct later later_ = {(act), (arg)};    \
		pthread_t thread_;                       \
		over = 0;                                \
		thread_ = later(&later_);                \
		STEP(call);                              \
		over = 1;                                \
		CHECK_OK(pthread_join(thread_, NULL));   \
	} while (0)

static int word;
static void wake_word(void *arg)
{
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
static void write_byte(void *fd)
{
	CHECK_EQ(write(*(int *)fd, "x", 1), 1);
}
static void read_all(void *fd)
{
	CHECK(read(*(int *)fd, block, sizeof(block)) > 0);
}
static void add_one(void *fd)
{
	CHECK(eventfd_write(*(int *)fd, 1) == 0);
}
static void send_usr1(void *arg)
{
	pthread_kill(main_thread, SIGUSR1);
}
/* For a wait that does not see what came before it began. */
static int over;
static void keep_sending(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
		send_usr1(NULL);
		sleep_ms(PAUSE);
	}
}
static void touch(void *arg)
{
	close(open("watched", O_WRONLY | O_CREAT | O_TRUNC, 0600));
}
static void open_fifo(void *arg)
{
	int fd = open("fifo", O_WRONLY);

	CHECK(fd >= 0 && close(fd) == 0);
}
static void post(void *arg)
{
	sem_post(arg);
}
static void nothing(int sig)
{
}

/* --- Groups of steps ----------------------------------------------------------------------------------- */

static const struct timespec brief = {0, PAUSE * 1000000};

/* The word may have changed before the call was made: where its caller was stopped, say. */
static int wait_word(void)
{
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		if (syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0) != 0 && errno != EAGAIN)
			return -1;
	return 0;
}

static void futexes(void)
{
	struct timespec at;

	TIMED(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &brief, NULL, 0));
	TIMED(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &brief, NULL, 0));
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += PAUSE * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	TIMED(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &at, NULL, ~0));
	ENDED(wait_word(), wake_word, NULL);
}

static void sleeps(void)
{
	struct timespec at;

	TIMED(nanosleep(&brief, NULL));
	TIMED(clock_nanosleep(CLOCK_REALTIME, 0, &brief, NULL));
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += PAUSE * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	TIMED(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
}

static void polls(int fd, int other_end)
{
	struct pollfd pfd = {fd, POLLIN, 0};
	struct epoll_event event = {.events = EPOLLIN};
	struct timespec left = brief;
	struct timeval tv = {0, PAUSE * 1000};
	int set = epoll_create1(0);
	fd_set in;
	char byte;

	CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
	FD_ZERO(&in);
	FD_SET(fd, &in);
	TIMED(poll(&pfd, 1, PAUSE));
	TIMED(ppoll(&pfd, 1, &left, NULL));
	TIMED(select(fd + 1, &in, NULL, NULL, &tv));
	FD_SET(fd, &in);
	TIMED(pselect(fd + 1, &in, NULL, NULL, &brief, NULL));
	TIMED(epoll_wait(set, &event, 1, PAUSE));
	if (other_end >= 0) {
		FD_SET(fd, &in);
		ENDED(poll(&pfd, 1, -1), write_byte, &other_end);
		ENDED(select(fd + 1, &in, NULL, NULL, NULL), write_byte, &other_end);
		CHECK_EQ(read(fd, block, 2), 2);
		ENDED(epoll_wait(set, &event, 1, -1), write_byte, &other_end);
		CHECK_EQ(read(fd, &byte, 1), 1);
		ENDED(read(fd, &byte, 1), write_byte, &other_end);
	} else { /* standard input, from the host */
		say("feed", 0);
		STEP(poll(&pfd, 1, -1));
		CHECK_EQ(read(fd, &byte, 1), 1);
		say("feed", 0);
		STEP(epoll_wait(set, &event, 1, -1));
		CHECK_EQ(read(fd, &byte, 1), 1);
		say("feed", 0);
		STEP(read(fd, &byte, 1));
	}
	close(set);
}

static void pipes(void)
{
	int ends[2], fifo;

	CHECK(pipe(ends) == 0);
	polls(ends[0], ends[1]);
	CHECK_EQ(write(ends[1], block, sizeof(block)), (ssize_t)sizeof(block));
	ENDED(write(ends[1], block, 4096), read_all, &ends[0]);
	close(ends[0]);
	close(ends[1]);
	unlink("fifo");
	CHECK(mkfifo("fifo", 0600) == 0);
	ENDED((fifo = open("fifo", O_RDONLY)) >= 0, open_fifo, NULL);
	close(fifo);
	unlink("fifo");
}

static void event_files(void)
{
	struct itimerspec soon = {{0, 0}, brief};
	int event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0), notify = inotify_init(), sig;
	sigset_t set;

	ENDED(read(event, block, 8), add_one, &event);
	CHECK(timerfd_settime(timer, 0, &soon, NULL) == 0);
	STEP(read(timer, block, 8));
	touch(NULL);
	CHECK(inotify_add_watch(notify, "watched", IN_OPEN) >= 0);
	ENDED(read(notify, block, sizeof(struct inotify_event)), touch, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sig = signalfd(-1, &set, 0);
	ENDED(read(sig, block, sizeof(struct signalfd_siginfo)), send_usr1, NULL);
	TIMED(sigtimedwait(&set, NULL, &brief));
	ENDED(sigwaitinfo(&set, NULL), send_usr1, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	close(event);
	close(timer);
	close(notify);
	close(sig);
}

static void signals(void)
{
	struct itimerval soon = {{0, 0}, {0, PAUSE * 1000}};
	sigset_t block_usr1, old;

	on_signal(SIGUSR1, nothing, 0);
	on_signal(SIGALRM, nothing, 0);
	sigemptyset(&block_usr1);
	sigaddset(&block_usr1, SIGUSR1);
	ENDED(pause(), keep_sending, NULL);
	sigprocmask(SIG_BLOCK, &block_usr1, &old);
	ENDED(sigsuspend(&old), send_usr1, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	sigaddset(&block_usr1, SIGALRM);
	sigprocmask(SIG_BLOCK, &block_usr1, &old);
	CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	STEP(sigsuspend(&old));
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void wait_semaphore(void)
{
	static sem_t semaphore;
	struct timespec at;

	CHECK(sem_init(&semaphore, 1, 0) == 0);
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += PAUSE * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	STEP(sem_timedwait(&semaphore, &at));
	ENDED(sem_wait(&semaphore), post, &semaphore);
}

static void children(void)
{
	siginfo_t info;
	pid_t child;
	int status;

	child = fork();
	if (child == 0) {
		sleep_ms(PAUSE);
		_exit(3);
	}
	STEP(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	CHECK_EQ(info.si_status, 3);
	CHECK_EQ(waitpid(child, &status, 0), child);
	child = fork();
	if (child == 0) {
		sleep_ms(PAUSE);
		kill(getpid(), SIGSTOP);
		_exit(4);
	}
	STEP(waitpid(child, &status, WUNTRACED) == child);
	CHECK(WIFSTOPPED(status));
	kill(child, SIGCONT);
	STEP(waitpid(child, &status, 0) == child);
	CHECK_EQ(WEXITSTATUS(status), 4);
	child = vfork();
	if (child == 0) {
		usleep(PAUSE * 1000);
		_exit(5);
	}
	STEP(waitpid(child, &status, 0) == child);
	CHECK_EQ(WEXITSTATUS(status), 5);
}

/* A child has the lock for a while. */
static void held(const char *path, bool whole)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
	int ready[2], fd;
	pid_t child;
	char byte;

	CHECK(pipe(ready) == 0);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	child = fork();
	if (child == 0) {
		int own = open(path, O_RDWR);

		CHECK((whole ? flock(own, LOCK_EX) : fcntl(own, F_SETLK, &lock)) == 0);
		CHECK_EQ(write(ready[1], "x", 1), 1);
		sleep_ms(PAUSE);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	if (whole)
		STEP(flock(fd, LOCK_EX));
	else
		STEP(fcntl(fd, F_SETLKW, &lock));
	STEP(waitpid(child, NULL, 0) == child);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	char path[4096];

	CHECK(argc == 2);
	main_thread = pthread_self();
	futexes();
	sleeps();
	pipes();
	polls(0, -1);
	event_files();
	signals();
	wait_semaphore();
	children();
	held("lock", true);
	held("lock", false);
	snprintf(path, sizeof(path), "%s/lock", argv[1]);
	held(path, true);
	held(path, false);
	puts("done");
	return 0;
}
