/*
 * What is kept between runs in directories of the user's own, $XDG_CACHE_HOME/bartizan/NAME: which images were verified
 * (verify.c), and patched text of programs of the host (hosttext.c).
 */
#ifndef BARTIZAN_IMAGE_CACHE_H
#define BARTIZAN_IMAGE_CACHE_H

#include <stdbool.h>
#include <sys/stat.h>

/* The directory, or -1: also if it is not the user's, or others may write there.  It is made if there is none and `make` says so. */
int cache_dir(const char *name, bool make);

/* A regular file of the user's that nobody else can write. */
bool cache_file_ok(int fd, struct stat *st);

/*
 * The file had not changed for two seconds: a later change must show in ctime, however coarse the file system's clock is, so that
 * device, inode, size and times tell what is in it.
 */
bool cache_settled(const struct stat *st);

/*
 * The name under which patched text is kept for a program of the host, by the program's identity and that of ld.so.cache, which is
 * written anew when libraries change.
 */
#define HOSTTEXT_DIR "text"
#define HOSTTEXT_NAME 33
void hosttext_name(const struct stat *program, char name[HOSTTEXT_NAME]);

#endif
