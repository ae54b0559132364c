/*
 * The notes of a library OS: with which headers it was compiled (libos/kernel/buildid.c), since a host layer and a library
 * OS of different builds would misunderstand each other; and the linker's digest of what is in it.
 */
#ifndef BARTIZAN_IMAGE_BUILDID_H
#define BARTIZAN_IMAGE_BUILDID_H

#include <stdint.h>

struct buildid {
	uint64_t headers;	/* 0: there is no such note */
	uint8_t content[20];	/* all 0: no such note */
};

/* HOSTILE INPUT.  Of the ELF file at `offset` of fd, `size` bytes long. */
void buildid_read(int fd, uint64_t offset, uint64_t size, struct buildid *id);

#endif
