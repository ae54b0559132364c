/*
 * What the parts of the bartizan command share: words to the person at the terminal, exit codes, the
 * commands.
 */
#ifndef BARTIZAN_CLI_H
#define BARTIZAN_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes, as Docker's: the guest's own, 128 + signal, and these. */
#define EXIT_BARTIZAN 125 /* the command could not do what was asked */
#define EXIT_NOEXEC 126	  /* the program is there and cannot be executed */
#define EXIT_NOPROGRAM 127

/* One line, `bartizan: ...`, on standard error; fail() then ends the command. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

void *must_alloc(size_t size); /* zeroed */
char *must_dup(const char *text);
char *must_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A growing, NULL-terminated list of strings that it does not own. */
struct strings {
	const char **item;
	size_t count, room;
};
void strings_add(struct strings *list, const char *text);
/* NAME=value, replacing an earlier one of that name. */
void strings_set(struct strings *list, const char *assignment);
void strings_unset(struct strings *list, const char *name);
const char *strings_get(const struct strings *list, const char *name);

/* --- Numbers as people write them; each ends the command with a line that names `what` ------------------ */
uint64_t parse_size(const char *what, const char *text); /* 64m -> bytes */
uint64_t parse_count(const char *what, const char *text, uint64_t max);
uint64_t parse_duration(const char *what, const char *text); /* 10s, 500ms, 2m -> milliseconds */
uint32_t parse_millis(const char *what, const char *text);   /* 1.5 -> 1500 */
int parse_signal(const char *text);			     /* TERM, SIGTERM, 15; 0: unknown */
const char *signal_name(int number);			     /* SIGTERM, or "signal 40" */

/* --- Commands: argv[0] is the command's own name ------------------------------------------------------- */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};
extern const struct command commands[];

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);

/* Prints the help text of a command on standard output. */
void help_print(const char *command);

#endif
