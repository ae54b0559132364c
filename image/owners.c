/*
 * The owner table; see owners.h.  Linear to fill, sorted once, then searched.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/owners.h"

static char *copy_list(const char *list)
{
	size_t n = 0;
	char *copy;

	while (list[n])
		n += strlen(list + n) + 1;
	copy = malloc(n + 1);
	return copy ? memcpy(copy, list, n + 1) : NULL;
}

int owners_add(struct owners *o, const struct owner *entry)
{
	struct owner *e;

	if (o->count == o->room) {
		size_t room = o->room ? 2 * o->room : 256;
		struct owner *item = realloc(o->item, room * sizeof(*item));

		if (!item)
			return -ENOMEM;
		o->item = item;
		o->room = room;
	}
	e = &o->item[o->count];
	*e = *entry;
	e->order = (uint32_t)o->count;
	e->path = strdup(entry->path);
	e->xattrs = entry->xattrs ? copy_list(entry->xattrs) : NULL;
	if (!e->path || (entry->xattrs && !e->xattrs)) {
		free(e->path);
		free(e->xattrs);
		return -ENOMEM;
	}
	o->count++;
	o->sorted = false;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	int d = strcmp(x->path, y->path);

	return d ? d : (x->order > y->order) - (x->order < y->order);
}

const struct owner *owners_find(struct owners *o, const char *path)
{
	size_t low = 0, high = o->count;

	if (!o->sorted && o->count)
		qsort(o->item, o->count, sizeof(*o->item), compare);
	o->sorted = true;
	while (low < high) { /* the first that is greater; the one before it is the latest equal */
		size_t mid = low + (high - low) / 2;

		if (strcmp(o->item[mid].path, path) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low && strcmp(o->item[low - 1].path, path) == 0 ? &o->item[low - 1] : NULL;
}

void owners_free(struct owners *o)
{
	for (size_t i = 0; i < o->count; i++) {
		free(o->item[i].path);
		free(o->item[i].xattrs);
	}
	free(o->item);
	memset(o, 0, sizeof(*o));
}

static int add_node(struct owners *o, const FTSENT *e, size_t prefix, uint64_t *bytes,
		    struct image_error *err)
{
	const struct stat *st = e->fts_statp;
	const char *path = e->fts_path + prefix;
	struct owner entry = {.path = (char *)path + (*path == '/'),
			      .mode = st->st_mode & 07777,
			      .uid = st->st_uid,
			      .gid = st->st_gid,
			      .mtime = st->st_mtim.tv_sec,
			      .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec};

	if (S_ISREG(st->st_mode)) {
		*bytes += (uint64_t)st->st_size;
		if (faccessat(AT_FDCWD, e->fts_accpath, R_OK, AT_EACCESS))
			return image_fail(err, -errno,
					  "cannot read %s: %s; make it readable or build as its owner",
					  e->fts_path, strerror(errno));
	}
	return owners_add(o, &entry) ? image_fail(err, -ENOMEM, "out of memory") : 0;
}

int owners_of_tree(struct owners *o, const char *dir, uint64_t *bytes, struct image_error *err)
{
	char *roots[] = {(char *)dir, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int ret = fts ? 0 : image_fail(err, -errno, "cannot read %s: %s", dir, strerror(errno));
	FTSENT *e;

	*bytes = 0;
	while (!ret && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			ret = image_fail(err, -e->fts_errno,
					 "cannot read %s: %s; make it readable or build as its owner",
					 e->fts_path, strerror(e->fts_errno));
		else if (e->fts_info != FTS_DP)
			ret = add_node(o, e, strlen(dir), bytes, err);
	}
	if (fts)
		fts_close(fts);
	return ret;
}
