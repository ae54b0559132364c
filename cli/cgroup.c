/*
 * A control group of a sandbox's own: cgroup v2, where one was delegated.
 *
 * Who may make groups where is a matter of trust in both directions: a sandbox must not leave the group whose
 * limits an operator set, and what systemd manages is not ours.  With systemd the group is therefore the nearest
 * one upwards that it marked as delegated (Delegate=yes), unless another manager's unit lies between: a user
 * manager's group is marked too, and its units are not ours.  A user's manager cannot mark a group (not in systemd 252):
 * there it is the own group, if that is the user's and has all controllers, which it has with Delegate=yes.  Without systemd
 * it is the nearest one upwards that can have children with controllers.
 *
 * Controllers can be enabled for children only in a group without processes of its own, so those that are in a
 * delegated group move into a child.  Follows Documentation/admin-guide/cgroup-v2.rst, "Delegation" and "No Internal
 * Process", and systemd's CGROUP_DELEGATION.md.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/cgroup.h"
#include "monitor/files.h"

#define CGROUP2_MAGIC 0x63677270
#define COMMANDS "bartizan-commands"

static int write_file(const char *dir, const char *file, const char *text)
{
	char path[640];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return file_write(path, text);
}

static const char *mount_point(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;

	for (int i = 0; i < 2; i++)
		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_MAGIC)
			return places[i];
	return NULL;
}

static int read_file(const char *dir, const char *file, char *text, size_t size)
{
	char path[640];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return file_read(path, text, size);
}

static bool has_controllers(const char *dir, const char *file)
{
	char text[256];

	return read_file(dir, file, text, sizeof(text)) == 0 && strstr(text, "memory") && strstr(text, "pids") &&
	       strstr(text, "cpu ");
}

static bool marked_delegated(const char *dir)
{
	char value[2];

	return (getxattr(dir, "user.delegate", value, 2) == 1 || getxattr(dir, "trusted.delegate", value, 2) == 1) &&
	       value[0] == '1';
}

static bool is_unit(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".service") || !strcmp(dot, ".scope") || !strcmp(dot, ".slice"));
}

/* Without processes of its own, or the root group, which may have them. */
static bool can_have_children(const char *dir)
{
	char text[64];

	return has_controllers(dir, "cgroup.subtree_control") ||
	       read_file(dir, "cgroup.type", text, sizeof(text)) < 0 ||
	       (read_file(dir, "cgroup.procs", text, sizeof(text)) == 0 && !*text);
}

int cgroup_find(char *path, size_t size, char *why, size_t why_size)
{
	const bool systemd = access("/run/systemd/system", F_OK) == 0;
	const char *mount = mount_point();
	bool is_own = true;
	char text[4096], *own;

	if (!mount) {
		snprintf(why, why_size, "cgroup v2 is not mounted");
		return -ENOENT;
	}
	own = file_read("/proc/self/cgroup", text, sizeof(text)) == 0 ? strstr(text, "0::/") : NULL;
	if (!own) {
		snprintf(why, why_size, "this process is in no cgroup v2");
		return -ENOENT;
	}
	own += 3;
	own[strcspn(own, "\n")] = 0;
	if (strlen(mount) + strlen(own) + 64 > size) {
		snprintf(why, why_size, "its path is too long");
		return -ENAMETOOLONG;
	}
	for (;;) {
		char *slash = strrchr(own, '/');
		bool usable;

		snprintf(path, size, "%s%s", mount, strcmp(own, "/") ? own : "");
		usable = systemd ? marked_delegated(path) || (geteuid() && is_own && slash && strcmp(slash, "/" COMMANDS)) : can_have_children(path);
		if (usable && access(path, W_OK) == 0 && has_controllers(path, "cgroup.controllers"))
			return 0;
		if (!slash || !own[1] || (systemd && is_unit(slash)))
			break;
		is_own = is_own && !strcmp(slash, "/" COMMANDS); /* where an earlier run put us */
		slash[slash == own] = 0;
	}
	snprintf(why, why_size, "no cgroup with memory, pids and cpu controllers is delegated to uid %u",
		 geteuid());
	return -EACCES;
}

/* Everybody in `dir` goes into a child of it: those whom systemd started there, and what they started. */
static int move_inside(const char *dir)
{
	char path[576], pid[32];
	int error = 0;

	snprintf(path, sizeof(path), "%.512s/" COMMANDS, dir);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	for (int i = 0; i < 65536 && !error && read_file(dir, "cgroup.procs", pid, sizeof(pid)) == 0 && *pid; i++) {
		pid[strcspn(pid, "\n")] = 0;
		error = write_file(path, "cgroup.procs", pid);
		if (error == -ESRCH)
			error = 0; /* it has ended meanwhile */
	}
	return error;
}

static int enable_controllers(const char *dir)
{
	int error = -EBUSY;

	/* Again where somebody was started meanwhile, or where there are more than one reading shows. */
	for (int i = 0; i < 16 && error == -EBUSY && !has_controllers(dir, "cgroup.subtree_control"); i++) {
		error = write_file(dir, "cgroup.subtree_control", "+memory +pids +cpu");
		if (error == -EBUSY && (i == 15 || move_inside(dir) < 0))
			return error;
	}
	return has_controllers(dir, "cgroup.subtree_control") ? 0 : error;
}

static int cgroup_make(const char *name, uint64_t memory, uint64_t pids, uint64_t cpus, char *path, size_t size,
		char *why, size_t why_size)
{
	char text[64];
	size_t n;
	int error = cgroup_find(path, size, why, why_size), fd;

	if (error)
		return error;
	error = enable_controllers(path);
	if (error) {
		snprintf(why, why_size, "%s: controllers cannot be enabled: %s", path, strerror(-error));
		return error;
	}
	n = strlen(path);
	if ((size_t)snprintf(path + n, size - n, "/bartizan-%s-%d", name, getpid()) >= size - n)
		return -ENAMETOOLONG;
	if (mkdir(path, 0755) < 0) {
		snprintf(why, why_size, "mkdir %s: %s", path, strerror(errno));
		return -errno;
	}
	if (memory) {
		snprintf(text, sizeof(text), "%" PRIu64, memory);
		error = write_file(path, "memory.max", text);
		write_file(path, "memory.swap.max", "0");
		write_file(path, "memory.oom.group", "1");
	}
	if (pids && !error) {
		snprintf(text, sizeof(text), "%" PRIu64, pids);
		error = write_file(path, "pids.max", text);
	}
	if (cpus && !error) {
		snprintf(text, sizeof(text), "%" PRIu64 " 100000", cpus * 100);
		error = write_file(path, "cpu.max", text);
	}
	fd = error ? error : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fd = error ? error : -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-fd));
		rmdir(path);
	}
	return fd;
}

/* ------------------------------------------------------------------------------------------------------ */

static char made[256]; /* to be removed at the end; one command makes one sandbox */
static int made_fd = -1;

void cgroup_plan(struct sandbox_spec *spec)
{
	char path[256], why[160];

	spec->cgroup_fd = -1;
	/* Looked for only where it would serve: it costs the start a few file accesses. */
	if ((spec->memory.asked || spec->pids.asked || spec->cpus.asked) &&
	    cgroup_find(path, sizeof(path), why, sizeof(why)) == 0)
		spec->flags |= SANDBOX_CGROUP;
}

bool cgroup_end(void)
{
	char text[512];
	const char *kills;
	bool out_of_memory;

	if (made_fd < 0)
		return false;
	kills = read_file(made, "memory.events", text, sizeof(text)) == 0 ? strstr(text, "oom_kill ") : NULL;
	out_of_memory = kills && kills[strlen("oom_kill ")] != '0';
	close(made_fd);
	rmdir(made);
	made_fd = -1;
	return out_of_memory;
}

int cgroup_start(struct sandbox_spec *spec, struct sandbox *sandbox, char *err, size_t err_size)
{
	char why[640] = "";
	int error;

	if (spec->flags & SANDBOX_CGROUP) {
		/* Behind the threads that were asked for come the host layer's own. */
		made_fd = cgroup_make(spec->id, spec->memory.value, spec->pids.value ? spec->pids.value + 8 : 0,
				      spec->cpus.value, made, sizeof(made), why, sizeof(why));
		if (made_fd < 0) {
			snprintf(err, err_size, "cannot make a cgroup: %s", why);
			return made_fd;
		}
		spec->cgroup_fd = made_fd;
	}
	error = sandbox_start(spec, sandbox, err, err_size);
	if (error < 0)
		cgroup_end();
	return error;
}
