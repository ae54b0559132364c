/*
 * Asking a running sandbox's library OS (abi/bartizan_ask.h): cp, exec, top.  What it answers is hostile: sizes are fixed here,
 * numbers are bounded, texts are escaped before they are shown.
 */
#ifndef BARTIZAN_ASK_COMMAND_H
#define BARTIZAN_ASK_COMMAND_H

#include "abi/bartizan_ask.h"
#include "cli/manage.h"

/* A connection to the monitor of a sandbox that runs; ends the command if there is none. */
int ask_connect(int state, const struct entry *e);
/* A stream to the library OS, on which the request was sent, with `len` bytes of `more` behind it, and answered: *error is 0
 * or a positive error number.  One that is busy is asked again for a while; ends the command if it does not answer. */
int ask(int monitor, const char *sandbox, const struct bz_ask *what, const void *more, size_t len, uint32_t *mode, int *error);
/* A later answer on the same stream.  Ends the command if there is none. */
int ask_answer(int fd, const char *sandbox, uint32_t *mode);

#endif
