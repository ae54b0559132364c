/*
 * Any bytes as the library OS whose notes are read (image/buildid.c), and as the passwd and group of an image's tree
 * (image/user.c): what of an image is read by C code before anything of it runs.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/buildid.h"
#include "image/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AROUND 64

static char tree[64];
static int file = -1;

static void remove_tree(void)
{
	char path[100];

	for (const char *const *name = (const char *const[]){"/etc/passwd", "/etc/group", "/etc", "", NULL}; *name; name++) {
		snprintf(path, sizeof(path), "%s%s", tree, *name);
		remove(path);
	}
}

static void set_up(void)
{
	char path[100];

	if (file >= 0)
		return;
	file = memfd_create("input", MFD_CLOEXEC);
	snprintf(tree, sizeof(tree), "/dev/shm/fuzz-notes-XXXXXX");
	if (file < 0 || !mkdtemp(tree))
		abort();
	snprintf(path, sizeof(path), "%s/etc", tree);
	if (mkdir(path, 0755))
		abort();
	atexit(remove_tree);
}

/* The notes lie within what belongs to the file: what is around it is never seen. */
static void notes(const uint8_t *data, size_t size)
{
	static const uint8_t around[AROUND] = {[0 ... AROUND - 1] = 0xa5};
	struct buildid first, second;

	if (ftruncate(file, 0) || pwrite(file, around, AROUND, 0) != AROUND || pwrite(file, data, size, AROUND) != (ssize_t)size)
		abort();
	buildid_read(file, AROUND, size, &first);
	if (pwrite(file, around, AROUND, (off_t)(AROUND + size)) != AROUND)
		abort();
	buildid_read(file, AROUND, size, &second);
	if (memcmp(&first, &second, sizeof(first)) != 0)
		abort();
}

static void put(const char *name, const uint8_t *data, size_t size)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/etc/%s", tree, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* Whatever the files say, what comes out are two numbers. */
static void users(const uint8_t *data, size_t size)
{
	static const char *const asked[] = {"root", "app", "app:staff", "1000", "1000:app", "app:0", "x:y", ":"};
	char out[USER_NUMBERS];
	struct image_error err;
	unsigned int uid, gid;
	int end = 0;

	put("passwd", data, size);
	put("group", data + size / 2, size - size / 2);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (user_resolve(tree, asked[i], out, &err) == 0 &&
		    (sscanf(out, "%u:%u%n", &uid, &gid, &end) != 2 || out[end]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	set_up();
	if (size > 4 && !memcmp(data, "\x7f""ELF", 4))
		notes(data, size);
	else
		users(data, size);
	return 0;
}
