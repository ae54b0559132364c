/*
 * `bartizan inspect --sites`: the `syscall` instructions of an image's files, as section TEXT has them, or of an ELF file, looked at
 * now; which became jumps, and why the others did not.  Both are hostile.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/build.h"
#include "image/sites.h"
#include "libos/rewrite/textformat.h"

struct show {
	json_t *files; /* null: for people */
	unsigned long long sites, by_verdict[PATCH_VERDICTS];
	/* The file at hand. */
	json_t *list;
};

static void show_begin(struct show *s, const char *name, size_t sites, size_t patched)
{
	char shown[4096];
	json_t *file;

	image_escape(shown, sizeof(shown), name, strlen(name));
	if (!s->files) {
		printf("%s: %zu sites, %zu patched\n", shown, sites, patched);
		return;
	}
	file = json_object();
	s->list = json_array();
	json_object_set_new(file, "name", json_string(shown));
	json_object_set_new(file, "sites", json_integer((json_int_t)sites));
	json_object_set_new(file, "patched", json_integer((json_int_t)patched));
	json_object_set_new(file, "list", s->list);
	json_array_append_new(s->files, file);
}

static void show_site(struct show *s, uint64_t address, unsigned int verdict, bool before)
{
	const char *text = verdict == PATCH_FITS && before ? "patched before it" : site_verdict((int)verdict);
	char hex[32];
	json_t *o;

	s->sites++;
	if (verdict < PATCH_VERDICTS)
		s->by_verdict[verdict]++;
	snprintf(hex, sizeof(hex), "%#llx", (unsigned long long)address);
	if (!s->files) {
		printf("  %-18s %s\n", hex, text);
		return;
	}
	o = json_object();
	json_object_set_new(o, "address", json_string(hex));
	json_object_set_new(o, "verdict", json_string(text));
	json_array_append_new(s->list, o);
}

static int show_end(struct show *s)
{
	json_t *root = s->files ? json_object() : NULL, *left = json_object();

	if (!root)
		printf("All: %llu sites, %llu patched", s->sites, s->by_verdict[PATCH_FITS]);
	for (int v = 0; v < PATCH_VERDICTS; v++) {
		if (v == PATCH_FITS || !s->by_verdict[v])
			continue;
		json_object_set_new(left, site_verdict(v), json_integer((json_int_t)s->by_verdict[v]));
		if (!root)
			printf(", %llu %s", s->by_verdict[v], site_verdict(v));
	}
	if (root) {
		json_object_set_new(root, "sites", json_integer((json_int_t)s->sites));
		json_object_set_new(root, "patched", json_integer((json_int_t)s->by_verdict[PATCH_FITS]));
		json_object_set(root, "left", left);
		json_object_set(root, "files", s->files);
		json_dumpf(root, stdout, JSON_INDENT(2));
	}
	putchar('\n');
	json_decref(root);
	json_decref(left);
	json_decref(s->files);
	return 0;
}

static int damaged(struct image_error *err)
{
	return image_fail(err, -EINVAL, "damaged image: patched text");
}

static int show_entry(struct show *s, const uint8_t *index, const struct text_header *h, const struct text_file *f,
		      struct image_error *err)
{
	struct text_site site;

	if (f->name_at >= h->size || f->sites_at > h->size || f->sites > (h->size - f->sites_at) / sizeof(site) ||
	    !memchr(index + f->name_at, 0, h->size - f->name_at))
		return damaged(err);
	show_begin(s, (const char *)index + f->name_at, f->sites, f->patched);
	for (uint32_t i = 0; i < f->sites; i++) {
		memcpy(&site, index + f->sites_at + i * sizeof(site), sizeof(site));
		show_site(s, f->address + site.site, site.verdict, site.before);
	}
	return 0;
}

static int show_image(struct show *s, int fd, const struct bz_image_section *section, struct image_error *err)
{
	struct text_header h;
	struct text_file f;
	uint8_t *index;
	int ret = 0;

	if (section->length < sizeof(h) || pread(fd, &h, sizeof(h), (off_t)section->offset) != sizeof(h) || h.magic != TEXT_MAGIC ||
	    h.size > section->length || h.size > TEXT_SIZE_MAX || h.files > TEXT_FILES_MAX ||
	    h.size < sizeof(h) + h.files * sizeof(f))
		return damaged(err);
	index = malloc(h.size);
	if (!index || pread(fd, index, h.size, (off_t)section->offset) != (ssize_t)h.size)
		ret = damaged(err);
	for (uint32_t i = 0; i < h.files && !ret; i++) {
		memcpy(&f, index + sizeof(h) + i * sizeof(f), sizeof(f));
		ret = show_entry(s, index, &h, &f, err);
	}
	free(index);
	return ret;
}

static int show_elf(struct show *s, const char *name, int fd, struct image_error *err)
{
	struct sites found;
	struct stat st;
	void *bytes = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0
			  ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
			  : MAP_FAILED;

	if (bytes == MAP_FAILED || !sites_find(bytes, (size_t)st.st_size, &found)) {
		if (bytes != MAP_FAILED)
			munmap(bytes, (size_t)st.st_size);
		return image_fail(err, -ENOEXEC, "is neither an image nor an ELF program for x86-64");
	}
	show_begin(s, name, found.count, found.patched);
	for (size_t i = 0; i < found.count; i++)
		show_site(s, found.site[i].address, (unsigned int)found.site[i].verdict,
			  found.site[i].plan && patch_start(found.site[i].plan) != found.site[i].address);
	sites_free(&found);
	munmap(bytes, (size_t)st.st_size);
	return 0;
}

int sites_show(const char *name, int fd, const struct image *img, bool json, struct image_error *err)
{
	struct show s = {.files = json ? json_array() : NULL};
	const struct bz_image_section *section = img ? image_section(img, BZ_SECTION_TEXT) : NULL;
	int ret;

	if (section)
		ret = show_image(&s, fd, section, err);
	else
		ret = img ? 0 : show_elf(&s, name, fd, err); /* no text in an image: it has no sites */
	return ret ? ret : show_end(&s);
}
