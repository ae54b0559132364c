/*
 * EROFS on disk, as far as it is read here: little-endian structures after Documentation/filesystems/erofs.rst and the
 * images that mkfs.erofs makes.  Everything in them is hostile until it was checked.
 */
#ifndef LIBOS_EROFS_FORMAT_H
#define LIBOS_EROFS_FORMAT_H

#include "libos/kernel/types.h"

#define EROFS_MAGIC 0xe0f5e1e2u
#define EROFS_SUPER_OFFSET 1024
#define EROFS_BLOCK_BITS 12	/* the block size must be the page size, or files could not be mapped */
#define EROFS_BLOCK_SIZE (1u << EROFS_BLOCK_BITS)
#define EROFS_SLOT_BITS 5	/* an inode number counts 32-byte slots */

struct erofs_super {
	u32 magic, checksum, feature_compat;
	u8 blkszbits, extslots;
	u16 root_nid;
	u64 inos, build_time;
	u32 build_time_nsec, blocks, meta_blkaddr, xattr_blkaddr;
	u8 uuid[16], volume_name[16];
	u32 feature_incompat;
	u8 rest[44];
} __packed;

/* Incompatible features that change nothing for what is read here: zero padding of compressed clusters (there are
 * none), chunk-based files. */
#define EROFS_INCOMPAT_KNOWN (0x1u | 0x4u)

enum { EROFS_FLAT_PLAIN = 0, EROFS_FLAT_INLINE = 2, EROFS_CHUNK_BASED = 4 };

struct erofs_inode_compact {
	u16 format, xattr_icount, mode, nlink;
	u32 size, reserved, u, ino;
	u16 uid, gid;
	u32 reserved2;
} __packed;

struct erofs_inode_extended {
	u16 format, xattr_icount, mode, reserved;
	u64 size;
	u32 u, ino, uid, gid;
	u64 mtime;
	u32 mtime_nsec, nlink;
	u8 reserved2[16];
} __packed;

struct erofs_dirent {
	u64 nid;
	u16 nameoff;
	u8 type, reserved;
} __packed;

struct erofs_xattr_header {
	u32 name_filter;
	u8 shared_count, reserved[7];
} __packed;

struct erofs_xattr_entry {
	u8 name_len, name_index;
	u16 value_size;
} __packed;

struct erofs_chunk_index {
	u16 reserved, device_id;
	u32 blkaddr;
} __packed;
#define EROFS_CHUNK_INDEXES 0x20u
#define EROFS_CHUNK_BITS_MASK 0x1fu
#define EROFS_NULL_ADDR 0xffffffffu

#endif
