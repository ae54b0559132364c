/* /proc/PID/maps, smaps and mem: the vma list as text; see proc(5).  Reads under mm->lock. */
#include "libos/procfs/procfs.h"

static void show_range(struct seq *s, const struct vma *v)
{
	const struct inode *inode = v->file ? v->file->inode : NULL;
	u64 dev = inode && inode->sb ? inode->sb->dev : 0;
	size_t from = s->len;
	const char *name = v->name;
	char *path = NULL;

	seq_printf(s, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", (unsigned long)v->start, (unsigned long)v->end,
		   v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-',
		   v->flags & MAP_SHARED ? 's' : 'p', (unsigned long)(v->file ? v->offset : 0),
		   (unsigned int)(dev >> 8) & 0xfff, (unsigned int)dev & 0xff, inode ? (unsigned long)inode->ino : 0ul);
	if (v->file && v->file->path.dentry)
		path = proc_path_text(&v->file->path);
	else if (v->file && v->file->anon_name)
		name = v->file->anon_name;
	if (path || name) {
		/* Linux aligns the name at column 73. */
		while (s->len - from < 73 && !s->failed)
			seq_puts(s, " ");
		seq_puts(s, path ? path : name);
	}
	kfree(path);
	seq_puts(s, "\n");
}

static void show_usage(struct seq *s, u64 size, u64 rss, bool locked)
{
	seq_printf(s,
		   "Size:           %8lu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n"
		   "Rss:            %8lu kB\nPss:            %8lu kB\nPss_Dirty:      %8lu kB\n",
		   (unsigned long)size >> 10, (unsigned long)rss >> 10, (unsigned long)rss >> 10,
		   (unsigned long)rss >> 10);
	seq_printf(s,
		   "Shared_Clean:          0 kB\nShared_Dirty:          0 kB\nPrivate_Clean:         0 kB\n"
		   "Private_Dirty:  %8lu kB\nReferenced:     %8lu kB\nAnonymous:      %8lu kB\n",
		   (unsigned long)rss >> 10, (unsigned long)rss >> 10, (unsigned long)rss >> 10);
	seq_puts(s, "LazyFree:              0 kB\nAnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\n"
		    "FilePmdMapped:         0 kB\nShared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\n"
		    "Swap:                  0 kB\nSwapPss:               0 kB\n");
	seq_printf(s, "Locked:         %8lu kB\n", locked ? (unsigned long)rss >> 10 : 0ul);
}

static int show_all(struct seq *s, const struct pnode *n, bool usage)
{
	struct process *p = pnode_process(n);
	struct vma *v;

	if (!p)
		return -ESRCH;
	if (p->mm) {
		mutex_lock(&p->mm->lock);
		list_for_each(v, &p->mm->vmas, node) {
			show_range(s, v);
			if (!usage)
				continue;
			/* What is resident is the host's knowledge; a vma's size bounds it from above. */
			show_usage(s, v->end - v->start, v->prot ? v->end - v->start : 0,
				   v->flags & VMA_LOCKED);
			seq_printf(s, "THPeligible:    0\nVmFlags:%s%s%s%s\n", v->prot & PROT_READ ? " rd" : "",
				   v->prot & PROT_WRITE ? " wr" : "", v->prot & PROT_EXEC ? " ex" : "",
				   v->flags & MAP_SHARED ? " sh mr mw me ms" : " mr mw me");
		}
		mutex_unlock(&p->mm->lock);
	}
	process_put(p);
	return 0;
}

int proc_maps_show(struct seq *s, const struct pnode *n)
{
	return show_all(s, n, false);
}

int proc_smaps_show(struct seq *s, const struct pnode *n)
{
	return show_all(s, n, true);
}

int proc_numa_maps_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);
	struct vma *v;

	if (!p)
		return -ESRCH;
	if (p->mm) {
		mutex_lock(&p->mm->lock);
		list_for_each(v, &p->mm->vmas, node)
			seq_printf(s, "%08lx default kernelpagesize_kB=4\n", (unsigned long)v->start);
		mutex_unlock(&p->mm->lock);
	}
	process_put(p);
	return 0;
}

int proc_smaps_rollup_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);
	u64 lo = 0, hi = 0, size = 0;
	struct vma *v;

	if (!p)
		return -ESRCH;
	if (p->mm) {
		mutex_lock(&p->mm->lock);
		list_for_each(v, &p->mm->vmas, node) {
			lo = lo ? lo : v->start;
			hi = v->end;
			size += v->prot ? v->end - v->start : 0;
		}
		mutex_unlock(&p->mm->lock);
	}
	process_put(p);
	seq_printf(s, "%08lx-%08lx ---p 00000000 00:00 0                          [rollup]\n", (unsigned long)lo,
		   (unsigned long)hi);
	show_usage(s, size, size, false);
	return 0;
}

/* mem: the own process's memory only; another address space is reached by a remote request (processes' issue). */
static ssize_t mem_copy(struct file *f, struct iov_iter *it, i64 *pos, bool write)
{
	const struct pnode *n = pseudo_node(f->inode);
	struct process *p = pnode_process(n);
	char *page;
	size_t done = 0;
	bool own = p && p == current->process;

	if (p)
		process_put(p);
	if (!p)
		return 0;
	if (!own)
		return -EACCES;
	page = kmalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	while (it->left) {
		size_t want = min(it->left, PAGE_SIZE), got;
		void *addr = (void *)(*pos + done);

		if (write) {
			want = iov_copy_from(it, page, want);
			got = want - copy_to_user_partial(addr, page, want);
		} else {
			got = want - copy_from_user_partial(page, addr, want);
			got = iov_copy_to(it, page, got);
		}
		done += got;
		if (got < want || !want)
			break;
	}
	kfree(page);
	*pos += done;
	return done ? (ssize_t)done : it->left ? -EIO : 0;
}

static ssize_t mem_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	return mem_copy(f, it, pos, false);
}

static ssize_t mem_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	return mem_copy(f, it, pos, true);
}

static i64 mem_llseek(struct file *f, i64 off, int whence)
{
	if (whence == 1)
		off += f->pos;
	else if (whence != 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

const struct file_ops proc_mem_fops = {.read = mem_read, .write = mem_write, .llseek = mem_llseek};
