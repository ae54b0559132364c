/* /proc/PID/maps, smaps and mem: the vma list as text; see proc(5).  Reads under mm->lock. */
#include "libos/procfs/procfs.h"
#include "libos/ptrace/ptrace.h"

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

/* PROCMAP_QUERY, of Linux 6.11 (linux/fs.h): one mapping by address, without the text. */
struct procmap_query {
	u64 size, flags, addr;
	u64 start, end, vma_flags, page_size, offset, inode;
	u32 major, minor, name_size, build_id_size;
	u64 name_addr, build_id_addr;
};
#define PROCMAP_QUERY 0xc0686611u	/* _IOWR('f', 17, struct procmap_query) */
#define QUERY_READABLE 1
#define QUERY_WRITABLE 2
#define QUERY_EXECUTABLE 4
#define QUERY_SHARED 8
#define QUERY_OR_NEXT 16
#define QUERY_FILE_BACKED 32

static u32 query_flags(const struct vma *v)
{
	return (v->prot & PROT_READ ? QUERY_READABLE : 0) | (v->prot & PROT_WRITE ? QUERY_WRITABLE : 0) |
	       (v->prot & PROT_EXEC ? QUERY_EXECUTABLE : 0) | (v->flags & MAP_SHARED ? QUERY_SHARED : 0);
}

static struct vma *query_find(struct mm *mm, const struct procmap_query *q)
{
	u32 wanted = q->flags & (QUERY_READABLE | QUERY_WRITABLE | QUERY_EXECUTABLE | QUERY_SHARED);
	struct vma *v;

	for (v = vma_find(mm, q->addr); v; v = list_entry(v->node.next, struct vma, node)) {
		if (&v->node == &mm->vmas || ((q->flags & QUERY_OR_NEXT) == 0 && v->start > q->addr))
			return NULL;
		if ((query_flags(v) & wanted) == wanted && (!(q->flags & QUERY_FILE_BACKED) || v->file))
			return v;
		if (!(q->flags & QUERY_OR_NEXT))
			return NULL;
	}
	return NULL;
}

/* Fills q; *name: what the text ends with, or null, in fresh memory. */
static long query(struct mm *mm, struct procmap_query *q, char **name)
{
	struct vma *v = query_find(mm, q);
	const struct inode *inode;
	u64 dev;

	if (!v)
		return -ENOENT;
	inode = v->file ? v->file->inode : NULL;
	dev = inode && inode->sb ? inode->sb->dev : 0;
	q->start = v->start;
	q->end = v->end;
	q->vma_flags = query_flags(v);
	q->page_size = PAGE_SIZE;
	q->offset = v->file ? v->offset : 0;
	q->inode = inode ? inode->ino : 0;
	q->major = dev >> 8 & 0xfff;
	q->minor = dev & 0xff;
	if (v->file && v->file->path.dentry)
		*name = proc_path_text(&v->file->path);
	else if (v->file && v->file->anon_name)
		*name = kstrdup(v->file->anon_name);
	else if (v->name)
		*name = kstrdup(v->name);
	return 0;
}

static long query_name_out(struct procmap_query *q, const char *name)
{
	size_t n = name ? strlen(name) + 1 : 0;

	if (n > q->name_size)
		return -ENAMETOOLONG;
	q->name_size = n;
	return n && copy_to_user((void *)q->name_addr, name, n) ? -EFAULT : 0;
}

long proc_maps_ioctl(const struct pnode *n, u32 cmd, u64 arg)
{
	struct procmap_query q = {0};
	struct process *p;
	char *name = NULL;
	long ret = -ESRCH;

	if (cmd != PROCMAP_QUERY)
		return -ENOTTY;
	if (get_user(q.size, (u64 *)arg))
		return -EFAULT;
	if (q.size > PAGE_SIZE)
		return -E2BIG;
	if (q.size < 24)	/* up to addr */
		return -EINVAL;
	if (copy_from_user(&q, (void *)arg, min(q.size, (u64)sizeof(q))))
		return -EFAULT;
	if (q.flags & ~63ull || !q.name_size != !q.name_addr || !q.build_id_size != !q.build_id_addr)
		return -EINVAL;
	q.build_id_size = 0;	/* none is told */
	p = pnode_process(n);
	if (!p)
		return ret;
	if (p->mm) {
		mutex_lock(&p->mm->lock);
		ret = query(p->mm, &q, &name);
		mutex_unlock(&p->mm->lock);
	}
	process_put(p);
	if (!ret && q.name_size)
		ret = query_name_out(&q, name);
	kfree(name);
	return ret ? ret : copy_to_user((void *)arg, &q, min(q.size, (u64)sizeof(q)));
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

/*
 * pagemap (Documentation/admin-guide/mm/pagemap.rst): a word a page, without page frame numbers, as without CAP_SYS_ADMIN.  As
 * mincore(2) does, it tells all that is mapped and can be touched as present.
 */
#define PAGE_PRESENT (1ull << 63)
#define PAGE_OF_FILE (1ull << 61)
#define PAGEMAP_STEP 128

static void pagemap_fill(struct mm *mm, u64 addr, u64 *words, u32 n)
{
	struct vma *v = vma_find(mm, addr);

	for (u32 i = 0; i < n; i++, addr += PAGE_SIZE) {
		while (v && v->end <= addr)
			v = v->node.next == &mm->vmas ? NULL : list_entry(v->node.next, struct vma, node);
		words[i] = !v || v->start > addr || !v->prot || (v->file && addr >= v->backed_end) ? 0
			   : PAGE_PRESENT | (v->file ? PAGE_OF_FILE : 0);
	}
}

static ssize_t pagemap_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct process *p = pnode_process(pseudo_node(f->inode));
	u64 words[PAGEMAP_STEP], limit = BZ_GUEST_HIGH / PAGE_SIZE * sizeof(words[0]);
	ssize_t done = 0;

	if (!p)
		return 0;
	if (*pos < 0 || *pos % sizeof(words[0]) || it->left % sizeof(words[0]))
		done = -EINVAL;
	while (done >= 0 && it->left && (u64)*pos < limit && p->mm) {
		size_t n = min(it->left, sizeof(words)), got;

		mutex_lock(&p->mm->lock);
		pagemap_fill(p->mm, (u64)*pos / sizeof(words[0]) * PAGE_SIZE, words, n / sizeof(words[0]));
		mutex_unlock(&p->mm->lock);
		got = iov_copy_to(it, words, n);
		*pos += got;
		done += got;
		if (got < n) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	process_put(p);
	return done;
}

static i64 mem_llseek(struct file *f, i64 off, int whence);

const struct file_ops proc_pagemap_fops = {.read = pagemap_read, .llseek = mem_llseek};

/* mem: as a tracer's PTRACE_PEEKDATA and PTRACE_POKEDATA; other address spaces serve it themselves (mm/remote.c). */
static size_t remote(struct process *p, void *addr, void *buf, size_t n, bool write)
{
	ssize_t got = p->mm ? mm_remote_copy(p, p->mm, (u64)addr, buf, n, write, true) : 0;

	return max(got, (ssize_t)0);
}

static ssize_t mem_copy(struct file *f, struct iov_iter *it, i64 *pos, bool write)
{
	const struct pnode *n = pseudo_node(f->inode);
	struct process *p = pnode_process(n);
	char *page;
	size_t done = 0;
	bool own = p && p->mm == current->process->mm;

	if (!p)
		return 0;
	page = own || (p->mm && ptrace_may_access(p)) ? kmalloc(PAGE_SIZE) : NULL;
	if (!page) {
		own |= p->mm && ptrace_may_access(p);
		process_put(p);
		return own ? -ENOMEM : -EACCES;
	}
	while (it->left) {
		size_t want = min(it->left, PAGE_SIZE), got;
		void *addr = (void *)(*pos + done);

		if (write) {
			want = iov_copy_from(it, page, want);
			got = own ? want - copy_to_user_partial(addr, page, want) : remote(p, addr, page, want, true);
		} else {
			got = own ? want - copy_from_user_partial(page, addr, want) : remote(p, addr, page, want, false);
			got = iov_copy_to(it, page, got);
		}
		done += got;
		if (got < want || !want)
			break;
	}
	kfree(page);
	process_put(p);
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
