/*
 * Whom an image runs as, by the passwd and group of its own tree, as Docker does at a start: so that a name nobody has is an
 * error of building, and a group's name becomes a number.  HOSTILE INPUT: the two files; they are opened within
 * the tree whatever their links say.  Follows passwd(5), group(5).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/user.h"

#define LINE_LEN 1024
#define FILE_MAX (16 << 20)

static FILE *open_within(const char *dir, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	struct stat st;
	FILE *file = NULL;

	if (root >= 0)
		close(root);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
		file = fdopen(fd, "r");
	if (fd >= 0 && !file)
		close(fd);
	return file;
}

static bool number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long long n = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;

	if (!isdigit((unsigned char)*text) || *end || n >= UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* The line of `file` whose name or number is `key`: its number, and the next one (a user's group). */
static bool look_up(const char *dir, const char *path, const char *key, uint32_t *id, uint32_t *next)
{
	FILE *file = open_within(dir, path);
	char line[LINE_LEN];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *rest = line, *field[4] = {0};
		uint32_t first, second;

		line[strcspn(line, "\n")] = 0;
		for (int i = 0; i < 4; i++)
			field[i] = rest ? strsep(&rest, ":") : NULL;
		if (!field[2] || !number(field[2], &first))
			continue;
		if (strcmp(field[0], key) != 0 && strcmp(field[2], key) != 0)
			continue;
		if (next && (!field[3] || !number(field[3], &second)))
			continue;
		*id = first;
		if (next)
			*next = second;
		found = true;
	}
	if (file)
		fclose(file);
	return found;
}

int user_resolve(const char *dir, const char *user, char out[USER_NUMBERS], struct image_error *err)
{
	char name[256], *group, shown[300];
	uint32_t uid, gid = 0, own = 0;
	bool known;

	if (snprintf(name, sizeof(name), "%s", user) >= (int)sizeof(name))
		return image_fail(err, -EINVAL, "user: the name is too long");
	group = strchr(name, ':');
	if (group)
		*group++ = 0;
	known = look_up(dir, "etc/passwd", name, &uid, &own);
	if (!known && strcmp(name, "root") == 0)
		uid = 0;
	else if (!known && !number(name, &uid))
		return image_fail(err, -ENOENT, "user \"%s\" is not in the image's /etc/passwd; write a number, UID[:GID]",
				  image_escape(shown, sizeof(shown), name, strlen(name)));
	if (!group)
		gid = own;
	else if (!look_up(dir, "etc/group", group, &gid, NULL) && strcmp(group, "root") != 0 && !number(group, &gid))
		return image_fail(err, -ENOENT, "group \"%s\" is not in the image's /etc/group; write a number, UID:GID",
				  image_escape(shown, sizeof(shown), group, strlen(group)));
	snprintf(out, USER_NUMBERS, "%u:%u", uid, gid);
	return 0;
}
