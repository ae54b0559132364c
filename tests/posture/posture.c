/*
 * Reads a live sandbox's processes and its monitor from outside, in /proc, and compares what it finds with the exact
 * expected posture: ids, capabilities, no_new_privs, seccomp, namespaces, root, every descriptor and what it is,
 * limits, each thread alike.  Looks for canaries of the command's environment, arguments and heap in their memory.
 *
 * The sandbox is started by a child that was executed with the canaries, as another user if that is asked for: the
 * observer should be root, for a monitor cannot be looked into by its own user.
 *
 * usage: posture HOST-LAYER LIBRARY-OS [nobody] [no-userns] [no-landlock]
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/monitor.h"

extern bool landlock_absent; /* monitor/confine.c */

#define UID_BASE 2000000000u
#define WAIT_MS 20000

static int failures;
static bool nobody, no_userns, no_landlock, root, namespaces; /* root, namespaces: of the starter */
static pid_t monitor_pid;
static uid_t starter_uid;
static char canary[64], heap_canary[64]; /* of arguments and environment; of the heap */

static void bad(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void bad(const char *format, ...)
{
	va_list args;

	failures++;
	printf("FAIL ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static void die(const char *what)
{
	printf("cannot test: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	while (fd >= 0 && used < size - 1 && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += n;
	if (fd >= 0)
		close(fd);
	text[used] = 0;
	return used;
}

static const char *in_proc(pid_t pid, const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return path;
}

/* ------------------------------------------------------------------------------------------------------
 * Status: the lines that matter, word for word
 */

static void check_line(pid_t pid, const char *who, const char *status, const char *key, const char *want)
{
	char look[64], found[256] = "(missing)";
	const char *at;

	snprintf(look, sizeof(look), "\n%s:", key);
	at = strstr(status, look);
	if (at) {
		at += strlen(look);
		at += strspn(at, " \t");
		snprintf(found, sizeof(found), "%.*s", (int)strcspn(at, "\n"), at);
		for (size_t n = strlen(found); n && found[n - 1] == ' '; n--)
			found[n - 1] = 0;
	}
	if (strcmp(found, want))
		bad("%s %d: %s is '%s', not '%s'", who, pid, key, found, want);
}

/* Root gives all groups up; who is not root cannot (user_namespaces(7)), and --explain names what he keeps. */
static const char *expected_groups(void)
{
	static char status[16384];
	char *line;

	if (geteuid() == 0)
		return "";
	read_file("/proc/self/status", status, sizeof(status));
	line = strstr(status, "\nGroups:");
	if (!line)
		return "(missing)";
	line += strlen("\nGroups:\t");
	line[strcspn(line, "\n")] = 0;
	for (size_t n = strlen(line); n && line[n - 1] == ' '; n--)
		line[n - 1] = 0;
	return line;
}

static void check_ids(pid_t pid, const char *who, const char *status, uint32_t id)
{
	char want[64];

	snprintf(want, sizeof(want), "%u\t%u\t%u\t%u", id, id, id, id);
	check_line(pid, who, status, "Uid", want);
	check_line(pid, who, status, "Gid", want);
	check_line(pid, who, status, "Groups", expected_groups());
}

static void check_status(pid_t pid, const char *who, const char *file, uint32_t id, bool bounding_kept, const char *caps)
{
	char status[4096], filters[16];
	static const char none[] = "0000000000000000";

	read_file(in_proc(pid, file), status, sizeof(status));
	check_ids(pid, who, status, id);
	check_line(pid, who, status, "CapInh", none);
	check_line(pid, who, status, "CapPrm", caps);
	check_line(pid, who, status, "CapEff", caps);
	check_line(pid, who, status, "CapAmb", none);
	if (!bounding_kept)
		check_line(pid, who, status, "CapBnd", none);
	check_line(pid, who, status, "NoNewPrivs", "1");
	check_line(pid, who, status, "Seccomp", "2");
	snprintf(filters, sizeof(filters), "1");
	if (prctl(PR_GET_SECCOMP) == 0)
		check_line(pid, who, status, "Seccomp_filters", filters);
}

/* ------------------------------------------------------------------------------------------------------
 * Namespaces, root, limits
 */

static void check_namespaces(pid_t pid, const char *who, bool own, pid_t like)
{
	static const char *const kinds[] = { "user", "pid", "mnt", "ipc", "uts", "cgroup", "net" };
	char file[16], mine[64], theirs[64], path[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool expected = own && strcmp(kinds[i], "net") && (strcmp(kinds[i], "user") || !no_userns);
		ssize_t n;

		snprintf(file, sizeof(file), "ns/%s", kinds[i]);
		n = readlink(in_proc(pid, file), theirs, sizeof(theirs) - 1);
		theirs[n > 0 ? n : 0] = 0;
		snprintf(path, sizeof(path), "/proc/%d/%s", like ? like : getpid(), file);
		n = readlink(path, mine, sizeof(mine) - 1);
		mine[n > 0 ? n : 0] = 0;
		if (like ? strcmp(mine, theirs) != 0 : (strcmp(mine, theirs) != 0) != expected)
			bad("%s %d: %s namespace %s, %s has %s", who, pid, kinds[i], theirs, like ? "the template" : "the host",
			    mine);
	}
}

static void check_empty_root(pid_t pid, bool works_there)
{
	DIR *dir = opendir(in_proc(pid, "root/"));
	struct dirent *entry;

	if (!dir)
		return bad("%d: its root cannot be read: %s", pid, strerror(errno));
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			bad("%d: its root has %s", pid, entry->d_name);
	closedir(dir);
	if (!works_there)
		return;
	dir = opendir(in_proc(pid, "cwd/"));
	if (!dir || (readdir(dir), readdir(dir), readdir(dir)))
		bad("%d: its working directory is not the empty root", pid);
	if (dir)
		closedir(dir);
}

static void check_limit(pid_t pid, const char *who, const char *limits, const char *name, const char *want)
{
	const char *at = strstr(limits, name);
	char soft[32] = "", hard[32] = "";

	if (at)
		sscanf(at + 26, "%31s %31s", soft, hard);
	if (strcmp(soft, want) || strcmp(hard, want))
		bad("%s %d: %s is %s/%s, not %s", who, pid, name, soft, hard, want);
}

static void check_limits(pid_t pid, const char *who, bool monitor)
{
	char limits[4096];

	read_file(in_proc(pid, "limits"), limits, sizeof(limits));
	check_limit(pid, who, limits, "Max core file size", "1");
	check_limit(pid, who, limits, "Max locked memory", "0");
	if (monitor) {
		check_limit(pid, who, limits, "Max processes", "0");
		return;
	}
	check_limit(pid, who, limits, "Max msgqueue size", "0");
	check_limit(pid, who, limits, "Max realtime priority", "0");
	check_limit(pid, who, limits, "Max data size", "67108864");
	check_limit(pid, who, limits, "Max file size", "1048576");
	check_limit(pid, who, limits, "Max open files", "216");
	check_limit(pid, who, limits, "Max pending signals", "1124");
	if (!no_userns || root)
		check_limit(pid, who, limits, "Max processes", "108");
}

/* ------------------------------------------------------------------------------------------------------
 * Descriptors: each has to be on the list, and what is on the list without `optional` has to be there
 */

struct expected {
	int fd;			/* -1: any number */
	const char *what;	/* the beginning of its link */
	int access;		/* -1: does not matter */
	int count;		/* < 0: at most so many */
	int seen;
};

static int access_of(pid_t pid, const char *number)
{
	char file[64], text[512], *at;

	snprintf(file, sizeof(file), "fdinfo/%s", number);
	read_file(in_proc(pid, file), text, sizeof(text));
	at = strstr(text, "flags:");
	return at ? (int)strtol(at + 6, NULL, 8) & (O_ACCMODE | O_PATH) : -1;
}

static void check_descriptors(pid_t pid, const char *who, struct expected *list, size_t count)
{
	DIR *dir = opendir(in_proc(pid, "fd"));
	struct dirent *entry;

	if (!dir)
		return bad("%s %d: its descriptors cannot be read: %s", who, pid, strerror(errno));
	for (size_t i = 0; i < count; i++)
		list[i].seen = 0;
	while ((entry = readdir(dir))) {
		char file[280], link[256];
		bool known = false;
		ssize_t n;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "fd/%s", entry->d_name);
		n = readlink(in_proc(pid, file), link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = 0;
		for (size_t i = 0; i < count && !known; i++) {
			struct expected *e = &list[i];

			known = (e->fd < 0 || e->fd == atoi(entry->d_name)) && !strncmp(link, e->what, strlen(e->what)) &&
				e->seen < abs(e->count) && (e->access < 0 || e->access == access_of(pid, entry->d_name));
			e->seen += known;
		}
		if (!known)
			bad("%s %d: descriptor %s is %s (access %o)", who, pid, entry->d_name, link,
			    access_of(pid, entry->d_name));
	}
	closedir(dir);
	for (size_t i = 0; i < count; i++)
		if (list[i].count > 0 && list[i].seen != list[i].count)
			bad("%s %d: %d of %d descriptors of %s", who, pid, list[i].seen, list[i].count, list[i].what);
}

/* ------------------------------------------------------------------------------------------------------
 * The canary
 */

/* The monitor is a fork of the command, whose heap it cannot tell from its own: there it forgot the rest. */
static void search_memory(pid_t pid, const char *who, bool heap)
{
	static char maps[65536], chunk[1 << 20];
	int mem = open(in_proc(pid, "mem"), O_RDONLY | O_CLOEXEC);
	char *line, *rest = maps;
	unsigned long searched = 0;

	if (mem < 0) {
		printf("skipped: the memory of %s %d cannot be read: %s\n", who, pid, strerror(errno));
		return;
	}
	read_file(in_proc(pid, "maps"), maps, sizeof(maps));
	while ((line = strsep(&rest, "\n")) && *line) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || to - from > 1ul << 32)
			continue;
		for (; from < to; from += sizeof(chunk) - sizeof(canary)) {
			size_t want = to - from < sizeof(chunk) ? to - from : sizeof(chunk);
			ssize_t n = pread(mem, chunk, want, from);

			if (n <= 0)
				break;
			searched += n;
			if (memmem(chunk, n, canary, strlen(canary)) ||
			    (heap && memmem(chunk, n, heap_canary, strlen(heap_canary))))
				bad("%s %d: the canary is in %s", who, pid, line);
		}
	}
	close(mem);
	if (searched < 100000)
		bad("%s %d: only %lu bytes of its memory were searched", who, pid, searched);
}

/* ------------------------------------------------------------------------------------------------------
 * The processes
 */

static uint32_t sandbox_id(void)
{
	return root ? UID_BASE + monitor_pid : starter_uid;
}

static int children(pid_t parent, pid_t *out, int max)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir))) {
		char text[512], *at;
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || !read_file(in_proc(pid, "stat"), text, sizeof(text)))
			continue;
		at = strrchr(text, ')');
		if (at && n < max && atoi(at + 4) == parent)
			out[n++] = pid;
	}
	closedir(dir);
	return n;
}

static int check_threads(pid_t pid, const char *who)
{
	DIR *dir = opendir(in_proc(pid, "task"));
	struct dirent *entry;
	char file[300];
	int n = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		snprintf(file, sizeof(file), "task/%s/status", entry->d_name);
		check_status(pid, who, file, sandbox_id(), no_userns && !root, "0000000000000000");
	}
	if (dir)
		closedir(dir);
	return n;
}

static void check_picoprocess(pid_t pid, const char *who, pid_t template, int threads)
{
	struct expected descriptors[] = {
		{ 0, "socket:", O_RDWR, 1, 0 },		{ 1, "/memfd:bartizan-arena", O_RDWR, 1, 0 },
		{ 2, "/", O_RDONLY, 1, 0 },		{ 3, "/dev/null", O_RDONLY, 1, 0 },
		{ 4, "/dev/null", O_WRONLY, 1, 0 },	{ 5, "/dev/null", O_WRONLY, 1, 0 },
		{ 6, "socket:", O_RDWR, 1, 0 },		{ 7, "socket:", O_RDWR, 1, 0 },
		{ -1, "anon_inode:[eventpoll]", O_RDWR, -1, 0 }, /* where the template waits */
	};
	char text[4096];
	int n = check_threads(pid, who);

	if (n != threads)
		bad("%s %d: %d threads, not %d", who, pid, n, threads);
	check_namespaces(pid, who, namespaces, pid == template ? 0 : template);
	if (namespaces)
		check_empty_root(pid, true);
	check_limits(pid, who, false);
	check_descriptors(pid, who, descriptors, sizeof(descriptors) / sizeof(descriptors[0]));
	if (read_file(in_proc(pid, "environ"), text, sizeof(text)))
		bad("%s %d: it has an environment", who, pid);
	search_memory(pid, who, true);
}

/* Without Landlock the monitor has an empty root, in a mount namespace that a user who is not root needs for it. */
static void check_monitors_view(pid_t pid)
{
	static const char *const kinds[] = { "user", "mnt" };
	char file[16], mine[64], theirs[64];

	if (!no_landlock || root)
		check_namespaces(pid, "monitor", false, 0);
	if (!no_landlock)
		return;
	check_empty_root(pid, false); /* its working directory is its own /proc/self/fd */
	for (size_t i = 0; i < 2 && !root; i++) {
		snprintf(file, sizeof(file), "ns/%s", kinds[i]);
		memset(theirs, 0, sizeof(theirs));
		memset(mine, 0, sizeof(mine));
		if (readlink(in_proc(pid, file), theirs, sizeof(theirs) - 1) < 0 ||
		    readlink(in_proc(getpid(), file), mine, sizeof(mine) - 1) < 0 || !strcmp(mine, theirs))
			bad("monitor %d: its %s namespace is the host's", pid, kinds[i]);
	}
}

static void check_monitor(pid_t pid)
{
	struct expected descriptors[] = {
		{ -1, "socket:", O_RDWR, 4, 0 },
		{ -1, "/proc/", O_PATH, 1, 0 },
		{ -1, no_landlock ? "/" : "/tmp", O_PATH, 1, 0 }, /* "/": a mount of its own, attached nowhere */
		{ -1, "anon_inode:[pidfd]", -1, 1, 0 },
		{ -1, "anon_inode:seccomp notify", -1, 1, 0 },
	};

	if (geteuid() != 0) {
		printf("skipped: the monitor cannot be looked into but by root\n");
		return;
	}
	/* Serving volumes for root it stays uid 0; without a user namespace it then needs CAP_KILL, and nothing else. */
	check_status(pid, "monitor", "status", starter_uid, !root, root && no_userns ? "0000000000000020" : "0000000000000000");
	check_monitors_view(pid);
	check_limits(pid, "monitor", true);
	check_descriptors(pid, "monitor", descriptors, sizeof(descriptors) / sizeof(descriptors[0]));
#ifndef SANITIZED /* whose runtime keeps copies of arguments and environment, and of freed memory */
	search_memory(pid, "monitor", false);
#endif
}

/* ------------------------------------------------------------------------------------------------------ */

static void *load(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*size = st.st_size;
	return data;
}

static void wait_ready(struct sandbox *sandbox)
{
	static union {
		struct monitor_msg head;
		char space[sizeof(struct monitor_msg) + MONITOR_TEXT_MAX + 1];
	} in;
	struct pollfd pfd = { sandbox->control, POLLIN, 0 };
	int ready = 0;

	while (ready < 2) {
		ssize_t n = poll(&pfd, 1, WAIT_MS) > 0 ? recv(sandbox->control, &in, sizeof(in) - 1, 0) : -1;

		if (n < (ssize_t)sizeof(in.head))
			die("the sandbox is silent");
		in.space[n] = 0;
		if (in.head.kind == MONITOR_FAILED || in.head.kind == MONITOR_ENDED || strstr(in.head.text, "FAIL")) {
			fprintf(stderr, "FAIL the sandbox: %s\n", in.head.text);
			exit(1);
		}
		ready += in.head.kind == MONITOR_LOG && strstr(in.head.text, "ready");
	}
}

static void start(char **argv, struct sandbox *sandbox)
{
	static struct sandbox_mount mount = { .guest_path = "/data", .flags = BZ_MOUNT_READONLY };
	static const char *arguments[] = { "program", NULL }, *environment[] = { "A=b", NULL };
	struct sandbox_spec spec = { .id = "posture", .argv = arguments, .envp = environment, .exe = "program",
				     .uid = 1000, .gid = 1000, .mounts = &mount, .mount_count = 1, .listen_fd = -1,
				     .memory = { true, 64 << 20 }, .pids = { true, 100 }, .files = { true, 200 },
				     .fsize = { true, 1 << 20 } };
	struct stat st;
	char err[256];
	int null_in = open("/dev/null", O_RDONLY), null_out = open("/dev/null", O_WRONLY);

	spec.pids.asked = !no_userns || root;
	spec.host_layer = load(argv[1], &spec.host_layer_size);
	spec.libos_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	spec.image_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (spec.libos_fd < 0 || fstat(spec.libos_fd, &st) < 0)
		die(argv[2]);
	spec.libos_size = spec.image_size = st.st_size;
	mount.fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	spec.stdio[0] = null_in;
	spec.stdio[1] = spec.stdio[2] = null_out;
	landlock_absent = no_landlock;
	spec.flags = no_userns ? SANDBOX_NO_USERNS : 0;
	if (sandbox_start(&spec, sandbox, err, sizeof(err)) < 0) {
		fprintf(stderr, "FAIL %s\n", err);
		exit(1);
	}
}

static bool may_mount(void)
{
	char status[4096], *at;

	read_file("/proc/self/status", status, sizeof(status));
	at = strstr(status, "\nCapEff:");
	return at && strtoull(at + 8, NULL, 16) >> 21 & 1;
}

/* Executed anew by the observer, with canaries in arguments and environment: starts the sandbox, tells the monitor's
 * pid on descriptor 1, and ends it when descriptor 0 ends. */
static int starter(char **argv)
{
	char *heap = strdup(getenv("POSTURE_HEAP"));
	struct sandbox sandbox;
	char byte;

	unsetenv("POSTURE_HEAP");
	start(argv, &sandbox);
	wait_ready(&sandbox);
	if (write(1, &sandbox.pid, sizeof(sandbox.pid)) < 0 || read(0, &byte, 1) < 0)
		return 1;
	sandbox_tell(&sandbox, MONITOR_KILL, 0, 0, 0);
	sandbox_forget(&sandbox);
	free(heap);
	return 0;
}

static void start_starter(char **argv, int *to, int *from)
{
	char *again[] = { argv[0], argv[1], argv[2], canary, no_userns ? "no-userns" : "-",
			  no_landlock ? "no-landlock" : NULL, NULL };
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	if (fork() == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		setenv("POSTURE_CANARY", canary, 1);
		setenv("POSTURE_HEAP", heap_canary, 1);
		if (starter_uid != geteuid() && (setgroups(0, NULL) || setresgid(starter_uid, starter_uid, starter_uid) ||
						 setresuid(starter_uid, starter_uid, starter_uid)))
			die("become nobody");
		execv("/proc/self/exe", again);
		die("exec");
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
}

static int count_threads(pid_t pid)
{
	DIR *tasks = opendir(in_proc(pid, "task"));
	int n = -2;

	while (tasks && readdir(tasks))
		n++;
	if (tasks)
		closedir(tasks);
	return n;
}

static void observe(void)
{
	pid_t template, all[8];
	int n, with_two = 0;

	if (children(monitor_pid, &template, 1) != 1)
		die("find the template");
	check_monitor(monitor_pid);
	check_picoprocess(template, "template", template, 1);
	n = children(template, all, 8);
	if (n != 2)
		bad("%d picoprocesses besides the template, not 2", n);
	for (int i = 0; i < n; i++) {
		int threads = count_threads(all[i]);

		with_two += threads == 2;
		check_picoprocess(all[i], "picoprocess", template, threads);
	}
	if (with_two != 1)
		bad("not one picoprocess with two threads");
}

int main(int argc, char **argv)
{
	int to, from, status;

	if (argc < 3)
		return 1;
	for (int i = 3; i < argc; i++) {
		nobody |= !strcmp(argv[i], "nobody");
		no_userns |= !strcmp(argv[i], "no-userns");
		no_landlock |= !strcmp(argv[i], "no-landlock");
	}
	root = geteuid() == 0 && !nobody;
	namespaces = !no_userns || (root && may_mount());
	if (getenv("POSTURE_CANARY"))
		return starter(argv);
	starter_uid = geteuid() == 0 && nobody ? 65534 : geteuid();
	snprintf(canary, sizeof(canary), "canary-%d-%ld", getpid(), random());
	snprintf(heap_canary, sizeof(heap_canary), "heap-canary-%d-%ld", getpid(), random());
	start_starter(argv, &to, &from);
	if (read(from, &monitor_pid, sizeof(monitor_pid)) != sizeof(monitor_pid))
		die("start a sandbox");
	observe();
	close(to);
	wait(&status);
	if (status)
		bad("the starter ended with %x", status);
	if (access(in_proc(monitor_pid, "status"), F_OK) == 0)
		bad("the monitor outlived its sandbox");
	if (!failures)
		printf("the posture is as expected: %s%s%s\n", root ? "root" : "rootless", no_userns ? ", --no-userns" : "",
		       no_landlock ? ", no Landlock" : "");
	return failures != 0;
}
