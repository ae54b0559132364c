/* A control group of a sandbox's own, where one was delegated to the invoking user. */
#ifndef BARTIZAN_CLI_CGROUP_H
#define BARTIZAN_CLI_CGROUP_H

#include "monitor/monitor.h"

/* The delegated cgroup v2 directory into which sandboxes can be put, with memory, pids and cpu controllers
 * for its children.  0, or a negative error number with the reason in `why`. */
int cgroup_find(char *path, size_t size, char *why, size_t why_size);

/* Decide whether the limits in `spec` are to be enforced by a group: sets SANDBOX_CGROUP.  Makes nothing yet. */
void cgroup_plan(struct sandbox_spec *spec);
/* As sandbox_start, in a group with these limits where that was planned. */
int cgroup_start(struct sandbox_spec *spec, struct sandbox *sandbox, char *err, size_t err_size);
/* Behind sandbox_forget: the group goes.  Whether memory ran out in it. */
bool cgroup_end(void);

#endif
