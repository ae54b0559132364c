/* A control group of a sandbox's own, where one was delegated to the invoking user. */
#ifndef BARTIZAN_CGROUP_H
#define BARTIZAN_CGROUP_H

#include <stddef.h>
#include <stdint.h>

/* The delegated cgroup v2 directory into which sandboxes can be put, with memory, pids and cpu controllers
 * for its children.  0, or a negative error number with the reason in `why`. */
int cgroup_find(char *path, size_t size, char *why, size_t why_size);

/* Make a cgroup `name` there with these limits (0: none; cpus in thousandths).  Returns an O_PATH descriptor
 * of it for CLONE_INTO_CGROUP, and its path for the removal; or a negative error number with the reason in
 * `why`. */
int cgroup_make(const char *name, uint64_t memory, uint64_t pids, uint64_t cpus, char *path, size_t size,
		char *why, size_t why_size);

#endif
