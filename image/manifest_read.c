/*
 * The binary manifest decoded into struct bartizan_manifest.  HOSTILE INPUT: any bytes may come.  Follows the
 * second half of image/format.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"
#include "image/manifest.h"

/* The section's copy being decoded, and where the next pointers go in the storage behind it. */
struct decoder {
	const uint8_t *bytes;
	const struct bz_manifest_header *h;
	const char *strings;
	char *next; /* in storage */
	bool bad;
};

static const char *string(struct decoder *d, uint32_t at)
{
	if (at >= d->h->strings_size) {
		d->bad = true;
		return "";
	}
	return d->strings + at;
}

/* "" means not set. */
static const char *optional(struct decoder *d, uint32_t at)
{
	return at ? string(d, at) : NULL;
}

static bool list_fits(const struct bz_manifest_header *h, const struct bz_manifest_list *l, size_t item)
{
	if (l->count == 0)
		return l->offset == 0;
	return l->count <= BZ_MANIFEST_ITEMS_MAX && l->offset >= sizeof(*h) && l->offset % 4 == 0 &&
	       l->offset <= h->strings_offset && l->count * item <= h->strings_offset - l->offset;
}

static void take_list(struct decoder *d, const struct bz_manifest_list *l, struct bartizan_list *out)
{
	if (l->count == 0)
		return;
	out->count = l->count;
	out->item = (const char **)(void *)d->next;
	d->next += (l->count + 1) * sizeof(char *);
	for (uint32_t i = 0; i < l->count; i++) {
		uint32_t at;

		memcpy(&at, d->bytes + l->offset + 4 * i, sizeof(at));
		out->item[i] = string(d, at);
	}
	out->item[l->count] = NULL;
}

static void take_grants(struct decoder *d, const struct bz_manifest_list *l, uint32_t flags,
			struct bartizan_grants *out)
{
	if (l->count == 0)
		return;
	out->count = l->count;
	out->item = (struct bartizan_grant *)(void *)d->next;
	d->next += l->count * sizeof(*out->item);
	for (uint32_t i = 0; i < l->count; i++) {
		struct bz_manifest_grant g;

		memcpy(&g, d->bytes + l->offset + i * sizeof(g), sizeof(g));
		if ((g.flags & ~flags) || g.value > UINT16_MAX)
			d->bad = true;
		out->item[i] = (struct bartizan_grant){.name = string(d, g.name),
						       .why = string(d, g.why),
						       .port = (uint16_t)g.value,
						       .write = g.flags & BZ_GRANT_WRITE,
						       .udp = g.flags & BZ_GRANT_UDP};
	}
}

static int check_header(const struct bz_manifest_header *h, size_t len, struct image_error *err)
{
	const struct bz_manifest_list *lists = &h->entrypoint;

	if (memcmp(h->magic, BZ_MANIFEST_MAGIC, sizeof(h->magic)) || h->version != BZ_MANIFEST_VERSION)
		return image_fail(err, -EINVAL, "manifest: unknown version");
	if (h->size != len || h->flags || h->reserved || h->strings_offset < sizeof(*h) ||
	    h->strings_offset > len || h->strings_size == 0 || h->strings_size != len - h->strings_offset)
		return image_fail(err, -EINVAL, "manifest: damaged header");
	for (int i = 0; i < 8; i++)
		if (!list_fits(h, &lists[i], i < 5 ? sizeof(uint32_t) : sizeof(struct bz_manifest_grant)))
			return image_fail(err, -EINVAL, "manifest: damaged list");
	return 0;
}

static size_t storage_size(const struct bz_manifest_header *h, size_t len)
{
	const struct bz_manifest_list *lists = &h->entrypoint;
	size_t n = (len + 7) & ~(size_t)7;

	for (int i = 0; i < 5; i++)
		n += (lists[i].count + 1) * sizeof(char *);
	for (int i = 5; i < 8; i++)
		n += lists[i].count * sizeof(struct bartizan_grant);
	return n;
}

int manifest_decode(struct bartizan_manifest *m, const void *bytes, size_t len, struct image_error *err)
{
	struct bz_manifest_header h;
	struct decoder d = {.h = &h};
	uint8_t *storage;
	int ret;

	memset(m, 0, sizeof(*m));
	if (len < sizeof(h) || len > BZ_MANIFEST_MAX)
		return image_fail(err, -EINVAL, "manifest: %zu bytes long, must be %zu to %u", len, sizeof(h),
				  BZ_MANIFEST_MAX);
	memcpy(&h, bytes, sizeof(h));
	ret = check_header(&h, len, err);
	if (ret)
		return ret;
	storage = calloc(1, storage_size(&h, len));
	if (!storage)
		return image_fail(err, -ENOMEM, "manifest: out of memory");
	memcpy(storage, bytes, len);
	d.bytes = storage;
	d.strings = (char *)storage + h.strings_offset;
	d.next = (char *)storage + ((len + 7) & ~(size_t)7);
	m->storage = storage;
	d.bad = d.strings[0] || d.strings[h.strings_size - 1];
	if (!d.bad) {
		take_list(&d, &h.entrypoint, &m->entrypoint);
		take_list(&d, &h.cmd, &m->cmd);
		take_list(&d, &h.env, &m->env);
		take_list(&d, &h.components, &m->components);
		take_list(&d, &h.labels, &m->labels);
		take_grants(&d, &h.volumes, BZ_GRANT_WRITE, &m->volumes);
		take_grants(&d, &h.ports, BZ_GRANT_UDP, &m->ports);
		take_grants(&d, &h.outbound, BZ_GRANT_UDP, &m->outbound);
		m->workdir = optional(&d, h.workdir);
		m->user = optional(&d, h.user);
		m->hostname = optional(&d, h.hostname);
		m->stop_signal = optional(&d, h.stop_signal);
		m->limits =
		    (struct bartizan_limits){h.memory, h.nofile, h.stack, h.fsize, h.pids, h.cpus_milli};
	}
	ret = d.bad ? image_fail(err, -EINVAL, "manifest: damaged strings") : manifest_check(m, err);
	if (ret)
		manifest_free(m);
	return ret;
}

void manifest_free(struct bartizan_manifest *m)
{
	free(m->storage);
	memset(m, 0, sizeof(*m));
}

int manifest_argv(const struct bartizan_manifest *m, char **args, char ***argv, struct image_error *err)
{
	const char **tail = args && args[0] ? (const char **)args : m->cmd.item;
	size_t n = m->entrypoint.count, more = 0;
	const char **v;

	while (tail && tail[more])
		more++;
	if (n + more == 0)
		return image_fail(
		    err, -ENOEXEC,
		    "the image names no program: give one as argument, or build it with --entrypoint");
	v = calloc(n + more + 1, sizeof(*v));
	if (!v)
		return image_fail(err, -ENOMEM, "out of memory");
	if (n)
		memcpy(v, m->entrypoint.item, n * sizeof(*v));
	if (more)
		memcpy(v + n, tail, more * sizeof(*v));
	*argv = (char **)v;
	return 0;
}
