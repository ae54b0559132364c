/*
 * Landlock for guests, landlock(7): what a thread, and what it makes, forbids itself in the tree of files.  Kept by the library OS among
 * guests, as permissions are; nothing of it reaches the host.
 */
#ifndef LIBOS_LANDLOCK_H
#define LIBOS_LANDLOCK_H

#include "libos/proc/proc.h"
#include "libos/vfs/vfs.h"
#include <linux/landlock.h>

/* A right that a ruleset gives beneath a directory, or to a file. */
struct landlock_rule {
	struct dentry *dentry;	/* referenced */
	u64 allowed;
};

/* What restrict_self made of a ruleset; never changed.  A thread's domain is the newest of its layers. */
struct landlock_domain {
	ref_t refs;
	struct landlock_domain *outer; /* referenced: all layers have to agree; null: none */
	u32 depth;
	u64 handled;
	u32 count;
	struct landlock_rule rules[];
};

int landlock_refuse(const struct landlock_domain *d, const struct path *p, u64 request);
int landlock_refuse_open(const struct landlock_domain *d, const struct path *p, u32 flags, bool exec);
int landlock_refuse_move(const struct landlock_domain *d, const struct path *from, const struct dentry *old, const struct path *to,
			 const struct dentry *target, bool removes, bool exchange);
/* Is what `inner` may do no more than what `outer` may (for ptrace)? */
bool landlock_is_within(const struct landlock_domain *inner, const struct landlock_domain *outer);
void landlock_forget(struct thread *t);
void landlock_inherit(struct thread *t, const struct thread *maker);

/* The right to make something of this type. */
static inline u64 landlock_make(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return LANDLOCK_ACCESS_FS_MAKE_SYM;
	case S_IFDIR:
		return LANDLOCK_ACCESS_FS_MAKE_DIR;
	case S_IFCHR:
		return LANDLOCK_ACCESS_FS_MAKE_CHAR;
	case S_IFBLK:
		return LANDLOCK_ACCESS_FS_MAKE_BLOCK;
	case S_IFIFO:
		return LANDLOCK_ACCESS_FS_MAKE_FIFO;
	case S_IFSOCK:
		return LANDLOCK_ACCESS_FS_MAKE_SOCK;
	}
	return LANDLOCK_ACCESS_FS_MAKE_REG;
}

/* The checks, each 0 or -errno; nearly no thread has a domain. */
static inline const struct landlock_domain *landlock_mine(void)
{
	struct thread *t = current;

	return t ? t->landlock : NULL;
}

/* To do `request` in the directory p. */
static inline int landlock_may(const struct path *p, u64 request)
{
	const struct landlock_domain *d = landlock_mine();

	return likely(!d) ? 0 : landlock_refuse(d, p, request);
}

static inline int landlock_may_open(const struct path *p, u32 flags, bool exec)
{
	const struct landlock_domain *d = landlock_mine();

	return likely(!d) ? 0 : landlock_refuse_open(d, p, flags, exec);
}

#endif
