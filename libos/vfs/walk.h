/* A walk along a name (namei.c), for the calls that do something of their own with its last component: open(2). */
#ifndef LIBOS_WALK_H
#define LIBOS_WALK_H

#include "libos/vfs/namei.h"

struct walk {
	struct path at, root;	/* both referenced */
	char *buf;		/* owns the text that `rest` points into */
	const char *rest;
	u32 flags;
	int links;
};

/* walk_end follows, also where walk_begin fails. */
int walk_begin(struct walk *w, int dirfd, const char *name, u32 flags);
void walk_end(struct walk *w);
/* Walk all components, or with `parent` all but the last, which stays in w->rest. */
int walk_components(struct walk *w, bool parent);
/* proc(5), protected_symlinks: in a sticky directory that all may write to, only links of their owner or of the directory's. */
int walk_may_follow(const struct walk *w, const struct inode *link);
/* w->at is the link's directory.  Goes to where a magic link leads, or pushes the text of an ordinary one. */
int walk_follow(struct walk *w, struct inode *link);
/* From a directory that is mounted upon to what is mounted there. */
void path_enter_mounts(struct path *p);

static inline u32 component_length(const char *s)
{
	u32 n = 0;

	while (s[n] && s[n] != '/')
		n++;
	return n;
}

static inline bool is_dots(const char *s, u32 n)
{
	return (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
}

static inline const char *skip_slashes(const char *s)
{
	while (*s == '/')
		s++;
	return s;
}

#endif
