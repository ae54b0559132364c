/* The system call table and its counters (dispatch.c),, names of errors (errname.c). */
#ifndef LIBOS_DISPATCH_H
#define LIBOS_DISPATCH_H

#include "libos/kernel/syscall.h"

struct thread;

/* quick.S; and where it goes for what it does not know: bz_abi.syscall_entry. */
extern const char quick_begin[], quick_commit[], quick_end[];
extern u64 quick_slow;

#define SYSCALL_MAX 512

void syscall_table_init(void);
void syscall_dispatch(struct thread *t, struct bz_context *ctx);
const struct syscall_entry *syscall_lookup(u64 nr);
void syscall_watch_all(void);	/* no call is made without the library OS's stack from now on: some thread has hooks */
u64 syscall_slot_address(void);	/* where stubs find what they call */
void syscall_stats_trapped(void);
void syscall_stats_patched(void);
void syscall_stats_report(void);	/* the BZ_LOG_STATS text */
const char *errno_name(long err);
const char *errno_text(long err);
bool errno_restarts(long err);	/* one of those that a guest never sees */

#endif
