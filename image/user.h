/*
 * Names of users and groups, as an image's own tree knows them.
 */
#ifndef BARTIZAN_IMAGE_USER_H
#define BARTIZAN_IMAGE_USER_H

#include "image/error.h"

#define USER_NUMBERS 32

/* "NAME[:GROUP]" or "UID[:GID]" as "UID:GID", by etc/passwd and etc/group of the tree `dir`.  A user without a group gets
 * that of his line, else 0, as with Docker.  0 or -errno. */
int user_resolve(const char *dir, const char *user, char out[USER_NUMBERS], struct image_error *err);

#endif
