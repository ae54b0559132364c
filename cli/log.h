/*
 * The log of a detached sandbox: what it wrote to its standard output and error, and what Bartizan says of
 * it. Rotated: when a file reaches LOG_MAX it becomes `.1`, replacing the one before.
 */
#ifndef BARTIZAN_LOG_H
#define BARTIZAN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_MAX (10u << 20)

struct log {
	int dir;
	const char *name;
	int fd;
	uint64_t size;
	bool midline; /* the last byte written was not a newline */
};

struct log *log_open(int dir, const char *name);
/* Appends one read of what there is; false at the end. */
bool log_take(struct log *log, int from);
void log_line(struct log *log, const char *prefix, const char *text, size_t len);

#endif
