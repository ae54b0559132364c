/* Time: conversions and clocks that the parts of time/, event/ and poll share. */
#ifndef LIBOS_TIME_H
#define LIBOS_TIME_H

#include "libos/proc/proc.h"
#include <linux/time.h>
#include <linux/time_types.h>

/* A guest's timespec as nanoseconds, saturated; -EINVAL for fields out of range. */
int timespec_load(const struct __kernel_timespec *uts, i64 *ns);
int timespec_store(struct __kernel_timespec *uts, i64 ns);
/* Of any clock id that clock_gettime(2) takes, dynamic ones of the own process included; -EINVAL. */
int clock_now(i32 id, i64 *ns);
bool clock_can_sleep(i32 id);
/* A deadline on a clock as one on the monotonic clock. */
i64 clock_to_mono(i32 id, i64 deadline);
/* `timeout` ns from now, saturated; negative: never. */
i64 deadline_after(i64 timeout);
/* Sleep until then: 0, or -EINTR. */
int sleep_until(i64 mono_deadline);

/* Of a living process, the current one or one that cannot end meanwhile: its processor time, in two parts. */
void cpu_times(struct process *p, u64 *user, u64 *system);	/* cputime.c */
void cpu_times_end(struct process *p);
void itimers_free(struct process *p);	/* itimer.c */

bool process_is_running(struct process *p);	/* one of its threads, just now; p->lock held (itimer.c) */

#endif
