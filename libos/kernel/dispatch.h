/* The system call table and its counters (dispatch.c), names of errors (errname.c). */
#ifndef LIBOS_DISPATCH_H
#define LIBOS_DISPATCH_H

#include "libos/kernel/syscall.h"

struct thread;

/* A result that no guest sees: the call is made again, or was interrupted. */
static inline bool is_restart(long ret)
{
	return unlikely((u64)ret - (u64)-ERESTART_RESTARTBLOCK <= ERESTART_RESTARTBLOCK - ERESTARTSYS) &&
	       (ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
		ret == -ERESTART_RESTARTBLOCK);
}

/* quick.S; and where it goes for what it does not know, bz_abi.syscall_entry, or what is the host's to do, direct_entry. */
extern const char quick_begin[], quick_commit[], quick_end[];
extern u64 quick_slow, quick_direct;

#define SYSCALL_MAX 512

void syscall_table_init(void);
/* What was called with the registers of ctx; functions[SYSCALL_MAX] is for all numbers from there on. */
extern syscall_fn syscall_functions[SYSCALL_MAX + 1];
/* The same for calls that are counted, printed or asked about (t->hooks), and what is left to do after some. */
void syscall_dispatch_watched(struct thread *t, struct bz_context *ctx);
void syscall_left(struct bz_context *ctx, long ret);
const struct syscall_entry *syscall_lookup(u64 nr);
void syscall_watch_all(void);	/* no call is made without the library OS's stack from now on: some thread has hooks */
/* Where stubs find what they call; the word behind it is the same for calls that are the host's to do. */
u64 syscall_slot_address(void);
void syscall_stats_trapped(void);
void syscall_stats_patched(void);
void syscall_stats_report(void);	/* the BZ_LOG_STATS text */
const char *errno_name(long err);
const char *errno_text(long err);
bool errno_restarts(long err);	/* one of those that a guest never sees */

#endif
