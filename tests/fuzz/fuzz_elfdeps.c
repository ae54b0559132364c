/*
 * Any bytes as an ELF file, and as an ld.so.cache.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/elfscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t total;

static void read_all(const char *s)
{
	if (s)
		total += strlen(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ldcache cache = {data, size};
	struct image_error err;
	struct elf_info info;

	if (elf_scan(data, size, &info, &err) == 0) {
		read_all(info.interp);
		read_all(info.rpath);
		read_all(info.runpath);
		read_all(info.soname);
		for (uint32_t i = 0; i < info.needed_count; i++)
			read_all(info.needed[i]);
		if (info.load_end > size)
			abort();
	}
	for (unsigned int i = 0; i < 3; i++)
		read_all(ldcache_lookup(&cache, "libc.so.6", i));
	return 0;
}
