/* Small files of the kernel's.  Each returns 0 or a negative error number. */
#ifndef BARTIZAN_FILES_H
#define BARTIZAN_FILES_H

#include <stddef.h>

/* At most size - 1 bytes, then NUL; "" on failure. */
int file_read(const char *path, char *text, size_t size);
int file_write(const char *path, const char *text);

#endif
