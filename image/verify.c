/*
 * Checking the digest of every section, once a file.
 *
 * Hashing a large image costs more than starting it, so what was verified is written down in a cache of the
 * user's own and believed while device, inode, size, mtime and ctime are the same.  Only a file whose ctime
 * was two seconds old when hashing began is written down: a later change then must show in ctime, however
 * coarse the file system's clock is.  A file under fs-verity cannot change at all; it is known by its verity
 * digest.  The cache holds a fixed number of slots and is never more than a hint: a slot that is not exactly
 * as expected is a miss.  It is used only if the directory is the user's and nobody else can write there.
 *
 * What it cannot see: damage by the disk itself after the first time, and a clock set back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/cache.h"
#include "image/image.h"

#define BUFFER (256u << 10)
#define SLOTS 1024u
#define RECORD_MAGIC 0x3130764656565a42ull

/* What a slot's file holds: the identity of a file that was verified. */
struct record {
	uint64_t magic;
	uint64_t is_verity; /* known by its verity digest instead of inode and times */
	uint64_t dev, ino, size;
	int64_t mtime, mtime_nsec, ctime, ctime_nsec;
	uint8_t footer_digest[BZ_DIGEST_SIZE];
	uint8_t verity[64];
};

static bool measure_verity(int fd, uint8_t digest[64])
{
	union {
		struct fsverity_digest d;
		uint8_t bytes[sizeof(struct fsverity_digest) + 64];
	} v = {.d = {.digest_size = 64}};

	if (ioctl(fd, FS_IOC_MEASURE_VERITY, &v.d) || v.d.digest_size > 64)
		return false;
	memcpy(digest, v.d.digest, v.d.digest_size);
	return true;
}

static void record_fill(struct record *r, const struct image *img, const struct stat *st)
{
	memset(r, 0, sizeof(*r));
	r->magic = RECORD_MAGIC;
	r->size = (uint64_t)st->st_size;
	memcpy(r->footer_digest, img->footer.footer_digest, sizeof(r->footer_digest));
	r->is_verity = measure_verity(img->fd, r->verity);
	if (r->is_verity)
		return;
	r->dev = st->st_dev;
	r->ino = st->st_ino;
	r->mtime = st->st_mtim.tv_sec;
	r->mtime_nsec = st->st_mtim.tv_nsec;
	r->ctime = st->st_ctim.tv_sec;
	r->ctime_nsec = st->st_ctim.tv_nsec;
}

static bool old_enough(const struct record *r, const struct stat *st)
{
	return r->is_verity || cache_settled(st);
}

static void slot_name(const struct record *r, char name[16])
{
	uint64_t h = 0xcbf29ce484222325ull;
	uint64_t key[3] = {r->dev, r->ino, r->size};

	if (r->is_verity)
		memcpy(key, r->verity, sizeof(key));
	for (size_t i = 0; i < sizeof(key); i++)
		h = (h ^ ((uint8_t *)key)[i]) * 0x100000001b3ull;
	snprintf(name, 16, "%03x", (unsigned int)(h >> 32) % SLOTS);
}

static bool cache_has(const struct record *r)
{
	struct record found;
	struct stat st;
	char name[16];
	int fd, dir = cache_dir("verified", false);
	bool hit;

	if (dir < 0)
		return false;
	slot_name(r, name);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	close(dir);
	if (fd < 0)
		return false;
	hit = cache_file_ok(fd, &st) && read(fd, &found, sizeof(found)) == sizeof(found) && memcmp(&found, r, sizeof(found)) == 0;
	close(fd);
	return hit;
}

/* A cache that cannot be written costs time, nothing else: no error. */
static void cache_add(const struct record *r)
{
	char name[16], temp[64];
	int fd, dir = cache_dir("verified", true);
	bool ok;

	if (dir < 0)
		return;
	slot_name(r, name);
	snprintf(temp, sizeof(temp), ".%s.%d", name, (int)getpid());
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		ok = write(fd, r, sizeof(*r)) == sizeof(*r);
		close(fd);
		if (!ok || renameat(dir, temp, dir, name))
			unlinkat(dir, temp, 0);
	} else if (errno == EEXIST) {
		unlinkat(dir, temp, 0); /* left by a process of our number that was killed */
	}
	close(dir);
}

/* The walk over the whole file. */
struct walk {
	const struct image *img;
	uint8_t *buf;
	image_progress progress;
	void *arg;
	uint64_t done;
};

/* Hashes (s != null) or checks for zeros [off, end).  1: bytes are as they must be, 0: not, or -errno. */
static int check_range(struct walk *w, uint64_t off, uint64_t end, struct sha256 *s)
{
	while (off < end) {
		size_t want = end - off < BUFFER ? end - off : BUFFER;
		ssize_t n = pread(w->img->fd, w->buf, want, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		if (s)
			sha256_update(s, w->buf, (size_t)n);
		for (ssize_t i = 0; !s && i < n; i++)
			if (w->buf[i])
				return 0;
		off += (uint64_t)n;
		w->done += (uint64_t)n;
		if (w->progress)
			w->progress(w->arg, w->done, w->img->size);
	}
	return 1;
}

static int check_sections(struct walk *w, uint32_t flags, struct image_report *report,
			  struct image_error *err)
{
	const struct image *img = w->img;
	uint64_t end = 0;
	int ret = 0;

	report->padding = true;
	for (uint32_t i = 0; i <= img->section_count; i++) {
		bool last = i == img->section_count;
		uint64_t next = last ? img->footer.table_offset : img->sections[i].offset;
		uint8_t digest[BZ_DIGEST_SIZE];
		struct sha256 s;
		int r = check_range(w, end, next, NULL);

		if (r < 0)
			return image_fail(err, r, "cannot read the image: %s", strerror(-r));
		if (r == 0) {
			report->padding = false;
			ret = image_fail(err, -EBADMSG, "damaged image: padding before offset %llu",
					 (unsigned long long)next);
		}
		if (last || (ret && !(flags & IMAGE_VERIFY_REPORT)))
			break;
		end = next + img->sections[i].length;
		sha256_init(&s);
		r = check_range(w, next, end, &s);
		if (r < 0)
			return image_fail(err, r, "cannot read the image: %s", strerror(-r));
		sha256_final(&s, digest);
		report->match[i] = memcmp(digest, img->sections[i].digest, sizeof(digest)) == 0;
		if (!report->match[i])
			ret = image_fail(err, -EBADMSG,
					 "damaged image: section %u does not match its digest; "
					 "copy or build it again",
					 i);
		if (ret && !(flags & IMAGE_VERIFY_REPORT))
			break;
	}
	return ret;
}

int image_verify(const struct image *img, uint32_t flags, struct image_report *report,
		 image_progress progress, void *arg, struct image_error *err)
{
	struct walk w = {.img = img, .progress = progress, .arg = arg};
	struct image_report unused;
	struct record before, after;
	struct stat st;
	bool cacheable;
	int ret;

	if (!report)
		report = &unused;
	memset(report, 0, sizeof(*report));
	if (fstat(img->fd, &st))
		return image_fail(err, -errno, "cannot stat the image: %s", strerror(errno));
	if ((uint64_t)st.st_size != img->size)
		return image_fail(err, -EBADMSG, "the image changed while it was read");
	record_fill(&before, img, &st);
	cacheable = !(flags & IMAGE_VERIFY_FULL) && old_enough(&before, &st);
	if (cacheable && cache_has(&before)) {
		report->cached = report->padding = true;
		memset(report->match, true, sizeof(report->match));
		return 0;
	}
	w.buf = malloc(BUFFER);
	if (!w.buf)
		return image_fail(err, -ENOMEM, "out of memory");
	ret = check_sections(&w, flags, report, err);
	free(w.buf);
	if (ret == 0 && cacheable && fstat(img->fd, &st) == 0) {
		record_fill(&after, img, &st);
		if (memcmp(&before, &after, sizeof(before)) == 0)
			cache_add(&before);
	}
	return ret;
}
