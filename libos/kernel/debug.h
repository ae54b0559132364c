/*
 * What a build with -Ddebug_checks=true looks at while it runs: the order in which locks are taken, that none is held where a thread
 * may stay away for long, memory that is used after it was freed, and who owns what of the arena (owners.c).  Elsewhere it is nothing.
 */
#ifndef LIBOS_DEBUG_H
#define LIBOS_DEBUG_H

#include "libos/kernel/kernel.h"
#include "libos/kernel/lock.h"

#ifdef LIBOS_DEBUG
/* About to take a lock: panics if it must not be taken now. */
void debug_lock_order(const struct mutex *m, u64 caller);
void debug_locked(const struct mutex *m, u64 caller);
void debug_unlocked(const struct mutex *m);
/* Where no lock may be held. */
void debug_no_locks(const char *where);
/* An object of the allocator's: its first word is the allocator's own while it is free. */
void debug_poison(void *object, size_t size);
void debug_poisoned(void *object, size_t size);	/* panics if it was written to since; then it holds garbage */
/* The last word of each object of the allocator's says who asked for it: the place of the call, below BZ_ARENA_BASE. */
#define DEBUG_TAIL 8u
static inline u32 debug_owner(u64 caller)
{
	return caller - BZ_LIBOS_BASE;
}
static inline void debug_own(void *object, size_t size, u64 caller)
{
	*(u64 *)((char *)object + size - DEBUG_TAIL) = debug_owner(caller);
}
#define CALLER ((u64)__builtin_return_address(0))
#else
#define DEBUG_TAIL 0u
#define CALLER 0
static inline u32 debug_owner(u64 caller)
{
	return 0;
}
static inline void debug_own(void *object, size_t size, u64 caller)
{
}
static inline void debug_lock_order(const struct mutex *m, u64 caller)
{
}
static inline void debug_locked(const struct mutex *m, u64 caller)
{
}
static inline void debug_unlocked(const struct mutex *m)
{
}
static inline void debug_no_locks(const char *where)
{
}
static inline void debug_poison(void *object, size_t size)
{
}
static inline void debug_poisoned(void *object, size_t size)
{
}
#endif

#endif
