/*
 * Reading and verifying images: a small library without dependencies, linked into the bartizan command. Every
 * byte that it reads is hostile until it was checked.  The format is in image/format.h.
 *
 *     image_open      checks the structure and decodes the manifest (reads the last page and the manifest
 * only) image_verify    checks the digest of every section, once a file: see verify.c for what "once" means
 *
 * Nothing of an image may be mapped or executed before image_verify returned 0.
 */
#ifndef BARTIZAN_IMAGE_H
#define BARTIZAN_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/error.h"
#include "image/format.h"
#include "image/manifest.h"

struct image {
	int fd; /* borrowed */
	uint64_t size;
	struct bz_image_footer footer;
	uint32_t section_count;
	struct bz_image_section sections[BZ_IMAGE_SECTIONS_MAX];
	struct bartizan_manifest manifest;
};

enum image_kind {
	IMAGE_NOT,	 /* something else */
	IMAGE_TRUNCATED, /* begins as an image, and does not end as one */
	IMAGE_YES,	 /* has both magics; nothing else was checked */
};
enum image_kind image_probe(int fd);

/* 0, or a negative errno (-ENOEXEC: not an image, -EINVAL: damaged or unknown, -EIO, -ENOMEM). */
int image_open(struct image *img, int fd, struct image_error *err);
void image_close(struct image *img); /* frees the manifest; the descriptor stays the caller's */

const struct bz_image_section *image_section(const struct image *img, uint32_t type); /* or null */
bool image_is_signed(const struct image *img);

/* The block devices of a Solo5 guest: checked entries, with offsets from the file's beginning.  Returns how many (0: the
 * image has none), or a negative errno. */
int image_blocks(const struct image *img, struct bz_block out[BZ_BLOCKS_MAX], struct image_error *err);

#define IMAGE_VERIFY_FULL 1u   /* neither use nor fill the cache */
#define IMAGE_VERIFY_REPORT 2u /* with `report`: go on after a mismatch */

struct image_report {
	bool match[BZ_IMAGE_SECTIONS_MAX]; /* each section's digest is what its bytes give */
	bool padding;			   /* all padding is zero */
	bool cached;			   /* believed by the cache, nothing was hashed */
};

/* Progress of hashing; may be null. */
typedef void (*image_progress)(void *arg, uint64_t done, uint64_t total);

/* 0: every byte of the file is what its maker wrote.  -EBADMSG: damaged. */
int image_verify(const struct image *img, uint32_t flags, struct image_report *report,
		 image_progress progress, void *arg, struct image_error *err);

/* SHA-256, FIPS 180-4. */
struct sha256 {
	uint32_t state[8];
	uint64_t length;
	uint8_t block[64];
};
void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *bytes, size_t len);
void sha256_final(struct sha256 *s, uint8_t digest[BZ_DIGEST_SIZE]);
void sha256(const void *bytes, size_t len, uint8_t digest[BZ_DIGEST_SIZE]);
void sha256_use_portable(bool portable); /* for tests: do not use the processor's instructions */

#endif
