/* What the parts of futex/ share. */
#ifndef LIBOS_FUTEX_INTERNAL_H
#define LIBOS_FUTEX_INTERNAL_H

#include "libos/futex/futex.h"
#include "libos/kernel/syscall.h"
#include <linux/futex.h>

#define PI_MASK 0xffffffffu

/* One call's operands, checked. */
struct futex_args {
	u32 *uaddr, *uaddr2;
	u32 op;			/* without flags */
	u32 val, val2, val3;
	u32 flags;		/* BZ_WAIT_SHARED or 0 */
	u32 clock;		/* BZ_CLOCK_* */
	i64 deadline;		/* absolute, BZ_NO_DEADLINE: none */
};

/* Sleep on a guest word: 0, -EAGAIN, -ETIMEDOUT, -EINTR (a signal), -EFAULT. */
int futex_sleep(u32 *uaddr, u32 expected, u32 mask, u32 flags, u32 clock, i64 deadline);
/* Also wakes who sleeps in futex_waitv.  How many. */
u32 futex_wake_all_kinds(u32 *uaddr, u32 n, u32 mask, u32 flags);
u32 waitv_wake(u32 *uaddr, u32 n, u32 flags);
extern u32 waitv_sleepers;

long futex_lock_pi(const struct futex_args *a, bool try);
long futex_unlock_pi(const struct futex_args *a);
long futex_wait_requeue_pi(const struct futex_args *a);
long futex_cmp_requeue_pi(const struct futex_args *a);

#endif
