/*
 * Records of sandboxes: what ps, logs, wait, stop, kill and rm know of those that run or ran.  In the state
 * directory ($XDG_RUNTIME_DIR/bartizan, for root /run/bartizan), for each sandbox: NAME.sock, the monitor's
 * listener, whose existence claims the name; NAME.json, who and how, rewritten at the end; NAME.log, if it is
 * detached; NAME.denied, if anything was.  A process is known by its number and its start time, so that a number that the host gave away
 * again is never mistaken for it.
 */
#ifndef BARTIZAN_RECORD_H
#define BARTIZAN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct run;
struct sandbox;
struct log;

struct process {
	pid_t pid;
	uint64_t start; /* clock ticks since boot, field 22 of /proc/PID/stat */
};

struct record {
	char name[64];
	int dir;    /* -1: not claimed */
	int listen; /* the socket that the monitor listens at, once it is claimed */
	bool detached, keep; /* keep: stays after the end, until rm */
	struct process monitor, keeper;
	char *document; /* the JSON text of record_running, without what changes at the end */
};

/* --- The side of `run` --------------------------------------------------------------------------------- */
const char *record_new_id(void);
/* Makes the socket for the monitor, and nothing in the state directory yet. */
struct record *record_begin(const char *name, bool detached, bool keep, int *listen_fd);
/* Takes the name and binds the socket.  0, or a negative error number; -EEXIST: another has the name. */
int record_claim(struct record *record);
/* Ends the command where the name is taken, or where one that is detached cannot have a record. */
void record_must_claim(struct record *record);
/* Writes the record, if it is claimed, and tells the monitor. */
void record_running(struct record *record, const struct run *r, const struct sandbox *sandbox);
void record_ended(struct record *record, int code, const char *why);
void record_discard(struct record *record);
struct log *record_log(struct record *record);
/* A line for `logs --denied`, already escaped; for callers that bound their number.  NULL: no record. */
void record_denied(struct record *record, const char *prefix, const char *text);
extern const char *const record_suffixes[]; /* of all files that a sandbox may have there; NULL-terminated */

/* --- The side of the others ---------------------------------------------------------------------------- */
int state_open(void);		   /* the state directory, or a negative error number */
uint64_t process_start(pid_t pid); /* 0: there is no such process, or a dead one */
bool process_lives(const struct process *p);
/* A pidfd of exactly that process, or -1: it is gone. */
int process_open(const struct process *p);

#endif
