/*
 * Names that are missing because nobody granted them.  Where the root holds nothing but the operator's grants (a program
 * of the host), a name that is not found in it may well be one of the host's: the operator is told, each once, and a
 * bounded number of them.  Whether the host has such a file only the command can know.  Owns the table below.
 */
#include "libos/vfs/namei.h"

#define DENIED_MAX 64
#define DENIED_TEXT 480	/* a line of printk holds it */

static bool watching;		/* set before the first process runs */
static struct mutex denied_lock = MUTEX_INIT(RANK_ALLOC);
static u64 seen[DENIED_MAX];
static u32 seen_count;

void denied_watch(void)
{
	watching = true;
}

/* FNV-1a.  Two names of one hash cost a hint. */
static bool is_new(const char *text)
{
	u64 hash = 0xcbf29ce484222325ull;
	bool ret = true;

	for (const char *s = text; *s; s++)
		hash = (hash ^ (u8)*s) * 0x100000001b3ull;
	mutex_lock(&denied_lock);
	for (u32 i = 0; i < seen_count; i++)
		if (seen[i] == hash)
			ret = false;
	if (seen_count == DENIED_MAX)
		ret = false;
	if (ret)
		seen[seen_count++] = hash;
	mutex_unlock(&denied_lock);
	return ret;
}

void denied_note(const struct path *dir, const char *rest)
{
	struct path root = {root_mount, root_mount->root};
	char *buf, *at;
	size_t len, n = strnlen(rest, DENIED_TEXT);

	if (!watching || dir->mount != root_mount || !current || n == DENIED_TEXT || READ_ONCE(seen_count) == DENIED_MAX)
		return;
	buf = kmalloc(PATH_MAX);
	if (!buf)
		return;
	at = dcache_path(dir, &root, buf, PATH_MAX, NULL);
	len = IS_ERR(at) ? DENIED_TEXT : strlen(at);
	if (len + n + 2 <= DENIED_TEXT) {
		memmove(buf, at, len);
		if (buf[len - 1] != '/')
			buf[len++] = '/';
		memcpy(buf + len, rest, n + 1);
		if (is_new(buf))
			printk(BZ_LOG_DENIED, "%s", buf);
	}
	kfree(buf);
}
