/* The far end of a terminal that is a stream of the host: what is shown goes out on it, what comes in was typed. */
#ifndef LIBOS_WIRE_H
#define LIBOS_WIRE_H

#include "libos/tty/tty.h"

struct wire {
	bz_stream stream;
	struct mutex lock;	/* one writer after the other, so that output keeps its order; held during host writes
				 * that do not wait */
	char part[1024];	/* taken from the terminal, and sent up to `sent` */
	u32 have, sent;
};

void wire_init(struct wire *w, bz_stream stream);
/* Let out what the terminal shows; false if something is left that the host does not take now. */
bool wire_send(struct wire *w, struct tty *t);
/* A driver's wait_output. */
int wire_wait(struct wire *w, struct file *f, bool all);
/* On a thread of the template's own: type what comes in, up to the stream's end. */
void wire_read(struct wire *w, struct tty *t);

#endif
