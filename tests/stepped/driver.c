/*
 * Steps a guest program (guest.c) through its system calls, host instruction by host instruction, by ptrace, and has a signal
 * arrive at each.  What the handler sees (rip, backtrace), what the call returns and whether it took effect must be what is seen
 * natively at one of the instructions of the same function, where it runs first.
 *
 *	driver [--stride N] [--trap-only] NATIVE-PROGRAM -- COMMAND... 	COMMAND runs the same program in a sandbox
 *
 * Needs root, to trace what has left everything else behind; else it is skipped.  In the library OS each N-th instruction counts.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FUNCTIONS 6
#define BEHIND 0
#define BEFORE 1		/* the jumps of these stand before the `syscall` */
#define AROUND 2
#define YIELDS 5		/* waits for nothing */
#define STEPS_MAX 6000
#define SEEN_MAX 4096
#define PATIENCE_MS 20000
#define BLOCKED_MS 40		/* asleep for so long: the call waits */
#define TRAP_FLAG 0x100ul
#define PUSHFQ 0x9c
#define HELD_MS 50
#define JUMP 0xe9
#define FUNCTION_BYTES 64
#define HOST_LAYER 0x7c0000000ul	/* below it in this range: the host layer */
#define LIBOS_LOW 0x200000000000ul
#define LIBOS_HIGH 0x300000000000ul

static const char *const names[FUNCTIONS] = {"behind", "before", "around", "window", "libc", "yields"};

struct run {
	const char *where;
	pid_t child;		/* what was started, */
	pid_t traced;		/* ... and the thread that calls */
	int in, out, mem;
	int orders, answers;	/* that are answered: the answer may come later than what follows from the order */
	bool native, asleep;		/* in a call whose step has not ended: its trap is still to come */
	unsigned long entry[FUNCTIONS], site[FUNCTIONS];	/* the `syscall` instruction, behind the entry */
	const char *what;	/* happens */
	char text[8192];
	size_t have;
};

static char *seen[SEEN_MAX];
static int seen_count, failures, rounds, late, stride = 1;
static bool trap_only;	/* nothing is to be patched */
static char token[64];	/* tells our program from others */

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the conversation with the guest ----------------------------------------------------------------------- */

static void start(struct run *r, char **argv)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		die("pipe: %m");
	r->child = fork();
	if (!r->child) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	r->in = to[1];
	r->out = from[0];
}

static void order(const struct run *r, char c)
{
	if (write(r->in, &c, 1) != 1)
		die("%s: the program is gone", r->where);
}

/* The next line that begins with `what`, without its end; NULL: none came in time. */
static char *line(struct run *r, const char *what, long patience)
{
	static char copy[1024];
	long end = now_ms() + patience;

	for (;;) {
		char *stop = memchr(r->text, '\n', r->have);
		struct pollfd p = {r->out, POLLIN, 0};
		ssize_t n;

		if (stop) {
			size_t length = stop + 1 - r->text;

			snprintf(copy, sizeof(copy), "%.*s", (int)length - 1, r->text);
			memmove(r->text, stop + 1, r->have - length);
			r->have -= length;
			if (!strcmp(copy, "done")) {
				r->answers++;
				if (*what != 'd')
					continue;
			}
			if (!strncmp(copy, what, strlen(what)))
				return copy;
			die("%s: \"%s\" where \"%s\" was to come", r->where, copy, what);
		}
		if (poll(&p, 1, patience ? 10 : 0) <= 0) {
			if (now_ms() >= end)
				return NULL;
			continue;
		}
		n = read(r->out, r->text + r->have, sizeof(r->text) - r->have);
		if (n <= 0)
			die("%s: the program has ended", r->where);
		r->have += n;
	}
}

static void order_answered(struct run *r, char c)
{
	r->orders++;
	order(r, c);
}

static bool is_answered(struct run *r, long patience)
{
	while (r->answers < r->orders)
		if (!line(r, "done", patience))
			return false;
	return true;
}

/* --- the thread ------------------------------------------------------------------------------------------- */

/* The host process that has our token at the address: the program natively, the picoprocess in a sandbox. */
static pid_t find_process(unsigned long address)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (!found && (e = readdir(d))) {
		char path[300], text[sizeof(token)] = "";
		pid_t pid = atoi(e->d_name);
		int mem;

		if (pid <= 0 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/mem", pid);
		mem = open(path, O_RDONLY | O_CLOEXEC);
		if (mem >= 0 && pread(mem, text, sizeof(text), address) > 0 && !strncmp(text, token, sizeof(text)))
			found = pid;
		if (mem >= 0)
			close(mem);
	}
	closedir(d);
	return found;
}

static unsigned char byte_at(const struct run *r, unsigned long address)
{
	unsigned char byte = 0;

	if (pread(r->mem, &byte, 1, address) != 1)
		die("%s: %#lx cannot be read", r->where, address);
	return byte;
}

static void put_byte(const struct run *r, unsigned long address, unsigned char byte)
{
	if (pwrite(r->mem, &byte, 1, address) != 1)
		die("%s: %#lx cannot be written: %m", r->where, address);
}

/* Until the thread stops: the signal, 0 if it sleeps instead. */
static int wait_stop(const struct run *r)
{
	long asleep_since = 0;
	char path[64], text[400];
	int status;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", r->traced, r->traced);
	for (long spins = 0;; spins++) {
		pid_t pid = waitpid(r->traced, &status, WNOHANG | __WALL);
		FILE *f;
		char *state;

		if (pid < 0 || (pid > 0 && !WIFSTOPPED(status)))
			die("%s: the traced thread has ended (%#x)", r->where, pid < 0 ? 0 : status);
		if (pid > 0)
			return WSTOPSIG(status);
		if (spins < 200)
			continue;
		usleep(100);
		f = fopen(path, "r");
		if (!f || !fgets(text, sizeof(text), f))
			die("%s: the traced thread is gone", r->where);
		fclose(f);
		state = strrchr(text, ')');
		if (!state || state[2] != 'S')
			asleep_since = 0;
		else if (!asleep_since)
			asleep_since = now_ms();
		else if (now_ms() - asleep_since > BLOCKED_MS)
			return 0;
	}
}

static unsigned long rip_of(const struct run *r, struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_GETREGS, r->traced, 0, regs))
		die("%s: registers: %m", r->where);
	return regs->rip;
}

/*
 * One instruction: SIGTRAP; 0: the thread sleeps in it; another signal that it is about to get: SIGSYS where the call traps.  Host
 * handlers are not stepped through: they block SIGTRAP, and a trap that is blocked would become deadly for good.
 */
static int step(const struct run *r)
{
	struct user_regs_struct regs;
	unsigned char code = byte_at(r, rip_of(r, &regs));
	unsigned long word;
	int sig;

	if (ptrace(PTRACE_SINGLESTEP, r->traced, 0, 0))
		die("%s: step: %m", r->where);
	sig = wait_stop(r);
	/* The flag that steps is the tracer's: the program must not save it as its own. */
	if (sig && code == PUSHFQ && pread(r->mem, &word, 8, regs.rsp - 8) == 8) {
		word &= ~TRAP_FLAG;
		if (pwrite(r->mem, &word, 8, regs.rsp - 8) != 8)
			die("%s: flags: %m", r->where);
	}
	return sig;
}

static void go_on(const struct run *r, int sig)
{
	if (ptrace(PTRACE_CONT, r->traced, 0, sig) && errno != ESRCH)
		die("%s: continue: %m", r->where);
}

/*
 * A trap while the thread runs freely: the end of a step that slept, or of a call that the filter made a SIGSYS of (the kernel ends
 * it by a trap all the same, which waits until the handler has returned), or the library OS's own, which steps through displaced
 * instructions: that one is for it.  (If it was neither, it ends the program.)
 */
static int trap(const struct run *r)
{
	struct user_regs_struct regs;
	unsigned long rip = rip_of(r, &regs);

	return r->asleep && (r->native || (rip >= LIBOS_LOW && rip < LIBOS_LOW + HOST_LAYER)) ? 0 : SIGTRAP;
}

/* Lets the thread run, handing its signals on, until the text that is expected of it comes. */
static char *line_while_running(struct run *r, const char *what)
{
	long end = now_ms() + PATIENCE_MS;
	char *text = NULL;
	int status;

	while (!text && now_ms() < end) {
		if (waitpid(r->traced, &status, WNOHANG | __WALL) > 0) {
			if (!WIFSTOPPED(status))
				die("%s: the traced thread has ended (%#x)", r->where, status);
			ptrace(PTRACE_CONT, r->traced, 0, WSTOPSIG(status) == SIGTRAP ? trap(r) : WSTOPSIG(status));
		}
		text = line(r, what, 0);
		if (!text)
			usleep(50);
	}
	return text;
}

/* Whatever signal it is about to get is its own: its call may trap just now. */
static void let_go(const struct run *r)
{
	int status;

	if (waitpid(r->traced, &status, WNOHANG | __WALL) > 0 && WIFSTOPPED(status))
		ptrace(PTRACE_DETACH, r->traced, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	else
		ptrace(PTRACE_DETACH, r->traced, 0, 0);
}

/* --- one round ------------------------------------------------------------------------------------------- */

static void reach_entry(struct run *r, int f)
{
	unsigned char first = byte_at(r, r->entry[f]);
	struct user_regs_struct regs;
	int sig;

	put_byte(r, r->entry[f], 0xcc);
	order(r, 'g');
	for (;;) {
		do
			sig = wait_stop(r);
		while (!sig);
		if (sig == SIGTRAP)
			break;
		ptrace(PTRACE_CONT, r->traced, 0, sig);
	}
	put_byte(r, r->entry[f], first);
	if (rip_of(r, &regs) != r->entry[f] + 1)
		die("%s: stopped at %llx, not behind %lx", r->where, regs.rip, r->entry[f]);
	regs.rip--;
	if (ptrace(PTRACE_SETREGS, r->traced, 0, &regs))
		die("%s: registers: %m", r->where);
}

/* Natively noted, in the sandbox looked up. */
static void observe(bool native, const char *text, const char *what)
{
	for (int i = 0; i < seen_count; i++)
		if (!strcmp(seen[i], text))
			return;
	if (native) {
		if (seen_count == SEEN_MAX)
			die("too much is seen natively");
		seen[seen_count++] = strdup(text);
	} else if (failures++ < 20) {
		fprintf(stderr, "%s: not seen natively: %s\n", what, text);
	}
}

/*
 * Two things must be as natively: place, signal and backtrace; and what the call returned and did, given the signal and whether
 * it was shown in front of the system call or behind it.  Behind it, not the very instruction: EINTR shows natively the one that follows
 * the `syscall`, and in a sandbox the one that follows what was displaced.
 */
static void compare(const struct run *r, int f, bool full, const char *handler, const char *result, const char *what)
{
	unsigned long rip;
	char text[2100];
	int sig, from;

	if (sscanf(handler, "h %lx %d %n", &rip, &sig, &from) < 2)
		die("%s: \"%s\"", what, handler);
	snprintf(text, sizeof(text), "%s: signal %d at %s", names[f], sig, handler + from);
	observe(r->native, text, what);
	snprintf(text, sizeof(text), "%s from %s pipe: signal %d %s the call, %s", names[f], full ? "a full" : "an empty", sig,
		 rip >= r->entry[f] && rip <= r->entry[f] + r->site[f] ? "before" : "behind", result);
	observe(r->native, text, what);
}

static bool in_libos(unsigned long rip)
{
	return rip >= LIBOS_LOW + HOST_LAYER && rip < LIBOS_HIGH;
}

/* Where a signal is to come: at each of the program's and the stubs' instructions; for one function at each of the host layer's, too. */
static bool is_interesting(unsigned long rip, int f, int steps)
{
	if (rip < LIBOS_LOW || rip >= LIBOS_HIGH)
		return true;
	return !(steps % (in_libos(rip) ? stride : f == BEHIND ? 1 : 5));
}

/*
 * Steps at least `from` times, then has the signal come.  How often it stepped; -1: the thread slept or came back from the
 * function before, and that was the last round of its kind.
 */
static int one_round(struct run *r, int f, bool full, char sig, int from)
{
	char handler[1024], what[200], *reply;
	struct user_regs_struct regs;
	unsigned long rip, back;
	int sig_here = SIGTRAP, steps = 0;
	bool last;

	if (full)
		order(r, 'p');
	reach_entry(r, f);
	rip = rip_of(r, &regs);
	if (pread(r->mem, &back, 8, regs.rsp) != 8)
		die("%s: the stack cannot be read", r->where);
	while (sig_here == SIGTRAP && rip != back && (steps < from || !is_interesting(rip, f, steps))) {
		sig_here = step(r);
		if (sig_here)
			rip = rip_of(r, &regs);
		steps++;
	}
	last = sig_here != SIGTRAP || rip == back;
	snprintf(what, sizeof(what), "%s, %s, instruction %d (%#lx)", r->where, names[f], steps, rip);
	r->what = what;
	r->asleep = !sig_here || sig_here == SIGSYS;
	order_answered(r, sig);
	/* If it sleeps, it wakes now; else it goes on when the signal has been sent, or cannot be: for want of what it holds. */
	if (sig_here) {
		is_answered(r, in_libos(rip) ? HELD_MS : PATIENCE_MS);
		go_on(r, sig_here == SIGTRAP ? 0 : sig_here);
	}
	reply = line_while_running(r, "");
	if (reply && *reply == 'r') {
		/* Sent late, when the call had returned: of no interest. */
		late++;
		if (!line_while_running(r, "h"))
			die("%s: no signal came", what);
		return last ? -1 : steps;
	}
	if (!reply)
		die("%s: no signal came", what);
	strcpy(handler, reply);
	if (!full)
		order(r, 'p');
	reply = line_while_running(r, "r");
	if (!reply)
		die("%s: the call did not return", what);
	compare(r, f, full, handler, reply, what);
	rounds++;
	return last ? -1 : steps;
}

static void every_instruction(struct run *r)
{
	for (int kind = 0; kind < 4 * FUNCTIONS; kind++) {
		int f = kind / 4, steps = -1;

		if (f == YIELDS && !(kind & 1))
			continue;
		order_answered(r, '0' + f);
		if (!is_answered(r, PATIENCE_MS))
			die("%s: no answer", r->where);
		do
			steps = one_round(r, f, kind & 1, kind & 2 ? 's' : 't', steps + 1);
		while (steps >= 0);
	}
}

/* How far behind the address the two bytes stand. */
static unsigned long find_bytes(const struct run *r, unsigned long address, unsigned char first, unsigned char second)
{
	for (int i = 0; i < FUNCTION_BYTES; i++)
		if (byte_at(r, address + i) == first && byte_at(r, address + i + 1) == second)
			return i;
	die("%s: no system call at %#lx", r->where, address);
}

static void follow(struct run *r, bool native, const char *where, char **argv, const unsigned long sites[FUNCTIONS])
{
	char path[64], *reply;
	unsigned long e[FUNCTIONS], nonce;
	int patched = 0;

	r->where = where;
	r->native = native;
	memcpy(r->site, sites, sizeof(r->site));
	start(r, argv);
	reply = line(r, "at", PATIENCE_MS);
	if (!reply || sscanf(reply, "at %lx %lx %lx %lx %lx %lx %lx", &e[0], &e[1], &e[2], &e[3], &e[4], &e[5], &nonce) != 7)
		die("%s: the program does not begin", where);
	memcpy(r->entry, e, sizeof(e));
	r->traced = find_process(nonce);
	if (!r->traced)
		die("%s: its process is not found", where);
	snprintf(path, sizeof(path), "/proc/%d/mem", r->traced);
	r->mem = open(path, O_RDWR | O_CLOEXEC);
	if (r->mem < 0 || ptrace(PTRACE_SEIZE, r->traced, 0, PTRACE_O_TRACESYSGOOD))
		die("%s: process %d cannot be traced: %m", where, r->traced);
	for (int f = 0; f < FUNCTIONS; f++) {
		if (native)
			r->site[f] = find_bytes(r, e[f], 0x0f, 0x05);
		if (byte_at(r, e[f] + r->site[f]) == JUMP || ((f == BEFORE || f == AROUND) && byte_at(r, e[f] + 1) == JUMP))
			patched++;
		else if (!native && !trap_only)
			printf("%s: %s is not patched\n", where, names[f]);
	}
	every_instruction(r);
	order(r, 'q');
	let_go(r);
	printf("%s: %d of %d functions patched, %d signals, %d late\n", where, patched, FUNCTIONS, rounds, late);
	if (patched != (native || trap_only ? 0 : FUNCTIONS))
		failures++;
	rounds = late = 0;
}

int main(int argc, char **argv)
{
	static struct run natively, sandboxed;

	if (argc > 2 && !strcmp(argv[1], "--stride")) {
		stride = atoi(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc > 1 && !strcmp(argv[1], "--trap-only")) {
		trap_only = true;
		argv++;
		argc--;
	}
	if (argc < 4 || strcmp(argv[2], "--"))
		die("driver [--stride N] [--trap-only] NATIVE-PROGRAM -- COMMAND...");
	if (geteuid())
		return 77;
	signal(SIGPIPE, SIG_IGN);
	snprintf(token, sizeof(token), "token-%d-%ld", getpid(), now_ms());
	follow(&natively, true, "natively", (char *[]){argv[1], token, NULL}, natively.site);
	printf("%d things may be seen\n", seen_count);
	/* The command's last argument is the token, too. */
	argv = memcpy(calloc(argc + 2, sizeof(*argv)), argv, argc * sizeof(*argv));
	argv[argc] = token;
	follow(&sandboxed, false, "in the sandbox", argv + 3, natively.site);
	return failures != 0;
}
