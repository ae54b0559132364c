/*
 * The binary form of a manifest, as image/format.h says.  Strings are stored in the order in which they are
 * met, the same string once, so equal manifests give equal bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest_write.h"

struct encoder {
	uint8_t *bytes;
	uint32_t at; /* next free byte of the lists */
	char *strings;
	uint32_t strings_size;
	bool full;
};

static uint32_t put_string(struct encoder *e, const char *text)
{
	size_t n = text ? strlen(text) + 1 : 1;
	uint32_t at;

	if (n == 1)
		return 0;
	for (at = 1; at < e->strings_size; at += (uint32_t)strlen(e->strings + at) + 1)
		if (strcmp(e->strings + at, text) == 0)
			return at;
	if (n > BZ_MANIFEST_MAX - e->strings_size) {
		e->full = true;
		return 0;
	}
	memcpy(e->strings + at, text, n);
	e->strings_size += (uint32_t)n;
	return at;
}

static bool room(struct encoder *e, uint32_t count, size_t item)
{
	if (count > BZ_MANIFEST_ITEMS_MAX || count * item > BZ_MANIFEST_MAX - e->at)
		e->full = true;
	return !e->full;
}

static struct bz_manifest_list put_list(struct encoder *e, const struct bartizan_list *l)
{
	struct bz_manifest_list out = {0};

	if (l->count == 0 || !room(e, l->count, sizeof(uint32_t)))
		return out;
	out.offset = e->at;
	out.count = l->count;
	for (uint32_t i = 0; i < l->count; i++, e->at += 4) {
		uint32_t at = put_string(e, l->item[i]);

		memcpy(e->bytes + e->at, &at, sizeof(at));
	}
	return out;
}

static struct bz_manifest_list put_grants(struct encoder *e, const struct bartizan_grants *g)
{
	struct bz_manifest_list out = {0};

	if (g->count == 0 || !room(e, g->count, sizeof(struct bz_manifest_grant)))
		return out;
	out.offset = e->at;
	out.count = g->count;
	for (uint32_t i = 0; i < g->count; i++, e->at += sizeof(struct bz_manifest_grant)) {
		const struct bartizan_grant *from = &g->item[i];
		struct bz_manifest_grant r = {.name = put_string(e, from->name),
					      .why = put_string(e, from->why),
					      .value = from->port,
					      .flags = (from->write ? BZ_GRANT_WRITE : 0) |
						       (from->udp ? BZ_GRANT_UDP : 0)};

		memcpy(e->bytes + e->at, &r, sizeof(r));
	}
	return out;
}

static void fill(struct encoder *e, const struct bartizan_manifest *m, struct bz_manifest_header *h)
{
	memcpy(h->magic, BZ_MANIFEST_MAGIC, sizeof(h->magic));
	h->version = BZ_MANIFEST_VERSION;
	h->workdir = put_string(e, m->workdir);
	h->user = put_string(e, m->user);
	h->hostname = put_string(e, m->hostname);
	h->stop_signal = put_string(e, m->stop_signal);
	h->entrypoint = put_list(e, &m->entrypoint);
	h->cmd = put_list(e, &m->cmd);
	h->env = put_list(e, &m->env);
	h->components = put_list(e, &m->components);
	h->labels = put_list(e, &m->labels);
	h->volumes = put_grants(e, &m->volumes);
	h->ports = put_grants(e, &m->ports);
	h->outbound = put_grants(e, &m->outbound);
	h->memory = m->limits.memory;
	h->nofile = m->limits.nofile;
	h->stack = m->limits.stack;
	h->fsize = m->limits.fsize;
	h->pids = m->limits.pids;
	h->cpus_milli = m->limits.cpus_milli;
}

int manifest_encode(const struct bartizan_manifest *m, void **bytes, size_t *len, struct image_error *err)
{
	struct bz_manifest_header h = {0};
	struct encoder e = {.bytes = calloc(1, 2 * BZ_MANIFEST_MAX), .at = sizeof(h), .strings_size = 1};
	int ret = manifest_check(m, err);

	e.strings = calloc(1, BZ_MANIFEST_MAX);
	if (!e.bytes || !e.strings)
		ret = image_fail(err, -ENOMEM, "out of memory");
	if (!ret) {
		fill(&e, m, &h);
		if (e.full || e.at + e.strings_size > BZ_MANIFEST_MAX)
			ret = image_fail(err, -E2BIG,
					 "the manifest is too long: at most %u bytes, %u items in a list",
					 BZ_MANIFEST_MAX, BZ_MANIFEST_ITEMS_MAX);
	}
	if (!ret) {
		h.strings_offset = e.at;
		h.strings_size = e.strings_size;
		h.size = e.at + e.strings_size;
		memcpy(e.bytes, &h, sizeof(h));
		memcpy(e.bytes + e.at, e.strings, e.strings_size);
		*bytes = e.bytes;
		*len = h.size;
		e.bytes = NULL;
	}
	free(e.bytes);
	free(e.strings);
	return ret;
}
