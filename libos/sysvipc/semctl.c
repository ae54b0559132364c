/* Semaphore sets and their values: semget(2), semctl(2), /proc/sysvipc/sem.  A set's lock protects its values. */
#include "libos/sysvipc/sem.h"
#include "libos/proc/proc.h"

static u32 total;		/* semaphores of all sets; atomic */

static struct ipc_object *make(const struct ipc_params *p)
{
	struct sem_set *s;

	if (!p->size)
		return ERR_PTR(-EINVAL);
	if (READ_ONCE(total) + p->size > SEMMNS)
		return ERR_PTR(-ENOSPC);
	s = kzalloc(sizeof(*s) + p->size * sizeof(s->sems[0]));
	if (!s)
		return ERR_PTR(-ENOMEM);
	s->count = p->size;
	s->ctime = ipc_seconds();
	list_init(&s->waiting);
	list_init(&s->undos);
	__atomic_fetch_add(&total, s->count, __ATOMIC_RELAXED);
	return &s->ipc;
}

static int check(const struct ipc_object *o, const struct ipc_params *p)
{
	return p->size > container_of(o, struct sem_set, ipc)->count ? -EINVAL : 0;
}

static void release(struct ipc_object *o)
{
	__atomic_fetch_sub(&total, sem_set(o)->count, __ATOMIC_RELAXED);
	kfree(o);
}

static void show(struct seq *q, const struct ipc_object *o)
{
	const struct sem_set *s = container_of(o, struct sem_set, ipc);

	seq_printf(q, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n", o->key, o->id, o->mode, s->count, o->uid,
		   o->gid, o->cuid, o->cgid, (unsigned long)s->otime, (unsigned long)s->ctime);
}

struct ipc_ids sem_ids = {
	.lock = MUTEX_INIT(RANK_OBJECT), .limit = SEMMNI, .next_id = -1, .make = make, .check = check, .free = release,
	.show = show};

SYSCALL(semget, int key, int count, int flags)
{
	struct ipc_params p = {.key = key, .flags = flags, .size = count};

	return count < 0 || count > SEMMSL ? -EINVAL : ipc_get(&sem_ids, &p);
}

/* --- the set as a whole --- */

static long info(int cmd, struct seminfo *uinfo)
{
	struct seminfo i = {.semmap = SEMMAP, .semmni = SEMMNI, .semmns = SEMMNS, .semmnu = SEMMNU, .semmsl = SEMMSL,
			    .semopm = SEMOPM, .semume = SEMUME, .semusz = SEMUSZ, .semvmx = SEMVMX, .semaem = SEMAEM};
	i32 last = ipc_max_index(&sem_ids);

	if (cmd == SEM_INFO) {
		i.semusz = READ_ONCE(sem_ids.used);
		i.semaem = READ_ONCE(total);
	}
	return copy_to_user(uinfo, &i, sizeof(i)) ? -EFAULT : last;
}

static long stat(int id, int cmd, struct semid64_ds *uds)
{
	struct ipc_object *o = cmd == IPC_STAT ? ipc_find(&sem_ids, id) : ipc_find_index(&sem_ids, id);
	struct semid64_ds ds = {0};
	struct sem_set *s;
	long ret;

	if (IS_ERR(o))
		return PTR_ERR(o);
	s = sem_set(o);
	ret = cmd == SEM_STAT_ANY ? 0 : ipc_access(o, 0444);
	if (!ret) {
		mutex_lock(&o->lock);
		ipc_fill_perm(&ds.sem_perm, o);
		ds.sem_otime = s->otime;
		ds.sem_ctime = s->ctime;
		ds.sem_nsems = s->count;
		ret = o->removed ? -EIDRM : cmd == IPC_STAT ? 0 : o->id;
		mutex_unlock(&o->lock);
	}
	ipc_put(&sem_ids, o);
	return ret < 0 ? ret : copy_to_user(uds, &ds, sizeof(ds)) ? -EFAULT : ret;
}

static void remove(struct sem_set *s, struct turn_wakes *wakes)
{
	s->ipc.removed = true;
	while (!list_empty(&s->undos)) {
		struct sem_undo *u = list_first(&s->undos, struct sem_undo, node);

		list_del(&u->node);
		kfree(u);
	}
	while (!list_empty(&s->waiting))
		turn_finish(&list_first(&s->waiting, struct sem_wait, turn.node)->turn, -EIDRM, wakes);
}

static long change(int id, int cmd, const struct semid64_ds *uds)
{
	struct turn_wakes wakes = {0};
	struct semid64_ds ds;
	struct ipc_object *o;
	long ret;

	if (cmd == IPC_SET && copy_from_user(&ds, uds, sizeof(ds)))
		return -EFAULT;
	o = ipc_find_owned(&sem_ids, id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	mutex_lock(&o->lock);
	ret = o->removed ? -EIDRM : 0;
	if (!ret && cmd == IPC_RMID) {
		remove(sem_set(o), &wakes);
	} else if (!ret) {
		ret = ipc_set_perm(o, &ds.sem_perm);
		if (!ret)
			sem_set(o)->ctime = ipc_seconds();
	}
	mutex_unlock(&o->lock);
	turn_wake(&wakes);
	if (!ret && cmd == IPC_RMID)
		ipc_remove(&sem_ids, o);
	ipc_put(&sem_ids, o);
	return ret;
}

/* --- values --- */

/* How many wait for the semaphore to become zero, or larger. */
static long count_waiting(struct sem_set *s, u32 num, bool zero)
{
	struct sem_wait *w;
	long n = 0;

	list_for_each(w, &s->waiting, turn.node)
		n += w->req.blocked->sem_num == num && !w->req.blocked->sem_op == zero;
	return n;
}

static long look(struct sem_set *s, int num, int cmd)
{
	if (num < 0 || (u32)num >= s->count)
		return -EINVAL;
	switch (cmd) {
	case GETVAL:
		return s->sems[num].value;
	case GETPID:
		return s->sems[num].pid;
	default:
		return count_waiting(s, num, cmd == GETZCNT);
	}
}

static void set(struct sem_set *s, u32 num, u16 value)
{
	struct sem_undo *u;

	s->sems[num].value = value;
	s->sems[num].pid = current->process->pid;
	list_for_each(u, &s->undos, node)
		u->adjust[num] = 0;
}

/* GETALL and SETALL; values has room for all. */
static long all_values(struct sem_set *s, int cmd, u16 *values, u16 *uvalues, struct turn_wakes *wakes)
{
	size_t size = s->count * sizeof(*values);
	u32 i;

	if (cmd == SETALL) {
		if (copy_from_user(values, uvalues, size))
			return -EFAULT;
		for (i = 0; i < s->count; i++)
			if (values[i] > SEMVMX)
				return -ERANGE;
	}
	mutex_lock(&s->ipc.lock);
	if (s->ipc.removed) {
		mutex_unlock(&s->ipc.lock);
		return -EIDRM;
	}
	for (i = 0; i < s->count; i++) {
		if (cmd == SETALL)
			set(s, i, values[i]);
		else
			values[i] = s->sems[i].value;
	}
	if (cmd == SETALL) {
		s->ctime = ipc_seconds();
		sem_update(s, wakes);
	}
	mutex_unlock(&s->ipc.lock);
	return cmd == GETALL ? copy_to_user(uvalues, values, size) : 0;
}

static long one_value(struct sem_set *s, int num, int cmd, int value, struct turn_wakes *wakes)
{
	long ret;

	mutex_lock(&s->ipc.lock);
	if (s->ipc.removed) {
		ret = -EIDRM;
	} else if (cmd != SETVAL) {
		ret = look(s, num, cmd);
	} else {
		set(s, num, value);
		s->ctime = ipc_seconds();
		sem_update(s, wakes);
		ret = 0;
	}
	mutex_unlock(&s->ipc.lock);
	return ret;
}

static long values(int id, int num, int cmd, u64 arg)
{
	struct ipc_object *o = ipc_find(&sem_ids, id);
	struct turn_wakes wakes = {0};
	struct sem_set *s;
	u16 *buf;
	long ret;

	if (IS_ERR(o))
		return PTR_ERR(o);
	s = sem_set(o);
	if (cmd == SETVAL && (num < 0 || (u32)num >= s->count)) {
		ipc_put(&sem_ids, o);
		return -EINVAL;
	}
	ret = ipc_access(o, cmd == SETVAL || cmd == SETALL ? 0222 : 0444);
	if (!ret && (cmd == GETALL || cmd == SETALL)) {
		buf = kmalloc(s->count * sizeof(*buf));
		ret = buf ? all_values(s, cmd, buf, (u16 *)arg, &wakes) : -ENOMEM;
		kfree(buf);
	} else if (!ret) {
		ret = one_value(s, num, cmd, (int)arg, &wakes);
	}
	turn_wake(&wakes);
	ipc_put(&sem_ids, o);
	return ret;
}

SYSCALL(semctl, int id, int num, int cmd, unsigned long arg)
{
	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO:
		return info(cmd, (struct seminfo *)arg);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return stat(id, cmd, (struct semid64_ds *)arg);
	case SETVAL:
		if ((int)arg < 0 || (int)arg > SEMVMX)
			return -ERANGE;
		fallthrough;
	case GETALL:
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETALL:
		return values(id, num, cmd, arg);
	case IPC_SET:
	case IPC_RMID:
		return change(id, cmd, (struct semid64_ds *)arg);
	}
	return -EINVAL;
}
