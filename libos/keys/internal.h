/*
 * What the files of keys/ share.  One lock, keys_lock, protects all keys, keyrings and quotas, and the pointers of threads and
 * processes to theirs: keys are few and rarely used.
 *
 *   thread, process -> keyring --- links ---> key, keyring ...
 *   struct key_user (one a uid): quota, the user's keyring and that of sessions that have none
 */
#ifndef LIBOS_KEYS_INTERNAL_H
#define LIBOS_KEYS_INTERNAL_H

#include "libos/keys/keys.h"

#define DESC_MAX 4096
#define NEST_MAX 6		/* keyrings in keyrings */
#define LINK_QUOTA 4		/* bytes that a link counts as */
#define NEGATIVE_S 60		/* how long it is known that nobody makes a key */

/* Rights, for the possessor, the owner, the group and others, eight bits each (keyctl_setperm(3)). */
#define KEY_VIEW 0x01u
#define KEY_READ 0x02u
#define KEY_WRITE 0x04u
#define KEY_SEARCH 0x08u
#define KEY_LINK 0x10u
#define KEY_SETATTR 0x20u
#define KEY_ALL 0x3fu
#define POSSESSOR(r) ((u32)(r) << 24)
#define OWNER(r) ((u32)(r) << 16)

struct key_type {
	const char *name;
	u32 largest;		/* payload; 0: it has none */
	bool readable, updatable, is_ring;
	bool prefixed;		/* its descriptions begin with a name and a colon */
};
extern const struct key_type keyring_type;
const struct key_type *key_type_find(const char *name);	/* or null */

struct key_user {
	struct list node;
	u32 uid;
	u32 keys;
	u32 quota_keys, quota_bytes;
	struct key *ring, *session_ring;
};

struct key {
	u32 refs;
	i32 serial;
	struct list node;	/* of all keys */
	const struct key_type *type;
	char *desc;
	struct key_user *user;	/* whose quota it counts against */
	u32 uid, gid, perm;
	i64 expiry;		/* monotonic; 0: never */
	bool revoked, invalidated;
	bool negative;		/* known not to be there */
	bool in_quota, uid_ring, restricted;
	u32 quota;		/* bytes */
	u32 len;		/* payload; of a keyring, links */
	void *data;
	struct key **links;
	u32 room;
};

/* A key as a process came to it. */
struct key_ref {
	struct key *key;
	bool possessed;
};

extern struct mutex keys_lock;
extern struct list all_keys;
extern i64 keys_max, keys_bytes_max, keys_root_max, keys_root_bytes_max;

/* --- key.c: all with keys_lock held --- */
/* A new key, referenced once; -EDQUOT.  quota false: it does not count. */
struct key *key_make(const struct key_type *type, const char *desc, u32 uid, u32 gid, u32 perm, bool quota, int *err);
void key_get(struct key *k);
void key_put(struct key *k);
int key_set_data(struct key *k, void *data, u32 len);	/* takes data when it returns 0 */
int key_valid(const struct key *k);	/* 0, -ENOKEY, -EKEYREVOKED, -EKEYEXPIRED */
struct key_user *key_user_of(u32 uid);	/* or null: no memory */
struct key_user *key_user_next(struct key_user *u); /* null: the first; the last gives null */
struct key *key_by_serial(i32 serial);
/* Links: -EDQUOT, -EDEADLK, -ELOOP, -EPERM; a key of the same type and description is displaced. */
int ring_link(struct key *ring, struct key *k);
int ring_unlink(struct key *ring, struct key *k);	/* -ENOENT */
void ring_clear(struct key *ring);
struct key *ring_find(struct key *ring, const struct key_type *type, const char *desc);	/* not in what is linked there */
bool ring_holds(struct key *ring, const struct key *k, u32 depth);

/* --- access.c: the same --- */
int key_may(struct key_ref r, u32 right);	/* 0 or -EACCES */
bool key_possessed(const struct key *k);
#define LOOKUP_CREATE_RING 1u	/* a special keyring is made if it is not there */
#define LOOKUP_ANY_STATE 2u	/* also a negative one */
#define LOOKUP_NO_RIGHT ~0u	/* in place of a right: it is asked later */
int key_lookup(i32 id, u32 flags, u32 right, struct key_ref *out);	/* referenced */
int key_search(struct key_ref ring, const struct key_type *type, const char *desc, struct key_ref *out);	/* referenced */
int key_search_own(const struct key_type *type, const char *desc, struct key_ref *out);
int session_join(const char *name, i32 *serial);	/* null: one without a name */
int user_rings(struct key_user *u);
/* Where request_key(2) puts what it makes, if it is not told: referenced. */
int default_ring(struct key **out);
int thread_ring_make(void);
int process_ring_make(void);

#endif
