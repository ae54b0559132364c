/*
 * The seccomp filter of a picoprocess, generated for each sandbox from its grants.  What it lets through, and with
 * which arguments, is a table: the one of host layers in filter.c, of the calls in host/linux/calls.h with the reason for
 * each; another personality brings its own.
 */
#ifndef BARTIZAN_FILTER_H
#define BARTIZAN_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

/* Instructions that the longest filter has room for: the kernel's own limit. */
#define FILTER_MAX 4096
#define FILTER_CALLS_MAX 48
#define FILTER_CHECKS_MAX 5

/*
 * A rule is one way in which a call may be made: a list of checks that all hold.  A call with several rules passes if
 * one of them does.  What the kernel takes as int is checked in its low half, for the kernel ignores the high one; what
 * it takes as long or a pointer is checked whole.
 */
enum check_op {
	CHECK_END,
	INT_EQ,		/* low half == value */
	INT_NE,		/* low half != value */
	INT_ABOVE,	/* low half > value, without sign */
	INT_SUBSET,	/* low half has no bit outside value */
	INT_ONE_OF,	/* low half is in the list */
	LONG_EQ,	/* == value */
	LONG_SUBSET,	/* no bit outside value */
	LONG_BITS,	/* low half & mask == value (the rest is for another check) */
	INT_LE,		/* low half <= value, without sign */
	LONG_LE,	/* <= value, without sign */
};

struct filter_check {
	enum check_op op;
	int arg;
	uint64_t value;
	uint32_t mask;
	const int *list; /* ends with -1 */
};

struct filter_rule {
	uint32_t nr;
	uint32_t action;	/* 0: allow */
	bool accept, network;	/* only with that option */
	bool orphans;		/* only with options->orphans */
	bool namespace;		/* only without */
	const char *words;	/* what is checked, for people; null: nothing */
	struct filter_check checks[FILTER_CHECKS_MAX];
};

struct filter_options {
	bool notify;		/* report what is not listed to the monitor's listener; else kill the process */
	bool accept;		/* a port is published: accept4 */
	bool network;		/* something of the network is granted: shutdown */
	bool orphans;		/* without a pid namespace: picoprocesses tie their lives to the template's */
	const struct filter_rule *rules; /* another personality's (guests/), sorted by number, and nothing that is not
					  * listed comes back; NULL: the host layer's */
	size_t rule_count;
};

/* Writes the filter to out[0..max).  Returns its length, or a negative error number (-ENOSPC). */
int filter_build(const struct filter_options *options, struct sock_filter *out, size_t max);

#endif
