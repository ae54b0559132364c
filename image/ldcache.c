/*
 * ld.so.cache, the format that glibc calls 1.1: a header, entries of 24 bytes, strings named by offsets from the
 * header.  It may stand behind a table of the old format.  HOSTILE INPUT in the sense that a damaged cache gives
 * a miss, never a crash.
 */
#include <string.h>

#include "image/elfscan.h"

#define OLD_MAGIC "ld.so-1.7.0"
#define OLD_HEADER 16
#define OLD_ENTRY 12
#define NEW_MAGIC "glibc-ld.so.cache1.1"
#define NEW_HEADER 48
#define NEW_ENTRY 24
#define FLAGS_X86_64_LIBC6 0x0303

static uint32_t word(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The part of the file in the new format. */
static bool new_part(const struct ldcache *c, const uint8_t **bytes, size_t *len)
{
	size_t at = 0;

	if (c->len >= OLD_HEADER && memcmp(c->bytes, OLD_MAGIC, strlen(OLD_MAGIC)) == 0)
		at = (OLD_HEADER + (size_t)word(c->bytes + 12) * OLD_ENTRY + 7) & ~(size_t)7;
	if (at > c->len || c->len - at < NEW_HEADER || memcmp(c->bytes + at, NEW_MAGIC, strlen(NEW_MAGIC)))
		return false;
	*bytes = c->bytes + at;
	*len = c->len - at;
	return true;
}

const char *ldcache_lookup(const struct ldcache *c, const char *name, unsigned int n)
{
	const uint8_t *bytes;
	size_t len, count;

	if (!new_part(c, &bytes, &len))
		return NULL;
	count = word(bytes + 20);
	if (count > (len - NEW_HEADER) / NEW_ENTRY)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *e = bytes + NEW_HEADER + i * NEW_ENTRY;
		uint32_t key = word(e + 4), value = word(e + 8);

		if (word(e) != FLAGS_X86_64_LIBC6 || word(e + 16) || word(e + 20) || key >= len || value >= len ||
		    !memchr(bytes + key, 0, len - key) || !memchr(bytes + value, 0, len - value))
			continue;
		if (strcmp((const char *)bytes + key, name) == 0 && n-- == 0)
			return (const char *)bytes + value;
	}
	return NULL;
}
