/*
 * What an ELF file needs, and where the dynamic linker would find it.
 */
#ifndef BARTIZAN_IMAGE_ELFSCAN_H
#define BARTIZAN_IMAGE_ELFSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/error.h"

#define ELF_NEEDED_MAX 512

struct elf_info {
	bool dynamic;	     /* has a dynamic section */
	const char *interp;  /* PT_INTERP, or null */
	const char *rpath;   /* DT_RPATH, or null */
	const char *runpath; /* DT_RUNPATH, or null; rpath is void then */
	const char *soname;
	bool nodeflib; /* DF_1_NODEFLIB */
	uint32_t needed_count;
	const char *needed[ELF_NEEDED_MAX]; /* DT_NEEDED */
	uint64_t load_end;		    /* file bytes that PT_LOAD segments reach to */
};

/* Reads an ELF file's bytes.  HOSTILE INPUT.  Strings point into `bytes`.  -ENOEXEC: not an x86-64 ELF that
 * can run here; err->text then begins with what it is ("is ..."). */
int elf_scan(const void *bytes, size_t len, struct elf_info *info, struct image_error *err);

/* ld.so.cache, mapped or read; all places that it knows for a name, best first. */
struct ldcache {
	const uint8_t *bytes;
	size_t len;
};
/* The n-th path for a library name, or null.  HOSTILE INPUT.  Variants for newer processors (glibc-hwcaps)
 * are skipped: an image is for any x86-64. */
const char *ldcache_lookup(const struct ldcache *c, const char *name, unsigned int n);

struct ldcache_entry {
	char *name, *path;
};
/* A cache of these entries (which are put in order, one a name), allocated; null without memory. */
char *ldcache_make(struct ldcache_entry *entries, size_t count, size_t *len);

/* What a search found only by ld.so.cache, outside the default directories: the guest will need a cache with
 * it. */
struct elf_cached {
	struct ldcache_entry *item;
	size_t count;
};
void elf_cached_free(struct elf_cached *c);

/*
 * Finds every file that the program or library needs: its interpreter and libraries, as ld.so(8) would
 * without LD_LIBRARY_PATH (musl's: as it does).  Calls add(arg, path) for each with an absolute path as the
 * dynamic linker would open it (links not resolved).
 */
typedef int elf_add(void *arg, const char *path, struct image_error *err);
int elf_find_needed(const char *program, elf_add *add, void *arg, struct elf_cached *cached,
		    struct image_error *err);

#endif
