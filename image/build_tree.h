/*
 * Where the files of an image come from: a program, a directory, an archive.
 */
#ifndef BARTIZAN_IMAGE_BUILD_TREE_H
#define BARTIZAN_IMAGE_BUILD_TREE_H

#include "image/elfscan.h"
#include "image/manifest_write.h"
#include "image/unpack.h"

struct include {
	const char *host, *guest; /* guest: null for the same path */
};

struct tree {
	struct stage stage; /* made where it is needed */
	const char *dir;    /* what mkfs.erofs reads: the stage's root, or the source itself */
	char root[4200];    /* the stage's root */
	struct owners *owners;
	struct owners own; /* of a source that is read in place */
	uint64_t bytes;
	struct elf_cached cached; /* libraries that the guest's linker finds by a cache alone */
	char **seen;		  /* paths of libraries that are staged */
	size_t seen_count;
	bool program; /* the source is one */
	bool solo5;   /* the source is a Solo5 guest: there are no files */
	struct draft
	    draft; /* what the source says of itself: an ELF its path, a container its configuration */
};

int tree_make(struct tree *t, const char *source, const struct include *includes, size_t count,
	      const struct unpack_limits *limits, struct image_error *err);
void tree_free(struct tree *t);

#endif
