/* Places in struct thread and struct process that assembly knows; checked in entry.c. */
#ifndef LIBOS_OFFSETS_H
#define LIBOS_OFFSETS_H

#define TCB_LIBOS 8
#define THREAD_TID 4
#define THREAD_PROCESS 16
#define PROCESS_PID 4

#endif
