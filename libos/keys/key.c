/* Keys: types, quotas, life, and keyrings as lists of links.  The rules are those of Linux's security/keys (key.c, keyring.c). */
#include "libos/keys/internal.h"
#include "libos/kernel/sysctl.h"
#include "libos/kernel/syscall.h"

#define LINKS_MAX 65535u
#define BIG_MAX ((1u << 20) - 1)

struct mutex keys_lock = MUTEX_INIT(RANK_OBJECT);
struct list all_keys = LIST_INIT(all_keys);
static struct list users = LIST_INIT(users);
i64 keys_max = 200, keys_bytes_max = 20000, keys_root_max = 1000000, keys_root_bytes_max = 25000000;
static i64 gc_delay = 300; /* what is no longer used goes at once here */

const struct key_type keyring_type = {.name = "keyring", .readable = true, .is_ring = true};
static const struct key_type types[] = {
	{.name = "user", .largest = 32767, .readable = true, .updatable = true},
	{.name = "logon", .largest = 32767, .updatable = true, .prefixed = true},
	{.name = "big_key", .largest = BIG_MAX, .readable = true, .updatable = true},
};

static const struct sysctl settings[] = {
	{"kernel/keys", "maxkeys", &keys_max, 1, INT32_MAX},
	{"kernel/keys", "maxbytes", &keys_bytes_max, 1, INT32_MAX},
	{"kernel/keys", "root_maxkeys", &keys_root_max, 1, INT32_MAX},
	{"kernel/keys", "root_maxbytes", &keys_root_bytes_max, 1, INT32_MAX},
	{"kernel/keys", "gc_delay", &gc_delay, 0, INT32_MAX},
};

static void keys_init(void)
{
	sysctl_register(settings, ARRAY_SIZE(settings));
}
INITCALL(INIT_CORE, keys_init);

const struct key_type *key_type_find(const char *name)
{
	if (!strcmp(name, keyring_type.name))
		return &keyring_type;
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(name, types[i].name))
			return &types[i];
	return NULL;
}

/* --- users and quotas --- */

struct key_user *key_user_of(u32 uid)
{
	struct key_user *u;

	list_for_each(u, &users, node)
		if (u->uid == uid)
			return u;
	u = kzalloc(sizeof(*u));
	if (u) {
		u->uid = uid;
		list_add_tail(&u->node, &users);
	}
	return u;
}

struct key_user *key_user_next(struct key_user *u)
{
	struct list *n = u ? u->node.next : users.next;

	return n == &users ? NULL : list_entry(n, struct key_user, node);
}

static u64 bytes_allowed(const struct key_user *u)
{
	return u->uid ? keys_bytes_max : keys_root_bytes_max;
}

static int charge(struct key *k, i64 bytes)
{
	struct key_user *u = k->user;

	if (!k->in_quota)
		return 0;
	if (bytes > 0 && u->quota_bytes + bytes > bytes_allowed(u))
		return -EDQUOT;
	u->quota_bytes += bytes;
	k->quota += bytes;
	return 0;
}

/* --- life --- */

static i32 fresh_serial(void)
{
	i32 serial;

	do {
		host->random_bytes(&serial, sizeof(serial));
		serial = (u32)serial >> 1;
	} while (serial < 3 || key_by_serial(serial));
	return serial;
}

struct key *key_make(const struct key_type *type, const char *desc, u32 uid, u32 gid, u32 perm, bool quota, int *err)
{
	struct key_user *u = key_user_of(uid);
	u32 bytes = strlen(desc) + 1;
	struct key *k;

	if (type->prefixed && (!strchr(desc, ':') || *desc == ':')) {
		*err = -EINVAL;
		return NULL;
	}
	if (quota && u && (u->quota_keys + 1 > (u64)(uid ? keys_max : keys_root_max) || u->quota_bytes + bytes > bytes_allowed(u))) {
		*err = -EDQUOT;
		return NULL;
	}
	*err = -ENOMEM;
	k = u ? kzalloc(sizeof(*k)) : NULL;
	if (!k)
		return NULL;
	k->desc = kstrdup(desc);
	if (!k->desc) {
		kfree(k);
		return NULL;
	}
	*err = 0;
	k->refs = 1;
	k->type = type;
	k->user = u;
	k->uid = uid;
	k->gid = gid;
	k->perm = perm;
	k->serial = fresh_serial();
	k->in_quota = quota;
	u->keys++;
	u->quota_keys += quota;
	charge(k, quota ? bytes : 0);
	list_add_tail(&k->node, &all_keys);
	return k;
}

void key_get(struct key *k)
{
	k->refs++;
}

void key_put(struct key *k)
{
	if (!k || --k->refs)
		return;
	list_del(&k->node);
	ring_clear(k);
	kfree(k->links);
	charge(k, -(i64)k->quota);
	k->user->keys--;
	k->user->quota_keys -= k->in_quota;
	if (k->data)
		memset(k->data, 0, k->len);
	kfree(k->data);
	kfree(k->desc);
	kfree(k);
}

int key_set_data(struct key *k, void *data, u32 len)
{
	int err = charge(k, (i64)len - k->len);

	if (err)
		return err;
	if (k->data)
		memset(k->data, 0, k->len);
	kfree(k->data);
	k->data = data;
	k->len = len;
	k->negative = false;
	k->expiry = 0;
	return 0;
}

int key_valid(const struct key *k)
{
	if (k->invalidated)
		return -ENOKEY;
	if (k->revoked)
		return -EKEYREVOKED;
	return k->expiry && now_mono() >= k->expiry ? -EKEYEXPIRED : 0;
}

struct key *key_by_serial(i32 serial)
{
	struct key *k;

	list_for_each(k, &all_keys, node)
		if (k->serial == serial)
			return k;
	return NULL;
}

/* --- keyrings --- */

struct key *ring_find(struct key *ring, const struct key_type *type, const char *desc)
{
	for (u32 i = 0; ring->type->is_ring && i < ring->len; i++)
		if (ring->links[i]->type == type && !strcmp(ring->links[i]->desc, desc))
			return ring->links[i];
	return NULL;
}

bool ring_holds(struct key *ring, const struct key *k, u32 depth)
{
	for (u32 i = 0; ring->type->is_ring && i < ring->len; i++)
		if (ring->links[i] == k || (depth && ring_holds(ring->links[i], k, depth - 1)))
			return true;
	return false;
}

static u32 nesting(const struct key *ring, u32 most)
{
	u32 deepest = 0;

	for (u32 i = 0; most && ring->type->is_ring && i < ring->len; i++)
		if (ring->links[i]->type->is_ring)
			deepest = max(deepest, 1 + nesting(ring->links[i], most - 1));
	return deepest;
}

static int make_room(struct key *ring)
{
	u32 room = ring->room ? 2 * ring->room : 4;
	struct key **links;

	if (ring->len < ring->room)
		return 0;
	if (ring->len >= LINKS_MAX)
		return -ENFILE;
	links = krealloc(ring->links, ring->len * sizeof(*links), room * sizeof(*links));
	if (!links)
		return -ENOMEM;
	ring->links = links;
	ring->room = room;
	return 0;
}

int ring_link(struct key *ring, struct key *k)
{
	struct key *old = ring_find(ring, k->type, k->desc);
	int err;

	if (ring->restricted)
		return -EPERM;
	if (k->type->is_ring && (k == ring || ring_holds(k, ring, NEST_MAX)))
		return -EDEADLK;
	if (k->type->is_ring && nesting(k, NEST_MAX) >= NEST_MAX)
		return -ELOOP;
	key_get(k);
	if (old) {
		for (u32 i = 0; i < ring->len; i++)
			if (ring->links[i] == old)
				ring->links[i] = k;
		key_put(old);
		return 0;
	}
	err = make_room(ring);
	if (!err)
		err = charge(ring, LINK_QUOTA);
	if (err)
		key_put(k);
	else
		ring->links[ring->len++] = k;
	return err;
}

int ring_unlink(struct key *ring, struct key *k)
{
	for (u32 i = 0; i < ring->len; i++) {
		if (ring->links[i] != k)
			continue;
		memmove(&ring->links[i], &ring->links[i + 1], (ring->len - i - 1) * sizeof(*ring->links));
		ring->len--;
		charge(ring, -LINK_QUOTA);
		key_put(k);
		return 0;
	}
	return -ENOENT;
}

void ring_clear(struct key *ring)
{
	while (ring->type->is_ring && ring->len)
		ring_unlink(ring, ring->links[ring->len - 1]);
}
