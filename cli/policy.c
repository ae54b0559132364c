/*
 * --policy FILE: the operator's grants and limits as JSON, with the same words as the options.  An unknown
 * key or a wrong type is an error: a grant misspelt must not be silently missing, nor a limit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/options.h"

/* What is being read: the file, its document, the key. */
struct place {
	const char *file;
	const struct json *j;
	const char *key;
};

static void wrong(const struct place *p, const char *wanted)
{
	fail(EXIT_BARTIZAN, "--policy: %s: '%s' must be %s", p->file, p->key, wanted);
}

static const char *text(const struct place *p, int value)
{
	const char *string = json_string(p->j, value);

	if (!string)
		wrong(p, "a string");
	return string;
}

static bool boolean(const struct place *p, int value)
{
	bool flag;

	if (!json_boolean(p->j, value, &flag))
		wrong(p, "true or false");
	return flag;
}

/* A number, or a string as on the command line; what it may be is for the option's own parser to say. */
static const char *quantity(const struct place *p, int value)
{
	const char *number = json_number(p->j, value);

	if (number)
		return number;
	if (!json_string(p->j, value))
		wrong(p, "a number or a string");
	return text(p, value);
}

static void each(struct run_options *o, const struct place *p, int value,
		 void (*take)(struct run_options *, const char *, const char *))
{
	if (!json_is_array(p->j, value))
		wrong(p, "a list of strings");
	for (int item = json_first(p->j, value); item >= 0; item = json_after(p->j, value, item))
		take(o, p->key, text(p, item));
}

static void take_env(struct run_options *o, const struct place *p, int value)
{
	if (!json_is_object(p->j, value)) {
		each(o, p, value, options_env);
		return;
	}
	for (int name = json_first(p->j, value); name >= 0; name = json_after(p->j, value, name))
		options_env(o, p->key, must_format("%s=%s", text(p, name), text(p, name + 1)));
}

static void take_key(struct run_options *o, const struct place *p, int value)
{
	const char *key = p->key;

	if (!strcmp(key, "volumes"))
		each(o, p, value, options_volume);
	else if (!strcmp(key, "tmpfs"))
		each(o, p, value, options_tmpfs);
	else if (!strcmp(key, "ulimits"))
		each(o, p, value, options_ulimit);
	else if (!strcmp(key, "blocks"))
		each(o, p, value, options_block);
	else if (!strcmp(key, "block_sector_sizes"))
		each(o, p, value, options_sector_size);
	else if (!strcmp(key, "nets"))
		each(o, p, value, options_net);
	else if (!strcmp(key, "net_macs"))
		each(o, p, value, options_net_mac);
	else if (!strcmp(key, "exec_heap"))
		o->exec_heap = boolean(p, value);
	else if (!strcmp(key, "publish"))
		each(o, p, value, options_publish);
	else if (!strcmp(key, "allow"))
		each(o, p, value, options_allow);
	else if (!strcmp(key, "add_host"))
		each(o, p, value, options_add_host);
	else if (!strcmp(key, "dns"))
		each(o, p, value, options_dns);
	else if (!strcmp(key, "unix"))
		each(o, p, value, options_unix);
	else if (!strcmp(key, "env"))
		take_env(o, p, value);
	else if (!strcmp(key, "memory"))
		o->memory = (struct limit){true, parse_size(key, quantity(p, value))};
	else if (!strcmp(key, "pids"))
		o->pids = (struct limit){true, parse_count(key, quantity(p, value), 1 << 22)};
	else if (!strcmp(key, "cpus"))
		o->cpus = (struct limit){true, parse_millis(key, quantity(p, value))};
	else if (!strcmp(key, "timeout"))
		o->timeout = (struct limit){true, parse_duration(key, quantity(p, value))};
	else if (!strcmp(key, "workdir"))
		o->workdir = text(p, value);
	else if (!strcmp(key, "user"))
		o->user = text(p, value);
	else if (!strcmp(key, "hostname"))
		o->hostname = text(p, value);
	else if (!strcmp(key, "read_only"))
		o->readonly = boolean(p, value);
	else if (!strcmp(key, "usr_local"))
		o->usr_local = boolean(p, value);
	else if (!strcmp(key, "verify"))
		o->verify = text(p, value);
	else
		fail(EXIT_BARTIZAN,
		     "--policy: %s: unknown key '%s'; known: volumes, tmpfs, publish, allow, add_host, dns, unix, ulimits, env, memory, pids, "
		     "cpus, timeout, "
		     "workdir, user, hostname, read_only, usr_local, verify, blocks, block_sector_sizes, nets, net_macs, exec_heap",
		     p->file, key);
}

void policy_read(struct run_options *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status = fd < 0 ? -errno : 0;
	/* Stays: options point into it. */
	struct json *j = must_alloc(sizeof(*j));

	if (fd >= 0)
		status = json_read(j, fd);
	if (status < 0)
		fail(EXIT_BARTIZAN, "--policy: %s: %s", path, strerror(-status));
	if (status > 0)
		fail(EXIT_BARTIZAN, "--policy: %s:%d: is not JSON here, or has a key twice", path, status);
	close(fd);
	if (!json_is_object(j, 0))
		fail(EXIT_BARTIZAN, "--policy: %s: is not a JSON object", path);
	for (int key = json_first(j, 0); key >= 0; key = json_after(j, 0, key)) {
		struct place p = {path, j, json_string(j, key)};

		take_key(o, &p, key + 1);
	}
}
