/* Section TEXT: patched text of the files of an image (libos/rewrite/textformat.h). */
#ifndef BARTIZAN_IMAGE_TEXT_H
#define BARTIZAN_IMAGE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "image/error.h"

/* For the file system in [0, size) of fd; the section stands directly behind it.  *out: allocated, or null if there is none. */
int text_make(int fd, uint64_t size, uint8_t **out, size_t *len, struct image_error *err);

#endif
