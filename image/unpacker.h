/*
 * Inside the confined child: what unpacker.c (tar) and oci.c (layers) share, and the records that go to the
 * parent.
 */
#ifndef BARTIZAN_IMAGE_UNPACKER_H
#define BARTIZAN_IMAGE_UNPACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "image/error.h"
#include "image/unpack.h"

/* A record in the report, followed by its path and attribute list (path_len, xattrs_len bytes, no NUL
 * needed). */
struct unpack_record {
	uint32_t kind; /* enum unpack_kind */
	uint32_t path_len, xattrs_len;
	uint32_t mode, uid, gid, mtime_nsec;
	int64_t mtime;
};
enum unpack_kind {
	UNPACK_FILE = 1, /* an entry of the owner table */
	UNPACK_MANIFEST, /* path: a binary manifest */
	UNPACK_SKIPPED,	 /* mode: how many devices and sockets, uid: attributes, that were left out */
	UNPACK_END,
};
#define UNPACK_XATTRS_MAX 4096u

/* Takes the child's records into owner table and draft; it can say no more than an archive could. */
int unpack_report(struct stage *s, struct draft *d, const char *bytes, size_t len, struct image_error *err);

struct unpacker {
	int root;
	int report; /* records go here */
	struct unpack_limits limits;
	bool layer;		      /* whiteouts mean removal */
	uint64_t bytes, files, input; /* so far; input: archive bytes of earlier layers */
	uint64_t *shown;	      /* bytes, in memory shared with the parent: for its progress bar alone */
	uint32_t skipped, skipped_xattrs;
	char *buffer; /* of records */
	size_t buffered;
	struct image_error *err;
};

int unpacker_tar(struct unpacker *u, int fd);
int unpacker_oci(struct unpacker *u,
		 int archive); /* archive: directory of the unpacked OCI or docker archive */
int unpacker_record(struct unpacker *u, const struct unpack_record *r, const void *path, const void *xattrs);
int unpacker_flush(struct unpacker *u);

#endif
