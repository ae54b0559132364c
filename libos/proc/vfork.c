/*
 * vfork(2), and the clone(2) of posix_spawn: the child runs on its parent's host thread, in its parent's memory, under an identity
 * of its own, until it ends or executes a program.  That runs in another picoprocess, and the host thread becomes the parent's
 * again.  Meanwhile the parent looks as if it slept; it does not even die of SIGKILL before the child lets go (on Linux it would).
 *
 * Owns struct vfork, which hangs on the child's thread.  Frames of the parent on the library OS's stack are gone by the time that it
 * goes on: it does so in the frame of an upcall of the child's, from which it returns to guest code by its own context.
 */
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/proc/vfork.h"
#include "libos/signal/signal.h"

struct vfork *vfork_new(void)
{
	struct vfork *v = kzalloc(sizeof(*v));

	if (!v)
		return NULL;
	v->extended = extended_state_alloc();
	if (v->extended)
		return v;
	kfree(v);
	return NULL;
}

void vfork_free(struct vfork *v)
{
	extended_state_free(v->extended);
	kfree(v);
}

static void become(struct thread *t)
{
	struct bz_tcb *tcb = current_tcb();

	tcb->libos = t;
	tcb->resume_flag = (u64)&t->in_guest;
}

void vfork_begin(struct vfork *v, struct thread *child, long result)
{
	struct thread *me = current;

	v->thread = me;
	v->ctx = *me->ctx;
	v->ctx.rax = result;
	v->ctx.flags |= BZ_CTX_FULL;
	v->fs = read_fs_base();
	v->cpu = host->clock_read(BZ_CLOCK_THREAD_CPU);
	extended_state_save(v->extended);
	child->vfork = v;
	child->ctx = me->ctx;
	child->begun = 1;
	WRITE_ONCE(child->host_tid, me->host_tid);
	child->ctx->flags |= BZ_CTX_FULL;
	__atomic_store_n(&me->sleep_kind, SLEEP_FUTEX, __ATOMIC_SEQ_CST);
	become(child);
}

void vfork_end(struct vfork *v)
{
	struct thread *parent = v->thread;
	struct jump jump = v->jump;

	become(parent);
	__atomic_store_n(&parent->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
	write_fs_base(v->fs);
	extended_state_restore(v->extended);
	*parent->ctx = v->ctx;
	parent->orig_rax = ~0ull;
	vfork_free(v);
	jump_back(&jump);
}

/* All processes see either the one or the other memory. */
static void set_memory(struct process *p, struct mm *mm)
{
	mutex_lock(&tasklist_lock);
	p->mm = mm;
	mutex_unlock(&tasklist_lock);
}

int vfork_exec(struct exec_image *img)
{
	struct thread *t = current;
	struct process *p = t->process;
	struct vfork *v = t->vfork;
	struct mm *old = p->mm, *mm = mm_create();
	int err;

	if (!mm)
		return -ENOMEM;
	p->image = img;
	set_memory(p, mm);
	t->vfork = NULL;
	WRITE_ONCE(t->begun, 0);
	WRITE_ONCE(t->host_tid, 0);
	become(v->thread); /* from here on it is the other picoprocess's */
	err = template_begin(t, true);
	if (!err) {
		mm_put(old);
		vfork_end(v);
	}
	become(t);
	WRITE_ONCE(t->host_tid, v->thread->host_tid);
	WRITE_ONCE(t->begun, 1);
	t->vfork = v;
	p->image = NULL;
	set_memory(p, old);
	mm_put(mm);
	return err;
}
