/*
 * futex(2) but for priority inheritance (pi.c) and futex_waitv (waitv.c).  The host's futexes do the sleeping: private
 * ones within a picoprocess, shared ones on the pages themselves, so that words in shared mappings meet across
 * processes.  What we know is how many may sleep on private words, by address: nobody is woken where nobody sleeps.
 */
#include "libos/futex/internal.h"
#include "libos/signal/signal.h"

static int check_word(const u32 *uaddr)
{
	if ((u64)uaddr & 3)
		return -EINVAL;
	return access_ok(uaddr, 4) ? 0 : -EFAULT;
}

#define SLEEPER_BITS 10
static u32 sleepers[1u << SLEEPER_BITS];

static u32 *sleepers_on(const u32 *uaddr)
{
	u64 key = (u64)uaddr >> 2 ^ (u64)current->process->mm;

	return &sleepers[key * 0x9e3779b97f4a7c15ul >> (64 - SLEEPER_BITS)];
}

/*
 * The guest changed the word, then wakes; a sleeper is counted, then the host looks at the word.  With a barrier between the two on
 * either side, one of them sees the other.
 */
static bool nobody_sleeps(const u32 *uaddr, u32 flags)
{
	if (flags & BZ_WAIT_SHARED)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !READ_ONCE(*sleepers_on(uaddr));
}

static int sleep_counted(u32 *uaddr, u32 expected, u32 mask, u32 flags, u32 clock, i64 deadline)
{
	struct thread *t = current;
	u32 val;
	int ret;

	for (;;) {
		/* A page that is not there yet is brought in by this read; the host's wait only looks. */
		if (get_user(val, uaddr))
			return -EFAULT;
		if (val != expected)
			return -EAGAIN;
		WRITE_ONCE(current_tcb()->interrupted, 0);
		__atomic_store_n(&t->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
		if (signal_is_pending())
			ret = -EINTR;
		else
			ret = host->wait(uaddr, expected, mask, flags, clock, deadline);
		__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
		if (ret != -EINTR || signal_is_pending())
			return ret;
	}
}

int futex_sleep(u32 *uaddr, u32 expected, u32 mask, u32 flags, u32 clock, i64 deadline)
{
	u32 *count = sleepers_on(uaddr);
	int ret;

	__atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
	ret = sleep_counted(uaddr, expected, mask, flags, clock, deadline);
	__atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
	return ret;
}

u32 futex_wake_all_kinds(u32 *uaddr, u32 n, u32 mask, u32 flags)
{
	int woken = nobody_sleeps(uaddr, flags) ? 0 : host->wake(uaddr, n, mask, flags);

	if (woken < 0)
		woken = 0;
	if (unlikely(__atomic_load_n(&waitv_sleepers, __ATOMIC_SEQ_CST)) && (u32)woken < n)
		woken += waitv_wake(uaddr, n - woken, flags);
	return woken;
}

void futex_wake_word(u32 *uaddr, u32 n)
{
	futex_wake_all_kinds(uaddr, n, ~0u, BZ_WAIT_SHARED);
}

/* A relative wait that a signal interrupted goes on to the deadline it had. */
static long wait_restart(struct thread *t)
{
	u32 *uaddr = (u32 *)t->restart_args[0];
	int ret = futex_sleep(uaddr, t->restart_args[1], t->restart_args[2], t->restart_args[3], BZ_CLOCK_MONOTONIC,
			      t->restart_args[4]);

	return ret == -EINTR ? -ERESTART_RESTARTBLOCK : ret;
}

static long futex_wait(const struct futex_args *a, bool relative)
{
	struct thread *t = current;
	int ret;

	if (!a->val3)
		return -EINVAL;
	ret = futex_sleep(a->uaddr, a->val, a->val3, a->flags, a->clock, a->deadline);
	if (ret != -EINTR)
		return ret;
	if (a->deadline == BZ_NO_DEADLINE || !relative)
		return -ERESTARTSYS;
	t->restart = wait_restart;
	t->restart_args[0] = (u64)a->uaddr;
	t->restart_args[1] = a->val;
	t->restart_args[2] = a->val3;
	t->restart_args[3] = a->flags;
	t->restart_args[4] = a->deadline;
	return -ERESTART_RESTARTBLOCK;
}

static long futex_wake(const struct futex_args *a)
{
	u32 val;

	if (!a->val3)
		return -EINVAL;
	/* A word that processes share is known by its page, so there has to be one; a private one by its address alone. */
	if ((a->flags & BZ_WAIT_SHARED) && get_user(val, a->uaddr))
		return -EFAULT;
	return futex_wake_all_kinds(a->uaddr, max(a->val, 1u), a->val3, a->flags);
}

static int requeue(const struct futex_args *a, bool cmp)
{
	u32 val;
	int ret;

	do {
		if (get_user(val, a->uaddr))
			return -EFAULT;
		if (cmp && val != a->val3)
			return -EAGAIN;
		ret = host->requeue(a->uaddr, val, a->val, a->uaddr2, a->val2, a->flags);
	} while (ret == -EAGAIN);
	return ret;
}

static long futex_requeue(const struct futex_args *a, bool cmp)
{
	u32 *count = sleepers_on(a->uaddr2);
	int err, ret;

	if ((i32)a->val < 0 || (i32)a->val2 < 0)
		return -EINVAL;
	err = check_word(a->uaddr2);
	if (err)
		return err;
	/* Who is moved stays counted where it was, so the other word has one too many from now on. */
	__atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
	ret = requeue(a, cmp);
	if (ret <= (i32)a->val) /* nobody was moved */
		__atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
	return ret;
}

/* The operation that val3 encodes, on the second word; *cond: whether its waiters are to be woken. */
static int wake_op(u32 *uaddr, u32 code, bool *cond)
{
	u32 op = code >> 28 & 7, cmp = code >> 24 & 15, old;
	i32 oparg = (i32)(code << 8) >> 20, cmparg = (i32)(code << 20) >> 20;
	int err;

	if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
		oparg = 1u << (oparg & 31);
	switch (op) {
	case FUTEX_OP_SET:
		err = user_xchg32(uaddr, oparg, &old);
		break;
	case FUTEX_OP_ADD:
		err = user_add32(uaddr, oparg, &old);
		break;
	case FUTEX_OP_OR:
		err = user_or32(uaddr, oparg, &old);
		break;
	case FUTEX_OP_ANDN:
		err = user_and32(uaddr, ~(u32)oparg, &old);
		break;
	case FUTEX_OP_XOR:
		err = user_xor32(uaddr, oparg, &old);
		break;
	default:
		return -ENOSYS;
	}
	if (err)
		return err;
	switch (cmp) {
	case FUTEX_OP_CMP_EQ: *cond = (i32)old == cmparg; return 0;
	case FUTEX_OP_CMP_NE: *cond = (i32)old != cmparg; return 0;
	case FUTEX_OP_CMP_LT: *cond = (i32)old < cmparg; return 0;
	case FUTEX_OP_CMP_GE: *cond = (i32)old >= cmparg; return 0;
	case FUTEX_OP_CMP_LE: *cond = (i32)old <= cmparg; return 0;
	case FUTEX_OP_CMP_GT: *cond = (i32)old > cmparg; return 0;
	}
	return -ENOSYS;
}

static long futex_wake_op(const struct futex_args *a)
{
	bool cond = false;
	int err = check_word(a->uaddr2);
	u32 n;

	if (!err)
		err = wake_op(a->uaddr2, a->val3, &cond);
	if (err)
		return err;
	n = futex_wake_all_kinds(a->uaddr, max(a->val, 1u), ~0u, a->flags);
	if (cond)
		n += futex_wake_all_kinds(a->uaddr2, max(a->val2, 1u), ~0u, a->flags);
	return n;
}

static bool takes_timeout(u32 op)
{
	return op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET || op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2 ||
	       op == FUTEX_WAIT_REQUEUE_PI;
}

static int get_deadline(struct futex_args *a, const struct __kernel_timespec *uts)
{
	struct __kernel_timespec ts;
	i64 ns;

	if (copy_from_user(&ts, uts, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (__builtin_mul_overflow(ts.tv_sec, NSEC_PER_SEC, &ns) || __builtin_add_overflow(ns, ts.tv_nsec, &ns))
		ns = INT64_MAX - 1;
	if (a->op == FUTEX_WAIT && __builtin_add_overflow(ns, now_mono(), &ns))
		ns = INT64_MAX - 1;
	a->deadline = min(ns, (i64)INT64_MAX - 1);
	return 0;
}

static long do_futex(struct futex_args *a)
{
	int err = check_word(a->uaddr);

	switch (a->op) {
	case FUTEX_WAIT:
		a->val3 = FUTEX_BITSET_MATCH_ANY;
		fallthrough;
	case FUTEX_WAIT_BITSET:
		return a->val3 && err ? err : futex_wait(a, a->op == FUTEX_WAIT);
	case FUTEX_WAKE:
		a->val3 = FUTEX_BITSET_MATCH_ANY;
		fallthrough;
	case FUTEX_WAKE_BITSET:
		return a->val3 && err ? err : futex_wake(a);
	case FUTEX_REQUEUE:
		return err ? err : futex_requeue(a, false);
	case FUTEX_CMP_REQUEUE:
		return err ? err : futex_requeue(a, true);
	case FUTEX_WAKE_OP:
		return err ? err : futex_wake_op(a);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return err ? err : futex_lock_pi(a, false);
	case FUTEX_TRYLOCK_PI:
		return err ? err : futex_lock_pi(a, true);
	case FUTEX_UNLOCK_PI:
		return err ? err : futex_unlock_pi(a);
	case FUTEX_WAIT_REQUEUE_PI:
		return err ? err : futex_wait_requeue_pi(a);
	case FUTEX_CMP_REQUEUE_PI:
		return err ? err : futex_cmp_requeue_pi(a);
	}
	return -ENOSYS;
}

SYSCALL(futex, unsigned int *uaddr, int op, unsigned int val, unsigned long val2, unsigned int *uaddr2,
	unsigned int val3)
{
	struct futex_args a = {
		.uaddr = uaddr,
		.uaddr2 = uaddr2,
		.op = op & FUTEX_CMD_MASK,
		.val = val,
		.val2 = val2,
		.val3 = val3,
		.flags = op & FUTEX_PRIVATE_FLAG ? 0 : BZ_WAIT_SHARED,
		.clock = BZ_CLOCK_MONOTONIC,
		.deadline = BZ_NO_DEADLINE,
	};
	int err;

	if (op & FUTEX_CLOCK_REALTIME) {
		a.clock = BZ_CLOCK_REALTIME;
		if (a.op != FUTEX_WAIT_BITSET && a.op != FUTEX_WAIT_REQUEUE_PI && a.op != FUTEX_LOCK_PI2)
			return -ENOSYS;
	}
	if (a.op == FUTEX_LOCK_PI)
		a.clock = BZ_CLOCK_REALTIME;
	if (takes_timeout(a.op) && val2) {
		err = get_deadline(&a, (const struct __kernel_timespec *)val2);
		if (err)
			return err;
	}
	return do_futex(&a);
}
