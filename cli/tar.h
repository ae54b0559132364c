/*
 * Tars between this host and a sandbox (abi/bartizan_ask.h).  Writing reads the person's own files; reading takes what a
 * sandbox sent, which is hostile.
 */
#ifndef BARTIZAN_TAR_H
#define BARTIZAN_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/bartizan_ask.h"

/* All of it, or false: the other end is gone. */
bool tar_send(int fd, const void *data, size_t len);
bool tar_receive(int fd, void *data, size_t len);

/* Writes the tree `name` of directory `dir` (a link is sent as one), as `top`, and the tar's end.  Ends the command if it
 * cannot be read; false: the other end is gone.  `overlay`: leaves out what marks names as removed. */
bool tar_write(int fd, int dir, const char *name, const char *top, bool overlay);

/*
 * HOSTILE INPUT.  Unpacks the tar that fd brings, whose names must be `first` or lie below it, as `top` in directory
 * `dir` ("." for the directory itself).  No name leads out of it, links are made and never followed, the bits that give
 * rights at execution are not set.  Ends the command on what is not allowed.
 */
void tar_unpack(int fd, const char *first, int dir, const char *top, bool owners);

/* HOSTILE INPUT.  Copies a tar as it is from one to the other, up to its end. */
void tar_relay(int from, int to);

#endif
