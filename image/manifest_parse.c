/*
 * The manifest's text form: JSON (RFC 8259), read strictly.  An unknown key, a wrong type or a duplicate key
 * is one line with file, line, key and, where something similar exists, a suggestion.  The key table below is
 * the whole schema.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest_write.h"
#include "image/suggest.h"

#define DEPTH 4

struct parser {
	struct draft *d;
	const char *name, *text;
	size_t len;
	struct image_error *err;
	const char *path[DEPTH]; /* keys from the top to the value being read */
	int index[DEPTH];	 /* element of an array below that key, or -1 */
	int depth;
};

typedef int reader(struct parser *p, json_t *value, void *to);
struct key {
	const char *name;
	reader *read;
	size_t offset; /* of the target in struct bartizan_manifest, or in what the caller reads into */
};

/* --- Where a value stands ----------------------------------------------------------------------------- */

static size_t skip_string(const struct parser *p, size_t at)
{
	for (at++; at < p->len && p->text[at] != '"'; at++)
		at += p->text[at] == '\\';
	return at + 1;
}

static size_t skip_value(const struct parser *p, size_t at)
{
	int depth = 0;

	while (at < p->len) {
		char c = p->text[at];

		if (c == '"') {
			at = skip_string(p, at);
			if (depth == 0)
				return at;
			continue;
		}
		if (depth == 0 && (c == ',' || c == ']' || c == '}'))
			return at;
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		at++;
		if (depth == 0 && (c == ']' || c == '}'))
			return at;
	}
	return at;
}

static size_t skip_space(const struct parser *p, size_t at)
{
	while (at < p->len && strchr(" \t\r\n,:", p->text[at]) && p->text[at])
		at++;
	return at;
}

/* The place of `key` in the object that begins at `at`; *value is the place of its value.  Keys that are
 * written with escapes are not found: the object's own place serves then. */
static size_t find_key(const struct parser *p, size_t at, const char *key, size_t *value)
{
	size_t i = skip_space(p, at + 1);

	while (i < p->len && p->text[i] == '"') {
		size_t end = skip_string(p, i), v = skip_space(p, end);

		if (end - i == strlen(key) + 2 && memcmp(p->text + i + 1, key, strlen(key)) == 0) {
			*value = v;
			return i;
		}
		i = skip_space(p, skip_value(p, v));
	}
	*value = at;
	return at;
}

/* Line of the innermost key on the path.  The text has been parsed already, so it is well-formed. */
static int line_of(const struct parser *p)
{
	size_t at = skip_space(p, 0), place = at;
	int line = 1;

	for (int i = 0; i < p->depth; i++) {
		place = find_key(p, at, p->path[i], &at);
		if (p->index[i] < 0 || at >= p->len || p->text[at] != '[')
			continue;
		at = skip_space(p, at + 1);
		for (int k = 0; k < p->index[i] && at < p->len; k++)
			at = skip_space(p, skip_value(p, at));
		place = at;
	}
	for (size_t i = 0; i < place && i < p->len; i++)
		line += p->text[i] == '\n';
	return line;
}

static void path_text(const struct parser *p, char *out, size_t size)
{
	size_t at = 0;
	char key[64];

	out[0] = 0;
	for (int i = 0; i < p->depth && at < size; i++) {
		image_escape(key, sizeof(key), p->path[i], strlen(p->path[i]));
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? "." : "", key);
		if (p->index[i] >= 0 && at < size)
			at += (size_t)snprintf(out + at, size - at, "[%d]", p->index[i]);
	}
}

static const char *type_name(const json_t *v)
{
	static const char *const names[] = {"an object", "a list", "a string", "a number",
					    "a number",	 "true",   "false",    "null"};

	return names[json_typeof(v)];
}

static int wrong_type(struct parser *p, const json_t *value, const char *wanted)
{
	char path[192];

	path_text(p, path, sizeof(path));
	return image_fail(p->err, -EINVAL, "%s:%d: %s: must be %s, is %s", p->name, line_of(p), *path ? path : "the manifest", wanted,
			  type_name(value));
}

static int wrong_value(struct parser *p, const char *rule)
{
	char path[192];

	path_text(p, path, sizeof(path));
	return image_fail(p->err, -EINVAL, "%s:%d: %s: %s", p->name, line_of(p), path, rule);
}

/* --- Values ------------------------------------------------------------------------------------------- */

static int read_string(struct parser *p, json_t *value, void *to)
{
	if (!json_is_string(value))
		return wrong_type(p, value, "a string");
	if (json_string_length(value) == 0)
		return wrong_value(p, "must not be empty (leave it out instead)");
	*(const char **)to = draft_string(p->d, json_string_value(value));
	return 0;
}

static int read_any_string(struct parser *p, json_t *value, void *to)
{
	if (!json_is_string(value))
		return wrong_type(p, value, "a string");
	*(const char **)to = draft_string(p->d, json_string_value(value));
	return 0;
}

static int read_list(struct parser *p, json_t *value, void *to)
{
	struct bartizan_list *l = to;
	size_t i;
	json_t *v;

	if (!json_is_array(value))
		return wrong_type(p, value, "a list of strings");
	draft_list_clear(p->d, l);
	json_array_foreach(value, i, v)
	{
		p->index[p->depth - 1] = (int)i;
		if (!json_is_string(v))
			return wrong_type(p, v, "a string");
		draft_list_add(p->d, l, json_string_value(v));
	}
	p->index[p->depth - 1] = -1;
	return 0;
}

/* {"NAME": "value"} or ["NAME=value"]. */
static int read_pairs(struct parser *p, json_t *value, void *to)
{
	struct bartizan_list *l = to;
	const char *key;
	json_t *v;

	if (json_is_array(value))
		return read_list(p, value, to);
	if (!json_is_object(value))
		return wrong_type(p, value, "an object of strings or a list of \"NAME=value\"");
	draft_list_clear(p->d, l);
	json_object_foreach(value, key, v)
	{
		char *pair;

		p->path[p->depth] = key;
		p->index[p->depth++] = -1;
		if (!json_is_string(v))
			return wrong_type(p, v, "a string");
		if (!key[0] || strchr(key, '='))
			return wrong_value(p, "is no name");
		pair = draft_alloc(p->d, strlen(key) + json_string_length(v) + 2);
		strcat(strcat(strcpy(pair, key), "="), json_string_value(v));
		draft_list_add(p->d, l, pair);
		p->depth--;
	}
	return 0;
}

static int read_count(struct parser *p, json_t *value, uint64_t most, uint64_t *to)
{
	if (!json_is_integer(value))
		return wrong_type(p, value, "a whole number");
	if (json_integer_value(value) <= 0 || (uint64_t)json_integer_value(value) > most)
		return wrong_value(p, "is out of range");
	*to = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_u64(struct parser *p, json_t *value, void *to)
{
	return read_count(p, value, INT32_MAX, to);
}

static int read_u32(struct parser *p, json_t *value, void *to)
{
	uint64_t n = 0;
	int ret = read_count(p, value, 1u << 22, &n);

	if (!ret)
		*(uint32_t *)to = (uint32_t)n;
	return ret;
}

static int read_port(struct parser *p, json_t *value, void *to)
{
	uint64_t n = 0;
	int ret = read_count(p, value, UINT16_MAX, &n);

	if (!ret)
		*(uint16_t *)to = (uint16_t)n;
	return ret;
}

/* 67108864, "64M", "1.5G": as Docker's -m. */
static int read_bytes(struct parser *p, json_t *value, void *to)
{
	static const char units[] = "bkmgt";
	const char *text, *unit;
	char *end;
	double n;

	if (json_is_integer(value))
		return read_count(p, value, INT64_MAX, to);
	if (!json_is_string(value))
		return wrong_type(p, value, "a size such as \"64M\" or a number of bytes");
	text = json_string_value(value);
	n = strtod(text, &end);
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : units;
	if (end == text || !isdigit((unsigned char)*text) || !unit ||
	    (*end && strcasecmp(end + 1, "") && strcasecmp(end + 1, "b") && strcasecmp(end + 1, "ib")))
		return wrong_value(p, "is no size (examples: 67108864, \"64M\", \"1.5G\")");
	n = n * (double)(1ull << 10 * (unit - units));
	if (!(n >= 1 && n < 9e18))
		return wrong_value(p, "is out of range");
	*(uint64_t *)to = (uint64_t)n;
	return 0;
}

static int read_cpus(struct parser *p, json_t *value, void *to)
{
	double n = json_number_value(value);

	if (!json_is_number(value))
		return wrong_type(p, value, "a number of processors such as 1.5");
	if (!(n >= 0.001 && n <= 1024))
		return wrong_value(p, "is out of range (0.001 to 1024)");
	*(uint32_t *)to = (uint32_t)lround(n * 1000);
	return 0;
}

/* "ro" or "rw". */
static int read_access(struct parser *p, json_t *value, void *to)
{
	const char *s = json_string_value(value);

	if (!s)
		return wrong_type(p, value, "\"ro\" or \"rw\"");
	if (strcmp(s, "ro") && strcmp(s, "rw"))
		return wrong_value(p, "must be \"ro\" or \"rw\"");
	*(bool *)to = s[1] == 'w';
	return 0;
}

static int read_protocol(struct parser *p, json_t *value, void *to)
{
	const char *s = json_string_value(value);

	if (!s)
		return wrong_type(p, value, "\"tcp\" or \"udp\"");
	if (strcmp(s, "tcp") && strcmp(s, "udp"))
		return wrong_value(p, "must be \"tcp\" or \"udp\"");
	*(bool *)to = s[0] == 'u';
	return 0;
}

/* --- Objects ------------------------------------------------------------------------------------------ */

static int unknown_key(struct parser *p, const struct key *keys, const char *key)
{
	const char *names[24] = {0}, *like;
	char path[192], hint[64] = "";
	int n = 0;

	for (const struct key *k = keys; k->name; k++)
		names[n++] = k->name;
	like = suggest(key, names);
	if (like)
		snprintf(hint, sizeof(hint), "; did you mean \"%s\"?", like);
	path_text(p, path, sizeof(path));
	return image_fail(p->err, -EINVAL, "%s:%d: unknown key \"%s\"%s", p->name, line_of(p), path, hint);
}

static int read_object(struct parser *p, json_t *value, const struct key *keys, void *to)
{
	const char *name;
	json_t *v;

	if (!json_is_object(value))
		return wrong_type(p, value, "an object");
	json_object_foreach(value, name, v)
	{
		const struct key *k = keys;
		int ret;

		p->path[p->depth] = name;
		p->index[p->depth++] = -1;
		while (k->name && strcmp(k->name, name))
			k++;
		ret = k->name ? k->read(p, v, (char *)to + k->offset) : unknown_key(p, keys, name);
		if (ret)
			return ret;
		p->depth--;
	}
	return 0;
}

static const struct key volume_keys[] = {
    {"path", read_string, offsetof(struct bartizan_grant, name)},
    {"access", read_access, offsetof(struct bartizan_grant, write)},
    {"why", read_any_string, offsetof(struct bartizan_grant, why)},
    {0},
};
static const struct key port_keys[] = {
    {"port", read_port, offsetof(struct bartizan_grant, port)},
    {"protocol", read_protocol, offsetof(struct bartizan_grant, udp)},
    {"why", read_any_string, offsetof(struct bartizan_grant, why)},
    {0},
};
static const struct key outbound_keys[] = {
    {"host", read_string, offsetof(struct bartizan_grant, name)},
    {"port", read_port, offsetof(struct bartizan_grant, port)},
    {"protocol", read_protocol, offsetof(struct bartizan_grant, udp)},
    {"why", read_any_string, offsetof(struct bartizan_grant, why)},
    {0},
};

static int read_grants(struct parser *p, json_t *value, const struct key *keys, struct bartizan_grants *to)
{
	size_t i;
	json_t *v;

	if (!json_is_array(value))
		return wrong_type(p, value, "a list");
	to->count = 0;
	json_array_foreach(value, i, v)
	{
		struct bartizan_grant g = {.name = "", .why = ""};
		int ret;

		p->index[p->depth - 1] = (int)i;
		ret = read_object(p, v, keys, &g);
		if (ret)
			return ret;
		if (!json_object_get(v, keys[0].name)) {
			char rule[64];

			snprintf(rule, sizeof(rule), "needs the key \"%s\"", keys[0].name);
			return wrong_value(p, rule);
		}
		draft_grant_add(p->d, to, &g);
	}
	p->index[p->depth - 1] = -1;
	return 0;
}

static int read_volumes(struct parser *p, json_t *value, void *to)
{
	return read_grants(p, value, volume_keys, to);
}

static int read_ports(struct parser *p, json_t *value, void *to)
{
	return read_grants(p, value, port_keys, to);
}

static int read_outbound(struct parser *p, json_t *value, void *to)
{
	return read_grants(p, value, outbound_keys, to);
}

static int read_grant_object(struct parser *p, json_t *value, void *to)
{
	static const struct key keys[] = {
	    {"volumes", read_volumes, offsetof(struct bartizan_manifest, volumes)},
	    {"ports", read_ports, offsetof(struct bartizan_manifest, ports)},
	    {"outbound", read_outbound, offsetof(struct bartizan_manifest, outbound)},
	    {0},
	};

	return read_object(p, value, keys, to);
}

static int read_limits(struct parser *p, json_t *value, void *to)
{
	static const struct key keys[] = {
	    {"memory", read_bytes, offsetof(struct bartizan_limits, memory)},
	    {"pids", read_u32, offsetof(struct bartizan_limits, pids)},
	    {"cpus", read_cpus, offsetof(struct bartizan_limits, cpus_milli)},
	    {"nofile", read_u64, offsetof(struct bartizan_limits, nofile)},
	    {"stack", read_bytes, offsetof(struct bartizan_limits, stack)},
	    {"fsize", read_bytes, offsetof(struct bartizan_limits, fsize)},
	    {0},
	};

	return read_object(p, value, keys, to);
}

static const struct key top_keys[] = {
    {"entrypoint", read_list, offsetof(struct bartizan_manifest, entrypoint)},
    {"cmd", read_list, offsetof(struct bartizan_manifest, cmd)},
    {"env", read_pairs, offsetof(struct bartizan_manifest, env)},
    {"workdir", read_string, offsetof(struct bartizan_manifest, workdir)},
    {"user", read_string, offsetof(struct bartizan_manifest, user)},
    {"hostname", read_string, offsetof(struct bartizan_manifest, hostname)},
    {"stop_signal", read_string, offsetof(struct bartizan_manifest, stop_signal)},
    {"grants", read_grant_object, 0},
    {"limits", read_limits, offsetof(struct bartizan_manifest, limits)},
    {"components", read_list, offsetof(struct bartizan_manifest, components)},
    {"labels", read_pairs, offsetof(struct bartizan_manifest, labels)},
    {0},
};

int manifest_parse(struct draft *d, const char *name, const char *text, size_t len, struct image_error *err)
{
	struct draft parsed = {0};
	struct parser p = {.d = &parsed, .name = name, .text = text, .len = len, .err = err};
	struct image_error rule;
	json_error_t where;
	json_t *root;
	int ret;

	if (len > BZ_MANIFEST_MAX)
		return image_fail(err, -E2BIG, "%s: longer than %u bytes", name, BZ_MANIFEST_MAX);
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (!root) {
		char what[160];

		return image_fail(err, -EINVAL, "%s:%d: %s", name, where.line,
				  image_escape(what, sizeof(what), where.text, strlen(where.text)));
	}
	ret = read_object(&p, root, top_keys, &parsed.m);
	json_decref(root);
	if (!ret && manifest_check(&parsed.m, &rule))
		ret = image_fail(err, -EINVAL, "%s: %s", name, rule.text);
	if (!ret)
		draft_merge(d, &parsed.m);
	draft_free(&parsed);
	return ret;
}
