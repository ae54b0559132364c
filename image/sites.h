/*
 * The `syscall` sites of an ELF file, and what the rewriter's prover (libos/rewrite) says of each.
 */
#ifndef BARTIZAN_IMAGE_SITES_H
#define BARTIZAN_IMAGE_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct patch_plan;

struct site {
	uint64_t address; /* as the file's headers have it */
	int verdict;	  /* enum verdict */
	struct patch_plan *plan; /* laid out, if the verdict is PATCH_FITS */
};

struct sites {
	struct site *site; /* ascending */
	size_t count, patched;
	/* The segment that they are in: its pages in the file and as addresses, and where the file's lowest is. */
	uint64_t offset, address, pages, lowest;
	uint64_t stubs; /* address of the stubs: directly before the lowest page */
	uint64_t stub_pages;
};

/* False: not an ELF file for x86-64 that can be loaded, or memory is short.  The bytes are hostile. */
bool sites_find(const uint8_t *bytes, size_t size, struct sites *out);
void sites_free(struct sites *s);
/* Whether another decoder (Zydis) sees what the plan, laid out for a stub at this address, is made of: opinion.c. */
bool opinion_agrees(const struct patch_plan *plan, uint64_t stub);
const char *site_verdict(int verdict);

struct image;
struct image_error;
/* Prints the sites of an image that has been opened, or, without one, of the ELF file that is open as fd. */
int sites_show(const char *name, int fd, const struct image *img, bool json, struct image_error *err);

#endif
