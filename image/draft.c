/*
 * A manifest under construction; see manifest_write.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest_write.h"

void *draft_alloc(struct draft *d, size_t n)
{
	void **blocks = realloc(d->blocks, (d->block_count + 1) * sizeof(void *));
	void *p = calloc(1, n ? n : 1);

	if (!blocks || !p) {
		fputs("bartizan: out of memory\n", stderr);
		exit(125);
	}
	d->blocks = blocks;
	return d->blocks[d->block_count++] = p;
}

void draft_free(struct draft *d)
{
	for (size_t i = 0; i < d->block_count; i++)
		free(d->blocks[i]);
	free(d->blocks);
	memset(d, 0, sizeof(*d));
}

const char *draft_string(struct draft *d, const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(draft_alloc(d, n), text, n);
}

void draft_list_clear(struct draft *d, struct bartizan_list *l)
{
	l->count = 0;
	l->item = draft_alloc(d, sizeof(char *));
}

/* Arrays grow by doubling; the old ones stay with the draft until it is freed. */
void draft_list_add(struct draft *d, struct bartizan_list *l, const char *text)
{
	if ((l->count & (l->count + 1)) == 0) {
		const char **item = draft_alloc(d, (2 * (size_t)l->count + 2) * sizeof(char *));

		if (l->count)
			memcpy(item, l->item, l->count * sizeof(char *));
		l->item = item;
	}
	l->item[l->count++] = draft_string(d, text);
	l->item[l->count] = NULL;
}

void draft_list_set(struct draft *d, struct bartizan_list *l, const char *pair)
{
	size_t n = strcspn(pair, "=");

	for (uint32_t i = 0; i < l->count; i++)
		if (strncmp(l->item[i], pair, n) == 0 && l->item[i][n] == '=') {
			l->item[i] = draft_string(d, pair);
			return;
		}
	draft_list_add(d, l, pair);
}

void draft_grant_add(struct draft *d, struct bartizan_grants *g, const struct bartizan_grant *grant)
{
	struct bartizan_grant *to;

	if ((g->count & (g->count + 1)) == 0) {
		struct bartizan_grant *item = draft_alloc(d, (2 * (size_t)g->count + 1) * sizeof(*item));

		if (g->count)
			memcpy(item, g->item, g->count * sizeof(*item));
		g->item = item;
	}
	to = &g->item[g->count++];
	*to = *grant;
	to->name = draft_string(d, grant->name);
	to->why = draft_string(d, grant->why);
}

static void merge_list(struct draft *d, struct bartizan_list *to, const struct bartizan_list *from)
{
	if (!from->item)
		return;
	draft_list_clear(d, to);
	for (uint32_t i = 0; i < from->count; i++)
		draft_list_add(d, to, from->item[i]);
}

static void merge_grants(struct draft *d, struct bartizan_grants *to, const struct bartizan_grants *from)
{
	if (!from->count)
		return;
	to->count = 0;
	for (uint32_t i = 0; i < from->count; i++)
		draft_grant_add(d, to, &from->item[i]);
}

void draft_merge(struct draft *d, const struct bartizan_manifest *from)
{
	struct bartizan_manifest *to = &d->m;

	/* As in Docker: another entrypoint does away with the command that belonged to the old one. */
	if (from->entrypoint.item)
		to->cmd = (struct bartizan_list){0};
	merge_list(d, &to->entrypoint, &from->entrypoint);
	merge_list(d, &to->cmd, &from->cmd);
	merge_list(d, &to->components, &from->components);
	for (uint32_t i = 0; i < from->env.count; i++)
		draft_list_set(d, &to->env, from->env.item[i]);
	for (uint32_t i = 0; i < from->labels.count; i++)
		draft_list_set(d, &to->labels, from->labels.item[i]);
	merge_grants(d, &to->volumes, &from->volumes);
	merge_grants(d, &to->ports, &from->ports);
	merge_grants(d, &to->outbound, &from->outbound);
	to->workdir = from->workdir ? draft_string(d, from->workdir) : to->workdir;
	to->user = from->user ? draft_string(d, from->user) : to->user;
	to->hostname = from->hostname ? draft_string(d, from->hostname) : to->hostname;
	to->stop_signal = from->stop_signal ? draft_string(d, from->stop_signal) : to->stop_signal;
	to->limits.memory = from->limits.memory ? from->limits.memory : to->limits.memory;
	to->limits.nofile = from->limits.nofile ? from->limits.nofile : to->limits.nofile;
	to->limits.stack = from->limits.stack ? from->limits.stack : to->limits.stack;
	to->limits.fsize = from->limits.fsize ? from->limits.fsize : to->limits.fsize;
	to->limits.pids = from->limits.pids ? from->limits.pids : to->limits.pids;
	to->limits.cpus_milli = from->limits.cpus_milli ? from->limits.cpus_milli : to->limits.cpus_milli;
}
