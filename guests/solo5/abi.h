/*
 * What a Solo5 image for the process tender ("spt", ABI versions 1 and 2) and whoever runs it agree on, as found in
 * Solo5's public headers (v0.6.6 and v0.12.1) and by experiment.  Numbers are little-endian.  docs/solo5.md tells
 * the rest.
 */
#ifndef BARTIZAN_SOLO5_ABI_H
#define BARTIZAN_SOLO5_ABI_H

#include <stdint.h>

#define SOLO5_INTERP "/nonexistent/solo5/" /* PT_INTERP of every image */

/* Notes: header, name padded to 8, content. */
#define SOLO5_NOTE_NAME "Solo5"
#define SOLO5_NOTE_ABI 0x31494241u
#define SOLO5_NOTE_MANIFEST 0x3154464du

enum solo5_target {
	SOLO5_HVT = 1,
	SOLO5_SPT,
	SOLO5_VIRTIO,
	SOLO5_MUEN,
	SOLO5_GENODE,
	SOLO5_XEN,
};
#define SOLO5_VERSION_MAX 2u /* of spt */

struct solo5_abi_note {
	uint32_t target, version, reserved[2];
};

enum solo5_device_type {
	SOLO5_BLOCK = 1,
	SOLO5_NET,
	SOLO5_RESERVED_FIRST = 1 << 30,
};
#define SOLO5_NAME_MAX 67u
#define SOLO5_ENTRIES_MAX 64u
#define SOLO5_MANIFEST_VERSION 1u

/* Its index in the manifest is a device's handle. */
struct solo5_entry {
	char name[SOLO5_NAME_MAX + 1];
	uint32_t type;
	union {
		struct {
			uint64_t capacity;
			uint16_t block_size;
		} block;
		struct {
			uint8_t mac[6];
			uint16_t mtu;
		} net;
	};
	int32_t fd;
	uint32_t reserved;
	uint8_t attached;
	uint8_t reserved2[7];
};

struct solo5_manifest {
	uint32_t version, count; /* the first entry is SOLO5_RESERVED_FIRST, without a name */
	struct solo5_entry entries[SOLO5_ENTRIES_MAX];
};

/* Memory: addresses of the guest are addresses of the host. */
#define SOLO5_MEMORY_BASE 0x10000ul
#define SOLO5_BOOT_BASE 0x11000ul
#define SOLO5_KERNEL_MIN 0x100000ul
#define SOLO5_CMDLINE_MAX 8192u /* with its NUL */

/* At SOLO5_BOOT_BASE; in rdi at the entry.  Behind it: the manifest with its `count` entries, the command line. */
struct solo5_boot {
	uint64_t memory_size, kernel_end, cmdline, manifest;
	int32_t epoll_fd, timer_fd;
};

#define SOLO5_TIMER_EVENT 0xfffffffeul /* epoll's data for the timer; for a network: its handle */
#define SOLO5_ETHERNET_HEADER 14u

_Static_assert(sizeof(struct solo5_abi_note) == 16, "on disk");
_Static_assert(sizeof(struct solo5_entry) == 104, "on disk");
_Static_assert(sizeof(struct solo5_boot) == 40, "in the guest's memory");

#endif
