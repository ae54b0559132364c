/*
 * ps, wait, stop, kill, rm, inspect.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/manage.h"
#include "cli/view.h"
#include "monitor/escape.h"
#include "monitor/monitor.h"

static void age(int64_t since, char out[32])
{
	int64_t s = time(NULL) - since;

	if (s < 120)
		snprintf(out, 32, "%" PRId64 " s", s < 0 ? 0 : s);
	else if (s < 7200)
		snprintf(out, 32, "%" PRId64 " min", s / 60);
	else if (s < 172800)
		snprintf(out, 32, "%" PRId64 " h", s / 3600);
	else
		snprintf(out, 32, "%" PRId64 " days", s / 86400);
}

static const char *state_of(const struct entry *e)
{
	return e->running ? "running" : !strcmp(entry_text(e, "state"), "running") ? "lost" : "ended";
}

static void print_row(const struct entry *e)
{
	char since[32], state[80], program[64];
	const char *text = entry_text(e, "program");

	age(entry_number(e, e->running ? "created" : "ended", time(NULL)), since);
	if (!strcmp(state_of(e), "ended"))
		snprintf(state, sizeof(state), "ended %" PRId64 ", %s ago", entry_number(e, "exit_code", -1),
			 since);
	else
		snprintf(state, sizeof(state), "%s %s", state_of(e), e->running ? since : "");
	/* Files have names that somebody else may have chosen. */
	escape_text(program, sizeof(program), text, strlen(text), 0);
	printf("%-20s %-24s %-9d %s\n", e->name, state, e->running ? e->monitor.pid : 0, program);
}

int command_ps(int argc, char **argv)
{
	struct entry *list;
	struct args a;
	size_t count;

	args_parse(&a, "ps", argc, argv, 0, 0);
	count = entries_read(state_open(), &list);
	if (a.json) {
		const char *between = "[";

		for (size_t i = 0; i < count; i++)
			if (a.all || list[i].running) {
				printf("%s\n  ", between);
				json_print_object(stdout, &list[i].document, 2, "state", state_of(&list[i]));
				between = ",";
			}
		puts(*between == '[' ? "[]" : "\n]");
		return 0;
	}
	printf("%-20s %-24s %-9s %s\n", "NAME", "STATE", "PID", "PROGRAM");
	for (size_t i = 0; i < count; i++)
		if (a.all || list[i].running)
			print_row(&list[i]);
	return 0;
}

static void print_result(bool json, const char *name, int code)
{
	if (!json)
		printf("%d\n", code);
	else
		printf("{\"name\": \"%s\", \"exit_code\": %d}\n", name, code);
}

int command_wait(int argc, char **argv)
{
	int dir = state_open(), code = -1, fd;
	struct entry e;
	struct args a;

	args_parse(&a, "wait", argc, argv, 1, INT_MAX);
	for (int i = 0; i < a.count; i++) {
		entry_find(&e, dir, a.rest[i]);
		fd = e.running ? entry_connect(dir, &e) : -1;
		entry_wait(dir, &e, fd, -1, &code);
		if (code < 0)
			fail(EXIT_BARTIZAN, "%s: it ended, and how is not known", a.rest[i]);
		print_result(a.json, a.rest[i], code);
		close(fd);
	}
	return 0;
}

static void done(bool json, const char *name)
{
	if (json)
		printf("{\"name\": \"%s\"}\n", name);
	else
		puts(name);
}

/* What the image asked for instead of SIGTERM; 0: nothing, or nothing that can be sent. */
static int stop_signal(const struct entry *e)
{
	const char *text = entry_text(e, "stop_signal");
	int number = *text ? parse_signal(text) : 0;

	return number == SIGTERM ? 0 : number;
}

/* Sends the image's own stop signal; true when the sandbox ended in time. */
static bool stop_by_signal(int dir, struct entry *e, int number, int64_t grace)
{
	int fd = entry_connect(dir, e), code;
	bool ended = fd >= 0 && entry_tell(fd, MONITOR_SIGNAL, number) == 0 && entry_wait(dir, e, fd, grace, &code);

	if (fd >= 0)
		close(fd);
	return ended;
}

/* Ends a sandbox: SIGTERM and, `grace` milliseconds later, SIGKILL. */
static void end_sandbox(int dir, struct entry *e, uint32_t kind, uint32_t grace)
{
	int fd = entry_connect(dir, e), error = fd < 0 ? 0 : entry_tell(fd, kind, grace), code;

	if (fd < 0 && process_lives(&e->monitor))
		fail(EXIT_BARTIZAN, "%s: its monitor does not answer", e->name);
	if (error && error != -EPIPE)
		fail(EXIT_BARTIZAN, "%s: %s", e->name, strerror(-error));
	if (!entry_wait(dir, e, fd, grace + 10000ll, &code))
		fail(EXIT_BARTIZAN, "%s: did not end", e->name);
	close(fd);
}

int command_stop(int argc, char **argv)
{
	int dir = state_open();
	uint64_t grace = 10000;
	struct entry e;
	struct args a;

	args_parse(&a, "stop", argc, argv, 1, INT_MAX);
	if (a.time)
		grace = parse_duration("-t", a.time);
	if (grace > 86400000)
		fail(EXIT_BARTIZAN, "-t: '%s' is more than a day", a.time);
	for (int i = 0; i < a.count; i++) {
		entry_find(&e, dir, a.rest[i]);
		if (e.running && !stop_signal(&e))
			end_sandbox(dir, &e, MONITOR_STOP, grace);
		else if (e.running && !stop_by_signal(dir, &e, stop_signal(&e), grace))
			end_sandbox(dir, &e, MONITOR_KILL, 0);
		done(a.json, a.rest[i]);
	}
	return 0;
}

int command_kill(int argc, char **argv)
{
	int dir = state_open(), number = SIGKILL, fd;
	struct entry e;
	struct args a;

	args_parse(&a, "kill", argc, argv, 1, INT_MAX);
	if (a.signal)
		number = parse_signal(a.signal);
	if (!number)
		fail(EXIT_BARTIZAN, "kill: unknown signal '%s'", a.signal);
	for (int i = 0; i < a.count; i++) {
		entry_find(&e, dir, a.rest[i]);
		if (!e.running)
			fail(EXIT_BARTIZAN, "%s: is not running", a.rest[i]);
		if (number == SIGKILL) {
			end_sandbox(dir, &e, MONITOR_KILL, 0);
		} else {
			fd = entry_connect(dir, &e);
			if (fd < 0 || entry_tell(fd, MONITOR_SIGNAL, number))
				fail(EXIT_BARTIZAN, "%s: its monitor does not answer", a.rest[i]);
			close(fd);
		}
		done(a.json, a.rest[i]);
	}
	return 0;
}

int command_rm(int argc, char **argv)
{
	int dir = state_open();
	struct entry e;
	struct args a;
	char file[80];

	args_parse(&a, "rm", argc, argv, 1, INT_MAX);
	for (int i = 0; i < a.count; i++) {
		entry_find(&e, dir, a.rest[i]);
		if (e.running && !a.force)
			fail(EXIT_BARTIZAN, "%s: is running; stop it first, or rm -f", a.rest[i]);
		if (e.running)
			end_sandbox(dir, &e, MONITOR_KILL, 0);
		for (size_t k = 0; record_suffixes[k]; k++) {
			snprintf(file, sizeof(file), "%s%s", e.name, record_suffixes[k]);
			unlinkat(dir, file, 0);
		}
		done(a.json, a.rest[i]);
	}
	return 0;
}

/* A sandbox's record, or an image, which bartizan-image reads. */
int command_inspect(int argc, char **argv)
{
	const char *name = NULL, *store = store_path();
	struct entry *list;
	size_t count;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			help_print("inspect");
			return 0;
		}
		if (*argv[i] != '-')
			name = argv[i];
	}
	if (!name)
		fail(EXIT_BARTIZAN, "inspect: name a sandbox or image; see 'bartizan inspect --help'");
	count = strchr(name, '/') ? 0 : entries_read(state_open(), &list);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].name, name)) {
			json_print_object(stdout, &list[i].document, 0, "state", state_of(&list[i]));
			putchar('\n');
			return 0;
		}
	for (int i = 1; i < argc && store; i++)
		if (argv[i] == name && !strchr(name, '/') &&
		    access(must_format("%s/%s", store, name), F_OK) == 0)
			argv[i] = must_format("%s/%s", store, name);
	if (name[0] && !strchr(name, '/') && access(name, F_OK) < 0) {
		bool stored = store && access(must_format("%s/%s", store, name), F_OK) == 0;

		if (!stored)
			fail(EXIT_BARTIZAN, "%s: no such sandbox or image", name);
	}
	files_exec_image(argv);
}
