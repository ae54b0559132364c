/*
 * The user's store of images: $XDG_DATA_HOME/bartizan/images/NAME.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/build.h"

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 128 || !isalnum((unsigned char)name[0]))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-:+", *name))
			return false;
	return true;
}

char *store_path(const char *name, struct image_error *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *path;

	if (!name_ok(name)) {
		image_fail(err, -EINVAL, "\"%s\" is no name for an image: letters, digits and . _ - : + only",
			   name);
		return NULL;
	}
	if ((data && data[0] == '/'   ? asprintf(&path, "%s/bartizan/images/%s", data, name)
	     : home && home[0] == '/' ? asprintf(&path, "%s/.local/share/bartizan/images/%s", home, name)
				      : -1) < 0) {
		image_fail(err, -ENOENT, "no place for the store of images: set HOME or XDG_DATA_HOME");
		return NULL;
	}
	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = 0;
		if (mkdir(path, 0700) && errno != EEXIST) {
			image_fail(err, -errno, "cannot make %s: %s", path, strerror(errno));
			free(path);
			return NULL;
		}
		*slash = '/';
	}
	return path;
}
