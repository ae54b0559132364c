/*
 * Guest threads and processes.  They are structures in the arena; a picoprocess is merely the address space that
 * a process's threads run in just now.  Threads are host threads, 1:1.
 */
#ifndef LIBOS_PROC_H
#define LIBOS_PROC_H

#include "libos/kernel/alloc.h"
#include "libos/kernel/wait.h"
#include <linux/resource.h>

struct mm;
struct file;
struct files;
struct fs_context;
struct sighand;
struct dentry;
struct path;
struct tty;
struct seccomp_filter;
struct landlock_domain;
struct core_dump;
struct ptrace;

#include "libos/signal/sigtypes.h"

#define NGROUPS 64
struct cred {
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u32 ngroups;
	u32 groups[NGROUPS];
	u64 cap_permitted, cap_effective, cap_inheritable, cap_bounding, cap_ambient; /* compatibility only (3.11) */
	u32 securebits;
	bool no_new_privs;
};

/* Whether gid is the group `own` (fsgid, egid) or a supplementary one. */
static inline bool cred_in_group(const struct cred *c, u32 own, u32 gid)
{
	bool in = own == gid;

	for (u32 i = 0; i < c->ngroups && !in; i++)
		in = c->groups[i] == gid;
	return in;
}

struct rlimit_pair {
	u64 soft, hard;
};

enum thread_state { THREAD_RUNNING, THREAD_SLEEPING, THREAD_STOPPED, THREAD_TRACED, THREAD_DEAD };
enum sleep_kind { SLEEP_NONE, SLEEP_SOON, SLEEP_FUTEX, SLEEP_HOST };

struct thread {
	ref_t refs;
	i32 tid;		  /* the guest's number */
	i32 host_tid;
	struct process *process;
	struct list node;	  /* process->threads; process->lock */
	struct list hash;	  /* by tid; tasklist lock */
	u32 state;		  /* enum thread_state */
	u32 in_guest;		  /* bz_tcb.resume_flag points here: 1 while it runs guest code ... */
	u32 hold;		  /* ... and then here: do not (rewrite/hold.c) */
	u32 interrupts;		  /* ... and here interrupts that have arrived are counted */
	u32 interrupts_seen;	  /* by who holds it; process->lock */
	u32 begun;		  /* interrupts are counted from here on */
	bool hold_interrupted;	  /* by who holds it: it was sent an interrupt for that */
	bool stepping;		  /* one instruction, so that a signal finds an address of the guest's text */
	bool faulted;		  /* at the instruction that the guest stands at, which no step gets past */
	u32 wake_word;		  /* what thread_sleep sleeps on */
	u32 sleep_kind;		  /* enum sleep_kind: how to wake it */
	struct waiter waiter;	  /* WAIT_EVENT's */
	const struct cred *cred_override; /* access(2): asks as somebody else; null: the process's. Heap, for this call */
	bool lookup_open;	  /* vfs: the name that is looked up is to be opened for reading */
	bz_stream waitset;	  /* for poll over host streams; -1: none yet */
	u32 poll_stamp;		  /* of its last use */

	struct sigpending pending; /* sighand->lock */
	sigset_kernel blocked;	  /* written by the thread itself only, under sighand->lock */
	sigset_kernel real_blocked; /* sigtimedwait: what counts as blocked while it waits for some of it */
	sigset_kernel saved_mask; /* restored after sigsuspend, ppoll, ... */
	bool exiting;		/* it runs guest code no more */
	bool stop_taken;	/* a stop signal was taken, and nothing has undone it since; sighand->lock, p->lock */
	bool restore_mask;
	u32 signal_pending;	  /* something for this thread to look at before it goes on */
	u64 altstack_sp, altstack_size;
	u32 altstack_flags;

	struct bz_context *ctx;	  /* private memory, valid only in this thread's own picoprocess */
	u64 orig_rax;		  /* system call number, ~0 outside of a system call */
	u32 hooks;		  /* HOOK_*: who is asked before and behind each call; atomic */
	u32 seccomp_mode;	  /* SECCOMP_MODE_*; written under process->lock */
	struct seccomp_filter *seccomp;	/* the newest filter, referenced, or null */
	struct landlock_domain *landlock; /* referenced, or null: nothing is forbidden */
	long (*restart)(struct thread *t); /* ERESTART_RESTARTBLOCK: restart_syscall(2) goes on here */
	u64 restart_args[6];

	u32 *clear_child_tid;	  /* guest addresses */
	void *robust_list;
	size_t robust_list_len;
	u64 fault_trapno, fault_err, fault_cr2; /* of the last fault, for the signal frame */
	u64 start_fs;
	struct bz_context start_ctx; /* registers of a new thread, before it runs */
	char comm[16];
	i64 start_time;		  /* monotonic */
	u32 exit_code;
	u32 personality;
	u64 rseq_addr;		  /* guest's registration */
	u32 rseq_len, rseq_sig;
	u32 cpu_affinity_set;
	u64 cpu_affinity;
	i32 nice;
	u16 ioprio;		/* ioprio_set: remembered, without weight */
	u32 sched_policy;
	i32 sched_priority;
	u64 sched_runtime, sched_deadline, sched_period; /* SCHED_DEADLINE */
	u32 mempolicy;		/* numa/ */
	i32 request_keyring;	/* keys/: where request_key puts what it makes */
	struct key *thread_keyring; /* keys/ has its lock */
	u64 timer_slack, timer_slack_default;
	i32 pdeathsig;
	struct trace *trace;	  /* --trace: its line */
	struct ptrace *ptrace;	  /* who traces it, and how; null: nobody.  Tasklist lock */
	u32 stop_seen;		  /* of a traced thread: the last of p->stops that its tracer was told of */
	struct vfork *vfork;	  /* it runs on the host thread of the one that made it (vfork.c); null */
	struct alloc_cache cache;
};

#define HOOK_SECCOMP 1u
#define HOOK_CALLS 2u	/* ptrace: it stops before and behind each call ... */
#define HOOK_EMULATE 4u	/* ... and its tracer makes the call */
#define HOOK_STEP 8u	/* it stops behind the next instruction */
#define HOOK_TRAP 16u	/* it stops on its way to the guest */
#define HOOK_WATCH 32u	/* its debug registers are looked at behind each instruction */

struct process {
	ref_t refs;
	i32 pid;
	struct mutex lock;	  /* threads, cred, rlimits, names */
	struct list hash;	  /* by pid; tasklist lock */
	struct process *parent;	  /* tasklist lock, as are the next lines */
	struct list children, sibling;
	struct list tracees;	  /* struct ptrace */
	struct ptrace *ptrace;	  /* its first thread's, also when that has ended */
	i32 pgrp, session;
	i32 host_pid;		  /* the host's number of its picoprocess */
	struct tty *tty;	  /* controlling terminal, referenced */
	struct list threads;
	u32 thread_count;
	u32 leaving;		  /* threads of it that are counted no more and have not yet left the library OS */
	struct mm *mm;
	struct files *files;
	struct fs_context *fs;
	struct sighand *sighand;
	struct sigpending shared_pending; /* sighand->lock */
	struct cred cred;
	struct rlimit_pair rlimit[RLIM_NLIMITS];
	void (*exit_undo)(struct process *p); /* semop's SEM_UNDO (sysvipc/); null: there is nothing to undo */
	u32 group_exit;		  /* the process is ending; exit_code is final */
	u32 stopped;		  /* job control: all threads stop */
	u32 stops;		  /* how often that came about */
	u32 exit_code;		  /* as wait(2) encodes it */
	u32 exit_signal;
	struct waitq exit_waitq;  /* threads that wait for children */
	struct waitq pidfd_waitq; /* who polls a descriptor of this process */
	struct list timers;	  /* POSIX timers; time/posix_timer.c */
	struct process_timers *itimers; /* setitimer; time/itimer.c */
	i32 next_timer_id;
	i64 start_time;		  /* monotonic ns */

	u32 dumpable;
	u32 membarrier_registered; /* of its memory: a fork's child has it too, an exec forgets it */
	bool child_subreaper;
	/* Copies for /proc/PID, in the arena (rule of section 4). */
	char *cmdline;  size_t cmdline_len;
	char *environ;  size_t environ_len;
	u64 auxv[48];	u32 auxv_len;
	struct dentry *exe;	  /* referenced */
	struct inode *exe_inode;  /* referenced, and held against writing: process_hold_exe */
	char *exe_path;
	u64 utime_dead, stime_dead; /* ns, of threads that are gone */
	struct cpu_split *cpu_split; /* time/cputime.c; null: nobody asked */
	u64 child_utime, child_stime; /* ns, of waited-for children */
	u64 child_maxrss;
	struct list pid_hash;	  /* tasklist lock */
	struct key *process_keyring, *session_keyring; /* keys/ has their lock */
	u32 dead_policy;	  /* of its last thread, for who asks before it is waited for */
	i32 dead_priority;
	u32 zombie;		  /* ended, not waited for; tasklist lock */
	u32 wait_events;	  /* PROC_WAIT_*: stopped or continued, not yet reported; tasklist lock */
	i32 stop_signal;
	struct core_dump *core;	  /* its memory is being written to a core file; under lock, then fixed */
	u32 core_filter;	  /* what of it: core(5), coredump_filter */
	struct exec_image *image; /* of a process without parent: what it is to load */
	struct launched *launched; /* who started it from outside, and hears of its end; null */
	bool loaded;		  /* an executable is in its memory: threads begin with start_ctx */
	bool did_exec;		  /* setpgid by the parent: EACCES from then on */
	struct thread *exec_thread; /* exec: all others end; under lock */
	bool vfork_waits;	  /* the parent waits for the next: set before this process begins */
	u32 vfork_done;		  /* exec or exit: the parent of a vfork with memory of its own sleeps on this word */
	bool thp_disable, mce_kill;
	i32 oom_score_adj;	  /* kept for who asks */
	struct rusage_counts { u64 minflt, majflt, inblock, oublock, nvcsw, nivcsw; } ru;
};

/* Processor time in ns, so far as the host tells. */
u64 process_cpu(const struct process *p);

/* The thread that runs this code; null in the template. */
static inline struct thread *current_thread(void)
{
	struct thread *t;

	/* volatile: after fork the same code goes on as another thread, so no earlier answer may be kept. */
	__asm__ volatile("movq %%gs:8, %0" : "=r"(t));
	return t;
}
#define current (current_thread())
/* Whose rights decide now. */
static inline const struct cred *current_cred(void)
{
	struct thread *t = current;

	return unlikely(t->cred_override) ? t->cred_override : &t->process->cred;
}
static inline struct bz_tcb *current_tcb(void)
{
	struct bz_tcb *t;

	__asm__("movq %%gs:0, %0" : "=r"(t));
	return t;
}

static inline u64 read_fs_base(void)
{
	u64 v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static inline void write_fs_base(u64 v)
{
	__asm__ volatile("wrfsbase %0" : : "r"(v));
}

extern struct mutex tasklist_lock;
extern struct process *init_process;	/* guest pid 1 */
extern struct list all_processes;	/* process->hash; tasklist lock */

struct thread *thread_find(i32 tid);	/* referenced, or null; under the tasklist lock inside */
struct process *process_find(i32 pid);
void thread_put(struct thread *t);
void process_put(struct process *p);
struct thread *thread_create_struct(struct process *p);	/* tid assigned, on no list yet */
struct process *process_create_struct(struct process *parent);
bool capable(int cap);			/* CAP_*: of the current process's effective set */
u64 rlimit_soft(unsigned int resource);

/* The current thread is to end before it runs guest code again (exit_group, or another thread execs). */
static inline bool thread_must_exit(const struct thread *t)
{
	return READ_ONCE(t->process->group_exit) ||
	       (READ_ONCE(t->process->exec_thread) && t->process->exec_thread != t);
}
/* For signal code: called first on the way to the guest; does not return if the thread must end.  signal_recalc keeps
 * signal_pending set while thread_must_exit. */
void thread_check_exit(void);
/* Make a thread look at what is pending, wherever it is. */
void thread_kick(struct thread *t);
/* Job control told the parent's wait(2): state changes of p that are to be reported (signal code calls this). */
#define PROC_WAIT_STOPPED 1u
#define PROC_WAIT_CONTINUED 2u
void process_report_state(struct process *p, u32 what, int sig);

/* Provided by time/: POSIX timers and alarms stop when a process ends; exec deletes POSIX timers, alarms stay. */
void process_exit_timers(struct process *p);
void process_exec_timers(struct process *p);
void process_limit_cpu(struct process *p);	/* RLIMIT_CPU was set, or inherited */

/* Never return. */
void thread_exit(u32 code) __noreturn;
void process_exit_group(u32 wait_status) __noreturn;
/* Mark the process as ending; its other threads see it before they run guest code again. */
void process_kill_threads(struct process *p, u32 wait_status);

/* The template's loop (proc/template.c): starts init, runs kernel timers, passes on the operator's wishes. */
void template_main(void) __noreturn;

/* A thread of the template that serves the library OS and never runs guest code; thread_start tells it by its magic. */
#define SERVICE_MAGIC 0x5e41ce5e41ce0001ull
#define PARKED_MAGIC 0x5e41ce5e41ce0002ull /* a picoprocess that waits for a thread to become (template.c) */
struct service {
	u64 magic;
	void (*run)(void *arg);	/* does not return */
	void *arg;
};

/* Kernel timers (time/ktimer.c): fire in the template; callbacks must not sleep.  Embedded in their owner. */
struct ktimer {
	struct ktimer *child, *next, **link; /* in the heap: first child, next sibling, what points here */
	u64 order;
	i64 expires;		/* monotonic ns; 0: not armed */
	void (*fn)(struct ktimer *t);
};
void ktimer_set(struct ktimer *t, i64 expires);
void ktimer_cancel(struct ktimer *t);	/* when it returns the callback is not running and will not run */
i64 ktimer_run(i64 now);		/* runs what is due; returns the next deadline or BZ_NO_DEADLINE */
extern u32 template_word;		/* the template sleeps on it; template_kick changes it */
void template_kick(void);

/* The first process: made from `boot` in the template (its thread is returned, not yet running; null: the sandbox
 * ends with *status), loaded by itself in its own picoprocess. */
struct thread *init_start(u32 *status);
void launch_enter(struct thread *t, struct bz_context *ctx);

/* --- processes that the operator starts --- */

struct launched {
	void (*ended)(struct launched *l, struct process *p);	/* in the process's own last thread */
};

enum launch_step { LAUNCH_MAKE, LAUNCH_USER, LAUNCH_STREAMS, LAUNCH_CWD, LAUNCH_PROGRAM };
struct launch {
	const char *program;	/* a path, or a name to be found along PATH */
	const char *cwd;
	const char *const *argv, *const *envp;
	u32 argc, envc;
	u32 uid, gid, ngroups;
	const u32 *groups;
	bool of_boot;		/* who it is may have to be looked up */
	char home[264];		/* then: HOME=..., unless envp has one */
	int (*attach)(struct process *p, void *arg); /* its descriptors and terminal; the calling thread passes for its own */
	void *arg;
	struct launched *launched; /* or null */
	u32 step;		/* enum launch_step: how far it came */
	char lacks[256];	/* the interpreter that cannot be opened */
};
const char *boot_string(u32 off);
void launch_from_boot(struct launch *l);	/* identity and directory of the first process */
u32 boot_environment(const char **v, u32 max);	/* the first process's; returns how many */
/* Its first thread, not yet running, or an ERR_PTR.  In the template. */
struct thread *launch(struct launch *l);
u32 launch_explain(const struct launch *l, int err, char *text, size_t size); /* for people; returns a wait status */
void launch_undo(struct thread *t);
/* The template gives it a picoprocess, in which it goes on with launch_enter.  0 or -errno. */
int template_begin(struct thread *t, bool again); /* again: others are expected soon */
/* Called by a picoprocess that was parked: whom it is to be. */
struct thread *template_parked(struct service *s);

/* Set once, when the sandbox is to end: status as wait(2) encodes it. */
void sandbox_end(u32 wait_status);
void sandbox_end_here(u32 wait_status);

#endif
