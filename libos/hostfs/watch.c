/*
 * Changes to volumes, by whomever: watches of the host for inodes that guests watch (vfs/inotify.c), and what they tell.
 * There is one stream of changes a sandbox.  It is emptied by whoever looks at his inotify events, and by the template, which wakes
 * by it; collect_lock protects the records taken from it, so that they are told in their order.
 *
 * What guests do themselves comes back by the stream like all else, and is told from there, once.  But closing: files that
 * guests have open share streams, so that is told when guests close, and the host's word of it is left out (closes).
 */
#include "libos/hostfs/hostfs.h"
#include "libos/kernel/dispatch.h"
#include <linux/inotify.h>

#define BUCKETS 256
#define OWN_CLOSES 64
#define OWN_CLOSE_NS (2 * NSEC_PER_SEC) /* so long it may take until the host tells of a stream that we closed */
#define COLLECT_MAX 1024	/* records at once: others may make them faster than they are told */
#define NAMES_CHANGE (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

struct hwatch {
	struct list node;	/* by number; hostfs_lock */
	struct inode *inode;	/* not referenced: the marks that are counted here are */
	i32 number;		/* -1: the host does not watch it, or not any more */
	u32 users;		/* watch_lock */
};

static struct mutex watch_lock = MUTEX_INIT(RANK_WATCH);   /* beginning and ending watches; held over requests */
static struct mutex collect_lock = MUTEX_INIT(RANK_WATCH);
static struct list table[BUCKETS] LATE;
static u32 watch_count;		/* in the table; hostfs_lock */
static bz_stream changes = -1;	/* watch_lock */
static bool refused;		/* there is no stream of changes to be had */

static char records[4096] __attribute__((aligned(8))); /* collect_lock, as all that follows but `closes` */
static u32 records_at, records_end;
static struct {
	u32 host, own;
} cookies[8];
static u32 cookie_next;

static struct {
	const struct inode *watched;
	u32 hash;		/* of the name in it; 0: itself */
	i64 at;
} closes[OWN_CLOSES];		/* hostfs_lock */
static u32 close_next;

static struct list *bucket(i32 number)
{
	return &table[(u32)number % BUCKETS];
}

/* --- beginning and ending --- */

static void collect(void);

static bool changes_open(void)
{
	struct bz_name name = {.scheme = BZ_CHANGES};

	if (changes >= 0 || refused)
		return changes >= 0;
	for (u32 i = 0; i < BUCKETS; i++)
		list_init(&table[i]);
	changes = host->stream_open(&name, BZ_OPEN_READ, 0, NULL, NULL);
	if (changes < 0) {
		refused = true;
		printk(BZ_LOG_WARN, "changes to volumes from outside are not seen: inotify: %s%s", errno_name(-changes),
		       changes == -EMFILE ? " (see fs.inotify.max_user_instances)" : "");
		return false;
	}
	WRITE_ONCE(fsnotify_collect, collect);
	template_kick();
	return true;
}

/* The host's number, -1 if the inode cannot be watched there, or why it must not be watched. */
static i32 ask_for_watch(struct inode *inode)
{
	struct hname h;
	bz_stream s;

	if (!changes_open() || hname_of(inode, &h))
		return -1;
	h.n.scheme = BZ_WATCH;
	s = host->stream_open(&h.n, BZ_OPEN_READ, 0, NULL, NULL);
	hname_put(&h);
	if (s == -EACCES || s == -ENOSPC)
		return s;
	return s < 0 ? -1 : s - BZ_WATCH_BASE;
}

static int watch_begin(struct inode *inode)
{
	struct hwatch *w = kzalloc(sizeof(*w));
	i32 number;

	if (!w)
		return -ENOMEM;
	list_init(&w->node);
	number = ask_for_watch(inode);
	if (number < -1) {
		kfree(w);
		return number;
	}
	w->inode = inode;
	w->number = number;
	hnode_of(inode)->watch = w;
	if (number < 0)
		return 0;
	mutex_lock(&hostfs_lock);
	list_add(&w->node, bucket(number));
	watch_count++;
	mutex_unlock(&hostfs_lock);
	__atomic_fetch_or(&inode->flags, INODE_TOLD, __ATOMIC_RELAXED);
	return 0;
}

/* hostfs_lock held: does an inode of another volume have this number, being the same file? */
static bool number_used(i32 number)
{
	struct hwatch *w;

	list_for_each(w, bucket(number), node)
		if (w->number == number)
			return true;
	return false;
}

/* hostfs_lock held. */
static void watch_off(struct hwatch *w)
{
	list_del(&w->node);
	watch_count--;
	w->number = -1;
	__atomic_fetch_and(&w->inode->flags, ~INODE_TOLD, __ATOMIC_RELAXED);
}

static void watch_end(struct inode *inode)
{
	struct hwatch *w = hnode_of(inode)->watch;
	i32 number;

	mutex_lock(&hostfs_lock);
	hnode_of(inode)->watch = NULL;
	number = w->number;
	if (number >= 0) {
		watch_off(w);
		if (number_used(number))
			number = -1;
	}
	mutex_unlock(&hostfs_lock);
	if (number >= 0)
		host->stream_close(BZ_WATCH_BASE + number, 0);
	kfree(w);
}

int hostfs_watch(struct inode *inode, bool on)
{
	struct hnode *n = hnode_of(inode);
	int err = 0;

	if (hostfs_of(inode)->unwatched || (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode) && !S_ISLNK(inode->mode)))
		return 0;
	mutex_lock(&watch_lock);
	if (on && !n->watch)
		err = watch_begin(inode);
	if (on && !err)
		n->watch->users++;
	if (!on && !--n->watch->users)
		watch_end(inode);
	mutex_unlock(&watch_lock);
	return err;
}

/* --- what guests close --- */

static void note_close(const struct inode *watched, u32 hash)
{
	closes[close_next++ % OWN_CLOSES] = (__typeof__(closes[0])){watched, hash, now_mono()};
}

/* A stream for writing is about to be closed. */
void hostfs_closing(struct hnode *n)
{
	if (!READ_ONCE(watch_count))
		return;
	mutex_lock(&hostfs_lock);
	if (n->inode->flags & INODE_TOLD)
		note_close(n->inode, 0);
	if (n->parent && (n->parent->flags & INODE_TOLD))
		note_close(n->parent, hostfs_name_hash(n->name, n->name_len));
	mutex_unlock(&hostfs_lock);
}

static bool closed_by_us(const struct inode *watched, u32 hash)
{
	i64 since = now_mono() - OWN_CLOSE_NS;
	bool found = false;

	mutex_lock(&hostfs_lock);
	for (u32 i = 0; i < OWN_CLOSES && !found; i++) {
		if (closes[i].watched != watched || closes[i].hash != hash || closes[i].at < since)
			continue;
		closes[i].watched = NULL;
		found = true;
	}
	mutex_unlock(&hostfs_lock);
	return found;
}

/* --- telling --- */

/* The host's cookies count what happens on the whole host: guests get numbers of their own. */
static u32 cookie_of(u32 cookie)
{
	if (!cookie)
		return 0;
	for (u32 i = 0; i < ARRAY_SIZE(cookies); i++)
		if (cookies[i].host == cookie)
			return cookies[i].own;
	cookies[cookie_next % ARRAY_SIZE(cookies)].host = cookie;
	return cookies[cookie_next++ % ARRAY_SIZE(cookies)].own = fsnotify_cookie();
}

/* What was cached is out of date. */
static void forget_cached(struct inode *inode, u32 mask)
{
	hostfs_of(inode)->news = now_mono();
	if (S_ISDIR(inode->mode) && (mask & NAMES_CHANGE))
		hostfs_dir_news(inode);
	/* A stream that waits for the next user keeps a file that was removed, and the word of its end, back. */
	if (!S_ISDIR(inode->mode) && (mask & IN_ATTRIB))
		hostfs_idle_close(hnode_of(inode));
}

static void tell(struct inode *inode, const struct bz_change *c)
{
	u32 len = strnlen(c->name, c->len), mask = c->mask;

	forget_cached(inode, mask);
	if ((mask & IN_CLOSE_WRITE) && closed_by_us(inode, len ? hostfs_name_hash(c->name, len) : 0))
		return;
	fsnotify_outside(inode, mask, cookie_of(c->cookie), c->name, len);
}

/* The next inode behind `after` (null: the first) that has this number, or that has any (-1); referenced. */
static struct inode *watched_inode(i32 number, u32 *at)
{
	struct inode *found = NULL;
	struct hwatch *w;
	u32 i = 0;

	mutex_lock(&hostfs_lock);
	for (u32 b = 0; b < BUCKETS && !found; b++) {
		if (number >= 0 && b != (u32)number % BUCKETS)
			continue;
		list_for_each(w, &table[b], node) {
			if ((number >= 0 && w->number != number) || i++ < *at || !ref_get_unless_zero(&w->inode->refs))
				continue;
			found = w->inode;
			break;
		}
	}
	mutex_unlock(&hostfs_lock);
	*at = i;
	return found;
}

static void gone(i32 number)
{
	struct hwatch *w, *tmp;

	mutex_lock(&hostfs_lock);
	list_for_each_safe(w, tmp, bucket(number), node)
		if (w->number == number)
			watch_off(w);
	mutex_unlock(&hostfs_lock);
}

static void tell_all(const struct bz_change *c)
{
	struct inode *inode;
	u32 at = 0;

	if (c->watch >= 0 && (c->mask & BZ_CHANGE_GONE)) {
		gone(c->watch);
		return;
	}
	while ((inode = watched_inode(c->watch, &at))) {
		if (c->watch < 0) {
			forget_cached(inode, IN_ALL_EVENTS);
			fsnotify_lost(inode);
		} else {
			tell(inode, c);
		}
		inode_put(inode);
	}
}

/* The next record, or null: there is none.  It stays until the next call. */
static const struct bz_change *next_change(void)
{
	const struct bz_change *c;

	if (records_at == records_end) {
		struct bz_iov iov = {records, sizeof(records)};
		i64 n;

		do {
			/* It does not wait: a signal that comes meanwhile stays pending. */
			WRITE_ONCE(current_tcb()->interrupted, 0);
			n = host->stream_read(changes, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT);
		} while (n == -EINTR);
		records_at = 0;
		records_end = n > 0 ? n : 0;
	}
	c = (const void *)(records + records_at);
	if (records_end - records_at < sizeof(*c) || c->len > records_end - records_at - sizeof(*c)) {
		records_at = records_end = 0;
		return NULL;
	}
	records_at += sizeof(*c) + c->len;
	return c;
}

static void collect(void)
{
	const struct bz_change *c;
	u32 n = 0;

	mutex_lock(&collect_lock);
	while (n < COLLECT_MAX && (c = next_change())) {
		tell_all(c);
		n++;
	}
	mutex_unlock(&collect_lock);
	fsnotify_reap();
	if (n == COLLECT_MAX)
		template_kick();
}
