/* Interrupts at chosen instructions of the host layer, by ptrace from outside. */
#ifndef HOSTILE_STEP_H
#define HOSTILE_STEP_H

#include <sys/types.h>

/*
 * In the first thread of the sandbox's first picoprocess, for each instruction of the host layer between symbols
 * host_NAME_begin and host_NAME_end: let it run to that instruction, send it an interrupt right there, and let it run on.
 * It must go there again and again by itself.  Returns how many interrupts it sent, or -1 if it could not be done.
 */
int step_through(pid_t sandbox, const char *host_layer, const char *name);

#endif
