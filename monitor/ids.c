/*
 * The ids that a sandbox has on the host: of the one who started it, or, for root, numbers of its own.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/files.h"
#include "monitor/process.h"

bool capability_held(int cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {0};

	return syscall(SYS_capget, &head, sets) == 0 && sets[cap / 32].effective >> cap % 32 & 1;
}

/* Picks an id that is mapped here, not 0 and not in use by another sandbox: SANDBOX_UID_BASE + pid, or
 * (inside a container with fewer ids) one from the end of the map.  Returns 0 where only one id is mapped,
 * and sets *only to what it is outside: then "root" is an ordinary user in disguise, unless that is root
 * again. */
static uint32_t pick_uid(uint32_t *only)
{
	char text[4096], *line = text;
	uint32_t wish = SANDBOX_UID_BASE + getpid(), best = 0;

	file_read("/proc/self/uid_map", text, sizeof(text));
	for (char *next; *line; line = next) {
		unsigned long inside, outside, count;

		next = line + strcspn(line, "\n");
		next += *next == '\n';
		if (sscanf(line, "%lu %lu %lu", &inside, &outside, &count) != 3)
			continue;
		if (wish >= inside && wish - inside < count)
			return wish;
		if (count > 1)
			best = inside + count - 1 - getpid() % (count > 32768 ? 16384 : count / 2);
		else if (inside == 0)
			*only = outside;
	}
	return best;
}

/* Never host uid 0.  Returns why there is no other id to be had, or NULL. */
const char *plan_ids(struct plan *plan)
{
	uint32_t only = 0;

	plan->uid = geteuid();
	plan->gid = getegid();
	if (plan->uid != 0)
		return NULL;
	plan->uid = pick_uid(&only);
	if (plan->uid == 0)
		return only ? NULL
			    : "nothing but root's id is mapped in this user namespace; start it as another "
			      "user";
	if (!capability_held(CAP_SETUID) || !capability_held(CAP_SETGID))
		return "root without CAP_SETUID and CAP_SETGID cannot give a sandbox another id; start it as "
		       "another user";
	plan->root = true;
	plan->gid = plan->uid;
	return NULL;
}
