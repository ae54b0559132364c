/*
 * The report of the confined child, read by the parent.  HOSTILE INPUT: the child has parsed hostile bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/rootwalk.h"
#include "image/unpacker.h"

/* A list of terminated "sNAME" and "tNAME". */
static bool xattr_list_ok(const char *list, size_t n)
{
	for (size_t at = 0; at < n; at += strlen(list + at) + 1)
		if ((list[at] != 's' && list[at] != 't') || !list[at + 1])
			return false;
	return true;
}

static int take_file(struct stage *s, const struct unpack_record *r, const char *bytes)
{
	char path[ROOT_PATH_MAX], list[UNPACK_XATTRS_MAX + 2] = "";
	struct owner entry = {.path = path,
			      .mode = r->mode & 07777,
			      .uid = r->uid,
			      .gid = r->gid,
			      .mtime = r->mtime,
			      .mtime_nsec = r->mtime_nsec};

	if (r->path_len >= sizeof(path) || r->xattrs_len > UNPACK_XATTRS_MAX || r->mtime < 0 ||
	    r->mtime_nsec >= 1000000000)
		return -EINVAL;
	memcpy(path, bytes, r->path_len);
	path[r->path_len] = 0;
	memcpy(list, bytes + r->path_len, r->xattrs_len);
	if (strlen(path) != r->path_len || (r->xattrs_len && list[r->xattrs_len - 1]) ||
	    !xattr_list_ok(list, r->xattrs_len))
		return -EINVAL;
	list[r->xattrs_len] = 0;
	entry.xattrs = r->xattrs_len ? list : NULL;
	return owners_add(&s->owners, &entry);
}

static int take_manifest(struct draft *d, const struct unpack_record *r, const char *bytes,
			 struct image_error *err)
{
	struct bartizan_manifest m;
	int ret = manifest_decode(&m, bytes, r->path_len, err);

	if (!ret)
		draft_merge(d, &m);
	manifest_free(&m);
	return ret;
}

/* HOSTILE INPUT: the child parsed hostile bytes.  It can say no more here than an archive could. */
int unpack_report(struct stage *s, struct draft *d, const char *bytes, size_t len, struct image_error *err)
{
	struct unpack_record r;
	int ret = 0;

	err->text[0] = 0;
	for (size_t at = 0; len - at >= sizeof(r) && !ret; at += (size_t)r.path_len + r.xattrs_len) {
		memcpy(&r, bytes + at, sizeof(r));
		at += sizeof(r);
		if (r.path_len > BZ_MANIFEST_MAX || r.xattrs_len > UNPACK_XATTRS_MAX ||
		    (size_t)r.path_len + r.xattrs_len > len - at)
			break;
		if (r.kind == UNPACK_END)
			return 0;
		if (r.kind == UNPACK_FILE)
			ret = take_file(s, &r, bytes + at);
		else if (r.kind == UNPACK_MANIFEST)
			ret = take_manifest(d, &r, bytes + at, err);
		else if (r.kind != UNPACK_SKIPPED)
			break;
		if (r.kind == UNPACK_SKIPPED && r.mode)
			fprintf(stderr,
				"bartizan: note: %u devices and sockets of the archive are left out\n",
				r.mode);
		if (r.kind == UNPACK_SKIPPED && r.uid)
			fprintf(stderr,
				"bartizan: note: %u extended attributes (ACLs, labels) are left out\n",
				r.uid);
	}
	return err->text[0] ? ret : image_fail(err, -EINVAL, "the archive's unpacker gave a damaged report");
}
