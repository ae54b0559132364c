/*
 * One line for people: what failed, on which name, why, what to do.  Filled where the error is known, printed
 * at the edge.  Text in it that came from an image or an archive has been escaped.
 */
#ifndef BARTIZAN_IMAGE_ERROR_H
#define BARTIZAN_IMAGE_ERROR_H

#include <stddef.h>

struct image_error {
	char text[512];
};

/* Writes the line and returns `code`, so that a check reads `return image_fail(err, -EINVAL, ...)`. */
int image_fail(struct image_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Escapes controls, DEL, backslash and what is not UTF-8; always ends with NUL; what does not fit is cut. */
const char *image_escape(char *out, size_t size, const char *text, size_t len);

/* "BEFORE: [WHAT: ]TEXT" on standard error: one line, with the controls escaped that came in by names. */
void image_say(const char *before, const char *what, const char *text);

#endif
