/*
 * Structures of the guest as strace prints them.  Those that a call fills are read behind it.
 */
#include "libos/trace/internal.h"
#include "libos/signal/signal.h"
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/poll.h>
#include <linux/stat.h>
#include <linux/utsname.h>

#define LIST_SHOWN 32

/* Copies the guest's structure, or prints its address and returns false. */
static bool fetch(struct trace *tr, void *dst, u64 addr, size_t n)
{
	if (addr && !copy_from_user(dst, (void *)addr, n))
		return true;
	trace_address(tr, addr);
	return false;
}

static void add_mode(struct trace *tr, u32 mode)
{
	trace_named(tr, "type", mode & S_IFMT);
	trace_add(tr, "%s%s%s", mode & S_ISUID ? "|S_ISUID" : "", mode & S_ISGID ? "|S_ISGID" : "",
		  mode & S_ISVTX ? "|S_ISVTX" : "");
	trace_add(tr, "|%#03o", mode & 0777);
}

static void add_size(struct trace *tr, const char *prefix, u32 mode, u64 size, u32 major, u32 minor)
{
	if (S_ISCHR(mode) || S_ISBLK(mode))
		trace_add(tr, ", %srdev=makedev(%#x, %#x), ...}", prefix, major, minor);
	else
		trace_add(tr, ", %ssize=%lu, ...}", prefix, (unsigned long)size);
}

static void print_stat(struct trace *tr, u64 v, u32 arg)
{
	struct stat st;

	if (!fetch(tr, &st, v, sizeof(st)))
		return;
	trace_add(tr, "{st_mode=");
	add_mode(tr, st.st_mode);
	add_size(tr, "st_", st.st_mode, st.st_size, st.st_rdev >> 8 & 0xfff, st.st_rdev & 0xff);
}

static void print_statx(struct trace *tr, u64 v, u32 arg)
{
	struct statx x;

	if (!fetch(tr, &x, v, sizeof(x)))
		return;
	trace_add(tr, "{stx_mask=");
	trace_named(tr, "statxmask", x.stx_mask);
	trace_add(tr, ", stx_attributes=%#lx, stx_mode=", (unsigned long)x.stx_attributes);
	add_mode(tr, x.stx_mode);
	add_size(tr, "stx_", x.stx_mode, x.stx_size, x.stx_rdev_major, x.stx_rdev_minor);
}

static void add_time(struct trace *tr, const i64 t[2], const char *unit)
{
	if (t[1] == 0x3fffffff && *unit == 'n')
		trace_add(tr, "UTIME_NOW");
	else if (t[1] == 0x3ffffffe && *unit == 'n')
		trace_add(tr, "UTIME_OMIT");
	else
		trace_add(tr, "{tv_sec=%ld, tv_%s=%ld}", (long)t[0], unit, (long)t[1]);
}

static void print_timespec(struct trace *tr, u64 v, u32 arg)
{
	i64 t[2];

	if (fetch(tr, t, v, sizeof(t)))
		add_time(tr, t, "nsec");
}

static void print_timeval(struct trace *tr, u64 v, u32 arg)
{
	i64 t[2];

	if (fetch(tr, t, v, sizeof(t)))
		add_time(tr, t, "usec");
}

static void print_timespecs(struct trace *tr, u64 v, u32 arg)
{
	i64 t[4];

	if (!fetch(tr, t, v, sizeof(t)))
		return;
	trace_add(tr, "[");
	add_time(tr, t, "nsec");
	trace_add(tr, ", ");
	add_time(tr, t + 2, "nsec");
	trace_add(tr, "]");
}

static void add_interval(struct trace *tr, u64 v, const char *unit)
{
	i64 t[4];

	if (!fetch(tr, t, v, sizeof(t)))
		return;
	trace_add(tr, "{it_interval=");
	add_time(tr, t, unit);
	trace_add(tr, ", it_value=");
	add_time(tr, t + 2, unit);
	trace_add(tr, "}");
}

static void print_itimerval(struct trace *tr, u64 v, u32 arg)
{
	add_interval(tr, v, "usec");
}

static void print_itimerspec(struct trace *tr, u64 v, u32 arg)
{
	add_interval(tr, v, "nsec");
}

static void print_sigset(struct trace *tr, u64 v, u32 arg)
{
	sigset_kernel set;

	if (fetch(tr, &set, v, sizeof(set)))
		trace_sigset(tr, set);
}

/* rt_sigreturn has no argument: the mask that it restored. */
static void print_mask(struct trace *tr, u64 v, u32 arg)
{
	trace_add(tr, "{mask=");
	trace_sigset(tr, current->blocked);
	trace_add(tr, "}");
}

static void print_sigaction(struct trace *tr, u64 v, u32 arg)
{
	struct sigaction_kernel a;	/* the guest's has the same order */

	if (!fetch(tr, &a, v, sizeof(a)))
		return;
	if (a.handler <= 1)
		trace_add(tr, "{sa_handler=%s", a.handler ? "SIG_IGN" : "SIG_DFL");
	else
		trace_add(tr, "{sa_%s=%#lx", a.flags & SA_SIGINFO ? "sigaction" : "handler", (unsigned long)a.handler);
	trace_add(tr, ", sa_mask=");
	trace_sigset(tr, a.mask);
	trace_add(tr, ", sa_flags=");
	trace_named(tr, "saflags", a.flags);
	if (a.flags & SA_RESTORER)
		trace_add(tr, ", sa_restorer=%#lx", (unsigned long)a.restorer);
	trace_add(tr, "}");
}

static void print_stack(struct trace *tr, u64 v, u32 arg)
{
	struct { u64 sp; u32 flags, pad; u64 size; } s;

	if (!fetch(tr, &s, v, sizeof(s)))
		return;
	trace_add(tr, "{ss_sp=");
	trace_address(tr, s.sp);
	trace_add(tr, ", ss_flags=");
	trace_named(tr, "ssflags", s.flags);
	trace_add(tr, ", ss_size=%lu}", (unsigned long)s.size);
}

static void print_siginfo(struct trace *tr, u64 v, u32 arg)
{
	struct siginfo_kernel info;

	if (fetch(tr, &info, v, sizeof(info)))
		trace_siginfo(tr, &info);
}

static void print_status(struct trace *tr, u64 v, u32 arg)
{
	u32 status;

	if (!tr->ret) {	/* WNOHANG, and nobody ended */
		trace_address(tr, v);
		return;
	}
	if (!fetch(tr, &status, v, sizeof(status)))
		return;
	trace_add(tr, "[");
	trace_status(tr, status);
	trace_add(tr, "]");
}

static void print_fds(struct trace *tr, u64 v, u32 arg)
{
	i32 fds[2];

	if (fetch(tr, fds, v, sizeof(fds)))
		trace_add(tr, "[%d, %d]", fds[0], fds[1]);
}

static void print_int_at(struct trace *tr, u64 v, u32 arg)
{
	i32 number;

	if (fetch(tr, &number, v, sizeof(number)))
		trace_add(tr, "[%d]", number);
}

static void add_limit(struct trace *tr, const char *name, u64 v)
{
	if (v == ~0ull)
		trace_add(tr, "%s=RLIM64_INFINITY", name);
	else if (v && v % 1024 == 0)
		trace_add(tr, "%s=%lu*1024", name, (unsigned long)v / 1024);
	else
		trace_add(tr, "%s=%lu", name, (unsigned long)v);
}

static void print_rlimit(struct trace *tr, u64 v, u32 arg)
{
	u64 limit[2];

	if (!fetch(tr, limit, v, sizeof(limit)))
		return;
	add_limit(tr, "{rlim_cur", limit[0]);
	add_limit(tr, ", rlim_max", limit[1]);
	trace_add(tr, "}");
}

static void print_utsname(struct trace *tr, u64 v, u32 arg)
{
	struct new_utsname *name = kmalloc(sizeof(*name));

	if (name && fetch(tr, name, v, sizeof(*name))) {
		trace_add(tr, "{sysname=");
		trace_bytes(tr, name->sysname, strnlen(name->sysname, sizeof(name->sysname)));
		trace_add(tr, ", nodename=");
		trace_bytes(tr, name->nodename, strnlen(name->nodename, sizeof(name->nodename)));
		trace_add(tr, ", ...}");
	}
	kfree(name);
}

static void print_open_how(struct trace *tr, u64 v, u32 arg)
{
	struct open_how how;

	if (!fetch(tr, &how, v, sizeof(how)))
		return;
	trace_add(tr, "{flags=");
	trace_named(tr, "open", how.flags);
	if (how.flags & (O_CREAT | __O_TMPFILE))
		trace_add(tr, ", mode=%#03o", (u32)how.mode);
	trace_add(tr, ", resolve=%#lx}", (unsigned long)how.resolve);
}

/* --- poll, epoll, select --- */

static void add_poll(struct trace *tr, u64 v, bool results)
{
	const char *between = "";
	struct pollfd p;

	for (u32 i = 0; i < (u32)tr->args[1]; i++) {
		if (i == LIST_SHOWN || copy_from_user(&p, (struct pollfd *)v + i, sizeof(p))) {
			trace_add(tr, "%s...", between);
			break;
		}
		if (results && !p.revents)
			continue;
		trace_add(tr, "%s{fd=%d, %sevents=", between, p.fd, results ? "r" : "");
		trace_named(tr, "pollevents", (u16)(results ? p.revents : p.events));
		trace_add(tr, "}");
		between = ", ";
	}
}

static void print_poll(struct trace *tr, u64 v, u32 arg)
{
	if (!v) {
		trace_add(tr, "NULL");
		return;
	}
	trace_add(tr, "[");
	add_poll(tr, v, false);
	trace_add(tr, "]");
}

static void poll_result(struct trace *tr, u64 v, u32 arg)
{
	if (!tr->ret) {
		trace_add(tr, " (Timeout)");
		return;
	}
	trace_add(tr, " ([");
	add_poll(tr, v, true);
	trace_add(tr, "])");
}

struct epoll_event_kernel {
	u32 events;
	u64 data;
} __packed;

static void add_epoll(struct trace *tr, const struct epoll_event_kernel *e)
{
	trace_add(tr, "{events=");
	trace_named(tr, "epollevents", e->events);
	trace_add(tr, ", data={u32=%u, u64=%lu}}", (u32)e->data, (unsigned long)e->data);
}

static void print_epoll(struct trace *tr, u64 v, u32 arg)
{
	struct epoll_event_kernel e;

	if (fetch(tr, &e, v, sizeof(e)))
		add_epoll(tr, &e);
}

static void print_epoll_list(struct trace *tr, u64 v, u32 arg)
{
	struct epoll_event_kernel e;

	trace_add(tr, "[");
	for (long i = 0; i < tr->ret; i++) {
		if (i)
			trace_add(tr, ", ");
		if (i == LIST_SHOWN || copy_from_user(&e, (struct epoll_event_kernel *)v + i, sizeof(e))) {
			trace_add(tr, "...");
			break;
		}
		add_epoll(tr, &e);
	}
	trace_add(tr, "]");
}

static void print_fd_set(struct trace *tr, u64 v, u32 arg)
{
	u32 n = min((u32)tr->args[0], 1024u), shown = 0;
	u64 word = 0;

	if (!v || get_user(word, (u64 *)v)) {
		trace_address(tr, v);
		return;
	}
	trace_add(tr, "[");
	for (u32 fd = 0; fd < n; fd++) {
		if (fd % 64 == 0 && get_user(word, (u64 *)v + fd / 64))
			break;
		if (word >> fd % 64 & 1)
			trace_add(tr, shown++ ? " %u" : "%u", fd);
	}
	trace_add(tr, "]");
}

/* Once, for all three sets of select and pselect6: the first of them has no result before it. */
static void select_result(struct trace *tr, u64 v, u32 arg)
{
	static const char *const names[] = {"in ", "out ", "except "};
	const char *between = " (";

	if (!tr->ret) {
		trace_add(tr, " (Timeout)");
		return;
	}
	for (u32 i = 0; i < 3; i++) {
		if (!tr->args[1 + i])
			continue;
		trace_add(tr, "%s%s", between, names[i]);
		print_fd_set(tr, tr->args[1 + i], 1 + i);
		between = ", ";
	}
	trace_add(tr, ")");
}

static void print_cpus(struct trace *tr, u64 v, u32 arg)
{
	u32 n = 0;
	u64 mask;

	if (!fetch(tr, &mask, v, sizeof(mask)))
		return;
	trace_add(tr, "[");
	for (u32 cpu = 0; cpu < 64; cpu++)
		if (mask >> cpu & 1)
			trace_add(tr, n++ ? " %u" : "%u", cpu);
	trace_add(tr, "]");
}

const struct trace_kind trace_structs[] = {
	{"stat", print_stat, .out = true}, {"statx", print_statx, .out = true}, {"timespec", print_timespec},
	{"outtimespec", print_timespec, .out = true}, {"timeval", print_timeval},
	{"outtimeval", print_timeval, .out = true}, {"timespecs", print_timespecs}, {"itimerval", print_itimerval},
	{"outitimerval", print_itimerval, .out = true}, {"itimerspec", print_itimerspec},
	{"outitimerspec", print_itimerspec, .out = true}, {"sigset", print_sigset},
	{"outsigset", print_sigset, .out = true}, {"sigmask", print_mask, .out = true, .always = true}, {"sigaction", print_sigaction},
	{"outsigaction", print_sigaction, .out = true}, {"stack", print_stack}, {"outstack", print_stack, .out = true},
	{"siginfo", print_siginfo}, {"outsiginfo", print_siginfo, .out = true}, {"outstatus", print_status, .out = true},
	{"outfds", print_fds, .out = true}, {"outints", print_int_at, .out = true}, {"rlimit", print_rlimit},
	{"outrlimit", print_rlimit, .out = true}, {"utsname", print_utsname, .out = true}, {"openhow", print_open_how},
	{"pollfds", print_poll, .after = poll_result}, {"epoll", print_epoll},
	{"outepoll", print_epoll_list, .out = true}, {"fdset", print_fd_set, .after = select_result},
	{"mask", print_cpus}, {"outmask", print_cpus, .out = true},
};
const u32 trace_struct_count = ARRAY_SIZE(trace_structs);
