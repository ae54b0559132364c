/*
 * Identifiers, keys and permissions of System V objects: see ipc.h.  An identifier is a place in the table and, above it, a
 * number that changes when places are used again, so that an old identifier is not another object's; as Linux counts them.
 */
#include "libos/sysvipc/ipc.h"
#include "libos/kernel/sysctl.h"
#include "libos/proc/proc.h"

#define FIRST_SIZE 16u
#define INDEX_MASK ((1u << IPC_INDEX_BITS) - 1)
#define SEQ_MAX (0x7fffffffu >> IPC_INDEX_BITS)
#define MIN_CYCLE 64u

void ipc_put(struct ipc_ids *ids, struct ipc_object *o)
{
	if (ref_put(&o->refs))
		ids->free(o);
}

/* --- permissions --- */

int ipc_access(const struct ipc_object *o, u32 want)
{
	const struct cred *c = &current->process->cred;
	u32 granted = o->mode;

	want = (want >> 6 | want >> 3 | want) & 7;
	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(c, c->egid, o->cgid) || cred_in_group(c, c->egid, o->gid))
		granted >>= 3;
	return want & ~granted && !capable(CAP_IPC_OWNER) ? -EACCES : 0;
}

static bool owned(const struct ipc_object *o)
{
	u32 euid = current->process->cred.euid;

	return euid == o->cuid || euid == o->uid || capable(CAP_SYS_ADMIN);
}

void ipc_fill_perm(struct ipc64_perm *perm, const struct ipc_object *o)
{
	*perm = (struct ipc64_perm){.key = o->key, .uid = o->uid, .gid = o->gid, .cuid = o->cuid, .cgid = o->cgid,
				    .mode = o->mode, .seq = o->seq};
}

int ipc_set_perm(struct ipc_object *o, const struct ipc64_perm *perm)
{
	if (perm->uid == ~0u || perm->gid == ~0u)
		return -EINVAL;
	o->uid = perm->uid;
	o->gid = perm->gid;
	o->mode = (o->mode & ~(u32)IPC_MODE_BITS) | (perm->mode & IPC_MODE_BITS);
	return 0;
}

/* --- the table --- */

static struct ipc_object *ref(struct ipc_object *o)
{
	ref_get(&o->refs);
	return o;
}

struct ipc_object *ipc_find(struct ipc_ids *ids, i32 id)
{
	u32 index = (u32)id & INDEX_MASK;
	struct ipc_object *o = NULL;

	if (id < 0)
		return ERR_PTR(-EINVAL);
	mutex_lock(&ids->lock);
	if (index < ids->size && ids->table[index] && ids->table[index]->id == id)
		o = ref(ids->table[index]);
	mutex_unlock(&ids->lock);
	return o ? o : ERR_PTR(-EINVAL);
}

struct ipc_object *ipc_next(struct ipc_ids *ids, u32 *index)
{
	struct ipc_object *o = NULL;

	mutex_lock(&ids->lock);
	while (!o && *index < ids->size)
		o = ids->table[(*index)++];
	if (o)
		ref(o);
	mutex_unlock(&ids->lock);
	return o;
}

struct ipc_object *ipc_find_index(struct ipc_ids *ids, i32 index)
{
	struct ipc_object *o = NULL;

	if (index < 0)
		return ERR_PTR(-EINVAL);
	mutex_lock(&ids->lock);
	if (((u32)index & INDEX_MASK) < ids->size)
		o = ids->table[(u32)index & INDEX_MASK];
	if (o)
		ref(o);
	mutex_unlock(&ids->lock);
	return o ? o : ERR_PTR(-EINVAL);
}

struct ipc_object *ipc_find_owned(struct ipc_ids *ids, i32 id)
{
	struct ipc_object *o = ipc_find(ids, id);

	if (IS_ERR(o) || owned(o))
		return o;
	ipc_put(ids, o);
	return ERR_PTR(-EPERM);
}

i32 ipc_max_index(struct ipc_ids *ids)
{
	i32 i;

	mutex_lock(&ids->lock);
	for (i = (i32)ids->size - 1; i > 0 && !ids->table[i]; i--)
		;
	mutex_unlock(&ids->lock);
	return max(i, 0);
}

void ipc_forget_key(struct ipc_ids *ids, struct ipc_object *o)
{
	mutex_lock(&ids->lock);
	o->key = IPC_PRIVATE;
	mutex_unlock(&ids->lock);
}

void ipc_remove(struct ipc_ids *ids, struct ipc_object *o)
{
	mutex_lock(&ids->lock);
	ids->table[o->id & INDEX_MASK] = NULL;
	ids->used--;
	mutex_unlock(&ids->lock);
	ipc_put(ids, o);
}

static int grow(struct ipc_ids *ids)
{
	u32 size = ids->size ? ids->size * 2 : FIRST_SIZE;
	struct ipc_object **t = kzalloc(size * sizeof(*t));

	if (!t)
		return -ENOMEM;
	memcpy(t, ids->table, ids->size * sizeof(*t));
	kfree(ids->table);
	ids->table = t;
	ids->size = size;
	return 0;
}

static bool is_free(const struct ipc_ids *ids, u32 index)
{
	return index >= ids->size || !ids->table[index];
}

/* Places are taken in a circle, so that an identifier that went is not soon another's.  There is one: used < limit. */
static u32 free_index(const struct ipc_ids *ids)
{
	u32 end = max(ids->used * 3 / 2, MIN_CYCLE), i = ids->next;

	end = min((i64)end, ids->limit);
	while (i < end && !is_free(ids, i))
		i++;
	if (i < end)
		return i;
	for (i = 0; !is_free(ids, i);)
		i++;
	return i;
}

static int insert(struct ipc_ids *ids, struct ipc_object *o)
{
	i64 asked = READ_ONCE(ids->next_id);
	u32 index, seq = 0;

	if (ids->used >= READ_ONCE(ids->limit))
		return -ENOSPC;
	if (asked >= 0) {
		/* /proc/sys/kernel/msg_next_id: this place, or the next that is free. */
		for (index = asked & INDEX_MASK; index < IPC_LIMIT && !is_free(ids, index);)
			index++;
		if (index == IPC_LIMIT)
			return -ENOSPC;
		seq = (u32)asked >> IPC_INDEX_BITS;
		WRITE_ONCE(ids->next_id, -1);
	} else {
		index = free_index(ids);
	}
	while (index >= ids->size)
		if (grow(ids))
			return -ENOMEM;
	if (asked < 0) {
		if (index < ids->next)
			ids->seq = ids->seq >= SEQ_MAX ? 0 : ids->seq + 1;
		ids->next = index + 1;
		seq = ids->seq;
	}
	o->seq = seq;
	o->id = (i32)(seq << IPC_INDEX_BITS | index);
	ids->table[index] = o;
	ids->used++;
	return 0;
}

static long create(struct ipc_ids *ids, const struct ipc_params *p)
{
	const struct cred *c = &current->process->cred;
	struct ipc_object *o = ids->make(p);
	int err;

	if (IS_ERR(o))
		return PTR_ERR(o);
	o->refs = 1;
	mutex_init(&o->lock, RANK_OBJECT);
	o->key = p->key;
	o->mode = p->flags & IPC_MODE_BITS;
	o->uid = o->cuid = c->euid;
	o->gid = o->cgid = c->egid;
	err = insert(ids, o);
	if (err) {
		ids->free(o);
		return err;
	}
	return o->id;
}

static struct ipc_object *by_key(const struct ipc_ids *ids, i32 key)
{
	for (u32 i = 0; i < ids->size; i++)
		if (ids->table[i] && ids->table[i]->key == key)
			return ids->table[i];
	return NULL;
}

long ipc_get(struct ipc_ids *ids, const struct ipc_params *p)
{
	struct ipc_object *o;
	long ret;

	mutex_lock(&ids->lock);
	o = p->key == IPC_PRIVATE ? NULL : by_key(ids, p->key);
	if (!o) {
		ret = p->key == IPC_PRIVATE || (p->flags & IPC_CREAT) ? create(ids, p) : -ENOENT;
	} else if ((p->flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)) {
		ret = -EEXIST;
	} else {
		ret = ids->check(o, p);
		if (!ret)
			ret = ipc_access(o, p->flags & IPC_MODE_BITS);
		if (!ret)
			ret = o->id;
	}
	mutex_unlock(&ids->lock);
	return ret;
}

static const struct sysctl settings[] = {
	{"kernel", "msg_next_id", &msg_ids.next_id, -1, INT32_MAX},
	{"kernel", "msgmni", &msg_ids.limit, 0, IPC_LIMIT},
	{"kernel", "sem_next_id", &sem_ids.next_id, -1, INT32_MAX},
	{"kernel", "shm_next_id", &shm_ids.next_id, -1, INT32_MAX},
	{"kernel", "shmmni", &shm_ids.limit, 0, IPC_LIMIT},
};

static void ipc_init(void)
{
	sysctl_register(settings, ARRAY_SIZE(settings));
}
INITCALL(INIT_CORE, ipc_init);
