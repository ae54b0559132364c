/*
 * seccomp(2): modes and filters of threads, and what they say of a call.  A filter never changes, and holds the one that was set before
 * it, so threads that have a filter in common share it; a thread's own are replaced by another only with SECCOMP_FILTER_FLAG_TSYNC,
 * under process->lock, by filters that hold the old ones.  Listeners (SECCOMP_RET_USER_NOTIF) are absent, as before Linux 5.0.
 */
#include "libos/seccomp/seccomp.h"
#include "libos/kernel/dispatch.h"
#include "libos/kernel/syscall.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/signal.h"
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define INSNS_PER_PATH 32768	/* of all filters of a thread, 4 more for each */
#define FLAGS_KNOWN (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

struct seccomp_filter {
	ref_t refs;
	struct seccomp_filter *before;	/* referenced; null: the first */
	u32 len;
	struct sock_filter prog[];
};

struct fprog {
	u16 len;
	const struct sock_filter *filter;
};

static void filter_put(struct seccomp_filter *f)
{
	while (f && ref_put(&f->refs)) {
		struct seccomp_filter *before = f->before;

		kfree(f);
		f = before;
	}
}

void seccomp_inherit(struct thread *t, const struct thread *maker)
{
	t->seccomp_mode = maker->seccomp_mode;
	t->seccomp = READ_ONCE(maker->seccomp);
	if (t->seccomp)
		ref_get(&t->seccomp->refs);
	if (t->seccomp_mode)
		__atomic_fetch_or(&t->hooks, HOOK_SECCOMP, __ATOMIC_SEQ_CST);
}

void seccomp_forget(struct thread *t)
{
	filter_put(t->seccomp);
	t->seccomp = NULL;
}

u32 seccomp_count(const struct thread *t)
{
	const struct seccomp_filter *f;
	u32 n = 0;

	/* The chain of a thread that lives is not freed. */
	for (f = READ_ONCE(t->seccomp); f; f = f->before)
		n++;
	return n;
}

/* --- a call --- */

static void __noreturn end_thread(struct thread *t, u32 status)
{
	if (status == SIGKILL || t->process->thread_count > 1)
		thread_exit(status);
	signal_die(status, NULL);
}

static long strict(struct thread *t, u64 nr)
{
	if (nr == __NR_read || nr == __NR_write || nr == __NR_exit || nr == __NR_rt_sigreturn)
		return 0;
	end_thread(t, SIGKILL);
}

/* Of all filters' answers the one with the highest precedence, the newest filter's among equals. */
static u32 ask_filters(const struct seccomp_filter *f, const struct seccomp_data *data)
{
	u32 best = SECCOMP_RET_ALLOW;

	for (; f; f = f->before) {
		u32 ret = seccomp_bpf_run(f->prog, data);

		if ((i32)(ret & SECCOMP_RET_ACTION_FULL) < (i32)(best & SECCOMP_RET_ACTION_FULL))
			best = ret;
	}
	return best;
}

static void trap(const struct seccomp_data *data, u32 ret)
{
	struct siginfo_kernel info = {.si_signo = SIGSYS, .si_code = 1 /* SYS_SECCOMP */, .si_errno = ret & SECCOMP_RET_DATA};

	info.sys.call_addr = data->instruction_pointer;
	info.sys.syscall = data->nr;
	info.sys.arch = data->arch;
	signal_force(SIGSYS, &info);
}

static struct seccomp_data data_of(const struct bz_context *ctx)
{
	return (struct seccomp_data){
		.nr = ctx->rax, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = ctx->rip,
		.args = {ctx->rdi, ctx->rsi, ctx->rdx, ctx->r10, ctx->r8, ctx->r9},
	};
}

enum seccomp_verdict seccomp_check(struct thread *t, struct bz_context *ctx, long *result)
{
	struct seccomp_data data = data_of(ctx);
	bool skip = false;
	u32 ret;

	if (t->seccomp_mode == SECCOMP_MODE_STRICT) {
		strict(t, ctx->rax);
		return SECCOMP_GO_ON;
	}
	ret = ask_filters(READ_ONCE(t->seccomp), &data);
	if ((ret & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRACE && ptrace_seccomp(t, ctx, ret & SECCOMP_RET_DATA, &skip, result)) {
		if (skip)
			return SECCOMP_SKIP;
		/* What the tracer made of it is asked about again; that it is to be traced is done. */
		data = data_of(ctx);
		ret = ask_filters(READ_ONCE(t->seccomp), &data);
		if ((ret & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRACE)
			return SECCOMP_GO_ON;
	}
	switch (ret & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:	/* there is no audit log */
		return SECCOMP_GO_ON;
	case SECCOMP_RET_ERRNO:
		*result = -(long)min(ret & SECCOMP_RET_DATA, 4095u);
		return SECCOMP_SKIP;
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		*result = -ENOSYS; /* nobody listens */
		return SECCOMP_SKIP;
	case SECCOMP_RET_TRAP:
		trap(&data, ret);
		return SECCOMP_GONE;
	case SECCOMP_RET_KILL_THREAD:
		end_thread(t, SIGSYS);
	default:
		signal_die(SIGSYS, NULL);
	}
}

/* --- setting it --- */

static void set_mode(struct thread *t, u32 mode)
{
	t->seccomp_mode = mode;
	__atomic_fetch_or(&t->hooks, HOOK_SECCOMP, __ATOMIC_SEQ_CST);
	syscall_watch_all();
}

static long set_strict(struct thread *t)
{
	if (t->seccomp_mode == SECCOMP_MODE_FILTER)
		return -EINVAL;
	set_mode(t, SECCOMP_MODE_STRICT);
	return 0;
}

static struct seccomp_filter *filter_make(const void *uprog)
{
	struct seccomp_filter *f;
	struct fprog prog;
	int err;

	if (copy_from_user(&prog, uprog, sizeof(prog)))
		return ERR_PTR(-EFAULT);
	if (!prog.len || prog.len > BPF_MAXINSNS || !prog.filter)
		return ERR_PTR(-EINVAL);
	if (!current->process->cred.no_new_privs && !capable(CAP_SYS_ADMIN))
		return ERR_PTR(-EACCES);
	f = kmalloc(sizeof(*f) + prog.len * sizeof(f->prog[0]));
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->refs = 1;
	f->before = NULL;
	f->len = prog.len;
	err = copy_from_user(f->prog, prog.filter, prog.len * sizeof(f->prog[0]));
	if (!err)
		err = seccomp_bpf_check(f->prog, f->len);
	if (!err)
		return f;
	kfree(f);
	return ERR_PTR(err);
}

static bool too_long(const struct seccomp_filter *f, u32 more)
{
	for (; f; f = f->before)
		more += f->len + 4;
	return more > INSNS_PER_PATH;
}

/* t has nothing that `mine` does not have. */
static bool can_follow(const struct thread *t, const struct seccomp_filter *mine)
{
	if (!t->seccomp_mode || READ_ONCE(t->exiting))
		return true;
	if (t->seccomp_mode != SECCOMP_MODE_FILTER)
		return false;
	while (mine && mine != t->seccomp)
		mine = mine->before;
	return mine == t->seccomp;
}

/* The process's other threads get what t has; process locked. */
static void all_follow(struct thread *t)
{
	struct thread *other;

	list_for_each(other, &t->process->threads, node) {
		struct seccomp_filter *old = other->seccomp;

		if (other == t || READ_ONCE(other->exiting))
			continue;
		ref_get(&t->seccomp->refs);
		WRITE_ONCE(other->seccomp, t->seccomp);
		set_mode(other, SECCOMP_MODE_FILTER);
		filter_put(old);
	}
}

static long set_filter(struct thread *t, u32 flags, const void *uprog)
{
	struct process *p = t->process;
	struct seccomp_filter *f;
	struct thread *other;
	long ret = 0;

	if (flags & ~FLAGS_KNOWN)
		return -EINVAL;
	f = filter_make(uprog);
	if (IS_ERR(f))
		return PTR_ERR(f);
	mutex_lock(&p->lock);
	if (t->seccomp_mode == SECCOMP_MODE_STRICT)
		ret = -EINVAL;
	else if (too_long(t->seccomp, f->len))
		ret = -ENOMEM;
	list_for_each(other, &p->threads, node)
		if (!ret && (flags & SECCOMP_FILTER_FLAG_TSYNC) && other != t && !can_follow(other, t->seccomp))
			ret = flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : other->tid;
	if (!ret) {
		f->before = t->seccomp;
		WRITE_ONCE(t->seccomp, f);
		set_mode(t, SECCOMP_MODE_FILTER);
		if (flags & SECCOMP_FILTER_FLAG_TSYNC)
			all_follow(t);
	}
	mutex_unlock(&p->lock);
	if (ret)
		kfree(f);
	return ret;
}

static long action_known(const void *uaction)
{
	u32 action;

	if (copy_from_user(&action, uaction, sizeof(action)))
		return -EFAULT;
	switch (action) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW:
		return 0;
	}
	return -EOPNOTSUPP;
}

long seccomp_prctl(unsigned long mode, const void *uprog)
{
	if (mode == SECCOMP_MODE_STRICT)
		return set_strict(current);
	return mode == SECCOMP_MODE_FILTER ? set_filter(current, 0, uprog) : -EINVAL;
}

SYSCALL(seccomp, unsigned int op, unsigned int flags, void *args)
{
	switch (op) {
	case SECCOMP_SET_MODE_STRICT:
		return flags || args ? -EINVAL : set_strict(current);
	case SECCOMP_SET_MODE_FILTER:
		return set_filter(current, flags, args);
	case SECCOMP_GET_ACTION_AVAIL:
		return flags ? -EINVAL : action_known(args);
	}
	return -EINVAL;
}
