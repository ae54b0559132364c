/*
 * What the loader is told by the command, and where things lie.  The guest's descriptors are fixed: SOLO5_FD_* and, in
 * the order of the manifest, one a device from SOLO5_FD_DEVICES on.
 */
#ifndef BARTIZAN_SOLO5_STUB_H
#define BARTIZAN_SOLO5_STUB_H

#include "abi/bartizan_wire.h"
#include "guests/solo5/image.h"

#define SOLO5_FD_CONSOLE 1
#define SOLO5_FD_EPOLL 2
#define SOLO5_FD_TIMER 3
#define SOLO5_FD_DEVICES (BZ_FD_LIBOS + 1)

/* Where the loader lies: above all memory that a guest can have.  Its last call unmaps all of it. */
#define SOLO5_STUB_BASE 0x200000000000ul
#define SOLO5_STUB_SIZE 0x100000ul
#define SOLO5_STUB_START (SOLO5_STUB_BASE + 0x40000ul) /* the file with filter and struct solo5_start, mapped */
#define SOLO5_STUB_START_SIZE 0x40000ul
#define SOLO5_MEMORY_MAX (1ull << 40)

/*
 * The way out of the loader: an instruction that unmaps it must be followed by one that is still mapped.  These bytes
 * stand in the unused rest of a page of the guest's own code: syscall; mov $SOLO5_BOOT_BASE, %edi; jmp *%rbx
 */
#define SOLO5_LEAVE {0x0f, 0x05, 0xbf, 0x00, 0x10, 0x01, 0x00, 0xff, 0xe3}
#define SOLO5_LEAVE_SIZE 9u

/* Read by the loader, at the boot block's start_offset.  Addresses and sizes are checked ones. */
struct solo5_start {
	uint64_t memory_size, entry;
	uint64_t leave; /* address of SOLO5_LEAVE */
	uint64_t file_offset; /* of the image in BZ_FD_LIBOS, page-aligned */
	uint64_t kernel_end;
	uint32_t heap_prot; /* PROT_*: of memory that no segment takes */
	uint32_t segment_count;
	uint32_t device_count;
	uint32_t boot_size; /* bytes for SOLO5_BOOT_BASE */
	int32_t handles[SOLO5_ENTRIES_MAX]; /* of the devices: what epoll reports for a network, -1 for a block device */
	struct solo5_segment segments[SOLO5_SEGMENTS_MAX];
	char boot[sizeof(struct solo5_boot) + sizeof(struct solo5_manifest) + SOLO5_CMDLINE_MAX];
};

#endif
