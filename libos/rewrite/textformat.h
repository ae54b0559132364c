/*
 * The patched text of an image (section TEXT of image/format.h, which directly follows the file system):
 *
 *	page 0 ..	struct text_header, one struct text_file for each file with patched text, ascending by `first`,
 *			and what these point to: struct text_site, names.  `size` bytes, padded to a page.
 *	then		for each file its stubs, then its runs of patched pages
 *
 * A program of the host may have the same for itself and its libraries, in a cache of the user's own (image/hosttext.c): a file that
 * holds this section alone, at offset 0.  What an image's file is by its place, a host's is by its struct text_key.
 *
 * Offsets named `..._at` count from the section's beginning and are within `size`, all others from the image's.  When a file's text
 * is mapped at T, its stubs stand at T - distance; stub number i belongs to site number i.
 */
#ifndef LIBOS_REWRITE_TEXTFORMAT_H
#define LIBOS_REWRITE_TEXTFORMAT_H

#include "libos/kernel/types.h"
#include "libos/rewrite/prove.h"

#define TEXT_MAGIC 0x313054584554425aul	/* "ZBTEXT01" */
#define TEXT_RUNS 8
#define TEXT_FILES_MAX 65536u
#define TEXT_SIZE_MAX (64u << 20)

struct text_header {
	u64 magic;
	u32 size, files;
	u64 slot;		/* SYSCALL_SLOT of the builder */
	u64 keys_at;		/* struct text_key for each file, in their order; 0: they are an image's */
};

/* A site; those that are patched come first, both parts ascending. */
struct text_site {
	u32 site;		/* from the text's first page */
	u8 verdict;		/* enum verdict */
	u8 before, length, moved;	/* as in struct patch_plan */
	u8 from[PATCH_MOVED], to[PATCH_MOVED];
};

struct text_run {
	u32 page, pages;	/* of the text */
	u64 offset;		/* of the patched ones */
};

struct text_file {
	u64 first;		/* where the file's first byte stands in the image; or the host's inode number */
	u64 text;		/* the text's first page, in the file */
	u64 address;		/* the same, as the file's headers and people know it */
	u64 distance;
	u64 stubs;		/* their offset; they fill stub_pages */
	u32 pages, stub_pages;
	u32 sites_at, sites, patched;
	u32 name_at, runs;
	u32 reserved;		/* 0 */
	struct text_run run[TEXT_RUNS];
};

/* Which file of the host; times in nanoseconds.  A file is listed only if it had not changed for two seconds when it was read. */
struct text_key {
	u64 dev, size;
	i64 mtime, ctime;
	u32 originals_at;	/* for each patched site the PATCH_MAX bytes that stood where its patch begins */
	u32 reserved;		/* 0 */
};

_Static_assert(sizeof(struct text_key) == 40, "on disk");
_Static_assert(sizeof(struct text_header) == 32, "on disk");
_Static_assert(sizeof(struct text_site) == 16, "on disk");
_Static_assert(sizeof(struct text_file) == 72 + 16 * TEXT_RUNS, "on disk");

#endif
