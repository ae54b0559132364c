/* Queries and answers of the domain name system, RFC 1035 and 6891: for who asks a name server (resolve.c). */
#ifndef BARTIZAN_CLI_DNS_H
#define BARTIZAN_CLI_DNS_H

#include <stddef.h>
#include <stdint.h>

#define DNS_A 1
#define DNS_AAAA 28
#define DNS_MESSAGE_MAX 4096
#define DNS_ADDRESSES_MAX 64

/* What is known of a name.  IPv4: ::ffff:a.b.c.d. */
struct dns_found {
	int32_t count; /* of addresses, or a negative error number */
	uint32_t ttl;  /* seconds: the least of all that led to them */
	uint8_t ip[DNS_ADDRESSES_MAX][16];
};

/* A question for addresses of one type.  Its length; 0: the name is none. */
size_t dns_ask(uint8_t out[512], uint16_t id, const char *name, uint16_t type);
/* HOSTILE INPUT.  Adds what a message says to `found`.  1: it answers that question; 0: it answers another one, or is none;
 * -1: the server cannot tell. */
int dns_take(const uint8_t *message, size_t len, const uint8_t *question, size_t question_len, struct dns_found *found);

#endif
