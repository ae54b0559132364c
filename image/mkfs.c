/*
 * Running mkfs.erofs on a directory.
 */
#include <sys/stat.h>

#include "image/build.h"
#include "image/progress.h"
#include "image/tool.h"

/* Extended inodes have a place for every owner and time; -x keeps attributes with their inode, where their
 * class can be set; without inline data every file can be mapped; fixed time and UUID make the same bytes of
 * the same input. */
#define OPTIONS "-Enoinline_data,force-inode-extended"
#define UUID "-U00000000-0000-0000-0000-000000000000"
#define INLINE_XATTRS "-x1000000000"

struct output {
	const char *path;
	uint64_t total;
};

static void show(const void *arg)
{
	const struct output *o = arg;
	struct stat st;

	if (stat(o->path, &st) == 0)
		progress((uint64_t)st.st_blocks * 512, o->total);
}

int mkfs_erofs(const char *dir, const char *out, uint64_t total, struct image_error *err)
{
	char *argv[] = {"mkfs.erofs",  "--quiet", "-d1",       "-T0",	    UUID,
			INLINE_XATTRS, OPTIONS,	  (char *)out, (char *)dir, NULL};
	const struct output output = {out, total};
	const struct tool tool = {
	    .shown = "mkfs.erofs", .package = "erofs-utils", .argv = argv, .tick = show, .arg = &output};

	progress_start("making the file system");
	return tool_run(&tool, err);
}
