/*
 * Pseudo file systems: trees of entries whose text is made when they are read.  A directory is a static table of
 * entries, or a function that lists and finds what is there now (processes, descriptors).  procfs and sysfs are
 * made of these.
 */
#ifndef LIBOS_PSEUDO_H
#define LIBOS_PSEUDO_H

#include "libos/vfs/vfs.h"

/* A growing text. */
struct seq {
	char *buf;
	size_t len, size;
	bool failed;		/* out of memory: the reader gets ENOMEM */
};
void seq_printf(struct seq *s, const char *fmt, ...) __printf(2, 3);
void seq_write(struct seq *s, const void *data, size_t n);
void seq_puts(struct seq *s, const char *text);

/* Which process, thread and number a node is about; zero where it does not matter. */
struct pnode {
	const struct pseudo_entry *entry;
	i32 pid, tid;
	i32 num;
	i64 born;		/* when the process was: another may have its number by now; 0: not asked */
};

/* Directory positions: 0 `.`, 1 `..`, then the static entries; entry i of the dynamic part is at PSEUDO_DYNAMIC + i. */
#define PSEUDO_DYNAMIC 0x10000

typedef bool (*pseudo_emit)(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next);

struct pseudo_entry {
	const char *name;
	u32 mode;				/* with S_IFMT; a null name ends a table */
	u32 (*mode_now)(const struct pnode *n);	/* null: it is always `mode` */
	int (*show)(struct seq *s, const struct pnode *n);
	ssize_t (*store)(const struct pnode *n, char *text, size_t len); /* NUL-terminated copy; null: EACCES by mode */
	const struct pseudo_entry *children;	/* static part of a directory */
	/* Dynamic part: find `name` and fill *child (entry, pid, ...); list from position *pos >= PSEUDO_DYNAMIC on,
	 * with *pos = next after each entry that was taken. */
	int (*find)(const struct pnode *dir, const char *name, u32 len, struct pnode *child);
	int (*list)(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg);
	long (*readlink)(const struct pnode *n, char *buf, size_t size);
	int (*follow)(const struct pnode *n, struct path *out);
	long (*ioctl)(const struct pnode *n, u32 cmd, u64 arg);	/* null: ENOTTY */
	bool (*alive)(const struct pnode *n);	/* null: always */
	const struct file_ops *fops;		/* instead of show/store */
	bool polled;				/* a process's file that can be polled */
};

struct super *pseudo_create(const char *fstype, u64 magic, const struct pseudo_entry *root);
static inline const struct pnode *pseudo_node(const struct inode *inode)
{
	return inode->priv;
}

#endif
