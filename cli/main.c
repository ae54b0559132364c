/*
 * The bartizan command: finds the subcommand and runs it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* A descriptor below 3 that is closed would be given to the first file that is opened. */
static void keep_stdio_places(void)
{
	int fd = fcntl(2, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || fcntl(0, F_GETFD) < 0
		     ? open("/dev/null", O_RDWR)
		     : 3;

	while (fd >= 0 && fd < 3)
		fd = dup(fd);
	if (fd > 3)
		close(fd);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";

	keep_stdio_places();
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version"))
		name = "version";
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c->run(argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
	fail(EXIT_BARTIZAN, "'%s' is not a command; see 'bartizan --help'", name);
}
