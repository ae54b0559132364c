/*
 * System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2).  A segment is a file in the arena that has no name; each
 * shmat opens it anew, so that its mappings are told from others.  The segment's lock protects counts and times.
 */
#include "libos/sysvipc/ipc.h"
#include "libos/mm/mm.h"
#include "libos/vfs/vfs.h"
#include <asm/shmbuf.h>

/* linux/shm.h, which includes the C library's headers. */
#define SHMMIN 1ul
#define SHMMNI 4096u
#define SHMMAX (~0ul - (1ul << 24))
#define SHMALL (~0ul - (1ul << 24))
#define SHM_HUGETLB 04000
#define SHM_RDONLY 010000
#define SHM_RND 020000
#define SHM_REMAP 040000
#define SHM_EXEC 0100000
#define SHM_LOCK 11
#define SHM_UNLOCK 12
#define SHM_STAT 13
#define SHM_INFO 14
#define SHM_STAT_ANY 15
#define SHM_DEST 01000		/* in the mode: removed with its last mapping */
#define SHM_LOCKED 02000

struct shm_info {
	int used_ids;
	unsigned long shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

struct shm {
	struct ipc_object ipc;
	struct file *file;	/* the pages */
	u64 size;
	u32 attached;		/* mappings, and calls that are about to make one */
	i32 cpid, lpid;
	u64 atime, dtime, ctime;
	char name[24];		/* as /proc/PID/maps shows it */
};

static u64 total_pages;		/* of all segments; atomic */

static struct shm *shm(struct ipc_object *o)
{
	return container_of(o, struct shm, ipc);
}

static u64 pages_of(const struct shm *s)
{
	return PAGE_ALIGN(s->size) >> PAGE_SHIFT;
}

/* --- segments --- */

static int check_size(const struct ipc_params *p)
{
	struct memory_use use;

	if (p->size < SHMMIN || p->size > SHMMAX)
		return -EINVAL;
	/* No pool of huge pages, as on a machine that reserved none. */
	if (p->flags & SHM_HUGETLB)
		return capable(CAP_IPC_LOCK) ? -ENOMEM : -EPERM;
	memory_use(&use);
	return p->size >> PAGE_SHIFT >= use.total_pages ? -ENOMEM : 0;
}

static struct ipc_object *make(const struct ipc_params *p)
{
	int err = check_size(p);
	struct shm *s = err ? NULL : kzalloc(sizeof(*s));

	if (!s)
		return ERR_PTR(err ? err : -ENOMEM);
	snprintf(s->name, sizeof(s->name), "/SYSV%08x (deleted)", (u32)p->key);
	s->file = tmpfs_anon_file(s->name, p->size, O_RDWR);
	if (IS_ERR(s->file)) {
		err = PTR_ERR(s->file);
		kfree(s);
		return ERR_PTR(err);
	}
	s->size = p->size;
	s->cpid = current->process->pid;
	s->ctime = ipc_seconds();
	__atomic_fetch_add(&total_pages, pages_of(s), __ATOMIC_RELAXED);
	return &s->ipc;
}

static int check(const struct ipc_object *o, const struct ipc_params *p)
{
	return p->size > container_of(o, struct shm, ipc)->size ? -EINVAL : 0;
}

static void release(struct ipc_object *o)
{
	struct shm *s = shm(o);

	__atomic_fetch_sub(&total_pages, pages_of(s), __ATOMIC_RELAXED);
	file_put(s->file);
	kfree(s);
}

static u64 resident(const struct shm *s)
{
	return s->file->inode->blocks * 512;
}

static void show(struct seq *q, const struct ipc_object *o)
{
	const struct shm *s = container_of(o, struct shm, ipc);

	seq_printf(q, "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu %21lu %21lu\n", o->key, o->id,
		   o->mode, (unsigned long)s->size, s->cpid, s->lpid, (unsigned long)s->attached, o->uid, o->gid, o->cuid,
		   o->cgid, (unsigned long)s->atime, (unsigned long)s->dtime, (unsigned long)s->ctime,
		   (unsigned long)resident(s), 0ul);
}

struct ipc_ids shm_ids = {
	.lock = MUTEX_INIT(RANK_OBJECT), .limit = SHMMNI, .next_id = -1, .make = make, .check = check, .free = release,
	.show = show};

SYSCALL(shmget, int key, size_t size, int flags)
{
	struct ipc_params p = {.key = key, .flags = flags, .size = size};

	return ipc_get(&shm_ids, &p);
}

/* --- mappings --- */

/* One mapping, or one call that makes one, less: what was removed goes with the last. */
static void drop(struct shm *s, bool mapping)
{
	bool gone;

	mutex_lock(&s->ipc.lock);
	s->attached--;
	if (mapping) {
		s->dtime = ipc_seconds();
		s->lpid = current->process->pid;
	}
	gone = !s->attached && (s->ipc.mode & SHM_DEST) && !s->ipc.removed;
	s->ipc.removed |= gone;
	mutex_unlock(&s->ipc.lock);
	if (gone)
		ipc_remove(&shm_ids, &s->ipc);
}

static void shm_mapped(struct file *f, int add)
{
	struct shm *s = f->priv;

	if (add < 0) {
		drop(s, true);
		return;
	}
	mutex_lock(&s->ipc.lock);
	s->attached++;
	s->atime = ipc_seconds();
	s->lpid = current->process->pid;
	mutex_unlock(&s->ipc.lock);
}

static void shm_release(struct file *f)
{
	struct shm *s = f->priv;

	ipc_put(&shm_ids, &s->ipc);
}

static i64 shm_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 mapflags, u64 off)
{
	return f->inode->fops->mmap(f, addr, len, prot, mapflags, off);
}

static int shm_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
	return f->inode->fops->fallocate(f, mode, off, len);
}

static const struct file_ops shm_fops = {
	.mmap = shm_mmap, .fallocate = shm_fallocate, .release = shm_release, .mapped = shm_mapped};

static int hold(struct shm *s, u32 want)
{
	int err;

	mutex_lock(&s->ipc.lock);
	err = ipc_access(&s->ipc, want);
	if (!err && s->ipc.removed)
		err = -EIDRM;
	if (!err)
		s->attached++;
	mutex_unlock(&s->ipc.lock);
	return err;
}

static long map_segment(struct shm *s, u64 addr, int flags)
{
	u32 prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	u32 mapflags = MAP_SHARED | (!addr ? 0 : flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE);
	struct file *f = file_alloc(&shm_fops, s->file->inode, flags & SHM_RDONLY ? O_RDONLY : O_RDWR, s);
	long ret;

	if (!f)
		return -ENOMEM;
	ref_get(&s->ipc.refs);
	f->anon_name = s->name;
	s->file->inode->ino = s->ipc.id;
	ret = mm_map(addr, s->size, prot, mapflags, f, 0);
	file_put(f);
	return ret == -EEXIST ? -EINVAL : ret;
}

SYSCALL(shmat, int id, const void *uaddr, int flags)
{
	u64 addr = (u64)uaddr;
	struct ipc_object *o;
	long ret;

	if (id < 0)
		return -EINVAL;
	if ((addr & ~PAGE_MASK) && !(flags & SHM_RND))
		return -EINVAL;
	addr &= PAGE_MASK;
	if (!addr && (flags & SHM_REMAP))
		return -EINVAL;
	o = ipc_find(&shm_ids, id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	ret = hold(shm(o), (flags & SHM_RDONLY ? 0444 : 0666) | (flags & SHM_EXEC ? 0111 : 0));
	if (!ret) {
		ret = addr && addr + shm(o)->size < addr ? -EINVAL : map_segment(shm(o), addr, flags);
		drop(shm(o), false);
	}
	ipc_put(&shm_ids, o);
	return ret;
}

SYSCALL(shmdt, const void *addr)
{
	return (u64)addr & ~PAGE_MASK ? -EINVAL : mm_unmap_file((u64)addr, &shm_fops);
}

/* --- control --- */

static long limits(struct shminfo64 *uinfo)
{
	struct shminfo64 i = {.shmmax = SHMMAX, .shmmin = SHMMIN, .shmmni = shm_ids.limit, .shmseg = SHMMNI, .shmall = SHMALL};

	return copy_to_user(uinfo, &i, sizeof(i)) ? -EFAULT : ipc_max_index(&shm_ids);
}

static long usage(struct shm_info *uinfo)
{
	struct shm_info i = {.used_ids = READ_ONCE(shm_ids.used), .shm_tot = READ_ONCE(total_pages)};
	struct ipc_object *o;
	u32 index = 0;

	while ((o = ipc_next(&shm_ids, &index))) {
		i.shm_rss += resident(shm(o)) >> PAGE_SHIFT;
		ipc_put(&shm_ids, o);
	}
	return copy_to_user(uinfo, &i, sizeof(i)) ? -EFAULT : ipc_max_index(&shm_ids);
}

static long stat(int id, int cmd, struct shmid64_ds *uds)
{
	struct ipc_object *o = cmd == IPC_STAT ? ipc_find(&shm_ids, id) : ipc_find_index(&shm_ids, id);
	struct shmid64_ds ds = {0};
	struct shm *s;
	long ret;

	if (IS_ERR(o))
		return PTR_ERR(o);
	s = shm(o);
	ret = cmd == SHM_STAT_ANY ? 0 : ipc_access(o, 0444);
	if (!ret) {
		mutex_lock(&o->lock);
		ipc_fill_perm(&ds.shm_perm, o);
		ds.shm_segsz = s->size;
		ds.shm_atime = s->atime;
		ds.shm_dtime = s->dtime;
		ds.shm_ctime = s->ctime;
		ds.shm_cpid = s->cpid;
		ds.shm_lpid = s->lpid;
		ds.shm_nattch = s->attached;
		ret = o->removed ? -EIDRM : cmd == IPC_STAT ? 0 : o->id;
		mutex_unlock(&o->lock);
	}
	ipc_put(&shm_ids, o);
	return ret < 0 ? ret : copy_to_user(uds, &ds, sizeof(ds)) ? -EFAULT : ret;
}

/* Nobody finds it by its key any more; with its last mapping it goes. */
static void mark_removed(struct ipc_object *o)
{
	struct shm *s = shm(o);

	ipc_forget_key(&shm_ids, o);
	mutex_lock(&o->lock);
	o->mode |= SHM_DEST;
	s->attached++;
	mutex_unlock(&o->lock);
	drop(s, false);
}

static long change(int id, int cmd, const struct shmid64_ds *uds)
{
	struct shmid64_ds ds;
	struct ipc_object *o;
	long ret = 0;

	if (cmd == IPC_SET && copy_from_user(&ds, uds, sizeof(ds)))
		return -EFAULT;
	o = ipc_find_owned(&shm_ids, id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	if (cmd == IPC_RMID) {
		mark_removed(o);
	} else {
		mutex_lock(&o->lock);
		ret = o->removed ? -EIDRM : ipc_set_perm(o, &ds.shm_perm);
		if (!ret)
			shm(o)->ctime = ipc_seconds();
		mutex_unlock(&o->lock);
	}
	ipc_put(&shm_ids, o);
	return ret;
}

/* A mark: nothing is swapped here. */
static long lock(int id, bool on)
{
	struct ipc_object *o = ipc_find(&shm_ids, id);
	u32 euid = current->process->cred.euid;
	long ret = 0;

	if (IS_ERR(o))
		return PTR_ERR(o);
	mutex_lock(&o->lock);
	if (!capable(CAP_IPC_LOCK) && ((euid != o->uid && euid != o->cuid) || (on && !rlimit_soft(RLIMIT_MEMLOCK))))
		ret = -EPERM;
	else if (on)
		o->mode |= SHM_LOCKED;
	else
		o->mode &= ~(u32)SHM_LOCKED;
	mutex_unlock(&o->lock);
	ipc_put(&shm_ids, o);
	return ret;
}

SYSCALL(shmctl, int id, int cmd, struct shmid64_ds *arg)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
		return limits((struct shminfo64 *)arg);
	case SHM_INFO:
		return usage((struct shm_info *)arg);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return stat(id, cmd, arg);
	case IPC_SET:
	case IPC_RMID:
		return change(id, cmd, arg);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return lock(id, cmd == SHM_LOCK);
	}
	return -EINVAL;
}
