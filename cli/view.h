/*
 * What a sandbox sees: the mounts of its specification, and which program of the host or of an image it runs.
 */
#ifndef BARTIZAN_VIEW_H
#define BARTIZAN_VIEW_H

#include <sys/stat.h>

#include "cli/options.h"

struct view {
	struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
	size_t count;
};

/* Each replaces an earlier mount at the same guest path.  Strings stay the caller's. */
void view_volume(struct view *v, const char *guest, const char *host, int fd, uint32_t flags, bool is_file);
void view_text(struct view *v, const char *guest, const char *text);
void view_link(struct view *v, const char *guest, const char *text);
void view_tmpfs(struct view *v, const char *guest, uint64_t size, uint32_t mode, uint32_t flags);

/* Opens and checks HOST (following links: the operator named it); ends the command if it cannot be granted.
 * Returns the guest's path, cleaned. */
const char *view_grant(struct view *v, const char *what, const char *host, const char *guest, uint32_t flags);

enum program_kind { PROGRAM_HOST, PROGRAM_IMAGE, PROGRAM_ROOTFS, PROGRAM_SOLO5 };

struct program {
	enum program_kind kind;
	const char *given;     /* as the person wrote it: argv[0] */
	const char *exe;       /* in the guest */
	const char *host_path; /* absolute */
	int fd;		       /* of the image, Bartizan's or Solo5's, open for reading; else -1 */
	uint64_t size;
	struct stat st;		 /* of a program of the host */
	const char *interpreter; /* what the script's first line names, or NULL */
	bool outside_usr; /* the view must be given the program's file */
};

/* Finds what `run` names: a path, an image of the store, a program on the PATH. */
void program_find(struct program *p, const struct run_options *o);

/* The view of a program of the host: /usr, a small /etc, a private /tmp. */
void view_host(struct view *v, const struct run_options *o, const struct program *p, uint32_t uid,
	       uint32_t gid);

/* The entries of DIR become the root's, each a volume; --overlay: DIR takes what the guest writes. */
void view_rootfs(struct view *v, const char *dir);
void view_overlay(struct view *v, const char *dir);

/* What links from /usr point to in /etc (etclinks.c): calls add for each path. */
void view_etc_links(struct view *v, void (*add)(struct view *, const char *));

/* -v, --here, --tmpfs: the same for all kinds of programs.  They hide what lies below, but the program `exe` itself. */
void view_options(struct view *v, const struct run_options *o, const char *exe);

/* Absolute path of the user's image store, or NULL. */
const char *store_path(void);

/* Path without double slashes, `.` and a final slash; NULL if it is not absolute or has `..`. */
char *clean_path(const char *path);

#endif
