/*
 * Names of AF_UNIX sockets: inodes of a file system, abstract names, and none.  unix_lock protects the buckets, by which
 * sockets are found, and each socket's address.
 */
#include "libos/unix/internal.h"
#include "libos/kernel/syscall.h"
#include "libos/vfs/namei.h"

#define BUCKETS 64
#define NAMELESS BUCKETS
#define FAMILY_SIZE 2u		/* sun_path begins behind it */

struct mutex unix_lock = MUTEX_INIT(RANK_OBJECT);
struct waitq unix_room;
static struct list buckets[BUCKETS + 1];
static u32 next_auto;

static void buckets_init(void)
{
	for (u32 i = 0; i <= BUCKETS; i++)
		list_init(&buckets[i]);
}
INITCALL(INIT_VFS, buckets_init);

void unix_name_init(struct unix_sock *u)
{
	mutex_lock(&unix_lock);
	list_add_tail(&u->node, &buckets[NAMELESS]);
	mutex_unlock(&unix_lock);
}

void unix_addr_put(struct unix_addr *a)
{
	if (a && ref_put(&a->refs))
		kfree(a);
}

void unix_name_drop(struct unix_sock *u)
{
	struct path path;

	mutex_lock(&unix_lock);
	list_del(&u->node);
	u->file = NULL;
	path = u->path;
	u->path = (struct path){0};
	mutex_unlock(&unix_lock);
	path_put(&path);
}

static bool is_abstract(const struct socket_name *name)
{
	return !name->bytes[FAMILY_SIZE];
}

/* By content; sockets in a file system by their inode. */
static struct list *abstract_bucket(const struct socket_name *name)
{
	u32 hash = name->len;

	for (u32 i = FAMILY_SIZE; i < name->len; i++)
		hash = hash * 31 + (u8)name->bytes[i];
	return &buckets[hash % BUCKETS];
}

static struct list *inode_bucket(const struct inode *inode)
{
	return &buckets[((u64)inode >> 6) % BUCKETS];
}

/* Linux's unix_validate_addr. */
int unix_name_check(const struct socket_name *name)
{
	return name->len <= FAMILY_SIZE || name->len > sizeof(struct sockaddr_un) || name->family != AF_UNIX ? -EINVAL : 0;
}

static const char *path_of(const struct socket_name *name)
{
	return name->bytes + FAMILY_SIZE;	/* the buffer is zero behind the name */
}

/* --- finding --- */

static struct unix_sock *find_abstract(const struct socket_name *name, u32 type)
{
	struct unix_sock *u;

	list_for_each(u, abstract_bucket(name), node)
		if (!u->path.dentry && u->socket.type == type && u->addr->name.len == name->len &&
		    !memcmp(u->addr->name.bytes, name->bytes, name->len))
			return u;
	return NULL;
}

static int find_in_files(const struct socket_name *name, u32 type, struct unix_sock **out)
{
	struct unix_sock *u;
	struct inode *inode;
	struct path path;
	int err = path_lookup(AT_FDCWD, path_of(name), LOOKUP_FOLLOW, &path);

	if (err)
		return err;
	inode = path.dentry->inode;
	err = inode_permission(inode, 2);
	if (!err)
		err = -ECONNREFUSED;
	if (err == -ECONNREFUSED && S_ISSOCK(inode->mode)) {
		mutex_lock(&unix_lock);
		list_for_each(u, inode_bucket(inode), node)
			if (u->path.dentry && u->path.dentry->inode == inode && ref_get_unless_zero(&u->refs)) {
				*out = u;
				err = 0;
				break;
			}
		mutex_unlock(&unix_lock);
	}
	path_put(&path);
	if (!err && (*out)->socket.type != type) {
		unix_put(*out);
		*out = NULL; /* who asked would give it back once more */
		err = -EPROTOTYPE;
	}
	return err;
}

int unix_find(const struct socket_name *name, u32 type, struct unix_sock **out)
{
	if (!is_abstract(name))
		return find_in_files(name, type, out);
	mutex_lock(&unix_lock);
	*out = find_abstract(name, type);
	if (*out && !ref_get_unless_zero(&(*out)->refs))
		*out = NULL;
	mutex_unlock(&unix_lock);
	return *out ? 0 : -ECONNREFUSED;
}

/* --- giving --- */

static struct unix_addr *addr_new(const struct socket_name *name)
{
	struct unix_addr *a = kmalloc(sizeof(*a));

	if (a) {
		a->refs = 1;
		a->name = *name;
	}
	return a;
}

/* unix_lock held. */
static void give(struct unix_sock *u, struct unix_addr *a, struct list *bucket)
{
	__atomic_store_n(&u->addr, a, __ATOMIC_RELEASE);
	list_del(&u->node);
	list_add_tail(&u->node, bucket);
}

static int bind_abstract(struct unix_sock *u, const struct socket_name *name)
{
	struct unix_addr *a = addr_new(name);
	int err = 0;

	if (!a)
		return -ENOMEM;
	mutex_lock(&unix_lock);
	if (u->addr)
		err = -EINVAL;
	else if (find_abstract(name, u->socket.type))
		err = -EADDRINUSE;
	else
		give(u, a, abstract_bucket(name));
	mutex_unlock(&unix_lock);
	if (err)
		kfree(a);
	return err;
}

/* A name of five digits that nobody has: unix(7), autobind. */
int unix_autobind(struct unix_sock *u)
{
	struct socket_name name = {.len = FAMILY_SIZE + 6, .family = AF_UNIX};
	int err;

	if (READ_ONCE(u->addr))
		return 0;
	for (u32 i = 0; i <= 0xfffff; i++) {
		snprintf(name.bytes + FAMILY_SIZE + 1, 6, "%05x", __atomic_add_fetch(&next_auto, 1, __ATOMIC_RELAXED) & 0xfffff);
		err = bind_abstract(u, &name);
		if (err != -EADDRINUSE)
			return err == -EINVAL ? 0 : err;
	}
	return -ENOSPC;
}

static int bind_file(struct unix_sock *u, const struct socket_name *name)
{
	struct socket_name whole = *name;
	struct unix_addr *a;
	struct path path;
	int err;

	if (READ_ONCE(u->addr))
		return -EINVAL;
	whole.len = FAMILY_SIZE + strlen(path_of(name)) + 1;
	a = addr_new(&whole);
	if (!a)
		return -ENOMEM;
	err = vfs_make_socket(path_of(name), S_IFSOCK | 0777, &path);
	if (err) {
		kfree(a);
		return err == -EEXIST ? -EADDRINUSE : err;
	}
	mutex_lock(&unix_lock);
	if (u->addr) {
		err = -EINVAL;
	} else {
		u->path = path;
		give(u, a, inode_bucket(path.dentry->inode));
	}
	mutex_unlock(&unix_lock);
	if (err) {
		path_put(&path);
		kfree(a);
	}
	return err;
}

int unix_bind(struct socket *s, const struct socket_name *name)
{
	struct unix_sock *u = unix_of(s);
	int err;

	if (name->len == FAMILY_SIZE && name->family == AF_UNIX)
		return READ_ONCE(u->addr) ? -EINVAL : unix_autobind(u);
	err = unix_name_check(name);
	if (err)
		return err;
	return is_abstract(name) ? bind_abstract(u, name) : bind_file(u, name);
}

int unix_getname(struct socket *s, struct socket_name *name, bool peer)
{
	struct unix_sock *u = unix_of(s), *who = u;
	struct unix_addr *a;

	mutex_lock(&u->lock);
	if (peer)
		who = u->peer;
	a = who ? __atomic_load_n(&who->addr, __ATOMIC_ACQUIRE) : NULL;
	if (a)
		*name = a->name;
	else
		*name = (struct socket_name){.len = FAMILY_SIZE, .family = AF_UNIX};
	mutex_unlock(&u->lock);
	return who ? 0 : -ENOTCONN;
}

/* --- /proc/net/unix --- */

static void describe(const struct unix_sock *u, char *buf, size_t size)
{
	u32 n = snprintf(buf, size, "%016lx: %08X %08X %08X %04X %02X %5lu", 0ul, u->refs, 0,
			 u->state == UNIX_LISTENING ? 0x10000 : 0, u->socket.type, u->state == UNIX_CONNECTED ? 3 : 1,
			 u->file ? (unsigned long)u->file->inode->ino : 0ul);
	u32 len = u->addr ? u->addr->name.len - FAMILY_SIZE : 0;
	const char *text = u->addr ? u->addr->name.bytes + FAMILY_SIZE : "";

	if (n + len + 3 > size)
		len = 0;
	if (len)
		buf[n++] = ' ';
	if (len && text[0])
		len--;	/* its NUL */
	for (u32 i = 0; i < len; i++)
		buf[n++] = text[i] ? text[i] : '@';
	buf[n++] = '\n';
	buf[n] = 0;
}

bool unix_next_line(u64 *cursor, char *buf, size_t size)
{
	struct unix_sock *u;
	u64 at = 0;
	bool found = false;

	mutex_lock(&unix_lock);
	for (u32 i = 0; i <= BUCKETS && !found; i++)
		list_for_each(u, &buckets[i], node)
			if (at++ == *cursor) {
				describe(u, buf, size);
				found = true;
				break;
			}
	mutex_unlock(&unix_lock);
	++*cursor;
	return found;
}
