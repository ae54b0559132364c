/*
 * Between sha256.c and sha256_ni.c.
 */
#ifndef BARTIZAN_IMAGE_SHA256_H
#define BARTIZAN_IMAGE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* Only on a processor with SHA, SSSE3 and SSE4.1.  K is the table of round constants. */
void sha256_blocks_ni(uint32_t state[8], const uint8_t *bytes, size_t blocks, const uint32_t K[64]);

#endif
