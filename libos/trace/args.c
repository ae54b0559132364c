/*
 * Kinds of arguments: numbers, names, buffers, and those that depend on another argument.  Guest memory is read by
 * usercopy alone; what cannot be read is printed as an address.
 */
#include "libos/trace/internal.h"
#include "libos/tty/tty.h"
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#define BUFFER_MAX 32	/* strace's default */
#define PATH_SHOWN 1024
#define ARGV_SHOWN 32

void trace_address(struct trace *tr, u64 addr)
{
	if (addr)
		trace_add(tr, "%#lx", (unsigned long)addr);
	else
		trace_add(tr, "NULL");
}

static void print_int(struct trace *tr, u64 v, u32 arg)
{
	trace_add(tr, "%d", (int)v);
}

static void print_uint(struct trace *tr, u64 v, u32 arg)
{
	trace_add(tr, "%u", (u32)v);
}

static void print_size(struct trace *tr, u64 v, u32 arg)
{
	trace_add(tr, "%lu", (unsigned long)v);
}

static void print_off(struct trace *tr, u64 v, u32 arg)
{
	trace_add(tr, "%ld", (long)v);
}

static void print_hex(struct trace *tr, u64 v, u32 arg)
{
	trace_add(tr, "%#lx", (unsigned long)v);
}

static void print_ptr(struct trace *tr, u64 v, u32 arg)
{
	trace_address(tr, v);
}

static void print_mode(struct trace *tr, u64 v, u32 arg)
{
	trace_add(tr, "%#03o", (u32)v);
}

static void print_node_mode(struct trace *tr, u64 v, u32 arg)
{
	if (v & S_IFMT) {
		trace_named(tr, "type", v & S_IFMT);
		trace_add(tr, "|");
	}
	print_mode(tr, v & 07777, arg);
}

static void print_open_mode(struct trace *tr, u64 v, u32 arg)
{
	if (!(tr->args[arg - 1] & (O_CREAT | __O_TMPFILE)))
		return;
	trace_add(tr, ", ");
	print_mode(tr, v, arg);
}

static void print_nothing(struct trace *tr, u64 v, u32 arg)
{
}

static void print_at(struct trace *tr, u64 v, u32 arg)
{
	if ((int)v == AT_FDCWD)
		trace_add(tr, "AT_FDCWD");
	else
		trace_add(tr, "%d", (int)v);
}

static void print_sig(struct trace *tr, u64 v, u32 arg)
{
	trace_signal_name(tr, v);
}

/* A guest's string of at most `max` bytes. */
static void print_string(struct trace *tr, u64 addr, u32 max)
{
	char *text = kmalloc(max + 1);
	long n = text && addr ? strncpy_from_user(text, (char *)addr, max + 1) : -EFAULT;

	if (n == -ENAMETOOLONG) {
		trace_bytes(tr, text, max);
		trace_add(tr, "...");
	} else if (n < 0) {
		trace_address(tr, addr);
	} else {
		trace_bytes(tr, text, n);
	}
	kfree(text);
}

static void print_path(struct trace *tr, u64 v, u32 arg)
{
	print_string(tr, v, PATH_SHOWN);
}

void trace_buffer(struct trace *tr, u64 addr, u64 len)
{
	char bytes[BUFFER_MAX];
	u64 n = min(len, (u64)BUFFER_MAX);

	if (!addr || copy_from_user(bytes, (void *)addr, n)) {
		trace_address(tr, addr);
		return;
	}
	trace_bytes(tr, bytes, n);
	if (len > n)
		trace_add(tr, "...");
}

static void print_buf(struct trace *tr, u64 v, u32 arg)
{
	trace_buffer(tr, v, tr->args[arg + 1]);
}

static void print_filled(struct trace *tr, u64 v, u32 arg)
{
	trace_buffer(tr, v, tr->ret);
}

/* What getcwd, whose result counts the NUL, and readlink fill. */
static void print_text(struct trace *tr, u64 v, u32 arg)
{
	char last = 1;

	if (tr->ret > 0)
		(void)get_user(last, (char *)v + tr->ret - 1);
	trace_buffer(tr, v, last ? tr->ret : tr->ret - 1);
}

void trace_iov(struct trace *tr, u64 addr, u64 count, u64 bytes)
{
	struct { u64 base, len; } iov;

	trace_add(tr, "[");
	for (u64 i = 0; i < count; i++) {
		if (i)
			trace_add(tr, ", ");
		if (i == ARGV_SHOWN || copy_from_user(&iov, (char *)addr + i * sizeof(iov), sizeof(iov))) {
			trace_add(tr, "...");
			break;
		}
		trace_add(tr, "{iov_base=");
		trace_buffer(tr, iov.base, min(iov.len, bytes));
		trace_add(tr, ", iov_len=%lu}", (unsigned long)iov.len);
		bytes -= min(iov.len, bytes);
	}
	trace_add(tr, "]");
}

static void print_iov(struct trace *tr, u64 v, u32 arg)
{
	trace_iov(tr, v, tr->args[arg + 1], ~0ull);
}

static void print_filled_iov(struct trace *tr, u64 v, u32 arg)
{
	trace_iov(tr, v, tr->args[arg + 1], tr->ret);
}

static void print_argv(struct trace *tr, u64 v, u32 arg)
{
	u64 word;

	if (!v || get_user(word, (u64 *)v)) {
		trace_address(tr, v);
		return;
	}
	trace_add(tr, "[");
	for (u32 i = 0; !get_user(word, (u64 *)v + i) && word; i++) {
		if (i)
			trace_add(tr, ", ");
		if (i == ARGV_SHOWN) {
			trace_add(tr, "...");
			break;
		}
		print_string(tr, word, BUFFER_MAX);
	}
	trace_add(tr, "]");
}

static void print_envp(struct trace *tr, u64 v, u32 arg)
{
	u64 word;
	u32 n = 0;

	trace_address(tr, v);
	if (!v)
		return;
	while (n < 100000 && !get_user(word, (u64 *)v + n) && word)
		n++;
	trace_add(tr, " /* %u var%s */", n, n == 1 ? "" : "s");
}

/* linux_dirent and linux_dirent64 have their length at the same place. */
static void print_dents(struct trace *tr, u64 v, u32 arg)
{
	u32 n = 0;
	u16 len;

	for (long at = 0; at < tr->ret; at += len, n++)
		if (get_user(len, (u16 *)(v + at + 16)) || !len)
			break;
	trace_address(tr, v);
	trace_add(tr, " /* %u entr%s */", n, n == 1 ? "y" : "ies");
}

static void print_off_ptr(struct trace *tr, u64 v, u32 arg)
{
	i64 off;

	if (!v || get_user(off, (i64 *)v))
		trace_address(tr, v);
	else
		trace_add(tr, "[%ld]", (long)off);
}

/* --- what depends on a command --- */

static void print_fcntl(struct trace *tr, u64 v, u32 arg)
{
	u32 cmd = tr->args[arg - 1];
	struct flock lock;

	switch (cmd) {
	case F_GETFD: case F_GETFL: case F_GETOWN: case F_GETSIG: case F_GETLEASE: case F_GETPIPE_SZ: case F_GET_SEALS:
		return;
	case F_SETFD:
		trace_add(tr, ", ");
		trace_named(tr, "fdflags", v);
		return;
	case F_SETFL:
		trace_add(tr, ", ");
		trace_named(tr, "open", v);
		return;
	case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		trace_add(tr, ", ");
		if (copy_from_user(&lock, (void *)v, sizeof(lock))) {
			trace_address(tr, v);
			return;
		}
		trace_add(tr, "{l_type=");
		trace_named(tr, "locktype", (u16)lock.l_type);
		trace_add(tr, ", l_whence=");
		trace_named(tr, "whence", (u16)lock.l_whence);
		trace_add(tr, ", l_start=%ld, l_len=%ld}", (long)lock.l_start, (long)lock.l_len);
		return;
	default:
		trace_add(tr, ", %ld", (long)v);
	}
}

static void fcntl_result(struct trace *tr, u64 v, u32 arg)
{
	u32 cmd = tr->args[arg - 1];

	if (cmd != F_GETFL && (cmd != F_GETFD || !tr->ret)) {
		trace_add(tr, "%ld", tr->ret);
		return;
	}
	trace_add(tr, "%#lx (flags ", (unsigned long)tr->ret);
	trace_named(tr, cmd == F_GETFL ? "open" : "fdflags", tr->ret);
	trace_add(tr, ")");
}

static void print_ioctl(struct trace *tr, u64 v, u32 arg)
{
	struct winsize_kernel { u16 row, col, x, y; } size;
	int number;

	switch ((u32)tr->args[arg - 1]) {
	case TIOCGWINSZ: case TIOCSWINSZ:
		if (copy_from_user(&size, (void *)v, sizeof(size)))
			break;
		trace_add(tr, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", size.row, size.col, size.x, size.y);
		return;
	case FIONREAD: case FIONBIO: case FIOASYNC: case TIOCGPGRP: case TIOCSPGRP: case TIOCGSID: case TIOCOUTQ:
	case TIOCGPTN: case TIOCSPTLCK:
		if (get_user(number, (int *)v))
			break;
		trace_add(tr, "[%d]", number);
		return;
	}
	trace_address(tr, v);
}

static void print_prctl(struct trace *tr, u64 v, u32 arg)
{
	switch (tr->args[0]) {
	case PR_SET_NAME:
		print_string(tr, v, 16);
		break;
	case PR_SET_PDEATHSIG:
		trace_signal_name(tr, v);
		break;
	case PR_SET_NO_NEW_PRIVS: case PR_SET_SECUREBITS: case PR_SET_THP_DISABLE: case PR_SET_TIMERSLACK:
	case PR_CAP_AMBIENT: case PR_SET_MM: case PR_SET_SECCOMP:
		trace_add(tr, "%#lx, %#lx, %#lx, %#lx", (unsigned long)v, (unsigned long)tr->args[2],
			  (unsigned long)tr->args[3], (unsigned long)tr->args[4]);
		break;
	default:
		trace_add(tr, v < 4096 ? "%ld" : "%#lx", (unsigned long)v);
	}
}

static void print_timeout(struct trace *tr, u64 v)
{
	struct { i64 sec, nsec; } ts;

	if (!v || copy_from_user(&ts, (void *)v, sizeof(ts)))
		trace_address(tr, v);
	else
		trace_add(tr, "{tv_sec=%ld, tv_nsec=%ld}", (long)ts.sec, (long)ts.nsec);
}

static void print_futex(struct trace *tr, u64 v, u32 arg)
{
	const u64 *a = tr->args;

	trace_add(tr, "%u", (u32)v);
	switch (a[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAKE: case FUTEX_FD:
		return;
	case FUTEX_UNLOCK_PI: case FUTEX_TRYLOCK_PI:
		return;
	case FUTEX_WAKE_BITSET:
		trace_add(tr, ", %#x", (u32)a[5]);
		return;
	case FUTEX_WAIT_BITSET:
		trace_add(tr, ", ");
		print_timeout(tr, a[3]);
		if ((u32)a[5] == FUTEX_BITSET_MATCH_ANY)
			trace_add(tr, ", FUTEX_BITSET_MATCH_ANY");
		else
			trace_add(tr, ", %#x", (u32)a[5]);
		return;
	case FUTEX_REQUEUE: case FUTEX_CMP_REQUEUE: case FUTEX_CMP_REQUEUE_PI: case FUTEX_WAKE_OP:
		trace_add(tr, ", %u, ", (u32)a[3]);
		trace_address(tr, a[4]);
		if ((a[1] & FUTEX_CMD_MASK) != FUTEX_REQUEUE)
			trace_add(tr, ", %#x", (u32)a[5]);
		return;
	default:
		trace_add(tr, ", ");
		print_timeout(tr, a[3]);
	}
}

static void print_mremap_to(struct trace *tr, u64 v, u32 arg)
{
	if (!(tr->args[3] & 2))
		return;
	trace_add(tr, ", ");
	trace_address(tr, v);
}

static void print_clone_flags(struct trace *tr, u64 flags)
{
	u32 sig = flags & CSIGNAL;

	if (flags & ~(u64)CSIGNAL || !sig)
		trace_named(tr, "clone", flags & ~(u64)CSIGNAL);
	if (!sig)
		return;
	if (flags & ~(u64)CSIGNAL)
		trace_add(tr, "|");
	trace_signal_name(tr, sig);
}

/* clone(2)'s five, in strace's order and with its names. */
static void print_clone(struct trace *tr, u64 flags, u32 arg)
{
	const u64 *a = tr->args;

	trace_add(tr, "child_stack=");
	trace_address(tr, a[1]);
	trace_add(tr, ", flags=");
	print_clone_flags(tr, flags);
	if (flags & CLONE_PARENT_SETTID)
		trace_add(tr, ", parent_tid=%#lx", (unsigned long)a[2]);
	if (flags & CLONE_SETTLS)
		trace_add(tr, ", tls=%#lx", (unsigned long)a[4]);
	if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		trace_add(tr, ", child_tidptr=%#lx", (unsigned long)a[3]);
}

static void print_clone3(struct trace *tr, u64 v, u32 arg)
{
	struct clone_args a = {0};

	if (!v || copy_from_user(&a, (void *)v, min(tr->args[1], sizeof(a)))) {
		trace_address(tr, v);
		return;
	}
	trace_add(tr, "{flags=");
	print_clone_flags(tr, a.flags);
	if (a.flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		trace_add(tr, ", child_tid=%#lx", (unsigned long)a.child_tid);
	if (a.flags & CLONE_PARENT_SETTID)
		trace_add(tr, ", parent_tid=%#lx", (unsigned long)a.parent_tid);
	trace_add(tr, ", exit_signal=");
	if (a.exit_signal)
		trace_signal_name(tr, a.exit_signal);
	else
		trace_add(tr, "0");
	trace_add(tr, ", stack=");
	trace_address(tr, a.stack);
	trace_add(tr, ", stack_size=%#lx", (unsigned long)a.stack_size);
	if (a.flags & CLONE_SETTLS)
		trace_add(tr, ", tls=%#lx", (unsigned long)a.tls);
	trace_add(tr, "}");
}

const struct trace_kind trace_kinds[] = {
	{"int", print_int}, {"fd", print_int}, {"uint", print_uint}, {"size", print_size}, {"off", print_off},
	{"hex", print_hex}, {"hexoff", print_hex}, {"ptr", print_ptr}, {"outptr", print_ptr}, {"mode", print_mode},
	{"nodemode", print_node_mode}, {"openmode?", print_open_mode}, {"skip?", print_nothing}, {"at", print_at},
	{"sig", print_sig}, {"path", print_path}, {"buf", print_buf}, {"outbuf", print_filled, .out = true},
	{"outstr", print_text, .out = true}, {"iov", print_iov}, {"outiov", print_filled_iov, .out = true},
	{"argv", print_argv}, {"envp", print_envp}, {"dents", print_dents, .out = true},
	{"offptr", print_off_ptr}, {"@fcntl?", print_fcntl, .after = fcntl_result},
	{"ioctlarg", print_ioctl, .out = true}, {"prctlarg", print_prctl}, {"futexargs", print_futex},
	{"mremapto?", print_mremap_to}, {"cloneargs", print_clone}, {"clone3", print_clone3},
};
const u32 trace_kind_count = ARRAY_SIZE(trace_kinds);

/* --- a call without a format: a parameter's type says how it is printed --- */

static bool contains(const char *s, u32 n, const char *word)
{
	u32 w = strlen(word);

	for (u32 i = 0; i + w <= n; i++)
		if (!strncmp(s + i, word, w))
			return true;
	return false;
}

static void print_declared(struct trace *tr, const char *decl, u32 n, u64 v)
{
	if (contains(decl, n, "const char *"))
		print_string(tr, v, PATH_SHOWN);
	else if (contains(decl, n, "*") || contains(decl, n, "addr"))
		trace_address(tr, v);
	else if (contains(decl, n, "flags"))
		trace_add(tr, v ? "%#lx" : "%ld", (unsigned long)v);
	else if (contains(decl, n, "int "))
		trace_add(tr, "%d", (int)v);
	else
		trace_add(tr, "%ld", (long)v);
}

void trace_prototype(struct trace *tr)
{
	const char *p = tr->entry->prototype;

	for (u32 i = 0; i < 6 && *p && strcmp(p, "void"); i++) {
		u32 n = 0;

		while (p[n] && p[n] != ',')
			n++;
		if (i)
			trace_add(tr, ", ");
		print_declared(tr, p, n, tr->args[i]);
		p += n;
		while (*p == ',' || *p == ' ')
			p++;
	}
}
