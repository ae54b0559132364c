/*
 * What driver.c steps through: the main thread makes one system call a round, from a function of its own or of libc, the
 * second thread does what standard input says.  Each round prints what its handler saw and what the call returned.
 *
 *	0 to 5	take this function from now on		p	put a byte into the pipe
 *	g	let the main thread call		s, t	SIGUSR1 (SA_RESTART), SIGUSR2 to the main thread
 *	q	end
 *
 * Orders 0 to 5, s and t are answered by `done`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define FRAMES 12
#define CANCELLED (-125L)

/*
 * read(2) by four functions.  A breakpoint stands at their first byte.
 * behind:	the jump takes what follows; negated once, so that doing it twice or never shows
 * before:	a branch leads behind the syscall, the jump takes the mov
 * around:	a branch leads behind the jump behind the syscall: what is before it, it and that jump are taken
 * window:	as __syscall_cancel_arch of glibc since 2.41 and __syscall_cp_asm of musl: who is interrupted in
 *		[window_begin, window_end) is taken to have had no effect and goes to window_cancel
 * And yields: sched_yield(2), which leaves the byte in the pipe.
 */
long behind(int fd, void *buf, size_t n);
long before(int fd, void *buf, size_t n);
long around(int fd, void *buf, size_t n);
long window(int fd, void *buf, size_t n);
long yields(int fd, void *buf, size_t n);
extern char window_begin[], window_end[], window_cancel[];

__asm__(".text\n"
	".globl behind, before, around, window, window_begin, window_end, window_cancel\n"
	".type behind, @function\n"
	"behind:\n"
	".cfi_startproc\n"
	"	nop\n"
	"	xor %eax, %eax\n"
	"	syscall\n"
	"	neg %rax\n"
	"	neg %rax\n"
	"	neg %rax\n"
	"	ret\n"
	".cfi_endproc\n"
	".size behind, . - behind\n"
	".type before, @function\n"
	"before:\n"
	".cfi_startproc\n"
	"	nop\n"
	"	mov $0, %eax\n"
	"	syscall\n"
	"	jmp 3f\n"
	"2:	nop\n"
	"3:	neg %rax\n"
	"	cmp $77, %rax\n"
	"	je 2b\n"
	"	ret\n"
	".cfi_endproc\n"
	".size before, . - before\n"
	".type around, @function\n"
	"around:\n"
	".cfi_startproc\n"
	"	nop\n"
	"	xor %eax, %eax\n"
	"	syscall\n"
	"	jmp 3f\n"
	"2:	nop\n"
	"3:	neg %rax\n"
	"	cmp $77, %rax\n"
	"	je 2b\n"
	"	ret\n"
	".cfi_endproc\n"
	".size around, . - around\n"
	".type window, @function\n"
	"window:\n"
	".cfi_startproc\n"
	"	nop\n"
	"	sub $8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"window_begin:\n"
	"	mov (%rsp), %ecx\n"
	"	xor %eax, %eax\n"
	"	syscall\n"
	"window_end:\n"
	"	add $8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"window_cancel:\n"
	".cfi_adjust_cfa_offset 8\n"
	"	mov $-125, %rax\n"
	"	add $8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size window, . - window\n"
	".globl yields\n"
	".type yields, @function\n"
	"yields:\n"
	".cfi_startproc\n"
	"	nop\n"
	"	mov $24, %eax\n"
	"	syscall\n"
	"	neg %rax\n"
	"	neg %rax\n"
	"	ret\n"
	".cfi_endproc\n"
	".size yields, . - yields\n");

static long through_libc(int fd, void *buf, size_t n)
{
	ssize_t got = read(fd, buf, n);

	return got < 0 ? -errno : got;
}

static const struct { const char *name; long (*call)(int, void *, size_t); void *entry; } function[] = {
	{"behind", behind, behind}, {"before", before, before}, {"around", around, around}, {"window", window, window}, {"libc", through_libc, read}, {"yields", yields, yields},
};

static int pipe_end[2];
static sem_t go;
static pthread_t caller;
static volatile int chosen, ending;

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(3);
}

static int append_place(char *at, size_t room, const void *address)
{
	Dl_info info = {0};
	const char *file;

	if (!dladdr(address, &info) || !info.dli_fname)
		return snprintf(at, room, " ?%p", address);
	file = strrchr(info.dli_fname, '/');
	return snprintf(at, room, " %s+%lx", info.dli_fbase == (void *)0 ? "?" : file && strstr(file, "libc") ? "libc" : "program",
			(unsigned long)((const char *)address - (const char *)info.dli_fbase));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	void *frame[FRAMES];
	char line[512];
	int saved = errno, n = backtrace(frame, FRAMES), at;

	at = snprintf(line, sizeof(line), "h %lx %d %d", (unsigned long)*rip, sig, info->si_code);
	at += append_place(line + at, sizeof(line) - at, (void *)*rip);
	at += snprintf(line + at, sizeof(line) - at, " |");
	for (int i = 1; i < n; i++)	/* 0: this handler */
		at += append_place(line + at, sizeof(line) - at, frame[i]);
	snprintf(line + at, sizeof(line) - at, "\n");
	if (*rip >= (greg_t)window_begin && *rip < (greg_t)window_end)
		*rip = (greg_t)window_cancel;
	say(line);
	errno = saved;
}

static void *follow_orders(void *unused)
{
	char order[2] = "";

	/* Not by read(): there may stand a breakpoint, and this thread is not traced. */
	while (syscall(SYS_read, 0, order, 1) == 1) {
		switch (*order) {
		case '0': case '1': case '2': case '3': case '4': case '5':
			chosen = *order - '0';
			break;
		case 'g':
			sem_post(&go);
			continue;
		case 'p':
			if (write(pipe_end[1], "x", 1) != 1)
				_exit(4);
			continue;
		case 's':
			pthread_kill(caller, SIGUSR1);
			break;
		case 't':
			pthread_kill(caller, SIGUSR2);
			break;
		case 'q':
			ending = 1;
			sem_post(&go);
			return NULL;
		}
		say("done\n");
	}
	_exit(5);
}

static __attribute__((noinline)) void one_round(void)
{
	char byte, line[80];
	long result = function[chosen].call(pipe_end[0], &byte, 1);
	struct pollfd p = {pipe_end[0], POLLIN, 0};
	int left = -1;

	/* The call had no effect: then its byte is there, or comes; if it was lost, this waits for good. */
	if (labs(result) != 1)
		while (poll(&p, 1, -1) < 0)
			;
	if (ioctl(pipe_end[0], FIONREAD, &left))
		_exit(6);
	snprintf(line, sizeof(line), "r %ld %d\n", result, left);
	while (left-- > 0)
		if (read(pipe_end[0], &byte, 1) != 1)
			_exit(7);
	say(line);
}

static char token[64];	/* the driver finds our process by it */

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	pthread_t other;
	void *frame[FRAMES];
	char line[200], byte;

	strncpy(token, argc > 1 ? argv[1] : "", sizeof(token) - 1);
	if (pipe(pipe_end) || sem_init(&go, 0, 0))
		return 2;
	backtrace(frame, FRAMES);	/* loads what it needs */
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGUSR2, &sa, NULL);
	/* So often that the sites are hot. */
	for (int i = 0; i < 5000; i++)
		for (chosen = 0, yields(0, NULL, 0); chosen < 5; chosen++)
			if (write(pipe_end[1], "x", 1) != 1 || labs(function[chosen].call(pipe_end[0], &byte, 1)) != 1)
				return 2;
	chosen = 0;
	caller = pthread_self();
	pthread_create(&other, NULL, follow_orders, NULL);
	snprintf(line, sizeof(line), "at %p %p %p %p %p %p %p\n", function[0].entry, function[1].entry, function[2].entry,
		 function[3].entry, function[4].entry, function[5].entry, (void *)token);
	say(line);
	for (;;) {
		while (sem_wait(&go))
			;
		if (ending)
			return 0;
		one_round();
	}
}
