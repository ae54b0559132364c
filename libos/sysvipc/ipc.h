/*
 * What System V shared memory, semaphores and message queues have in common (sysvipc(7)): identifiers, keys, owners and
 * permissions.  Each kind has one table for the sandbox.  An object lives while the table or a call refers to it.
 */
#ifndef LIBOS_SYSVIPC_H
#define LIBOS_SYSVIPC_H

#include "libos/kernel/syscall.h"
#include "libos/kernel/turn.h"
#include "libos/procfs/pseudo.h"
#include <asm/ipcbuf.h>
#include <linux/capability.h>
#include <linux/ipc.h>

struct ipc_object {
	ref_t refs;
	struct mutex lock;	/* RANK_OBJECT: owner, mode, removed, and what the kind adds */
	bool removed;		/* no longer in the table: EIDRM for those who found it there */
	i32 id;
	i32 key;		/* ids->lock */
	u32 seq;
	u32 uid, gid, cuid, cgid, mode;
};

struct ipc_params {		/* of a get call */
	i32 key;
	u32 flags;
	u64 size;
};

struct ipc_ids {
	struct mutex lock;	/* RANK_OBJECT; no object's lock is taken under it */
	i64 limit, next_id;	/* /proc/sys/kernel: msgmni, msg_next_id and their sisters; next_id: -1, or the one to give next */
	struct ipc_object **table;
	u32 size, used;		/* of the table; objects in it */
	u32 next, seq;		/* behind the place that was taken last; of the next identifier */
	/* A new object, or ERR_PTR; ids->lock held. */
	struct ipc_object *(*make)(const struct ipc_params *p);
	int (*check)(const struct ipc_object *o, const struct ipc_params *p); /* may a get call have this one? */
	void (*free)(struct ipc_object *o);
	void (*show)(struct seq *s, const struct ipc_object *o); /* its line of /proc/sysvipc; locked */
};

#define IPC_INDEX_BITS 15
#define IPC_LIMIT (1 << IPC_INDEX_BITS)
#define IPC_MODE_BITS 0777

/* shmget(2) and its sisters: an identifier or -errno. */
long ipc_get(struct ipc_ids *ids, const struct ipc_params *p);
/* By identifier: referenced, or -EINVAL. */
struct ipc_object *ipc_find(struct ipc_ids *ids, i32 id);
/* By place in the table, as SHM_STAT and its sisters have it. */
struct ipc_object *ipc_find_index(struct ipc_ids *ids, i32 index);
/* For IPC_SET and IPC_RMID: -EPERM unless it is the caller's. */
struct ipc_object *ipc_find_owned(struct ipc_ids *ids, i32 id);
/* The next at or behind *index, referenced, or null; *index goes on behind it. */
struct ipc_object *ipc_next(struct ipc_ids *ids, u32 *index);
void ipc_put(struct ipc_ids *ids, struct ipc_object *o);
/* 0 or -EACCES; want: the permission bits, for any of owner, group and others. */
int ipc_access(const struct ipc_object *o, u32 want);
/* Take it out of the table, whose reference is dropped; its `removed` is set. */
void ipc_remove(struct ipc_ids *ids, struct ipc_object *o);
void ipc_forget_key(struct ipc_ids *ids, struct ipc_object *o);
i32 ipc_max_index(struct ipc_ids *ids);	/* in use; 0 when none is */
void ipc_fill_perm(struct ipc64_perm *perm, const struct ipc_object *o);
int ipc_set_perm(struct ipc_object *o, const struct ipc64_perm *perm); /* object locked; -EINVAL */

static inline u64 ipc_seconds(void)
{
	return now_real() / NSEC_PER_SEC;
}

extern struct ipc_ids shm_ids, sem_ids, msg_ids;

#endif
