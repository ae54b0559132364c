/*
 * Standard streams of the first process: what the operator attached, behind file_ops.  A pipe or a socket of the host is
 * read and written on its own descriptor; a file keeps its position here; a console is the tty of console.c.
 */
#include "libos/stdio/stdio.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"
#include "libos/tty/tty.h"
#include <linux/fs.h>

#define IOV_BATCH 8

static struct super stdio_super = {.fstype = "pipefs", .dev = 12};

/* The last description of a stream of `bartizan exec` is gone: its other end is to hear of it. */
static void evict(struct inode *inode)
{
	if (inode->priv_word > BZ_STREAM_STDERR)
		host->stream_close(inode->priv_word, 0);
}

static const struct super_ops stdio_super_ops = {.evict = evict};

/* A host call that waits: an interrupt ends it, and only a signal makes that visible. */
static ssize_t transfer(struct file *f, struct iov_iter *it, i64 off, bool write)
{
	struct thread *t = current;
	struct bz_iov iov[IOV_BATCH];
	u32 n = iov_host(it, iov, IOV_BATCH, it->left);
	bool nowait = io_flags(f, it) & O_NONBLOCK;
	u32 flags = nowait ? BZ_IO_NOWAIT : 0;
	i64 ret;

	for (;;) {
		WRITE_ONCE(current_tcb()->interrupted, 0);
		__atomic_store_n(&t->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
		if (signal_is_pending())
			ret = -EINTR;
		else
			ret = write ? host->stream_write(f->stream, iov, n, off, flags)
				    : host->stream_read(f->stream, iov, n, off, flags);
		__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
		if (ret == -EINTR && signal_is_pending())
			return -ERESTARTSYS;
		/* A descriptor that the monitor reopened without blocking is waited for here. */
		if (ret == -EAGAIN && !nowait) {
			__atomic_store_n(&t->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
			if (!signal_is_pending())
				host->stream_wait(f->stream, write ? BZ_WAIT_OUT : BZ_WAIT_IN, BZ_NO_DEADLINE);
			__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
			if (signal_is_pending())
				return -ERESTARTSYS;
			continue;
		}
		if (ret != -EINTR)
			break;
	}
	/* A socket of the operator's that passes for a pipe: its other end went away with bytes unread. */
	if (ret == -ECONNRESET && S_ISFIFO(f->inode->mode))
		ret = write ? -EPIPE : 0;
	if (ret > 0)
		iov_advance(it, ret);
	return ret;
}

static ssize_t pipe_end_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	return it->left ? transfer(f, it, BZ_OFFSET_NONE, false) : 0;
}

static ssize_t pipe_end_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	ssize_t done = 0, n;

	while (it->left) {
		n = transfer(f, it, BZ_OFFSET_NONE, true);
		if (n < 0) {
			if (n == -EPIPE && !done)
				signal_pipe_broken();
			return done ? done : n;
		}
		done += n;
		if (io_flags(f, it) & O_NONBLOCK)
			break;
	}
	return done;
}

static u32 pipe_end_poll(struct file *f, struct poll_table *pt)
{
	u32 ready = poll_stream(pt, f, f->stream, BZ_WAIT_IN | BZ_WAIT_OUT);

	/* The host's bits are epoll's; the "normal" ones go with them. */
	return ready | (ready & EPOLLIN ? EPOLLRDNORM : 0) | (ready & EPOLLOUT ? EPOLLWRNORM : 0);
}

/*
 * A file's offset is its description's, which the command and other programs share (`(a; b) >log`): reads and writes in
 * sequence use that, until the guest seeks by itself; from then on the offset is the guest's.
 */
#define SOUGHT ((void *)1)

static i64 file_offset(struct file *f, const i64 *pos, bool append)
{
	if (append || (pos == &f->pos && f->priv != SOUGHT))
		return BZ_OFFSET_NONE;
	return *pos;
}

static i64 file_llseek(struct file *f, i64 off, int whence)
{
	if (whence == SEEK_CUR)
		off += f->pos;
	else if (whence == SEEK_END)
		off += f->inode->size;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	if (off != f->pos)
		f->priv = SOUGHT;
	f->pos = off;
	return off;
}

static ssize_t file_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	ssize_t n = it->left ? transfer(f, it, file_offset(f, pos, false), false) : 0;

	if (n > 0)
		*pos += n;
	return n;
}

static ssize_t file_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	ssize_t done = 0, n;

	while (it->left) {
		n = transfer(f, it, file_offset(f, pos, io_flags(f, it) & O_APPEND), true);
		if (n < 0)
			return done ? done : n;
		done += n;
		*pos += n;
		if ((u64)*pos > f->inode->size)
			f->inode->size = *pos;
	}
	return done;
}

static i64 file_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	u64 end = PAGE_ALIGN(f->inode->size);
	int err;

	len = off >= end ? 0 : min(len, end - off);
	if (!len)
		return 0;
	err = host->stream_map(f->stream, addr, len, prot, flags, off);
	return err ? err : (i64)len;
}

static const struct file_ops pipe_end_fops = {.read = pipe_end_read, .write = pipe_end_write, .poll = pipe_end_poll};
static const struct file_ops file_fops = {
	.read = file_read, .write = file_write, .llseek = file_llseek, .mmap = file_mmap};

/* /dev/stdin and its like: another description of the same host stream. */
static int reopen(struct inode *inode, struct file *f)
{
	f->ops = inode->fops;
	f->stream = inode->priv_word;
	return 0;
}

static const struct inode_ops stdio_inode_ops = {.open = reopen};

static u32 mode_for(const struct bz_stdio *s)
{
	switch (s->kind) {
	case BZ_STDIO_FILE:
		return S_IFREG | (s->attr.mode & 07777);
	case BZ_STDIO_SOCKET:
		return S_IFSOCK | 0777;
	default:
		return S_IFIFO | 0600;
	}
}

static u32 flags_for(const struct bz_stdio *s)
{
	u32 rw = s->access & (BZ_OPEN_READ | BZ_OPEN_WRITE);
	u32 flags = rw == BZ_OPEN_READ ? O_RDONLY : rw == BZ_OPEN_WRITE ? O_WRONLY : O_RDWR;

	return flags | (s->access & BZ_OPEN_APPEND ? O_APPEND : 0);
}

static struct file *host_file(unsigned n)
{
	const struct bz_stdio *s = &boot->stdio[n];
	struct inode *inode = inode_alloc(&stdio_super, mode_for(s));
	struct file *f;

	stdio_super.ops = &stdio_super_ops;
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->uid = s->attr.uid;
	inode->gid = s->attr.gid;
	inode->size = s->attr.size;
	inode->blocks = s->attr.blocks;
	inode->mtime = s->attr.mtime;
	inode->ctime = s->attr.ctime;
	inode->atime = s->attr.atime;
	inode->ops = &stdio_inode_ops;
	inode->fops = s->kind == BZ_STDIO_FILE ? &file_fops : &pipe_end_fops;
	inode->flags |= INODE_OWN_OPEN;
	inode->priv_word = BZ_STREAM_STDIN + n;
	f = file_alloc(inode->fops, inode, flags_for(s), NULL);
	inode_put(inode);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->stream = BZ_STREAM_STDIN + n;
	f->anon_name = s->kind == BZ_STDIO_FILE ? "/stdio (host file)" : s->kind == BZ_STDIO_SOCKET ? "socket:[" : "pipe:[";
	if (s->kind == BZ_STDIO_FILE)
		f->pos = s->pos;
	return f;
}

struct file *stdio_from_stream(bz_stream stream, u32 flags)
{
	struct inode *inode = inode_alloc(&stdio_super, S_IFIFO | 0600);
	struct file *f;

	stdio_super.ops = &stdio_super_ops;
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->uid = current_cred()->uid;
	inode->gid = current_cred()->gid;
	inode->mtime = inode->ctime = inode->atime = now_real();
	inode->ops = &stdio_inode_ops;
	inode->fops = &pipe_end_fops;
	inode->flags |= INODE_OWN_OPEN;
	f = file_alloc(inode->fops, inode, flags, NULL);
	if (f) {
		inode->priv_word = f->stream = stream;
		f->anon_name = "pipe:[";
	}
	inode_put(inode);
	return f ? f : ERR_PTR(-ENOMEM);
}

struct file *stdio_file(unsigned n)
{
	switch (boot->stdio[n].kind) {
	case BZ_STDIO_NULL:
	case BZ_STDIO_NONE:
		return file_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
	case BZ_STDIO_CONSOLE:
		return console_file(O_RDWR);
	default:
		return host_file(n);
	}
}
