/*
 * The Bartizan image format, version 1.  This header is the specification.
 *
 * An image is one file.  All numbers are little-endian; offsets count bytes from the beginning of the file.
 *
 *     0            +--------------------------------------------------+
 *                  | EROFS file system (section EROFS)                |   its first 1024 bytes, which EROFS
 * leaves |   0..31: struct bz_image_header                  |   to boot loaders, begin with our header
 *                  +--------------------------------------------------+
 *     page-aligned | patched text (section TEXT; optional)            |   libos/rewrite/textformat.h
 *                  +--------------------------------------------------+
 *     page-aligned | library OS, an ELF file (section LIBOS)          |   mapped and executed
 *                  +--------------------------------------------------+
 *     page-aligned | binary manifest (section MANIFEST)               |   struct bz_manifest_header
 *                  +--------------------------------------------------+
 *     page-aligned | block devices (section BLOCKS; optional)         |   struct bz_blocks_header
 *                  +--------------------------------------------------+
 *     64-aligned   | section table: count * struct bz_image_section   |
 *                  +--------------------------------------------------+
 *     size - 256   | struct bz_image_footer                           |
 *     size         +--------------------------------------------------+
 *
 * FINDING IT.  The magic stands at offset 0 (so that file(1) and a truncated image can be told) and at the
 * beginning of the last 256 bytes (what readers use).  Both MUST be there.
 *
 * EVERY BYTE COUNTS.  A section's digest covers its bytes; the table's digest (in the footer) covers the
 * sections' digests; the footer's digest covers the footer.  What lies between sections is padding: it MUST
 * be zero and shorter than its alignment.  So a change of any one byte of the file is found.  Readers MUST
 * refuse what is not exactly as said here: reserved fields that are not zero, sections that overlap, are out
 * of order or not aligned, unknown sections without BZ_SECTION_OPTIONAL, a table that does not end at the
 * footer.
 *
 * WHAT A DIGEST IS WORTH.  Digests find damage; whoever can write the file can write digests too.
 * Authenticity comes from the signature: Ed25519 (RFC 8032) over BZ_IMAGE_SIGN_CONTEXT (with its final NUL)
 * followed by the footer's bytes up to `signature`.  These contain the public key and, by the table's digest,
 * everything else. In an image without a signature both fields are zero.
 */
#ifndef BARTIZAN_IMAGE_FORMAT_H
#define BARTIZAN_IMAGE_FORMAT_H

#include <stdint.h>

#define BZ_IMAGE_MAGIC \
	"\x89"         \
	"BZIMG\r\n" /* 8 bytes: no text file begins so, and a text-mode copy breaks it */
#define BZ_IMAGE_VERSION 1
#define BZ_IMAGE_ALIGN 4096u
#define BZ_IMAGE_SECTIONS_MAX 16
#define BZ_IMAGE_SIGN_CONTEXT "Bartizan image signature, version 1"
#define BZ_DIGEST_SIZE 32 /* SHA-256 (FIPS 180-4) */

/* At offset 0.  Covered by the digest of the EROFS section. */
struct bz_image_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t reserved; /* 0 */
	uint64_t size;	   /* of the whole file */
	uint64_t reserved2;
};

enum bz_section_type {
	BZ_SECTION_EROFS =
	    1, /* MUST be the first, at offset 0; length a multiple of 4096, EROFS blocks of 4096 */
	BZ_SECTION_LIBOS =
	    2, /* ELF64, x86-64, linked for the ABI that its notes name, or a Solo5 guest; page-aligned; optional */
	BZ_SECTION_TEXT = 3,	 /* patched text; directly behind the file system; optional */
	BZ_SECTION_MANIFEST = 4, /* MUST be there, once; at most BZ_MANIFEST_MAX bytes */
	BZ_SECTION_BLOCKS = 5,	 /* contents of a Solo5 guest's block devices; optional */
};
#define BZ_SECTION_OPTIONAL 1u /* a reader that does not know the type may ignore the section */

struct bz_image_section {
	uint32_t type;	/* enum bz_section_type; no type twice */
	uint32_t flags; /* BZ_SECTION_* */
	uint64_t offset;
	uint64_t length; /* > 0 */
	uint8_t digest[BZ_DIGEST_SIZE];
	uint64_t reserved; /* 0 */
};

struct bz_image_footer {
	uint8_t magic[8];
	uint32_t version;
	uint32_t section_count; /* 1..BZ_IMAGE_SECTIONS_MAX */
	uint64_t table_offset;	/* multiple of 64 */
	uint64_t size;		/* of the whole file */
	uint64_t flags;		/* 0 */
	uint8_t table_digest[BZ_DIGEST_SIZE];
	uint8_t public_key[32];
	uint8_t signature[64];
	uint8_t reserved[56];		       /* 0 */
	uint8_t footer_digest[BZ_DIGEST_SIZE]; /* over all that precedes it in the footer */
};

/*
 * The binary manifest.  A bounded structure that can be read without allocation or recursion: a fixed header,
 * arrays of fixed-size records, and a pool of strings.  A string is named by its offset in the pool; offset 0
 * is the empty string and means "not set" where one value is optional.  The pool ends the section and its
 * last byte is NUL, hence every offset within it names a terminated string.
 *
 * A manifest REQUESTS.  Nothing in it gives authority (design, section 3.3).
 */
#define BZ_MANIFEST_MAGIC "BZMANIF1"
#define BZ_MANIFEST_VERSION 1
#define BZ_MANIFEST_MAX (1u << 20)
#define BZ_MANIFEST_ITEMS_MAX 4096u /* in one list */

struct bz_manifest_list {
	uint32_t offset; /* from the section's beginning, multiple of 4; 0 if count is 0 */
	uint32_t count;
};

/* A wished-for grant. */
struct bz_manifest_grant {
	uint32_t name;	/* string: guest path, or host name; "" for ports */
	uint32_t why;	/* string: for the operator to read */
	uint32_t value; /* port number; volumes: 0 */
	uint32_t flags; /* BZ_GRANT_* */
};
#define BZ_GRANT_WRITE 1u /* volumes */
#define BZ_GRANT_UDP 2u	  /* ports and outbound; otherwise TCP */

struct bz_manifest_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t size; /* of the section */
	uint32_t strings_offset, strings_size;
	uint32_t workdir, user, hostname, stop_signal;			  /* strings */
	struct bz_manifest_list entrypoint, cmd, env, components, labels; /* of strings (uint32_t) */
	struct bz_manifest_list volumes, ports, outbound;		  /* of struct bz_manifest_grant */
	uint64_t memory, nofile, stack, fsize; /* limits in bytes or numbers; 0: not asked for */
	uint32_t pids, cpus_milli;
	uint32_t flags; /* 0 */
	uint32_t reserved;
};

/*
 * Block devices: this header, `count` entries, and what they name.  An entry's content begins at a multiple of
 * BZ_IMAGE_ALIGN from the section's beginning, behind the content of the one before it.
 */
#define BZ_BLOCKS_MAGIC "BZBLOCKS"
#define BZ_BLOCKS_MAX 63u
#define BZ_BLOCK_NAME 68u

struct bz_blocks_header {
	uint8_t magic[8];
	uint32_t count; /* 1..BZ_BLOCKS_MAX */
	uint32_t reserved;
};

struct bz_block {
	char name[BZ_BLOCK_NAME]; /* in the guest's manifest; NUL-terminated, unique */
	uint32_t sector_size;	  /* a power of two, 512..32768 */
	uint64_t offset, length;  /* length: whole sectors, > 0 */
};

_Static_assert(sizeof(struct bz_blocks_header) == 16, "on disk");
_Static_assert(sizeof(struct bz_block) == 88, "on disk");
_Static_assert(sizeof(struct bz_image_header) == 32, "on disk");
_Static_assert(sizeof(struct bz_image_section) == 64, "on disk");
_Static_assert(sizeof(struct bz_image_footer) == 256, "on disk");
_Static_assert(sizeof(struct bz_manifest_grant) == 16, "on disk");
_Static_assert(sizeof(struct bz_manifest_header) == 152, "on disk");

#endif
