/*
 * What the commands that look after sandboxes share: records read back, the monitor's socket, the choice
 * between words and JSON.
 */
#ifndef BARTIZAN_MANAGE_H
#define BARTIZAN_MANAGE_H

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/record.h"

struct entry {
	char name[64];
	struct json document;
	bool running;
	struct process monitor, keeper;
};

/* The record of that name; ends the command if there is none. */
void entry_find(struct entry *e, int dir, const char *name);
/* All of them, sorted by name; returns how many. */
size_t entries_read(int dir, struct entry **list);
const char *entry_text(const struct entry *e, const char *key);
int64_t entry_number(const struct entry *e, const char *key, int64_t otherwise);

/* A connection to the sandbox's monitor, or -1: nobody listens. */
int entry_connect(int dir, const struct entry *e);
/* Sends one wish; 0 or a negative error number. */
int entry_tell(int fd, uint32_t kind, uint32_t arg);
/* Waits until the sandbox and its keeper are gone, at most that long (-1: for ever); false: they are not.
 * *code is the exit code, or -1 where it is not known. */
bool entry_wait(int dir, struct entry *e, int fd, int64_t milliseconds, int *code);

/* The options of these commands.  Each takes those that its help names;
 * another, or too few or many names, ends the command. */
struct args {
	bool json, all, follow, force, raw, denied, grants;
	const char *tail, *time, *signal;
	char **rest;
	int count;
};
void args_parse(struct args *a, const char *command, int argc, char **argv, int min, int max);

int command_ps(int argc, char **argv);
int command_logs(int argc, char **argv);
int command_wait(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_kill(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_top(int argc, char **argv);
int command_cp(int argc, char **argv);
int command_rm(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_images(int argc, char **argv);
int command_rmi(int argc, char **argv);
int command_tool(int argc, char **argv); /* build, verify, keygen: bartizan-image */
int command_completion(int argc, char **argv);

#endif
