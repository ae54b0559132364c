/*
 * Running another program that a build needs, with its messages caught.
 */
#ifndef BARTIZAN_IMAGE_TOOL_H
#define BARTIZAN_IMAGE_TOOL_H

#include "image/error.h"

struct tool {
	const char *shown, *package;	   /* for people: what it is called, what it comes in */
	const char *dir;		   /* where it runs, or null: here */
	char *const *argv;		   /* argv[0] is looked for on the PATH, then in /usr/sbin and /sbin */
	void (*tick)(const void *arg);	   /* every tenth of a second, or null */
	const void *arg;
};

/* 0, or a negative error number with a line for people. */
int tool_run(const struct tool *t, struct image_error *err);

#endif
