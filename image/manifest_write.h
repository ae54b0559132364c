/*
 * Making manifests (bartizan-image only): a builder that owns its strings, the text form, the binary form.
 */
#ifndef BARTIZAN_IMAGE_MANIFEST_WRITE_H
#define BARTIZAN_IMAGE_MANIFEST_WRITE_H

#include "image/format.h"
#include "image/manifest.h"

/*
 * A manifest under construction.  Its strings and arrays are allocated one by one and freed by draft_free;
 * `m.storage` stays null.  A list that was set, even to nothing, has an `item`.
 */
struct draft {
	struct bartizan_manifest m;
	void **blocks;
	size_t block_count;
};

void draft_free(struct draft *d);
void *draft_alloc(struct draft *d, size_t n); /* zeroed; ends the program where there is no memory */
const char *draft_string(struct draft *d, const char *text);
void draft_list_clear(struct draft *d, struct bartizan_list *l);
void draft_list_add(struct draft *d, struct bartizan_list *l, const char *text);
/* Adds "NAME=value", replacing an earlier one of the same name. */
void draft_list_set(struct draft *d, struct bartizan_list *l, const char *pair);
void draft_grant_add(struct draft *d, struct bartizan_grants *g, const struct bartizan_grant *grant);
/* What `from` says replaces what the draft says; environment and labels are merged by name. */
void draft_merge(struct draft *d, const struct bartizan_manifest *from);

/* JSON text into the draft.  `name` stands in errors as `name:line: key: ...`. */
int manifest_parse(struct draft *d, const char *name, const char *text, size_t len, struct image_error *err);

/* The binary form, allocated.  Equal manifests give equal bytes. */
int manifest_encode(const struct bartizan_manifest *m, void **bytes, size_t *len, struct image_error *err);

#endif
