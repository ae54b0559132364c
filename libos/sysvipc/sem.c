/*
 * Semaphore operations: semop(2), semtimedop(2), and what a process's end undoes.  A request is made as a whole or waits;
 * who changes a value makes the requests of those who wait, in the order of their arrival, and wakes them.
 */
#include "libos/sysvipc/sem.h"
#include "libos/proc/proc.h"
#include "libos/time/time.h"

#define FAST_OPS 8

/* --- making a request --- */

static int step(struct sem_set *s, struct sem_request *r, const struct sembuf *op)
{
	struct sem *sem = &s->sems[op->sem_num];
	i32 value = sem->value + op->sem_op;

	if ((!op->sem_op && value) || value < 0)
		return op->sem_flg & IPC_NOWAIT ? -EAGAIN : TURN_WAITING;
	if (value > SEMVMX)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		i32 adjust = r->undo->adjust[op->sem_num] - op->sem_op;

		if (adjust < -SEMAEM - 1 || adjust > SEMAEM)
			return -ERANGE;
		r->undo->adjust[op->sem_num] = adjust;
	}
	sem->value = value;
	return 0;
}

/* 0, -errno, or TURN_WAITING; nothing has changed but with 0. */
static int perform(struct sem_set *s, struct sem_request *r)
{
	const struct sembuf *op = r->ops, *end = r->ops + r->count;
	int ret = 0;

	while (op < end && !(ret = step(s, r, op)))
		op++;
	if (!ret) {
		while (op-- > r->ops)
			s->sems[op->sem_num].pid = r->pid;
		return 0;
	}
	r->blocked = op;
	while (op-- > r->ops) {
		s->sems[op->sem_num].value -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			r->undo->adjust[op->sem_num] += op->sem_op;
	}
	return ret;
}

void sem_update(struct sem_set *s, struct turn_wakes *wakes)
{
	struct sem_wait *w, *tmp;
	bool changed;

	do {
		changed = false;
		list_for_each_safe(w, tmp, &s->waiting, turn.node) {
			int ret = perform(s, &w->req);

			if (ret == TURN_WAITING)
				continue;
			changed = !ret && w->req.alters;
			s->otime = ret ? s->otime : ipc_seconds();
			turn_finish(&w->turn, ret, wakes);
			if (changed)
				break;
		}
	} while (changed);
}

/* --- undoing --- */

static struct sem_undo *find_undo(struct sem_set *s)
{
	struct process *p = current->process;
	struct sem_undo *u;

	list_for_each(u, &s->undos, node)
		if (u->process == p)
			return u;
	u = kzalloc(sizeof(*u) + s->count * sizeof(u->adjust[0]));
	if (!u)
		return NULL;
	u->process = p;
	list_add(&u->node, &s->undos);
	return u;
}

static void undo_in_set(struct sem_set *s, struct process *p, struct turn_wakes *wakes)
{
	struct sem_undo *u, *tmp;

	list_for_each_safe(u, tmp, &s->undos, node) {
		if (u->process != p)
			continue;
		for (u32 i = 0; i < s->count; i++) {
			i32 value = max(s->sems[i].value + u->adjust[i], 0);

			if (!u->adjust[i])
				continue;
			s->sems[i].value = min(value, SEMVMX);
			s->sems[i].pid = p->pid;
		}
		s->otime = ipc_seconds();
		list_del(&u->node);
		kfree(u);
		sem_update(s, wakes);
	}
}

/* p ends: its threads make no requests any more. */
static void undo_all(struct process *p)
{
	struct turn_wakes wakes = {0};
	struct ipc_object *o;
	u32 index = 0;

	while ((o = ipc_next(&sem_ids, &index))) {
		mutex_lock(&o->lock);
		if (!o->removed)
			undo_in_set(sem_set(o), p, &wakes);
		mutex_unlock(&o->lock);
		turn_wake(&wakes);
		ipc_put(&sem_ids, o);
	}
}

/* --- semop --- */

static int prepare(struct sem_set *s, struct sem_request *r)
{
	u32 last = 0;

	for (u32 i = 0; i < r->count; i++) {
		last = max(last, (u32)r->ops[i].sem_num);
		r->alters |= r->ops[i].sem_op != 0;
	}
	if (last >= s->count)
		return -EFBIG;
	return ipc_access(&s->ipc, r->alters ? 0222 : 0444);
}

static bool wants_undo(const struct sem_request *r)
{
	for (u32 i = 0; i < r->count; i++)
		if (r->ops[i].sem_flg & SEM_UNDO)
			return true;
	return false;
}

/* Set locked.  What waits has its operations on the heap, for those who make them in its place. */
static struct sem_wait *wait_begin(struct sem_set *s, const struct sem_request *r)
{
	struct sem_wait *w = kmalloc(sizeof(*w) + r->count * sizeof(w->ops[0]));

	if (!w)
		return NULL;
	memcpy(w->ops, r->ops, r->count * sizeof(w->ops[0]));
	w->req = *r;
	w->req.ops = w->ops;
	w->req.blocked = w->ops + (r->blocked - r->ops);
	turn_begin(&w->turn, &s->waiting);
	return w;
}

static long operate(struct sem_set *s, struct sem_request *r, i64 deadline)
{
	struct turn_wakes wakes;
	struct sem_wait *w = NULL;
	long ret;

	wakes.count = 0;
	mutex_lock(&s->ipc.lock);
	if (s->ipc.removed) {
		ret = -EIDRM;
	} else if (wants_undo(r) && !(r->undo = find_undo(s))) {
		ret = -ENOMEM;
	} else {
		ret = perform(s, r);
	}
	if (r->undo)
		current->process->exit_undo = undo_all;
	if (!ret) {
		s->otime = ipc_seconds();
		if (r->alters && !list_empty(&s->waiting))
			sem_update(s, &wakes);
	} else if (ret == TURN_WAITING) {
		w = wait_begin(s, r);
		ret = w ? 0 : -ENOMEM;
	}
	mutex_unlock(&s->ipc.lock);
	turn_wake(&wakes);
	if (w) {
		ret = turn_wait(&w->turn, &s->ipc.lock, deadline);
		kfree(w);
	}
	return ret == -ETIMEDOUT ? -EAGAIN : ret;
}

static long semop(int id, const struct sembuf *uops, u64 count, i64 deadline)
{
	struct sem_request r = {.count = count, .pid = current->process->pid};
	struct sembuf fast[FAST_OPS], *ops = fast;
	struct ipc_object *o = NULL;
	long ret;

	if (!count || id < 0)
		return -EINVAL;
	if (count > SEMOPM)
		return -E2BIG;
	if (count > FAST_OPS)
		ops = kmalloc(count * sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	r.ops = ops;
	ret = copy_from_user(ops, uops, count * sizeof(*ops));
	if (!ret) {
		o = ipc_find(&sem_ids, id);
		ret = IS_ERR(o) ? PTR_ERR(o) : prepare(sem_set(o), &r);
	}
	if (!ret)
		ret = operate(sem_set(o), &r, deadline);
	if (o && !IS_ERR(o))
		ipc_put(&sem_ids, o);
	if (ops != fast)
		kfree(ops);
	return ret;
}

SYSCALL(semop, int id, const struct sembuf *ops, size_t count)
{
	return semop(id, ops, count, BZ_NO_DEADLINE);
}

SYSCALL(semtimedop, int id, const struct sembuf *ops, size_t count, const struct __kernel_timespec *utimeout)
{
	i64 timeout;
	int err;

	if (!utimeout)
		return semop(id, ops, count, BZ_NO_DEADLINE);
	err = timespec_load(utimeout, &timeout);
	return err ? err : semop(id, ops, count, deadline_after(timeout));
}
