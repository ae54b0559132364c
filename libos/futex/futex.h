/* Futexes: futex(2).  Words are the guest's; who sleeps on them is the host's knowledge. */
#ifndef LIBOS_FUTEX_H
#define LIBOS_FUTEX_H

#include "libos/proc/proc.h"

/* Wake n waiters of a word that may be shared (a cleared tid, a robust lock): no error. */
void futex_wake_word(u32 *uaddr, u32 n);
/* The robust list of a thread that ends. */
void futex_exit_robust(struct thread *t);

#endif
