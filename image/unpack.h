/*
 * Archives unpacked into the stage, by a confined child.
 */
#ifndef BARTIZAN_IMAGE_UNPACK_H
#define BARTIZAN_IMAGE_UNPACK_H

#include "image/manifest_write.h"
#include "image/stage.h"

struct unpack_limits {
	uint64_t bytes; /* in all files together, holes counted */
	uint64_t files;
	uint64_t ratio; /* bytes unpacked for one byte of archive, beyond the first UNPACK_FREE bytes */
};
#define UNPACK_FREE (64ull << 20)
#define UNPACK_DEFAULTS                                              \
	{                                                            \
		.bytes = 64ull << 30, .files = 4000000, .ratio = 200 \
	}

/*
 * Unpacks the tar (plain or compressed) that `fd` reads into s->root, with its owner table.  An OCI image
 * layout or an archive of `docker save` gives its layers' tree, and its configuration as the draft's
 * beginning.  `total`: the archive's size for the progress bar, 0 if not known.
 */
int unpack(struct stage *s, struct draft *d, int fd, uint64_t total, const struct unpack_limits *limits,
	   struct image_error *err);

#endif
