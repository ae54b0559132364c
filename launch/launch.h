/*
 * What happens in the caller of sandbox_start before the monitor is forked: which means a start uses.  monitor/monitor.h
 * declares the rest (sandbox_start, sandbox_tell, sandbox_forget).
 */
#ifndef BARTIZAN_LAUNCH_H
#define BARTIZAN_LAUNCH_H

#include "monitor/process.h"

/* Decide by which means this host enforces what `spec` asks.  Returns 0, or a negative error number with a line for people
 * in `err`.  Starts nothing. */
int plan_make(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t err_size);

/* Try what would confine the one who tries: in a child.  0, or the errno with which it failed. */
int probe_in_child(int (*probe)(void));
int probe_notifications(void);

#endif
