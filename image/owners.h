/*
 * The owner table: what the files of an image shall be, where the files that mkfs.erofs reads cannot be so
 * (their maker is not root).  Owned by the build; sorted by path before it is used.
 */
#ifndef BARTIZAN_IMAGE_OWNERS_H
#define BARTIZAN_IMAGE_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/error.h"

struct owner {
	char *path;    /* from the root, no leading slash; "" is the root */
	uint32_t mode; /* permission bits, 07777 */
	uint32_t uid, gid;
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t order; /* of two with the same path the later one counts */
	char *xattrs;	/* names staged as user.NAME which belong elsewhere: "sNAME" (security) or "tNAME"
			 * (trusted),   each terminated, ended by an empty one; or null */
};

struct owners {
	struct owner *item;
	size_t count, room;
	bool sorted;
};

int owners_add(struct owners *o, const struct owner *entry); /* copies the strings */
const struct owner *owners_find(struct owners *o, const char *path);
void owners_free(struct owners *o);
/* Names and attributes of a directory tree as they are.  Also counts bytes; finds what cannot be read. */
int owners_of_tree(struct owners *o, const char *dir, uint64_t *bytes, struct image_error *err);

/* Makes the EROFS in [0, size) of fd agree with the table; names that are not in it become 0:0, 0755, time 0.
 * Times later than `clamp` become `clamp`. */
int owners_apply(struct owners *o, int fd, uint64_t size, int64_t clamp, bool all_root,
		 struct image_error *err);

#endif
