/*
 * Opening an image: footer, section table and manifest are read, checked and copied into struct image.
 * HOSTILE INPUT: any file may come.  Follows image/format.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"

#define FOOTER sizeof(struct bz_image_footer)

/* Reads exactly n bytes.  -EIO where the file ends early (someone is truncating it). */
static int read_at(int fd, void *buf, size_t n, uint64_t off)
{
	while (n > 0) {
		ssize_t r = pread(fd, buf, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r ? -errno : -EIO;
		buf = (char *)buf + r;
		n -= (size_t)r;
		off += (uint64_t)r;
	}
	return 0;
}

static bool all_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0 && *b == 0) {
		b++;
		n--;
	}
	return n == 0;
}

enum image_kind image_probe(int fd)
{
	struct stat st;
	uint8_t head[8], tail[8];

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || read_at(fd, head, sizeof(head), 0) ||
	    memcmp(head, BZ_IMAGE_MAGIC, sizeof(head)))
		return IMAGE_NOT;
	if ((size_t)st.st_size < 2 * FOOTER ||
	    read_at(fd, tail, sizeof(tail), (uint64_t)st.st_size - FOOTER) ||
	    memcmp(tail, BZ_IMAGE_MAGIC, sizeof(tail)))
		return IMAGE_TRUNCATED;
	return IMAGE_YES;
}

static int check_file(struct image *img, int fd, struct image_error *err)
{
	struct bz_image_header head;
	struct stat st;

	if (fstat(fd, &st))
		return image_fail(err, -errno, "cannot stat the image: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(head) ||
	    read_at(fd, &head, sizeof(head), 0) || memcmp(head.magic, BZ_IMAGE_MAGIC, sizeof(head.magic)))
		return image_fail(err, -ENOEXEC, "not a Bartizan image");
	if (head.version != BZ_IMAGE_VERSION)
		return image_fail(err, -EINVAL, "image format version %u; this Bartizan reads version %d",
				  head.version, BZ_IMAGE_VERSION);
	if (head.size != (uint64_t)st.st_size)
		return image_fail(err, -EINVAL,
				  "%s image: %llu bytes, should have %llu; copy or build it again",
				  (uint64_t)st.st_size < head.size ? "truncated" : "damaged",
				  (unsigned long long)st.st_size, (unsigned long long)head.size);
	if (head.reserved || head.reserved2 || head.size < BZ_IMAGE_ALIGN)
		return image_fail(err, -EINVAL, "damaged image: header");
	img->fd = fd;
	img->size = head.size;
	return 0;
}

static int check_footer(struct image *img, struct image_error *err)
{
	struct bz_image_footer *f = &img->footer;
	uint8_t digest[BZ_DIGEST_SIZE];

	if (read_at(img->fd, f, FOOTER, img->size - FOOTER))
		return image_fail(err, -EIO, "cannot read the image's footer");
	sha256(f, FOOTER - sizeof(f->footer_digest), digest);
	if (memcmp(f->magic, BZ_IMAGE_MAGIC, sizeof(f->magic)) ||
	    memcmp(digest, f->footer_digest, sizeof(digest)))
		return image_fail(err, -EINVAL, "damaged image: footer");
	if (f->version != BZ_IMAGE_VERSION || f->flags || !all_zero(f->reserved, sizeof(f->reserved)))
		return image_fail(err, -EINVAL, "image made by a newer Bartizan: unknown footer");
	if (f->size != img->size || f->section_count == 0 || f->section_count > BZ_IMAGE_SECTIONS_MAX ||
	    f->table_offset % 64 || f->table_offset > img->size - FOOTER ||
	    img->size - FOOTER - f->table_offset != f->section_count * sizeof(struct bz_image_section))
		return image_fail(err, -EINVAL, "damaged image: footer");
	return 0;
}

/* Each section behind the one before it, with less padding between them than the alignment. */
static int check_section(const struct image *img, uint32_t i, uint64_t end, struct image_error *err)
{
	const struct bz_image_section *s = &img->sections[i];
	bool known = s->type >= BZ_SECTION_EROFS && s->type <= BZ_SECTION_BLOCKS;

	if (!known && !(s->flags & BZ_SECTION_OPTIONAL))
		return image_fail(err, -EINVAL, "image made by a newer Bartizan: section type %u", s->type);
	if ((s->flags & ~BZ_SECTION_OPTIONAL) || s->reserved || s->length == 0)
		return image_fail(err, -EINVAL, "damaged image: section %u", i);
	if (s->offset % BZ_IMAGE_ALIGN || s->offset < end || s->offset - end >= BZ_IMAGE_ALIGN ||
	    s->offset > img->footer.table_offset || s->length > img->footer.table_offset - s->offset)
		return image_fail(err, -EINVAL, "damaged image: place of section %u", i);
	if ((s->type == BZ_SECTION_EROFS) != (i == 0) ||
	    (i == 0 && (s->offset || s->length % BZ_IMAGE_ALIGN)))
		return image_fail(err, -EINVAL, "damaged image: file system section");
	for (uint32_t k = 0; k < i; k++)
		if (img->sections[k].type == s->type)
			return image_fail(err, -EINVAL, "damaged image: two sections of type %u", s->type);
	return 0;
}

static int check_table(struct image *img, struct image_error *err)
{
	size_t bytes = img->footer.section_count * sizeof(img->sections[0]);
	uint8_t digest[BZ_DIGEST_SIZE];
	uint64_t end = 0;

	if (read_at(img->fd, img->sections, bytes, img->footer.table_offset))
		return image_fail(err, -EIO, "cannot read the image's section table");
	sha256(img->sections, bytes, digest);
	if (memcmp(digest, img->footer.table_digest, sizeof(digest)))
		return image_fail(err, -EINVAL, "damaged image: section table");
	img->section_count = img->footer.section_count;
	for (uint32_t i = 0; i < img->section_count; i++) {
		int ret = check_section(img, i, end, err);

		if (ret)
			return ret;
		end = img->sections[i].offset + img->sections[i].length;
	}
	if (img->footer.table_offset - end >= 64)
		return image_fail(err, -EINVAL, "damaged image: place of the section table");
	return 0;
}

static int read_manifest(struct image *img, struct image_error *err)
{
	const struct bz_image_section *s = image_section(img, BZ_SECTION_MANIFEST);
	uint8_t digest[BZ_DIGEST_SIZE];
	void *bytes;
	int ret;

	if (!s || s->length > BZ_MANIFEST_MAX)
		return image_fail(err, -EINVAL, "damaged image: %s", s ? "manifest too long" : "no manifest");
	bytes = malloc(s->length);
	if (!bytes)
		return image_fail(err, -ENOMEM, "out of memory");
	if (read_at(img->fd, bytes, s->length, s->offset)) {
		ret = image_fail(err, -EIO, "cannot read the image's manifest");
	} else {
		sha256(bytes, s->length, digest);
		ret = memcmp(digest, s->digest, sizeof(digest))
			  ? image_fail(err, -EINVAL, "damaged image: manifest")
			  : manifest_decode(&img->manifest, bytes, s->length, err);
	}
	free(bytes);
	return ret;
}

int image_open(struct image *img, int fd, struct image_error *err)
{
	int ret;

	memset(img, 0, sizeof(*img));
	ret = check_file(img, fd, err);
	if (!ret)
		ret = check_footer(img, err);
	if (!ret)
		ret = check_table(img, err);
	if (!ret)
		ret = read_manifest(img, err);
	return ret;
}

void image_close(struct image *img)
{
	manifest_free(&img->manifest);
	img->fd = -1;
}

const struct bz_image_section *image_section(const struct image *img, uint32_t type)
{
	for (uint32_t i = 0; i < img->section_count; i++)
		if (img->sections[i].type == type)
			return &img->sections[i];
	return NULL;
}

bool image_is_signed(const struct image *img)
{
	return !all_zero(img->footer.signature, sizeof(img->footer.signature));
}
