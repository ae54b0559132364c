/*
 * The build that a library OS belongs to: its note says which headers it was compiled with (libos/kernel/buildid.c).  A
 * host layer and a library OS of different builds would misunderstand each other.
 */
#ifndef BARTIZAN_IMAGE_BUILDID_H
#define BARTIZAN_IMAGE_BUILDID_H

#include <stdint.h>

/* HOSTILE INPUT.  Of the ELF file at `offset` of fd, `size` bytes long; 0: it has no such note. */
uint64_t buildid_read(int fd, uint64_t offset, uint64_t size);

#endif
