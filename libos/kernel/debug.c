/*
 * Checks of debug builds (debug.h).  Which locks a thread holds is kept by its host's number, in a table of the arena without a
 * lock of its own: each thread writes its own entry, which it gives back with its last lock.
 */
#include "libos/kernel/debug.h"
#include "libos/kernel/kernel.h"
#include "libos/proc/proc.h"

#ifdef LIBOS_DEBUG

#define ENTRIES 4096
#define PROBES 64
#define HELD_MAX 16
#define POISON 0x6b
#define FRESH 0x5a

struct held {
	u32 tid;	/* 0: free */
	u32 count;
	struct {
		const struct mutex *lock;
		u64 caller;
	} lock[HELD_MAX];
};
static struct held table[ENTRIES];

static u32 my_tid(void)
{
	return (u32)current_tcb()->tid;
}

/* The calling thread's entry; made if it has none and one near its place is free: else its locks are not looked at. */
static struct held *entry_of_mine(bool make)
{
	u32 tid = my_tid();

	for (u32 i = 0; i < PROBES; i++)
		if (READ_ONCE(table[(tid + i) % ENTRIES].tid) == tid)
			return &table[(tid + i) % ENTRIES];
	for (u32 i = 0; make && i < PROBES; i++) {
		struct held *h = &table[(tid + i) % ENTRIES];
		u32 none = 0;

		if (!__atomic_compare_exchange_n(&h->tid, &none, tid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		h->count = 0;
		return h;
	}
	return NULL;
}

/* Of equal rank only what lock.h says. */
static bool may_follow(const struct mutex *held, const struct mutex *m)
{
	if (held->rank != m->rank)
		return held->rank < m->rank;
	return m->rank == RANK_INODE || m->rank == RANK_EPOLL || m->rank == RANK_OBJECT || m->rank == RANK_WAITQ ||
	       m->rank == RANK_PROCESS;
}

void debug_lock_order(const struct mutex *m, u64 caller)
{
	const struct held *h = entry_of_mine(false);

	if (m->rank == RANK_NONE || m->rank > RANK_PAGES)
		panic("a lock without a rank, %p, at %#lx", (void *)m, (unsigned long)caller);
	for (u32 i = 0; h && i < h->count; i++)
		if (h->lock[i].lock == m || !may_follow(h->lock[i].lock, m))
			panic("lock order: rank %u at %#lx, while rank %u is held since %#lx", m->rank, (unsigned long)caller,
			      h->lock[i].lock->rank, (unsigned long)h->lock[i].caller);
}

void debug_locked(const struct mutex *m, u64 caller)
{
	struct held *h = entry_of_mine(true);

	if (!h)
		return;
	if (h->count == HELD_MAX)
		panic("more than %u locks held at %#lx", HELD_MAX, (unsigned long)caller);
	h->lock[h->count].lock = m;
	h->lock[h->count++].caller = caller;
}

void debug_unlocked(const struct mutex *m)
{
	struct held *h = entry_of_mine(false);

	if (!mutex_is_mine(m))
		panic("a lock of rank %u, %p, is let go by who does not hold it", m->rank, (void *)m);
	for (u32 i = 0; h && i < h->count; i++) {
		if (h->lock[i].lock != m)
			continue;
		h->lock[i] = h->lock[--h->count];
		break;
	}
	if (h && !h->count)
		__atomic_store_n(&h->tid, 0, __ATOMIC_RELEASE);
}

void debug_no_locks(const char *where)
{
	const struct held *h = entry_of_mine(false);

	if (h && h->count)
		panic("%s with a lock of rank %u held since %#lx", where, h->lock[0].lock->rank, (unsigned long)h->lock[0].caller);
}

void debug_poison(void *object, size_t size)
{
	memset((char *)object + 8, POISON, size - 8);
}

void debug_poisoned(void *object, size_t size)
{
	const u8 *bytes = object;

	for (size_t i = 8; i < size; i++)
		if (bytes[i] != POISON)
			panic("freed memory at %p, of %lu bytes, was written to at byte %lu (%#x)", object, (unsigned long)size,
			      (unsigned long)i, bytes[i]);
	memset(object, FRESH, size);
}

#endif
