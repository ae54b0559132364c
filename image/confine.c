/*
 * Confinement of what parses hostile files; see confine.h.  libarchive and the decompressors are large and parse
 * hostile bytes: what they could be made to do is limited to the stage.  Layers, from the outside in:
 * rlimits, namespaces and chroot, no capabilities and another uid, Landlock, a list of system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/confine.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define DATA_MAX (2ull << 30) /* an xz dictionary may have 1.5 GiB */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int set_limit(int resource, uint64_t n)
{
	struct rlimit now, wanted = {n, n};

	if (getrlimit(resource, &now) == 0 && now.rlim_max < n)
		wanted = (struct rlimit){now.rlim_max, now.rlim_max};
	return setrlimit(resource, &wanted);
}

static int limit(unsigned int last, uint64_t most)
{
	if (!SANITIZED && set_limit(RLIMIT_DATA, DATA_MAX))
		return -errno;
	if (set_limit(RLIMIT_FSIZE, most) || set_limit(RLIMIT_NOFILE, last + 64) ||
	    set_limit(RLIMIT_CORE, 0) || set_limit(RLIMIT_NPROC, 0))
		return -errno;
	return 0;
}

/* A user namespace of its own gives an ordinary user chroot, and the others take the network and IPC away. */
static void leave_namespaces(void)
{
	const int others = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	unsigned int uid = geteuid(), gid = getegid();
	char map[64];

	if (geteuid() == 0 && unshare(others) == 0)
		return;
	if (unshare(CLONE_NEWUSER | others))
		return;
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	if (write_text("/proc/self/setgroups", "deny") == 0 && write_text("/proc/self/uid_map", map) == 0) {
		snprintf(map, sizeof(map), "%u %u 1", gid, gid);
		write_text("/proc/self/gid_map", map);
	}
}

static int drop_privileges(int drop)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	if (drop && (setgroups(0, NULL) || setresgid(CONFINE_UID, CONFINE_UID, CONFINE_UID) ||
		     setresuid(CONFINE_UID, CONFINE_UID, CONFINE_UID)))
		return -errno;
	if (syscall(SYS_capset, &head, none))
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

/* Only below `root`, and reading below `source`.  Linking across directories needs version 2 of Landlock
 * (Linux 5.19). */
static int landlock(int root, int source)
{
	const uint64_t files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
			       LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
			       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
			       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO |
			       LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
	const uint64_t never = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
			       LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK;
	struct landlock_ruleset_attr rules = {.handled_access_fs = files | never};
	struct landlock_path_beneath_attr beneath = {.allowed_access = files, .parent_fd = root};
	struct landlock_path_beneath_attr reading = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE |
								       LANDLOCK_ACCESS_FS_READ_DIR,
						     .parent_fd = source};
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd, ret = 0;

	if (version < 2)
		return 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) ||
	    (source >= 0 && syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &reading, 0)) ||
	    syscall(SYS_landlock_restrict_self, fd, 0))
		ret = -errno;
	close(fd);
	return ret;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)

static int filter(void)
{
	static const int allowed[] = {
	    SYS_read,	       SYS_pread64,	 SYS_readv,	     SYS_write,
	    SYS_pwrite64,      SYS_writev,	 SYS_lseek,	     SYS_close,
	    SYS_fstat,	       SYS_newfstatat,	 SYS_fcntl,	     SYS_openat,
	    SYS_mkdirat,       SYS_symlinkat,	 SYS_linkat,	     SYS_unlinkat,
	    SYS_readlinkat,    SYS_ftruncate,	 SYS_fsetxattr,	     SYS_getdents64,
	    SYS_brk,	       SYS_mmap,	 SYS_munmap,	     SYS_mremap,
	    SYS_mprotect,      SYS_madvise,	 SYS_futex,	     SYS_getrandom,
	    SYS_clock_gettime, SYS_gettimeofday, SYS_time,	     SYS_getpid,
	    SYS_gettid,	       SYS_sysinfo,	 SYS_rt_sigprocmask, SYS_restart_syscall,
	    SYS_exit,	       SYS_exit_group,	 SYS_sched_yield,    SYS_sched_getaffinity,
	};
	enum { COUNT = sizeof(allowed) / sizeof(allowed[0]) };
	struct sock_filter f[COUNT * 2 + 16];
	struct sock_fprog program = {.filter = f};
	unsigned short n = 0;

	f[n++] = (struct sock_filter)LOAD(arch);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)LOAD(nr);
	for (int i = 0; i < COUNT; i++) {
		f[n++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)allowed[i], 0, 1);
		f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	}
	/* mknodat makes FIFOs and nothing else. */
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mknodat, 1, 0);
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)LOAD(args[2]);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, S_IFMT);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, S_IFIFO, 0, 1);
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS);
	program.len = n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

int confine(int root, int source, unsigned int last, int drop, uint64_t most, struct image_error *err)
{
	int ret;

	clearenv();
	umask(077);
	if (close_range(last + 1, ~0u, 0))
		return image_fail(err, -errno, "cannot confine the unpacker: close_range: %s",
				  strerror(errno));
	leave_namespaces();
	/* Where neither root nor a user namespace is to be had, Landlock and root_find hold alone. */
	if (fchdir(root) || (chroot(".") && errno != EPERM))
		return image_fail(err, -errno, "cannot confine the unpacker: chroot: %s", strerror(errno));
	ret = limit(last, most);
	if (!ret)
		ret = drop_privileges(drop);
	/* A builder that dies takes its unpacker with it.  A change of uid clears this, so it comes after. */
	if (!ret && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		ret = -errno;
	if (!ret)
		ret = landlock(root, source);
	if (!ret && !SANITIZED)
		ret = filter();
	return ret ? image_fail(err, ret, "cannot confine the unpacker: %s", strerror(-ret)) : 0;
}

static int add_path(int rules, const char *path)
{
	const uint64_t read_file = LANDLOCK_ACCESS_FS_READ_FILE;
	struct landlock_path_beneath_attr beneath = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat st;
	int ret;

	if (beneath.parent_fd < 0)
		return 0;
	ret = fstat(beneath.parent_fd, &st);
	beneath.allowed_access = S_ISDIR(st.st_mode) ? read_file | LANDLOCK_ACCESS_FS_READ_DIR : read_file;
	if (ret || syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
		ret = -errno;
	close(beneath.parent_fd);
	return ret;
}

static int read_beneath(const char *const *paths)
{
	/* All of Landlock's first version. */
	struct landlock_ruleset_attr rules = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0), ret = 0;

	if (fd < 0)
		return -errno;
	for (; *paths && !ret; paths++)
		ret = add_path(fd, *paths);
	if (!ret && syscall(SYS_landlock_restrict_self, fd, 0))
		ret = -errno;
	close(fd);
	return ret;
}

int confine_reading(const char *const *paths, unsigned int last, uint64_t most, struct image_error *err)
{
	int ret;

	clearenv();
	if (close_range(last + 1, ~0u, 0))
		return image_fail(err, -errno, "cannot confine the prover: close_range: %s", strerror(errno));
	leave_namespaces();
	ret = limit(last, most);
	if (!ret)
		ret = drop_privileges(0);
	if (!ret && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		ret = -errno;
	if (!ret)
		ret = read_beneath(paths);
	if (!ret && !SANITIZED)
		ret = filter();
	return ret ? image_fail(err, ret, "cannot confine the prover: %s", strerror(-ret)) : 0;
}
