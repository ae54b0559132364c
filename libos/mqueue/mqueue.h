/*
 * POSIX message queues, mq_overview(7): a file system of queues, mounted at /dev/mqueue and reached by the mq_ calls without
 * it.  A queue is its inode's; it lives while it has a name or is open.
 */
#ifndef LIBOS_MQUEUE_H
#define LIBOS_MQUEUE_H

#include "libos/kernel/turn.h"
#include "libos/vfs/vfs.h"
#include <linux/mqueue.h>

#define MQ_MAX_QUEUES 256	/* as /proc/sys/fs/mqueue says; more for who may exceed resources */
#define MQ_MAX_MESSAGES 10
#define MQ_MAX_SIZE 8192

struct mq_message {
	struct list node;
	u32 priority;
	size_t len;
	char data[];
};

struct mq_sender {		/* finished with 0 when its message is in the queue */
	struct turn turn;
	struct mq_message *message;
};

struct mq_receiver {		/* finished with 0 when it was handed a message */
	struct turn turn;
	struct mq_message *message;
};

#define MQ_COOKIE 32	/* the last byte says what happened: 1 a message, 2 the end */
struct mq_notify {
	struct process *process;	/* referenced; null: nobody asked */
	u64 value;
	int kind, signo;
	struct file *socket;	/* EVENT_THREAD: where `cookie` goes; referenced */
	u8 cookie[MQ_COOKIE];
};

struct mqueue {
	struct mutex lock;	/* RANK_OBJECT: all of it but `node` and `uid` */
	struct list node;	/* of all queues */
	struct list messages;	/* the highest priority first, in order of arrival in each */
	struct list senders, receivers; /* struct mq_sender, mq_receiver */
	struct waitq waitq;	/* who polls */
	u64 count, bytes;	/* of messages */
	u64 max_count, max_size;
	struct mq_notify notify;
	u32 uid;		/* whom `charge` bytes count against: RLIMIT_MSGQUEUE */
	u64 charge;
};

static inline struct mqueue *mqueue_of(const struct inode *inode)
{
	return inode->priv;
}

extern const struct file_ops mqueue_fops;	/* queue.c */
void mqueue_drain(struct mqueue *q);		/* the last use is over */
extern struct mount *mqueue_mount;		/* fs.c */
/* A queue of this name in the root, whose inode is locked; attr null: of the usual size. */
int mqueue_create(struct inode *dir, const char *name, u32 len, u32 mode, const struct mq_attr *attr, struct inode **out);

#endif
