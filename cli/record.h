/*
 * Records of sandboxes: what ps, logs, wait, stop, kill and rm know of those that run or ran.  In the state
 * directory, for each sandbox: NAME.json (who and how, rewritten at the end), NAME.sock (the monitor's listener)
 * and, if it was detached, NAME.log.  A process is known by its number and its start time, so that a number that
 * the host gave away again is never mistaken for it.
 */
#ifndef BARTIZAN_RECORD_H
#define BARTIZAN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct record;
struct run;
struct sandbox;

const char *record_new_id(void);

/* Takes the name and makes the listener.  NULL, with *listen_fd -1, when there is no state directory and `must`
 * is false. */
struct record *record_begin(const char *name, bool must, int *listen_fd);
/* Writes NAME.json. */
void record_running(struct record *record, const struct run *r, const struct sandbox *sandbox);
void record_ended(struct record *record, int code, const char *why);
/* Forgets everything of it. */
void record_discard(struct record *record);
const char *record_path(const struct record *record, const char *suffix);

#endif
