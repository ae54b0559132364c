/*
 * EROFS on disk, as far as images are made and described: after Documentation/filesystems/erofs.rst.
 */
#ifndef BARTIZAN_IMAGE_EROFS_H
#define BARTIZAN_IMAGE_EROFS_H

#include <stdint.h>

#define EROFS_MAGIC 0xe0f5e1e2u
#define EROFS_SUPER_OFFSET 1024
#define EROFS_BLOCK_BITS 12
#define EROFS_BLOCK 4096u
#define EROFS_SLOT 32u
#define EROFS_COMPAT_SB_CHKSUM 1u
enum { EROFS_FLAT_PLAIN = 0, EROFS_FLAT_INLINE = 2 };
enum { EROFS_XATTR_USER = 1, EROFS_XATTR_TRUSTED = 4, EROFS_XATTR_SECURITY = 6 };

struct erofs_super {
	uint32_t magic, checksum, feature_compat;
	uint8_t blkszbits, extslots;
	uint16_t root_nid;
	uint64_t inos, build_time;
	uint32_t build_time_nsec, blocks, meta_blkaddr, xattr_blkaddr;
	uint8_t uuid[16], volume_name[16];
	uint32_t feature_incompat;
	uint8_t rest[44];
} __attribute__((packed));

/* The extended form: images have no other. */
struct erofs_inode {
	uint16_t format, xattr_icount, mode, reserved;
	uint64_t size;
	uint32_t u, ino, uid, gid;
	uint64_t mtime;
	uint32_t mtime_nsec, nlink;
	uint8_t reserved2[16];
} __attribute__((packed));

struct erofs_dirent {
	uint64_t nid;
	uint16_t nameoff;
	uint8_t type, reserved;
} __attribute__((packed));

#endif
