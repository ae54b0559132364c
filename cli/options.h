/*
 * The options of `bartizan run`: what a person asked for, before anything of the host was looked at.  A
 * policy file (--policy) fills the same structure; the command line comes later and wins.
 */
#ifndef BARTIZAN_OPTIONS_H
#define BARTIZAN_OPTIONS_H

#include "cli/cli.h"
#include "cli/network.h"
#include "monitor/monitor.h"

struct volume_option {
	const char *host, *guest; /* as written */
	bool readonly;
};

struct tmpfs_option {
	const char *guest;
	uint64_t size;
	uint32_t mode;
	bool readonly, noexec;
};

#define VOLUMES_MAX 128
#define ULIMITS_MAX 16

struct run_options {
	struct strings env; /* NAME=value; NAME alone: it is not set here, and is not to be */
	struct strings env_files, env_words; /* as they were written */
	struct volume_option volumes[VOLUMES_MAX];
	size_t volume_count;
	struct tmpfs_option tmpfs[VOLUMES_MAX];
	size_t tmpfs_count;
	struct bz_rlimit ulimits[ULIMITS_MAX];
	size_t ulimit_count;
	struct limit memory, pids, cpus, timeout;
	struct net_option net;

	const char *workdir, *user, *hostname, *entrypoint, *name;
	const char *rootfs, *overlay, *policy, *verify, *stats_file;
	struct strings blocks, sectors, networks, macs; /* of a Solo5 guest: NAME=VALUE */
	bool exec_heap;
	uint32_t rewrite; /* SANDBOX_TRAP_ONLY, SANDBOX_PATCH_EAGER or 0 */
	bool no_text_cache; /* programs of the host begin unpatched */
	bool trace, stats, interactive, tty, detach, rm, readonly, usr_local, no_userns, explain;
	bool here, here_readonly;

	const char *program; /* NULL with --rootfs and --entrypoint alone */
	char **args;	     /* behind the program */
};

/* Ends the command on a wrong option.  argv[0] is `run`. */
void options_parse(struct run_options *o, int argc, char **argv);

void options_volume(struct run_options *o, const char *what, const char *text); /* HOST:GUEST[:ro|rw] */
void options_tmpfs(struct run_options *o, const char *what, const char *text);	/* GUEST[:size=N,mode=M] */
void options_ulimit(struct run_options *o, const char *what, const char *text); /* NAME=SOFT[:HARD] */
void options_env(struct run_options *o, const char *what, const char *text);	/* NAME=value or NAME */

/* Devices of Solo5 guests: NAME=VALUE. */
void options_block(struct run_options *o, const char *what, const char *text);
void options_sector_size(struct run_options *o, const char *what, const char *text);
void options_net(struct run_options *o, const char *what, const char *text);
void options_net_mac(struct run_options *o, const char *what, const char *text);

/* The names of all options, for completion. */
void options_print_long(const char *between);

/* Reads a policy file (policy.c). */
void policy_read(struct run_options *o, const char *path);

#endif
