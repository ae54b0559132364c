/*
 * What the monitor gives up before the first guest instruction, and pieces of it that the template uses too:
 * capabilities, Landlock, the monitor's own seccomp filter, its limits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <linux/mount.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/files.h"
#include "monitor/process.h"
#include "monitor/raw.h"

/* Capabilities -------------------------------------------------------------------------------------- */

/* No capability can be had back by an exec.  Before the change of ids, which takes the right to do this away;
 * who has not that right anyway has no_new_privs alone. */
int capabilities_bound(void)
{
	long error = RAW(prctl, PR_SET_NO_NEW_PRIVS, 1);

	for (int cap = 0; RAW(prctl, PR_CAPBSET_DROP, cap) == 0; cap++)
		;
	return error;
}

/* Empty the other sets, but for `keep` in permitted and effective. */
int capabilities_drop(uint64_t keep)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	RAW(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
	none[0].permitted = none[0].effective = keep;
	none[1].permitted = none[1].effective = keep >> 32;
	return RAW(capset, &head, none);
}

/* Landlock.  Numbers by ABI version, so that an older <linux/landlock.h> will do -------------------- */

struct ruleset {
	uint64_t fs, net, scoped;
};
#define LL_FS_ABI1 0x1fffull	 /* EXECUTE ... MAKE_SYM */
#define LL_FS_REFER 0x2000ull	 /* 2 */
#define LL_FS_TRUNCATE 0x4000ull /* 3 */
#define LL_FS_IOCTL 0x8000ull	 /* 5 */
#define LL_NET_TCP 0x3ull	 /* 4 */
#define LL_NET_CONNECT 0x2ull
#define LL_RULE_NET_PORT 2
#define PORTS_FEW 16
#define LL_SCOPE_ABSTRACT 0x1ull /* 6 */
#define LL_SCOPE_SIGNAL 0x2ull	 /* 6 */

#define LL_WRITE_FILE 0x2ull
#define LL_READ_FILE 0x4ull
#define LL_READ_DIR 0x8ull
#define LL_REMOVE_DIR 0x10ull
#define LL_REMOVE_FILE 0x20ull
#define LL_MAKE_DIR 0x80ull
#define LL_MAKE_REG 0x100ull
#define LL_MAKE_SOCK 0x200ull
#define LL_MAKE_FIFO 0x400ull
#define LL_MAKE_SYM 0x1000ull

bool landlock_absent; /* tests: as on a kernel without it */

int landlock_abi(void)
{
	int abi = RAW(landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 || landlock_absent ? 0 : abi;
}

/* A ruleset that handles everything that the kernel's version knows; < 0: there is no Landlock. */
static int landlock_make(int abi, bool signals, bool connect, struct ruleset *rules)
{
	rules->fs = LL_FS_ABI1 | (abi >= 2 ? LL_FS_REFER : 0) | (abi >= 3 ? LL_FS_TRUNCATE : 0) |
		    (abi >= 5 ? LL_FS_IOCTL : 0);
	rules->net = abi < 4 ? 0 : connect ? LL_NET_TCP & ~LL_NET_CONNECT : LL_NET_TCP;
	rules->scoped = abi >= 6 ? LL_SCOPE_ABSTRACT | (signals ? LL_SCOPE_SIGNAL : 0) : 0;
	return RAW(landlock_create_ruleset, rules,
		   abi >= 6   ? sizeof(*rules)
		   : abi >= 4 ? offsetof(struct ruleset, scoped)
			      : sizeof(rules->fs),
		   0);
}

static int landlock_enter(int ruleset)
{
	int error = RAW(landlock_restrict_self, ruleset, 0);

	RAW(close, ruleset);
	return error;
}

/* No file by name, no TCP, no signal to anybody outside.  0 also where the kernel has no Landlock. */
int landlock_nothing(void)
{
	struct ruleset rules;
	int abi = landlock_abi(), fd;

	if (abi == 0)
		return 0;
	fd = landlock_make(abi, true, false, &rules);
	return fd < 0 ? fd : landlock_enter(fd);
}

static int landlock_grant(int ruleset, const struct ruleset *rules, const struct volume *volume)
{
	struct landlock_path_beneath_attr attr = {.parent_fd = volume->fd};

	attr.allowed_access = LL_READ_FILE | (volume->is_file ? 0 : LL_READ_DIR);
	if (!volume->readonly)
		attr.allowed_access |= LL_WRITE_FILE | LL_FS_TRUNCATE;
	if (!volume->readonly && !volume->is_file)
		attr.allowed_access |=
		    LL_REMOVE_DIR | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SOCK | LL_MAKE_FIFO | LL_MAKE_SYM |
		    LL_FS_REFER;
	attr.allowed_access &= rules->fs;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

/* Landlock knows ports one by one: a rule for many more is for the matcher alone (network.c). */
static bool ports_are_few(const struct server *server)
{
	for (uint32_t i = 0; i < server->rule_count; i++)
		if (server->rules[i].last - server->rules[i].first >= PORTS_FEW)
			return false;
	return true;
}

static int landlock_ports(int ruleset, const struct net_rule *rule)
{
	uint64_t attr[2] = {LL_NET_CONNECT, rule->first}; /* struct landlock_net_port_attr */
	int error = 0;

	for (; rule->scheme == BZ_TCP && attr[1] <= rule->last && !error; attr[1]++)
		error = syscall(SYS_landlock_add_rule, ruleset, LL_RULE_NET_PORT, attr, 0);
	return error ? -errno : 0;
}

/* The granted trees, the ports of --allow, and nothing else. */
static int landlock_volumes(struct server *server)
{
	struct ruleset rules;
	int abi = landlock_abi(), fd, error = 0;

	if (abi == 0)
		return 0;
	fd = landlock_make(abi, false, !ports_are_few(server), &rules); /* the monitor must be able to kill the sandbox */
	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < server->volume_count && !error; i++)
		error = landlock_grant(fd, &rules, &server->volumes[i]);
	for (uint32_t i = 0; i < server->rule_count && !error && (rules.net & LL_NET_CONNECT); i++)
		error = landlock_ports(fd, &server->rules[i]);
	if (error) {
		close(fd);
		return error;
	}
	return landlock_enter(fd);
}

/* ------------------------------------------------------------------------------------------------------
 * Where there is no Landlock: each granted tree as a mount of its own that is attached nowhere, and an empty
 * root.
 * `..` ends at such a mount's root, and a read-only grant is a read-only mount.
 */

/* The right to mount: root has it, others get it in a user namespace in which they are who they were. */
static int mounts_unshare(struct monitor *m)
{
	char line[64];
	int error;

	if (m->plan.root)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	error = file_write("/proc/self/setgroups", "deny");
	if (error)
		return error;
	snprintf(line, sizeof(line), "%u %u 1", m->plan.gid, m->plan.gid);
	error = file_write("/proc/self/gid_map", line);
	if (error)
		return error;
	snprintf(line, sizeof(line), "%u %u 1", m->plan.uid, m->plan.uid);
	return file_write("/proc/self/uid_map", line);
}

/* A mount namespace's own copy of what `fd` stands for in another: found by its path, which has to lead to
 * the same. */
static int find_again(int fd)
{
	char name[32], path[4096];
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
	struct stat was, is;
	ssize_t n;
	int found;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = 0;
	found = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (found < 0)
		return -errno;
	if (fstat(fd, &was) < 0 || fstat(found, &is) < 0 || was.st_dev != is.st_dev ||
	    was.st_ino != is.st_ino || dup3(found, fd, O_CLOEXEC) < 0) {
		close(found);
		return -ESTALE;
	}
	close(found);
	return 0;
}

static int mount_detach(struct volume *volume)
{
	/* Not NOEXEC, by which guests could map no program from there. */
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					      (volume->readonly ? MOUNT_ATTR_RDONLY : 0)};
	int fd = syscall(SYS_open_tree, volume->fd, "",
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0 ||
	    dup3(fd, volume->fd, O_CLOEXEC) < 0)
		error = -errno;
	close(fd);
	return error;
}

/*
 * `attach`: mount it in this (the template's own) mount namespace first, over its root.  Closing a mount that
 * is attached nowhere makes the kernel wait for a grace period, 0.1 to 0.4 ms; an attached one goes with its
 * namespace.
 */
int empty_root(bool attach)
{
	int fs = RAW(fsopen, "ramfs", FSOPEN_CLOEXEC), root, error;

	if (fs < 0)
		return fs;
	error = RAW(fsconfig, fs, FSCONFIG_CMD_CREATE);
	root = error ? error : RAW(fsmount, fs, FSMOUNT_CLOEXEC,
				   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	error = root < 0 ? root : attach ? RAW(move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) : 0;
	if (!error)
		error = RAW(fchdir, root);
	if (!error)
		error = RAW(chroot, ".");
	if (root >= 0)
		RAW(close, root);
	RAW(close, fs);
	return error;
}

static int mounts_confine(struct monitor *m)
{
	int error = mounts_unshare(m);

	for (uint32_t i = 0; i < m->server.volume_count && !error; i++) {
		if (!m->plan.root)
			error = find_again(m->server.volumes[i].fd);
		if (!error)
			error = mount_detach(&m->server.volumes[i]);
	}
	return error ? error : empty_root(false);
}

/* The monitor's filter: what serving needs.  Everything else kills the monitor, and the sandbox with it */

#define FILTER_ROOM 384
#define RULES_MAX 112

struct rule {
	int nr, arg;	/* arg < 0: with any arguments */
	uint32_t value; /* else: when the low half of that argument is this */
};

struct filter {
	struct rule rules[RULES_MAX];
	int rule_count;
	struct sock_filter code[FILTER_ROOM];
	unsigned short n;
};

static void emit(struct filter *f, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	f->code[f->n++] = (struct sock_filter){code, jt, jf, k};
}

static void allow_arg(struct filter *f, int nr, int arg, uint32_t value)
{
	f->rules[f->rule_count++] = (struct rule){nr, arg, value};
}

static int by_number(const void *a, const void *b)
{
	return ((const struct rule *)a)->nr - ((const struct rule *)b)->nr;
}

static void emit_rule(struct filter *f, const struct rule *rule)
{
	emit(f, BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, rule->arg < 0 ? 1 : 4);
	if (rule->arg >= 0) {
		emit(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + rule->arg * 8, 0, 0);
		emit(f, BPF_JMP | BPF_JEQ | BPF_K, rule->value, 0, 1);
	}
	emit(f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	if (rule->arg >= 0)
		emit(f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

/* A balanced tree over the sorted rules: the kernel runs a new filter once for every number it has. */
static void emit_tree(struct filter *f, int from, int to)
{
	int middle = (from + to) / 2, jump;

	while (middle > from && f->rules[middle - 1].nr == f->rules[middle].nr)
		middle--; /* rules for one number stay together */
	if (to - from <= 3 || middle == from) {
		for (int i = from; i < to; i++)
			emit_rule(f, &f->rules[i]);
		emit(f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
		return;
	}
	jump = f->n;
	emit(f, BPF_JMP | BPF_JGE | BPF_K, f->rules[middle].nr, 0, 0);
	emit_tree(f, from, middle);
	f->code[jump].jt = f->n - jump - 1;
	emit_tree(f, middle, to);
}

static const int always[] = {
    SYS_recvmsg,	 SYS_sendmsg,	    SYS_ppoll,	   SYS_poll,	   SYS_close,
    SYS_clock_gettime,	 SYS_wait4,	    SYS_getrandom, SYS_exit_group, SYS_rt_sigreturn,
    SYS_restart_syscall, SYS_epoll_create1, SYS_eventfd2,  SYS_lseek,	   SYS_pidfd_send_signal,
    SYS_accept4,	 SYS_getsockopt,    SYS_sched_yield,
#ifdef SANITIZED /* never in a build that is used: tests/sanitize/sanitized.h */
    SANITIZER_CALLS,
#endif
};

static const int for_volumes[] = {
    SYS_openat2,   SYS_statx,	  SYS_newfstatat,   SYS_fstatfs,    SYS_getdents64, SYS_readlinkat,
    SYS_mkdirat,   SYS_mknodat,   SYS_symlinkat, SYS_unlinkat,	    SYS_renameat2,  SYS_linkat,	    SYS_fchownat,
    SYS_utimensat, SYS_ftruncate, SYS_fallocate,    SYS_fsync,	    SYS_fdatasync,  SYS_flock,
    SYS_fgetxattr, SYS_fsetxattr, SYS_fremovexattr, SYS_flistxattr, SYS_fstat, /* musl's fstat */
};

/* Sockets of the two families, connected, or bound to be asked whether an address is the host's own. */
static const int for_rules[][3] = {
    {SYS_socket, 0, AF_INET},	{SYS_socket, 0, AF_INET6},	   {SYS_connect, -1},		     {SYS_bind, -1},
    {SYS_getsockname, -1},	{SYS_setsockopt, 2, TCP_NODELAY}, {SYS_setsockopt, 2, SO_KEEPALIVE}, {SYS_fcntl, 1, F_SETFL},
};

/* Whoever sends to a published UDP port gets a socket that is connected to him. */
static const int for_peers[][3] = {
    {SYS_recvfrom, -1}, {SYS_connect, -1}, {SYS_getsockname, -1}, {SYS_setsockopt, 2, SO_ATTACH_FILTER},
};

static void rules_for_volumes(struct monitor *m, struct filter *f)
{
	for (size_t i = 0; i < sizeof(for_volumes) / sizeof(for_volumes[0]); i++)
		allow_arg(f, for_volumes[i], -1, 0);
	/* By plain name only in its own /proc/self/fd. */
	allow_arg(f, SYS_openat, 0, m->server.proc_fd);
	allow_arg(f, SYS_fchmodat, 0, m->server.proc_fd);
	allow_arg(f, SYS_fcntl, 1, F_DUPFD_CLOEXEC);
	allow_arg(f, SYS_fcntl, 1, F_SETFD); /* musl's F_DUPFD_CLOEXEC makes it as well */
	allow_arg(f, SYS_fcntl, 1, F_OFD_SETLK);
	allow_arg(f, SYS_fcntl, 1, F_OFD_GETLK);
	if (m->server.watches) {
		/* One instance, and watches of changes alone (monitor/watch.c). */
		allow_arg(f, SYS_inotify_init1, 0, IN_NONBLOCK | IN_CLOEXEC);
		allow_arg(f, SYS_inotify_add_watch, 2, BZ_CHANGE_ALL);
		allow_arg(f, SYS_inotify_rm_watch, -1, 0);
	}
}

static int filter_install(struct monitor *m)
{
	struct filter f = {.n = 0};
	struct sock_fprog program;

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		allow_arg(&f, always[i], -1, 0);
	/* Nothing of the notification interface continues a call: RECV is all that is needed. */
	allow_arg(&f, SYS_ioctl, 1, SECCOMP_IOCTL_NOTIF_RECV);
	if (!m->plan.namespaces)
		allow_arg(&f, SYS_kill, 0, -m->template_pid);
	if (m->plan.volumes)
		rules_for_volumes(m, &f);
	for (size_t i = 0; m->server.rule_count && i < sizeof(for_rules) / sizeof(for_rules[0]); i++)
		allow_arg(&f, for_rules[i][0], for_rules[i][1], for_rules[i][2]);
	if (m->server.unix_ports) {
		allow_arg(&f, SYS_socket, 0, AF_UNIX);
		allow_arg(&f, SYS_fcntl, 1, F_SETFL);
	}
	if (m->server.port_count) {
		allow_arg(&f, SYS_listen, -1, 0);
		for (size_t i = 0; i < sizeof(for_peers) / sizeof(for_peers[0]); i++)
			allow_arg(&f, for_peers[i][0], for_peers[i][1], for_peers[i][2]);
	}
	qsort(f.rules, f.rule_count, sizeof(f.rules[0]), by_number);
	emit(&f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(&f, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	emit(&f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	emit_tree(&f, 0, f.rule_count);
	program = (struct sock_fprog){f.n, f.code};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------------------------------------------ */

static void limit(int resource, rlim_t value)
{
	struct rlimit now, want = {value, value};

	if (getrlimit(resource, &now) < 0 || value > now.rlim_max)
		return;
	setrlimit(resource, &want);
}

/* Started by root, the monitor needs root's id only where it serves root's files. */
static int ids_drop(struct monitor *m)
{
	if (!m->plan.root)
		return 0;
	if (syscall(SYS_setgroups, 0, NULL) < 0)
		return -errno;
	if (m->plan.volumes)
		return 0;
	if (syscall(SYS_setresgid, m->plan.gid, m->plan.gid, m->plan.gid) < 0 ||
	    syscall(SYS_setresuid, m->plan.uid, m->plan.uid, m->plan.uid) < 0)
		return -errno;
	return 0;
}

void confine_monitor(struct monitor *m)
{
	/* Without a user namespace that it owns, root's monitor can signal the sandbox's other id only so. */
	uint64_t keep = m->plan.root && !m->plan.userns && m->plan.volumes ? 1ull << CAP_KILL : 0;
	int error = 0;

	limit(RLIMIT_CORE, 1);
	limit(RLIMIT_MEMLOCK, 0);
	limit(RLIMIT_FSIZE, m->plan.fsize);
	limit(RLIMIT_NOFILE, m->server.handle_max + SERVER_VOLUMES_MAX + SANDBOX_PORTS_MAX * (NET_PEERS + 1) + 64);
	/* no_new_privs is also Landlock's price for who is not root */
	monitor_must(m, capabilities_bound(), "cannot give up privileges");
	if (landlock_abi() > 0)
		error = landlock_volumes(&m->server);
	else if (m->plan.namespaces)
		error = mounts_confine(m);
	monitor_must(m, error, "cannot confine the monitor to the granted trees");
	monitor_must(m, ids_drop(m), "cannot drop the monitor's user id");
	monitor_must(m, capabilities_drop(keep), "cannot drop the monitor's capabilities");
	/* Where inotify_add_watch begins, and connecting to a socket that was granted: as `openat` on proc_fd does. */
	if ((m->server.watches || m->server.unix_ports) && fchdir(m->server.proc_fd) < 0)
		monitor_must(m, -errno, "cannot reach /proc/self/fd");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	limit(RLIMIT_NPROC, 0); /* makes no process any more */
	monitor_must(m, filter_install(m), "cannot install the monitor's filter");
}
