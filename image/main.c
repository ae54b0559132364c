/*
 * bartizan-image: makes, shows and checks images.  The bartizan command starts it for `bartizan build` and
 * `bartizan inspect`; it is a program of its own because it has libraries that the command, whose start
 * counts, does without.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/build.h"
#include "image/suggest.h"

#ifndef BARTIZAN_VERSION
#define BARTIZAN_VERSION "0.1.0"
#endif

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
    {"build", build_main, "make an image from a program, a directory, a tar or a container archive"},
    {"inspect", inspect_main, "show what is in an image"},
    {"verify", verify_main, "check an image's digests, and its signature with --key"},
    {"keygen", keygen_main, "make a pair of keys to sign images with"},
    {"text", text_main, NULL}, /* started by `bartizan run` */
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

int complain(const char *argv0, const char *what, const struct image_error *err)
{
	image_say(argv0, what, err->text);
	return EXIT_FAILED;
}

static void usage(FILE *to)
{
	fputs("Usage: bartizan-image COMMAND [OPTIONS] ...\n\nCommands:\n", to);
	for (size_t i = 0; i < COMMANDS && commands[i].what; i++)
		fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].what);
	fputs("\nExamples:\n"
	      "  bartizan-image build -o hello.img ./hello\n"
	      "  bartizan-image build --tag debian debian.tar.xz\n"
	      "  bartizan-image inspect hello.img\n"
	      "\n`bartizan-image COMMAND --help` tells more about each.\n",
	      to);
}

static int unknown(const char *name)
{
	const char *names[COMMANDS + 1] = {0}, *like;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].what ? commands[i].name : NULL;
	like = suggest(name, names);
	fprintf(stderr, "bartizan-image: unknown command \"%s\"", name);
	fprintf(stderr, like ? "; did you mean \"%s\"?\n" : "; see bartizan-image --help\n", like);
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	argp_err_exit_status = EXIT_FAILED;
	argp_program_version = "bartizan-image " BARTIZAN_VERSION;
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_FAILED : 0;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts(argp_program_version);
		return 0;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			char name[32];

			snprintf(name, sizeof(name), "bartizan %s", commands[i].name);
			argv[1] = program_invocation_name = program_invocation_short_name = name;
			return commands[i].run(argc - 1, argv + 1);
		}
	return unknown(argv[1]);
}
