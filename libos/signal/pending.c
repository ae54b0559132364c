/*
 * Pending signals: sets, queues, masks.  sighand->lock protects every queue of the processes that share it, and the
 * blocked masks (a thread changes its own only).
 */
#include "libos/signal/internal.h"
#include "libos/mm/mm.h"

static u32 queued;	/* in all queues: RLIMIT_SIGPENDING counts a user's, and a sandbox is one (getrlimit(2)) */

bool sigqueue_reserve(u64 limit)
{
	if (__atomic_add_fetch(&queued, 1, __ATOMIC_RELAXED) <= limit)
		return true;
	sigqueue_release();
	return false;
}

void sigqueue_release(void)
{
	__atomic_sub_fetch(&queued, 1, __ATOMIC_RELAXED);
}

struct sigqueue *sigqueue_alloc(u64 limit, struct posix_timer *timer)
{
	struct sigqueue *q;

	if (!timer && !sigqueue_reserve(limit))
		return NULL;
	q = kzalloc(sizeof(*q));
	if (!q) {
		if (!timer)
			sigqueue_release();
		return NULL;
	}
	q->timer = timer;
	q->reserved = timer != NULL;
	return q;
}

static void sigqueue_free(struct sigqueue *q)
{
	if (!q->reserved)
		sigqueue_release();
	kfree(q);
}

void sigpending_init(struct sigpending *p)
{
	p->set = 0;
	p->count = 0;
	list_init(&p->queue);
}

void sigpending_flush(struct sigpending *p)
{
	struct sigqueue *q, *tmp;

	list_for_each_safe(q, tmp, &p->queue, node) {
		list_del(&q->node);
		sigqueue_free(q);
	}
	p->set = 0;
	p->count = 0;
}

void sigpending_drop(struct sigpending *p, sigset_kernel set)
{
	struct sigqueue *q, *tmp;

	if (!(p->set & set))
		return;
	list_for_each_safe(q, tmp, &p->queue, node) {
		if (!(set & SIG_BIT(q->info.si_signo)))
			continue;
		list_del(&q->node);
		p->count--;
		sigqueue_free(q);
	}
	p->set &= ~set;
}

/* Faults first (they belong to the instruction that just ran), then by number: as Linux's next_signal. */
static int next_signal(sigset_kernel ready)
{
	sigset_kernel sync = SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | SIG_BIT(SIGFPE) |
			     SIG_BIT(SIGSYS);

	if (ready & sync)
		ready &= sync;
	return ready ? __builtin_ctzll(ready) + 1 : 0;
}

/* Take the first queued info of `sig`; a signal may be pending without one (memory was short). */
static void collect(struct sigpending *p, int sig, struct siginfo_kernel *info)
{
	struct sigqueue *q, *found = NULL;
	bool more = false;

	list_for_each(q, &p->queue, node) {
		if (q->info.si_signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (!more)
		p->set &= ~SIG_BIT(sig);
	if (!found) {
		*info = (struct siginfo_kernel){.si_signo = sig, .si_code = SI_USER};
		return;
	}
	*info = found->info;
	list_del(&found->node);
	p->count--;
	if (found->timer)
		posix_timer_delivered(found->timer, info);
	sigqueue_free(found);
}

int signal_take(struct thread *t, sigset_kernel set, struct siginfo_kernel *info)
{
	struct process *p = t->process;
	int sig = next_signal(t->pending.set & set);

	if (sig) {
		collect(&t->pending, sig, info);
	} else {
		sig = next_signal(p->shared_pending.set & set);
		if (sig)
			collect(&p->shared_pending, sig, info);
	}
	signal_recalc(t);
	return sig;
}

int signal_dequeue(sigset_kernel set, struct siginfo_kernel *info)
{
	struct thread *t = current;
	int sig;

	mutex_lock(&t->process->sighand->lock);
	sig = signal_take(t, set, info);
	mutex_unlock(&t->process->sighand->lock);
	return sig;
}

void signal_recalc(struct thread *t)
{
	const struct process *p = t->process;
	sigset_kernel ready = (t->pending.set | p->shared_pending.set) & ~t->blocked;

	WRITE_ONCE(t->signal_pending, ready || signal_stopped(t) || thread_must_exit(t) || (READ_ONCE(t->hooks) & HOOK_TRAP));
}

bool signal_still_pending(void)
{
	struct thread *t = current;

	mm_serve_requests(t->process->mm);
	mutex_lock(&t->process->sighand->lock);
	signal_recalc(t);
	mutex_unlock(&t->process->sighand->lock);
	return signal_is_pending();
}

void signal_set_blocked(sigset_kernel set)
{
	struct thread *t = current;
	struct process *p = t->process;
	sigset_kernel newly = set & ~t->blocked;
	struct thread *other;

	set &= ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP));
	mutex_lock(&p->sighand->lock);
	WRITE_ONCE(t->blocked, set); /* senders read it without this lock, before they kick; behind it who blocks looks again */
	signal_recalc(t);
	newly &= p->shared_pending.set;
	mutex_unlock(&p->sighand->lock);
	if (!newly)
		return;
	/* A process's signal that was meant for us is for another thread now (Linux's retarget_shared_pending). */
	mutex_lock(&p->lock);
	list_for_each(other, &p->threads, node)
		if (other != t && (newly & ~READ_ONCE(other->blocked)))
			signal_kick(other);
	mutex_unlock(&p->lock);
}

int signal_temp_mask(const void *uset, size_t size)
{
	struct thread *t = current;
	sigset_kernel set;

	if (!uset)
		return 0;
	if (size != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, uset, sizeof(set)))
		return -EFAULT;
	t->saved_mask = t->blocked;
	t->restore_mask = true;
	signal_set_blocked(set);
	return 0;
}

void signal_temp_mask_done(bool keep_for_handler)
{
	struct thread *t = current;

	if (!t->restore_mask || keep_for_handler)
		return;
	t->restore_mask = false;
	signal_set_blocked(t->saved_mask);
}

struct sighand *sighand_create(void)
{
	struct sighand *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	mutex_init(&s->lock, RANK_SIGHAND);
	return s;
}

struct sighand *sighand_copy(struct sighand *old)
{
	struct sighand *s = sighand_create();

	if (!s)
		return NULL;
	mutex_lock(&old->lock);
	memcpy(s->action, old->action, sizeof(s->action));
	mutex_unlock(&old->lock);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (!s || !ref_put(&s->refs))
		return;
	kfree(s);
}

int sighand_unshare(struct process *p)
{
	struct sighand *old = p->sighand, *s;

	if (READ_ONCE(old->refs) == 1)
		return 0;
	s = sighand_copy(old);
	if (!s)
		return -ENOMEM;
	mutex_lock(&tasklist_lock);
	mutex_lock(&p->lock);
	p->sighand = s;
	mutex_unlock(&p->lock);
	mutex_unlock(&tasklist_lock);
	sighand_put(old);
	return 0;
}

void sighand_exec(struct process *p)
{
	struct sighand *s = p->sighand;

	mutex_lock(&s->lock);
	for (int i = 0; i < NSIG_MAX; i++) {
		if (s->action[i].handler != (u64)SIG_IGN)
			s->action[i].handler = (u64)SIG_DFL;
		s->action[i].flags = s->action[i].restorer = 0;
		s->action[i].mask = 0;
	}
	mutex_unlock(&s->lock);
}
