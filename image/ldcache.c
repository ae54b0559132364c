/*
 * ld.so.cache, the format that glibc calls 1.1: a header, entries of 24 bytes, strings named by offsets from
 * the header.  It may stand behind a table of the old format.  HOSTILE INPUT in the sense that a damaged
 * cache gives a miss, never a crash.
 */
#include <ctype.h>
#include <stdlib.h>
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

		if (word(e) != FLAGS_X86_64_LIBC6 || word(e + 16) || word(e + 20) || key >= len ||
		    value >= len || !memchr(bytes + key, 0, len - key) ||
		    !memchr(bytes + value, 0, len - value))
			continue;
		if (strcmp((const char *)bytes + key, name) == 0 && n-- == 0)
			return (const char *)bytes + value;
	}
	return NULL;
}

/* The order that the linker's binary search relies on: names descend, digits compare as numbers and come
 * behind everything else. */
static int compare_names(const char *a, const char *b)
{
	while (*a && *b) {
		bool da = isdigit((unsigned char)*a), db = isdigit((unsigned char)*b);

		if (da != db)
			return da ? 1 : -1;
		if (da) {
			unsigned long x = strtoul(a, (char **)&a, 10), y = strtoul(b, (char **)&b, 10);

			if (x != y)
				return x < y ? -1 : 1;
		} else if (*a != *b) {
			return (unsigned char)*a - (unsigned char)*b;
		} else {
			a++;
			b++;
		}
	}
	return (unsigned char)*a - (unsigned char)*b;
}

static int compare(const void *a, const void *b)
{
	return -compare_names(((const struct ldcache_entry *)a)->name,
			      ((const struct ldcache_entry *)b)->name);
}

char *ldcache_make(struct ldcache_entry *entries, size_t count, size_t *len)
{
	size_t strings = 0, at;
	char *out;

	qsort(entries, count, sizeof(*entries), compare);
	for (size_t i = 1; i < count;) {
		if (strcmp(entries[i].name, entries[i - 1].name) == 0) {
			struct ldcache_entry twice = entries[i];

			memmove(entries + i, entries + i + 1, (--count - i) * sizeof(*entries));
			entries[count] = twice; /* stays the caller's */
		} else {
			i++;
		}
	}
	at = NEW_HEADER + count * NEW_ENTRY;
	for (size_t i = 0; i < count; i++)
		strings += strlen(entries[i].name) + strlen(entries[i].path) + 2;
	*len = at + strings;
	out = calloc(1, *len);
	if (!out)
		return NULL;
	memcpy(out, NEW_MAGIC, strlen(NEW_MAGIC));
	memcpy(out + 20, &(uint32_t){(uint32_t)count}, 4);
	memcpy(out + 24, &(uint32_t){(uint32_t)strings}, 4);
	out[28] = 2; /* little-endian */
	for (size_t i = 0; i < count; i++) {
		uint32_t e[6] = {FLAGS_X86_64_LIBC6, (uint32_t)at,
				 (uint32_t)(at + strlen(entries[i].name) + 1)};

		memcpy(out + NEW_HEADER + i * NEW_ENTRY, e, sizeof(e));
		strcpy(out + e[1], entries[i].name);
		strcpy(out + e[2], entries[i].path);
		at = e[2] + strlen(entries[i].path) + 1;
	}
	return out;
}
