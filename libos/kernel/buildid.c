/*
 * Which build this library OS belongs to, as an ELF note: the digest of the headers that host layer, monitor and library OS
 * share (meson.build).  image/buildid.c reads it before anything is started.
 */
#include "build_id.h"
#include "libos/kernel/types.h"

static const struct {
	u32 name_size, size, type;
	char name[12];	/* 9 bytes and padding */
	u64 id;
} note __attribute__((section(".note.bartizan"), used, aligned(4))) = {
	.name_size = 9, .size = sizeof(u64), .type = 1, .name = "Bartizan", .id = BZ_BUILD_ID,
};
