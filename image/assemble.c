/*
 * Putting an image together: sections behind the file system, digests, footer.  The layout is
 * image/format.h's.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/build.h"
#include "image/elfscan.h"
#include "image/progress.h"
#include "image/text.h"

#define BUFFER (1u << 20)

struct writer {
	int fd;
	uint64_t at;
	struct bz_image_section sections[BZ_IMAGE_SECTIONS_MAX];
	uint32_t count;
	struct image_error *err;
};

static int write_at(struct writer *w, const void *bytes, size_t n, uint64_t off)
{
	while (n > 0) {
		ssize_t r = pwrite(w->fd, bytes, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return image_fail(w->err, -errno, "cannot write the image: %s", strerror(errno));
		bytes = (const char *)bytes + r;
		n -= (size_t)r;
		off += (uint64_t)r;
	}
	return 0;
}

/* Padding is a hole: the file was cut at w->at, so what is skipped reads as zeros. */
static int add_section(struct writer *w, uint32_t type, const void *bytes, size_t n)
{
	struct bz_image_section *s = &w->sections[w->count++];

	s->type = type;
	s->offset = (w->at + BZ_IMAGE_ALIGN - 1) & ~(uint64_t)(BZ_IMAGE_ALIGN - 1);
	s->length = n;
	sha256(bytes, n, s->digest);
	w->at = s->offset + n;
	return write_at(w, bytes, n, s->offset);
}

/* Only what is loaded goes into an image: no symbols, no debug information, no section table. */
static int add_libos(struct writer *w, const char *path, bool whole)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct image_error why;
	struct elf_info info;
	struct stat st;
	Elf64_Ehdr *e;
	void *bytes;

	if (fd < 0 || fstat(fd, &st)) {
		ret = image_fail(w->err, -errno, "library OS %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	bytes = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0)
			       : MAP_FAILED;
	close(fd);
	if (bytes == MAP_FAILED)
		return image_fail(w->err, -ENOEXEC, "library OS %s: cannot be read", path);
	ret = whole ? 0 : elf_scan(bytes, (size_t)st.st_size, &info, &why);
	if (whole) {
		ret = add_section(w, BZ_SECTION_LIBOS, bytes, (size_t)st.st_size);
	} else if (ret) {
		ret = image_fail(w->err, ret, "library OS %s: %s", path, why.text);
	} else {
		uint64_t headers, end = info.load_end;

		e = bytes;
		headers = e->e_phoff + e->e_phnum * sizeof(Elf64_Phdr);
		if (end < headers)
			end = headers;
		e->e_shoff = 0;
		e->e_shnum = e->e_shstrndx = 0;
		ret = add_section(w, BZ_SECTION_LIBOS, bytes, end);
	}
	munmap(bytes, (size_t)st.st_size);
	return ret;
}

/* The digest of what is in the file: of the file system, once its header is written; of what is not read into memory. */
static int hash_section(struct writer *w, struct bz_image_section *s)
{
	char *buf = malloc(BUFFER);
	struct sha256 h;
	uint64_t at = 0;

	if (!buf)
		return image_fail(w->err, -ENOMEM, "out of memory");
	progress_start("hashing");
	sha256_init(&h);
	while (at < s->length) {
		ssize_t n = pread(w->fd, buf, s->length - at < BUFFER ? s->length - at : BUFFER, (off_t)(s->offset + at));

		if (n <= 0) {
			free(buf);
			return image_fail(w->err, n ? -errno : -EIO, "cannot read the image back");
		}
		sha256_update(&h, buf, (size_t)n);
		at += (uint64_t)n;
		progress(at, s->length);
	}
	free(buf);
	sha256_final(&h, s->digest);
	return 0;
}

static int add_blocks(struct writer *w, const struct parts *parts)
{
	struct bz_image_section *s = &w->sections[w->count++];
	int ret;

	s->type = BZ_SECTION_BLOCKS;
	s->offset = (w->at + BZ_IMAGE_ALIGN - 1) & ~(uint64_t)(BZ_IMAGE_ALIGN - 1);
	ret = solo5_pack(w->fd, s->offset, parts->blocks, parts->block_count, &s->length, w->err);
	w->at = s->offset + s->length;
	if (!ret && ftruncate(w->fd, (off_t)w->at)) /* its end may be a hole */
		ret = image_fail(w->err, -errno, "cannot write the image: %s", strerror(errno));
	return ret ? ret : hash_section(w, s);
}

static int add_footer(struct writer *w, const char *sign_key)
{
	struct bz_image_footer f = {.version = BZ_IMAGE_VERSION, .section_count = w->count};
	size_t bytes = w->count * sizeof(w->sections[0]);
	int ret = 0;

	memcpy(f.magic, BZ_IMAGE_MAGIC, sizeof(f.magic));
	f.table_offset = w->at;
	f.size = w->at + bytes + sizeof(f);
	sha256(w->sections, bytes, f.table_digest);
	if (sign_key)
		ret = sign_footer(&f, sign_key, w->err);
	sha256(&f, sizeof(f) - sizeof(f.footer_digest), f.footer_digest);
	if (!ret)
		ret = write_at(w, w->sections, bytes, w->at);
	return ret ? ret : write_at(w, &f, sizeof(f), w->at + bytes);
}

/* Directly behind the file system: there the library OS looks for it. */
static int add_text(struct writer *w, uint64_t size)
{
	uint8_t *bytes;
	size_t n;
	int ret = text_make(w->fd, size, &bytes, &n, w->err);

	if (!ret && bytes)
		ret = add_section(w, BZ_SECTION_TEXT, bytes, n);
	free(bytes);
	return ret;
}

int assemble(int fd, uint64_t size, const struct parts *parts, struct image_error *err)
{
	struct writer w = {.fd = fd, .at = size, .count = 1, .err = err};
	struct bz_image_header head = {.version = BZ_IMAGE_VERSION};
	int ret = 0;

	w.sections[0] = (struct bz_image_section){.type = BZ_SECTION_EROFS, .length = size};
	if (!parts->no_text)
		ret = add_text(&w, size);
	if (!ret && parts->libos)
		ret = add_libos(&w, parts->libos, parts->solo5);
	if (!ret)
		ret = add_section(&w, BZ_SECTION_MANIFEST, parts->manifest, parts->manifest_len);
	if (!ret && parts->block_count)
		ret = add_blocks(&w, parts);
	if (ret)
		return ret;
	w.at = (w.at + 63) & ~63ull;
	memcpy(head.magic, BZ_IMAGE_MAGIC, sizeof(head.magic));
	head.size = w.at + w.count * sizeof(w.sections[0]) + sizeof(struct bz_image_footer);
	ret = write_at(&w, &head, sizeof(head), 0);
	if (!ret)
		ret = hash_section(&w, &w.sections[0]);
	return ret ? ret : add_footer(&w, parts->sign_key);
}

char *libos_default(void)
{
	static const char *const places[] = {"bartizan-libos.elf", "libos/bartizan-libos.elf",
					     "../libos/bartizan-libos.elf",
					     "../libexec/bartizan/bartizan-libos.elf"};
	char exe[4096], *path;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (asprintf(&path, "%s/%s", exe, places[i]) < 0)
			return NULL;
		if (access(path, R_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}
