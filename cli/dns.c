/*
 * DNS messages.  HOSTILE INPUT: what comes from a name server, or from somebody who poses as one, is read in a process that has
 * nothing (resolve.c); here each field is looked at only where it is known to lie within the message, and names are skipped, never
 * followed.
 */
#include <string.h>

#include "cli/dns.h"

#define HEADER 12
#define CNAME 5
#define OPT 41
#define RECURSION_DESIRED 0x0100
#define RESPONSE 0x8000
#define NO_SUCH_NAME 3

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint8_t *put16(uint8_t *at, uint16_t v)
{
	at[0] = v >> 8;
	at[1] = v;
	return at + 2;
}

size_t dns_ask(uint8_t out[512], uint16_t id, const char *name, uint16_t type)
{
	uint8_t *at = out + HEADER;

	if (strlen(name) > 253)
		return 0;
	memset(out, 0, HEADER);
	put16(out, id);
	put16(out + 2, RECURSION_DESIRED);
	put16(out + 4, 1);
	put16(out + 10, 1);
	while (*name) {
		size_t len = strcspn(name, ".");

		if (!len || len > 63)
			return 0;
		*at++ = len;
		memcpy(at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	*at++ = 0;
	at = put16(at, type);
	at = put16(at, 1);
	/* EDNS: how long an answer by UDP may be. */
	*at++ = 0;
	at = put16(at, OPT);
	at = put16(at, DNS_MESSAGE_MAX);
	memset(at, 0, 6);
	return at + 6 - out;
}

/* Where the name at `at` ends, or 0. */
static size_t skip_name(const uint8_t *m, size_t len, size_t at)
{
	while (at < len) {
		if (m[at] >= 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (m[at] > 63)
			return 0;
		if (!m[at])
			return at + 1;
		at += m[at] + 1;
	}
	return 0;
}

static void take_record(uint16_t type, uint32_t ttl, const uint8_t *data, uint16_t len, struct dns_found *found)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t *ip = found->ip[found->count];

	if ((type == DNS_A || type == DNS_AAAA || type == CNAME) && ttl < found->ttl)
		found->ttl = ttl;
	if (found->count == DNS_ADDRESSES_MAX || len != (type == DNS_A ? 4 : 16) || (type != DNS_A && type != DNS_AAAA))
		return;
	if (type == DNS_A)
		memcpy(ip, mapped, sizeof(mapped));
	memcpy(type == DNS_A ? ip + 12 : ip, data, len);
	found->count++;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 32 : c;
}

/* The question comes back as it was asked, but for the case of letters; behind it ours has the OPT record, of 11 bytes. */
static int is_answer_to(const uint8_t *m, size_t len, const uint8_t *question, size_t question_len)
{
	size_t end = question_len - 11;

	if (len < end || get16(m) != get16(question) || !(get16(m + 2) & RESPONSE) || get16(m + 4) != 1)
		return 0;
	for (size_t i = HEADER; i < end; i++)
		if (lower(m[i]) != lower(question[i]))
			return 0;
	return 1;
}

int dns_take(const uint8_t *m, size_t len, const uint8_t *question, size_t question_len, struct dns_found *found)
{
	size_t at = question_len - 11;
	uint16_t type = get16(question + at - 4);

	if (len < HEADER || !is_answer_to(m, len, question, question_len))
		return 0;
	if ((m[3] & 15) && (m[3] & 15) != NO_SUCH_NAME)
		return -1;
	for (unsigned int n = get16(m + 6); n; n--) {
		uint16_t size;

		at = skip_name(m, len, at);
		if (!at || len - at < 10)
			break; /* cut off, or nonsense: what came before counts */
		size = get16(m + at + 8);
		if (len - at - 10 < size)
			break;
		if (get16(m + at + 2) == 1 && (get16(m + at) == type || get16(m + at) == CNAME))
			take_record(get16(m + at), (uint32_t)get16(m + at + 4) << 16 | get16(m + at + 6), m + at + 10, size, found);
		at += 10 + size;
	}
	return 1;
}
