/*
 * Words to people and numbers from people: messages, sizes, durations, signals; and the list of strings that
 * arguments and environments are built in.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "monitor/escape.h"

/* One line, whatever the names in it are: files and arguments are often somebody else's choice. */
static void say(const char *format, va_list args)
{
	static const char prefix[] = "bartizan: ";
	char text[4096], line[4096];
	size_t n = sizeof(prefix) - 1;

	vsnprintf(text, sizeof(text), format, args);
	memcpy(line, prefix, n);
	n += escape_text(line + n, sizeof(line) - n - 1, text, strlen(text), ESCAPE_KEEP_BACKSLASH);
	line[n] = '\n';
	fwrite(line, 1, n + 1, stderr);
}

void warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	exit(code);
}

void *must_alloc(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		fail(EXIT_BARTIZAN, "out of memory");
	return memory;
}

char *must_dup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		fail(EXIT_BARTIZAN, "out of memory");
	return copy;
}

char *must_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		fail(EXIT_BARTIZAN, "out of memory");
	va_end(args);
	return text;
}

void strings_add(struct strings *list, const char *text)
{
	if (list->count + 1 >= list->room) {
		list->room = list->room ? list->room * 2 : 16;
		list->item = realloc(list->item, list->room * sizeof(*list->item));
		if (!list->item)
			fail(EXIT_BARTIZAN, "out of memory");
	}
	list->item[list->count++] = text;
	list->item[list->count] = NULL;
}

static const char **strings_find(const struct strings *list, const char *name, size_t len)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strncmp(list->item[i], name, len) && list->item[i][len] == '=')
			return &list->item[i];
	return NULL;
}

void strings_set(struct strings *list, const char *assignment)
{
	const char **old = strings_find(list, assignment, strcspn(assignment, "="));

	if (old)
		*old = assignment;
	else
		strings_add(list, assignment);
}

void strings_unset(struct strings *list, const char *name)
{
	const char **found = strings_find(list, name, strlen(name));

	if (!found)
		return;
	*found = list->item[--list->count];
	list->item[list->count] = NULL;
}

const char *strings_get(const struct strings *list, const char *name)
{
	const char **found = strings_find(list, name, strlen(name));

	return found ? strchr(*found, '=') + 1 : NULL;
}

/* Digits, at most once a point and `decimals` more digits: the number times 10^decimals.  False: not a
 * number. */
static bool parse_decimal(const char **text, unsigned int decimals, uint64_t *out)
{
	const char *at = *text;
	uint64_t n = 0;
	unsigned int behind = 0;
	bool point = false;

	if (*at < '0' || *at > '9')
		return false;
	for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point && decimals); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		if (point && behind == decimals)
			continue;
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *at - '0', &n))
			return false;
		behind += point;
	}
	for (; behind < decimals; behind++)
		if (__builtin_mul_overflow(n, 10, &n))
			return false;
	*text = at;
	*out = n;
	return true;
}

uint64_t parse_size(const char *what, const char *text)
{
	static const char units[] = "bkmgt";
	const char *at = text, *unit;
	uint64_t n;
	unsigned int shift = 0;

	if (!parse_decimal(&at, 0, &n))
		fail(EXIT_BARTIZAN, "%s: '%s' is not a size such as 64m or 2g", what, text);
	if (*at && (unit = strchr(units, *at | 32))) {
		shift = 10 * (unit - units);
		at++;
		if (shift && !strcasecmp(at, "ib"))
			at += 2;
		else if (shift && (*at | 32) == 'b')
			at++;
	}
	if (*at || n > (UINT64_MAX >> 1) >> shift)
		fail(EXIT_BARTIZAN, "%s: '%s' is not a size such as 64m or 2g", what, text);
	return n << shift;
}

uint64_t parse_count(const char *what, const char *text, uint64_t max)
{
	const char *at = text;
	uint64_t n;

	if (!parse_decimal(&at, 0, &n) || *at || n > max)
		fail(EXIT_BARTIZAN, "%s: '%s' is not a number from 0 to %llu", what, text,
		     (unsigned long long)max);
	return n;
}

uint64_t parse_duration(const char *what, const char *text)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	const char *at = text;
	uint64_t thousandths;

	if (parse_decimal(&at, 3, &thousandths) && thousandths <= UINT64_MAX / 86400000)
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (!strcmp(at, units[i].unit))
				return (thousandths * units[i].ms + 999) / 1000;
	fail(EXIT_BARTIZAN, "%s: '%s' is not a time such as 10s, 500ms or 2m", what, text);
}

uint32_t parse_millis(const char *what, const char *text)
{
	const char *at = text;
	uint64_t n;

	if (!parse_decimal(&at, 3, &n) || *at || !n || n > 1024000)
		fail(EXIT_BARTIZAN, "%s: '%s' is not a number of processors such as 0.5 or 2", what, text);
	return n;
}

static const char *const signal_words[32] = {
    [SIGHUP] = "HUP",	[SIGINT] = "INT",     [SIGQUIT] = "QUIT", [SIGILL] = "ILL",   [SIGTRAP] = "TRAP", [SIGABRT] = "ABRT",
    [SIGBUS] = "BUS",	[SIGFPE] = "FPE",     [SIGKILL] = "KILL", [SIGUSR1] = "USR1", [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
    [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM",   [SIGTERM] = "TERM", [16] = "STKFLT",    [SIGCHLD] = "CHLD", [SIGCONT] = "CONT",
    [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",   [SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU", [SIGURG] = "URG",	  [SIGXCPU] = "XCPU",
    [SIGXFSZ] = "XFSZ", [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "IO", [SIGPWR] = "PWR",
    [SIGSYS] = "SYS"};

int parse_signal(const char *text)
{
	const char *at = text;
	uint64_t n;

	if (parse_decimal(&at, 0, &n) && !*at)
		return n >= 1 && n <= 64 ? (int)n : 0;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; i < 32; i++)
		if (!strcasecmp(signal_words[i], text))
			return i;
	return 0;
}

const char *signal_name(int number)
{
	static char name[24];

	if (number > 0 && number < 32)
		snprintf(name, sizeof(name), "SIG%s", signal_words[number]);
	else
		snprintf(name, sizeof(name), "signal %d", number);
	return name;
}
