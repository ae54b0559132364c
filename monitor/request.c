/*
 * Requests of a sandbox: one message in, one answer out (abi/bartizan_wire.h).
 *
 * HOSTILE INPUT.  Everything in a message was written by a guest that wants out.  request_serve() checks the
 * message's size against the lengths in its header before it looks at anything behind the header; each name
 * is checked to be clean (no NUL, no empty, `.` or `..` component) before the kernel sees it; numbers that
 * index something are compared with its size.  Nothing here calls back, allocates, or depends on what came
 * before but through the table of handles.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "monitor/escape.h"
#include "monitor/server.h"

/* A message that was taken apart; the names are NUL-terminated copies. */
struct parsed {
	struct bz_request head;
	struct place a, b; /* b.path: the second name, a link's text or an attribute's key */
	const char *c;
};

int server_init(struct server *server, uint32_t handle_max)
{
	server->proc_fd = server->ask = server->changes = -1;
	if (handle_max > 0xffff)
		handle_max = 0xffff;
	/* Pages come with use: most sandboxes keep few streams. */
	server->handles = mmap(NULL, handle_max * sizeof(*server->handles), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (server->handles == MAP_FAILED)
		return -errno;
	server->handle_max = handle_max;
	return 0;
}

void server_close(struct server *server)
{
	for (uint32_t i = 0; i < server->handle_max; i++)
		if (server->handles[i].fd > 0)
			close(server->handles[i].fd);
	for (uint32_t i = 0; i < server->volume_count; i++)
		close(server->volumes[i].fd);
	if (server->proc_fd >= 0)
		close(server->proc_fd);
	if (server->changes >= 0)
		close(server->changes);
	if (server->watches)
		munmap(server->watches, SERVER_WATCHES_MAX * sizeof(*server->watches));
	munmap(server->handles, server->handle_max * sizeof(*server->handles));
}

int server_grant(struct server *server, int fd, bool readonly, bool is_file, const char *guest_path)
{
	struct volume *volume = &server->volumes[server->volume_count];
	struct stat st;
	int error;

	if (server->volume_count == SERVER_VOLUMES_MAX)
		return -ENOSPC;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (is_file ? !S_ISREG(st.st_mode) : !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	error = filesystem_check(server, fd, st.st_dev);
	if (error)
		return error;
	*volume =
	    (struct volume){.fd = fd, .readonly = readonly, .is_file = is_file, .guest_path = guest_path};
	return ++server->volume_count;
}

int server_watchable(struct server *server, int root)
{
	if (!server->watches) {
		void *room = mmap(NULL, SERVER_WATCHES_MAX * sizeof(*server->watches), PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (room == MAP_FAILED)
			return -errno;
		server->watches = room;
	}
	server->volumes[root - 1].watch = true;
	return 0;
}

/* Handles: number = index + 1, with the entry's generation above it, so that a stale number finds nothing */

int handle_add(struct server *server, int fd, uint32_t volume, uint32_t *number)
{
	struct handle *handle;
	uint32_t i = server->handle_next;

	if (server->handle_used == server->handle_max)
		return -EMFILE;
	while (server->handles[i % server->handle_max].fd)
		i++;
	i %= server->handle_max;
	handle = &server->handles[i];
	handle->fd = fd;
	handle->volume = volume;
	handle->generation++;
	server->handle_used++;
	server->handle_next = (i + 1) % server->handle_max;
	*number = (uint32_t)handle->generation << 16 | (i + 1);
	return 0;
}

struct handle *handle_find(struct server *server, uint32_t number)
{
	uint32_t index = (number & 0xffff) - 1;

	if (index >= server->handle_max || !server->handles[index].fd ||
	    server->handles[index].generation != number >> 16)
		return NULL;
	return &server->handles[index];
}

void handle_drop(struct server *server, uint32_t number)
{
	struct handle *handle = handle_find(server, number);

	if (!handle)
		return;
	close(handle->fd);
	handle->fd = 0;
	server->handle_used--;
	server->handle_next = (number & 0xffff) - 1;
}

/* Taking a message apart ---------------------------------------------------------------------------- */

static bool name_clean(const char *name, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i <= len && len; i++) {
		if (i < len && !name[i])
			return false;
		if (i < len && name[i] != '/')
			continue;
		if (i == start || (i - start == 1 && name[start] == '.') ||
		    (i - start == 2 && name[start] == '.' && name[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

static int parse(struct server *server, const void *message, size_t len, struct parsed *p)
{
	const char *bytes = message;
	const struct bz_request *head = &p->head;

	if (len < sizeof(p->head))
		return -EINVAL;
	memcpy(&p->head, message, sizeof(p->head));
	if (head->op >= BZ_OP_COUNT || head->a_len > BZ_PATH_MAX || head->b_len > BZ_PATH_MAX ||
	    head->c_len > BZ_PAYLOAD_MAX)
		return -EINVAL;
	if (len != sizeof(p->head) + head->a_len + head->b_len + head->c_len)
		return -EINVAL;
	bytes += sizeof(p->head);
	memcpy(p->a.path, bytes, head->a_len);
	p->a.path[head->a_len] = 0;
	memcpy(p->b.path, bytes + head->a_len, head->b_len);
	p->b.path[head->b_len] = 0;
	p->c = bytes + head->a_len + head->b_len;
	if (!name_clean(p->a.path, head->a_len) || memchr(p->b.path, 0, head->b_len))
		return -EINVAL;
	p->a.volume = p->b.volume = NULL;
	if (head->root && head->root <= server->volume_count)
		p->a.volume = p->b.volume = &server->volumes[head->root - 1];
	return 0;
}

/* Requests on kept streams -------------------------------------------------------------------------- */

static int serve_resize(const struct handle *handle, const struct bz_request *head)
{
	static const int modes[] = {0, 0, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
				    FALLOC_FL_KEEP_SIZE};
	int n;

	if (head->flags > 4 || head->off > INT64_MAX || head->len > INT64_MAX)
		return -EINVAL;
	if (head->flags == 0)
		n = ftruncate(handle->fd, head->off);
	else
		n = fallocate(handle->fd, modes[head->flags], head->off, head->len);
	return n < 0 ? -errno : 0;
}

static int serve_lock_whole(int fd, const struct bz_lock *lock)
{
	static const int ops[] = {LOCK_SH, LOCK_EX, LOCK_UN};

	if (lock->flags & BZ_LOCK_TEST)
		return -EINVAL;
	return flock(fd, ops[lock->type] | LOCK_NB) < 0 ? -errno : 0;
}

static int serve_lock(int fd, const struct bz_lock *lock, struct bz_lock *out)
{
	static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
	struct flock fl = {.l_whence = SEEK_SET};

	if (lock->type > 2 || lock->flags & ~(BZ_LOCK_TEST | BZ_LOCK_WHOLE) || lock->start > INT64_MAX ||
	    lock->len > INT64_MAX)
		return -EINVAL;
	if (lock->flags & BZ_LOCK_WHOLE)
		return serve_lock_whole(fd, lock);
	fl.l_type = types[lock->type];
	fl.l_start = lock->start;
	fl.l_len = lock->len;
	if (fcntl(fd, lock->flags & BZ_LOCK_TEST ? F_OFD_GETLK : F_OFD_SETLK, &fl) < 0)
		return errno == EACCES ? -EAGAIN : -errno;
	*out = *lock;
	if (lock->flags & BZ_LOCK_TEST) {
		out->type = fl.l_type == F_RDLCK ? 0 : fl.l_type == F_WRLCK ? 1 : 2;
		out->start = fl.l_start;
		out->len = fl.l_len;
	}
	return 0;
}

/* Extended attributes: only those in user., of regular files and directories ------------------------ */

/* flistxattr names everything; a guest sees what is in user. */
static int xattr_list(int fd, char *out)
{
	static char all[BZ_PAYLOAD_MAX];
	ssize_t n = flistxattr(fd, all, sizeof(all));
	int used = 0;

	if (n < 0)
		return -errno;
	for (ssize_t i = 0; i < n; i += strlen(all + i) + 1) {
		if (strncmp(all + i, "user.", 5))
			continue;
		memcpy(out + used, all + i, strlen(all + i) + 1);
		used += strlen(all + i) + 1;
	}
	return used;
}

static int xattr_act(int fd, const struct parsed *p, struct answer *answer)
{
	static const int set_flags[] = {[1] = 0, [4] = XATTR_CREATE, [5] = XATTR_REPLACE};
	const char *key = p->b.path;
	ssize_t n;

	switch (p->head.flags) {
	case 0:
		n = fgetxattr(fd, key, answer->payload, BZ_PAYLOAD_MAX);
		break;
	case 2:
		n = fremovexattr(fd, key);
		break;
	case 3:
		n = xattr_list(fd, answer->payload);
		if (n < 0)
			return n;
		break;
	default:
		n = fsetxattr(fd, key, p->c, p->head.c_len, set_flags[p->head.flags]);
		break;
	}
	if (n < 0)
		return -errno;
	if (p->head.flags != 0 && p->head.flags != 3)
		return 0;
	/* As getxattr(2): no room asks for the length alone. */
	if (p->head.len && (uint64_t)n > p->head.len)
		return -ERANGE;
	answer->reply.payload_len = p->head.len ? n : 0;
	return n;
}

static int serve_xattr(struct server *server, const struct parsed *p, const struct handle *handle,
		       struct answer *answer)
{
	bool write = p->head.flags != 0 && p->head.flags != 3;
	int fd, result;

	if (p->head.flags > 5)
		return -EINVAL;
	if (p->head.flags != 3 && (strncmp(p->b.path, "user.", 5) || !p->b.path[5] || p->head.b_len > 255))
		return -EOPNOTSUPP;
	if (handle) {
		if (write && server->volumes[handle->volume].readonly)
			return -EROFS;
		return xattr_act(handle->fd, p, answer);
	}
	fd = volume_open_xattr(server, &p->a, write);
	if (fd < 0)
		return p->head.flags == 3 && fd == -ENODATA ? 0 : fd;
	result = xattr_act(fd, p, answer);
	close(fd);
	return result;
}

/* The rest ------------------------------------------------------------------------------------------ */

static int serve_descriptor(int fd, struct answer *answer)
{
	if (fd < 0)
		return -errno;
	answer->fd = fd;
	return 0;
}

static int serve_random(struct answer *answer)
{
	if (getrandom(answer->payload, 64, 0) != 64)
		return -EIO;
	answer->reply.payload_len = 64;
	return 64;
}

static int serve_with_handle(struct server *server, struct handle *handle, struct parsed *p,
			     struct answer *answer)
{
	bool readonly = server->volumes[handle->volume].readonly;

	switch (p->head.op) {
	case BZ_REQ_GETATTR:
		return attr_of_fd(server, handle->fd, p->head.flags, &answer->reply.attr);
	case BZ_REQ_SETATTR:
		return readonly ? -EROFS : attr_set_fd(server, handle->fd, &p->head.attr);
	case BZ_REQ_RESIZE:
		return readonly ? -EROFS : serve_resize(handle, &p->head);
	case BZ_REQ_FLUSH:
		return (p->head.flags & 1 ? fdatasync(handle->fd) : fsync(handle->fd)) < 0 ? -errno : 0;
	case BZ_REQ_LOCK:
		return serve_lock(handle->fd, &p->head.lock, &answer->reply.lock);
	case BZ_REQ_XATTR:
		return serve_xattr(server, p, handle, answer);
	case BZ_REQ_LINK:
		if (!p->b.volume || !name_clean(p->b.path, p->head.b_len))
			return p->b.volume ? -EINVAL : -EACCES;
		return volume_link_unnamed(server, handle, &p->b);
	}
	return -EINVAL;
}

static int serve_with_name(struct server *server, struct parsed *p, struct answer *answer)
{
	const struct bz_request *head = &p->head;

	switch (head->op) {
	case BZ_REQ_OPEN:
		return volume_open(server, &p->a, head, p->b.path, answer);
	case BZ_REQ_GETATTR:
		return volume_getattr(server, &p->a, head->flags, &answer->reply.attr);
	case BZ_REQ_SETATTR:
		return volume_setattr(server, &p->a, &head->attr);
	case BZ_REQ_RENAME:
	case BZ_REQ_LINK:
		if (!name_clean(p->b.path, head->b_len))
			return -EINVAL;
		if (head->op == BZ_REQ_LINK)
			return volume_link(server, &p->a, &p->b);
		return volume_rename(server, &p->a, &p->b, head->flags);
	case BZ_REQ_REMOVE:
		return volume_remove(server, &p->a, head->flags);
	case BZ_REQ_READLINK:
		return volume_readlink(server, &p->a, answer);
	case BZ_REQ_ENUMERATE:
		return volume_enumerate(server, &p->a, head->off, head->len, answer);
	case BZ_REQ_XATTR:
		return serve_xattr(server, p, NULL, answer);
	case BZ_REQ_WATCH:
		return watch_add(server, &p->a);
	}
	return -EINVAL;
}

static int serve(struct server *server, struct parsed *p, struct answer *answer)
{
	struct handle *handle;

	switch (p->head.op) {
	case BZ_REQ_FORGET:
		handle_drop(server, p->head.handle);
		answer->silent = true;
		return 0;
	case BZ_REQ_EXIT:
		answer->silent = answer->exit = true;
		answer->status = p->head.flags & 0xffff;
		return 0;
	case BZ_REQ_WAITSET:
		return serve_descriptor(epoll_create1(EPOLL_CLOEXEC), answer);
	case BZ_REQ_EVENT:
		return serve_descriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), answer);
	case BZ_REQ_CHANGES:
		answer->fd = changes_open(server);
		return answer->fd < 0 ? answer->fd : 0;
	case BZ_REQ_UNWATCH:
		watch_remove(server, p->head.flags);
		answer->silent = true;
		return 0;
	case BZ_REQ_ASK:
		answer->fd = server->ask;
		server->ask = -1;
		return answer->fd < 0 ? -EAGAIN : 0;
	case BZ_REQ_RANDOM:
		return serve_random(answer);
	case BZ_REQ_NAMES:
		answer->keep = true;
		answer->fd = server->names ? server->names_fd : -1;
		return server->names ? 0 : -ENOENT;
	case BZ_REQ_CONNECT:
		return network_connect(server, &p->head, answer);
	case BZ_REQ_LISTEN:
		return network_listen(server, &p->head, answer);
	}
	if (p->head.handle) {
		handle = handle_find(server, p->head.handle);
		if (!handle)
			return -EBADF;
		p->a.volume = &server->volumes[handle->volume];
		return serve_with_handle(server, handle, p, answer);
	}
	if (!p->a.volume)
		return -EACCES;
	return serve_with_name(server, p, answer);
}

/* Telling the operator ------------------------------------------------------------------------------ */

static const char *const op_names[BZ_OP_COUNT] = {
    [BZ_REQ_OPEN] = "open",	 [BZ_REQ_GETATTR] = "stat",  [BZ_REQ_SETATTR] = "change attributes of",
    [BZ_REQ_RESIZE] = "resize",	 [BZ_REQ_FLUSH] = "flush",   [BZ_REQ_RENAME] = "rename",
    [BZ_REQ_LINK] = "link",	 [BZ_REQ_REMOVE] = "remove", [BZ_REQ_READLINK] = "read link",
    [BZ_REQ_ENUMERATE] = "list", [BZ_REQ_LOCK] = "lock",     [BZ_REQ_XATTR] = "change xattr of",
    [BZ_REQ_WATCH] = "watch",
};

static uint64_t hash(uint64_t h, const char *text)
{
	while (*text)
		h = (h ^ (unsigned char)*text++) * 0x100000001b3ull;
	return h;
}

/* What was refused, as people name it. */
static void denied_text(const struct parsed *p, int error, char *buf, size_t size)
{
	char name[SERVER_DENIED_TEXT - 128];
	size_t n;

	if (p->head.op == BZ_REQ_CONNECT) {
		network_text(&p->head, name, 80);
		snprintf(buf, size, "connect to %.80s: no grant covers it (--allow %.80s)", name, name);
		return;
	}
	n = escape_text(name, sizeof(name), p->a.path, strlen(p->a.path), 0);
	snprintf(buf, size, "%s %s%s%s: %s", op_names[p->head.op] ? op_names[p->head.op] : "use",
		 p->a.volume ? p->a.volume->guest_path : "volume that was not granted", n ? "/" : "", name,
		 error == -EROFS ? "the volume is read-only" : strerror(-error));
}

/* One line a name and reason, at most SERVER_DENIED_MAX in a sandbox's life. */
static void tell_denied(struct server *server, const struct parsed *p, int error)
{
	char line[SERVER_DENIED_TEXT + 64], what[SERVER_DENIED_TEXT];
	uint64_t h;

	server->denied_total++;
	if (!server->denied || server->denied_count == SERVER_DENIED_MAX)
		return;
	denied_text(p, error, what, sizeof(what));
	h = hash(0xcbf29ce484222325ull + p->head.root, what);
	for (uint32_t i = 0; i < server->denied_count; i++)
		if (server->denied_seen[i] == h)
			return;
	server->denied_seen[server->denied_count++] = h;
	snprintf(line, sizeof(line), "denied: %s%s", what,
		 server->denied_count == SERVER_DENIED_MAX ? " (further refusals are not reported)" : "");
	server->denied(server->denied_arg, line);
}

void request_serve(struct server *server, const void *message, size_t len, struct answer *answer)
{
	static struct parsed p; /* large; one request at a time */
	int result;

	memset(&answer->reply, 0, sizeof(answer->reply));
	answer->fd = -1;
	answer->keep = answer->silent = answer->exit = false;
	result = parse(server, message, len, &p);
	if (result == 0) {
		server->requests[p.head.op]++;
		result = serve(server, &p, answer);
		if (result == -EROFS || result == -EACCES || result == -EPERM)
			tell_denied(server, &p, result);
	}
	answer->reply.result = result;
	answer->reply.has_fd = answer->fd >= 0;
}
