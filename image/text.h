/* Patched text in the form of section TEXT (libos/rewrite/textformat.h). */
#ifndef BARTIZAN_IMAGE_TEXT_H
#define BARTIZAN_IMAGE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "image/error.h"
#include "libos/rewrite/textformat.h"

/* For the file system in [0, size) of fd; the section stands directly behind it.  *out: allocated, or null if there is none. */
int text_make(int fd, uint64_t size, uint8_t **out, size_t *len, struct image_error *err);

/* The same for single files of the host: what each one is by `first` and `key`. */
struct text_source {
	const uint8_t *bytes; /* hostile */
	uint64_t size, first;
	struct text_key key;
	const char *name;
};
struct texts;
struct texts *texts_new(struct image_error *err);
int texts_add(struct texts *t, const struct text_source *source); /* what is no ELF file, or has no sites, is left out */
int texts_finish(struct texts *t, uint64_t start, uint8_t **out, size_t *len);
void texts_free(struct texts *t);

#endif
