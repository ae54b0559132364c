/* A thread's own few free objects: what a call frees, the next one takes without a lock.  alloc.c; in struct thread. */
#ifndef LIBOS_ALLOC_H
#define LIBOS_ALLOC_H

#include "libos/kernel/types.h"

#define CACHED_CLASSES 10	/* up to 512 bytes */
#define CACHED_OBJECTS 2
struct alloc_cache {
	u8 count[CACHED_CLASSES];
	void *object[CACHED_CLASSES][CACHED_OBJECTS];
};

/* The current thread ends: give them back.  It allocates nothing through the cache from here on if it is `current` no longer. */
void alloc_cache_drop(struct alloc_cache *c);

#endif
