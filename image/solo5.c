/*
 * Solo5 guests in `build` and `inspect`: what they are and want, and packing one with its block devices.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guests/solo5/image.h"
#include "image/build.h"
#include "image/progress.h"

#define SECTOR_DEFAULT 512u
#define SECTOR_MAX 32768u
#define MEMORY_ANY (1ull << 40) /* how much it gets is for `run` to say */
#define BUFFER (64u << 10) /* what is all zeros stays a hole: in such pieces */
#define ALIGN(x) (((x) + BZ_IMAGE_ALIGN - 1) & ~(uint64_t)(BZ_IMAGE_ALIGN - 1))

static int read_image(int fd, uint64_t offset, uint64_t size, struct solo5_image *image, struct image_error *err)
{
	struct solo5_file file = {.fd = fd, .offset = offset};
	struct solo5_source source = solo5_source_of_file(&file, size);

	return solo5_read(&source, image, err->text, sizeof(err->text));
}

bool solo5_is_part(int fd, uint64_t offset, uint64_t size)
{
	struct solo5_file file = {.fd = fd, .offset = offset};
	struct solo5_source source = solo5_source_of_file(&file, size);

	return solo5_probe(&source);
}

/* --- Showing ------------------------------------------------------------------------------------------- */

static const char *state_of(const struct solo5_image *image)
{
	return image->target == SOLO5_SPT && image->version && image->version <= SOLO5_VERSION_MAX
		   ? ""
		   : " (does not run here: only spt, versions 1 and 2, do)";
}

int solo5_print(int fd, uint64_t offset, uint64_t size, struct image_error *err)
{
	struct solo5_image image;
	int ret = read_image(fd, offset, size, &image, err);
	char name[SOLO5_NAME_MAX * 4 + 1];

	if (ret)
		return ret;
	printf("Solo5 guest\n  target       %s\n  ABI version  %u%s\n", solo5_target_name(image.target), image.version,
	       state_of(&image));
	if (image.manifest.count == 1)
		printf("  devices      none\n");
	for (uint32_t i = 1; i < image.manifest.count; i++) {
		const struct solo5_entry *e = &image.manifest.entries[i];

		printf("  %-12s %s %s\n", i == 1 ? "devices" : "", solo5_type_name(e->type),
		       image_escape(name, sizeof(name), e->name, strlen(e->name)));
	}
	return 0;
}

json_t *solo5_json(int fd, uint64_t offset, uint64_t size, struct image_error *err)
{
	struct solo5_image image;
	json_t *root, *devices;
	char name[SOLO5_NAME_MAX * 4 + 1];

	if (read_image(fd, offset, size, &image, err))
		return NULL;
	root = json_object();
	devices = json_array();
	json_object_set_new(root, "target", json_string(solo5_target_name(image.target)));
	json_object_set_new(root, "version", json_integer(image.version));
	for (uint32_t i = 1; i < image.manifest.count; i++) {
		const struct solo5_entry *e = &image.manifest.entries[i];
		json_t *device = json_object();

		json_object_set_new(device, "name", json_string(image_escape(name, sizeof(name), e->name, strlen(e->name))));
		json_object_set_new(device, "type", json_string(solo5_type_name(e->type)));
		json_array_append_new(devices, device);
	}
	json_object_set_new(root, "devices", devices);
	return root;
}

int solo5_inspect(int fd, bool json, struct image_error *err)
{
	json_t *root, *inner;
	struct stat st;

	if (fstat(fd, &st))
		return image_fail(err, -errno, "%s", strerror(errno));
	if (!json)
		return solo5_print(fd, 0, (uint64_t)st.st_size, err);
	inner = solo5_json(fd, 0, (uint64_t)st.st_size, err);
	if (!inner)
		return -EINVAL;
	root = json_object();
	json_object_set_new(root, "solo5", inner);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return 0;
}

/* --- Packing ------------------------------------------------------------------------------------------- */

static bool has_block(const struct solo5_manifest *m, const char *name)
{
	for (uint32_t i = 1; i < m->count; i++)
		if (m->entries[i].type == SOLO5_BLOCK && !strcmp(m->entries[i].name, name))
			return true;
	return false;
}

int solo5_check(const char *path, const struct solo5_block *blocks, size_t count, struct image_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct solo5_file file = {.fd = fd};
	struct solo5_source source;
	struct solo5_image image;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		ret = image_fail(err, -errno, "%s: %s", path, strerror(errno));
	} else {
		source = solo5_source_of_file(&file, (uint64_t)st.st_size);
		ret = solo5_read(&source, &image, err->text, sizeof(err->text));
		if (!ret)
			ret = solo5_read_segments(&source, MEMORY_ANY, &image, err->text, sizeof(err->text));
	}
	for (size_t i = 0; i < count && !ret; i++)
		if (!has_block(&image.manifest, blocks[i].name))
			ret = image_fail(err, -EINVAL, "--block: it has no block device '%s' in its manifest", blocks[i].name);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int copy(int from, int to, uint64_t at, uint64_t length, const char *name, struct image_error *err)
{
	char *buffer = malloc(BUFFER);
	uint64_t done = 0;
	int ret = buffer ? 0 : image_fail(err, -ENOMEM, "out of memory");

	while (!ret && done < length) {
		uint64_t want = length - done < BUFFER ? length - done : BUFFER;
		ssize_t n = pread(from, buffer, want, (off_t)done);

		if (n <= 0)
			ret = image_fail(err, n ? -errno : -EIO, "%s: cannot be read to its end", name);
		/* What is all zeros stays a hole: the image was cut before. */
		else if ((buffer[0] || memcmp(buffer, buffer + 1, (size_t)n - 1)) &&
			 pwrite(to, buffer, (size_t)n, (off_t)(at + done)) != n)
			ret = image_fail(err, -errno, "cannot write the image: %s", strerror(errno));
		else
			done += (uint64_t)n;
		progress(done, length);
	}
	free(buffer);
	return ret;
}

static int pack_one(int fd, uint64_t at, const struct solo5_block *from, struct bz_block *to, struct image_error *err)
{
	int file = open(from->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret = 0;
	struct stat st;

	if (file < 0 || fstat(file, &st))
		ret = image_fail(err, -errno, "--block: %s: %s", from->file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		ret = image_fail(err, -EINVAL, "--block: %s: not a file", from->file);
	snprintf(to->name, sizeof(to->name), "%s", from->name);
	to->sector_size = from->sector_size ? from->sector_size : SECTOR_DEFAULT;
	if (!ret && (to->sector_size < SECTOR_DEFAULT || to->sector_size > SECTOR_MAX ||
		     to->sector_size & (to->sector_size - 1)))
		ret = image_fail(err, -EINVAL, "--block-sector-size: %u is no power of two from 512 to 32768", to->sector_size);
	if (!ret && (st.st_size == 0 || st.st_size % to->sector_size))
		ret = image_fail(err, -EINVAL, "--block: %s: its %lld bytes are not whole sectors of %u", from->file,
				 (long long)st.st_size, to->sector_size);
	if (!ret) {
		to->length = (uint64_t)st.st_size;
		ret = copy(file, fd, at + to->offset, to->length, from->file, err);
	}
	if (file >= 0)
		close(file);
	return ret;
}

int solo5_pack(int fd, uint64_t at, const struct solo5_block *blocks, size_t count, uint64_t *length,
	       struct image_error *err)
{
	struct {
		struct bz_blocks_header head;
		struct bz_block block[BZ_BLOCKS_MAX];
	} table = {.head = {.magic = BZ_BLOCKS_MAGIC, .count = (uint32_t)count}};
	const size_t size = sizeof(table.head) + count * sizeof(table.block[0]);
	uint64_t end = size;
	int ret = 0;

	progress_start("packing block devices");
	for (size_t i = 0; i < count && !ret; i++) {
		table.block[i].offset = ALIGN(end);
		ret = pack_one(fd, at, &blocks[i], &table.block[i], err);
		end = table.block[i].offset + table.block[i].length;
	}
	if (!ret && pwrite(fd, &table, size, (off_t)at) != (ssize_t)size)
		ret = image_fail(err, -errno, "cannot write the image: %s", strerror(errno));
	*length = end;
	return ret;
}
