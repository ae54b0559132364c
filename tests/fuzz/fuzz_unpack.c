/*
 * Any bytes as the report of the process that unpacks archives.
 */
#include <stdint.h>
#include <string.h>

#include "image/unpacker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage stage = {.dir = -1, .root = -1};
	struct draft draft = {0};
	struct image_error err;

	if (unpack_report(&stage, &draft, (const char *)data, size, &err) == 0)
		for (size_t i = 0; i < stage.owners.count && i < 16; i++)
			owners_find(&stage.owners, stage.owners.item[i].path);
	owners_free(&stage.owners);
	draft_free(&draft);
	return 0;
}
