/*
 * Names of numbers: flags, commands, signals.  The order within a table is the order in which flags are printed.
 */
#include "libos/trace/internal.h"
#include "libos/signal/signal.h"
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/mman.h>
#include <asm/prctl.h>
#include <linux/close_range.h>
#include <linux/eventpoll.h>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/inotify.h>
#include <linux/memfd.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/wait.h>

#define N(value) {value, #value}
#define V(value, text) {value, text}

static const struct trace_name open_flags[] = {
	V(0, "O_RDONLY"), V(1, "O_WRONLY"), V(2, "O_RDWR"), N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND),
	N(O_NONBLOCK), V(04010000, "O_SYNC"), N(O_DSYNC), N(FASYNC), N(O_DIRECT), N(O_LARGEFILE), N(O_NOFOLLOW),
	N(O_NOATIME), N(O_CLOEXEC), N(O_PATH), V(020200000, "O_TMPFILE"), N(O_DIRECTORY),
};
static const struct trace_name pipe_flags[] = {N(O_DIRECT), N(O_NONBLOCK), N(O_CLOEXEC)};
static const struct trace_name at_flags[] = {
	N(AT_SYMLINK_NOFOLLOW), N(AT_SYMLINK_FOLLOW), N(AT_NO_AUTOMOUNT), N(AT_EMPTY_PATH), N(AT_RECURSIVE),
};
static const struct trace_name unlink_flags[] = {N(AT_REMOVEDIR)};
static const struct trace_name faccess_flags[] = {N(AT_SYMLINK_NOFOLLOW), N(AT_EACCESS), N(AT_EMPTY_PATH)};
static const struct trace_name statx_flags[] = {
	V(0, "AT_STATX_SYNC_AS_STAT"), V(0x2000, "AT_STATX_FORCE_SYNC"), V(0x4000, "AT_STATX_DONT_SYNC"),
	N(AT_SYMLINK_NOFOLLOW), N(AT_NO_AUTOMOUNT), N(AT_EMPTY_PATH),
};
static const struct trace_name statx_mask[] = {
	V(0xfff, "STATX_ALL"), V(0x7ff, "STATX_BASIC_STATS"), N(STATX_TYPE), N(STATX_MODE), N(STATX_NLINK), N(STATX_UID),
	N(STATX_GID), N(STATX_ATIME), N(STATX_MTIME), N(STATX_CTIME), N(STATX_INO), N(STATX_SIZE), N(STATX_BLOCKS),
	N(STATX_BTIME), V(0x1000, "STATX_MNT_ID"), V(0x2000, "STATX_DIOALIGN"),
};
static const struct trace_name access_mode[] = {V(0, "F_OK"), V(4, "R_OK"), V(2, "W_OK"), V(1, "X_OK")};
static const struct trace_name rename_flags[] = {N(RENAME_NOREPLACE), N(RENAME_EXCHANGE), N(RENAME_WHITEOUT)};
static const struct trace_name whence[] = {
	N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE),
};
static const struct trace_name file_type[] = {
	N(S_IFREG), N(S_IFDIR), N(S_IFLNK), N(S_IFCHR), N(S_IFBLK), N(S_IFIFO), N(S_IFSOCK),
};
static const struct trace_name fcntl_cmd[] = {
	N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK), N(F_SETLKW), N(F_SETOWN),
	N(F_GETOWN), N(F_SETSIG), N(F_GETSIG), N(F_SETOWN_EX), N(F_GETOWN_EX), N(F_OFD_GETLK), N(F_OFD_SETLK),
	N(F_OFD_SETLKW), V(1024, "F_SETLEASE"), V(1025, "F_GETLEASE"), V(1026, "F_NOTIFY"), V(1030, "F_DUPFD_CLOEXEC"),
	V(1031, "F_SETPIPE_SZ"), V(1032, "F_GETPIPE_SZ"), V(1033, "F_ADD_SEALS"), V(1034, "F_GET_SEALS"),
};
static const struct trace_name fd_flags[] = {N(FD_CLOEXEC)};
static const struct trace_name lock_type[] = {N(F_RDLCK), N(F_WRLCK), N(F_UNLCK)};
static const struct trace_name flock_op[] = {V(1, "LOCK_SH"), V(2, "LOCK_EX"), V(8, "LOCK_UN"), V(4, "LOCK_NB")};
static const struct trace_name fallocate_mode[] = {
	N(FALLOC_FL_KEEP_SIZE), N(FALLOC_FL_PUNCH_HOLE), N(FALLOC_FL_ZERO_RANGE), N(FALLOC_FL_COLLAPSE_RANGE),
};
static const struct trace_name fadvice[] = {
	N(POSIX_FADV_NORMAL), N(POSIX_FADV_RANDOM), N(POSIX_FADV_SEQUENTIAL), N(POSIX_FADV_WILLNEED),
	N(POSIX_FADV_DONTNEED), N(POSIX_FADV_NOREUSE),
};
static const struct trace_name prot[] = {
	N(PROT_NONE), N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), N(PROT_GROWSDOWN), N(PROT_GROWSUP),
};
static const struct trace_name mmap_flags[] = {
	N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_SHARED_VALIDATE), N(MAP_32BIT), N(MAP_FIXED), N(MAP_ANONYMOUS),
	N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_NONBLOCK), N(MAP_GROWSDOWN), N(MAP_DENYWRITE), N(MAP_EXECUTABLE),
	N(MAP_LOCKED), N(MAP_STACK), N(MAP_HUGETLB), N(MAP_SYNC), N(MAP_FIXED_NOREPLACE),
};
static const struct trace_name mremap_flags[] = {
	V(1, "MREMAP_MAYMOVE"), V(2, "MREMAP_FIXED"), V(4, "MREMAP_DONTUNMAP"),
};
static const struct trace_name msync_flags[] = {N(MS_ASYNC), N(MS_INVALIDATE), N(MS_SYNC)};
static const struct trace_name madvice[] = {
	N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED), N(MADV_FREE),
	N(MADV_REMOVE), N(MADV_DONTFORK), N(MADV_DOFORK), N(MADV_MERGEABLE), N(MADV_UNMERGEABLE), N(MADV_HUGEPAGE),
	N(MADV_NOHUGEPAGE), N(MADV_DONTDUMP), N(MADV_DODUMP), N(MADV_WIPEONFORK), N(MADV_KEEPONFORK), N(MADV_COLD),
	N(MADV_PAGEOUT), N(MADV_POPULATE_READ), N(MADV_POPULATE_WRITE),
};
static const struct trace_name memfd_flags[] = {N(MFD_CLOEXEC), N(MFD_ALLOW_SEALING), N(MFD_HUGETLB)};
static const struct trace_name clone_flags[] = {
	N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD), N(CLONE_PTRACE), N(CLONE_VFORK),
	N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_NEWNS), N(CLONE_SYSVSEM), N(CLONE_SETTLS), N(CLONE_PARENT_SETTID),
	N(CLONE_CHILD_CLEARTID), N(CLONE_DETACHED), N(CLONE_UNTRACED), N(CLONE_CHILD_SETTID), N(CLONE_NEWCGROUP),
	N(CLONE_NEWUTS), N(CLONE_NEWIPC), N(CLONE_NEWUSER), N(CLONE_NEWPID), N(CLONE_NEWNET), N(CLONE_IO),
	N(CLONE_CLEAR_SIGHAND), N(CLONE_INTO_CGROUP),
};
static const struct trace_name wait_options[] = {
	N(WNOHANG), N(WSTOPPED), N(WEXITED), N(WCONTINUED), N(WNOWAIT), N(__WCLONE), N(__WALL), N(__WNOTHREAD),
};
static const struct trace_name wait_which[] = {N(P_ALL), N(P_PID), N(P_PGID), N(P_PIDFD)};
static const struct trace_name rusage_who[] = {V(0, "RUSAGE_SELF"), V(~0u, "RUSAGE_CHILDREN"), V(1, "RUSAGE_THREAD")};
static const struct trace_name resource[] = {
	N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE), N(RLIMIT_RSS), N(RLIMIT_NPROC),
	N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS), N(RLIMIT_LOCKS), N(RLIMIT_SIGPENDING), N(RLIMIT_MSGQUEUE),
	N(RLIMIT_NICE), N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME),
};
static const struct trace_name arch_prctl_op[] = {N(ARCH_SET_GS), N(ARCH_SET_FS), N(ARCH_GET_FS), N(ARCH_GET_GS)};
static const struct trace_name prctl_op[] = {
	N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_GET_DUMPABLE), N(PR_SET_DUMPABLE), N(PR_GET_KEEPCAPS),
	N(PR_SET_KEEPCAPS), N(PR_SET_NAME), N(PR_GET_NAME), N(PR_GET_SECCOMP), N(PR_SET_SECCOMP), N(PR_CAPBSET_READ),
	N(PR_CAPBSET_DROP), N(PR_GET_SECUREBITS), N(PR_SET_SECUREBITS), N(PR_SET_TIMERSLACK), N(PR_GET_TIMERSLACK),
	N(PR_SET_MM), N(PR_SET_CHILD_SUBREAPER), N(PR_GET_CHILD_SUBREAPER), N(PR_SET_NO_NEW_PRIVS),
	N(PR_GET_NO_NEW_PRIVS), N(PR_SET_THP_DISABLE), N(PR_GET_THP_DISABLE), N(PR_CAP_AMBIENT), N(PR_SET_PTRACER),
	V(0x53564d41, "PR_SET_VMA"), V(59, "PR_SET_SYSCALL_USER_DISPATCH"),
};
static const struct trace_name clock_id[] = {
	N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID), N(CLOCK_THREAD_CPUTIME_ID),
	N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE), N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME),
	N(CLOCK_REALTIME_ALARM), N(CLOCK_BOOTTIME_ALARM), N(CLOCK_TAI),
};
static const struct trace_name timer_flags[] = {N(TIMER_ABSTIME), V(2, "TFD_TIMER_CANCEL_ON_SET")};
static const struct trace_name itimer_which[] = {N(ITIMER_REAL), N(ITIMER_VIRTUAL), N(ITIMER_PROF)};
#define FUTEX(op) V(FUTEX_##op, "FUTEX_" #op), V(FUTEX_##op | FUTEX_PRIVATE_FLAG, "FUTEX_" #op "_PRIVATE")
static const struct trace_name futex_op[] = {
	FUTEX(WAIT), FUTEX(WAKE), FUTEX(FD), FUTEX(REQUEUE), FUTEX(CMP_REQUEUE), FUTEX(WAKE_OP), FUTEX(LOCK_PI),
	FUTEX(UNLOCK_PI), FUTEX(TRYLOCK_PI), FUTEX(WAIT_BITSET), FUTEX(WAKE_BITSET), FUTEX(WAIT_REQUEUE_PI),
	FUTEX(CMP_REQUEUE_PI), FUTEX(LOCK_PI2), N(FUTEX_CLOCK_REALTIME),
};
static const struct trace_name poll_events[] = {
	N(POLLIN), N(POLLPRI), N(POLLOUT), N(POLLRDNORM), N(POLLWRNORM), N(POLLRDBAND), N(POLLWRBAND), N(POLLERR),
	N(POLLHUP), N(POLLNVAL), N(POLLRDHUP),
};
static const struct trace_name epoll_events[] = {
	N(EPOLLIN), N(EPOLLPRI), N(EPOLLOUT), N(EPOLLRDNORM), N(EPOLLRDBAND), N(EPOLLWRNORM), N(EPOLLWRBAND), N(EPOLLMSG),
	N(EPOLLERR), N(EPOLLHUP), N(EPOLLRDHUP), N(EPOLLEXCLUSIVE), N(EPOLLWAKEUP), N(EPOLLONESHOT), N(EPOLLET),
};
static const struct trace_name epoll_op[] = {N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD)};
static const struct trace_name epoll_flags[] = {N(EPOLL_CLOEXEC)};
static const struct trace_name eventfd_flags[] = {
	V(1, "EFD_SEMAPHORE"), V(O_CLOEXEC, "EFD_CLOEXEC"), V(O_NONBLOCK, "EFD_NONBLOCK"),
};
static const struct trace_name timerfd_flags[] = {V(O_CLOEXEC, "TFD_CLOEXEC"), V(O_NONBLOCK, "TFD_NONBLOCK")};
static const struct trace_name signalfd_flags[] = {V(O_CLOEXEC, "SFD_CLOEXEC"), V(O_NONBLOCK, "SFD_NONBLOCK")};
static const struct trace_name inotify_flags[] = {N(IN_CLOEXEC), N(IN_NONBLOCK)};
static const struct trace_name inotify_mask[] = {
	N(IN_ACCESS), N(IN_MODIFY), N(IN_ATTRIB), N(IN_CLOSE_WRITE), N(IN_CLOSE_NOWRITE), N(IN_OPEN), N(IN_MOVED_FROM),
	N(IN_MOVED_TO), N(IN_CREATE), N(IN_DELETE), N(IN_DELETE_SELF), N(IN_MOVE_SELF), N(IN_ONLYDIR), N(IN_DONT_FOLLOW),
	N(IN_EXCL_UNLINK), N(IN_MASK_CREATE), N(IN_MASK_ADD), N(IN_ISDIR), N(IN_ONESHOT),
};
static const struct trace_name splice_flags[] = {
	V(1, "SPLICE_F_MOVE"), V(2, "SPLICE_F_NONBLOCK"), V(4, "SPLICE_F_MORE"), V(8, "SPLICE_F_GIFT"),
};
static const struct trace_name rwf_flags[] = {
	N(RWF_HIPRI), N(RWF_DSYNC), N(RWF_SYNC), N(RWF_NOWAIT), N(RWF_APPEND),
};
static const struct trace_name random_flags[] = {N(GRND_NONBLOCK), N(GRND_RANDOM), N(GRND_INSECURE)};
static const struct trace_name close_flags[] = {N(CLOSE_RANGE_UNSHARE), N(CLOSE_RANGE_CLOEXEC)};
static const struct trace_name xattr_flags[] = {V(1, "XATTR_CREATE"), V(2, "XATTR_REPLACE")};
static const struct trace_name sched_policy[] = {
	V(0, "SCHED_OTHER"), N(SCHED_FIFO), N(SCHED_RR), N(SCHED_BATCH), N(SCHED_IDLE), N(SCHED_DEADLINE),
};
static const struct trace_name mask_how[] = {N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK)};
static const struct trace_name action_flags[] = {
	N(SA_RESTORER), N(SA_ONSTACK), N(SA_RESTART), N(SA_NODEFER), N(SA_RESETHAND), N(SA_SIGINFO), N(SA_NOCLDSTOP),
	N(SA_NOCLDWAIT),
};
static const struct trace_name stack_flags[] = {V(1, "SS_ONSTACK"), V(2, "SS_DISABLE"), V(1u << 31, "SS_AUTODISARM")};
static const struct trace_name ioctl_cmd[] = {
	N(TCGETS), N(TCSETS), N(TCSETSW), N(TCSETSF), N(TCSBRK), N(TCXONC), N(TCFLSH), N(TIOCSCTTY), N(TIOCGPGRP),
	N(TIOCSPGRP), N(TIOCGWINSZ), N(TIOCSWINSZ), N(FIONREAD), N(FIONBIO), N(FIOASYNC), N(FIONCLEX), N(FIOCLEX),
	N(TIOCNOTTY), N(TIOCGSID), N(TIOCOUTQ), N(TIOCSTI), N(TIOCGPTN), N(TIOCSPTLCK), N(TIOCGPTPEER), N(FICLONE),
	N(FS_IOC_GETFLAGS), N(FS_IOC_SETFLAGS),
};
static const struct trace_name signals[] = {
	N(SIGHUP), N(SIGINT), N(SIGQUIT), N(SIGILL), N(SIGTRAP), N(SIGABRT), N(SIGBUS), N(SIGFPE), N(SIGKILL), N(SIGUSR1),
	N(SIGSEGV), N(SIGUSR2), N(SIGPIPE), N(SIGALRM), N(SIGTERM), N(SIGSTKFLT), N(SIGCHLD), N(SIGCONT), N(SIGSTOP),
	N(SIGTSTP), N(SIGTTIN), N(SIGTTOU), N(SIGURG), N(SIGXCPU), N(SIGXFSZ), N(SIGVTALRM), N(SIGPROF), N(SIGWINCH),
	N(SIGIO), N(SIGPWR), N(SIGSYS), V(32, "SIGRTMIN"),
};
#define CODE(sig, code) {(u64)(sig) << 32 | (u32)(code), #code}
static const struct trace_name codes[] = {
	CODE(0, SI_USER), CODE(0, SI_KERNEL), CODE(0, SI_QUEUE), CODE(0, SI_TIMER), CODE(0, SI_MESGQ), CODE(0, SI_TKILL),
	CODE(SIGCHLD, CLD_EXITED), CODE(SIGCHLD, CLD_KILLED), CODE(SIGCHLD, CLD_DUMPED), CODE(SIGCHLD, CLD_TRAPPED),
	CODE(SIGCHLD, CLD_STOPPED), CODE(SIGCHLD, CLD_CONTINUED), CODE(SIGSEGV, SEGV_MAPERR), CODE(SIGSEGV, SEGV_ACCERR),
	CODE(SIGBUS, BUS_ADRALN), CODE(SIGBUS, BUS_ADRERR), CODE(SIGFPE, FPE_INTDIV), CODE(SIGFPE, FPE_FLTDIV),
	CODE(SIGILL, ILL_ILLOPN), CODE(SIGTRAP, TRAP_BRKPT), CODE(SIGTRAP, TRAP_TRACE), CODE(SIGIO, POLL_IN),
};

#define T(word, mask, list) {word, mask, list, ARRAY_SIZE(list)}
#define ONE (~0ull)
static const struct trace_names tables[] = {
	T("open", 3, open_flags), T("atflags", 0, at_flags), T("unlink", 0, unlink_flags),
	T("faccess", 0, faccess_flags), T("statxflags", 0x6000, statx_flags), T("statxmask", 0, statx_mask),
	T("access", 0, access_mode), T("rename", 0, rename_flags), T("whence", ONE, whence), T("type", ONE, file_type),
	T("fcntl", ONE, fcntl_cmd), T("fdflags", 0, fd_flags), T("locktype", ONE, lock_type), T("flock", 0, flock_op),
	T("fallocate", 0, fallocate_mode), T("fadvice", ONE, fadvice), T("prot", 0, prot), T("mmap", 3, mmap_flags),
	T("mremap", 0, mremap_flags), T("msync", 0, msync_flags), T("madvice", ONE, madvice), T("memfd", 0, memfd_flags),
	T("clone", 0, clone_flags), T("wait", 0, wait_options), T("idtype", ONE, wait_which),
	T("rusagewho", ONE, rusage_who), T("resource", ONE, resource), T("arch", ONE, arch_prctl_op),
	T("prctl", ONE, prctl_op), T("clock", ONE, clock_id), T("timerflags", 0, timer_flags),
	T("itimer", ONE, itimer_which), T("futex", 0xff, futex_op), T("pollevents", 0, poll_events),
	T("epollevents", 0, epoll_events), T("epollop", ONE, epoll_op), T("epollflags", 0, epoll_flags),
	T("eventfd", 0, eventfd_flags), T("timerfd", 0, timerfd_flags), T("signalfd", 0, signalfd_flags),
	T("inotify", 0, inotify_flags), T("inotifymask", 0, inotify_mask), T("splice", 0, splice_flags),
	T("rwf", 0, rwf_flags), T("random", 0, random_flags), T("closerange", 0, close_flags),
	T("xattr", 0, xattr_flags), T("policy", ONE, sched_policy), T("how", ONE, mask_how),
	T("saflags", 0, action_flags), T("ssflags", 0, stack_flags), T("ioctl", ONE, ioctl_cmd),
	T("pipeflags", 0, pipe_flags),
};

static const struct trace_names *find(const struct trace_names *list, u32 count, const char *word, size_t len)
{
	for (u32 i = 0; i < count; i++)
		if (!strncmp(list[i].word, word, len) && !list[i].word[len])
			return &list[i];
	return NULL;
}

const struct trace_names *trace_names_find(const char *word, size_t len)
{
	const struct trace_names *names = find(tables, ARRAY_SIZE(tables), word, len);

	if (!names)
		names = find(trace_socket_names, trace_socket_name_count, word, len);
	if (names)
		return names;
	panic("--trace: no table of names for '%s'", word);
}

/* An exact value, or a table's name for nothing at all. */
static const char *name_of(const struct trace_names *names, u64 value)
{
	for (u32 i = 0; i < names->count; i++)
		if (names->list[i].value == value)
			return names->list[i].text;
	return NULL;
}

void trace_names_print(struct trace *tr, const struct trace_names *names, u64 value)
{
	const char *between = "", *head;

	value &= 0xffffffff;	/* all of them are int, and the rest of the register is not defined */
	head = name_of(names, value & names->mask);
	if (names->mask == ONE && !head) {
		const char *first = names->list[0].text;

		trace_add(tr, "%#lx /* %.*s_??? */", (unsigned long)value, (int)(strchr(first, '_') - first), first);
		return;
	}
	if (head && (names->mask || !value)) {
		trace_add(tr, "%s", head);
		between = "|";
		value &= ~names->mask;
	}
	for (u32 i = 0; i < names->count && value; i++) {
		u64 bits = names->list[i].value;

		if (!bits || (bits & names->mask) == bits || (value & bits) != bits)
			continue;
		trace_add(tr, "%s%s", between, names->list[i].text);
		between = "|";
		value &= ~bits;
	}
	if (value)
		trace_add(tr, "%s%#lx", between, (unsigned long)value);
	else if (!*between)
		trace_add(tr, "0");
}

void trace_named(struct trace *tr, const char *word, u64 value)
{
	trace_names_print(tr, trace_names_find(word, strlen(word)), value);
}

void trace_signal_name(struct trace *tr, u32 sig)
{
	if (sig >= 1 && sig <= ARRAY_SIZE(signals))
		trace_add(tr, "%s", signals[sig - 1].text);
	else if (sig > 32 && sig <= NSIG_MAX)
		trace_add(tr, "SIGRT_%u", sig - 32);
	else
		trace_add(tr, "%d", (int)sig);
}

void trace_sigset(struct trace *tr, u64 set)
{
	const char *between = "";
	bool inverse;
	u32 n = 0;

	for (u32 sig = 1; sig <= NSIG_MAX; sig++)
		n += (set & SIG_BIT(sig)) != 0;
	inverse = n > NSIG_MAX / 2;
	if (inverse)
		set = ~set;
	trace_add(tr, inverse ? "~[" : "[");
	for (u32 sig = 1; sig <= NSIG_MAX; sig++) {
		if (!(set & SIG_BIT(sig)))
			continue;
		if (sig <= ARRAY_SIZE(signals))
			trace_add(tr, "%s%s", between, signals[sig - 1].text + 3);
		else
			trace_add(tr, "%sRT_%u", between, sig - 32);
		between = " ";
	}
	trace_add(tr, "]");
}

void trace_status(struct trace *tr, u32 status)
{
	if (status == 0xffff) {
		trace_add(tr, "{WIFCONTINUED(s)}");
	} else if ((status & 0xff) == 0x7f) {
		trace_add(tr, "{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		trace_signal_name(tr, status >> 8);
		trace_add(tr, "}");
	} else if (status & 0x7f) {
		trace_add(tr, "{WIFSIGNALED(s) && WTERMSIG(s) == ");
		trace_signal_name(tr, status & 0x7f);
		trace_add(tr, "}");
	} else {
		trace_add(tr, "{WIFEXITED(s) && WEXITSTATUS(s) == %u}", status >> 8 & 0xff);
	}
}

static void child_info(struct trace *tr, const struct siginfo_kernel *info)
{
	trace_add(tr, ", si_pid=%d, si_uid=%u, si_status=", info->chld.pid, info->chld.uid);
	if (info->si_code == CLD_EXITED)
		trace_add(tr, "%d", info->chld.status);
	else
		trace_signal_name(tr, info->chld.status);
	trace_add(tr, ", si_utime=%ld, si_stime=%ld}", (long)info->chld.utime, (long)info->chld.stime);
}

void trace_siginfo(struct trace *tr, const struct siginfo_kernel *info)
{
	static const struct trace_names all = T("code", ONE, codes);
	bool general = info->si_code <= 0 || info->si_code == SI_KERNEL;
	const char *code = name_of(&all, (u64)(general ? 0 : info->si_signo) << 32 | (u32)info->si_code);
	u32 sig = info->si_signo;

	trace_add(tr, "{si_signo=");
	trace_signal_name(tr, sig);
	trace_add(tr, ", si_code=");
	if (code)
		trace_add(tr, "%s", code);
	else
		trace_add(tr, "%d", info->si_code);
	if (info->si_errno)
		trace_add(tr, ", si_errno=%d", info->si_errno);
	if (info->si_code == SI_KERNEL && (sig != SIGSEGV && sig != SIGBUS))
		trace_add(tr, "}");
	else if (info->si_code == SI_TIMER)
		trace_add(tr, ", si_timerid=%#x, si_overrun=%d, si_value={int=%d, ptr=%#lx}}", info->timer.tid,
			  info->timer.overrun, (int)info->timer.value, (unsigned long)info->timer.value);
	else if (info->si_code == SI_QUEUE)
		trace_add(tr, ", si_pid=%d, si_uid=%u, si_value={int=%d, ptr=%#lx}}", info->kill.pid, info->kill.uid,
			  (int)info->kill.value, (unsigned long)info->kill.value);
	else if (info->si_code <= 0)
		trace_add(tr, ", si_pid=%d, si_uid=%u}", info->kill.pid, info->kill.uid);
	else if (sig == SIGCHLD)
		child_info(tr, info);
	else if (info->fault.addr)
		trace_add(tr, ", si_addr=%#lx}", (unsigned long)info->fault.addr);
	else
		trace_add(tr, ", si_addr=NULL}");
}
