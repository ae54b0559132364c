/*
 * A control group of a sandbox's own: cgroup v2, where one was delegated (systemd's Delegate=yes, or root).
 *
 * Controllers can be enabled for children only in a group without processes of its own, so the group that
 * bartizan was started in serves only where that is so already (the delegated parent, or the root group); a
 * group is looked for from the own one upwards.  Follows Documentation/admin-guide/cgroup-v2.rst,
 * "Delegation" and "No Internal Process".
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
#include <unistd.h>

#include "monitor/cgroup.h"
#include "monitor/files.h"

#define CGROUP2_MAGIC 0x63677270

static int write_file(const char *dir, const char *file, const char *text)
{
	char path[512];

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

/* Whether children of `dir` have (or can be given) the controllers. */
static bool gives_controllers(const char *dir)
{
	char path[512], text[256];

	if (access(dir, W_OK) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	if (file_read(path, text, sizeof(text)) < 0)
		return false;
	if (strstr(text, "memory") && strstr(text, "pids") && strstr(text, "cpu"))
		return true;
	return write_file(dir, "cgroup.subtree_control", "+memory +pids +cpu") == 0;
}

int cgroup_find(char *path, size_t size, char *why, size_t why_size)
{
	const char *mount = mount_point();
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

		snprintf(path, size, "%s%s", mount, strcmp(own, "/") ? own : "");
		if (gives_controllers(path))
			return 0;
		if (!slash || !own[1])
			break;
		slash[slash == own] = 0;
	}
	snprintf(why, why_size, "no cgroup with memory, pids and cpu controllers is delegated to uid %u",
		 geteuid());
	return -EACCES;
}

int cgroup_make(const char *name, uint64_t memory, uint64_t pids, uint64_t cpus, char *path, size_t size,
		char *why, size_t why_size)
{
	char text[64];
	size_t n;
	int error = cgroup_find(path, size, why, why_size), fd;

	if (error)
		return error;
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
