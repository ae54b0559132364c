/* Requests to the monitor about names and kept streams; one function a request of abi/bartizan_wire.h. */
#include "host/linux/host.h"

/* Of a kept stream (s >= 0) or a name. */
static int about(struct control_call *call, enum bz_op op, bz_stream s, const struct bz_name *name)
{
	call->request.op = op;
	if (s >= 0) {
		call->request.handle = stream_handle(s);
		return call->request.handle ? 0 : -BZ_EBADF;
	}
	if (!name)
		return -BZ_EBADF;
	if (name->scheme != BZ_VOLUME)
		return -BZ_EINVAL;
	call->request.root = name->root;
	call->a = name->path;
	call->a_len = name->path_len;
	return 0;
}

/* Of two names in one root, or of a kept stream and a name. */
static int about_two(struct control_call *call, enum bz_op op, bz_stream s, const struct bz_name *from,
		     const struct bz_name *to)
{
	if (to->scheme != BZ_VOLUME || (s < 0 && from->root != to->root))
		return -BZ_EXDEV;
	call->request.root = to->root;
	call->b = to->path;
	call->b_len = to->path_len;
	return about(call, op, s, from);
}

int stream_getattr(bz_stream s, const struct bz_name *name, uint32_t what, struct bz_attr *attr)
{
	struct control_call call = {.request.flags = what};
	int ret = about(&call, BZ_REQ_GETATTR, s, name);

	if (!ret)
		ret = control_call(&call);
	if (ret >= 0)
		*attr = call.reply.attr;
	return ret;
}

int stream_setattr(bz_stream s, const struct bz_name *name, const struct bz_attr *attr)
{
	struct control_call call = {.request.attr = *attr};
	int ret = about(&call, BZ_REQ_SETATTR, s, name);

	return ret ? ret : control_call(&call);
}

int stream_resize(bz_stream s, uint32_t op, uint64_t off, uint64_t len)
{
	struct control_call call = {.request = {.flags = op, .off = off, .len = len}};
	int ret = about(&call, BZ_REQ_RESIZE, s, NULL);

	return ret ? ret : control_call(&call);
}

int stream_flush(bz_stream s, uint32_t data_only)
{
	struct control_call call = {.request.flags = data_only};
	int ret = about(&call, BZ_REQ_FLUSH, s, NULL);

	return ret ? ret : control_call(&call);
}

int stream_rename(const struct bz_name *from, const struct bz_name *to, uint32_t flags)
{
	struct control_call call = {.request.flags = flags};
	int ret = about_two(&call, BZ_REQ_RENAME, -1, from, to);

	return ret ? ret : control_call(&call);
}

int stream_link(bz_stream s, const struct bz_name *from, const struct bz_name *to)
{
	struct control_call call = {0};
	int ret = about_two(&call, BZ_REQ_LINK, s, from, to);

	return ret ? ret : control_call(&call);
}

int stream_remove(const struct bz_name *name, uint32_t directory)
{
	struct control_call call = {.request.flags = directory};
	int ret = about(&call, BZ_REQ_REMOVE, -1, name);

	return ret ? ret : control_call(&call);
}

int stream_readlink(const struct bz_name *name, char *buf, size_t len)
{
	struct control_call call = {.payload = buf, .payload_max = len};
	int ret = about(&call, BZ_REQ_READLINK, -1, name);

	if (!ret)
		ret = control_call(&call);
	return ret < 0 ? ret : (int)call.reply.payload_len;
}

int64_t stream_enumerate(const struct bz_name *name, uint64_t cookie, void *buf, size_t len)
{
	size_t room = len < BZ_PAYLOAD_MAX ? len : BZ_PAYLOAD_MAX;
	struct control_call call = {
		.request = {.off = cookie, .len = room},
		.payload = buf,
		.payload_max = room,
	};
	int ret;

	if (len < 8192)
		return -BZ_EINVAL;
	ret = about(&call, BZ_REQ_ENUMERATE, -1, name);
	if (!ret)
		ret = control_call(&call);
	return ret < 0 ? ret : (int64_t)call.reply.payload_len;
}

int stream_lock(bz_stream s, struct bz_lock *lock)
{
	struct control_call call = {.request.lock = *lock};
	int ret = about(&call, BZ_REQ_LOCK, s, NULL);

	if (!ret)
		ret = control_call(&call);
	if (ret >= 0)
		*lock = call.reply.lock;
	return ret;
}

int stream_xattr(bz_stream s, const struct bz_name *name, uint32_t op, const char *key, void *buf, size_t len)
{
	bool sets = op == 1 || op == 4 || op == 5, gets = op == 0 || op == 3;
	struct control_call call = {
		.request = {.flags = op, .len = len},
		.b = key,
		.b_len = key ? strlen(key) : 0,
	};
	int ret;

	if (s >= 0 && !name && !stream_handle(s))
		return stream_option(s, op, key, buf, len);
	if (sets) {
		call.c = buf;
		call.c_len = len;
	} else if (gets) {
		call.payload = buf;
		call.payload_max = len < BZ_PAYLOAD_MAX ? len : BZ_PAYLOAD_MAX;
	}
	ret = about(&call, BZ_REQ_XATTR, s, name);
	return ret ? ret : control_call(&call);
}
