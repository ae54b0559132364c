/*
 * Reading a Solo5 image: ELF headers, the two notes, the manifest.  HOSTILE INPUT: all of it.  Pure: bytes come by a
 * function, sizes are bounded before anything is read, nothing is allocated; tests/fuzz/fuzz_solo5.c runs it.
 */
#ifndef BARTIZAN_SOLO5_IMAGE_H
#define BARTIZAN_SOLO5_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guests/solo5/abi.h"

#define SOLO5_SEGMENTS_MAX 16u

/* A part of the file in the guest's memory.  `prot` is mmap(2)'s; never writable and executable at once. */
struct solo5_segment {
	uint64_t address, offset; /* as in the program header */
	uint64_t file_size, memory_size;
	uint64_t begin, end; /* the pages that it takes */
	uint32_t prot;
	uint32_t reserved;
};

struct solo5_image {
	uint32_t target, version;
	uint64_t entry, kernel_end;
	struct solo5_segment segments[SOLO5_SEGMENTS_MAX];
	uint32_t segment_count;
	struct solo5_manifest manifest; /* nothing attached */
};

/* Where an image's bytes come from: `read` gives 0, or a negative error number if not all `len` could be had. */
struct solo5_source {
	int (*read)(void *arg, void *out, uint64_t at, uint64_t len);
	void *arg;
	uint64_t size;
};

/* Solo5 image?  Says nothing of whether it is a good one. */
bool solo5_probe(const struct solo5_source *source);

/* Reads target, version and manifest, of whichever target.  0, or -EINVAL with a line for people in `err`. */
int solo5_read(const struct solo5_source *source, struct solo5_image *image, char *err, size_t err_size);

/* Can it run here, in so much memory?  Behind solo5_read; reads the segments.  0, or a negative error number. */
int solo5_read_segments(const struct solo5_source *source, uint64_t memory_size, struct solo5_image *image, char *err,
			size_t err_size);

const char *solo5_target_name(uint32_t target); /* "spt", or "unknown" */
const char *solo5_type_name(uint32_t type);	/* "block", "net", or NULL */

/* A source that is part of an open file. */
struct solo5_file {
	int fd;
	uint64_t offset;
};
struct solo5_source solo5_source_of_file(struct solo5_file *file, uint64_t size);

#endif
