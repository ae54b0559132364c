/*
 * The rules for a manifest's values, whichever form they came in.  Keys are named as the text form names
 * them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest.h"

#define STRING_MAX (128u << 10) /* Linux's own limit of one argument */
#define PATH_MAX_ 4095u
#define PIDS_MAX (1u << 22)

static int bad(struct image_error *err, const char *key, const char *value, const char *rule)
{
	char text[96];

	return image_fail(err, -EINVAL, "manifest: %s: \"%s\" %s", key,
			  image_escape(text, sizeof(text), value, strlen(value)), rule);
}

/* Absolute, without `.` and `..`, so that what a person reads is what is meant. */
static int check_path(const char *key, const char *path, struct image_error *err)
{
	if (path[0] != '/')
		return bad(err, key, path, "must be an absolute path");
	if (strlen(path) > PATH_MAX_)
		return bad(err, key, "(long)", "must have at most 4095 bytes");
	for (const char *p = path; (p = strchr(p, '/')); p++)
		if (p[1] == '.' && (p[2] == '/' || p[2] == 0 || (p[2] == '.' && (p[3] == '/' || p[3] == 0))))
			return bad(err, key, path, "must not contain \".\" or \"..\"");
	return 0;
}

static int check_strings(const char *key, const struct bartizan_list *l, bool pairs, struct image_error *err)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const char *eq = strchr(l->item[i], '=');

		if (strlen(l->item[i]) >= STRING_MAX)
			return bad(err, key, "(long)", "must have less than 131072 bytes");
		if (pairs && (!eq || eq == l->item[i]))
			return bad(err, key, l->item[i], "must be NAME=value");
	}
	return 0;
}

static int check_number_or_name(const char **p)
{
	const char *s = *p;
	size_t n = 0;

	if (isdigit((unsigned char)*s)) {
		char *end;
		unsigned long v = strtoul(s, &end, 10);

		*p = end;
		return v < 0xffffffff && end - s <= 10;
	}
	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '.' || s[n] == '-')
		n++;
	*p = s + n;
	return n > 0 && n <= 32 && s[0] != '-';
}

static int check_user(const char *user, struct image_error *err)
{
	const char *p = user;

	if (check_number_or_name(&p) && (*p == 0 || (*p++ == ':' && check_number_or_name(&p) && *p == 0)))
		return 0;
	return bad(err, "user", user, "must be UID[:GID] or NAME[:GROUP]");
}

static int check_hostname(const char *key, const char *name, size_t max, struct image_error *err)
{
	size_t n = 0;

	while (isalnum((unsigned char)name[n]) || (n && (name[n] == '-' || name[n] == '.')) ||
	       (max > 64 && name[n] == ':'))
		n++;
	return n > 0 && n <= max && name[n] == 0 ? 0 : bad(err, key, name, "is no host name");
}

static int check_signal(const char *name, struct image_error *err)
{
	size_t n = 0;

	while (isalnum((unsigned char)name[n]) || name[n] == '+' || name[n] == '-')
		n++;
	return n > 0 && n <= 16 && name[n] == 0 ? 0 : bad(err, "stop_signal", name, "is no signal");
}

static int check_grants(const struct bartizan_manifest *m, struct image_error *err)
{
	int ret = 0;

	for (uint32_t i = 0; i < m->volumes.count && !ret; i++) {
		ret = check_path("grants.volumes", m->volumes.item[i].name, err);
		if (!ret && m->volumes.item[i].port)
			ret = bad(err, "grants.volumes", m->volumes.item[i].name, "has a port");
	}
	for (uint32_t i = 0; i < m->ports.count && !ret; i++)
		if (m->ports.item[i].port == 0 || m->ports.item[i].name[0])
			ret = image_fail(err, -EINVAL, "manifest: grants.ports: a port must be 1 to 65535");
	for (uint32_t i = 0; i < m->outbound.count && !ret; i++)
		ret = check_hostname("grants.outbound", m->outbound.item[i].name, 255, err);
	return ret;
}

static int check_limits(const struct bartizan_limits *l, struct image_error *err)
{
	if (l->pids > PIDS_MAX)
		return image_fail(err, -EINVAL, "manifest: limits.pids: %u is more than %u", l->pids,
				  PIDS_MAX);
	if (l->memory > INT64_MAX || l->stack > INT64_MAX || l->fsize > INT64_MAX || l->nofile > INT32_MAX)
		return image_fail(err, -EINVAL, "manifest: limits: a number is too large");
	return 0;
}

int manifest_check(const struct bartizan_manifest *m, struct image_error *err)
{
	int ret = check_strings("entrypoint", &m->entrypoint, false, err);

	if (!ret && m->entrypoint.count && !m->entrypoint.item[0][0])
		ret = bad(err, "entrypoint", "", "names no program");
	if (!ret)
		ret = check_strings("cmd", &m->cmd, false, err);
	if (!ret)
		ret = check_strings("env", &m->env, true, err);
	if (!ret)
		ret = check_strings("components", &m->components, false, err);
	if (!ret)
		ret = check_strings("labels", &m->labels, true, err);
	if (!ret && m->workdir)
		ret = check_path("workdir", m->workdir, err);
	if (!ret && m->user)
		ret = check_user(m->user, err);
	if (!ret && m->hostname)
		ret = check_hostname("hostname", m->hostname, 64, err);
	if (!ret && m->stop_signal)
		ret = check_signal(m->stop_signal, err);
	if (!ret)
		ret = check_grants(m, err);
	return ret ? ret : check_limits(&m->limits, err);
}
