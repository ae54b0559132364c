/*
 * Streams as descriptors: a stream's number is its descriptor's, in every picoprocess.  stream_handles[] (in the arena)
 * has the monitor's handle for those that were opened to be kept; a directory has a handle and no descriptor.
 */
#include "host/linux/host.h"

#include <linux/fs.h>

static bool is_directory(bz_stream s)
{
	return s >= STREAM_DIRECTORY && s < STREAM_DIRECTORY + (int32_t)HOST_DIRECTORIES;
}

bool stream_is_descriptor(bz_stream s)
{
	return s > BZ_FD_CONTROL && s < (int32_t)HOST_STREAMS && s != BZ_FD_EVENTS && s != BZ_FD_LOG &&
	       !(s < 32 && (host.absent >> s & 1));
}

static uint32_t *handle_place(bz_stream s)
{
	if (is_directory(s))
		return &directory_handles[s - STREAM_DIRECTORY];
	return stream_is_descriptor(s) ? &stream_handles[s] : NULL;
}

/* 0: the stream is not a kept one. */
uint32_t stream_handle(bz_stream s)
{
	uint32_t *place = handle_place(s);

	return place ? __atomic_load_n(place, __ATOMIC_RELAXED) : 0;
}

static void forget(uint32_t handle)
{
	struct bz_request request = {.op = BZ_REQ_FORGET, .handle = handle};

	if (handle)
		control_send(&request);
}

static bz_stream directory_add(uint32_t handle)
{
	for (uint32_t i = 0; i < HOST_DIRECTORIES; i++) {
		uint32_t none = 0;

		if (!READ_ONCE(directory_handles[i]) &&
		    __atomic_compare_exchange_n(&directory_handles[i], &none, handle, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return STREAM_DIRECTORY + (bz_stream)i;
	}
	return -BZ_EMFILE;
}

/* Give what the monitor handed over a stream's number. */
bz_stream stream_add(int32_t fd, uint32_t handle)
{
	bz_stream s;

	if (fd < 0) {
		s = handle ? directory_add(handle) : 0;
	} else if (fd < (int32_t)HOST_STREAMS) {
		s = fd;
		__atomic_store_n(&stream_handles[fd], handle, __ATOMIC_SEQ_CST);
	} else {
		SYS(close, fd);
		s = -BZ_EMFILE;
	}
	if (s < 0)
		forget(handle);
	return s;
}

static bz_stream open_nameless(enum bz_op op)
{
	struct control_call call = {.request.op = op};
	int ret = control_call(&call);

	return ret < 0 ? ret : stream_add(call.fd, call.reply.handle);
}

static bz_stream changes_open(void)
{
	bz_stream s = open_nameless(BZ_REQ_CHANGES);

	if (s >= 0)
		__atomic_store_n(&sandbox->changes, s, __ATOMIC_SEQ_CST);
	return s;
}

static bz_stream watch(const struct bz_name *name)
{
	struct control_call call = {
		.request = {.op = BZ_REQ_WATCH, .root = name->root},
		.a = name->path,
		.a_len = name->path_len,
	};
	int number = control_call(&call);

	return number < 0 ? number : number > BZ_WATCH_MAX ? -BZ_ENOSPC : BZ_WATCH_BASE + number;
}

static int unwatch(bz_stream s)
{
	struct bz_request request = {.op = BZ_REQ_UNWATCH, .flags = s - BZ_WATCH_BASE};

	control_send(&request);
	return 0;
}

bz_stream stream_open(const struct bz_name *name, uint32_t flags, uint32_t mode, const char *target,
		      struct bz_attr *attr)
{
	struct control_call call = {.request = {.op = BZ_REQ_OPEN, .flags = flags, .mode = mode}};
	int ret;

	if (name->scheme == BZ_EVENT)
		return open_nameless(BZ_REQ_EVENT);
	if (name->scheme == BZ_ASK)
		return open_nameless(BZ_REQ_ASK);
	if (name->scheme == BZ_NAMES)
		return open_nameless(BZ_REQ_NAMES);
	if (name->scheme == BZ_CHANGES)
		return changes_open();
	if (name->scheme == BZ_WATCH)
		return watch(name);
	if (name->scheme == BZ_WAITSET)
		return waitset_create();
	if (name->scheme == BZ_TCP || name->scheme == BZ_UDP)
		return stream_listen(name->root, mode);
	if (name->scheme != BZ_VOLUME)
		return -BZ_EACCES;
	call.request.root = name->root;
	call.a = name->path;
	call.a_len = name->path_len;
	if (flags & BZ_OPEN_SYMLINK) {
		call.b = target;
		call.b_len = target ? strlen(target) : 0;
	}
	ret = control_call(&call);
	if (ret < 0) {
		if (ret == -BZ_EMFILE)
			forget(call.reply.handle);
		return ret;
	}
	if (attr)
		*attr = call.reply.attr;
	return stream_add(call.fd, call.reply.handle);
}

int stream_close(bz_stream s, uint32_t how)
{
	uint32_t *place = handle_place(s), handle;
	int ret = 0;

	if (how)
		return stream_shutdown(s, how);
	if (s >= BZ_WATCH_BASE)
		return unwatch(s);
	/* Those two are the sandbox's as long as it lives. */
	if (!place || s == BZ_STREAM_ARENA || s == BZ_STREAM_IMAGE)
		return -BZ_EBADF;
	/* Before the number is free for others. */
	handle = __atomic_exchange_n(place, 0, __ATOMIC_SEQ_CST);
	if (stream_is_descriptor(s))
		ret = SYS(close, s);
	else if (!handle)
		ret = -BZ_EBADF;
	forget(handle);
	return ret == -BZ_EINTR ? 0 : ret; /* Linux closes it all the same */
}

/* NOWAIT at an offset is for files, which do not make their readers wait; the filter stops it, for it would tell what
 * is in the page cache. */
static int io_flags(bz_stream s, int64_t off, uint32_t flags)
{
	bool nowait = (flags & BZ_IO_NOWAIT) && off == BZ_OFFSET_NONE && s != BZ_STREAM_IMAGE;

	return (nowait ? RWF_NOWAIT : 0) | (flags & BZ_IO_SYNC ? RWF_SYNC : 0) |
	       (flags & BZ_IO_DSYNC ? RWF_DSYNC : 0) | (flags & BZ_IO_APPEND ? RWF_APPEND : 0);
}

/*
 * Some descriptions are non-blocking (consoles, whose kind does not know RWF_NOWAIT): the wait that they do not make
 * is made here.  EINTR is for the caller only if someone interrupted it.
 */
static bool again(long ret, bz_stream s, uint32_t events, uint32_t flags, int64_t *result)
{
	int ready;

	*result = ret;
	if (ret == -BZ_EINTR)
		return !READ_ONCE(block_self()->tcb.interrupted);
	if (ret != -BZ_EAGAIN || (flags & BZ_IO_NOWAIT))
		return false;
	ready = stream_wait(s, events, BZ_NO_DEADLINE);
	if (ready < 0)
		*result = ready;
	return ready >= 0;
}

/*
 * Kinds that do not know RWF_NOWAIT are handed over non-blocking, so that the flag is not needed; but for sockets, which
 * are shared with others and know it since Linux 6.5.  There is asked first, and a write of more than there is room for
 * waits.
 */
static bool ready_now(bz_stream s, uint32_t events)
{
	return stream_wait(s, events, 0) != 0;
}

#define MSG_OOB 1
#define MSG_PEEK 2
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_NOSIGNAL 0x4000
#define MSG_MORE 0x8000
#define IO_RECEIVE (BZ_IO_PEEK | BZ_IO_URGENT | BZ_IO_COUNT)
#define IO_SEND (BZ_IO_URGENT | BZ_IO_MORE | BZ_IO_MESSAGE)

/* What only a socket's own calls can say. */
static int64_t socket_transfer(bz_stream s, const struct bz_iov *iov, uint32_t n, uint32_t flags, bool write)
{
	uint32_t how = MSG_DONTWAIT | (flags & BZ_IO_URGENT ? MSG_OOB : 0);

	if (!(host.boot->flags & BZ_BOOT_NETWORK) || s <= BZ_FD_LIBOS)
		return -BZ_EOPNOTSUPP;
	if (n != 1)
		return -BZ_EINVAL;
	if (write)
		return SYS(sendto, s, iov->base, iov->len, how | MSG_NOSIGNAL | (flags & BZ_IO_MORE ? MSG_MORE : 0), 0, 0);
	how |= (flags & BZ_IO_PEEK ? MSG_PEEK : 0) | (flags & BZ_IO_COUNT ? MSG_PEEK | MSG_TRUNC : 0);
	return SYS(recvfrom, s, iov->base, iov->len, how, 0, 0);
}

int64_t stream_read(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags)
{
	int64_t result;
	long ret;

	if (!stream_is_descriptor(s) || s == BZ_STREAM_ARENA)
		return -BZ_EBADF;
	if (flags && !(flags & ~IO_RECEIVE))
		return socket_transfer(s, iov, n, flags, false);
	if (off < BZ_OFFSET_NONE || (flags & ~BZ_IO_NOWAIT))
		return -BZ_EINVAL;
	do {
		ret = n == 1 && off >= 0 ? SYS_BLOCKING(pread64, s, iov->base, iov->len, off)
					 : SYS_BLOCKING(preadv2, s, iov, n, off, 0, io_flags(s, off, flags));
		if (ret == -BZ_EOPNOTSUPP && (flags & BZ_IO_NOWAIT))
			ret = ready_now(s, BZ_WAIT_IN) ? SYS_BLOCKING(preadv2, s, iov, n, off, 0, 0) : -BZ_EAGAIN;
	} while (again(ret, s, BZ_WAIT_IN, flags, &result));
	return result;
}

int64_t stream_write(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags)
{
	int64_t result;
	long ret;

	/* The host's part of the arena is not a stream's content. */
	if (!stream_is_descriptor(s) || (s == BZ_STREAM_ARENA && off < (int64_t)BZ_ARENA_HOST))
		return -BZ_EBADF;
	if (flags && !(flags & ~IO_SEND))
		return socket_transfer(s, iov, n, flags, true);
	if (off < BZ_OFFSET_NONE || (flags & ~(BZ_IO_NOWAIT | BZ_IO_SYNC | BZ_IO_DSYNC | BZ_IO_APPEND)))
		return -BZ_EINVAL;
	do {
		ret = SYS_BLOCKING(pwritev2, s, iov, n, off, 0, io_flags(s, off, flags));
		if (ret == -BZ_EOPNOTSUPP && (flags & BZ_IO_NOWAIT))
			ret = ready_now(s, BZ_WAIT_OUT)
				  ? SYS_BLOCKING(pwritev2, s, iov, n, off, 0, io_flags(s, off, flags & ~BZ_IO_NOWAIT))
				  : -BZ_EAGAIN;
	} while (again(ret, s, BZ_WAIT_OUT, flags, &result));
	return result;
}
