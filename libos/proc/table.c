/*
 * The tables of threads and processes: numbers, lookup, structures and their lifetime.  tasklist_lock protects the
 * tables and the tree.  A process is referenced by the tree until it is reaped and by each of its threads; a thread
 * by itself until it ends.
 */
#include "libos/coredump/coredump.h"
#include "libos/keys/keys.h"
#include "libos/landlock/landlock.h"
#include "libos/kernel/sysctl.h"
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/ptrace/ptrace.h"
#include "libos/seccomp/seccomp.h"
#include "libos/signal/signal.h"
#include "libos/vfs/vfs.h"
#include <linux/sched.h>

#define HASH_SIZE 256
#define PID_MAX 4194304

struct mutex tasklist_lock = MUTEX_INIT(RANK_TASKLIST);
struct process *init_process;
struct list all_processes = LIST_INIT(all_processes);
static struct list thread_hash[HASH_SIZE], process_hash[HASH_SIZE];
i64 proc_last_pid;	/* the guest's root may set it */
static i32 given_pid;
static bool pid_wrapped;
static u32 thread_total;

static struct list *bucket(struct list *hash, i32 number)
{
	return list_of_table(&hash[(u32)number % HASH_SIZE]);
}

static struct thread *thread_lookup(i32 tid)
{
	struct thread *t;

	list_for_each(t, bucket(thread_hash, tid), hash)
		if (t->tid == tid)
			return t;
	return NULL;
}

struct process *process_lookup(i32 pid)
{
	struct process *p;

	list_for_each(p, bucket(process_hash, pid), pid_hash)
		if (p->pid == pid)
			return p;
	return NULL;
}

/* A number is taken as long as it names a thread, a process (zombies too), a group or a session. */
static bool pid_taken(i32 pid)
{
	struct process *p;

	if (thread_lookup(pid) || process_lookup(pid))
		return true;
	if (!pid_wrapped)
		return false;
	list_for_each(p, &all_processes, hash)
		if (p->pgrp == pid || p->session == pid)
			return true;
	return false;
}

static i32 pid_next(void)
{
	i32 pid = READ_ONCE(proc_last_pid);

	if (pid != given_pid)
		pid_wrapped = true;
	for (i32 tries = 0; tries < PID_MAX; tries++) {
		if (++pid >= PID_MAX) {
			pid = 300;
			pid_wrapped = true;
		}
		if (!pid_taken(pid)) {
			given_pid = pid;
			WRITE_ONCE(proc_last_pid, pid);
			return pid;
		}
	}
	return -EAGAIN;
}

struct thread *thread_find(i32 tid)
{
	struct thread *t;

	mutex_lock(&tasklist_lock);
	t = thread_lookup(tid);
	if (t)
		ref_get(&t->refs);
	mutex_unlock(&tasklist_lock);
	return t;
}

struct process *process_find(i32 pid)
{
	struct process *p;

	mutex_lock(&tasklist_lock);
	p = process_lookup(pid);
	if (p)
		ref_get(&p->refs);
	mutex_unlock(&tasklist_lock);
	return p;
}

void thread_put(struct thread *t)
{
	if (!ref_put(&t->refs))
		return;
	sigpending_flush(&t->pending);
	seccomp_forget(t);
	landlock_forget(t);
	process_put(t->process);
	kfree(t);
}

void process_hold_exe(struct process *p, struct inode *inode)
{
	struct inode *old = p->exe_inode;

	if (inode) {
		inode_get(inode);
		__atomic_fetch_add(&inode->deny_write, 1, __ATOMIC_SEQ_CST);
	}
	p->exe_inode = inode;
	if (old) {
		__atomic_fetch_sub(&old->deny_write, 1, __ATOMIC_SEQ_CST);
		inode_put(old);
	}
}

void process_put(struct process *p)
{
	if (!ref_put(&p->refs))
		return;
	sigpending_flush(&p->shared_pending);
	if (p->sighand)
		sighand_put(p->sighand);
	process_hold_exe(p, NULL);
	core_forget(p);
	if (p->exe)
		dentry_put(p->exe);
	kfree(p->cmdline);
	kfree(p->environ);
	kfree(p->exe_path);
	kfree(p);
}

bool threads_full(void)
{
	return boot->threads_max && READ_ONCE(thread_total) >= boot->threads_max;
}

struct thread *thread_create_struct(struct process *p)
{
	struct thread *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->refs = 1;
	t->process = p;
	list_init(&t->node);
	list_init(&t->hash);
	list_init(&t->waiter.node);
	t->waitset = -1;
	t->orig_rax = ~0ull;
	t->altstack_flags = 2; /* SS_DISABLE */
	t->timer_slack = t->timer_slack_default = 50000;
	t->start_time = now_mono();
	sigpending_init(&t->pending);
	mutex_lock(&tasklist_lock);
	t->tid = threads_full() ? -EAGAIN : pid_next();
	if (t->tid > 0) {
		list_add(&t->hash, bucket(thread_hash, t->tid));
		thread_total++;
	}
	mutex_unlock(&tasklist_lock);
	if (t->tid < 0) {
		kfree(t);
		return NULL;
	}
	ref_get(&p->refs);
	return t;
}

/* Its number is free again; the structure may live on for those who hold it. */
void thread_unhash(struct thread *t)
{
	if (!list_empty(&t->hash)) {
		list_del(&t->hash);
		thread_total--;
	}
}

void thread_become_leader(struct thread *t)
{
	mutex_lock(&tasklist_lock);
	if (t->tid != t->process->pid) {
		list_del(&t->hash);
		t->tid = t->process->pid;
		list_add(&t->hash, bucket(thread_hash, t->tid));
	}
	ptrace_leader_gone(t);
	mutex_unlock(&tasklist_lock);
}

struct process *process_create_struct(struct process *parent)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	mutex_init(&p->lock, RANK_PROCESS);
	list_init(&p->hash);
	list_init(&p->pid_hash);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->tracees);
	list_init(&p->threads);
	list_init(&p->timers);
	waitq_init(&p->exit_waitq);
	waitq_init(&p->pidfd_waitq);
	sigpending_init(&p->shared_pending);
	p->start_time = now_mono();
	p->dumpable = 1;
	p->core_filter = CORE_FILTER_DEFAULT;
	p->exit_signal = SIGCHLD;
	if (parent) {
		mutex_lock(&parent->lock);
		p->cred = parent->cred;
		memcpy(p->rlimit, parent->rlimit, sizeof(p->rlimit));
		p->dumpable = parent->dumpable;
		p->membarrier_registered = parent->membarrier_registered;
		p->thp_disable = parent->thp_disable;
		p->core_filter = parent->core_filter;
		p->oom_score_adj = parent->oom_score_adj;
		mutex_unlock(&parent->lock);
	}
	return p;
}

/*
 * Let the world see p, whose first thread is t: its number is the thread's.  False if a signal came for `maker`: one for
 * its whole group or session has to find the child too, or be handled before there is one (Linux's copy_process).
 */
bool process_publish(struct process *p, struct thread *t, struct process *parent, const struct thread *maker)
{
	mutex_lock(&tasklist_lock);
	if (maker && READ_ONCE(maker->signal_pending)) {
		mutex_unlock(&tasklist_lock);
		return false;
	}
	p->pid = t->tid;
	p->parent = parent;
	if (parent) {
		p->pgrp = parent->pgrp;
		p->session = parent->session;
		list_add_tail(&p->sibling, &parent->children);
	} else {
		p->pgrp = p->session = p->pid;
	}
	list_add_tail(&p->hash, &all_processes);
	list_add(&p->pid_hash, bucket(process_hash, p->pid));
	list_add_tail(&t->node, &p->threads);
	p->thread_count = 1;
	mutex_unlock(&tasklist_lock);
	return true;
}

/* p is in no table and no tree any more; the tree's reference goes to the caller.  Tasklist locked. */
void process_unhash(struct process *p)
{
	ptrace_reaped(p);
	list_del(&p->hash);
	list_del(&p->pid_hash);
	list_del(&p->sibling);
}

u64 rlimit_soft(unsigned int resource)
{
	return READ_ONCE(current->process->rlimit[resource].soft);
}
