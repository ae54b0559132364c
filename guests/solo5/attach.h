/*
 * Attaching devices to a manifest: with the operator's rights, before anything of the guest runs.
 */
#ifndef BARTIZAN_SOLO5_ATTACH_H
#define BARTIZAN_SOLO5_ATTACH_H

#include "guests/solo5/abi.h"

#include <stddef.h>

/* Each fills an entry; `fd` is one of the caller's.  0, or a negative error number with a line for people in `err`. */
int solo5_attach_block(struct solo5_entry *entry, const char *path, uint16_t sector, char *err, size_t err_size);
/* The same with a descriptor that the entry takes. */
int solo5_attach_block_fd(struct solo5_entry *entry, const char *name, int fd, uint64_t capacity, uint16_t sector,
			  char *err, size_t err_size);
/* `tap`: a name, or @ and the number of an inherited descriptor.  `mac` may be NULL: a random one. */
int solo5_attach_net(struct solo5_entry *entry, const char *tap, const uint8_t *mac, char *err, size_t err_size);

#endif
