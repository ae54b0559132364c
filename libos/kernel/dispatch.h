/* The system call table and its counters (dispatch.c), and strace-like printing (trace.c). */
#ifndef LIBOS_DISPATCH_H
#define LIBOS_DISPATCH_H

#include "libos/kernel/syscall.h"

struct thread;

#define SYSCALL_MAX 512

void syscall_table_init(void);
void syscall_dispatch(struct thread *t, struct bz_context *ctx);
const struct syscall_entry *syscall_lookup(u64 nr);
void syscall_stats_report(void);	/* the BZ_LOG_STATS text */
void trace_call(struct thread *t, const struct syscall_entry *e, const u64 args[6], long ret);
const char *errno_name(long err);

#endif
