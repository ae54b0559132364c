/*
 * What this host supports, and which kernel policy is in the way: `bartizan check`, and the facts of
 * --explain. Each probe tries the thing itself, in a child where trying has consequences; sysctls only say
 * why it failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/cgroup.h"
#include "cli/host.h"
#include "monitor/files.h"
#include "launch/launch.h"

#define HWCAP2_FSGSBASE 2u

struct list {
	struct host_check *out;
	size_t count, max;
};

static void add(struct list *list, const char *name, enum check_state state, const char *remedy,
		const char *detail, ...) __attribute__((format(printf, 5, 6)));
static void add(struct list *list, const char *name, enum check_state state, const char *remedy,
		const char *detail, ...)
{
	struct host_check *check = &list->out[list->count];
	va_list args;

	if (list->count == list->max)
		return;
	list->count++;
	check->name = name;
	check->state = state;
	va_start(args, detail);
	vsnprintf(check->detail, sizeof(check->detail), detail, args);
	va_end(args);
	snprintf(check->remedy, sizeof(check->remedy), "%s", state == CHECK_OK ? "" : remedy);
}

static long read_number(const char *path, long otherwise)
{
	char text[64];

	return file_read(path, text, sizeof(text)) == 0 ? strtol(text, NULL, 10) : otherwise;
}

static int probe_namespaces(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
		       CLONE_NEWCGROUP) < 0
		   ? errno
		   : 0;
}

static int probe_epoll(void)
{
	return syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, 0) < 0 && errno != EBADF && errno != EINVAL ? errno : 0;
}

int probe_user_namespace(void)
{
	return probe_in_child(probe_namespaces);
}

/* ------------------------------------------------------------------------------------------------------ */

static void check_kernel(struct list *list)
{
	struct utsname name;
	int major = 0, minor = 0;
	bool fit;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	fit = major > 6 || (major == 6 && minor >= 1);
	add(list, "kernel", fit ? CHECK_OK : CHECK_FATAL, "Linux 6.1 or newer is needed", "Linux %.64s",
	    name.release);
	fit = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
	add(list, "FSGSBASE", fit ? CHECK_OK : CHECK_FATAL,
	    "a processor with FSGSBASE (Intel since 2012, AMD since 2015) and no nofsgsbase on the kernel's "
	    "command line",
	    fit ? "the processor has it and the kernel allows it" : "not available to programs");
}

/* Says which of the known switches is off. */
const char *user_namespace_remedy(int error)
{
	if (read_number("/proc/sys/user/max_user_namespaces", 1) == 0)
		return "sysctl -w user.max_user_namespaces=10000";
	if (read_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		return "sysctl -w kernel.unprivileged_userns_clone=1";
	if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		return "an AppArmor profile for bartizan that says `userns,`, or "
		       "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
	if (error == ENOSPC || error == EUSERS)
		return "raise sysctl user.max_user_namespaces: its limit is reached";
	return "a container's seccomp policy or a security module forbids it: allow clone with CLONE_NEWUSER "
	       "there; in a chroot the kernel does: use pivot_root instead";
}

static void check_namespaces(struct list *list)
{
	int error = probe_user_namespace();

	if (error)
		add(list, "user namespaces", CHECK_MISSING, user_namespace_remedy(error),
		    "%s; only --no-userns runs", strerror(error));
	else
		add(list, "user namespaces", CHECK_OK, "", "available, at most %ld",
		    read_number("/proc/sys/user/max_user_namespaces", 0));
}

static void check_seccomp(struct list *list)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	int error = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? errno : 0;

	add(list, "seccomp filters", error ? CHECK_FATAL : CHECK_OK,
	    "a kernel with CONFIG_SECCOMP_FILTER; inside a container, allow seccomp(2)", "%s",
	    error ? strerror(error) : "available");
	error = probe_notifications();
	add(list, "seccomp notification", error ? CHECK_MISSING : CHECK_OK,
	    error == EBUSY
		? "the container's own policy has a listener already: forbidden calls kill without a report"
		: "inside a container, allow seccomp(2) with SECCOMP_FILTER_FLAG_NEW_LISTENER",
	    "%s", error ? strerror(error) : "available: forbidden calls are reported");
	error = probe_in_child(probe_epoll);
	add(list, "epoll_pwait2", error ? CHECK_FATAL : CHECK_OK,
	    "Linux has it since 5.11; inside a container, allow epoll_pwait2(2)", "%s", error ? strerror(error) : "available");
	add(list, "policy around us", CHECK_OK, "", "%s",
	    prctl(PR_GET_SECCOMP) == 2 ? "this shell already runs under a seccomp filter (a container's)"
				       : "no seccomp filter");
}

static void check_landlock(struct list *list)
{
	int abi = landlock_abi();

	add(list, "Landlock", abi ? CHECK_OK : CHECK_MISSING,
	    "add landlock to the lsm= list on the kernel's command line; the monitor uses a mount namespace "
	    "instead",
	    "ABI %d%s", abi,
	    abi >= 6 ? ", with signal scoping"
	    : abi    ? "; 6 or newer also scopes signals"
		     : ": not enabled");
}

static void check_memfd(struct list *list)
{
	long noexec = read_number("/proc/sys/vm/memfd_noexec", 0);
	int fd = memfd_create("check", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool seals = fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;

	if (fd >= 0)
		close(fd);
	add(list, "sealed memfd", seals && noexec < 2 ? CHECK_OK : CHECK_FATAL,
	    noexec >= 2 ? "sysctl -w vm.memfd_noexec=1: the host layer is executed from a sealed memfd"
			: "a kernel with memfd_create(2), and a container's policy that allows it",
	    "vm.memfd_noexec = %ld", noexec);
}

static void check_files(struct list *list)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
	int fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how)), error = fd < 0 ? errno : 0;
	struct rlimit files;

	if (fd >= 0)
		close(fd);
	add(list, "openat2", error ? CHECK_FATAL : CHECK_OK, "inside a container, allow openat2(2); in a systemd unit RestrictSUIDSGID= and DynamicUser= forbid it", "%s",
	    error ? strerror(error) : "available: volumes are opened beneath their grant");
	error = access("/proc/self/fd", X_OK) ? errno : 0;
	add(list, "/proc", error ? CHECK_FATAL : CHECK_OK, "mount proc on /proc", "%s",
	    error ? strerror(error) : "mounted");
	getrlimit(RLIMIT_NOFILE, &files);
	add(list, "open files", files.rlim_max >= 1024 ? CHECK_OK : CHECK_MISSING,
	    "raise the hard limit (ulimit -Hn)", "hard limit %llu", (unsigned long long)files.rlim_max);
}

static void check_clock(struct list *list)
{
	char source[64];
	bool fit;

	if (file_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
		      sizeof(source)) < 0)
		strcpy(source, "unknown");
	source[strcspn(source, "\n")] = 0;
	fit = !strcmp(source, "tsc") || !strcmp(source, "kvm-clock") || !strncmp(source, "hyperv", 6) ||
	      !strcmp(source, "unknown");
	add(list, "clock", fit ? CHECK_OK : CHECK_FATAL,
	    "a clock that the vDSO can read: tsc (clocksource=tsc tsc=reliable on the kernel's command line) "
	    "or kvm-clock",
	    "clocksource %s", source);
}

static void check_cgroup(struct list *list)
{
	char path[256], missing[128];
	int error = cgroup_find(path, sizeof(path), missing, sizeof(missing));

	add(list, "cgroup delegation", error ? CHECK_MISSING : CHECK_OK,
	    geteuid() ? "run it by `systemd-run --user --scope -p Delegate=yes`, or a unit with Delegate=yes; without it "
			"limits rest on rlimits and the sealed arena"
		      : "run it by `systemd-run --scope -p Delegate=yes`, or a unit with Delegate=yes; without it limits "
			"rest on rlimits and the sealed arena",
	    "%s", error ? missing : path);
}

size_t host_check(struct host_check *out, size_t max)
{
	struct list list = {out, 0, max};

	check_kernel(&list);
	check_namespaces(&list);
	check_seccomp(&list);
	check_landlock(&list);
	check_memfd(&list);
	check_files(&list);
	check_clock(&list);
	check_cgroup(&list);
	return list.count;
}

/* For a start that failed: what this host lacks, or NULL if it lacks nothing without which no sandbox starts. */
const char *host_lacks(void)
{
	static char text[1024];
	struct host_check list[40];
	size_t count = host_check(list, sizeof(list) / sizeof(list[0])), n = 0;

	for (size_t i = 0; i < count && n < sizeof(text); i++)
		if (list[i].state == CHECK_FATAL)
			n += snprintf(text + n, sizeof(text) - n, "%s%s: %s (%s)", n ? "; " : "", list[i].name,
				      list[i].detail, list[i].remedy);
	return n ? text : NULL;
}
