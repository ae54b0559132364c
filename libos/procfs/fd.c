/* /proc/PID/fd and fdinfo: the descriptor table as magic links and as text; see proc(5). */
#include "libos/procfs/procfs.h"
#include "libos/vfs/dcache.h"

static struct file *node_file(const struct pnode *n)
{
	struct process *p = pnode_process(n);
	struct file *f = NULL;

	if (!p)
		return NULL;
	if (p->files && files_next(p->files, n->num, &f) != n->num && f) {
		file_put(f);
		f = NULL;
	}
	process_put(p);
	return f;
}

static bool fd_alive(const struct pnode *n)
{
	struct file *f = node_file(n);

	if (f)
		file_put(f);
	return f != NULL;
}

static long fd_readlink(const struct pnode *n, char *buf, size_t size)
{
	struct file *f = node_file(n);
	char text[64], *path = NULL;
	long len;

	if (!f)
		return -ENOENT;
	if (f->path.dentry) {
		path = proc_path_text(&f->path);
		if (!path) {
			file_put(f);
			return -ENOMEM;
		}
	} else if (f->anon_name && strchr(f->anon_name, '[')) {
		/* "pipe:[" wants the inode number; "anon_inode:[eventfd]" is whole. */
		if (strchr(f->anon_name, ']'))
			strlcpy(text, f->anon_name, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s%lu]", f->anon_name, f->inode ? (unsigned long)f->inode->ino : 0);
	} else {
		snprintf(text, sizeof(text), "%s", f->anon_name ? f->anon_name : "anon_inode:inode");
	}
	len = min(strlen(path ? path : text), size);
	memcpy(buf, path ? path : text, len);
	kfree(path);
	file_put(f);
	return len;
}

static int fd_follow(const struct pnode *n, struct path *out)
{
	struct file *f = node_file(n);

	if (!f)
		return -ENOENT;
	*out = f->path;
	if (f->path.dentry) {
		path_get(out);
	} else {
		/* A pipe has no name, but an inode that can be opened again; an eventfd has neither, and gives ENXIO. */
		out->mount = root_mount;
		out->dentry = f->inode ? dentry_alloc(NULL, "pipe", 4, f->inode) : NULL;
		if (out->dentry)
			inode_get(f->inode);
	}
	file_put(f);
	return out->dentry ? 0 : -ENXIO;
}

/* The bits tell how it is open; lsof(8) and ls -l show them. */
static u32 fd_mode(const struct pnode *n)
{
	struct file *f = node_file(n);
	u32 mode = S_IFLNK | 0100;

	if (!f)
		return S_IFLNK | 0700;
	mode |= (FMODE_CAN_READ(f) ? 0400 : 0) | (FMODE_CAN_WRITE(f) ? 0200 : 0);
	file_put(f);
	return mode;
}

static const struct pseudo_entry fd_link = {
	.name = "fd", .mode = S_IFLNK | 0700, .mode_now = fd_mode, .readlink = fd_readlink, .follow = fd_follow, .alive = fd_alive};

static int fdinfo_show(struct seq *s, const struct pnode *n)
{
	struct file *f = node_file(n);
	char extra[512] = "";

	if (!f)
		return -ENOENT;
	seq_printf(s, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", (long)f->pos, f->flags,
		   f->path.mount ? f->path.mount->id : 0, f->inode ? (unsigned long)f->inode->ino : 0ul);
	if (f->ops->show_fdinfo)
		f->ops->show_fdinfo(f, extra, sizeof(extra));
	seq_puts(s, extra);
	file_put(f);
	return 0;
}

static const struct pseudo_entry fdinfo_file = {
	.name = "fdinfo", .mode = S_IFREG | 0444, .show = fdinfo_show, .alive = fd_alive};

static int find_in(const struct pnode *dir, const char *name, u32 len, struct pnode *child,
		   const struct pseudo_entry *entry)
{
	child->num = proc_parse_number(name, len);
	child->entry = entry;
	return child->num >= 0 && fd_alive(child) ? 0 : -ENOENT;
}

static int list_in(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg, u32 dtype)
{
	struct process *p = pnode_process(dir);
	struct file *f;
	char name[12];
	int fd;

	if (!p)
		return -ENOENT;
	while (p->files && (fd = files_next(p->files, *pos - PSEUDO_DYNAMIC, &f)) >= 0) {
		file_put(f);
		*pos = PSEUDO_DYNAMIC + fd;
		if (!emit(arg, name, snprintf(name, sizeof(name), "%d", fd), 0x200000000ull + (u64)p->pid * 65536 + fd,
			  dtype, *pos + 1))
			break;
		*pos = PSEUDO_DYNAMIC + fd + 1;
	}
	process_put(p);
	return 0;
}

int proc_fd_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child)
{
	return find_in(dir, name, len, child, &fd_link);
}

int proc_fd_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg)
{
	return list_in(dir, pos, emit, arg, 10);
}

int proc_fdinfo_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child)
{
	return find_in(dir, name, len, child, &fdinfo_file);
}

int proc_fdinfo_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg)
{
	return list_in(dir, pos, emit, arg, 8);
}
