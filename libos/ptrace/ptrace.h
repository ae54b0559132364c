/*
 * ptrace(2).  A traced thread stops itself, at places in the library OS where its registers are whole, and leaves them in struct
 * ptrace; there its tracer reads and writes them.  Its memory it reads and writes itself, on request (mm/remote.c).  Text of a traced
 * process is not rewritten: from its first stop on each call traps, and what a debugger reads and writes is the program's own.
 *
 * tasklist_lock protects it all.  A tracer is a process; any thread of it may ask.
 */
#ifndef LIBOS_PTRACE_H
#define LIBOS_PTRACE_H

#include "libos/signal/userregs.h"

enum ptrace_place { PLACE_ELSEWHERE, PLACE_ENTRY, PLACE_EXIT, PLACE_SECCOMP };	/* PTRACE_SYSCALL_INFO_* */

struct ptrace {
	ref_t refs;
	struct list node;	/* tracer->tracees, or those to be freed */
	struct thread *thread;	/* referenced */
	struct process *tracer;	/* referenced; null: it let go */
	u32 options;		/* PTRACE_O_* */
	bool seized;

	u32 stopped;		/* the thread sleeps until it is 0 */
	bool listening;		/* stopped for its tracer's eyes, but not for its requests (PTRACE_LISTEN) */
	bool reported;		/* wait(2) told of the stop */
	bool ended;		/* a thread beside others ended with exit_code */
	u32 code;		/* what wait(2) tells of the stop, without the 0x7f */
	u32 exit_code;
	int inject;		/* the signal that it is to go on with */
	u64 message;		/* PTRACE_GETEVENTMSG */
	bool reaped;		/* the tree's reference to its process is this one's */

	bool has_info;
	struct siginfo_kernel info;
	u32 place;		/* enum ptrace_place */
	u64 call;		/* the number, as the guest gave it */
	u32 seccomp_data;
	struct user_regs regs;
	void *extended;		/* vector registers; null: no memory for them */
	bool regs_set, extended_set;
	u64 debug[8];		/* debug registers: see watch.c */
	u64 watched[4];		/* what a watched place held when it was last looked at */
};

static inline bool ptraced(const struct thread *t)
{
	return unlikely(READ_ONCE(t->ptrace) != NULL);
}

/* --- by the traced thread itself (stop.c); each may sleep --- */

/* Before a signal is acted on: the signal to act on instead, or 0. */
int ptrace_signal(struct thread *t, int sig, struct siginfo_kernel *info);
/* Its process is stopped by job control, or HOOK_TRAP is set. */
void ptrace_group_stop(struct thread *t);
void ptrace_trap(struct thread *t);
/* HOOK_CALLS and HOOK_EMULATE.  False: the call is not made, and gives *ret. */
bool ptrace_call_begins(struct thread *t, struct bz_context *ctx, long *ret);
void ptrace_call_ends(struct thread *t, struct bz_context *ctx);
/* SECCOMP_RET_TRACE: the tracer was asked. */
bool ptrace_seccomp(struct thread *t, struct bz_context *ctx, u32 data, bool *skip, long *ret);
bool ptrace_event(u32 event, u64 message);	/* PTRACE_EVENT_*; false: its tracer does not want to know */
void ptrace_exec(struct thread *t);		/* a new program is loaded */
void ptrace_stepped(struct thread *t);		/* HOOK_STEP: an instruction was done that raised no trap of its own */
/* watch.c, HOOK_WATCH: the trap behind an instruction was for the debug registers alone: go on. */
bool ptrace_watch(struct thread *t, struct bz_context *ctx, struct siginfo_kernel *info);
void ptrace_watch_begin(struct ptrace *pt);	/* note what the watched places hold */

/* --- by others --- */

/* The current thread makes `child`, which is traced too if the event (or CLONE_PTRACE) says so; before anybody knows of it. */
u32 ptrace_clone_event(u64 clone_flags, u32 exit_signal);	/* PTRACE_EVENT_FORK, _VFORK, _CLONE */
void ptrace_child(struct thread *child, u32 event, bool always);
void ptrace_thread_ends(struct thread *t, u32 code);	/* others of its process go on; tasklist locked */
/* Tasklist locked: a process that is traced by another than its parent has ended: its tracer is told. */
bool ptrace_zombie(struct process *p);
void ptrace_reaped(struct process *p);			/* tasklist locked */
void ptrace_tracer_ends(struct process *p);
bool ptrace_hides(const struct process *child, const struct process *parent);	/* its end is its tracer's to see first; tasklist locked */
void ptrace_leader_gone(struct thread *now);		/* exec: `now` has the leader's number; tasklist locked */
i32 ptrace_tracer_pid(struct thread *t);
void ptrace_drain(void);				/* free what was let go; no lock held */

/* For wait(2), tasklist locked: 1: *found is filled; 0: there are tracees, but nothing to tell; -ECHILD. */
struct ptrace_found {
	i32 pid, status, code;
	u32 uid;
};
int ptrace_look(struct process *me, int type, i32 id, int options, struct ptrace_found *found);

/* ptrace(2), "Ptrace access mode checking". */
bool ptrace_may_access(struct process *p);

/* --- among the parts --- */
struct ptrace *ptrace_new(struct thread *t, struct process *tracer, u32 options, bool seized); /* not linked */
void ptrace_link(struct ptrace *pt);	/* tasklist locked, as below */
void ptrace_unlink(struct ptrace *pt);
void ptrace_let_go(struct ptrace *pt);	/* and what was stopped goes on */
void ptrace_put(struct ptrace *pt);
long ptrace_regset(struct ptrace *pt, u32 type, u64 uiov, bool set);
long ptrace_peek_user(struct ptrace *pt, u64 addr, u64 *value);
long ptrace_poke_user(struct ptrace *pt, u64 addr, u64 value);
long ptrace_set_regs(struct ptrace *pt, const struct user_regs *regs);
long ptrace_fpregs(struct ptrace *pt, u64 uaddr, bool set);
long ptrace_set_debug(struct ptrace *pt, u32 n, u64 value);

#endif
