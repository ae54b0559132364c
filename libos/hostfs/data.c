/*
 * Data of files on volumes: reads and writes go straight to the stream, from and to the guest's own buffers.  Open files of
 * a node share one stream for reading and one for writing; the one for reading stays open when the last user has gone,
 * for the next one, as long as there are few such (IDLE_MAX).  hostfs_lock protects counts and the idle list.
 */
#include "libos/hostfs/hostfs.h"
#include "libos/mm/mm.h"

#define IDLE_MAX 64

static struct list idle = LIST_INIT(idle);
static u32 idle_count;
static struct hnode *spare;	/* the node whose `wr` waits for the open that follows its creation */

/* hostfs_lock held: what has to be closed then, or -1. */
static bz_stream idle_add(struct hnode *n)
{
	struct hnode *old;
	bz_stream s;

	list_add_tail(&n->idle, &idle);
	if (++idle_count <= IDLE_MAX)
		return -1;
	old = list_first(&idle, struct hnode, idle);
	list_del(&old->idle);
	idle_count--;
	s = old->rd.s;
	old->rd.s = -1;
	return s;
}

static void idle_remove(struct hnode *n)
{
	if (list_empty(&n->idle))
		return;
	list_del(&n->idle);
	idle_count--;
}

static void close_stream(bz_stream s)
{
	if (s >= 0)
		host->stream_close(s, 0);
}

static void close_written(struct hnode *n, bz_stream s)
{
	if (s < 0)
		return;
	hostfs_closing(n);
	host->stream_close(s, 0);
}

/* Take a stream that is open already: it, or -1. */
bz_stream hostfs_stream_take(struct hnode *n, bool write)
{
	struct hstream *st = write ? &n->wr : &n->rd;
	bz_stream s;

	mutex_lock(&hostfs_lock);
	s = st->s;
	if (s >= 0) {
		st->users++;
		if (!write)
			idle_remove(n);
		else if (spare == n)
			spare = NULL;
	}
	mutex_unlock(&hostfs_lock);
	return s;
}

/* Share a stream that was opened just now; another thread may have been quicker. */
static bz_stream stream_share(struct hnode *n, bool write, bz_stream s)
{
	struct hstream *st = write ? &n->wr : &n->rd;
	bz_stream extra = -1;

	mutex_lock(&hostfs_lock);
	if (st->s >= 0) {
		extra = s;
		if (!write)
			idle_remove(n);
	} else {
		st->s = s;
	}
	st->users++;
	s = st->s;
	mutex_unlock(&hostfs_lock);
	write ? close_written(n, extra) : close_stream(extra);
	return s;
}

void hostfs_stream_drop(struct hnode *n, bool write)
{
	bz_stream s = -1;

	mutex_lock(&hostfs_lock);
	if (write) {
		if (!--n->wr.users) {
			s = n->wr.s;
			n->wr.s = -1;
		}
	} else if (!--n->rd.users) {
		if (n->gone) {
			s = n->rd.s;
			n->rd.s = -1;
		} else {
			s = idle_add(n);
		}
	}
	mutex_unlock(&hostfs_lock);
	write ? close_written(n, s) : close_stream(s);
}

void hostfs_idle_close(struct hnode *n)
{
	bz_stream s = -1;

	mutex_lock(&hostfs_lock);
	if (!list_empty(&n->idle)) {
		idle_remove(n);
		s = n->rd.s;
		n->rd.s = -1;
	}
	mutex_unlock(&hostfs_lock);
	close_stream(s);
}

void hostfs_offer(struct inode *inode, bz_stream s)
{
	struct hnode *n = hnode_of(inode);

	mutex_lock(&hostfs_lock);
	if (n->rd.s < 0) {
		n->rd.s = s;
		s = idle_add(n);
	}
	mutex_unlock(&hostfs_lock);
	close_stream(s);
}

void hostfs_adopt(struct inode *inode, bz_stream s)
{
	struct hnode *n = hnode_of(inode), *of = n;
	bz_stream old = -1;

	mutex_lock(&hostfs_lock);
	if (n->wr.s >= 0) {
		old = s;
	} else {
		if (spare && !spare->wr.users) {
			of = spare;
			old = spare->wr.s;
			spare->wr.s = -1;
		}
		n->wr.s = s;
		/* An unnamed file has nothing but this stream: it waits with the node. */
		spare = n->gone ? NULL : n;
	}
	mutex_unlock(&hostfs_lock);
	close_written(of, old);
}

void hostfs_streams_close(struct hnode *n)
{
	mutex_lock(&hostfs_lock);
	idle_remove(n);
	if (spare == n)
		spare = NULL;
	mutex_unlock(&hostfs_lock);
	close_stream(n->rd.s);
	close_written(n, n->wr.s);
	if (!n->lock_shared)
		close_written(n, n->lock_stream);
}

static bz_stream open_stream(struct inode *inode, u32 flags, struct bz_attr *a)
{
	struct hname h;
	bz_stream s = hname_of(inode, &h);

	if (s)
		return s;
	s = host->stream_open(&h.n, flags, 0, NULL, a);
	/* A file that may be written but not read (its mode on the host). */
	if (s == -EACCES && (flags & BZ_OPEN_WRITE))
		s = host->stream_open(&h.n, flags & ~BZ_OPEN_READ, 0, NULL, a);
	hname_put(&h);
	return s;
}

/* The name was given to another file since it was looked up: the open file is that one. */
static int switch_inode(struct file *f, const struct bz_attr *a, i64 at)
{
	struct hnode *old = hnode_of(f->inode);
	struct inode *inode = hnode_get(f->inode->sb, old->parent, old->name, old->name_len, a, at);

	if (!inode)
		return -ENOMEM;
	if (old->parent)
		old->parent->dir_version++;
	if (f->reader) {
		__atomic_fetch_add(&inode->readers, 1, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&f->inode->readers, 1, __ATOMIC_RELAXED);
	}
	if (f->writer) {
		__atomic_fetch_add(&inode->writers, 1, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&f->inode->writers, 1, __ATOMIC_RELAXED);
	}
	inode_put(f->inode);
	f->inode = inode;
	return 0;
}

int hostfs_open(struct inode *inode, struct file *f)
{
	bool write = FMODE_CAN_WRITE(f);
	struct bz_attr a;
	i64 at = now_mono();
	bz_stream s;
	int err = 0;

	if (!S_ISREG(inode->mode))
		return 0;
	s = hostfs_stream_take(hnode_of(inode), write);
	if (s < 0) {
		s = open_stream(inode, BZ_OPEN_READ | (write ? BZ_OPEN_WRITE : 0), &a);
		if (s < 0)
			return s;
		if (hnode_is(inode, &a))
			hnode_attr(inode, &a, at);
		else
			err = switch_inode(f, &a, at);
		if (err) {
			close_stream(s);
			return err;
		}
		s = stream_share(hnode_of(f->inode), write, s);
	} else {
		hnode_refresh(inode, false);
	}
	f->stream = s;
	__atomic_fetch_add(&hnode_of(f->inode)->open_files, 1, __ATOMIC_RELAXED);
	return 0;
}

static void lock_stream_put(struct hnode *n, bz_stream s, bool shared)
{
	if (s >= 0 && shared)
		hostfs_stream_drop(n, true);
	else
		close_written(n, s);
}

static void file_release(struct file *f)
{
	struct hnode *n = hnode_of(f->inode);
	bz_stream s = -1;
	bool shared = false;

	if (f->stream < 0)
		return;
	hostfs_stream_drop(n, FMODE_CAN_WRITE(f));
	mutex_lock(&hostfs_lock);
	if (!--n->open_files) {
		/* With the last open file go the host's locks. */
		s = n->lock_stream;
		shared = n->lock_shared;
		n->lock_stream = -1;
		n->lock_shared = false;
	}
	mutex_unlock(&hostfs_lock);
	lock_stream_put(n, s, shared);
}

/* The guest's buffer may be memory that is there only once it is asked for (mm_fault_in): worth a second try? */
static bool fault_in(const struct iov_iter *it, bool write)
{
	struct bz_iov v;

	if (it->kernel || !iov_host(it, &v, 1, it->left))
		return false;
	return mm_fault_in((u64)v.base, v.len, write);
}

static ssize_t file_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct bz_iov iov[IOV_MAX_HOST];
	bool tried = false;
	ssize_t done = 0;

	while (it->left) {
		u32 n = iov_host(it, iov, IOV_MAX_HOST, it->left);
		size_t want = 0;
		i64 got;

		for (u32 i = 0; i < n; i++)
			want += iov[i].len;
		do {
			/* Files are not waited for: a signal that comes meanwhile stays pending until the call is done. */
			WRITE_ONCE(current_tcb()->interrupted, 0);
			got = host->stream_read(f->stream, iov, n, *pos, 0);
		} while (got == -EINTR);
		if (got == -EFAULT && !tried && fault_in(it, true)) {
			tried = true;
			continue;
		}
		if (got <= 0)
			return done ? done : got;
		iov_advance(it, got);
		*pos += got;
		done += got;
		if ((size_t)got < want)
			break;
	}
	return done;
}

static bool file_host_identity(struct file *f, struct host_identity *id)
{
	const struct inode *inode = f->inode;
	const struct hnode *n = hnode_of(inode);

	*id = (struct host_identity){n->dev, n->ino, inode->size, inode->mtime, inode->ctime};
	return true;
}

/* Mapping costs as much as copying about so many bytes. */
#define LEND_MIN 32768u

static ssize_t file_lend(struct file *f, u64 pos, size_t n, lend_fn take, void *arg)
{
	struct host_identity id;
	const char *mem;
	ssize_t ret;

	file_host_identity(f, &id);
	if (pos >= id.size)
		return -EOPNOTSUPP;
	n = min((u64)n, id.size - pos);
	n = min(n, WINDOW_MAX);
	mem = n < LEND_MIN ? NULL : mm_window_open(&id, f->stream, pos, n);
	if (!mem)
		return -EOPNOTSUPP;
	ret = take(arg, mem, n);
	mm_window_close(mem, n);
	return ret;
}

static void wrote(struct file *f, i64 *pos, size_t n, bool append)
{
	struct inode *inode = f->inode;

	if (append)
		*pos = inode->size + n;
	else
		*pos += n;
	inode->size = max(inode->size, (u64)*pos);
	/* Times and size are what the host says: ask when they matter. */
	hnode_changed(inode);
}

static ssize_t file_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct bz_iov iov[IOV_MAX_HOST];
	u32 flags = io_flags(f, it) & O_APPEND ? BZ_IO_APPEND : 0;
	bool tried = false;
	ssize_t done = 0;

	while (it->left) {
		u32 n = iov_host(it, iov, IOV_MAX_HOST, it->left);
		size_t want = 0;
		i64 put;

		for (u32 i = 0; i < n; i++)
			want += iov[i].len;
		do {
			WRITE_ONCE(current_tcb()->interrupted, 0);
			put = host->stream_write(f->stream, iov, n, *pos, flags);
		} while (put == -EINTR);
		if (put == -EFAULT && !tried && fault_in(it, false)) {
			tried = true;
			continue;
		}
		if (put <= 0)
			return done ? done : put;
		iov_advance(it, put);
		wrote(f, pos, put, flags);
		done += put;
		if ((size_t)put < want)
			break;
	}
	return done;
}

static i64 file_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	u64 end;
	int err = hnode_refresh(f->inode, false);

	if (err)
		return err;
	end = PAGE_ALIGN(f->inode->size);
	if (off >= end)
		return 0;
	len = min(len, end - off);
	err = host->stream_map(f->stream, addr, len, prot, flags, off);
	return err ? err : (i64)len;
}

static int file_fsync(struct file *f, bool data_only)
{
	struct hnode *n = hnode_of(f->inode);
	bz_stream s = hostfs_stream_take(n, true);
	int err;

	if (s >= 0) {
		err = host->stream_flush(s, data_only);
		hostfs_stream_drop(n, true);
		return err;
	}
	if (n->gone)
		return 0;
	/* Opened for reading: others may have written. */
	s = open_stream(f->inode, BZ_OPEN_READ | BZ_OPEN_KEEP, NULL);
	if (s < 0)
		return s;
	err = host->stream_flush(s, data_only);
	close_stream(s);
	return err;
}

/* fallocate(2): what the ABI knows; the rest is for the caller to do by hand, as on file systems without it. */
static int file_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
	static const struct {
		u32 mode, op;
	} ops[] = {{0, 1}, {3, 2}, {0x10, 3}, {1, 4}};
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(ops); i++) {
		if (ops[i].mode != mode)
			continue;
		err = host->stream_resize(f->stream, ops[i].op, off, len);
		hnode_changed(f->inode);
		if (!err)
			hnode_refresh(f->inode, true);
		return err;
	}
	return -EOPNOTSUPP;
}

int hostfs_resize(struct inode *inode, u64 size)
{
	struct hnode *n = hnode_of(inode);
	bz_stream s = hostfs_stream_take(n, true);
	struct bz_attr a;
	int err;

	if (s >= 0) {
		err = host->stream_resize(s, 0, size, 0);
		hostfs_stream_drop(n, true);
		return err;
	}
	s = open_stream(inode, BZ_OPEN_WRITE, &a);
	if (s < 0)
		return s;
	/* Not BZ_OPEN_TRUNC: the name may be another file's by now. */
	err = hnode_is(inode, &a) ? host->stream_resize(s, 0, size, 0) : -ENOENT;
	close_written(n, s);
	return err;
}

/* A stream of its own for locks: by name, so it may turn out to be another file's by now. */
static bz_stream lock_stream_open(struct inode *inode)
{
	struct bz_attr a;
	bz_stream s = -EROFS;

	if (!(inode->sb->flags & SB_RDONLY))
		s = open_stream(inode, BZ_OPEN_READ | BZ_OPEN_WRITE, &a);
	if (s == -EROFS || s == -EACCES)
		s = open_stream(inode, BZ_OPEN_READ | BZ_OPEN_KEEP, &a);
	if (s >= 0 && !hnode_is(inode, &a)) {
		close_stream(s);
		return -ENOENT;
	}
	return s;
}

/*
 * All locks of the sandbox on this file are held by one stream, and what it holds is the union of them: vfs/locks.c lets a
 * range go on the host once nobody inside holds it.  To those outside that is the same as one description for each owner,
 * since an owner inside never asks for what another one inside hinders.
 */
static bz_stream lock_stream(struct inode *inode)
{
	struct hnode *n = hnode_of(inode);
	bz_stream s = READ_ONCE(n->lock_stream), extra = -1;
	bool shared;

	if (s >= 0)
		return s;
	s = hostfs_stream_take(n, true);
	shared = s >= 0;
	if (!shared)
		s = lock_stream_open(inode);
	if (s < 0)
		return s;
	mutex_lock(&hostfs_lock);
	if (n->lock_stream >= 0) {
		extra = s;
	} else {
		n->lock_stream = s;
		n->lock_shared = shared;
	}
	s = n->lock_stream;
	mutex_unlock(&hostfs_lock);
	lock_stream_put(n, extra, shared);
	return s;
}

static int file_lock(struct file *f, struct bz_lock *l)
{
	bz_stream s = -ENOENT;

	if (l->type == 2 && hnode_of(f->inode)->lock_stream < 0)
		return 0;
	/* Nobody waits for the locks of a file that nobody can write. */
	if (!hostfs_of(f->inode)->immutable)
		s = lock_stream(f->inode);
	if (s != -ENOENT)
		return s < 0 ? s : host->stream_lock(s, l);
	/* Without a name to reach it by, the host cannot be asked: what is open here is kept apart all the same. */
	if (l->flags & BZ_LOCK_TEST)
		l->type = 2;
	return 0;
}

const struct file_ops hostfs_file_fops = {
	.host_identity = file_host_identity,
	.read = file_read,
	.write = file_write,
	.lend = file_lend,
	.mmap = file_mmap,
	.fsync = file_fsync,
	.fallocate = file_fallocate,
	.release = file_release,
	.lock = file_lock,
};
