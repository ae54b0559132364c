/*
 * Processes that share memory for good: clone(2) with CLONE_VM, but neither CLONE_THREAD nor a CLONE_VFORK that lets the child have its
 * parent's thread.  Such a child runs on a host thread of its own in its maker's picoprocess.  An exec takes it to another one; a
 * picoprocess ends with the last process in it.
 *
 * struct tenants counts them.  It is made with the first such child, and outlives the memory map: who leaves does so as its very last
 * act, for then the other may end the picoprocess, and with it a thread that still held a lock.
 */
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include <linux/sched.h>

struct tenants {
	u32 count;
};

bool tenants_others(const struct mm *mm)
{
	return mm->tenants && __atomic_load_n(&mm->tenants->count, __ATOMIC_SEQ_CST) > 1;
}

static int tenants_add(struct mm *mm)
{
	int err = 0;

	mutex_lock(&mm->lock);
	if (!mm->tenants) {
		mm->tenants = kmalloc(sizeof(*mm->tenants));
		if (mm->tenants)
			mm->tenants->count = 1;
	}
	if (mm->tenants)
		__atomic_fetch_add(&mm->tenants->count, 1, __ATOMIC_SEQ_CST);
	else
		err = -ENOMEM;
	mutex_unlock(&mm->lock);
	return err;
}

void tenants_leave(struct tenants *all)
{
	if (all && __atomic_sub_fetch(&all->count, 1, __ATOMIC_SEQ_CST))
		host->thread_exit(NULL);
	kfree(all);
	host->process_exit(0);
}

int tenants_begin(struct process *p, struct thread *t, struct process *parent, const struct clone_args *a)
{
	int ret = tenants_add(parent->mm);

	if (ret)
		return ret;
	mm_get(parent->mm);
	p->mm = parent->mm;
	if (!process_attach(p, t, parent, a->flags)) {
		__atomic_fetch_sub(&p->mm->tenants->count, 1, __ATOMIC_SEQ_CST);
		return -ERESTARTNOINTR;
	}
	if (a->flags & CLONE_PARENT_SETTID)
		put_user(t->tid, (i32 *)a->parent_tid);
	if (a->flags & CLONE_CHILD_SETTID)
		put_user(t->tid, (i32 *)a->child_tid);
	ret = host->thread_create(t);
	if (ret < 0) {
		process_unattach(p, t);
		__atomic_fetch_sub(&p->mm->tenants->count, 1, __ATOMIC_SEQ_CST);
		return -EAGAIN;
	}
	/* It sets its host_tid itself: by now it may have another, of the picoprocess that it executes a program in. */
	return 0;
}

static void set_memory(struct process *p, struct mm *mm)
{
	mutex_lock(&tasklist_lock);
	p->mm = mm;
	mutex_unlock(&tasklist_lock);
}

int tenants_exec(struct exec_image *img)
{
	struct thread *t = current;
	struct process *p = t->process;
	struct mm *old = p->mm, *mm;
	struct tenants *all = old->tenants;
	struct bz_tcb *tcb = current_tcb();
	int err = process_single_thread();

	if (err)
		return -ERESTARTNOINTR;
	process_wait_leaving(p); /* they end with this picoprocess */
	mm = mm_create();
	if (!mm)
		goto fail;
	p->image = img;
	set_memory(p, mm);
	p->exec_thread = NULL;
	WRITE_ONCE(t->begun, 0);
	WRITE_ONCE(t->host_tid, 0);
	tcb->libos = NULL; /* from here on it is the other picoprocess's */
	tcb->resume_flag = 0;
	err = template_begin(t, true);
	if (!err) {
		mm_put(old);
		tenants_leave(all);
	}
	tcb->libos = t;
	tcb->resume_flag = (u64)&t->in_guest;
	WRITE_ONCE(t->host_tid, tcb->tid);
	WRITE_ONCE(t->begun, 1);
	p->image = NULL;
	set_memory(p, old);
	mm_put(mm);
	return err;
fail:
	p->exec_thread = NULL;
	return -ENOMEM;
}
