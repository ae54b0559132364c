/*
 * Pipes, AF_UNIX sockets, epoll, events, futexes, signals, System V IPC and message queues under ThreadSanitizer: four threads in two
 * guest processes make random calls on the same few objects.  What is looked for are races; that nothing hangs is checked by its time.
 * Usage: ipc-threads SEED CALLS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "abi/bartizan_abi.h"
#include "ipc_host.h"
#include "tsan.h"

#define THREADS 4
#define FDS 24
#define KEYS 3

/* --- the host --- */

static int64_t host_clock(uint32_t clock)
{
	struct timespec t;

	clock_gettime(clock & 15, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* A wake-up that is an interrupt may come between look and sleep: no sleep is long. */
static int host_wait(uint32_t *word, uint32_t expected, uint32_t mask, uint32_t flags, uint32_t clock, int64_t deadline)
{
	int64_t left = deadline == BZ_NO_DEADLINE ? INT64_MAX : deadline - host_clock(clock);
	struct timespec t = {0, left < 5000000 ? (left > 0 ? left : 0) : 5000000};

	if (!(flags & BZ_WAIT_UNINTERRUPTIBLE) && ipc_host_interrupted(NULL))
		return -BZ_EINTR;
	if (syscall(SYS_futex, word, FUTEX_WAIT, expected, &t) == 0)
		return 0;
	if (errno == ETIMEDOUT && left > 5000000)
		return -BZ_EINTR;
	return -errno;
}

static int host_wake(uint32_t *word, uint32_t n, uint32_t mask, uint32_t flags)
{
	return syscall(SYS_futex, word, FUTEX_WAKE, n > INT32_MAX ? INT32_MAX : n);
}

static int host_requeue(uint32_t *word, uint32_t expected, uint32_t n, uint32_t *to, uint32_t m, uint32_t flags)
{
	long ret = syscall(SYS_futex, word, FUTEX_CMP_REQUEUE, n, (unsigned long)m, to, expected);

	return ret < 0 ? -errno : ret;
}

static void on_interrupt(int sig)
{
	ipc_host_interrupt();
}

static int host_interrupt(int32_t tid, uint32_t probe)
{
	return syscall(SYS_tgkill, getpid(), tid, probe ? 0 : SIGUSR1) ? -errno : 0;
}

static void host_yield(void)
{
	sched_yield();
}

static int host_advise(uint64_t addr, size_t len, uint32_t advice)
{
	return advice == BZ_ADV_REMOVE && madvise((void *)addr, len, MADV_REMOVE) ? -errno : 0;
}

static int host_random(void *buf, size_t len)
{
	return getrandom(buf, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static void host_log(uint32_t level, const char *text, size_t len)
{
	fprintf(stderr, "libos[%u]: %.*s\n", level, (int)len, text);
}

static __attribute__((noreturn)) void host_exit(uint32_t status)
{
	fprintf(stderr, "the library OS ends with %#x\n", status);
	abort();
}

static bz_stream host_no_stream(void)
{
	return -BZ_ENOSYS;
}

void *ipc_host_table(void);
void *ipc_host_table(void)
{
	static struct bz_abi table;
	void **f = (void **)&table;

	/* What is not here has nothing behind it: no stream of the host is ever there. */
	for (size_t i = 1; i < sizeof(table) / sizeof(*f); i++)
		f[i] = host_no_stream;
	table.version = BZ_ABI_VERSION;
	table.size = sizeof(table);
	table.wait = host_wait;
	table.wake = host_wake;
	table.requeue = host_requeue;
	table.thread_interrupt = host_interrupt;
	table.thread_yield = host_yield;
	table.mem_advise = host_advise;
	table.clock_read = host_clock;
	table.random_bytes = (void *)host_random;
	table.debug_log = host_log;
	table.process_exit = host_exit;
	return &table;
}

void ipc_host_arena(size_t size);
void ipc_host_arena(size_t size)
{
	int fd = memfd_create("arena", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size) ||
	    mmap((void *)BZ_ARENA_BASE, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) == MAP_FAILED) {
		perror("arena");
		exit(1);
	}
}

void ipc_host_gs(void *tcb);
void ipc_host_gs(void *tcb)
{
	syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, tcb);
}

int ipc_host_tid(void);
int ipc_host_tid(void)
{
	return syscall(SYS_gettid);
}

/* --- the calls --- */

static unsigned long seed, calls;
static int pids[2];
static uint32_t words[4];
static int sems, queue;

static unsigned any(unsigned long *state, unsigned n)
{
	*state = *state * 6364136223846793005ul + 1442695040888963407ul;
	return (*state >> 33) % n;
}

#define CALL(nr, a, b, c, d) libos_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL6(nr, a, b, c, d, e, f) libos_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Descriptors beyond the few are given back; two of a kind are made at once where they belong together. */
static void keep(long fd)
{
	if (fd >= FDS)
		CALL(SYS_close, fd, 0, 0, 0);
}

static void makers(unsigned long *state)
{
	struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 16};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	int two[2] = {-1, -1};
	sigset_t set;
	char name[8];

	switch (any(state, 8)) {
	case 0:
		CALL(SYS_pipe2, two, O_NONBLOCK | (any(state, 4) ? 0 : O_DIRECT), 0, 0);
		break;
	case 1:
		CALL(SYS_socketpair, AF_UNIX, types[any(state, 3)] | SOCK_NONBLOCK, 0, two);
		break;
	case 2:
		two[0] = CALL(SYS_socket, AF_UNIX, types[any(state, 3)] | SOCK_NONBLOCK, 0, 0);
		break;
	case 3:
		two[0] = CALL(SYS_eventfd2, any(state, 3), O_NONBLOCK | (any(state, 2) ? 1 : 0), 0, 0);
		break;
	case 4:
		two[0] = CALL(SYS_epoll_create1, 0, 0, 0, 0);
		break;
	case 5:
		sigfillset(&set);
		two[0] = CALL(SYS_signalfd4, -1, &set, 8, O_NONBLOCK);
		break;
	case 6:
		sprintf(name, "q%u", any(state, KEYS));
		two[0] = CALL(SYS_mq_open, name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
		break;
	case 7:
		two[0] = CALL(SYS_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK, 0, 0);
		break;
	}
	keep(two[0]);
	keep(two[1]);
}

static void transfers(unsigned long *state, int fd, int other)
{
	char data[6000] = "";
	struct iovec iov = {data, any(state, 3000)};
	union {
		char space[CMSG_SPACE(sizeof(int) * 2)];
		struct cmsghdr head;
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	switch (any(state, 10)) {
	case 0:
	case 1: CALL(SYS_write, fd, data, any(state, sizeof(data)), 0); break;
	case 2:
	case 3: CALL(SYS_read, fd, data, any(state, sizeof(data)), 0); break;
	case 4: CALL6(SYS_splice, fd, 0, other, 0, any(state, 5000), 2); break;
	case 5: CALL(SYS_tee, fd, other, any(state, 5000), 2); break;
	case 6: /* with a file in flight */
		memcpy(CMSG_DATA(&control.head), &other, sizeof(other));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_LEN(sizeof(int));
		CALL(SYS_sendmsg, fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL, 0);
		break;
	case 7: {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		if (CALL(SYS_recvmsg, fd, &msg, MSG_DONTWAIT | (any(state, 4) ? 0 : MSG_PEEK), 0) >= 0 &&
		    msg.msg_controllen >= CMSG_LEN(sizeof(int)) && control.head.cmsg_type == SCM_RIGHTS) {
			int *got = (int *)CMSG_DATA(&control.head);

			for (size_t i = 0; i < (control.head.cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
				keep(got[i]);
		}
		break;
	}
	case 8: CALL6(SYS_sendto, fd, data, any(state, 2000), MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0); break;
	case 9: CALL6(SYS_recvfrom, fd, data, any(state, 2000), MSG_DONTWAIT, 0, 0); break;
	}
}

static void sockets(unsigned long *state, int fd, int other)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int value, size = sizeof(value);

	if (any(state, 2))
		name.sun_path[1] = 'a' + any(state, KEYS); /* abstract */
	else
		sprintf(name.sun_path, "/s%u", any(state, KEYS));
	switch (any(state, 9)) {
	case 0: CALL(SYS_bind, fd, &name, 4, 0); break;
	case 1: CALL(SYS_listen, fd, any(state, 3), 0, 0); break;
	case 2: CALL(SYS_connect, fd, &name, 4, 0); break;
	case 3: keep(CALL(SYS_accept4, fd, 0, 0, SOCK_NONBLOCK)); break;
	case 4: CALL(SYS_shutdown, fd, any(state, 3), 0, 0); break;
	case 5: CALL6(SYS_getsockopt, fd, SOL_SOCKET, any(state, 2) ? SO_ERROR : SO_TYPE, &value, &size, 0); break;
	case 6: CALL(SYS_ioctl, fd, FIONREAD, &value, 0); break;
	case 7: CALL(SYS_fcntl, fd, F_SETPIPE_SZ, 4096u << any(state, 4), 0); break;
	case 8: CALL(SYS_unlink, "/s0", 0, 0, 0); break;
	}
}

static void waits(unsigned long *state, int fd, int other)
{
	struct epoll_event event = {.events = any(state, 8) | (any(state, 3) ? 0 : EPOLLET) | (any(state, 5) ? 0 : EPOLLONESHOT)}, got[4];
	struct pollfd p[3] = {{fd, POLLIN, 0}, {other, POLLOUT, 0}, {any(state, FDS), 7, 0}};
	fd_set set;

	switch (any(state, 8)) {
	case 0:
	case 1: CALL(SYS_epoll_ctl, fd, EPOLL_CTL_ADD, other, &event); break;
	case 2: CALL(SYS_epoll_ctl, fd, EPOLL_CTL_MOD, other, &event); break;
	case 3: CALL(SYS_epoll_ctl, fd, EPOLL_CTL_DEL, other, &event); break;
	case 4:
	case 5: CALL(SYS_epoll_wait, fd, got, 4, any(state, 2)); break;
	case 6: CALL(SYS_poll, p, 3, any(state, 2), 0); break;
	case 7: {
		struct timeval t = {0, any(state, 500)};

		FD_ZERO(&set);
		FD_SET(any(state, FDS), &set);
		CALL6(SYS_select, FDS, &set, 0, 0, &t, 0);
	}
	}
}

static void futexes(unsigned long *state)
{
	struct timespec t = {0, any(state, 500000)};
	uint32_t *word = &words[any(state, 4)], *to = &words[any(state, 4)];
	int private = any(state, 2) ? FUTEX_PRIVATE_FLAG : 0;

	switch (any(state, 6)) {
	case 0: CALL(SYS_futex, word, FUTEX_WAIT | private, __atomic_load_n(word, __ATOMIC_RELAXED), &t); break;
	case 1: CALL(SYS_futex, word, FUTEX_WAKE | private, 1 + any(state, 3), 0); break;
	case 2:
		CALL6(SYS_futex, word, FUTEX_CMP_REQUEUE | private, 1, 1, to, __atomic_load_n(word, __ATOMIC_RELAXED));
		break;
	case 3: CALL6(SYS_futex, word, FUTEX_WAKE_OP | private, 1, 1, to, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GT, 0)); break;
	case 4: __atomic_fetch_add(word, 1, __ATOMIC_RELAXED); break;
	case 5: {
		struct {
			uint64_t val, uaddr;
			uint32_t flags, reserved;
		} waitv = {__atomic_load_n(word, __ATOMIC_RELAXED), (uint64_t)word, 2, 0};
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec = (until.tv_nsec + 300000) % 1000000000;
		CALL6(449 /* futex_waitv */, &waitv, 1, 0, &until, CLOCK_MONOTONIC, 0);
	}
	}
}

static void signals(unsigned long *state, int fd)
{
	struct timespec t = {0, any(state, 300000)};
	struct {
		uint64_t handler, flags, restorer, mask;
	} action = {any(state, 2), 0, 0, 0};
	int pid = pids[any(state, 2)], sig = any(state, 3) ? SIGRTMIN + any(state, 3) : SIGUSR1;
	siginfo_t info = {.si_code = SI_QUEUE};
	uint64_t set = ~0ull;

	switch (any(state, 9)) {
	case 0: CALL(SYS_kill, pid, sig, 0, 0); break;
	case 1: CALL(SYS_kill, -pids[0], sig, 0, 0); break;
	case 2: CALL(SYS_rt_sigqueueinfo, pid, sig, &info, 0); break;
	case 3:
	case 4: CALL(SYS_rt_sigtimedwait, &set, &info, &t, 8); break;
	case 5: CALL(SYS_rt_sigaction, sig, &action, 0, 8); break;
	case 6: CALL(SYS_rt_sigpending, &set, 8, 0, 0); break;
	case 7: CALL(SYS_fcntl, fd, F_SETOWN, pid, 0); break;
	case 8: CALL(SYS_fcntl, fd, F_SETFL, O_NONBLOCK | (any(state, 2) ? O_ASYNC : 0), 0); break;
	}
}

static void sysv(unsigned long *state)
{
	struct timespec t = {0, any(state, 300000)};
	struct sembuf op = {any(state, 2), (int)any(state, 3) - 1, any(state, 2) ? IPC_NOWAIT : 0};
	struct {
		long type;
		char text[20];
	} m = {1 + any(state, 3), ""};

	switch (any(state, 9)) {
	case 0:
	case 1: CALL(SYS_semtimedop, sems, &op, 1, &t); break;
	case 2: CALL(SYS_semctl, sems, 0, 16 /* SETVAL */, any(state, 3)); break;
	case 3: CALL(SYS_semctl, sems, 0, 12 /* GETVAL */, 0); break;
	case 4: CALL(SYS_msgsnd, queue, &m, any(state, 20), IPC_NOWAIT); break;
	case 5: CALL6(SYS_msgrcv, queue, &m, 20, any(state, 3), IPC_NOWAIT, 0); break;
	case 6: { /* of a key, which others remove */
		int id = CALL(SYS_semget, 77, 2, IPC_CREAT | 0600, 0);

		CALL(SYS_semtimedop, id, &op, 1, &t);
		if (!any(state, 4))
			CALL(SYS_semctl, id, 0, IPC_RMID, 0);
		break;
	}
	case 7: {
		int id = CALL(SYS_msgget, 77, IPC_CREAT | 0600, 0, 0);

		CALL(SYS_msgsnd, id, &m, 8, IPC_NOWAIT);
		if (!any(state, 4))
			CALL(SYS_msgctl, id, IPC_RMID, 0, 0);
		break;
	}
	case 8: {
		char name[8], text[16] = "";
		int fd = any(state, FDS);

		sprintf(name, "q%u", any(state, KEYS));
		CALL6(SYS_mq_timedsend, fd, text, 8, any(state, 3), 0, 0);
		CALL6(SYS_mq_timedreceive, fd, text, 16, 0, 0, 0);
		if (!any(state, 8))
			CALL(SYS_mq_unlink, name, 0, 0, 0);
	}
	}
}

static void *thread(void *arg)
{
	unsigned long number = (unsigned long)arg, state = seed + number;

	ipc_host_thread(pids[number % 2]);
	for (unsigned long i = 0; i < calls; i++) {
		int fd = any(&state, FDS), other = any(&state, FDS);

		switch (any(&state, 16)) {
		case 0:
		case 1: makers(&state); break;
		case 2: CALL(SYS_close, fd, 0, 0, 0); break;
		case 3: CALL(SYS_dup2, fd, other, 0, 0); break;
		case 4:
		case 5:
		case 6:
		case 7: transfers(&state, fd, other); break;
		case 8:
		case 9: sockets(&state, fd, other); break;
		case 10:
		case 11:
		case 12: waits(&state, fd, other); break;
		case 13: futexes(&state); break;
		case 14: signals(&state, fd); break;
		case 15: sysv(&state); break;
		}
	}
	return NULL;
}

/* The first thread of a guest process, which does nothing further. */
static void *leader(void *arg)
{
	*(int *)arg = ipc_host_process();
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_interrupt};
	pthread_t threads[THREADS], t;

	if (argc != 3)
		return 2;
	seed = strtoul(argv[1], NULL, 0);
	calls = strtoul(argv[2], NULL, 0);
	sigaction(SIGUSR1, &action, NULL);
	ipc_host_boot(1ul << 30);
	for (int i = 0; i < 2; i++) {
		pthread_create(&t, NULL, leader, &pids[i]);
		pthread_join(t, NULL);
	}
	sems = CALL(SYS_semget, IPC_PRIVATE, 2, 0600, 0);
	queue = CALL(SYS_msgget, IPC_PRIVATE, 0600, 0, 0);
	if (pids[0] <= 0 || pids[1] <= 0 || sems < 0 || queue < 0) {
		printf("processes %d and %d, semaphores %d, queue %d\n", pids[0], pids[1], sems, queue);
		return 1;
	}
	for (unsigned long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%lu calls of each of %d threads\n", calls, THREADS);
	return 0;
}
