/*
 * The user's image store, and the commands that bartizan-image does.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/manage.h"
#include "cli/view.h"
#include "image/image.h"

int command_images(int argc, char **argv)
{
	const char *store = store_path();
	const char *between = "[";
	struct dirent *d;
	struct stat st;
	struct args a;
	DIR *dir;
	int fd;

	args_parse(&a, "images", argc, argv, 0, 0);
	dir = store ? opendir(store) : NULL;
	if (!a.json)
		printf("%-30s %10s\n", "NAME", "SIZE");
	while (dir && (d = readdir(dir))) {
		fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (*d->d_name != '.' && fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    image_probe(fd) == IMAGE_YES) {
			if (a.json) {
				printf("%s\n  {\"name\": ", between);
				json_print_text(stdout, d->d_name);
				printf(", \"size\": %lld}", (long long)st.st_size);
				between = ",";
			} else {
				printf("%-30s %8.1f M\n", d->d_name, st.st_size / 1048576.0);
			}
		}
		if (fd >= 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	if (a.json)
		puts(*between == '[' ? "[]" : "\n]");
	return 0;
}

int command_rmi(int argc, char **argv)
{
	const char *store = store_path();
	struct args a;
	int dir;

	args_parse(&a, "rmi", argc, argv, 1, INT_MAX);
	dir = store ? open(store, O_DIRECTORY | O_PATH | O_CLOEXEC) : -1;
	for (int i = 0; i < a.count; i++) {
		if (strchr(a.rest[i], '/') || dir < 0 || unlinkat(dir, a.rest[i], 0) < 0)
			fail(EXIT_BARTIZAN, "%s: no such image in the store", a.rest[i]);
		if (a.json)
			printf("{\"name\": \"%s\"}\n", a.rest[i]);
		else
			puts(a.rest[i]);
	}
	return 0;
}

int command_tool(int argc, char **argv)
{
	files_exec_image(argv);
}
