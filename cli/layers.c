/*
 * --explain: which layers and limits would be in force for a specification on this host, by which means, and
 * which are lost.  The facts come from plan_make and the probes, which sandbox_start follows too.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cgroup.h"
#include "cli/host.h"
#include "monitor/filter.h"
#include "launch/launch.h"

struct list {
	struct layer *out;
	size_t count, max;
};

static void add(struct list *list, const char *name, enum layer_state state, const char *means, ...)
    __attribute__((format(printf, 4, 5)));
static void add(struct list *list, const char *name, enum layer_state state, const char *means, ...)
{
	struct layer *layer = &list->out[list->count];
	va_list args;

	if (list->count == list->max)
		return;
	list->count++;
	layer->name = name;
	layer->state = state;
	va_start(args, means);
	vsnprintf(layer->means, sizeof(layer->means), means, args);
	va_end(args);
}

/* How many different calls a personality's own rules let through. */
static size_t filter_rule_calls(const struct filter_rule *rules, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += i == 0 || rules[i].nr != rules[i - 1].nr;
	return n;
}

static void explain_ids(struct list *list, const struct plan *plan)
{
	gid_t groups[64];
	char text[128] = "";
	size_t n = 0;
	int count;

	if (plan->root) {
		add(list, "user id", LAYER_ON, "host uid and gid of the sandbox's own, from %u up; no groups",
		    SANDBOX_UID_BASE);
		return;
	}
	add(list, "user id", LAYER_WEAK, "host uid %u, the one that started it", plan->uid);
	count = getgroups(64, groups);
	for (int i = 0; i < count && n < sizeof(text) - 12; i++)
		if (groups[i] != plan->gid)
			n += snprintf(text + n, sizeof(text) - n, " %u", groups[i]);
	if (n)
		add(list, "groups", LAYER_WEAK, "cannot be dropped without root:%s", text);
	else
		add(list, "groups", LAYER_ON, "none but gid %u", plan->gid);
}

static void explain_namespaces(struct list *list, const struct plan *plan, const struct sandbox_spec *spec)
{
	int error = plan->userns ? probe_user_namespace() : 0;

	if (spec->flags & SANDBOX_NO_USERNS)
		add(list, "user namespace", LAYER_LOST, "--no-userns");
	else if (error)
		add(list, "user namespace", LAYER_LOST, "%s; it will not start: %s", strerror(error),
		    user_namespace_remedy(error));
	else
		add(list, "user namespace", LAYER_ON, "one id mapped, no capabilities in it");
	if (plan->namespaces && !error)
		add(list, "namespaces", LAYER_ON, "pid, mount (empty root), ipc, uts, cgroup");
	else
		add(list, "namespaces", LAYER_LOST,
		    "pid, mount, ipc, uts, cgroup need a user namespace or root");
	if (spec->guest)
		add(list, "network", LAYER_ON, "frames of the taps above, and no call that makes a socket");
	else if (spec->rule_count || spec->port_count)
		add(list, "network", LAYER_ON, "the monitor's: it connects and listens as granted, and hands sockets over");
	else
		add(list, "network", LAYER_ON, "none: the filter has no call that makes, binds or connects a socket");
}

static void explain_landlock(struct list *list, const struct plan *plan)
{
	int abi = landlock_abi();

	if (abi == 0 && !plan->namespaces)
		add(list, "Landlock", LAYER_LOST,
		    "not in this kernel, and no mount namespace: the monitor has its filter alone");
	else if (abi == 0)
		add(list, "Landlock", LAYER_LOST,
		    "not in this kernel; the monitor sees just the grants by a mount namespace");
	else if (abi < 6 && !plan->namespaces)
		add(list, "Landlock", LAYER_WEAK,
		    "ABI %d: no files, but signals reach other processes of uid %u (Linux 6.12 "
		    "scopes them)",
		    abi, plan->uid);
	else
		add(list, "Landlock", LAYER_ON,
		    "ABI %d: the sandbox has no file by name, its monitor just the grants", abi);
}

static void explain_memory(struct list *list, const struct plan *plan, const struct sandbox_spec *spec)
{
	uint64_t mib = plan->memory_limit >> 20;

	if (spec->guest)
		add(list, "limit: memory", LAYER_ON, "%" PRIu64 " MiB, mapped once: it has no call to map more",
		    spec->memory.value >> 20);
	else if (!spec->memory.asked)
		add(list, "limit: memory", LAYER_ON,
		    "%" PRIu64 " MiB for shared memory and files (sealed arena); private "
		    "memory as the host gives it",
		    mib);
	else if (plan->cgroup)
		add(list, "limit: memory", LAYER_ON, "%" PRIu64 " MiB by cgroup, sealed arena and library OS",
		    mib);
	else
		add(list, "limit: memory", LAYER_WEAK,
		    "%" PRIu64 " MiB by the sealed arena and RLIMIT_DATA, each process for "
		    "itself: no cgroup is delegated",
		    mib);
}

static void explain_limits(struct list *list, const struct plan *plan, const struct sandbox_spec *spec)
{
	char path[256], why[160];

	if (plan->cgroup && cgroup_find(path, sizeof(path), why, sizeof(why)) == 0)
		add(list, "control group", LAYER_ON, "one of its own in %.130s", path);
	explain_memory(list, plan, spec);
	if (spec->guest)
		add(list, "limit: threads", LAYER_ON, "one: it has no call to make another");
	else if (plan->userns || plan->root)
		add(list, "limit: threads", LAYER_ON, "%" PRIu64 " by RLIMIT_NPROC%s", plan->threads_max,
		    plan->cgroup && spec->pids.asked ? " and cgroup" : "");
	else
		add(list, "limit: threads", LAYER_WEAK, "%" PRIu64 " by the library OS alone",
		    plan->threads_max);
	add(list, "limit: files", LAYER_ON, "%" PRIu64 " by RLIMIT_NOFILE", plan->files_max);
	if (plan->fsize != RLIM_INFINITY)
		add(list, "limit: file size", LAYER_ON, "%" PRIu64 " bytes by RLIMIT_FSIZE", plan->fsize);
	if (plan->cgroup && spec->cpus.value)
		add(list, "limit: processors", LAYER_ON, "%" PRIu64 ".%03" PRIu64 " by cgroup",
		    spec->cpus.value / 1000, spec->cpus.value % 1000);
	else
		add(list, "limit: processors", LAYER_ON, "%u%s", plan->cpus,
		    plan->affinity ? " by affinity" : ", all that there are");
	if (spec->timeout.value)
		add(list, "limit: time", LAYER_ON, "%" PRIu64 " ms by the monitor", spec->timeout.value);
	add(list, "limit: core, locked memory", LAYER_ON,
	    "RLIMIT_CORE 1, RLIMIT_MEMLOCK 0, RLIMIT_MSGQUEUE 0");
}

size_t sandbox_explain(const struct sandbox_spec *spec, struct layer *out, size_t max)
{
	struct list list = {out, 0, max};
	struct plan plan;
	char err[256];

	if (plan_make(spec, &plan, err, sizeof(err)) < 0) {
		add(&list, "start", LAYER_LOST, "%.150s", err);
		return list.count;
	}
	explain_ids(&list, &plan);
	explain_namespaces(&list, &plan, spec);
	add(&list, "system calls", plan.notify ? LAYER_ON : LAYER_WEAK,
	    "seccomp: %zu calls%s with checked arguments; any other ends the sandbox%s",
	    spec->guest ? filter_rule_calls(spec->guest->rules, spec->guest->rule_count) : 20,
	    spec->port_count ? ", accept4 and five of sockets by -p" : spec->rule_count ? ", five of sockets by --allow" : "",
	    plan.notify ? " and is reported" : " without a report");
	add(&list, "capabilities", LAYER_ON, "none, no_new_privs");
	explain_landlock(&list, &plan);
	add(&list, "monitor", LAYER_ON, "own process: no capabilities, own filter, nothing to execute%s",
	    plan.root && plan.volumes ? ", keeps uid 0 to serve root's files" : "");
	explain_limits(&list, &plan, spec);
	return list.count;
}
