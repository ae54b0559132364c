/*
 * --stats: what the sandbox's parts counted, for people or as JSON.  The library OS's and the host layer's
 * numbers come out of the sandbox and may be lies: names and numbers are checked here, and nothing is
 * believed beyond that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/session.h"

#define COUNTS_MAX 512

struct count {
	char name[40];
	uint64_t n;
};

struct counts {
	struct count item[COUNTS_MAX];
	size_t used;
};

struct parsed {
	struct counts host, guest, monitor, value;
};

static bool good_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return len && !name[len] && len < sizeof(((struct count *)0)->name);
}

static void count_add(struct counts *c, const char *name, uint64_t n)
{
	size_t i = 0;

	while (i < c->used && strcmp(c->item[i].name, name))
		i++;
	if (i == COUNTS_MAX)
		return;
	strcpy(c->item[i].name, name);
	c->item[i].n = n;
	c->used += i == c->used;
}

/* `KIND NAME NUMBER` */
static void parse_line(struct parsed *p, char *line)
{
	char *kind = strtok(line, " "), *name = strtok(NULL, " "), *number = strtok(NULL, " "), *end;
	struct counts *c;
	uint64_t n;

	if (!kind || !name || !number || strtok(NULL, " ") || !good_name(name) || *number < '0' ||
	    *number > '9')
		return;
	n = strtoull(number, &end, 10);
	if (*end)
		return;
	c = !strcmp(kind, "host")      ? &p->host
	    : !strcmp(kind, "guest")   ? &p->guest
	    : !strcmp(kind, "monitor") ? &p->monitor
	    : !strcmp(kind, "value")   ? &p->value
				       : NULL;
	if (c)
		count_add(c, name, n);
}

static struct parsed *parse(const char *text)
{
	struct parsed *p = must_alloc(sizeof(*p));
	char *copy = must_dup(text ? text : ""), *next = copy, *line;

	while ((line = strsep(&next, "\n")))
		parse_line(p, line);
	free(copy);
	return p;
}

static uint64_t value_of(const struct counts *c, const char *name)
{
	for (size_t i = 0; i < c->used; i++)
		if (!strcmp(c->item[i].name, name))
			return c->item[i].n;
	return 0;
}

static uint64_t total_of(const struct counts *c)
{
	uint64_t total = 0;

	for (size_t i = 0; i < c->used; i++)
		if (__builtin_add_overflow(total, c->item[i].n, &total))
			return UINT64_MAX;
	return total;
}

static int by_count(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	return x->n < y->n ? 1 : x->n > y->n ? -1 : strcmp(x->name, y->name);
}

static void json_counts(FILE *out, const char *key, struct counts *c)
{
	fprintf(out, "  \"%s\": {", key);
	for (size_t i = 0; i < c->used; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", c->item[i].name, c->item[i].n);
	fprintf(out, "},\n");
}

static uint64_t peak(const struct session *s, const struct parsed *p)
{
	uint64_t counted = value_of(&p->value, "peak_memory_bytes");

	return counted > s->peak_memory ? counted : s->peak_memory;
}

static void write_json(const struct session *s, struct parsed *p, FILE *out)
{
	fprintf(out, "{\n  \"guest\": \"%s\",\n", s->solo5 ? "solo5" : "linux");
	if (s->solo5) {
		fprintf(out, "  \"host_syscalls\": null,\n");
	} else {
		json_counts(out, "host_syscalls", &p->host);
		json_counts(out, "guest_syscalls", &p->guest);
	}
	fprintf(out, "  \"trapped_calls\": %" PRIu64 ",\n", value_of(&p->value, "trapped_calls"));
	fprintf(out, "  \"patched_calls\": %" PRIu64 ",\n", value_of(&p->value, "patched_calls"));
	fprintf(out, "  \"monitor_requests\": %" PRIu64 ",\n", s->requests);
	fprintf(out, "  \"denied_requests\": %" PRIu64 ",\n", s->denied);
	fprintf(out, "  \"start_ms\": %.3f,\n", s->start_ns / 1e6);
	fprintf(out, "  \"elapsed_ms\": %.3f,\n", s->elapsed_ns / 1e6);
	fprintf(out, "  \"peak_memory_bytes\": %" PRIu64 ",\n", peak(s, p));
	fprintf(out, "  \"exit_code\": %d\n}\n", s->status);
}

static void table(FILE *out, const char *title, struct counts *c)
{
	fprintf(out, "%s: %" PRIu64 "\n", title, total_of(c));
	qsort(c->item, c->used, sizeof(c->item[0]), by_count);
	for (size_t i = 0; i < c->used; i++)
		if (c->item[i].n)
			fprintf(out, "  %10" PRIu64 "  %s\n", c->item[i].n, c->item[i].name);
}

void stats_report(const struct session *s)
{
	struct parsed *p = parse(s->statistics);
	FILE *out;

	if (s->stats_file) {
		out = fopen(s->stats_file, "we");
		if (out)
			write_json(s, p, out);
		if (!out || fclose(out))
			warn("--stats: %s: %s", s->stats_file, strerror(errno));
		free(p);
		return;
	}
	if (s->solo5) {
		fprintf(stderr,
			"host system calls: not counted, a Solo5 guest makes them itself\n"
			"started in %.2f ms, ran %.2f ms, at most %.1f MiB\n",
			s->start_ns / 1e6, s->elapsed_ns / 1e6, peak(s, p) / 1048576.0);
		free(p);
		return;
	}
	table(stderr, "guest system calls", &p->guest);
	table(stderr, "host system calls", &p->host);
	table(stderr, "requests to the monitor", &p->monitor);
	fprintf(stderr,
		"trapped %" PRIu64 ", patched %" PRIu64
		", started in %.2f ms, ran %.2f ms, at most %.1f MiB\n",
		value_of(&p->value, "trapped_calls"), value_of(&p->value, "patched_calls"), s->start_ns / 1e6,
		s->elapsed_ns / 1e6, peak(s, p) / 1048576.0);
	free(p);
}
