/*
 * One run: the specification that a sandbox is started with, and what it was made from.
 */
#ifndef BARTIZAN_RUN_H
#define BARTIZAN_RUN_H

#include "cli/options.h"
#include "cli/session.h"
#include "cli/view.h"
#include "image/image.h"

struct run {
	struct run_options options;
	struct program program;
	struct image image;
	struct view view;
	struct strings argv, env;
	struct sandbox_spec spec;
	const char *id; /* the record's name */
	struct session session;
	struct solo5_sandbox *solo5; /* NULL: a Linux program */
	const char *text_missing; /* hosttext.c: the program that the cache has nothing of, or NULL */
	pid_t text_maker;	  /* who makes it, or 0 */
};

/* solo5.c: a Solo5 image at `offset` of `fd`: its devices, its rules, what its loader is told. */
void solo5_prepare(struct run *r, int fd, uint64_t offset, uint64_t size);
/* The same of one that was packed into an image. */
bool solo5_is_packed(int fd, const struct bz_image_section *section);
void solo5_prepare_image(struct run *r, const struct bz_image_section *section);
void solo5_explain(const struct run *r);
/* Ends the command if an option is for Solo5 guests, which this program is none of. */
void solo5_refuse_options(const struct run *r);

/* image.c: opens and verifies the image, takes what its manifest requests. */
void image_prepare(struct run *r);

/* hosttext.c: patched text of a program of the host: what the cache has; making what it has not, and waiting for that. */
void hosttext_find(struct run *r);
void hosttext_begin(struct run *r);
void hosttext_end(struct run *r);

/* identity.c: uid, gid and groups of the guest's first process. */
void identity_prepare(struct run *r);

/* explain.c: what is requested, granted, by whom, and which limits are in force by which means. */
int explain(struct run *r);

/* hints.c: what the program's arguments name, or it looked for, and its view does not hold. */
void hints_show(const struct run *r, int code);

/* detach.c: starts the sandbox under a keeper process; prints the name. */
int run_detached(struct run *r);

#endif
