/*
 * Any bytes as a manifest: the binary form, or, where they begin with `{`, the text form.  What is accepted
 * must survive being written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const struct bartizan_manifest *m)
{
	struct bartizan_manifest again;
	struct image_error err;
	void *one, *two;
	size_t n, k;
	char **argv;

	if (manifest_encode(m, &one, &n, &err))
		return; /* too long, or a rule is broken */
	if (manifest_decode(&again, one, n, &err) || manifest_encode(&again, &two, &k, &err))
		abort();
	if (n != k || memcmp(one, two, n))
		abort();
	if (manifest_argv(&again, NULL, &argv, &err) == 0)
		free(argv);
	manifest_free(&again);
	free(one);
	free(two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_error err;

	if (size && data[0] == '{') {
		struct draft d = {0};

		if (manifest_parse(&d, "fuzz", (const char *)data, size, &err) == 0)
			there_and_back(&d.m);
		draft_free(&d);
	} else {
		struct bartizan_manifest m;

		if (manifest_decode(&m, data, size, &err) == 0)
			there_and_back(&m);
		manifest_free(&m);
	}
	return 0;
}
