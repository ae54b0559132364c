/*
 * What guest processes share with each other (pipes, sockets, epoll, futexes, signals, System V IPC, message queues) as an ordinary
 * program, for ThreadSanitizer.  System calls are made by number, as the guest makes them; no guest code runs, so signals stay blocked.
 */
#ifndef IPC_HOST_H
#define IPC_HOST_H

#include <stdbool.h>
#include <stddef.h>

void ipc_host_boot(size_t arena);
int ipc_host_process(void);	/* the calling thread becomes the first of a new guest process: its number */
void ipc_host_thread(int pid);	/* ... or a further one of that process */
long libos_call(long nr, long a, long b, long c, long d, long e, long f);
bool ipc_host_interrupted(unsigned int *word);	/* of the calling thread; it is cleared */
void ipc_host_interrupt(void);
unsigned long ipc_host_pages(void);

#endif
