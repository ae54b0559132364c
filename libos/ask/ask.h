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
	bz_stream stream;	/* -1: somebody else's by now */
	struct bz_ask what;
	int error;		/* the first one; the stream is in order as long as it is not ASK_BROKEN */
	/* of GET and PUT */
	char *name;		/* NAME_SIZE: the tar's name, and the guest's path of the same file */
	char *path;		/* PATH_SIZE */
	char *buf;		/* BUF_SIZE */
};
#define ASK_BROKEN (-EPIPE)
#define NAME_SIZE 4096u
#define PATH_SIZE (4096u + 4096u)
#define BUF_SIZE (64u << 10)

int ask_read(struct ask *a, void *buf, size_t n);	/* all of it, or ASK_BROKEN */
int ask_write(struct ask *a, const void *buf, size_t n);
int ask_answer(struct ask *a, int error, u32 mode);
void ask_get(struct ask *a);
void ask_put(struct ask *a);
void ask_exec(struct ask *a);
void ask_stream(struct ask *a);
void ask_top(struct ask *a);

#endif
