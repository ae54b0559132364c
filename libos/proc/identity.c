/*
 * Who a user name is, by the guest's own /etc/passwd and /etc/group (passwd(5), group(5)).  Files of the guest decide about
 * the guest alone: uids inside a sandbox are compatibility.
 */
#include "libos/proc/identity.h"
#include "libos/vfs/vfs.h"
#include <asm/fcntl.h>

#define FILE_MAX (1u << 20)
#define FIELDS 7

/* All of a text file, with a NUL; null if there is none. */
static char *read_text(const char *name)
{
	struct file *f = file_open(AT_FDCWD, name, O_RDONLY | O_NONBLOCK, 0);
	size_t size;
	char *text = NULL;
	ssize_t n;

	if (IS_ERR(f))
		return NULL;
	size = S_ISREG(f->inode->mode) ? min(f->inode->size, (u64)FILE_MAX) : 0;
	text = size ? kmalloc(size + 1) : NULL;
	n = text ? file_read_kernel(f, text, size, 0) : 0;
	file_put(f);
	if (text)
		text[max(n, 0l)] = 0;
	return text;
}

/* Cuts one line at its colons, in place, and returns the next; fields that lack are "". */
static char *cut_line(char *line, char *field[FIELDS])
{
	char *end = strchr(line, '\n'), *next = end ? end + 1 : line + strlen(line);

	if (end)
		*end = 0;
	for (u32 i = 0; i < FIELDS; i++) {
		char *colon = strchr(line, ':');

		field[i] = line;
		if (colon)
			*colon = 0;
		line = colon ? colon + 1 : line + strlen(line);
	}
	return next;
}

static bool number(const char *text, u32 *out)
{
	const char *end;
	u64 v = parse_u64(text, &end, 10);

	if (end == text || *end || v >= ~0u)
		return false;
	*out = v;
	return true;
}

/* `own`: takes the name of who was asked for by number; "" if the files do not know him. */
static bool find_user(struct identity *id, const char *name, char own[NAME_MAX])
{
	bool known = number(name, &id->uid), found = false;
	char *text = read_text("/etc/passwd"), *field[FIELDS];
	u32 uid;

	for (char *line = text; line && *line && !found;) {
		line = cut_line(line, field);
		found = number(field[2], &uid) && (known ? uid == id->uid : !strcmp(field[0], name));
		if (!found)
			continue;
		id->uid = uid;
		number(field[3], &id->gid);
		strlcpy(id->home, field[5], sizeof(id->home));
		strlcpy(own, field[0], NAME_MAX);
	}
	kfree(text);
	return known || found;
}

/* Is `name` in a list parted by commas? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (n && list) {
		if (!strncmp(list, name, n) && (!list[n] || list[n] == ','))
			return true;
		list = strchr(list, ',');
		list = list ? list + 1 : NULL;
	}
	return false;
}

static bool find_group(struct identity *id, const char *name)
{
	bool known = number(name, &id->gid), found = false;
	char *text = known ? NULL : read_text("/etc/group"), *field[FIELDS];

	for (char *line = text; line && *line && !found;) {
		line = cut_line(line, field);
		found = !strcmp(field[0], name) && number(field[2], &id->gid);
	}
	kfree(text);
	return known || found;
}

static void find_memberships(struct identity *id, const char *user)
{
	char *text = read_text("/etc/group"), *field[FIELDS];
	u32 gid;

	for (char *line = text; line && *line && id->ngroups < ARRAY_SIZE(id->groups);) {
		line = cut_line(line, field);
		if (listed(field[3], user) && number(field[2], &gid) && gid != id->gid)
			id->groups[id->ngroups++] = gid;
	}
	kfree(text);
}

int identity_find(struct identity *id, const char *text)
{
	char *user = kstrdup(text), *group, own[NAME_MAX] = "";
	bool ok;

	if (!user)
		return -ENOMEM;
	memset(id, 0, sizeof(*id));
	group = strchr(user, ':');
	if (group)
		*group++ = 0;
	ok = find_user(id, user, own);
	if (ok && group)
		ok = find_group(id, group);
	else if (ok)
		find_memberships(id, own);
	kfree(user);
	return ok ? 0 : -ENOENT;
}

/* --- the first process's --- */

static struct identity first;
static bool found_first;
static struct identity_watch *watches;

int identity_first(const struct identity **id)
{
	int err;

	if (!found_first) {
		err = identity_find(&first, boot_string(boot->user));
		if (err)
			return err;
		found_first = true;
		for (struct identity_watch *w = watches; w; w = w->next)
			w->known(w);
	}
	*id = &first;
	return 0;
}

void identity_watch(struct identity_watch *w)
{
	w->next = watches;
	watches = w;
}

u32 identity_uid(u32 uid)
{
	return uid == BZ_ID_USER && found_first ? first.uid : uid;
}

u32 identity_gid(u32 gid)
{
	return gid == BZ_ID_USER && found_first ? first.gid : gid;
}

u32 identity_host_uid(u32 uid)
{
	return found_first && uid == first.uid ? BZ_ID_USER : uid;
}

u32 identity_host_gid(u32 gid)
{
	return found_first && gid == first.gid ? BZ_ID_USER : gid;
}
