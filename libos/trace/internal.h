/*
 * Between the files of the trace.  A call's format (calls.c) has a word an argument; a word names either a kind of
 * argument (args.c, structs.c, sockets.c) or a table of names (names.c, socket_names.c).
 */
#ifndef LIBOS_TRACE_INTERNAL_H
#define LIBOS_TRACE_INTERNAL_H

#include "libos/trace/trace.h"

#define TRACE_LINE 4096

/* A line is its thread's own but in LINE_TELLING, when the template sends what there is of it. */
enum line_state { LINE_NONE, LINE_OPEN, LINE_TELLING, LINE_TOLD };

/* A thread's line in the making. */
struct trace {
	struct list node;	/* of all lines; lines_lock */
	u32 state;		/* enum line_state; atomic */
	i64 since;		/* when its call began; monotonic, ns */
	const char *name;	/* of the call */
	const struct syscall_entry *entry;
	const char *format;	/* what is left of it */
	u64 args[6];
	u32 arg;		/* the next argument */
	u32 len;
	bool resumed;		/* the comma before the next argument was sent already */
	long ret;		/* behind the call; 0 before */
	u32 before[8];		/* lengths that the call overwrites, as it was given them */
	const struct trace_kind *after; /* prints behind the return value */
	u32 after_arg;
	char text[TRACE_LINE];
};

struct trace_kind {
	const char *word;
	void (*print)(struct trace *tr, u64 value, u32 arg);
	bool out;		/* filled by the call: an address until then, and if the call failed */
	bool always;		/* but print it all the same */
	void (*before)(struct trace *tr, u64 value, u32 arg); /* looks at it before the call */
	void (*after)(struct trace *tr, u64 value, u32 arg);
};

struct trace_name {
	u64 value;
	const char *text;
};

/* Values under `mask` are alternatives, all others are flags; mask ~0: alternatives alone. */
struct trace_names {
	const char *word;
	u64 mask;
	const struct trace_name *list;
	u32 count;
};

/* trace.c */
void trace_add(struct trace *tr, const char *fmt, ...) __printf(2, 3);
void trace_send(struct trace *tr);
void trace_unfinished(struct trace *tr);	/* how a line ends that is told before its call returns */
void trace_bytes(struct trace *tr, const char *bytes, size_t n);	/* between quotes, all escaped to ASCII */

/* lines.c */
struct trace *trace_line_of(struct thread *t);	/* null: no memory */
void trace_line_open(struct trace *tr);
bool trace_line_close(struct trace *tr, bool *told);	/* false: it was not open */
void trace_line_free(struct thread *t);

/* names.c, with the tables of socket_names.c */
extern const struct trace_names trace_socket_names[];
extern const u32 trace_socket_name_count;
const struct trace_names *trace_names_find(const char *word, size_t len);
void trace_names_print(struct trace *tr, const struct trace_names *names, u64 value);
void trace_named(struct trace *tr, const char *word, u64 value);
void trace_signal_name(struct trace *tr, u32 sig);
void trace_sigset(struct trace *tr, u64 set);
void trace_status(struct trace *tr, u32 status);
void trace_siginfo(struct trace *tr, const struct siginfo_kernel *info);

/* args.c, structs.c and sockets.c */
extern const struct trace_kind trace_kinds[], trace_structs[], trace_sockets[];
extern const u32 trace_kind_count, trace_struct_count, trace_socket_count;
void trace_buffer(struct trace *tr, u64 addr, u64 len);
void trace_iov(struct trace *tr, u64 addr, u64 count, u64 bytes); /* no more than `bytes` of it in all */
void trace_address(struct trace *tr, u64 addr);
void trace_prototype(struct trace *tr);	/* for calls without a format: by the handler's declaration */

/* calls.c: null if there is none */
struct trace_call {
	const char *name, *format;
};
const struct trace_call *trace_call_find(u64 nr);

#endif
