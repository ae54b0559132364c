/* /proc/keys and /proc/key-users; see proc(5). */
#include "libos/keys/internal.h"
#include "libos/kernel/syscall.h"
#include "libos/procfs/procfs.h"

static void seq_left(struct seq *s, const struct key *k)
{
	i64 left = (k->expiry - now_mono()) / NSEC_PER_SEC;
	char text[24];

	if (!k->expiry)
		strlcpy(text, "perm", sizeof(text));
	else if (left < 0)
		strlcpy(text, "expd", sizeof(text));
	else if (left < 60)
		snprintf(text, sizeof(text), "%ds", (int)left);
	else if (left < 60 * 60)
		snprintf(text, sizeof(text), "%dm", (int)(left / 60));
	else if (left < 24 * 60 * 60)
		snprintf(text, sizeof(text), "%dh", (int)(left / 3600));
	else
		snprintf(text, sizeof(text), "%dd", (int)(left / 86400));
	seq_printf(s, "%4s", text);
}

static int keys_show(struct seq *s, const struct pnode *n)
{
	struct key *k;

	mutex_lock(&keys_lock);
	list_for_each(k, &all_keys, node) {
		if (key_may((struct key_ref){k, key_possessed(k)}, KEY_VIEW))
			continue;
		seq_printf(s, "%08x I%c%c%c%c%c%c %5d ", (u32)k->serial, k->revoked ? 'R' : '-', '-', k->in_quota ? 'Q' : '-', '-',
			   k->negative ? 'N' : '-', k->invalidated ? 'i' : '-', (int)k->refs);
		seq_left(s, k);
		seq_printf(s, " %08x %5d %5d %-9s ", k->perm, (i32)k->uid, (i32)k->gid, k->type->name);
		seq_puts(s, k->desc);
		if (k->type->is_ring && !k->len)
			seq_puts(s, ": empty\n");
		else if (k->negative)
			seq_puts(s, "\n");
		else
			seq_printf(s, ": %u\n", k->len);
	}
	mutex_unlock(&keys_lock);
	return 0;
}

static int users_show(struct seq *s, const struct pnode *n)
{
	struct key_user *u = NULL;

	mutex_lock(&keys_lock);
	while ((u = key_user_next(u)))
		if (u->keys)
			seq_printf(s, "%5u: %5u %u/%u %u/%d %u/%d\n", u->uid, u->keys, u->keys, u->keys, u->quota_keys,
				   (int)(u->uid ? keys_max : keys_root_max), u->quota_bytes,
				   (int)(u->uid ? keys_bytes_max : keys_root_bytes_max));
	mutex_unlock(&keys_lock);
	return 0;
}

static const struct pseudo_entry keys_file = {.name = "keys", .mode = S_IFREG | 0444, .show = keys_show};
static const struct pseudo_entry users_file = {.name = "key-users", .mode = S_IFREG | 0444, .show = users_show};

static void proc_init(void)
{
	proc_register(&keys_file);
	proc_register(&users_file);
}
INITCALL(INIT_DEV, proc_init);
