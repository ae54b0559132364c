/*
 * What this host has to offer, told to people: the layers and limits of a sandbox (run --explain) and the features of
 * the kernel (bartizan check).  The facts are those that a start goes by (launch/launch.h); only the telling is here.
 */
#ifndef BARTIZAN_CLI_HOST_H
#define BARTIZAN_CLI_HOST_H

#include "monitor/monitor.h"

/* --- What is in force: for --explain.  Tells what sandbox_start would do with this spec on this host --- */
enum layer_state { LAYER_ON, LAYER_LOST, LAYER_WEAK };

struct layer {
	const char *name;	/* "user namespace", "limit: memory", ... */
	enum layer_state state;
	char means[160];	/* by which means it is in force, or why it is lost and what would help */
};

/* Fills at most `max` layers, returns how many. */
size_t sandbox_explain(const struct sandbox_spec *spec, struct layer *out, size_t max);

/* --- What this host supports: for `bartizan check` ----------------------------------------------------- */
enum check_state { CHECK_OK, CHECK_MISSING /* something is lost without it */, CHECK_FATAL /* nothing runs */ };

struct host_check {
	const char *name;
	enum check_state state;
	char detail[160];	/* what was found */
	char remedy[200];	/* one line, empty if OK */
};

size_t host_check(struct host_check *out, size_t max); /* 32 are enough */

/* What this host lacks, in a line, if no sandbox can run here; else NULL. */
const char *host_lacks(void);

/* hostcheck.c, for both */
int probe_user_namespace(void);
const char *user_namespace_remedy(int error);

#endif
