/*
 * The child that parses archives keeps nothing but memory, its descriptors and one directory tree.
 */
#ifndef BARTIZAN_IMAGE_CONFINE_H
#define BARTIZAN_IMAGE_CONFINE_H

#include <stdint.h>

#include "image/error.h"

#define CONFINE_UID 65534 /* what root becomes */

/*
 * Confines the calling process, for ever: `root` becomes "/", no privileges, no other descriptor than
 * 0..last, no system call but those of reading, writing and making files.  Layers that this host does not
 * have are left out (user namespaces, Landlock); no_new_privs, rlimits and the system call filter are not.
 * `source`: a directory that may be read, or -1.  `drop`: become CONFINE_UID.  `most`: bytes of one file.
 */
int confine(int root, int source, unsigned int last, int drop, uint64_t most, struct image_error *err);

/*
 * For ever: only files at or below these paths are read (null ends the list; what is missing is left out), and
 * nothing is written but on the descriptors 0..last, `most` bytes at most.  A host without Landlock is an error.
 */
int confine_reading(const char *const *paths, unsigned int last, uint64_t most, struct image_error *err);

#endif
