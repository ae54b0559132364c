/* Who traces whom, and what wait(2) is told of it.  tasklist_lock protects the lists; what is let go is freed without it. */
#include "libos/landlock/landlock.h"
#include "libos/ptrace/ptrace.h"
#include "libos/proc/internal.h"
#include "libos/signal/internal.h"
#include <linux/capability.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/wait.h>

static struct list dead = LIST_INIT(dead);

struct ptrace *ptrace_new(struct thread *t, struct process *tracer, u32 options, bool seized)
{
	struct ptrace *pt = kzalloc(sizeof(*pt));

	if (!pt)
		return NULL;
	pt->refs = 1;
	pt->thread = t;
	ref_get(&t->refs);
	pt->tracer = tracer;
	ref_get(&tracer->refs);
	pt->options = options;
	pt->seized = seized;
	return pt;
}

void ptrace_put(struct ptrace *pt)
{
	if (!ref_put(&pt->refs))
		return;
	if (pt->extended)
		extended_state_free(pt->extended);
	if (pt->reaped)
		process_put(pt->thread->process);
	thread_put(pt->thread);
	process_put(pt->tracer);
	kfree(pt);
}

void ptrace_drain(void)
{
	struct ptrace *pt;

	while (unlikely(!list_empty(&dead))) {
		mutex_lock(&tasklist_lock);
		pt = list_empty(&dead) ? NULL : list_first(&dead, struct ptrace, node);
		if (pt)
			list_del(&pt->node);
		mutex_unlock(&tasklist_lock);
		if (pt)
			ptrace_put(pt);
	}
}

void ptrace_link(struct ptrace *pt)
{
	struct thread *t = pt->thread;

	list_add_tail(&pt->node, &pt->tracer->tracees);
	t->stop_seen = 0;
	WRITE_ONCE(t->ptrace, pt);
	if (t->tid == t->process->pid || !t->process->pid)
		t->process->ptrace = pt;
}

/* pt->tracer stays referenced until it is freed; that it let go is told by `stopped` and by the thread. */
void ptrace_unlink(struct ptrace *pt)
{
	struct thread *t = pt->thread;

	list_del(&pt->node);
	list_add_tail(&pt->node, &dead);
	if (t->ptrace == pt) {
		WRITE_ONCE(t->ptrace, NULL);
		__atomic_and_fetch(&t->hooks, ~(HOOK_CALLS | HOOK_EMULATE | HOOK_STEP | HOOK_TRAP | HOOK_WATCH), __ATOMIC_SEQ_CST);
	}
	if (t->process->ptrace == pt)
		t->process->ptrace = NULL;
}

void ptrace_let_go(struct ptrace *pt)
{
	struct thread *t = pt->thread;
	struct process *p = t->process;
	bool hidden = p->zombie && p->ptrace == pt && p->parent != pt->tracer;

	ptrace_unlink(pt);
	if (pt->stopped) {
		WRITE_ONCE(pt->stopped, 0);
		signal_kick(t); /* a group stop goes on without us */
	}
	if (hidden)
		pt->reaped = process_tell_end(p);
}

void ptrace_tracer_ends(struct process *p)
{
	mutex_lock(&tasklist_lock);
	while (!list_empty(&p->tracees)) {
		struct ptrace *pt = list_first(&p->tracees, struct ptrace, node);

		if (pt->options & PTRACE_O_EXITKILL)
			signal_send_process(pt->thread->process, SIGKILL, NULL);
		ptrace_let_go(pt);
	}
	mutex_unlock(&tasklist_lock);
	ptrace_drain();
}

/* --- children --- */

u32 ptrace_clone_event(u64 flags, u32 exit_signal)
{
	if (flags & CLONE_VFORK)
		return PTRACE_EVENT_VFORK;
	return exit_signal != SIGCHLD || (flags & CLONE_THREAD) ? PTRACE_EVENT_CLONE : PTRACE_EVENT_FORK;
}

void ptrace_child(struct thread *child, u32 event, bool always)
{
	struct ptrace *pt, *mine;

	mutex_lock(&tasklist_lock);
	mine = current->ptrace;
	pt = mine && (always || (mine->options & 1u << event)) ? ptrace_new(child, mine->tracer, mine->options, mine->seized) : NULL;
	if (pt)
		ptrace_link(pt);
	if (pt && pt->seized) {
		child->hooks |= HOOK_TRAP;
		child->signal_pending = 1;
	}
	mutex_unlock(&tasklist_lock);
	if (pt && !pt->seized) {
		/* Its first act, as if it had been sent. */
		child->pending.set |= SIG_BIT(SIGSTOP);
		child->signal_pending = 1;
	}
}

void ptrace_thread_ends(struct thread *t, u32 code)
{
	struct ptrace *pt = t->ptrace;

	/* The end of the leader is the process's. */
	if (!pt || t->tid == t->process->pid)
		return;
	pt->ended = true;
	pt->exit_code = code;
	t->ptrace = NULL;
	waitq_wake_all(&pt->tracer->exit_waitq, ~0u);
}

void ptrace_leader_gone(struct thread *now)
{
	struct ptrace *old = now->process->ptrace;

	if (old && old != now->ptrace)
		ptrace_unlink(old);
	now->process->ptrace = now->ptrace;
}

bool ptrace_hides(const struct process *child, const struct process *parent)
{
	return child->ptrace && child->ptrace->tracer != parent;
}

bool ptrace_zombie(struct process *p)
{
	struct siginfo_kernel info = {.si_signo = SIGCHLD};

	if (!p->ptrace || p->ptrace->tracer == p->parent)
		return false;
	p->zombie = 1;
	process_end_info(&info, p);
	info.si_signo = SIGCHLD;
	signal_send_process(p->ptrace->tracer, SIGCHLD, &info);
	waitq_wake_all(&p->ptrace->tracer->exit_waitq, ~0u);
	return true;
}

void ptrace_reaped(struct process *p)
{
	if (p->ptrace)
		ptrace_unlink(p->ptrace);
}

i32 ptrace_tracer_pid(struct thread *t)
{
	i32 pid;

	mutex_lock(&tasklist_lock);
	pid = t->ptrace ? t->ptrace->tracer->pid : 0;
	mutex_unlock(&tasklist_lock);
	return pid;
}

/* --- wait(2) --- */

static bool tell_end(struct ptrace *pt, int options, struct ptrace_found *f)
{
	struct process *p = pt->thread->process;
	bool leader = p->ptrace == pt && p->zombie && p->parent != pt->tracer;

	if (!(options & WEXITED) || !(pt->ended || leader))
		return false;
	f->status = leader ? p->exit_code : pt->exit_code;
	f->code = !(f->status & 0x7f) ? CLD_EXITED : f->status & 0x80 ? CLD_DUMPED : CLD_KILLED;
	if (!(options & WNOWAIT))
		ptrace_let_go(pt);
	return true;
}

static bool tell_stop(struct ptrace *pt, int options, struct ptrace_found *f)
{
	if (!pt->stopped || pt->reported)
		return false;
	if (!(options & WNOWAIT))
		pt->reported = true;
	f->status = (i32)(pt->code << 8 | 0x7f);
	f->code = CLD_TRAPPED;
	return true;
}

int ptrace_look(struct process *me, int type, i32 id, int options, struct ptrace_found *f)
{
	struct ptrace *pt;
	int ret = -ECHILD;

	list_for_each(pt, &me->tracees, node) {
		struct thread *t = pt->thread;

		if ((type == P_PID && t->tid != id) || (type == P_PGID && t->process->pgrp != id))
			continue;
		ret = 0;
		f->pid = t->tid;
		f->uid = t->process->cred.uid;
		if (tell_end(pt, options, f) || tell_stop(pt, options, f))
			return 1;
	}
	return ret;
}

bool ptrace_may_access(struct process *p)
{
	const struct cred *mine = &current->process->cred, *c = &p->cred;
	struct thread *leader;
	bool within;

	if (p == current->process)
		return true;
	mutex_lock(&p->lock);
	leader = list_empty(&p->threads) ? NULL : list_first(&p->threads, struct thread, node);
	within = !leader || landlock_is_within(leader->landlock, current->landlock);
	mutex_unlock(&p->lock);
	if (!within)
		return false;
	if (capable(CAP_SYS_PTRACE))
		return true;
	return p->dumpable == 1 && mine->uid == c->uid && mine->uid == c->euid && mine->uid == c->suid && mine->gid == c->gid &&
	       mine->gid == c->egid && mine->gid == c->sgid;
}
