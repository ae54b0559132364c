/* Who may do what with a key, how a process comes to one, and the keyrings that are named by a number below zero. */
#include "libos/keys/internal.h"
#include "libos/kernel/syscall.h"
#include <linux/capability.h>
#include <linux/keyctl.h>

#define RING_PERM (POSSESSOR(KEY_ALL) | OWNER(KEY_VIEW))
#define USER_RING_PERM (POSSESSOR(KEY_ALL & ~KEY_SETATTR) | OWNER(KEY_ALL))

/* As Linux's key_task_permission: one class of users counts, and possession beside it. */
int key_may(struct key_ref r, u32 right)
{
	const struct cred *c = &current->process->cred;
	const struct key *k = r.key;
	u32 perm;

	if (k->uid == c->fsuid)
		perm = k->perm >> 16;
	else if (k->gid != ~0u && (k->perm >> 8 & KEY_ALL) && cred_in_group(c, c->fsgid, k->gid))
		perm = k->perm >> 8;
	else
		perm = k->perm;
	if (r.possessed)
		perm |= k->perm >> 24;
	return (perm & right) == right ? 0 : -EACCES;
}

/* --- searching --- */

/* What comes of several failures: that a key is known not to be there, or no longer, says more than that none was found. */
static void note(int *err, int new)
{
	if (*err == -EAGAIN || new != -EAGAIN)
		*err = new;
}

/* own: for request_key(2), to which an expired key is none. */
static bool search(struct key *ring, bool possessed, bool own, const struct key_type *type, const char *desc, u32 depth,
		   struct key_ref *out, int *err)
{
	for (u32 i = 0; i < ring->len; i++) {
		struct key_ref r = {ring->links[i], possessed};
		int state;

		if (r.key->type != type || strcmp(r.key->desc, desc))
			continue;
		state = key_valid(r.key);
		if (!state)
			state = key_may(r, KEY_SEARCH);
		if (!state && r.key->negative)
			state = -ENOKEY;
		if (!state) {
			*out = r;
			return true;
		}
		note(err, state == -EKEYEXPIRED && own ? -EAGAIN : state);
	}
	for (u32 i = 0; depth && i < ring->len; i++) {
		struct key_ref r = {ring->links[i], possessed};

		if (r.key->type->is_ring && !key_valid(r.key) && !key_may(r, KEY_SEARCH) &&
		    search(r.key, possessed, own, type, desc, depth - 1, out, err))
			return true;
	}
	return false;
}

static int search_from(struct key_ref ring, bool own, const struct key_type *type, const char *desc, struct key_ref *out)
{
	int err = -EAGAIN;

	if (!ring.key->type->is_ring)
		return -ENOTDIR;
	if (key_may(ring, KEY_SEARCH))
		return -EACCES;
	if (!search(ring.key, ring.possessed, own, type, desc, NEST_MAX, out, &err))
		return err;
	key_get(out->key);
	return 0;
}

int key_search(struct key_ref ring, const struct key_type *type, const char *desc, struct key_ref *out)
{
	return search_from(ring, false, type, desc, out);
}

/* The keyrings of the calling thread, its process and its session, in this order. */
static u32 own_rings(struct key *rings[3])
{
	struct thread *t = current;
	struct process *p = t->process;
	struct key_user *u;
	u32 n = 0;

	if (t->thread_keyring)
		rings[n++] = t->thread_keyring;
	if (p->process_keyring)
		rings[n++] = p->process_keyring;
	u = p->session_keyring ? NULL : key_user_of(p->cred.uid);
	if (p->session_keyring)
		rings[n++] = p->session_keyring;
	else if (u && u->session_ring)
		rings[n++] = u->session_ring;
	return n;
}

int key_search_own(const struct key_type *type, const char *desc, struct key_ref *out)
{
	struct key *rings[3];
	u32 n = own_rings(rings);
	int none = 0, other = -EAGAIN, err;

	/* That there is none in one of them counts more than what was wrong in another. */
	for (u32 i = 0; i < n; i++) {
		err = search_from((struct key_ref){rings[i], true}, true, type, desc, out);
		if (!err)
			return 0;
		if (err == -ENOKEY || (err == -EAGAIN && !none))
			none = err;
		else if (err != -EAGAIN)
			other = err;
	}
	return none ? none : other;
}

static bool reachable(struct key *ring, const struct key *k, u32 depth)
{
	for (u32 i = 0; i < ring->len; i++) {
		struct key_ref r = {ring->links[i], true};

		if (key_may(r, KEY_SEARCH))
			continue;
		if (r.key == k)
			return true;
		if (depth && r.key->type->is_ring && reachable(r.key, k, depth - 1))
			return true;
	}
	return false;
}

bool key_possessed(const struct key *k)
{
	struct key *rings[3];
	u32 n = own_rings(rings);

	for (u32 i = 0; i < n; i++)
		if (rings[i] == k || (!key_may((struct key_ref){rings[i], true}, KEY_SEARCH) && reachable(rings[i], k, NEST_MAX)))
			return true;
	return false;
}

/* --- special keyrings --- */

static int ring_make(const char *name, u32 perm, struct key **at)
{
	const struct cred *c = &current->process->cred;
	int err = 0;

	if (!*at)
		*at = key_make(&keyring_type, name, c->uid, c->gid, perm, true, &err);
	return err;
}

int thread_ring_make(void)
{
	return ring_make("_tid", RING_PERM, &current->thread_keyring);
}

int process_ring_make(void)
{
	return ring_make("_pid", RING_PERM, &current->process->process_keyring);
}

/* Those of a user, the second of which leads to the first; nobody else can make keyrings that pass for them. */
int user_rings(struct key_user *u)
{
	char name[32];
	int err = 0;

	if (!u)
		return -ENOMEM;
	if (!u->ring) {
		snprintf(name, sizeof(name), "_uid.%u", u->uid);
		u->ring = key_make(&keyring_type, name, u->uid, ~0u, USER_RING_PERM, true, &err);
		if (!u->ring)
			return err;
		u->ring->uid_ring = true;
	}
	if (!u->session_ring) {
		snprintf(name, sizeof(name), "_uid_ses.%u", u->uid);
		u->session_ring = key_make(&keyring_type, name, u->uid, ~0u, USER_RING_PERM, true, &err);
		if (!u->session_ring)
			return err;
		u->session_ring->uid_ring = true;
		err = ring_link(u->session_ring, u->ring);
	}
	return err;
}

/* Takes the caller's reference. */
static void session_set(struct key *ring)
{
	struct process *p = current->process;
	struct key *old = p->session_keyring;

	WRITE_ONCE(p->session_keyring, ring);
	key_put(old);
}

static struct key *ring_by_name(const char *name)
{
	struct key *k;

	list_for_each(k, &all_keys, node)
		if (k->type->is_ring && !k->revoked && !strcmp(k->desc, name) &&
		    !key_may((struct key_ref){k, false}, KEY_SEARCH))
			return k;
	return NULL;
}

int session_join(const char *name, i32 *serial)
{
	const struct cred *c = &current->process->cred;
	u32 perm = POSSESSOR(KEY_ALL) | OWNER(KEY_VIEW | KEY_READ | (name ? KEY_LINK : 0));
	struct key *ring = name ? ring_by_name(name) : NULL;
	int err = 0;

	*serial = 0;	/* what Linux tells of the one that it is in already */
	if (ring && ring == current->process->session_keyring)
		return 0;
	if (ring)
		key_get(ring);
	else
		ring = key_make(&keyring_type, name ? name : "_ses", c->uid, c->gid, perm, true, &err);
	if (!ring)
		return err;
	session_set(ring);
	*serial = ring->serial;
	return 0;
}

static int own_session(u32 flags)
{
	struct process *p = current->process;
	bool make = flags & LOOKUP_CREATE_RING;
	struct key_user *u;
	i32 serial;
	int err;

	if (p->session_keyring && !(make && p->session_keyring->uid_ring))
		return 0;
	u = key_user_of(p->cred.uid);
	err = user_rings(u);
	if (err)
		return err;
	if (make)
		return session_join(NULL, &serial);
	key_get(u->session_ring);
	session_set(u->session_ring);
	return 0;
}

/* Referenced by its owner alone. */
static int special(i32 id, u32 flags, struct key **out)
{
	struct thread *t = current;
	struct process *p = t->process;
	bool make = flags & LOOKUP_CREATE_RING;
	struct key_user *u;
	int err = 0;

	switch (id) {
	case KEY_SPEC_THREAD_KEYRING:
		err = make ? thread_ring_make() : 0;
		*out = t->thread_keyring;
		break;
	case KEY_SPEC_PROCESS_KEYRING:
		err = make ? process_ring_make() : 0;
		*out = p->process_keyring;
		break;
	case KEY_SPEC_SESSION_KEYRING:
		err = own_session(flags);
		*out = p->session_keyring;
		break;
	case KEY_SPEC_USER_KEYRING:
	case KEY_SPEC_USER_SESSION_KEYRING:
		u = key_user_of(p->cred.uid);
		err = user_rings(u);
		if (!err)
			*out = id == KEY_SPEC_USER_KEYRING ? u->ring : u->session_ring;
		break;
	case KEY_SPEC_REQKEY_AUTH_KEY:
	case KEY_SPEC_REQUESTOR_KEYRING:
		return -ENOKEY;	/* nobody is asked to make keys here */
	default:
		return -EINVAL;
	}
	return err ? err : *out ? 0 : -ENOKEY;
}

int key_lookup(i32 id, u32 flags, u32 right, struct key_ref *out)
{
	struct key_ref r = {.possessed = true};
	int err = 0;

	if (id > 0) {
		r.key = key_by_serial(id);
		if (!r.key)
			return -ENOKEY;
		r.possessed = key_possessed(r.key);
	} else {
		err = special(id, flags, &r.key);
	}
	if (err)
		return err;
	if (!(flags & LOOKUP_ANY_STATE)) {
		err = r.key->negative ? -ENOKEY : 0;
		if (right == LOOKUP_NO_RIGHT)
			err = 0;
	}
	if (!err && right != LOOKUP_NO_RIGHT)
		err = key_valid(r.key);
	if (!err && right != LOOKUP_NO_RIGHT)
		err = key_may(r, right);
	if (err)
		return err;
	key_get(r.key);
	*out = r;
	return 0;
}

int default_ring(struct key **out)
{
	struct thread *t = current;
	struct process *p = t->process;
	struct key_user *u = key_user_of(p->cred.uid);
	struct key *ring = NULL;
	int err = 0;

	switch (t->request_keyring) {
	case KEY_REQKEY_DEFL_DEFAULT:
	case KEY_REQKEY_DEFL_REQUESTOR_KEYRING:
	case KEY_REQKEY_DEFL_THREAD_KEYRING:
		ring = t->thread_keyring;
		if (ring)
			break;
		fallthrough;
	case KEY_REQKEY_DEFL_PROCESS_KEYRING:
		ring = p->process_keyring;
		if (ring)
			break;
		fallthrough;
	case KEY_REQKEY_DEFL_SESSION_KEYRING:
		ring = p->session_keyring;
		if (ring)
			break;
		fallthrough;
	case KEY_REQKEY_DEFL_USER_SESSION_KEYRING:
		err = user_rings(u);
		ring = err ? NULL : u->session_ring;
		break;
	case KEY_REQKEY_DEFL_USER_KEYRING:
		err = user_rings(u);
		ring = err ? NULL : u->ring;
		break;
	}
	if (!err)
		err = key_may((struct key_ref){ring, true}, KEY_WRITE);
	if (err)
		return err;
	key_get(ring);
	*out = ring;
	return 0;
}

/* --- processes come and go --- */

void keys_of_child(struct process *child, struct process *parent)
{
	mutex_lock(&keys_lock);
	child->session_keyring = parent->session_keyring;
	if (child->session_keyring)
		key_get(child->session_keyring);
	mutex_unlock(&keys_lock);
}

static void drop(struct key **at)
{
	key_put(*at);
	WRITE_ONCE(*at, NULL);
}

void keys_drop_thread(struct thread *t)
{
	mutex_lock(&keys_lock);
	drop(&t->thread_keyring);
	mutex_unlock(&keys_lock);
}

void keys_drop_process(struct process *p, bool session)
{
	mutex_lock(&keys_lock);
	drop(&p->process_keyring);
	if (session)
		drop(&p->session_keyring);
	mutex_unlock(&keys_lock);
}
