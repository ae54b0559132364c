/*
 * Names inside a root directory that must never lead out of it.
 */
#ifndef BARTIZAN_IMAGE_ROOTWALK_H
#define BARTIZAN_IMAGE_ROOTWALK_H

#include <stdbool.h>
#include <stddef.h>

#define ROOT_PATH_MAX 4096

struct root_place {
	int dir;		  /* of the parent directory; the caller closes it */
	char path[ROOT_PATH_MAX]; /* whole name from the root, links resolved but for the last; "" is the root
				   */
	const char *name;	  /* its last component, in `path`; "" where `dir` is the place itself */
};

/* A directory was made on the way, or a symbolic link's name became known: for owner tables. */
typedef void (*root_made)(void *arg, const char *path);

/*
 * Finds the parent of `path` below the root.  Symbolic links on the way are resolved inside the root, as they
 * would be by a program for which it is "/"; they can not lead out.  With `make`, missing directories are
 * made, mode 0700. `path` may begin with "/" and contain "."; ".." is refused (-EINVAL), but in a link's text
 * it is followed, no higher than the root.  -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG and other errno.
 */
int root_find(int root, const char *path, bool make, root_made made, void *arg, struct root_place *place);

#endif
