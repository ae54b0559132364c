/*
 * Requests of the operator's commands, served by threads of the template (abi/bartizan_ask.h).  Nothing of a guest
 * process is used: names are looked up from the sandbox's root, with all rights, and all buffers are the library OS's.
 */
#ifndef LIBOS_ASK_H
#define LIBOS_ASK_H

#include "abi/bartizan_ask.h"
#include "libos/kernel/kernel.h"

/* From the template's loop: takes the stream that waits and serves it on a thread of its own. */
void ask_serve(void);

/* --- between the files --- */
struct ask {
	bz_stream stream;
	struct bz_ask what;
	int error;		/* the first one; the stream is in order as long as it is not ASK_BROKEN */
	char name[4096];	/* the tar's name, and the guest's path of the same file */
	char path[4096 + 4096];
	char buf[64 << 10];
};
#define ASK_BROKEN (-EPIPE)

int ask_read(struct ask *a, void *buf, size_t n);	/* all of it, or ASK_BROKEN */
int ask_write(struct ask *a, const void *buf, size_t n);
int ask_answer(struct ask *a, int error, u32 mode);
void ask_get(struct ask *a);
void ask_put(struct ask *a);

#endif
