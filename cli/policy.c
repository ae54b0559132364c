/*
 * --policy FILE: the operator's grants and limits as JSON, with the same words as the options.  An unknown
 * key or a wrong type is an error: a grant misspelt must not be silently missing, nor a limit.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <string.h>

#include "cli/options.h"

struct place {
	const char *file, *key;
};

static void wrong(const struct place *p, const char *wanted)
{
	fail(EXIT_BARTIZAN, "--policy: %s: '%s' must be %s", p->file, p->key, wanted);
}

static const char *text(const struct place *p, json_t *value)
{
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		wrong(p, "a string");
	return json_string_value(value);
}

static bool boolean(const struct place *p, json_t *value)
{
	if (!json_is_boolean(value))
		wrong(p, "true or false");
	return json_is_true(value);
}

/* A number, or a string as on the command line. */
static const char *quantity(const struct place *p, json_t *value)
{
	if (json_is_string(value))
		return text(p, value);
	if (json_is_integer(value) && json_integer_value(value) >= 0)
		return must_format("%lld", (long long)json_integer_value(value));
	if (json_is_real(value) && json_real_value(value) >= 0)
		return must_format("%.3f", json_real_value(value));
	wrong(p, "a number or a string");
	return NULL;
}

static void each(struct run_options *o, const struct place *p, json_t *value,
		 void (*take)(struct run_options *, const char *, const char *))
{
	size_t i;
	json_t *item;

	if (!json_is_array(value))
		wrong(p, "a list of strings");
	json_array_foreach(value, i, item) take(o, p->key, text(p, item));
}

static void take_env(struct run_options *o, const struct place *p, json_t *value)
{
	const char *name;
	json_t *item;

	if (!json_is_object(value)) {
		each(o, p, value, options_env);
		return;
	}
	json_object_foreach(value, name, item)
	    options_env(o, p->key, must_format("%s=%s", name, text(p, item)));
}

static void take_key(struct run_options *o, const struct place *p, json_t *value)
{
	const char *key = p->key;

	if (!strcmp(key, "volumes"))
		each(o, p, value, options_volume);
	else if (!strcmp(key, "tmpfs"))
		each(o, p, value, options_tmpfs);
	else if (!strcmp(key, "ulimits"))
		each(o, p, value, options_ulimit);
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
		     "--policy: %s: unknown key '%s'; known: volumes, tmpfs, ulimits, env, memory, pids, "
		     "cpus, timeout, "
		     "workdir, user, hostname, read_only, usr_local, verify",
		     p->file, key);
}

void policy_read(struct run_options *o, const char *path)
{
	json_error_t error;
	json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *value;
	const char *key;

	if (!document)
		fail(EXIT_BARTIZAN, "--policy: %s:%d: %s", path, error.line, error.text);
	if (!json_is_object(document))
		fail(EXIT_BARTIZAN, "--policy: %s: is not a JSON object", path);
	json_object_foreach(document, key, value) take_key(o, &(struct place){path, key}, value);
	/* The document stays: options point into it. */
}
