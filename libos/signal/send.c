/*
 * Sending signals: to a thread, a process, a group; forcing one on the current thread.  sighand->lock of the target
 * protects its queues; the thread list is walked under process->lock, which comes before it.
 */
#include "libos/signal/internal.h"
#include "libos/kernel/syscall.h"
#include "libos/ptrace/ptrace.h"
#include "libos/trace/trace.h"
#include <linux/eventpoll.h>
#include <linux/resource.h>

void signal_kick(struct thread *t)
{
	__atomic_store_n(&t->signal_pending, 1, __ATOMIC_SEQ_CST);
	if (t == current)
		return;
	/* Not asleep, it is in guest code, or in a host call that is no thread_sleep (a private futex, a stream): the host's interrupt. */
	if (!thread_wake(t) && t->host_tid > 0)
		host->thread_interrupt(t->host_tid, 0);
}

bool signal_ignored(struct process *p, int sig)
{
	u64 h = p->sighand->action[sig - 1].handler;

	return h == (u64)SIG_IGN || (h == (u64)SIG_DFL && (IGNORED_BY_DEFAULT & SIG_BIT(sig)));
}

/* Standard signals of the kernel and of kill(2) get their info beyond the limit (Linux's override_rlimit). */
static u64 queued_limit(const struct process *p, int sig, const struct siginfo_kernel *info)
{
	u64 soft = READ_ONCE(p->rlimit[RLIMIT_SIGPENDING].soft);

	return sig < SIGRTMIN_KERNEL && (!info || info->si_code >= 0) ? ~0ull : soft;
}

/* SIGCONT undoes pending stops, a stop signal a pending SIGCONT (signal(7)); SIGCONT and SIGKILL also a stop that a thread
 * has taken but not yet acted on.  process->lock held, sighand locked. */
static void cancel_opposites(struct process *p, int sig)
{
	sigset_kernel drop = 0;
	struct thread *t;

	if (sig == SIGCONT || sig == SIGKILL)
		list_for_each(t, &p->threads, node)
			t->stop_taken = false;
	if (sig == SIGCONT)
		drop = STOP_SIGNALS;
	else if (STOP_SIGNALS & SIG_BIT(sig))
		drop = SIG_BIT(SIGCONT);
	if (!drop)
		return;
	sigpending_drop(&p->shared_pending, drop);
	list_for_each(t, &p->threads, node)
		sigpending_drop(&t->pending, drop);
}

static int enqueue(struct process *p, struct sigpending *pending, int sig, const struct siginfo_kernel *info,
		   struct posix_timer *timer)
{
	struct sigqueue *q;

	/* Standard signals do not queue. */
	if (sig < SIGRTMIN_KERNEL && (pending->set & SIG_BIT(sig)))
		return 0;
	q = sigqueue_alloc(queued_limit(p, sig, info), timer);
	if (q) {
		if (info)
			q->info = *info;
		else
			q->info.si_code = SI_KERNEL;
		q->info.si_signo = sig;
		list_add_tail(&q->node, &pending->queue);
		pending->count++;
	} else if (sig >= SIGRTMIN_KERNEL && info && info->si_code != SI_USER) {
		return -EAGAIN;
	}
	pending->set |= SIG_BIT(sig);
	return 0;
}

struct waitq signalfd_waitq;

static void signalfd_init(void)
{
	waitq_init(&signalfd_waitq);
}
INITCALL(INIT_CORE, signalfd_init);

/* A thread that can take it now: the first that does not block it.  process->lock held. */
static struct thread *pick_thread(struct process *p, int sig)
{
	struct thread *t;

	list_for_each(t, &p->threads, node)
		if (!(READ_ONCE(t->blocked) & SIG_BIT(sig)) && READ_ONCE(t->state) != THREAD_DEAD)
			return t;
	return NULL;
}

/* True if it was stopped: the caller tells the parent, once process->lock is free (the tasklist lock comes before it). */
static bool resume_stopped(struct process *p)
{
	struct thread *t;

	if (!p->stopped)
		return false;
	p->stopped = 0;
	list_for_each(t, &p->threads, node)
		signal_kick(t);
	return true;
}

/* Who waits for it by sigtimedwait does not let it do anything else, either. */
static bool blocks(const struct thread *t, int sig)
{
	return (READ_ONCE(t->blocked) | READ_ONCE(t->real_blocked)) & SIG_BIT(sig);
}

/* Of a process's signal the first thread decides, as on Linux. */
static bool kept_blocked(struct process *p, struct thread *t, int sig)
{
	if (!t)
		t = list_first(&p->threads, struct thread, node);
	return blocks(t, sig);
}

/* What ends the process whatever it does.  Where one thread alone would see it first, that is its own affair. */
static bool ends_at_once(const struct process *p, const struct thread *target, int sig)
{
	if (!target || p->core || p->ptrace || ptraced(target))
		return false;
	if (sig == SIGKILL)
		return true;
	return p->thread_count > 1 && !tracing() && !blocks(target, sig) &&
	       p->sighand->action[sig - 1].handler == (u64)SIG_DFL && !((IGNORED_BY_DEFAULT | STOP_SIGNALS | CORE_SIGNALS) & SIG_BIT(sig));
}

/* Process locked: none of its threads can go on to another end (Linux's complete_signal). */
static void end_at_once(struct process *p, int sig)
{
	struct thread *t;

	if (!p->group_exit) {
		p->exit_code = sig;
		WRITE_ONCE(p->group_exit, 1);
	}
	list_for_each(t, &p->threads, node)
		signal_kick(t);
}

int signal_post(struct process *p, struct thread *t, int sig, const struct siginfo_kernel *info, struct posix_timer *timer)
{
	struct thread *target;
	int err = 0;
	bool resumed = false, kept = true;

	mutex_lock(&p->lock);
	if (!p->sighand || (t ? t->state == THREAD_DEAD : list_empty(&p->threads))) {
		mutex_unlock(&p->lock);
		/* Who has ended can be signalled until somebody has waited for it. */
		return t && !p->zombie ? -ESRCH : 0;
	}
	mutex_lock(&p->sighand->lock);
	cancel_opposites(p, sig);
	/* An ignored signal is kept only while it is blocked: the action may change meanwhile. */
	if (!signal_ignored(p, sig) || kept_blocked(p, t, sig) || (t ? ptraced(t) : p->ptrace != NULL))
		err = enqueue(p, t ? &t->pending : &p->shared_pending, sig, info, timer);
	else if (timer)
		err = 1;
	else
		kept = false;
	mutex_unlock(&p->sighand->lock);
	if (sig == SIGCONT || sig == SIGKILL)
		resumed = resume_stopped(p);
	target = !kept ? NULL : t ? t : pick_thread(p, sig);
	if (!err && ends_at_once(p, target, sig))
		end_at_once(p, sig);
	else if (!err && target && !(READ_ONCE(target->blocked) & SIG_BIT(sig)))
		signal_kick(target);
	if (kept)
		waitq_wake_all(&signalfd_waitq, EPOLLIN | EPOLLRDNORM);
	mutex_unlock(&p->lock);
	if (resumed && sig == SIGCONT)
		process_report_state(p, PROC_WAIT_CONTINUED, SIGCONT);
	return err;
}

int signal_send_thread(struct thread *t, int sig, const struct siginfo_kernel *info)
{
	return signal_post(t->process, t, sig, info, NULL);
}

int signal_send_process(struct process *p, int sig, const struct siginfo_kernel *info)
{
	return signal_post(p, NULL, sig, info, NULL);
}

int signal_send_pgrp(i32 pgrp, int sig, const struct siginfo_kernel *info)
{
	struct process *p;
	int found = -ESRCH;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		if (p->pgrp == pgrp && signal_send_process(p, sig, info) == 0)
			found = 0;
	mutex_unlock(&tasklist_lock);
	return found;
}

/* A fault cannot wait: where it is blocked or ignored, the default action takes its place (force_sig_info). */
void signal_force(int sig, const struct siginfo_kernel *info)
{
	struct thread *t = current;
	struct process *p = t->process;
	struct sigaction_kernel *a = &p->sighand->action[sig - 1];

	mutex_lock(&p->sighand->lock);
	if ((t->blocked & SIG_BIT(sig)) || a->handler == (u64)SIG_IGN) {
		a->handler = (u64)SIG_DFL;
		t->blocked &= ~SIG_BIT(sig);
	}
	sigpending_drop(&t->pending, SIG_BIT(sig));
	enqueue(p, &t->pending, sig, info, NULL);
	signal_recalc(t);
	mutex_unlock(&p->sighand->lock);
}

int signal_pipe_broken(void)
{
	struct siginfo_kernel info = {.si_signo = SIGPIPE, .si_code = SI_USER};

	info.kill.pid = current->process->pid;
	info.kill.uid = current->process->cred.uid;
	signal_send_thread(current, SIGPIPE, &info);
	return -EPIPE;
}
