/*
 * Core files, core(5): a process that a signal ends with an image of its memory leaves that in a file named by
 * /proc/sys/kernel/core_pattern, within RLIMIT_CORE, as an ELF that debuggers read.  The library OS writes it, with the process's own
 * rights, among the guest's files: the host's core files are another matter, and off.
 */
#ifndef LIBOS_COREDUMP_H
#define LIBOS_COREDUMP_H

#include "libos/signal/userregs.h"

#define CORE_PATTERN_MAX 128
extern char core_pattern[CORE_PATTERN_MAX];
extern i64 core_uses_pid;
#define CORE_FILTER_DEFAULT 0x33u	/* core(5): anonymous memory, private and shared; first pages of ELF files; large pages */

/* The current process ends by sig: true if a core file was begun.  It is ending from then on. */
bool core_dump(int sig, const struct siginfo_kernel *info);
/* An ending thread whose process is being dumped: it leaves its registers, and waits until that is done. */
void core_park(struct thread *t);
void core_forget(struct process *p);

/* --- among the parts --- */

struct core_thread {
	struct list node;
	i32 tid;
	sigset_kernel pending, blocked;
	struct user_regs regs;
	void *extended;		/* vector registers; null: there was no memory for them */
};

struct core_dump {
	struct mutex lock;	/* RANK_SIGHAND */
	struct list threads;	/* struct core_thread; the one that a signal ended first */
	u32 parked;		/* threads that wait for `done` */
	u32 done;
	int sig;
	struct siginfo_kernel info;
};

struct file;
struct file *core_open(const struct core_dump *core, struct process *p);	/* null: there is none */
void core_write(struct core_dump *core, struct process *p, struct file *f, u64 limit);

#endif
