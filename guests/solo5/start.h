/*
 * From an image and its devices to a sandbox: what the loader (stub/) is told, and the filter's rules.
 */
#ifndef BARTIZAN_SOLO5_START_H
#define BARTIZAN_SOLO5_START_H

#include "guests/solo5/image.h"
#include "guests/solo5/stub/stub.h"
#include "monitor/filter.h"
#include "monitor/monitor.h"

#define SOLO5_RULES_MAX (2 * SOLO5_ENTRIES_MAX + 16)

/* Filled by solo5_start_make; it points into itself and stays where it is. */
struct solo5_sandbox {
	struct solo5_start start;
	struct filter_rule rules[SOLO5_RULES_MAX];
	int fds[SOLO5_ENTRIES_MAX];
	struct sandbox_guest guest;
};

/*
 * Devices in image->manifest are attached: `fd` is the command's, and becomes the guest's here.  `arguments` are joined
 * by blanks.  0, or -EINVAL with a line for people in `err`.
 */
int solo5_start_make(struct solo5_sandbox *sandbox, struct solo5_image *image, uint64_t memory_size, bool exec_heap,
		     const char *const *arguments, char *err, size_t err_size);

/* rules.c: returns how many, sorted by number. */
size_t solo5_rules(const struct solo5_manifest *manifest, uint64_t memory_size, struct filter_rule *out);

#endif
