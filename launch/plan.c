/*
 * Deciding, before anything is started, which means enforce what was asked for; --explain tells the
 * same. A limit that a person asked for and that this host cannot enforce is an error that names the remedy.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/launch.h"
#include "monitor/files.h"
#include "monitor/process.h"

#define ARENA_UNIT (2ull << 20)
#define THREADS_DEFAULT 32768u
#define FILES_MAX 524288u /* what the host layer has tables for */
#define FILES_OWN 16u	  /* descriptors of the host layer */

int probe_in_child(int (*probe)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0) {
		signal(SIGSYS, SIG_DFL);
		_exit(probe());
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

static int probe_notify(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0
		   ? errno
		   : 0;
}

int probe_notifications(void)
{
	return probe_in_child(probe_notify);
}

static int refuse(char *err, size_t size, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int refuse(char *err, size_t size, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err, size, format, args);
	va_end(args);
	return error;
}

static int plan_memory(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t size)
{
	struct sysinfo info;
	uint64_t limit = spec->memory.value;

	plan->data_limit = RLIM_INFINITY;
	plan->arena_size = BZ_BOOT_OFFSET + BZ_BOOT_MAX;
	if (spec->guest)
		return 0; /* its memory is mapped once and for all */
	sysinfo(&info);
	if (!limit)
		limit = (uint64_t)info.totalram * info.mem_unit;
	if (limit < SANDBOX_MEMORY_MIN)
		return refuse(err, size, -EINVAL,
			      "memory limit %llu is too small: at least %llu MiB are needed",
			      (unsigned long long)limit, SANDBOX_MEMORY_MIN >> 20);
	if (limit > BZ_ARENA_MAX)
		limit = BZ_ARENA_MAX;
	plan->memory_limit = limit;
	plan->arena_size = (limit + ARENA_UNIT - 1) & ~(ARENA_UNIT - 1);
	/* RLIMIT_DATA counts what is mapped, not what is used: second choice. */
	plan->data_limit = spec->memory.asked && !plan->cgroup ? limit : RLIM_INFINITY;
	return 0;
}

static int plan_threads(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t size)
{
	struct rlimit nproc;
	char text[32];

	plan->threads_max = spec->pids.value;
	if (!spec->pids.value) {
		/* A fork bomb leaves three quarters of all numbers, and half of the user's, to everybody else. */
		plan->threads_max = THREADS_DEFAULT;
		if (!file_read("/proc/sys/kernel/pid_max", text, sizeof(text)) && atoi(text) / 4u < THREADS_DEFAULT)
			plan->threads_max = atoi(text) / 4u;
		if (!getrlimit(RLIMIT_NPROC, &nproc) && nproc.rlim_max / 2 < plan->threads_max)
			plan->threads_max = nproc.rlim_max / 2;
	}
	if (spec->pids.asked && spec->pids.value > 4194304)
		return refuse(err, size, -EINVAL, "--pids-limit %llu: at most 4194304",
			      (unsigned long long)spec->pids.value);
	if (spec->pids.asked && !plan->userns && !plan->root && !plan->cgroup)
		return refuse(err, size, -EOPNOTSUPP,
			      "--pids-limit cannot be enforced without a user namespace: "
			      "RLIMIT_NPROC would count all processes of uid %u (leave out --no-userns)",
			      plan->uid);
	if (getrlimit(RLIMIT_NPROC, &nproc) == 0 && nproc.rlim_max != RLIM_INFINITY &&
	    plan->threads_max > nproc.rlim_max)
		plan->threads_max = nproc.rlim_max;
	return 0;
}

static int plan_files(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t size)
{
	struct rlimit nofile;

	if (getrlimit(RLIMIT_NOFILE, &nofile) < 0)
		return -errno;
	if (nofile.rlim_max > FILES_MAX)
		nofile.rlim_max = FILES_MAX;
	if (nofile.rlim_max < 64 + FILES_OWN)
		return refuse(err, size, -EMFILE, "RLIMIT_NOFILE is %llu: at least 128 is needed",
			      (unsigned long long)nofile.rlim_max);
	plan->files_max = nofile.rlim_max - FILES_OWN;
	if (!spec->files.value)
		return 0;
	if (spec->files.asked && spec->files.value > plan->files_max)
		return refuse(err, size, -EMFILE,
			      "%llu files cannot be had: this host's hard limit leaves %llu "
			      "(raise RLIMIT_NOFILE)",
			      (unsigned long long)spec->files.value, (unsigned long long)plan->files_max);
	if (spec->files.value < plan->files_max)
		plan->files_max = spec->files.value;
	return 0;
}

/* Whole processors by affinity; parts of one need a cgroup. */
static int plan_cpus(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t size)
{
	cpu_set_t set;
	uint64_t whole;

	plan->cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	if (!spec->cpus.value)
		return 0;
	whole = (spec->cpus.value + 999) / 1000;
	if (spec->cpus.asked && whole > plan->cpus)
		return refuse(err, size, -EINVAL, "--cpus %llu.%03llu: only %u can be used here",
			      (unsigned long long)spec->cpus.value / 1000,
			      (unsigned long long)spec->cpus.value % 1000, plan->cpus);
	if (spec->cpus.asked && spec->cpus.value % 1000 && !plan->cgroup)
		return refuse(err, size, -EOPNOTSUPP,
			      "--cpus %llu.%03llu: a part of a processor needs a delegated "
			      "cgroup v2 (systemd-run --user --scope -p Delegate=yes), whole ones do not",
			      (unsigned long long)spec->cpus.value / 1000,
			      (unsigned long long)spec->cpus.value % 1000);
	if (whole < plan->cpus) {
		plan->cpus = whole;
		plan->affinity = true;
	}
	return 0;
}

static int plan_fsize(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t size)
{
	struct rlimit fsize;

	if (getrlimit(RLIMIT_FSIZE, &fsize) < 0)
		return -errno;
	plan->fsize = fsize.rlim_cur;
	if (!spec->fsize.value)
		return 0;
	if (spec->fsize.asked && fsize.rlim_max != RLIM_INFINITY && spec->fsize.value > fsize.rlim_max)
		return refuse(err, size, -EPERM, "a file size of %llu is above the hard limit %llu",
			      (unsigned long long)spec->fsize.value, (unsigned long long)fsize.rlim_max);
	plan->fsize = spec->fsize.value;
	return 0;
}

static int plan_check_mounts(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t size)
{
	if (spec->mount_count > SANDBOX_MOUNTS_MAX)
		return refuse(err, size, -E2BIG, "%zu mounts: at most %d", spec->mount_count,
			      SANDBOX_MOUNTS_MAX);
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct sandbox_mount *mount = &spec->mounts[i];
		bool made = mount->flags & (BZ_MOUNT_TMPFS | BZ_MOUNT_TEXT | BZ_MOUNT_SYMLINK);

		if (!mount->guest_path || mount->guest_path[0] != '/')
			return refuse(err, size, -EINVAL, "mount %zu: its path in the guest is not absolute",
				      i);
		if (made ? mount->fd >= 0 : mount->fd < 0)
			return refuse(err, size, -EBADF, "mount %s: no descriptor for it", mount->guest_path);
		plan->volumes |= !made;
	}
	return 0;
}

int plan_make(const struct sandbox_spec *spec, struct plan *plan, char *err, size_t size)
{
	const char *problem;
	int error;

	memset(plan, 0, sizeof(*plan));
	plan->cgroup = spec->flags & SANDBOX_CGROUP;
	plan->cgroup_fd = plan->cgroup ? spec->cgroup_fd : -1;
	if (!spec->argv || (!spec->argv[0] && !spec->guest) || !spec->exe || !spec->host_layer || spec->libos_fd < 0 ||
	    (spec->guest && spec->guest->fd_count > SANDBOX_GUEST_FDS_MAX))
		return refuse(err, size, -EINVAL, "incomplete sandbox specification");
	problem = plan_ids(plan);
	if (problem)
		return refuse(err, size, -EPERM, "%s", problem);
	/* A listener can be refused only by a filter that is there already, such as a container's with one of
	 * its own. */
	plan->notify = prctl(PR_GET_SECCOMP) == 0 || probe_notifications() == 0;
	plan->userns = !(spec->flags & SANDBOX_NO_USERNS);
	plan->namespaces = plan->userns || capability_held(CAP_SYS_ADMIN);
	error = plan_check_mounts(spec, plan, err, size);
	if (!error)
		error = plan_memory(spec, plan, err, size);
	if (!error)
		error = plan_threads(spec, plan, err, size);
	if (!error)
		error = plan_files(spec, plan, err, size);
	if (!error)
		error = plan_cpus(spec, plan, err, size);
	if (!error)
		error = plan_fsize(spec, plan, err, size);
	return error;
}
