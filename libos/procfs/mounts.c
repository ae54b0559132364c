/* /proc/PID/mounts, mountinfo, mountstats: the mount list as text; see proc(5). */
#include "libos/procfs/procfs.h"

static char *mount_point(struct mount *m)
{
	struct path p = {m, m->root};

	return proc_path_text(&p);
}

/* Blanks and backslashes in names are octal escapes, as programs that split at blanks expect. */
static void seq_escaped(struct seq *s, const char *text)
{
	for (; *text; text++) {
		if (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\\')
			seq_printf(s, "\\%03o", (u8)*text);
		else
			seq_write(s, text, 1);
	}
}

/* In Linux's order (show_mnt_opts). */
static void seq_options(struct seq *s, const struct mount *m)
{
	bool ro = (m->flags & MNT_RDONLY) || (m->sb->flags & SB_RDONLY);

	seq_printf(s, "%s%s%s%s,relatime", ro ? "ro" : "rw", m->flags & MNT_NOSUID ? ",nosuid" : "",
		   m->flags & MNT_NODEV ? ",nodev" : "", m->flags & MNT_NOEXEC ? ",noexec" : "");
}

int proc_mounts_show(struct seq *s, const struct pnode *n)
{
	struct mount *m;

	list_for_each(m, &all_mounts, node) {
		char *at = mount_point(m);

		seq_escaped(s, m->sb->source ? m->sb->source : m->sb->fstype);
		seq_puts(s, " ");
		seq_escaped(s, at ? at : "?");
		seq_printf(s, " %s ", m->sb->fstype);
		seq_options(s, m);
		seq_puts(s, " 0 0\n");
		kfree(at);
	}
	return 0;
}

int proc_mountinfo_show(struct seq *s, const struct pnode *n)
{
	struct mount *m;

	list_for_each(m, &all_mounts, node) {
		char *at = mount_point(m);

		seq_printf(s, "%u %u %u:%u / ", m->id, m->parent && m->parent != m ? m->parent->id : 0,
			   (unsigned int)(m->sb->dev >> 8) & 0xfff, (unsigned int)m->sb->dev & 0xff);
		seq_escaped(s, at ? at : "?");
		seq_puts(s, " ");
		seq_options(s, m);
		seq_printf(s, " - %s ", m->sb->fstype);
		seq_escaped(s, m->sb->source ? m->sb->source : m->sb->fstype);
		seq_printf(s, " %s\n", m->sb->flags & SB_RDONLY ? "ro" : "rw");
		kfree(at);
	}
	return 0;
}

int proc_mountstats_show(struct seq *s, const struct pnode *n)
{
	struct mount *m;

	list_for_each(m, &all_mounts, node) {
		char *at = mount_point(m);

		seq_printf(s, "device %s mounted on %s with fstype %s\n", m->sb->source ? m->sb->source : "none",
			   at ? at : "?", m->sb->fstype);
		kfree(at);
	}
	return 0;
}
