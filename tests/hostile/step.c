/* See step.h.  The thread is held by PTRACE_SEIZE and single-stepped; signals it gets meanwhile are passed on. */
#define _GNU_SOURCE
#include "tests/hostile/step.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MAX 5000
#define INSTRUCTIONS_MAX 128
#define ROUNDS 3
#define TRAP_FLAG 0x100ull

static uint64_t symbol(const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint64_t value = 0;
	const char *file;
	const Elf64_Ehdr *e;
	const Elf64_Shdr *s;

	if (fd < 0 || fstat(fd, &st))
		return 0;
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return 0;
	e = (const void *)file;
	s = (const void *)(file + e->e_shoff);
	for (int i = 0; i < e->e_shnum; i++) {
		const Elf64_Sym *syms = (const void *)(file + s[i].sh_offset);

		if (s[i].sh_type != SHT_SYMTAB)
			continue;
		for (size_t n = 0; n < s[i].sh_size / sizeof(*syms); n++)
			if (!strcmp(file + s[s[i].sh_link].sh_offset + syms[n].st_name, name))
				value = syms[n].st_value;
	}
	munmap((void *)file, st.st_size);
	return value;
}

static pid_t first_child(pid_t pid)
{
	char path[64];
	int child = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &child) != 1)
		child = -1;
	fclose(f);
	return child;
}

static uint64_t rip_of(pid_t tid)
{
	struct user_regs_struct regs;

	return ptrace(PTRACE_GETREGS, tid, 0, &regs) ? 0 : regs.rip;
}

/* The kernel may take its own trap flag for the program's after a popf: clear it by hand. */
static bool clear_trap_flag(pid_t tid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, 0, &regs))
		return false;
	regs.eflags &= ~TRAP_FLAG;
	return !ptrace(PTRACE_SETREGS, tid, 0, &regs);
}

/* Go on at full speed. */
static bool run_on(pid_t tid, int sig)
{
	return clear_trap_flag(tid) && !ptrace(PTRACE_CONT, tid, 0, sig);
}

/* Wait for the thread to stop; what signal it is about to get, 0 for none, -1 if it is gone. */
static int stopped_by(pid_t tid)
{
	int status;

	if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		return -1;
	if (status >> 16 == PTRACE_EVENT_STOP)
		return 0;
	return WSTOPSIG(status);
}

static int halt(pid_t tid)
{
	int sig;

	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0))
		return -1;
	while ((sig = stopped_by(tid)) > 0)
		if (!run_on(tid, sig == SIGTRAP ? 0 : sig))
			return -1;
	return sig;
}

/* From a stop: step until `reached` says so.  Passes on all signals but the step's own. */
static bool step_until(pid_t tid, bool (*reached)(uint64_t rip, const void *arg), const void *arg)
{
	int sig = 0;

	for (int i = 0; i < STEPS_MAX; i++) {
		if (sig && !clear_trap_flag(tid))
			return false;
		if (ptrace(PTRACE_SINGLESTEP, tid, 0, sig))
			return false;
		sig = stopped_by(tid);
		if (sig < 0)
			return false;
		if (sig == SIGTRAP)
			sig = 0;
		if (!sig && reached(rip_of(tid), arg))
			return true;
	}
	return false;
}

static bool is_at(uint64_t rip, const void *arg)
{
	return rip == *(const uint64_t *)arg;
}

struct window {
	uint64_t begin, end, last; /* last: an instruction that may sleep, or 0 */
	uint64_t seen[INSTRUCTIONS_MAX];
	int count;
};

/* Notes each address in the window on the way, ends behind it or at the one that may sleep. */
static bool notes(uint64_t rip, const void *arg)
{
	struct window *w = (struct window *)arg;

	if (rip < w->begin || rip >= w->end)
		return w->count > 0;
	for (int i = 0; i < w->count; i++)
		if (w->seen[i] == rip)
			return false;
	if (w->count < INSTRUCTIONS_MAX)
		w->seen[w->count++] = rip;
	return rip == w->last;
}

/* Delivered before the instruction is executed; then on at full speed. */
static bool interrupt_here(pid_t tid)
{
	syscall(SYS_tgkill, tid, tid, SIGUSR1);
	if (!run_on(tid, 0) || stopped_by(tid) != SIGUSR1 || !run_on(tid, SIGUSR1))
		return false;
	usleep(500);
	return true;
}

int step_through(pid_t sandbox, const char *host_layer, const char *name)
{
	struct window w = { 0 };
	char text[64];
	pid_t tid = first_child(sandbox);
	int injected = 0;

	snprintf(text, sizeof(text), "host_%s_begin", name);
	w.begin = symbol(host_layer, text);
	snprintf(text, sizeof(text), "host_%s_end", name);
	w.end = symbol(host_layer, text);
	if (tid < 0 || !w.begin || !w.end || ptrace(PTRACE_SEIZE, tid, 0, 0)) {
		printf("FAIL step: %s of %d: %s\n", name, tid, strerror(errno));
		return -1;
	}
	/* Several times, for there may be two ways through the window. */
	for (int pass = 0; pass < 4; pass++) {
		struct window once = { .begin = w.begin, .end = w.end };

		once.last = strcmp(name, "block") ? 0 : w.end - 2; /* `syscall` */
		if (halt(tid) < 0 || !step_until(tid, notes, &once) || !interrupt_here(tid))
			goto failed;
		for (int i = 0; i < once.count; i++)
			notes(once.seen[i], &w);
		injected++;
	}
	for (int i = 0; i < w.count * ROUNDS; i++) {
		if (halt(tid) < 0 || !step_until(tid, is_at, &w.seen[i % w.count]))
			goto failed;
		if (!interrupt_here(tid))
			goto failed;
		injected++;
	}
	if (halt(tid) < 0 || ptrace(PTRACE_DETACH, tid, 0, 0))
		goto failed;
	printf("%s: %d interrupts at %d instructions\n", name, injected, w.count);
	fflush(stdout);
	return injected;
failed:
	printf("FAIL step: %s stopped after %d interrupts at %#lx, %d instructions, wants %#lx\n", name, injected, (unsigned long)rip_of(tid), w.count, injected >= 4 ? (unsigned long)w.seen[(injected - 4) % w.count] : 0);
	kill(tid, SIGKILL);
	return -1;
}
