/*
 * Nanoseconds of single operations, lmbench's list as the guide; the same program runs natively and in a
 * sandbox.  Its own executable is the file that is read: of the host, or of an image.  `primitives NAME`
 * measures one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "batches.h"

#define MEMORY_FILE "/dev/shm/primitives"
#define MEMORY_DIRECTORY MEMORY_FILE ".d"
#define ENTRIES 32
#define AREA_PAGES 1024
#define MAPPED_PAGES 64
#define MAPPED (MAPPED_PAGES * 4096)

static char buf[65536];
static int fd, ev, pipes[2], sockets[2], there[2], back[2], memory, set, null;
static const char *self, *only;
static char *area, *forbidden;
static DIR *directory;
static uint32_t word, turn;

static void check(long ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}
#define CHECK(x) check(x, #x)

static void measure(const char *name, void (*op)(void), int count)
{
	if (!only || !strcmp(only, name))
		report(name, op, count);
}

#define OP(name, ...)          \
	static void name(void) \
	{                      \
		__VA_ARGS__    \
	}

OP(op_getpid, syscall(SYS_getpid);)
OP(op_gettid, syscall(SYS_gettid);)
OP(op_getppid, getppid();)
OP(op_getuid, getuid();)
OP(op_umask, umask(022);)
OP(op_clock_gettime, struct timespec t; clock_gettime(CLOCK_REALTIME, &t);)
OP(op_clock_monotonic, struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);)
OP(op_clock_coarse, struct timespec t; clock_gettime(CLOCK_MONOTONIC_COARSE, &t);)
OP(op_clock_thread_cpu, struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);)
OP(op_gettimeofday, struct timeval t; gettimeofday(&t, NULL);)
OP(op_time, time(NULL);)

OP(op_pread_4k, CHECK(pread(fd, buf, 4096, 0) == 4096);)
OP(op_read_4k_lseek, CHECK(read(fd, buf, 4096) == 4096); lseek(fd, 0, SEEK_SET);)
OP(op_pread_64k, CHECK(pread(fd, buf, 65536, 0) == 65536);)
OP(op_lseek, lseek(fd, 0, SEEK_SET);)
OP(op_memory_pread_4k, CHECK(pread(memory, buf, 4096, 0) == 4096);)
OP(op_memory_pwrite_4k, CHECK(pwrite(memory, buf, 4096, 0) == 4096);)
OP(op_null_write_4k, CHECK(write(null, buf, 4096) == 4096);)
OP(op_stat, struct stat st; CHECK(!stat(self, &st));)
OP(op_stat_absent, struct stat st; CHECK(stat("/dev/shm/absent", &st));)
OP(op_fstat, struct stat st; CHECK(!fstat(fd, &st));)
OP(op_access, CHECK(!access(self, R_OK));)
OP(op_open_close, CHECK(!close(open(self, O_RDONLY)));)
OP(op_memory_open_close, CHECK(!close(open(MEMORY_FILE, O_RDONLY)));)
OP(op_memory_create_unlink, CHECK(!close(open(MEMORY_FILE "2", O_CREAT | O_RDWR, 0600)));
   CHECK(!unlink(MEMORY_FILE "2"));)
OP(op_memory_rename, CHECK(!rename(MEMORY_FILE, MEMORY_FILE "2") && !rename(MEMORY_FILE "2", MEMORY_FILE));)
OP(op_memory_mkdir_rmdir, CHECK(!mkdir(MEMORY_FILE "3", 0700) && !rmdir(MEMORY_FILE "3"));)
OP(op_memory_readlink, CHECK(readlink(MEMORY_DIRECTORY "/link", buf, sizeof(buf)) > 0);)
OP(op_memory_readdir, rewinddir(directory); while (readdir(directory)){})
OP(op_dup_close, CHECK(!close(dup(fd)));)
OP(op_fcntl_getfl, fcntl(fd, F_GETFL);)

OP(op_pipe_round_trip, CHECK(write(pipes[1], buf, 1) == 1 && read(pipes[0], buf, 1) == 1);)
OP(op_pipe_4k, CHECK(write(pipes[1], buf, 4096) == 4096 && read(pipes[0], buf, 4096) == 4096);)
OP(op_socketpair, CHECK(write(sockets[1], buf, 1) == 1 && read(sockets[0], buf, 1) == 1);)
OP(op_eventfd, uint64_t v = 1; CHECK(write(ev, &v, 8) == 8 && read(ev, &v, 8) == 8);)
OP(op_poll, struct pollfd p = {pipes[1], POLLOUT, 0}; CHECK(poll(&p, 1, -1) == 1);)
OP(op_select, fd_set s; FD_ZERO(&s); FD_SET(pipes[1], &s);
   CHECK(select(pipes[1] + 1, NULL, &s, NULL, NULL) == 1);)
OP(op_epoll_wait, struct epoll_event e[4]; CHECK(epoll_wait(set, e, 4, -1) == 1);)
OP(op_epoll_ctl, struct epoll_event e = {.events = EPOLLOUT};
   CHECK(!epoll_ctl(set, EPOLL_CTL_MOD, pipes[1], &e));)
OP(op_futex_wake, syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);)
OP(op_futex_wait_differs, syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);)
OP(op_sched_yield, syscall(SYS_sched_yield);)

OP(op_mmap_munmap, void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
   munmap(p, 65536);)
OP(op_mmap_file, void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0); CHECK(p != MAP_FAILED);
   munmap(p, 4096);)
OP(op_mprotect_twice, mprotect(area, 4096, PROT_READ); mprotect(area, 4096, PROT_READ | PROT_WRITE);)
OP(op_madvise_dontneed, madvise(area, 4096, MADV_DONTNEED);)
OP(op_brk, syscall(SYS_brk, 0);)

static void op_page_fault(void)
{
	static size_t at;

	if (at == 0)
		madvise(area, 4096 * AREA_PAGES, MADV_DONTNEED);
	area[at * 4096] = 1;
	at = (at + 1) % AREA_PAGES;
}

/* Map it, look at each page, unmap it: the cost of a page is a sixty-fourth of this. */
static void look_at_pages_of(int file)
{
	volatile char *p = mmap(NULL, MAPPED, PROT_READ, MAP_SHARED, file, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < MAPPED; i += 4096)
		p[i];
	munmap((char *)p, MAPPED);
}

OP(op_map_64_pages, look_at_pages_of(fd);)
OP(op_memory_map_64_pages, look_at_pages_of(memory);)

static void handler(int sig)
{
}

static void skip_access(int sig, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

/* `movb (%rdi), %al` is two bytes. */
OP(op_fault_handler, __asm__ volatile("movb (%%rdi), %%al" : : "D"(forbidden) : "rax", "memory");)

OP(op_sigaction, struct sigaction a = {.sa_handler = handler}; CHECK(!sigaction(SIGUSR1, &a, NULL));)
OP(op_sigprocmask, sigset_t s; sigemptyset(&s); sigprocmask(SIG_SETMASK, &s, NULL);)
OP(op_kill_self, CHECK(!kill(getpid(), SIGUSR1));)
OP(op_nanosleep_0, struct timespec t = {0, 0}; nanosleep(&t, NULL);)
OP(op_getrusage, syscall(SYS_getrusage, 0, buf);)
OP(op_uname, syscall(SYS_uname, buf);)
OP(op_getrandom_16, CHECK(syscall(SYS_getrandom, buf, 16, 0) == 16);)
OP(op_getcwd, CHECK(syscall(SYS_getcwd, buf, 4096) > 0);)

static void *no_work(void *arg)
{
	return arg;
}

static void op_thread(void)
{
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, no_work, NULL));
	pthread_join(t, NULL);
}

static void pass_turn(uint32_t to)
{
	__atomic_store_n(&turn, to, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

static uint32_t await_turn_other_than(uint32_t mine)
{
	uint32_t v;

	while ((v = __atomic_load_n(&turn, __ATOMIC_SEQ_CST)) == mine)
		syscall(SYS_futex, &turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, mine, NULL, NULL, 0);
	return v;
}

static void *futex_partner(void *arg)
{
	while (await_turn_other_than(0) == 1)
		pass_turn(0);
	return arg;
}

OP(op_futex_ping_pong, pass_turn(1); await_turn_other_than(1);)

static void *pipe_partner(void *arg)
{
	char c;

	while (read(there[0], &c, 1) == 1 && c != 'q')
		CHECK(write(back[1], &c, 1) == 1);
	return arg;
}

OP(op_pipe_ping_pong, CHECK(write(there[1], "x", 1) == 1 && read(back[0], buf, 1) == 1);)

static void with_partners(void)
{
	pthread_t t;

	measure("thread_create_join", op_thread, 50);
	CHECK(!pthread_create(&t, NULL, futex_partner, NULL));
	measure("futex_ping_pong", op_futex_ping_pong, 300);
	pass_turn(2);
	pthread_join(t, NULL);
	CHECK(!pthread_create(&t, NULL, pipe_partner, NULL));
	measure("pipe_ping_pong_threads", op_pipe_ping_pong, 300);
	CHECK(write(there[1], "q", 1) == 1);
	pthread_join(t, NULL);
	if (!fork())
		_exit(pipe_partner(NULL) != NULL);
	measure("pipe_ping_pong_processes", op_pipe_ping_pong, 300);
	CHECK(write(there[1], "q", 1) == 1);
	wait(NULL);
}

static void prepare_memory_files(void)
{
	CHECK((memory = open(MEMORY_FILE, O_CREAT | O_RDWR, 0600)) >= 0);
	for (size_t i = 0; i < MAPPED; i += sizeof(buf))
		CHECK(write(memory, buf, sizeof(buf)) == sizeof(buf));
	CHECK(!mkdir(MEMORY_DIRECTORY, 0700) && !symlink("file-0", MEMORY_DIRECTORY "/link"));
	for (int i = 0; i < ENTRIES; i++) {
		sprintf(buf, MEMORY_DIRECTORY "/file-%d", i);
		CHECK(!close(open(buf, O_CREAT | O_RDWR, 0600)));
	}
	CHECK((directory = opendir(MEMORY_DIRECTORY)) != NULL);
}

static void remove_memory_files(void)
{
	for (int i = 0; i < ENTRIES; i++) {
		sprintf(buf, MEMORY_DIRECTORY "/file-%d", i);
		unlink(buf);
	}
	unlink(MEMORY_DIRECTORY "/link");
	rmdir(MEMORY_DIRECTORY);
	unlink(MEMORY_FILE);
}

static void prepare(void)
{
	struct epoll_event e = {.events = EPOLLOUT};
	struct sigaction fault = {.sa_sigaction = skip_access, .sa_flags = SA_SIGINFO};

	CHECK((fd = open(self, O_RDONLY)) >= 0);
	CHECK((ev = eventfd(0, 0)) >= 0);
	CHECK(!pipe(pipes) && !pipe(there) && !pipe(back) && !socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	CHECK((null = open("/dev/null", O_RDWR)) >= 0);
	CHECK((set = epoll_create1(0)) >= 0 && !epoll_ctl(set, EPOLL_CTL_ADD, pipes[1], &e));
	area = mmap(NULL, 4096 * AREA_PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED && !madvise(area, 4096 * AREA_PAGES, MADV_NOHUGEPAGE));
	forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(forbidden != MAP_FAILED && !sigaction(SIGSEGV, &fault, NULL));
	op_sigaction();
	prepare_memory_files();
}

static const struct {
	const char *name;
	void (*op)(void);
	int count;
} ops[] = {
    {"getpid", op_getpid, 2000},
    {"gettid", op_gettid, 2000},
    {"getppid", op_getppid, 2000},
    {"getuid", op_getuid, 2000},
    {"umask", op_umask, 2000},
    {"clock_gettime", op_clock_gettime, 5000},
    {"clock_monotonic", op_clock_monotonic, 5000},
    {"clock_coarse", op_clock_coarse, 5000},
    {"gettimeofday", op_gettimeofday, 5000},
    {"time", op_time, 5000},
    {"clock_thread_cpu", op_clock_thread_cpu, 1000},
    {"pread_4k", op_pread_4k, 1000},
    {"read_4k_lseek", op_read_4k_lseek, 1000},
    {"pread_64k", op_pread_64k, 200},
    {"lseek", op_lseek, 2000},
    {"memory_pread_4k", op_memory_pread_4k, 1000},
    {"memory_pwrite_4k", op_memory_pwrite_4k, 1000},
    {"null_write_4k", op_null_write_4k, 1000},
    {"stat", op_stat, 1000},
    {"stat_absent", op_stat_absent, 1000},
    {"fstat", op_fstat, 1000},
    {"access", op_access, 1000},
    {"open_close", op_open_close, 500},
    {"memory_open_close", op_memory_open_close, 500},
    {"memory_create_unlink", op_memory_create_unlink, 300},
    {"memory_rename_twice", op_memory_rename, 300},
    {"memory_mkdir_rmdir", op_memory_mkdir_rmdir, 300},
    {"memory_readlink", op_memory_readlink, 1000},
    {"memory_readdir_35", op_memory_readdir, 100},
    {"dup_close", op_dup_close, 1000},
    {"fcntl_getfl", op_fcntl_getfl, 1000},
    {"pipe_round_trip", op_pipe_round_trip, 1000},
    {"pipe_4k", op_pipe_4k, 1000},
    {"socketpair_round_trip", op_socketpair, 1000},
    {"eventfd", op_eventfd, 1000},
    {"poll", op_poll, 1000},
    {"select", op_select, 1000},
    {"epoll_wait", op_epoll_wait, 1000},
    {"epoll_ctl", op_epoll_ctl, 1000},
    {"futex_wake", op_futex_wake, 1000},
    {"futex_wait_differs", op_futex_wait_differs, 1000},
    {"sched_yield", op_sched_yield, 1000},
    {"mmap_munmap", op_mmap_munmap, 500},
    {"mmap_file_munmap", op_mmap_file, 500},
    {"mprotect_twice", op_mprotect_twice, 500},
    {"madvise_dontneed", op_madvise_dontneed, 500},
    {"brk", op_brk, 1000},
    {"page_fault", op_page_fault, AREA_PAGES},
    {"map_64_pages", op_map_64_pages, 100},
    {"memory_map_64_pages", op_memory_map_64_pages, 100},
    {"sigaction", op_sigaction, 1000},
    {"sigprocmask", op_sigprocmask, 1000},
    {"kill_self_handler", op_kill_self, 500},
    {"fault_handler", op_fault_handler, 500},
    {"nanosleep_0", op_nanosleep_0, 100},
    {"getrusage", op_getrusage, 1000},
    {"uname", op_uname, 1000},
    {"getrandom_16", op_getrandom_16, 1000},
    {"getcwd", op_getcwd, 1000},
};

int main(int argc, char **argv)
{
	self = argv[0];
	only = argv[1];
	prepare();
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		measure(ops[i].name, ops[i].op, ops[i].count);
	with_partners();
	remove_memory_files();
	return 0;
}
