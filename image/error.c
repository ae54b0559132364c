/*
 * Error lines and the escaping of text that comes from files; see error.h.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "image/error.h"

int image_fail(struct image_error *err, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	return code;
}

/* Length of the well-formed UTF-8 sequence at s that is no control character; 0 if there is none. */
static size_t printable(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80	 ? 1
		   : s[0] < 0xc2 ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? s[0] : s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) || (c >= 0xd800 && c < 0xe000))
		return 0;
	/* Controls, and what reorders or hides text on a terminal. */
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '\\' || c == 0xad || c == 0x61c || c == 0xfeff)
		return 0;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f))
		return 0;
	return c >= 0xe0000 && c <= 0xe007f ? 0 : n;
}

static const char *escape(char *out, size_t size, const char *text, size_t len, bool keep_backslash)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0;

	for (size_t i = 0; i < len;) {
		size_t n = s[i] == '\\' && keep_backslash ? 1 : printable(s + i, len - i);

		if (at + 4 >= size)
			break;
		if (n == 0) {
			at += (size_t)snprintf(out + at, size - at, "\\x%02x", s[i++]);
			continue;
		}
		while (n--)
			out[at++] = (char)s[i++];
	}
	out[at] = 0;
	return out;
}

const char *image_escape(char *out, size_t size, const char *text, size_t len)
{
	return escape(out, size, text, len, false);
}

void image_say(const char *before, const char *what, const char *text)
{
	char line[2 * sizeof(((struct image_error *)0)->text)], name[4096] = "";

	if (what)
		escape(name, sizeof(name), what, strlen(what), true);
	fprintf(stderr, "%s: %s%s%s\n", before, name, what ? ": " : "", escape(line, sizeof(line), text, strlen(text), true));
}
