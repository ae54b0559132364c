/*
 * The seccomp filter of a picoprocess, generated for each sandbox from its grants.  What it lets through, and with
 * which arguments, is one table in filter.c; the calls themselves, with the reason for each, are those of
 * host/linux/calls.h.
 */
#ifndef BARTIZAN_FILTER_H
#define BARTIZAN_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/filter.h>

/* Instructions that the longest filter has room for. */
#define FILTER_MAX 1024

struct filter_options {
	bool notify;		/* report what is not listed to the monitor's listener; else kill the process */
	bool accept;		/* a grant lets the sandbox listen: accept4 */
	bool orphans;		/* without a pid namespace: picoprocesses tie their lives to the template's */
};

/* Writes the filter to out[0..max).  Returns its length, or a negative error number (-ENOSPC). */
int filter_build(const struct filter_options *options, struct sock_filter *out, size_t max);

/* The same for people: a line a call, with the reason and what is checked. */
void filter_describe(const struct filter_options *options, FILE *out);

/* How many different host calls it lets through. */
int filter_call_count(const struct filter_options *options);

#endif
