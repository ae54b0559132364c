/*
 * Hostile text made safe to show; see escape.h.  Follows the Unicode Standard, table 3-7 (well-formed UTF-8).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "monitor/escape.h"

/* HOSTILE INPUT.  Decodes one character of at most `len` bytes into *code; returns its length, 0 if it is not
 * UTF-8. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80	 ? 1
		   : s[0] < 0xc2 ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > len)
		return 0;
	*code = n == 1 ? s[0] : s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000))
		return 0;
	return n;
}

/* Controls, and what reorders or hides text: bidirectional marks, zero-width characters, line separators,
 * tags. */
static bool harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static size_t escape_byte(char *out, unsigned char byte, unsigned int flags)
{
	static const char hex[] = "0123456789abcdef";
	const char *named = byte == '\n' ? "n" : byte == '\t' ? "t" : byte == '\r' ? "r" : NULL;
	size_t n = 0;

	out[n++] = '\\';
	if (named) {
		out[n++] = *named;
		return n;
	}
	out[n++] = flags & ESCAPE_JSON ? 'u' : 'x';
	if (flags & ESCAPE_JSON)
		n += (memcpy(out + n, "00", 2), 2);
	out[n++] = hex[byte >> 4];
	out[n++] = hex[byte & 15];
	return n;
}

/* One character or bad byte of the input as it shall appear; *used tells how much input that was. */
static size_t escape_one(char *out, const unsigned char *s, size_t len, size_t *used, unsigned int flags)
{
	uint32_t c = 0;
	size_t n = decode(s, len, &c), size = 0;

	*used = n ? n : 1;
	if (n && (c == '\n' || c == '\t') && (flags & ESCAPE_KEEP_NEWLINE)) {
		out[0] = c;
		return 1;
	}
	if ((c == '\\' && !(flags & ESCAPE_KEEP_BACKSLASH)) || (c == '"' && (flags & ESCAPE_JSON))) {
		out[0] = '\\';
		out[1] = c;
		return 2;
	}
	if (n && !harmful(c)) {
		memcpy(out, s, n);
		return n;
	}
	for (size_t i = 0; i < *used; i++)
		size += escape_byte(out + size, s[i], flags);
	return size;
}

size_t escape_text(char *out, size_t size, const char *text, size_t len, unsigned int flags)
{
	size_t done = 0, fits = 0; /* `fits`: how much can stay if dots have to follow */
	char one[32];

	if (size == 0)
		return 0;
	for (size_t i = 0, used; i < len; i += used) {
		size_t n = escape_one(one, (const unsigned char *)text + i, len - i, &used, flags);

		if (done + n >= size) {
			done = fits;
			for (int dots = 0; dots < 3 && done + 1 < size; dots++)
				out[done++] = '.';
			break;
		}
		memcpy(out + done, one, n);
		done += n;
		if (done + 4 <= size)
			fits = done;
	}
	out[done] = 0;
	return done;
}
