/* The data of signals: sets, queued infos, actions.  Behaviour is in signal.h. */
#ifndef LIBOS_SIGTYPES_H
#define LIBOS_SIGTYPES_H

#include "libos/kernel/types.h"
#include "libos/kernel/lock.h"

typedef u64 sigset_kernel;	/* bit n-1 is signal n */
#define NSIG_MAX 64
#define SIG_BIT(n) (1ull << ((n) - 1))

/* The guest's siginfo_t as 128 raw bytes; the head's fields are named. */
struct siginfo_kernel {
	i32 si_signo, si_errno, si_code, pad;
	union {
		u8 raw[112];
		struct { i32 pid; u32 uid; u64 value; } kill;	/* kill, sigqueue */
		struct { i32 tid; i32 overrun; u64 value; i32 sys_private; } timer;
		struct { i32 pid; u32 uid; i32 status; i32 pad; i64 utime, stime; } chld;
		struct { u64 addr; i16 addr_lsb; } fault;
		struct { i64 band; i32 fd; } poll;
		struct { u64 call_addr; i32 syscall; u32 arch; } sys;
	};
};

struct sigqueue {
	struct list node;
	struct siginfo_kernel info;
	struct posix_timer *timer;	/* null unless it belongs to a timer */
	bool reserved;			/* counted as long as its timer exists, not while it is queued */
};

struct sigpending {
	sigset_kernel set;
	struct list queue;		/* struct sigqueue */
	u32 count;
};

struct sigaction_kernel {
	u64 handler;			/* SIG_DFL 0, SIG_IGN 1, or a guest address */
	u64 flags;
	u64 restorer;
	sigset_kernel mask;
};

struct sighand {
	ref_t refs;
	struct mutex lock;		/* RANK_SIGHAND: actions, all pending queues of its processes' threads */
	struct sigaction_kernel action[NSIG_MAX];
};

#endif
