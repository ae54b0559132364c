/*
 * A host for unit tests: the ABI's table over libc, with faults on demand, so that parts of the library OS run as an
 * ordinary program.  testhost_init maps an arena at its ABI address and sets up a thread block behind GS.
 */
#ifndef TESTHOST_H
#define TESTHOST_H

#include <stddef.h>

void testhost_init(size_t arena_size);
/* Fail every n-th call of mem_advise(REMOVE) with ENOMEM; 0: never. */
extern int testhost_fail_every;

#endif
