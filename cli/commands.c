/*
 * The table of subcommands.
 */
#include "cli/cli.h"

const struct command commands[] = {
	{"run", command_run, "run a program of this host, or an image, in a sandbox"},
	{0},
};
