/* add_key(2), request_key(2), keyctl(2); the order of checks is Linux's (security/keys/keyctl.c). */
#include "libos/keys/internal.h"
#include "libos/kernel/syscall.h"
#include <linux/capability.h>
#include <linux/keyctl.h>

#define TYPE_MAX 32
#define CALLOUT_MAX 4096
#define PAYLOAD_MAX ((1u << 20) - 1)

/* --- arguments --- */

static int type_in(char *type, const char *utype)
{
	long n = strncpy_from_user(type, utype, TYPE_MAX);

	if (n == -EFAULT)
		return n;
	return n <= 0 ? -EINVAL : *type == '.' ? -EPERM : 0;
}

/* A text of the guest's in fresh memory, or an ERR_PTR. */
static char *text_in(const char *utext, u32 most)
{
	char *text = kmalloc(most);
	long n = text ? strncpy_from_user(text, utext, most) : -ENOMEM;

	if (n >= 0)
		return text;
	kfree(text);
	return ERR_PTR(n == -ENAMETOOLONG ? -EINVAL : n);
}

static int payload_in(const void *udata, size_t len, void **out)
{
	void *data = len ? kmalloc(len) : NULL;

	*out = NULL;
	if (!len)
		return 0;
	if (!data)
		return -ENOMEM;
	if (copy_from_user(data, udata, len)) {
		kfree(data);
		return -EFAULT;
	}
	*out = data;
	return 0;
}

static bool payload_ok(const struct key_type *type, size_t len)
{
	return type->largest ? len && len <= type->largest : !len;
}

static u32 usual_perm(const struct key_type *type)
{
	return POSSESSOR(KEY_VIEW | KEY_SEARCH | KEY_LINK | KEY_SETATTR | (type->readable ? KEY_READ : 0) |
			 (type->is_ring || type->updatable ? KEY_WRITE : 0)) | OWNER(KEY_VIEW);
}

/* --- making --- */

/* An existing key of this name gets the payload, or a new one takes its place: serial number or -errno; takes data on success. */
static long create_or_update(struct key_ref ring, const struct key_type *type, const char *desc, void *data, size_t len)
{
	const struct cred *c = &current->process->cred;
	struct key *k = type->updatable ? ring_find(ring.key, type, desc) : NULL;
	int err;

	if (k && !k->revoked && !k->invalidated) {
		err = key_may((struct key_ref){k, ring.possessed}, KEY_WRITE);
		if (!err)
			err = key_set_data(k, data, len);
		return err ? err : k->serial;
	}
	k = key_make(type, desc, c->fsuid, c->fsgid, usual_perm(type), true, &err);
	if (!k)
		return err;
	err = type->is_ring ? 0 : key_set_data(k, data, len);
	if (!err) {
		err = ring_link(ring.key, k);
		if (err && !type->is_ring) {
			k->data = NULL;	/* the caller's still */
			k->len = 0;
		}
	}
	err = err ? err : k->serial;
	key_put(k);
	return err;
}

static long add_locked(const char *type_name, const char *desc, void *data, size_t len, i32 id)
{
	const struct key_type *type;
	struct key_ref ring;
	long ret = key_lookup(id, LOOKUP_CREATE_RING, KEY_WRITE, &ring);

	if (ret)
		return ret;
	type = key_type_find(type_name);
	if (!type)
		ret = -ENODEV;
	else if (!*desc || !payload_ok(type, len))
		ret = -EINVAL;
	else if (!ring.key->type->is_ring)
		ret = -ENOTDIR;
	else
		ret = create_or_update(ring, type, desc, data, len);
	key_put(ring.key);
	return ret;
}

SYSCALL(add_key, const char *utype, const char *udesc, const void *udata, size_t len, int ring)
{
	char type[TYPE_MAX], *desc;
	void *data;
	long ret;

	if (len > PAYLOAD_MAX)
		return -EINVAL;
	ret = type_in(type, utype);
	if (ret)
		return ret;
	desc = udesc ? text_in(udesc, DESC_MAX) : kstrdup("");
	if (!desc || IS_ERR(desc))
		return desc ? PTR_ERR(desc) : -ENOMEM;
	ret = *desc == '.' && !strcmp(type, "keyring") ? -EPERM : payload_in(udata, len, &data);
	if (ret) {
		kfree(desc);
		return ret;
	}
	mutex_lock(&keys_lock);
	ret = add_locked(type, desc, data, len, ring);
	mutex_unlock(&keys_lock);
	if (ret < 0)
		kfree(data);
	kfree(desc);
	return ret;
}

/* Nobody is there who could make a key, as on a host without /sbin/request-key: that is known for a while. */
static long construct(const struct key_type *type, const char *desc, struct key *ring)
{
	const struct cred *c = &current->process->cred;
	int err;
	struct key *k = key_make(type, desc, c->fsuid, c->fsgid, usual_perm(type), true, &err);

	if (!k)
		return err;
	k->negative = true;
	k->expiry = now_mono() + NEGATIVE_S * NSEC_PER_SEC;
	err = ring_link(ring, k);
	key_put(k);
	return err ? err : -ENOENT;
}

static long request_locked(const char *type_name, const char *desc, bool make, i32 id)
{
	const struct key_type *type;
	struct key_ref ring = {0}, found;
	long ret = id ? key_lookup(id, LOOKUP_CREATE_RING, KEY_WRITE, &ring) : 0;

	if (ret)
		return ret;
	type = key_type_find(type_name);
	ret = type ? key_search_own(type, desc, &found) : -ENOKEY;
	if (!ret) {
		if (ring.key)
			ret = ring.key->type->is_ring ? ring_link(ring.key, found.key) : -ENOTDIR;
		if (!ret)
			ret = found.key->serial;
		key_put(found.key);
	} else if (ret == -EAGAIN) {
		ret = make ? ring.key ? 0 : default_ring(&ring.key) : -ENOKEY;
		if (!ret)
			ret = ring.key->type->is_ring ? construct(type, desc, ring.key) : -ENOTDIR;
	}
	key_put(ring.key);
	return ret;
}

SYSCALL(request_key, const char *utype, const char *udesc, const char *ucallout, int ring)
{
	char type[TYPE_MAX], *desc, *callout = NULL;
	long ret = type_in(type, utype);

	if (ret)
		return ret;
	desc = text_in(udesc, DESC_MAX);
	if (IS_ERR(desc))
		return PTR_ERR(desc);
	if (ucallout)
		callout = text_in(ucallout, CALLOUT_MAX);
	if (IS_ERR(callout)) {
		kfree(desc);
		return PTR_ERR(callout);
	}
	mutex_lock(&keys_lock);
	ret = request_locked(type, desc, callout, ring);
	mutex_unlock(&keys_lock);
	kfree(callout);
	kfree(desc);
	return ret;
}

/* --- keyctl(2): each with keys_lock held --- */

static long get_keyring_id(i32 id, bool make)
{
	struct key_ref r;
	long ret = key_lookup(id, make ? LOOKUP_CREATE_RING : 0, KEY_SEARCH, &r);

	if (ret)
		return ret;
	ret = r.key->serial;
	key_put(r.key);
	return ret;
}

/* Two rights, either of which is enough. */
static int lookup_either(i32 id, u32 flags, u32 right, u32 other, struct key_ref *out)
{
	int err = key_lookup(id, flags, right, out);

	return err == -EACCES ? key_lookup(id, flags, other, out) : err;
}

static long end_key(i32 id, bool invalidate)
{
	struct key_ref r;
	int err = invalidate ? key_lookup(id, 0, KEY_SEARCH, &r) : lookup_either(id, 0, KEY_WRITE, KEY_SETATTR, &r);
	struct key *k;

	if (err)
		return err;
	r.key->revoked = !invalidate || r.key->revoked;
	if (invalidate) {
		/* It is in no keyring any more. */
		r.key->invalidated = true;
		list_for_each(k, &all_keys, node)
			if (k->type->is_ring)
				while (!ring_unlink(k, r.key))
					;
	}
	ring_clear(r.key);
	key_put(r.key);
	return 0;
}

static long chown_key(i32 id, u32 uid, u32 gid)
{
	bool root = capable(CAP_SYS_ADMIN);
	struct key_user *u;
	struct key_ref r;
	long ret = 0;

	if (uid == ~0u && gid == ~0u)
		return 0;
	ret = key_lookup(id, LOOKUP_CREATE_RING | LOOKUP_ANY_STATE, KEY_SETATTR, &r);
	if (ret)
		return ret;
	u = uid != ~0u && uid != r.key->uid ? key_user_of(uid) : r.key->user;
	if (!root && ((uid != ~0u && uid != r.key->uid) ||
		      (gid != ~0u && gid != r.key->gid && gid != current->process->cred.fsgid)))
		ret = -EACCES;
	else if (!u)
		ret = -ENOMEM;
	else if (u != r.key->user && r.key->in_quota &&
		 (u->quota_keys + 1 > (u64)(uid ? keys_max : keys_root_max) ||
		  u->quota_bytes + r.key->quota > (u64)(uid ? keys_bytes_max : keys_root_bytes_max)))
		ret = -EDQUOT;
	if (!ret && u != r.key->user) {
		struct key_user *old = r.key->user;

		old->keys--;
		u->keys++;
		old->quota_keys -= r.key->in_quota;
		u->quota_keys += r.key->in_quota;
		old->quota_bytes -= r.key->quota;
		u->quota_bytes += r.key->quota;
		r.key->user = u;
		r.key->uid = uid;
	}
	if (!ret && gid != ~0u)
		r.key->gid = gid;
	key_put(r.key);
	return ret;
}

static long set_perm(i32 id, u32 perm)
{
	struct key_ref r;
	long ret;

	if (perm & ~(KEY_ALL * 0x01010101u))
		return -EINVAL;
	ret = key_lookup(id, LOOKUP_CREATE_RING | LOOKUP_ANY_STATE, KEY_SETATTR, &r);
	if (ret)
		return ret;
	if (capable(CAP_SYS_ADMIN) || r.key->uid == current->process->cred.fsuid)
		r.key->perm = perm;
	else
		ret = -EACCES;
	key_put(r.key);
	return ret;
}

static long describe(i32 id, char *ubuf, size_t size)
{
	struct key_ref r;
	long ret = key_lookup(id, LOOKUP_ANY_STATE, KEY_VIEW, &r);
	size_t n;
	char *text;

	if (ret)
		return ret;
	n = strlen(r.key->desc) + 80;
	text = kmalloc(n);
	ret = text ? snprintf(text, n, "%s;%d;%d;%08x;%s", r.key->type->name, (i32)r.key->uid, (i32)r.key->gid, r.key->perm,
			      r.key->desc) + 1 : -ENOMEM;
	if (ret > 0 && ubuf && size >= (size_t)ret && copy_to_user(ubuf, text, ret))
		ret = -EFAULT;
	kfree(text);
	key_put(r.key);
	return ret;
}

static long clear(i32 id)
{
	struct key_ref r;
	long ret = key_lookup(id, LOOKUP_CREATE_RING, KEY_WRITE, &r);

	if (ret)
		return ret;
	if (r.key->type->is_ring)
		ring_clear(r.key);
	else
		ret = -ENOTDIR;
	key_put(r.key);
	return ret;
}

/* How both are looked up, and what is done to the ring with the key. */
struct ring_change {
	u32 ring_flags, key_flags, key_right;
	int (*change)(struct key *ring, struct key *k);
};

static long change_ring(i32 id, i32 ring_id, const struct ring_change *how)
{
	struct key_ref ring, r;
	long ret = key_lookup(ring_id, how->ring_flags, KEY_WRITE, &ring);

	if (ret)
		return ret;
	ret = key_lookup(id, how->key_flags, how->key_right, &r);
	if (!ret) {
		ret = ring.key->type->is_ring ? how->change(ring.key, r.key) : -ENOTDIR;
		key_put(r.key);
	}
	key_put(ring.key);
	return ret;
}

static long link_key(i32 id, i32 ring_id)
{
	static const struct ring_change how = {LOOKUP_CREATE_RING, LOOKUP_CREATE_RING, KEY_LINK, ring_link};

	return change_ring(id, ring_id, &how);
}

static long unlink_key(i32 id, i32 ring_id)
{
	static const struct ring_change how = {0, LOOKUP_ANY_STATE, LOOKUP_NO_RIGHT, ring_unlink};

	return change_ring(id, ring_id, &how);
}

static long move_key(i32 id, i32 from_id, i32 to_id, u32 flags)
{
	struct key_ref k, from, to;
	long ret;

	if (flags & ~KEYCTL_MOVE_EXCL)
		return -EINVAL;
	ret = key_lookup(id, LOOKUP_CREATE_RING, KEY_LINK, &k);
	if (ret)
		return ret;
	ret = key_lookup(from_id, 0, KEY_WRITE, &from);
	if (!ret) {
		ret = key_lookup(to_id, LOOKUP_CREATE_RING, KEY_WRITE, &to);
		if (!ret) {
			if (!from.key->type->is_ring || !to.key->type->is_ring)
				ret = -ENOTDIR;
			else if (!ring_holds(from.key, k.key, 0))
				ret = -ENOENT;
			else if ((flags & KEYCTL_MOVE_EXCL) && from.key != to.key && ring_find(to.key, k.key->type, k.key->desc))
				ret = -EEXIST;
			else if (from.key != to.key)
				ret = ring_link(to.key, k.key);
			if (!ret && from.key != to.key)
				ret = ring_unlink(from.key, k.key);
			key_put(to.key);
		}
		key_put(from.key);
	}
	key_put(k.key);
	return ret;
}

static long search_key(i32 id, const char *type_name, const char *desc, i32 to_id)
{
	const struct key_type *type;
	struct key_ref ring, to = {0}, found;
	long ret = key_lookup(id, 0, KEY_SEARCH, &ring);

	if (ret)
		return ret;
	ret = to_id ? key_lookup(to_id, LOOKUP_CREATE_RING, KEY_WRITE, &to) : 0;
	if (!ret) {
		type = key_type_find(type_name);
		ret = type ? key_search(ring, type, desc, &found) : -ENOKEY;
		ret = ret == -EAGAIN ? -ENOKEY : ret;
		if (!ret) {
			if (to.key)
				ret = key_may(found, KEY_LINK);
			if (!ret && to.key)
				ret = to.key->type->is_ring ? ring_link(to.key, found.key) : -ENOTDIR;
			ret = ret ? ret : found.key->serial;
			key_put(found.key);
		}
		key_put(to.key);
	}
	key_put(ring.key);
	return ret;
}

/* Its length; the bytes only if all of them fit. */
static long payload_out(const struct key *k, char *ubuf, size_t size)
{
	size_t n = k->type->is_ring ? k->len * sizeof(i32) : k->len;

	if (!ubuf || size < n)
		return n;
	if (!k->type->is_ring)
		return copy_to_user(ubuf, k->data, n) ? -EFAULT : (long)n;
	for (u32 i = 0; i < k->len; i++)
		if (put_user(k->links[i]->serial, (i32 *)ubuf + i))
			return -EFAULT;
	return n;
}

static long read_key(i32 id, char *ubuf, size_t size)
{
	struct key_ref r;
	long ret = key_lookup(id, 0, LOOKUP_NO_RIGHT, &r);

	if (ret)
		return -ENOKEY;
	if (r.key->negative)
		ret = -ENOKEY;
	/* Who may not read it, but can find it, possesses it. */
	else if (key_may(r, KEY_READ) && !key_possessed(r.key))
		ret = -EACCES;
	else if (!r.key->type->readable)
		ret = -EOPNOTSUPP;
	else
		ret = key_valid(r.key);
	if (!ret)
		ret = payload_out(r.key, ubuf, size);
	key_put(r.key);
	return ret;
}

static long update(i32 id, void *data, size_t len)
{
	struct key_ref r;
	long ret = key_lookup(id, 0, KEY_WRITE, &r);

	if (ret)
		return ret;
	if (!r.key->type->updatable)
		ret = -EOPNOTSUPP;
	else if (!payload_ok(r.key->type, len))
		ret = -EINVAL;
	else
		ret = key_set_data(r.key, data, len);
	key_put(r.key);
	return ret;
}

static long set_request_keyring(i32 which)
{
	struct thread *t = current;
	i32 old = t->request_keyring;
	int err = 0;

	switch (which) {
	case KEY_REQKEY_DEFL_THREAD_KEYRING:
		err = thread_ring_make();
		break;
	case KEY_REQKEY_DEFL_PROCESS_KEYRING:
		err = process_ring_make();
		break;
	case KEY_REQKEY_DEFL_DEFAULT:
	case KEY_REQKEY_DEFL_SESSION_KEYRING:
	case KEY_REQKEY_DEFL_USER_KEYRING:
	case KEY_REQKEY_DEFL_USER_SESSION_KEYRING:
	case KEY_REQKEY_DEFL_REQUESTOR_KEYRING:
		break;
	case KEY_REQKEY_DEFL_NO_CHANGE:
		return old;
	default:
		return -EINVAL;
	}
	if (err)
		return err;
	t->request_keyring = which;
	return old;
}

static long set_timeout(i32 id, u32 seconds)
{
	struct key_ref r;
	long ret = key_lookup(id, LOOKUP_CREATE_RING | LOOKUP_ANY_STATE, KEY_SETATTR, &r);

	if (ret)
		return ret;
	r.key->expiry = seconds ? now_mono() + seconds * (i64)NSEC_PER_SEC : 0;
	key_put(r.key);
	return 0;
}

/* No security module gives labels here. */
static long get_security(i32 id, char *ubuf, size_t size)
{
	struct key_ref r;
	long ret = key_lookup(id, LOOKUP_ANY_STATE, KEY_VIEW, &r);

	if (ret)
		return ret;
	key_put(r.key);
	return ubuf && size && put_user((char)0, ubuf) ? -EFAULT : 1;
}

static long restrict_ring(i32 id, bool by_type)
{
	struct key_ref r;
	long ret = key_lookup(id, 0, KEY_SETATTR, &r);

	if (ret)
		return ret;
	if (!r.key->type->is_ring)
		ret = -ENOTDIR;
	else if (by_type)
		ret = -ENOENT;	/* no type has rules of its own */
	else if (r.key->restricted)
		ret = -EEXIST;
	else
		r.key->restricted = true;
	key_put(r.key);
	return ret;
}

static long capabilities(u8 *ubuf, size_t size)
{
	static const u8 caps[2] = {KEYCTL_CAPS0_CAPABILITIES | KEYCTL_CAPS0_BIG_KEY | KEYCTL_CAPS0_INVALIDATE |
				   KEYCTL_CAPS0_RESTRICT_KEYRING | KEYCTL_CAPS0_MOVE, 0};

	if (size > sizeof(caps) && clear_user(ubuf + sizeof(caps), size - sizeof(caps)))
		return -EFAULT;
	return size && copy_to_user(ubuf, caps, min(size, sizeof(caps))) ? -EFAULT : (long)sizeof(caps);
}

static long locked(int cmd, u64 a2, u64 a3, u64 a4, u64 a5)
{
	switch (cmd) {
	case KEYCTL_GET_KEYRING_ID:
		return get_keyring_id(a2, a3);
	case KEYCTL_REVOKE:
		return end_key(a2, false);
	case KEYCTL_INVALIDATE:
		return end_key(a2, true);
	case KEYCTL_CHOWN:
		return chown_key(a2, a3, a4);
	case KEYCTL_SETPERM:
		return set_perm(a2, a3);
	case KEYCTL_DESCRIBE:
		return describe(a2, (char *)a3, (u32)a4);
	case KEYCTL_CLEAR:
		return clear(a2);
	case KEYCTL_LINK:
		return link_key(a2, a3);
	case KEYCTL_UNLINK:
		return unlink_key(a2, a3);
	case KEYCTL_MOVE:
		return move_key(a2, a3, a4, a5);
	case KEYCTL_READ:
		return read_key(a2, (char *)a3, a4);
	case KEYCTL_SET_REQKEY_KEYRING:
		return set_request_keyring(a2);
	case KEYCTL_SET_TIMEOUT:
		return set_timeout(a2, a3);
	case KEYCTL_GET_SECURITY:
		return get_security(a2, (char *)a3, a4);
	case KEYCTL_RESTRICT_KEYRING:
		return restrict_ring(a2, a3);
	case KEYCTL_CAPABILITIES:
		return capabilities((u8 *)a2, a3);
	case KEYCTL_INSTANTIATE:
	case KEYCTL_NEGATE:
	case KEYCTL_REJECT:
	case KEYCTL_INSTANTIATE_IOV:
		return -EPERM;	/* who makes keys for others was asked to; nobody is here */
	case KEYCTL_ASSUME_AUTHORITY:
		return (i32)a2 < 0 ? -EINVAL : a2 ? -ENOKEY : 0;
	}
	return -EOPNOTSUPP;
}

static long join_session(const char *uname)
{
	char *name = uname ? text_in(uname, DESC_MAX) : NULL;
	i32 serial = 0;
	long ret;

	if (IS_ERR(name))
		return PTR_ERR(name);
	if (name && *name == '.') {
		kfree(name);
		return -EPERM;
	}
	mutex_lock(&keys_lock);
	ret = session_join(name, &serial);
	mutex_unlock(&keys_lock);
	kfree(name);
	return ret ? ret : serial;
}

static long do_update(i32 id, const void *udata, size_t len)
{
	void *data;
	long ret = len > PAGE_SIZE ? -EINVAL : payload_in(udata, len, &data);

	if (ret)
		return ret;
	mutex_lock(&keys_lock);
	ret = update(id, data, len);
	mutex_unlock(&keys_lock);
	if (ret)
		kfree(data);
	return ret;
}

static long do_search(i32 id, const char *utype, const char *udesc, i32 to)
{
	char type[TYPE_MAX], *desc;
	long ret = type_in(type, utype);

	if (ret)
		return ret;
	desc = text_in(udesc, DESC_MAX);
	if (IS_ERR(desc))
		return PTR_ERR(desc);
	mutex_lock(&keys_lock);
	ret = search_key(id, type, desc, to);
	mutex_unlock(&keys_lock);
	kfree(desc);
	return ret;
}

SYSCALL(keyctl, int cmd, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	long ret;

	switch (cmd) {
	case KEYCTL_JOIN_SESSION_KEYRING:
		return join_session((const char *)a2);
	case KEYCTL_UPDATE:
		return do_update(a2, (const void *)a3, a4);
	case KEYCTL_SEARCH:
		return do_search(a2, (const char *)a3, (const char *)a4, a5);
	}
	mutex_lock(&keys_lock);
	ret = locked(cmd, a2, a3, a4, a5);
	mutex_unlock(&keys_lock);
	return ret;
}
