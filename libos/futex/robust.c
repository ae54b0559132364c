/* Robust futexes of a thread that ends: set_robust_list(2).  The list is hostile: walked with Linux's limit. */
#include "libos/futex/internal.h"

#define ROBUST_LIST_LIMIT 2048

struct robust {
	u64 next;
	i64 futex_offset;
	u64 pending;
};

/* The owner of this lock is gone: mark it, and wake one who waits. */
static int handle_death(u32 *uaddr, u32 tid, bool pi, bool pending)
{
	u32 val, old, want;

	if ((u64)uaddr & 3)
		return -1;
	for (;;) {
		if (get_user(val, uaddr))
			return -1;
		/* Died between taking the list entry and the lock, or between unlock and wake. */
		if (pending && !pi && !val) {
			futex_wake_word(uaddr, 1);
			return 0;
		}
		if ((val & FUTEX_TID_MASK) != tid)
			return 0;
		want = (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (user_cmpxchg32(uaddr, val, want, &old))
			return -1;
		if (old == val)
			break;
	}
	if (val & FUTEX_WAITERS) {
		futex_wake_word(uaddr, 1);
		/* Private waiters sleep on another queue of the host than shared ones. */
		host->wake(uaddr, 1, ~0u, 0);
	}
	return 0;
}

static int fetch_entry(u64 *entry, const u64 *at, bool *pi)
{
	u64 v;

	if (get_user(v, at))
		return -1;
	*entry = v & ~1ull;
	*pi = v & 1;
	return 0;
}

void futex_exit_robust(struct thread *t)
{
	struct robust *head = t->robust_list;
	u64 entry, next, pending;
	bool pi, next_pi = false, pending_pi;
	i64 offset;

	t->robust_list = NULL;
	if (fetch_entry(&entry, &head->next, &pi) || get_user(offset, &head->futex_offset) ||
	    fetch_entry(&pending, &head->pending, &pending_pi))
		return;
	for (u32 n = 0; entry != (u64)head && n < ROBUST_LIST_LIMIT; n++) {
		/* The next one first: who is woken may free this one. */
		int err = fetch_entry(&next, (u64 *)entry, &next_pi);

		if (entry != pending && handle_death((u32 *)(entry + offset), t->tid, pi, false))
			return;
		if (err)
			return;
		entry = next;
		pi = next_pi;
	}
	if (pending)
		handle_death((u32 *)(pending + offset), t->tid, pending_pi, true);
}
