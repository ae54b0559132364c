/*
 * What a domain allows: on the way from a file up to the root, each layer's rules are collected; a layer forbids what it handles and no
 * rule on the way gives.  Files are told apart by file system and number, since a directory's dentry may have been forgotten and made anew.
 */
#include "libos/landlock/landlock.h"

#define OF_FILES (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE)

static u64 rules_of(const struct landlock_domain *d, const struct dentry *at)
{
	u64 allowed = 0;

	for (u32 i = 0; i < d->count; i++) {
		const struct dentry *rule = d->rules[i].dentry;

		if (rule == at || (at->inode && rule->inode && rule->sb == at->sb && rule->inode->ino == at->inode->ino))
			allowed |= d->rules[i].allowed;
	}
	return allowed;
}

/* What the rules of layer d give for p. */
static u64 granted(const struct landlock_domain *d, const struct path *p)
{
	const struct mount *m = p->mount;
	struct dentry *at = dentry_get(p->dentry), *up;
	u64 allowed = 0;

	for (;;) {
		allowed |= rules_of(d, at);
		if (at == m->root && m->parent && m->parent != m) {
			up = m->at;
			m = m->parent;
		} else if (at != m->root && at->parent != at) {
			up = at->parent;
		} else {
			break;
		}
		dentry_get(up);
		dentry_put(at);
		at = up;
	}
	dentry_put(at);
	return allowed;
}

int landlock_refuse(const struct landlock_domain *d, const struct path *p, u64 request)
{
	/* What has no name in the tree (pipes, memory) is in nobody's way. */
	if (!p->dentry || !p->mount)
		return 0;
	for (; d; d = d->outer)
		if ((request & d->handled) && (request & d->handled & ~granted(d, p)))
			return -EACCES;
	return 0;
}

int landlock_refuse_open(const struct landlock_domain *d, const struct path *p, u32 flags, bool exec)
{
	bool dir = p->dentry && p->dentry->inode && S_ISDIR(p->dentry->inode->mode);
	u64 request = exec ? LANDLOCK_ACCESS_FS_EXECUTE : 0;

	if (flags & O_PATH)
		return 0;
	if ((flags & O_ACCMODE) != O_WRONLY)
		request |= dir ? LANDLOCK_ACCESS_FS_READ_DIR : LANDLOCK_ACCESS_FS_READ_FILE;
	if ((flags & O_ACCMODE) != O_RDONLY)
		request |= LANDLOCK_ACCESS_FS_WRITE_FILE;
	return landlock_refuse(d, p, request);
}

static u64 removal(const struct dentry *d)
{
	if (!d->inode)
		return 0;
	return S_ISDIR(d->inode->mode) ? LANDLOCK_ACCESS_FS_REMOVE_DIR : LANDLOCK_ACCESS_FS_REMOVE_FILE;
}

/* In its new place, a file is not to have a right of this layer that it did not have in the old one. */
static bool gains(const struct landlock_domain *d, const struct dentry *file, u64 before, u64 after)
{
	u64 matter = d->handled & (S_ISDIR(file->inode->mode) ? ~0ull : OF_FILES);

	return after & matter & ~(before | rules_of(d, file));
}

/*
 * A link (removes: a rename) of `old` from one directory to the name `target` in another.  Between directories, LANDLOCK_ACCESS_FS_REFER
 * is needed on both sides, in layers that do not know it too; what lacks is told as EXDEV, so that programs copy instead.
 */
int landlock_refuse_move(const struct landlock_domain *d, const struct path *from, const struct dentry *old, const struct path *to,
			 const struct dentry *target, bool removes, bool exchange)
{
	u64 there = landlock_make(old->inode->mode) | (removes ? removal(target) : 0);
	u64 here = (exchange ? landlock_make(target->inode->mode) : 0) | (removes ? removal(old) : 0);
	int err = 0;

	if (from->dentry == to->dentry)
		return landlock_refuse(d, from, here | there);
	for (; d; d = d->outer) {
		u64 a = granted(d, from), b = granted(d, to);

		if ((here & d->handled & ~a) || (there & d->handled & ~b))
			return -EACCES;
		if (!(a & b & LANDLOCK_ACCESS_FS_REFER) || gains(d, old, a, b) || (exchange && gains(d, target, b, a)))
			err = -EXDEV;
	}
	return err;
}

bool landlock_is_within(const struct landlock_domain *inner, const struct landlock_domain *outer)
{
	if (!outer)
		return true;
	while (inner && inner != outer)
		inner = inner->outer;
	return inner != NULL;
}
