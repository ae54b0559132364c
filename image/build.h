/*
 * The parts of a build that main.c and its subcommands put together (bartizan-image only).
 */
#ifndef BARTIZAN_IMAGE_BUILD_H
#define BARTIZAN_IMAGE_BUILD_H

#include <stdint.h>

#include "image/image.h"
#include "image/manifest_write.h"

#define EXIT_FAILED 125

/* Makes an EROFS of `dir` in the file `out`; total: about how many bytes, for the progress bar. */
int mkfs_erofs(const char *dir, const char *out, uint64_t total, struct image_error *err);

/* What goes behind the file system. */
struct parts {
	const char *libos; /* path of its ELF, or null: an image without */
	const void *manifest;
	size_t manifest_len;
	const char *sign_key; /* path, or null */
	bool no_text;	      /* no patched text */
	bool solo5;	      /* `libos` is a Solo5 guest: all of it goes in, as it is */
	const struct solo5_block *blocks;
	size_t block_count;
};
/* A block device of a Solo5 guest (solo5.c): a file to be packed. */
struct solo5_block {
	const char *name, *file;
	uint32_t sector_size; /* 0: the default */
};
/* Is the file a Solo5 image?  Does it run here, with these block devices of its manifest? */
bool solo5_is_part(int fd, uint64_t offset, uint64_t size);
int solo5_check(const char *path, const struct solo5_block *blocks, size_t count, struct image_error *err);
/* Writes table and contents at `at` of fd; *length: of the whole. */
int solo5_pack(int fd, uint64_t at, const struct solo5_block *blocks, size_t count, uint64_t *length,
	       struct image_error *err);
/* What a Solo5 image at `offset` of fd is and wants: for people, or as a JSON object. */
int solo5_print(int fd, uint64_t offset, uint64_t size, struct image_error *err);
struct json_t *solo5_json(int fd, uint64_t offset, uint64_t size, struct image_error *err);
int solo5_inspect(int fd, bool json, struct image_error *err); /* of a file that is nothing else */

/* Turns the file system in [0, size) of fd into an image. */
int assemble(int fd, uint64_t size, const struct parts *parts, struct image_error *err);

/* The library OS that belongs to this program: found relative to it.  Null: none. */
char *libos_default(void);

/* Links one with the components of `want` alone, which lie beside `libos`.  *path: a file of this process's, allocated. */
int link_libos(const char *libos, const struct bartizan_list *want, char **path, struct image_error *err);

/* Ed25519 by libcrypto; keys in PEM files, as openssl(1) writes them. */
int sign_footer(struct bz_image_footer *f, const char *key_path, struct image_error *err);
int sign_check(const struct bz_image_footer *f, const char *public_key_path, struct image_error *err);
/* Is the signature that of the key in the footer?  Says nothing about whose key that is. */
bool sign_consistent(const struct bz_image_footer *f);
int sign_keygen(const char *path, struct image_error *err);

/* $XDG_DATA_HOME/bartizan/images/NAME; directories are made.  Allocated. */
char *store_path(const char *name, struct image_error *err);

/* Subcommands; argv[0] is what help texts call the program. */
int build_main(int argc, char **argv);
int inspect_main(int argc, char **argv);
int verify_main(int argc, char **argv);
int keygen_main(int argc, char **argv);
int text_main(int argc, char **argv); /* hosttext.c */

/* `PROGRAM: line` on standard error; returns EXIT_FAILED. */
int complain(const char *argv0, const char *what, const struct image_error *err);

#endif
