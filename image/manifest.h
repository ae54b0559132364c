/*
 * The decoded manifest: what an image needs and wishes to be granted.  Everything is optional: a null list, a
 * null string or a zero number means "not said".  One allocation (`storage`) holds it all.  Strings are the
 * image maker's: escape them before a person or a log sees them, and treat them as requests, never as grants.
 */
#ifndef BARTIZAN_IMAGE_MANIFEST_H
#define BARTIZAN_IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/error.h"

struct bartizan_list {
	uint32_t count;
	const char **item; /* count strings and a null pointer, as argv */
};

struct bartizan_grant {	  /* a wish */
	const char *name; /* volumes: absolute guest path; outbound: host name or address; ports: "" */
	const char *why;  /* "" if not said */
	uint16_t port;
	bool write; /* volumes */
	bool udp;   /* ports, outbound */
};

struct bartizan_grants {
	uint32_t count;
	struct bartizan_grant *item;
};

struct bartizan_limits { /* 0: not asked for */
	uint64_t memory; /* bytes */
	uint64_t nofile, stack, fsize;
	uint32_t pids;
	uint32_t cpus_milli; /* thousandths of a processor */
};

struct bartizan_manifest {
	struct bartizan_list entrypoint; /* argv = entrypoint + (arguments if there are any, else cmd) */
	struct bartizan_list cmd;
	struct bartizan_list env;	 /* "NAME=value" */
	struct bartizan_list components; /* of the library OS */
	struct bartizan_list labels;	 /* "key=value" */
	const char *workdir;
	const char *user; /* "uid[:gid]" or "name[:group]" */
	const char *hostname;
	const char *stop_signal; /* "SIGTERM" */
	struct bartizan_grants volumes, ports, outbound;
	struct bartizan_limits limits;
	void *storage;
};

/* Decodes the binary form.  Accepts any bytes; returns 0 or -EINVAL, -ENOMEM with *err filled. */
int manifest_decode(struct bartizan_manifest *m, const void *bytes, size_t len, struct image_error *err);

/* The rules that values must follow whichever form they came in: absolute paths, bounded numbers,
 * "NAME=value". */
int manifest_check(const struct bartizan_manifest *m, struct image_error *err);

void manifest_free(struct bartizan_manifest *m);

/* argv of a run: entrypoint followed by args, or by cmd where there are none.  `*argv` is allocated, its
 * strings are borrowed.  -ENOEXEC: the image names nothing to run. */
int manifest_argv(const struct bartizan_manifest *m, char **args, char ***argv, struct image_error *err);

#endif
