/*
 * Whom the guest's first process believes to be: -u, else the image's wish, else the person's own numbers for
 * a program of the host and root for an image.  Names are looked up inside.  Uids of a sandbox are compatibility only.
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
	if (!wish || !*wish)
		return;
	if (parse_pair(wish, &r->spec.uid, &r->spec.gid) && (r->program.kind == PROGRAM_HOST || !r->spec.uid || strchr(wish, ':')))
		return;
	/* As Docker does: the files in the sandbox say who that is, and which groups a number without one belongs to. */
	r->spec.user = wish;
	r->spec.uid = r->spec.gid = BZ_ID_USER;
}
