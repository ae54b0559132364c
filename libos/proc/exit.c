/*
 * The end of threads and processes: exit(2), exit_group(2), zombies, orphans.  Follows the order of Linux's do_exit as
 * far as others can see it: robust futexes, the cleared tid, then the notice to the parent.
 */
#include "libos/coredump/coredump.h"
#include "libos/keys/keys.h"
#include "libos/futex/futex.h"
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/proc/vfork.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/signal.h"
#include "libos/trace/trace.h"
#include "libos/vfs/vfs.h"
#include <linux/ptrace.h>
#include <linux/wait.h>
#include <asm/siginfo.h>

void thread_kick(struct thread *t)
{
	__atomic_store_n(&t->signal_pending, 1, __ATOMIC_SEQ_CST);
	/* In guest code, or on its way there: the host sees to it that no interrupt is lost. */
	if (!thread_wake(t) && READ_ONCE(t->host_tid) > 0 && t != current)
		host->thread_interrupt(t->host_tid, 0);
}

static void kick_others(struct process *p)
{
	struct thread *t;

	list_for_each(t, &p->threads, node)
		if (t != current)
			thread_kick(t);
}

void process_kill_threads(struct process *p, u32 wait_status)
{
	mutex_lock(&p->lock);
	if (!p->group_exit) {
		p->exit_code = wait_status;
		WRITE_ONCE(p->group_exit, 1);
	}
	kick_others(p);
	mutex_unlock(&p->lock);
}

void process_exit_group(u32 wait_status)
{
	process_kill_threads(current->process, wait_status);
	thread_exit(wait_status);
}

void thread_check_exit(void)
{
	struct thread *t = current;

	if (t->process->mm)
		mm_serve_requests(t->process->mm);
	if (thread_must_exit(t))
		thread_exit(t->process->group_exit ? t->process->exit_code : 0);
}

int process_single_thread(void)
{
	struct thread *t = current;
	struct process *p = t->process;

	mutex_lock(&p->lock);
	if (p->group_exit || p->exec_thread) {
		mutex_unlock(&p->lock);
		return -EINTR;
	}
	p->exec_thread = t;
	kick_others(p);
	mutex_unlock(&p->lock);
	/* The others end soon: signals, but for the end of the process, wait until the new program runs. */
	for (;;) {
		u32 n = __atomic_load_n(&p->thread_count, __ATOMIC_SEQ_CST);

		if (p->group_exit)
			return -EINTR;
		if (n == 1)
			return 0;
		host->wait(&p->thread_count, n, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   now_mono() + NSEC_PER_SEC / 10);
	}
}

void vfork_release(struct process *p)
{
	__atomic_store_n(&p->vfork_done, 1, __ATOMIC_SEQ_CST);
	if (p->vfork_waits)
		host->wake(&p->vfork_done, 1, ~0u, BZ_WAIT_SHARED);
}

/* --- what the guest left with the kernel for this moment --- */

static void release_user_state(struct thread *t, bool others)
{
	if (t->robust_list)
		futex_exit_robust(t);
	if (t->clear_child_tid && others) {
		u32 *word = t->clear_child_tid;

		t->clear_child_tid = NULL;
		if (!put_user(0u, word))
			futex_wake_word(word, 1);
	}
}

static void collect_times(struct thread *t)
{
	struct process *p = t->process;
	i64 before = t->vfork ? t->vfork->cpu : 0;

	__atomic_fetch_add(&p->utime_dead, host->clock_read(BZ_CLOCK_THREAD_CPU) - before, __ATOMIC_RELAXED);
}

/* --- the end of a process --- */

static struct process *find_reaper(struct process *p)
{
	struct process *r;

	for (r = p->parent; r && r != init_process; r = r->parent)
		if (r->child_subreaper && !r->group_exit)
			return r;
	return init_process;
}

void process_end_info(struct siginfo_kernel *info, const struct process *p)
{
	u32 code = p->exit_code;

	memset(info, 0, sizeof(*info));
	info->si_signo = p->exit_signal;
	info->si_code = !(code & 0x7f) ? CLD_EXITED : code & 0x80 ? CLD_DUMPED : CLD_KILLED;
	info->chld.pid = p->pid;
	info->chld.uid = p->cred.uid;
	info->chld.status = code & 0x7f ? (i32)(code & 0x7f) : (i32)(code >> 8 & 0xff);
	info->chld.utime = p->utime_dead / 10000000;
	info->chld.stime = p->stime_dead / 10000000;
}

/* The parent does not want to hear: no zombie remains. */
static bool parent_ignores(struct process *parent, u32 sig)
{
	struct sigaction_kernel *act;
	bool ret;

	if (sig != SIGCHLD || !parent->sighand)
		return false;
	mutex_lock(&parent->sighand->lock);
	act = &parent->sighand->action[SIGCHLD - 1];
	ret = act->handler == 1 || (act->flags & SA_NOCLDWAIT);
	mutex_unlock(&parent->sighand->lock);
	return ret;
}

/* Tell p's parent that p is a zombie.  Returns true if p was reaped at once; then the tree's reference is the caller's, who also
 * wakes the parent's exit_waitq: best behind the lock, which whoever is woken takes first.  Tasklist locked. */
static bool notify_parent(struct process *p)
{
	struct process *parent = p->parent;
	struct siginfo_kernel info;
	bool reap = parent_ignores(parent, p->exit_signal);

	process_end_info(&info, p);
	p->zombie = 1;
	waitq_wake_all(&p->pidfd_waitq, ~0u);
	if (reap)
		process_unhash(p);
	if (p->exit_signal)
		signal_send_process(parent, p->exit_signal, &info);
	return reap;
}

static void orphan_children(struct process *p)
{
	struct process *reaper = find_reaper(p), *c, *tmp;

	list_for_each_safe(c, tmp, &p->children, sibling) {
		list_del(&c->sibling);
		c->parent = reaper;
		list_add_tail(&c->sibling, &reaper->children);
		c->exit_signal = SIGCHLD;
		if (!list_empty(&c->threads) && list_first(&c->threads, struct thread, node)->pdeathsig) {
			struct siginfo_kernel info = {.si_code = SI_USER};

			info.si_signo = list_first(&c->threads, struct thread, node)->pdeathsig;
			signal_send_process(c, info.si_signo, &info);
		}
		if (!c->zombie || ptrace_hides(c, reaper))
			continue;
		if (notify_parent(c))
			process_put(c);
		waitq_wake_all(&reaper->exit_waitq, ~0u);
	}
}

/* Nobody in the sandbox waits for a process that the operator started: who did is told.  Tasklist locked. */
static bool leave_no_parent(struct process *p)
{
	p->zombie = 1;
	waitq_wake_all(&p->pidfd_waitq, ~0u);
	process_unhash(p);
	return true;
}

bool process_tell_end(struct process *p)
{
	struct process *parent = p->parent;
	bool reaped;

	if (!parent)
		return leave_no_parent(p);
	reaped = notify_parent(p);
	waitq_wake_all(&parent->exit_waitq, ~0u);
	return reaped;
}

/* Returns the parent, referenced, to be woken; null: there is none, or it does not see p yet.  Tasklist locked. */
static struct process *tell_end(struct process *p, bool *reaped)
{
	struct process *parent = p->parent;

	if (ptrace_zombie(p))
		return NULL;
	if (!parent) {
		*reaped = leave_no_parent(p);
		return NULL;
	}
	ref_get(&parent->refs);
	*reaped = notify_parent(p);
	return parent;
}

static void process_finish(struct process *p)
{
	struct files *files = p->files;
	struct fs_context *fs = p->fs;
	struct mm *mm = p->mm;
	struct process *parent = NULL;
	bool reaped = false;

	process_exit_timers(p);
	ptrace_tracer_ends(p);
	if (p->exit_undo)
		p->exit_undo(p);
	keys_process_exit(p);
	/* Closing may wait for others (a pipe's reader is woken, a lock is released): before the parent hears of it. */
	p->files = NULL;
	files_put(files);
	p->fs = NULL;
	fs_context_put(fs);
	process_hold_exe(p, NULL);
	vfork_release(p);
	if (p == init_process) {
		/* The sandbox ends with its first process, as a container does; the template ends all others. */
		sandbox_end_here(p->exit_code);
	}
	process_exit_session(p);
	/* Who waits for this process may count on its memory, and on the room of files that it had mapped. */
	if (p != init_process && !current->vfork && !tenants_others(mm))
		mm_give_back(mm);
	mutex_lock(&tasklist_lock);
	p->mm = NULL;
	if (p != init_process) {
		orphan_children(p);
		parent = tell_end(p, &reaped);
	}
	mutex_unlock(&tasklist_lock);
	if (parent) {
		waitq_wake_all(&parent->exit_waitq, ~0u);
		process_put(parent);
	}
	mm_put(mm);
	if (p->launched)
		p->launched->ended(p->launched, p);
	if (reaped)
		process_put(p);
}

/*
 * The picoprocess ends with the last thread, whatever the others do just then: they are to have given back their last lock, the
 * allocator's among them, which would have a dead owner else.  The last one's reference keeps p until then.
 */
void process_wait_leaving(struct process *p)
{
	u32 n;

	while ((n = __atomic_load_n(&p->leaving, __ATOMIC_SEQ_CST)))
		host->wait(&p->leaving, n, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   now_mono() + NSEC_PER_SEC / 10);
}

/* From here on this thread takes no lock.  p may be gone once it is counted: a wake too many then is of no harm. */
static void thread_left(struct process *p)
{
	__atomic_sub_fetch(&p->leaving, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&p->thread_count, __ATOMIC_SEQ_CST) <= 1) /* who waits ends, or executes a program */
		host->wake(&p->leaving, 1, ~0u, BZ_WAIT_SHARED);
}

void thread_exit(u32 code)
{
	struct thread *t = current;
	struct process *p = t->process;
	struct bz_tcb *tcb = current_tcb();
	struct vfork *v = t->vfork;
	struct tenants *tenants;
	bool last;

	if (tracing())
		trace_exit(t, code);
	t->exiting = true;
	if (unlikely(READ_ONCE(p->core)))
		core_park(t);
	release_user_state(t, v || READ_ONCE(p->thread_count) > 1 || tenants_others(p->mm));
	collect_times(t);
	keys_thread_exit(t);
	if (t->waitset >= 0)
		host->stream_close(t->waitset, 0);
	t->waitset = -1;
	mutex_lock(&tasklist_lock);
	mutex_lock(&p->lock);
	list_del(&t->node);
	last = --p->thread_count == 0;
	if (!last)
		__atomic_add_fetch(&p->leaving, 1, __ATOMIC_SEQ_CST);
	if (last || t->tid == p->pid) {
		p->dead_policy = t->sched_policy;
		p->dead_priority = t->sched_priority;
	}
	if (last && !p->group_exit) {
		p->exit_code = code;
		p->group_exit = 1;
	}
	t->state = THREAD_DEAD;
	mutex_unlock(&p->lock);
	tenants = p->mm->tenants; /* of the last one nobody makes them any more */
	ptrace_thread_ends(t, p->group_exit ? p->exit_code : code);
	if (!last)
		thread_unhash(t);
	mutex_unlock(&tasklist_lock);
	if (last) {
		process_finish(p);
		mutex_lock(&tasklist_lock);
		thread_unhash(t);
		mutex_unlock(&tasklist_lock);
	} else {
		if (p->exec_thread)
			host->wake(&p->thread_count, 1, ~0u, BZ_WAIT_SHARED);
	}
	if (last)
		process_wait_leaving(p);
	tcb->resume_flag = 0;
	tcb->libos = NULL;
	alloc_cache_drop(&t->cache);
	if (v)
		tcb->libos = v->thread;
	thread_put(t);
	if (v)
		vfork_end(v);
	if (last)
		tenants_leave(tenants);
	thread_left(p);
	host->thread_exit(NULL);
}

SYSCALL(exit, int code)
{
	if (ptraced(current))
		ptrace_event(PTRACE_EVENT_EXIT, (code & 0xff) << 8);
	thread_exit((code & 0xff) << 8);
}

SYSCALL(exit_group, int code)
{
	if (ptraced(current))
		ptrace_event(PTRACE_EVENT_EXIT, (code & 0xff) << 8);
	process_exit_group((code & 0xff) << 8);
}
