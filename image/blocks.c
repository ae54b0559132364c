/*
 * Reading the table of an image's block devices.  HOSTILE INPUT, as all of an image: digests say nothing of who made it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"

#define SECTOR_MIN 512u
#define SECTOR_MAX 32768u

static bool read_at(const struct image *img, void *out, size_t len, uint64_t at)
{
	return pread(img->fd, out, len, (off_t)at) == (ssize_t)len;
}

static bool good(const struct bz_block *b, uint64_t end, uint64_t size)
{
	return b->name[0] && !b->name[BZ_BLOCK_NAME - 1] && b->sector_size >= SECTOR_MIN &&
	       b->sector_size <= SECTOR_MAX && !(b->sector_size & (b->sector_size - 1)) && b->length > 0 &&
	       b->length % b->sector_size == 0 && b->offset % BZ_IMAGE_ALIGN == 0 && b->offset >= end &&
	       b->offset <= size && b->length <= size - b->offset;
}

int image_blocks(const struct image *img, struct bz_block out[BZ_BLOCKS_MAX], struct image_error *err)
{
	const struct bz_image_section *s = image_section(img, BZ_SECTION_BLOCKS);
	struct bz_blocks_header head;
	uint64_t end;

	if (!s)
		return 0;
	if (s->length < sizeof(head) || !read_at(img, &head, sizeof(head), s->offset) ||
	    memcmp(head.magic, BZ_BLOCKS_MAGIC, sizeof(head.magic)) || head.reserved || head.count == 0 ||
	    head.count > BZ_BLOCKS_MAX || head.count * sizeof(out[0]) > s->length - sizeof(head) ||
	    !read_at(img, out, head.count * sizeof(out[0]), s->offset + sizeof(head)))
		return image_fail(err, -EINVAL, "damaged image: table of block devices");
	end = sizeof(head) + head.count * sizeof(out[0]);
	for (uint32_t i = 0; i < head.count; i++) {
		if (!good(&out[i], end, s->length))
			return image_fail(err, -EINVAL, "damaged image: block device %u", i);
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(out[k].name, out[i].name))
				return image_fail(err, -EINVAL, "damaged image: two block devices of one name");
		end = out[i].offset + out[i].length;
		out[i].offset += s->offset;
	}
	return (int)head.count;
}
