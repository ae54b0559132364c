/* Any bytes as what a name server answers (cli/dns.c).  The id and the question are put right where the first byte is even; else few
 * inputs would come further. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t question[512], *copy;
	struct dns_found found = {.ttl = UINT32_MAX};
	size_t len = dns_ask(question, 0x1234, "a.example.org", size && data[0] & 2 ? DNS_A : DNS_AAAA);

	if (!size)
		return 0;
	copy = malloc(size); /* so that one byte beyond is seen */
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (!(data[0] & 1) && size >= len - 11) {
		memcpy(copy, question, len - 11);
		copy[2] |= 0x80;
		memcpy(copy + 6, data + 6, 2);
	}
	for (int i = 0; i < 3; i++) /* as often as it is sent */
		dns_take(copy, size, question, len, &found);
	if (found.count < 0 || found.count > DNS_ADDRESSES_MAX)
		abort();
	free(copy);
	return 0;
}
