/*
 * A running sandbox as its command sees it: the monitor's messages, the person's signals and terminal, and
 * how it ended.
 */
#ifndef BARTIZAN_SESSION_H
#define BARTIZAN_SESSION_H

#include <stdio.h>

#include "cli/console.h"
#include "cli/names.h"
#include "cli/options.h"
#include "monitor/monitor.h"

struct log;
struct record;

#define SETTLED_MS 20
#define DENIED_MISSING "not granted: " /* before a name that the guest did not find, where denials are noted */

struct session {
	struct sandbox sandbox;
	struct console *console; /* NULL without -t */
	struct log *log;	 /* NULL: messages go to standard error */
	struct names *names;	 /* to be kept up to date; NULL: none */
	struct record *record;	 /* where what was denied is noted; NULL: nowhere */
	void (*settled)(struct session *s); /* called once, when it has run for SETTLED_MS; NULL: not (any more) */
	int output[2];		 /* -d: reading ends of the guest's stdout and stderr; else -1 */
	bool show_stats;
	bool solo5; /* the guest makes its host calls itself, and nobody counts them */
	const char *stats_file;
	int started_fd; /* -d: told once whether the sandbox runs; else -1 */

	/* how it ended */
	bool ended, failed; /* failed: it never started */
	bool signalled;	    /* by a signal, not an exit */
	int status;	    /* the command's exit code */
	uint32_t reason;
	uint64_t start_ns, elapsed_ns, requests, denied, peak_memory;
	char why[512];
	char *statistics;	/* the last MONITOR_STATISTICS text */
	struct strings denials; /* lines of what was refused, shown at the end */
	struct strings missing; /* names that the guest did not find, as the monitor escaped them */
};

/* From here on signals wait for session_serve: before the sandbox starts, so that none kills the command when the guest runs
 * already. */
int session_signals(void);
/* Serves the sandbox until it has ended; returns the exit code for the command. */
int session_serve(struct session *s, int signals);

/* stdio.c: once, before the guest is given them.  Files that are open for reading and writing are opened again for
 * what is needed, so that the command and the guest, who gets no more than that, go on sharing an offset. */
void stdio_own_files(void);

/* A line of the command's own, to where its other messages go. */
void session_say(const struct session *s, const char *text);

/* --stats and --stats=FILE, after the end. */
void stats_report(const struct session *s);

#endif
