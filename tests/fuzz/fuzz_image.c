/*
 * Any bytes as an image: opened and verified.  A second pass repairs the digests, so that what lies behind
 * them is reached as well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file = -1;

static void look(const uint8_t *bytes, size_t size)
{
	struct bz_block blocks[BZ_BLOCKS_MAX];
	struct image_error err;
	struct image img;

	if (ftruncate(file, 0) || pwrite(file, bytes, size, 0) != (ssize_t)size)
		abort();
	image_probe(file);
	if (image_open(&img, file, &err) == 0) {
		image_verify(&img, IMAGE_VERIFY_FULL, NULL, NULL, NULL, &err);
		for (int i = 0, n = image_blocks(&img, blocks, &err); i < n; i++)
			if (blocks[i].offset > size || blocks[i].length > size - blocks[i].offset || !blocks[i].sector_size)
				abort();
	}
	image_close(&img);
}

/* Right sizes and digests, from the inside out, wherever there is room for them. */
static void repair(uint8_t *b, size_t size)
{
	struct bz_image_header *h = (void *)b;
	struct bz_image_footer f;
	struct bz_image_section s[BZ_IMAGE_SECTIONS_MAX];
	size_t at = size - sizeof(f), bytes;

	memcpy(h->magic, BZ_IMAGE_MAGIC, 8);
	h->version = BZ_IMAGE_VERSION;
	h->size = size;
	memcpy(&f, b + at, sizeof(f));
	memcpy(f.magic, BZ_IMAGE_MAGIC, 8);
	f.version = BZ_IMAGE_VERSION;
	f.size = size;
	bytes = (f.section_count % (BZ_IMAGE_SECTIONS_MAX + 1)) * sizeof(s[0]);
	if (bytes <= at && f.table_offset == at - bytes) {
		memcpy(s, b + at - bytes, bytes);
		for (size_t i = 0; i < bytes / sizeof(s[0]); i++)
			if (s[i].offset <= size && s[i].length <= size - s[i].offset)
				sha256(b + s[i].offset, s[i].length, s[i].digest);
		memcpy(b + at - bytes, s, bytes);
		sha256(s, bytes, f.table_digest);
	}
	sha256(&f, sizeof(f) - sizeof(f.footer_digest), f.footer_digest);
	memcpy(b + at, &f, sizeof(f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (file < 0)
		file = memfd_create("image", 0);
	look(data, size);
	if (size < sizeof(struct bz_image_header) + sizeof(struct bz_image_footer))
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	repair(copy, size);
	look(copy, size);
	free(copy);
	return 0;
}
