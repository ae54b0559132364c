/*
 * The stage: a temporary directory in which the tree of an image is put together for mkfs.erofs, with the
 * owner table that says what its files shall be.  Files there are the builder's own, mode 0600 or 0700.
 */
#ifndef BARTIZAN_IMAGE_STAGE_H
#define BARTIZAN_IMAGE_STAGE_H

#include <sys/types.h>

#include "image/owners.h"

struct stage {
	char path[4096]; /* the temporary directory, "" before stage_create */
	int dir;	 /* of it */
	int root;	 /* of the directory `root` in it, the image's tree */
	struct owners owners;
	uint64_t bytes; /* of files copied */
};

int stage_create(struct stage *s, struct image_error *err);
void stage_destroy(struct stage *s); /* removes it all */
void stage_remove_on_signal(void);   /* SIGINT, SIGTERM, SIGHUP: remove what is temporary, then die of it */
void temporary_add(const char *path);
void temporary_forget(const char *path);

/* Makes `root` anew: what it held is renamed to `name` in the temporary directory. */
int stage_put_aside(struct stage *s, const char *name, struct image_error *err);

/* A directory with these attributes, unless there is one. */
int stage_directory(struct stage *s, const char *path, uint32_t mode, struct image_error *err);
/* A small file, unless there is one of this name. */
int stage_file(struct stage *s, const char *path, const void *bytes, size_t len, struct image_error *err);
int stage_text(struct stage *s, const char *path, const char *text, struct image_error *err);
/* A host file or tree at the same path; links on the way and at its end are kept as links, and followed. */
int stage_host_path(struct stage *s, const char *path, struct image_error *err);
/* A host file or tree at another path.  Links inside a tree are kept as they are. */
int stage_copy(struct stage *s, const char *host, const char *guest, bool keep_owners,
	       struct image_error *err);

#endif
