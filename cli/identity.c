/*
 * Whom the guest's first process believes to be: -u, else the image's wish, else the person's own numbers for
 * a program of the host and root for an image.  Inside a sandbox uids are compatibility only.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"

static bool parse_pair(const char *text, uint32_t *uid, uint32_t *gid)
{
	const char *colon = strchr(text, ':');
	char *copy = must_dup(text);

	if (colon) {
		copy[colon - text] = 0;
		if (!strcmp(colon + 1, "root"))
			*gid = 0;
		else if (colon[1] >= '0' && colon[1] <= '9')
			*gid = parse_count("-u", colon + 1, UINT32_MAX - 1);
		else
			return false;
	}
	if (!strcmp(copy, "root"))
		*uid = 0;
	else if (*copy >= '0' && *copy <= '9')
		*uid = parse_count("-u", copy, UINT32_MAX - 1);
	else
		return false;
	return true;
}

void identity_prepare(struct run *r)
{
	const char *wish = r->options.user;

	if (r->program.kind == PROGRAM_HOST) {
		r->spec.uid = getuid();
		r->spec.gid = getgid();
	}
	if (!wish && r->program.kind == PROGRAM_IMAGE)
		wish = r->image.manifest.user;
	if (wish && *wish && !parse_pair(wish, &r->spec.uid, &r->spec.gid))
		fail(EXIT_BARTIZAN, "-u: '%s': write numbers, UID or UID:GID; names are not looked up", wish);
}
