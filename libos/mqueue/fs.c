/*
 * The file system of message queues: one directory of queues, which programs may list, stat, read and unlink; a queue that
 * is made by open(2) has the usual size.  The directory inode's lock protects its names, queues_lock the list of all queues.
 */
#include "libos/kernel/syscall.h"
#include "libos/mqueue/mqueue.h"
#include <linux/capability.h>

#define MQUEUE_MAGIC 0x19800202
#define MESSAGE_COST 48ul	/* what Linux counts for a message's head, and for a priority's */
#define HARD_MAX_MESSAGES 65536
#define HARD_MAX_SIZE (16 << 20)
#define STATUS_SIZE 80

struct mq_name {
	struct list node;
	struct inode *inode;	/* referenced */
	i64 cookie;
	u32 len;
	char name[];
};

struct mount *mqueue_mount;
static struct list names = LIST_INIT(names);	/* ascending cookies */
static i64 next_cookie = 3;
static struct mutex queues_lock = MUTEX_INIT(RANK_OBJECT);
static struct list queues = LIST_INIT(queues);
static u32 queue_count;

/* --- what a queue may cost --- */

static int check_size(u64 count, u64 size, u64 *charge)
{
	bool may = capable(CAP_SYS_RESOURCE);

	if (!count || !size || count > (may ? HARD_MAX_MESSAGES : MQ_MAX_MESSAGES) ||
	    size > (may ? HARD_MAX_SIZE : MQ_MAX_SIZE))
		return -EINVAL;
	*charge = count * size + count * MESSAGE_COST + min(count, (u64)MQ_PRIO_MAX) * MESSAGE_COST;
	return 0;
}

/* On the list of all, within the user's limit. */
static int account(struct mqueue *q)
{
	u64 sum = q->charge;
	struct mqueue *other;
	int err = 0;

	mutex_lock(&queues_lock);
	list_for_each(other, &queues, node)
		if (other->uid == q->uid)
			sum += other->charge;
	if (queue_count >= MQ_MAX_QUEUES && !capable(CAP_SYS_RESOURCE))
		err = -ENOSPC;
	else if (sum > rlimit_soft(RLIMIT_MSGQUEUE))
		err = -EMFILE;
	if (!err) {
		list_add_tail(&q->node, &queues);
		queue_count++;
	}
	mutex_unlock(&queues_lock);
	return err;
}

static struct mqueue *queue_new(const struct mq_attr *attr, int *err)
{
	u64 count = attr ? (u64)attr->mq_maxmsg : MQ_MAX_MESSAGES, size = attr ? (u64)attr->mq_msgsize : MQ_MAX_SIZE;
	struct mqueue *q = NULL;
	u64 charge;

	*err = check_size(count, size, &charge);
	if (!*err) {
		q = kzalloc(sizeof(*q));
		*err = q ? 0 : -ENOMEM;
	}
	if (*err)
		return NULL;
	mutex_init(&q->lock, RANK_OBJECT);
	list_init(&q->messages);
	list_init(&q->senders);
	list_init(&q->receivers);
	waitq_init(&q->waitq);
	q->max_count = count;
	q->max_size = size;
	q->uid = current->process->cred.uid;
	q->charge = charge;
	*err = account(q);
	if (!*err)
		return q;
	kfree(q);
	return NULL;
}

static void queue_free(struct mqueue *q)
{
	mutex_lock(&queues_lock);
	list_del(&q->node);
	queue_count--;
	mutex_unlock(&queues_lock);
	mqueue_drain(q);
	kfree(q);
}

/* --- names --- */

static const struct inode_ops queue_iops;

static struct mq_name *find(const char *name, u32 len)
{
	struct mq_name *n;

	list_for_each(n, &names, node)
		if (n->len == len && !memcmp(n->name, name, len))
			return n;
	return NULL;
}

static int dir_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct mq_name *n = find(name, len);

	if (!n)
		return -ENOENT;
	inode_get(n->inode);
	*out = n->inode;
	return 0;
}

int mqueue_create(struct inode *dir, const char *name, u32 len, u32 mode, const struct mq_attr *attr, struct inode **out)
{
	struct mq_name *n = kmalloc(sizeof(*n) + len);
	struct mqueue *q;
	int err;

	if (!n)
		return -ENOMEM;
	q = queue_new(attr, &err);
	n->inode = q ? inode_alloc(dir->sb, S_IFREG | (mode & 07777)) : NULL;
	if (!n->inode) {
		if (q)
			queue_free(q);
		kfree(n);
		return err ? err : -ENOMEM;
	}
	n->inode->priv = q;
	n->inode->ops = &queue_iops;
	n->inode->fops = &mqueue_fops;
	n->inode->size = STATUS_SIZE;
	n->cookie = next_cookie++;
	n->len = len;
	memcpy(n->name, name, len);
	list_add_tail(&n->node, &names);
	dir->size += 20;
	inode_touch_mtime(dir);
	inode_get(n->inode);
	*out = n->inode;
	return 0;
}

static int dir_create(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out)
{
	return S_ISREG(mode) ? mqueue_create(dir, name, len, mode, NULL, out) : -EPERM;
}

static int dir_unlink(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct mq_name *n = find(name, len);

	if (!n)
		return -ENOENT;
	list_del(&n->node);
	dir->size -= 20;
	inode_touch_mtime(dir);
	inode->nlink--;
	WRITE_ONCE(inode->ctime, now_real());
	inode_put(n->inode);
	kfree(n);
	return 0;
}

static int dir_readdir(struct file *f, i64 *pos,
		       bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next), void *arg)
{
	struct inode *dir = f->inode;
	struct mq_name *n;

	mutex_lock(&dir->lock);
	for (; *pos < 2; ++*pos)
		if (!emit(arg, "..", *pos + 1, dir->ino, 4, *pos + 1))
			goto out;
	list_for_each(n, &names, node) {
		if (n->cookie <= *pos)
			continue;
		if (!emit(arg, n->name, n->len, n->inode->ino, 8, n->cookie))
			break;
		*pos = n->cookie;
	}
out:
	mutex_unlock(&dir->lock);
	return 0;
}

static int any_setattr(struct inode *inode, const struct iattr *attr)
{
	inode_apply(inode, attr);
	return 0;
}

static const struct inode_ops queue_iops = {.setattr = any_setattr};
static const struct inode_ops dir_iops = {
	.lookup = dir_lookup, .create = dir_create, .unlink = dir_unlink, .setattr = any_setattr};
static const struct file_ops dir_fops = {.readdir = dir_readdir};

/* --- the file system --- */

static void evict(struct inode *inode)
{
	if (inode->priv)
		queue_free(mqueue_of(inode));
}

static int mqueue_statfs(struct super *sb, struct kstatfs *st)
{
	st->type = MQUEUE_MAGIC;
	st->bsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	return 0;
}

static const struct super_ops super_ops = {.evict = evict, .statfs = mqueue_statfs};

static void mqueue_init(void)
{
	struct super *sb = kzalloc(sizeof(*sb));

	if (!sb)
		panic("no memory for a mount");
	sb->ops = &super_ops;
	sb->fstype = sb->source = "mqueue";
	mutex_init(&sb->rename_lock, RANK_RENAME);
	sb->root = inode_alloc(sb, S_IFDIR | 01777);
	if (!sb->root)
		panic("no memory for a mount");
	sb->root->ops = &dir_iops;
	sb->root->fops = &dir_fops;
	sb->root->nlink = 2;
	mqueue_mount = mount_at(sb, "/dev/mqueue", MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
}
INITCALL(INIT_DEV, mqueue_init);
