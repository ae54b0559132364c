/* wait4(2), waitid(2): children's ends, stops and continuations.  Under the tasklist lock. */
#include "libos/proc/internal.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/signal.h"
#include <linux/sched.h>
#include <linux/wait.h>
#include <asm/siginfo.h>

struct wait_request {
	int type;		/* P_ALL, P_PID, P_PGID */
	i32 id;
	int options;
	/* What was found. */
	i32 pid, status;	/* as wait4 encodes it */
	u32 uid;
	int code;		/* CLD_* */
	struct rusage ru;
};

static void fill_rusage(struct rusage *ru, u64 utime, u64 stime, u64 maxrss)
{
	memset(ru, 0, sizeof(*ru));
	ru->ru_utime.tv_sec = utime / NSEC_PER_SEC;
	ru->ru_utime.tv_usec = utime % NSEC_PER_SEC / 1000;
	ru->ru_stime.tv_sec = stime / NSEC_PER_SEC;
	ru->ru_stime.tv_usec = stime % NSEC_PER_SEC / 1000;
	ru->ru_maxrss = maxrss >> 10;
}

static bool matches(const struct process *c, const struct wait_request *r)
{
	bool clone_child = c->exit_signal != SIGCHLD;

	if (r->type == P_PID && c->pid != r->id)
		return false;
	if (r->type == P_PGID && c->pgrp != r->id)
		return false;
	if (r->options & __WALL)
		return true;
	return clone_child == !!(r->options & __WCLONE);
}

static void take_zombie(struct process *c, struct wait_request *r, struct process **reaped)
{
	struct process *p = current->process;
	u32 code = c->exit_code;

	r->status = code;
	r->code = !(code & 0x7f) ? CLD_EXITED : code & 0x80 ? CLD_DUMPED : CLD_KILLED;
	fill_rusage(&r->ru, c->utime_dead + c->child_utime, c->stime_dead + c->child_stime, 0);
	if (r->options & WNOWAIT)
		return;
	p->child_utime += c->utime_dead + c->child_utime;
	p->child_stime += c->stime_dead + c->child_stime;
	process_unhash(c);
	*reaped = c;
}

/* Does c have something to tell?  Fills r. */
static bool check_child(struct process *c, struct wait_request *r, struct process **reaped)
{
	r->pid = c->pid;
	r->uid = c->cred.uid;
	if (c->zombie && (r->options & WEXITED)) {
		take_zombie(c, r, reaped);
		return true;
	}
	if ((c->wait_events & PROC_WAIT_STOPPED) && (r->options & WSTOPPED)) {
		if (!(r->options & WNOWAIT))
			c->wait_events &= ~PROC_WAIT_STOPPED;
		r->status = c->stop_signal << 8 | 0x7f;
		r->code = CLD_STOPPED;
	} else if ((c->wait_events & PROC_WAIT_CONTINUED) && (r->options & WCONTINUED)) {
		if (!(r->options & WNOWAIT))
			c->wait_events &= ~PROC_WAIT_CONTINUED;
		r->status = 0xffff;
		r->code = CLD_CONTINUED;
	} else {
		return false;
	}
	fill_rusage(&r->ru, 0, 0, 0);
	return true;
}

static int look_at_tracees(struct wait_request *r, int ret)
{
	struct ptrace_found f;
	int found = ptrace_look(current->process, r->type, r->id, r->options, &f);

	if (found == 1) {
		r->pid = f.pid;
		r->uid = f.uid;
		r->status = f.status;
		r->code = f.code;
		fill_rusage(&r->ru, 0, 0, 0);
	}
	return max(ret, found);
}

/* 1: found.  0: children there are, but nothing to tell.  -ECHILD. */
static int look(struct wait_request *r)
{
	struct process *p = current->process, *c, *reaped = NULL;
	int ret = -ECHILD;

	mutex_lock(&tasklist_lock);
	list_for_each(c, &p->children, sibling) {
		if (!matches(c, r))
			continue;
		ret = 0;
		if (!ptrace_hides(c, p) && check_child(c, r, &reaped)) {
			ret = 1;
			break;
		}
	}
	if (ret != 1 && !list_empty(&p->tracees))
		ret = look_at_tracees(r, ret);
	mutex_unlock(&tasklist_lock);
	ptrace_drain();
	if (reaped)
		process_put(reaped);
	return ret;
}

static long do_wait(struct wait_request *r)
{
	struct process *p = current->process;
	int ret = 0, err;

	if (r->type == P_PGID && !r->id)
		r->id = p->pgrp;
	err = WAIT_EVENT(&p->exit_waitq, (ret = look(r)) != 0 || (r->options & WNOHANG), BZ_NO_DEADLINE);
	if (ret)
		return ret;
	return err ? -ERESTARTSYS : 0;
}

SYSCALL(wait4, int pid, int *ustatus, int options, struct rusage *uru)
{
	struct wait_request r = {.options = options | WEXITED};
	long ret;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | (int)(__WNOTHREAD | __WCLONE | __WALL)))
		return -EINVAL;
	if (pid == (int)0x80000000)
		return -ESRCH;
	r.type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
	r.id = pid < -1 ? -pid : pid;
	ret = do_wait(&r);
	if (ret <= 0)
		return ret;
	if (ustatus && put_user(r.status, ustatus))
		return -EFAULT;
	if (uru && copy_to_user(uru, &r.ru, sizeof(r.ru)))
		return -EFAULT;
	return r.pid;
}

SYSCALL(waitid, int which, int id, struct siginfo *uinfo, int options, struct rusage *uru)
{
	struct wait_request r = {.type = which, .id = id, .options = options};
	struct siginfo_kernel info = {0};
	struct process *p;
	u32 flags = 0;
	long ret;

	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | (int)(__WNOTHREAD | __WCLONE | __WALL)))
		return -EINVAL;
	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (which) {
	case P_ALL:
		break;
	case P_PID:
		if (id <= 0)
			return -EINVAL;
		break;
	case P_PGID:
		if (id < 0)
			return -EINVAL;
		break;
	case P_PIDFD:
		p = id < 0 ? ERR_PTR(-EINVAL) : pidfd_process(id, &flags);
		if (IS_ERR(p))
			return PTR_ERR(p);
		r.type = P_PID;
		r.id = p->pid;
		process_put(p);
		if (flags & O_NONBLOCK)
			r.options |= WNOHANG;
		break;
	default:
		return -EINVAL;
	}
	ret = do_wait(&r);
	if (!ret && !(options & WNOHANG) && (flags & O_NONBLOCK))
		ret = -EAGAIN;
	if (ret < 0)
		return ret;
	if (ret) {
		info.si_signo = SIGCHLD;
		info.si_code = r.code;
		info.chld.pid = r.pid;
		info.chld.uid = r.uid;
		info.chld.status = r.code == CLD_EXITED ? r.status >> 8 & 0xff :
				   r.code == CLD_TRAPPED ? r.status >> 8 :
				   r.code == CLD_STOPPED ? r.status >> 8 & 0xff :
				   r.code == CLD_CONTINUED ? SIGCONT : r.status & 0x7f;
		if (uru && copy_to_user(uru, &r.ru, sizeof(r.ru)))
			return -EFAULT;
	}
	/* Linux writes these fields and leaves the rest. */
	if (uinfo && (copy_to_user(uinfo, &info, 12) || copy_to_user((char *)uinfo + 16, (char *)&info + 16, 12)))
		return -EFAULT;
	return 0;
}

/* SIGCHLD unless the parent asked not to hear of stops (sigaction(2), SA_NOCLDSTOP). */
static void tell_parent(struct process *p, u32 what, int sig)
{
	struct siginfo_kernel info = {.si_signo = SIGCHLD, .si_code = what & PROC_WAIT_STOPPED ? CLD_STOPPED : CLD_CONTINUED};
	struct process *parent = p->parent;

	if (!parent)
		return;
	info.chld.pid = p->pid;
	info.chld.uid = p->cred.uid;
	info.chld.status = sig;
	if (parent->sighand && !(parent->sighand->action[SIGCHLD - 1].flags & SA_NOCLDSTOP))
		signal_send_process(parent, SIGCHLD, &info);
	waitq_wake_all(&parent->exit_waitq, ~0u);
}

/* Called with the tasklist lock (a signal to a group) or without it, and never with process->lock. */
void process_report_state(struct process *p, u32 what, int sig)
{
	bool mine = mutex_is_mine(&tasklist_lock);

	if (!mine)
		mutex_lock(&tasklist_lock);
	/* Who traces its own child hears of that by the stops of its threads. */
	if (what == PROC_WAIT_STOPPED && p->ptrace && p->ptrace->tracer == p->parent) {
		if (!mine)
			mutex_unlock(&tasklist_lock);
		return;
	}
	p->wait_events = what;
	p->stop_signal = sig;
	tell_parent(p, what, sig);
	if (!mine)
		mutex_unlock(&tasklist_lock);
}
