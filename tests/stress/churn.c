/*
 * Processes that come and go: a churn of fork, exec, signals, exit and kill, to be run for long (scripts/stress).  The first process
 * keeps a crew of workers; a worker does one of a few things to processes of its own and ends, well or badly; a killer among them
 * hits any of the crew at any moment.  What must hold is checked as it goes: each child is waited for exactly once, with the status that
 * it ended with or the signal that may have hit it, pipes give what was written, and nothing that was lost is waited for longer than
 * a minute.  At the end there must be no process but the first, no descriptor but those of the beginning, and about as much free memory
 * as after the first second.  It kills whatever it can reach then, so it runs as the first process of a sandbox and never natively.
 *
 *   churn SECONDS SEED CREW
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CREW_MAX 64
#define LONG_MS 60000
#define LOST_KIB 16384 /* partly used pages of the library OS, after what was the most at once; half an hour has shown 8564 */

enum deed { FORKS, EXECS, SIGNALS, PIPES, THREADS, FAULTS, SPAWNS, GROUPS, DEEDS };
static const char *const deed_names[] = {"forks", "execs", "signals", "pipes", "threads", "faults", "spawns", "groups"};

struct board {
	uint64_t done[DEEDS], killed;
	pid_t crew[CREW_MAX];
	int failed;
	char why[256];
};
static struct board *board;
static uint64_t rng;
static char *self;

static uint32_t any(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 20) % n;
}

/* The first to fail says why; the first process tells it, whoever it was. */
__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list args;
	int none = 0;

	if (__atomic_compare_exchange_n(&board->failed, &none, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		va_start(args, format);
		vsnprintf(board->why, sizeof(board->why), format, args);
		va_end(args);
	}
	if (getpid() == 1) {
		printf("failed: %s\n", board->why);
		fflush(stdout);
	}
	_exit(99);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static void tiny_sleep(uint32_t us)
{
	struct timespec t = {0, us * 1000l};

	nanosleep(&t, NULL);
}

/* Wait for one child, but not for ever. */
static int reap(pid_t pid, const char *whose)
{
	int64_t until = now_ms() + LONG_MS;
	int status;
	pid_t got;

	alarm(LONG_MS / 1000);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR && now_ms() < until);
	alarm(0);
	if (got != pid)
		fail("%s: waitpid of %d gives %d, %s", whose, pid, got, strerror(errno));
	errno = 0;
	if (waitpid(pid, &status, WNOHANG) != -1 || errno != ECHILD)
		fail("%s: %d was waited for twice", whose, pid);
	return status;
}

static void on_alarm(int sig)
{
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0 && errno != EAGAIN && errno != ENOMEM)
		fail("fork: %s", strerror(errno));
	if (!pid)
		rng ^= getpid() * 0x9e3779b97f4a7c15ull;
	return pid;
}

static void forks(void)
{
	pid_t pids[8];
	int codes[8], n = 1 + any(8);

	for (int i = 0; i < n; i++) {
		codes[i] = any(256);
		pids[i] = child();
		if (!pids[i]) {
			if (any(2))
				tiny_sleep(any(2000));
			_exit(codes[i]);
		}
	}
	for (int i = n - 1; i >= 0; i--) {
		int status = pids[i] > 0 ? reap(pids[i], "forks") : codes[i] << 8;

		if (status != codes[i] << 8)
			fail("forks: status %#x, not of code %d", status, codes[i]);
	}
}

static void execs(void)
{
	char code[16];
	int want = any(200);
	pid_t pid;

	snprintf(code, sizeof(code), "%d", want);
	pid = child();
	if (!pid) {
		execl(self, "churn", "exit", code, NULL);
		_exit(98);
	}
	if (pid > 0 && reap(pid, "execs") != want << 8)
		fail("execs: not code %d", want);
}

static void spawns(void)
{
	char *argv[] = {"churn", "exit", "7", NULL}, *none[] = {NULL};
	pid_t pid;
	int error = posix_spawn(&pid, any(4) ? self : "/none", NULL, NULL, argv, none);

	if (error && error != ENOENT && error != EAGAIN && error != ENOMEM)
		fail("spawns: %s", strerror(error));
	if (!error && reap(pid, "spawns") != 7 << 8)
		fail("spawns: not code 7");
}

static volatile sig_atomic_t hits;

static void on_hit(int sig)
{
	hits++;
}

/* Each of the real-time signals that were queued arrives. */
static void signals(void)
{
	struct sigaction action = {.sa_handler = on_hit, .sa_flags = SA_RESTART};
	int n = 1 + any(50), ready[2];
	sigset_t rt;
	pid_t pid;
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("signals: pipe: %s", strerror(errno));
	pid = child();
	if (!pid) {
		int64_t until = now_ms() + LONG_MS;

		sigemptyset(&rt);
		sigaction(SIGRTMIN, &action, NULL);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		while (hits < n && now_ms() < until)
			any(4) ? (void)getppid() : tiny_sleep(200);
		_exit(hits == n ? 0 : 2);
	}
	close(ready[1]);
	if (pid > 0) {
		if (read(ready[0], &byte, 1) != 1)
			fail("signals: the child is not ready");
		for (int i = 0; i < n; i++)
			if (kill(pid, SIGRTMIN) < 0)
				fail("signals: kill: %s", strerror(errno));
		if (reap(pid, "signals") != 0)
			fail("signals: of %d not all arrived", n);
	}
	close(ready[0]);
}

static void pipes(void)
{
	int there[2], back[2], n = 1 + any(200);
	pid_t pid;
	uint32_t word;

	if (pipe2(there, O_CLOEXEC) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, back) < 0)
		fail("pipes: %s", strerror(errno));
	pid = child();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &word, sizeof(word)) == sizeof(word)) {
			word = ~word;
			if (write(back[1], &word, sizeof(word)) != sizeof(word))
				_exit(1);
		}
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	for (int i = 0; i < n && pid > 0; i++) {
		if (write(there[1], &i, sizeof(i)) != sizeof(i) || read(back[0], &word, sizeof(word)) != sizeof(word) || word != ~(uint32_t)i)
			fail("pipes: the answer to %d is wrong", i);
	}
	close(there[1]);
	close(back[0]);
	if (pid > 0 && reap(pid, "pipes") != 0)
		fail("pipes: the child failed");
}

static void *thread(void *arg)
{
	tiny_sleep((uintptr_t)arg % 1000);
	return arg;
}

/* Threads in a process that ends by exit, by a signal or by exec, with them in it. */
static void threads(void)
{
	int how = any(4);
	pid_t pid = child();
	pthread_t t;

	if (!pid) {
		for (uintptr_t i = 0; i < 4; i++)
			if (pthread_create(&t, NULL, thread, (void *)(i * 333)))
				break;
			else if (how == 3)
				pthread_join(t, NULL);
		if (how == 0)
			kill(getpid(), SIGKILL);
		if (how == 1)
			execl(self, "churn", "exit", "5", NULL);
		_exit(5);
	}
	if (pid > 0) {
		int status = reap(pid, "threads");

		if (status != (how == 0 ? SIGKILL : 5 << 8))
			fail("threads: status %#x", status);
	}
}

static void faults(void)
{
	int sig = any(3);
	pid_t pid = child();

	if (!pid) {
		if (sig == 0)
			*(volatile int *)16 = 1;
		if (sig == 1)
			abort();
		raise(SIGTERM);
		_exit(0);
	}
	if (pid > 0) {
		int status = reap(pid, "faults") & 0x7f;

		if (status != (sig == 0 ? SIGSEGV : sig == 1 ? SIGABRT : SIGTERM))
			fail("faults: signal %d", status);
	}
}

/* A worker may be killed at any moment: who waits for nothing but a signal of its is not to be left by it. */
static void end_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

/* A group that is stopped, continued and killed whole. */
static void groups(void)
{
	pid_t worker = getpid(), leader = child(), second;
	int status;

	if (!leader) {
		end_with_parent(worker);
		setpgid(0, 0);
		leader = getpid();
		second = child();
		if (!second)
			end_with_parent(leader);
		for (;;)
			pause();
	}
	if (leader < 0)
		return;
	setpgid(leader, leader);
	kill(-leader, SIGSTOP);
	if (waitpid(leader, &status, WUNTRACED) != leader || !WIFSTOPPED(status))
		fail("groups: not stopped: %#x", status);
	kill(-leader, SIGCONT);
	kill(-leader, SIGKILL);
	if (reap(leader, "groups") != SIGKILL)
		fail("groups: not killed");
}

static void (*const deeds[])(void) = {forks, execs, signals, pipes, threads, faults, spawns, groups};

__attribute__((noreturn)) static void work(void)
{
	struct sigaction action = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &action, NULL);
	for (int n = 1 + any(10); n > 0; n--) {
		enum deed deed = any(DEEDS);

		deeds[deed]();
		__atomic_fetch_add(&board->done[deed], 1, __ATOMIC_RELAXED);
	}
	_exit(any(90));
}

static int count_in(const char *directory, int numbers_only)
{
	DIR *d = opendir(directory);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += !numbers_only || (e->d_name[0] >= '0' && e->d_name[0] <= '9');
	if (d)
		closedir(d);
	return n;
}

/* In KiB. */
static long free_memory(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemFree: %ld", &kib) != 1)
		;
	if (f)
		fclose(f);
	return kib;
}

/* Of a debug build: who owns what of the arena (libos/kernel/owners.c). */
#define OWNERS_MAX 2048
struct owner {
	char place[32];
	long count, bytes;
};

static int read_owners(struct owner *owners)
{
	FILE *f = fopen("/proc/arena_owners", "r");
	int n = 0;

	while (f && n < OWNERS_MAX &&
	       fscanf(f, "%31s %ld %ld", owners[n].place, &owners[n].count, &owners[n].bytes) == 3)
		n++;
	if (f)
		fclose(f);
	return n;
}

static void tell_growth(const struct owner *before, int had, const struct owner *after, int have)
{
	for (int i = 0; i < have; i++) {
		long count = after[i].count, bytes = after[i].bytes;

		for (int k = 0; k < had; k++)
			if (!strcmp(before[k].place, after[i].place)) {
				count -= before[k].count;
				bytes -= before[k].bytes;
			}
		if (bytes > 1024 || bytes < -1024)
			printf("%s: %+ld pieces, %+ld bytes\n", after[i].place, count, bytes);
	}
}

static void keep_crew(int crew, int64_t until)
{
	int status, running = 0;

	while (now_ms() < until && !board->failed) {
		pid_t pid;

		for (int i = 0; i < crew && now_ms() < until; i++) {
			if (board->crew[i])
				continue;
			pid = child();
			if (!pid)
				work();
			if (pid < 0)
				break;
			board->crew[i] = pid;
			running++;
		}
		if (any(3) == 0) {
			pid = board->crew[any(crew)];
			if (pid > 0 && kill(pid, SIGKILL) == 0)
				board->killed++;
		}
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			/* The killed one's children are ours now, as init's: they are not of the crew. */
			for (int i = 0; i < crew; i++)
				if (board->crew[i] == pid) {
					board->crew[i] = 0;
					running--;
					if (WIFEXITED(status) && WEXITSTATUS(status) >= 98)
						fail("a worker ended with %d", WEXITSTATUS(status));
				}
		}
		tiny_sleep(500 + any(3000));
	}
}

/* All that is left: killed and reaped, within a minute. */
static void finish(void)
{
	int64_t until = now_ms() + LONG_MS;

	while (now_ms() < until) {
		pid_t pid;

		kill(-1, SIGKILL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return;
		tiny_sleep(10000);
	}
	fail("a process does not end");
}

int main(int argc, char **argv)
{
	static struct owner had[OWNERS_MAX], have[OWNERS_MAX];
	int descriptors, before, after, owners;
	long memory;

	if (argc == 3 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (argc < 4 || atoi(argv[3]) > CREW_MAX)
		return 2;
	if (getpid() != 1) {
		fprintf(stderr, "churn: it ends by killing all processes: run it as the first process of a sandbox alone\n");
		return 2;
	}
	self = argv[0];
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	rng = strtoull(argv[2], NULL, 10) * 2654435761u + 88172645463325252ull;
	descriptors = count_in("/proc/self/fd", 1);
	before = count_in("/proc", 1);
	/* What is made once and kept is made by now. */
	keep_crew(atoi(argv[3]), now_ms() + 1000);
	finish();
	memset(board->crew, 0, sizeof(board->crew));
	owners = read_owners(had);
	memory = free_memory();
	keep_crew(atoi(argv[3]), now_ms() + atoi(argv[1]) * 1000ll);
	finish();
	after = count_in("/proc", 1);
	for (int i = 0; i < DEEDS; i++)
		printf("%s %llu\n", deed_names[i], (unsigned long long)board->done[i]);
	memory -= free_memory();
	tell_growth(had, owners, have, read_owners(have));
	printf("free memory %ld KiB less\n", memory);
	printf("killed %llu\n", (unsigned long long)board->killed);
	if (after != before)
		fail("%d processes, %d at the beginning", after, before);
	if (memory > LOST_KIB)
		fail("%ld KiB of memory are lost", memory);
	if (count_in("/proc/self/fd", 1) != descriptors)
		fail("%d descriptors, %d at the beginning", count_in("/proc/self/fd", 1), descriptors);
	if (board->failed)
		printf("failed: %s\n", board->why);
	return board->failed;
}
