/*
 * The file: ELF header, a program header for the notes and one for each mapping, notes, memory.  Follows Linux's binfmt_elf; what is
 * zero is left out of the file as a hole.  When the limit is reached, the rest is missing.
 */
#include "libos/coredump/coredump.h"
#include "libos/mm/internal.h"
#include "libos/signal/signal.h"
#include "libos/vfs/namei.h"
#include <linux/elf.h>

#define CHUNK (64u << 10)
#define FPREGS_SIZE 512
#define SW_FEATURES 464
#define NT_SIGINFO_TYPE 0x53494749
#define NT_FILE_TYPE 0x46494c45
#define NT_AUXV_TYPE 6
#define FILTER_ANON_PRIVATE 1u
#define FILTER_ANON_SHARED 2u
#define FILTER_MAPPED_PRIVATE 4u
#define FILTER_MAPPED_SHARED 8u
#define FILTER_ELF_HEADERS 16u

struct prstatus {
	i32 signo, code, error;
	i16 cursig, pad;
	u64 sigpend, sighold;
	i32 pid, ppid, pgrp, sid;
	i64 times[8];
	struct user_regs regs;
	i32 fpvalid, pad2;
};
_Static_assert(sizeof(struct prstatus) == 336, "struct elf_prstatus");

struct prpsinfo {
	char state, sname, zombie, nice;
	u64 flag;
	u32 uid, gid;
	i32 pid, ppid, pgrp, sid;
	char fname[16], psargs[80];
};
_Static_assert(sizeof(struct prpsinfo) == 136, "struct elf_prpsinfo");

struct range {
	u64 start, end, offset, dumped;
	u32 prot;
	struct file *file;	/* referenced, or null */
};

struct text {
	u8 *buf;
	size_t len, size;
	bool failed;
};

struct writer {
	struct file *file;
	i64 pos;
	u64 limit;
	bool failed;
};

static void put(struct text *x, const void *data, size_t n)
{
	size_t size = x->size ? x->size : 8192;
	u8 *buf;

	while (size < x->len + n)
		size *= 2;
	if (size != x->size && !x->failed) {
		buf = krealloc(x->buf, x->len, size);
		x->failed = !buf;
		x->buf = buf ? buf : x->buf;
		x->size = buf ? size : x->size;
	}
	if (x->failed)
		return;
	memcpy(x->buf + x->len, data, n);
	x->len += n;
}

static void pad_to(struct text *x, size_t align)
{
	static const u8 zeros[8];

	put(x, zeros, ROUND_UP(x->len, align) - x->len);
}

static void note(struct text *x, const char *owner, u32 type, const void *data, size_t n)
{
	const u32 head[3] = {strlen(owner) + 1, n, type};

	put(x, head, sizeof(head));
	put(x, owner, head[0]);
	pad_to(x, 4);
	put(x, data, n);
	pad_to(x, 4);
}

/* --- notes --- */

static void thread_notes(struct text *x, const struct core_thread *c, const struct core_dump *core, const struct process *p)
{
	struct prstatus s = {
		.signo = core->sig, .code = core->info.si_code, .error = core->info.si_errno, .cursig = core->sig, .sigpend = c->pending,
		.sighold = c->blocked, .pid = c->tid, .ppid = p->parent ? p->parent->pid : 0, .pgrp = p->pgrp, .sid = p->session,
		.regs = c->regs, .fpvalid = c->extended != NULL,
	};

	note(x, "CORE", NT_PRSTATUS, &s, sizeof(s));
}

static void extended_notes(struct text *x, const struct core_thread *c)
{
	u64 features = extended_state_features();

	if (!c->extended)
		return;
	note(x, "CORE", NT_PRFPREG, extended_state_area(c->extended), FPREGS_SIZE);
	memcpy((u8 *)extended_state_area(c->extended) + SW_FEATURES, &features, sizeof(features));
	note(x, "LINUX", NT_X86_XSTATE, extended_state_area(c->extended), extended_state_size());
}

static void process_note(struct text *x, const struct process *p)
{
	struct prpsinfo info = {
		.sname = 'R', .uid = p->cred.uid, .gid = p->cred.gid, .pid = p->pid, .ppid = p->parent ? p->parent->pid : 0,
		.pgrp = p->pgrp, .sid = p->session,
	};
	size_t n = min(p->cmdline_len, sizeof(info.psargs) - 1);

	strlcpy(info.fname, current->comm, sizeof(info.fname));
	for (size_t i = 0; i < n; i++)
		info.psargs[i] = p->cmdline[i] ? p->cmdline[i] : ' ';
	note(x, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

static void files_note(struct text *x, const struct range *ranges, u32 count)
{
	struct text body = {0};
	u64 head[2] = {0, PAGE_SIZE};
	char *buf = kmalloc(PATH_MAX), *name;

	for (u32 i = 0; i < count; i++)
		head[0] += ranges[i].file != NULL;
	put(&body, head, sizeof(head));
	for (u32 i = 0; i < count; i++) {
		const u64 entry[3] = {ranges[i].start, ranges[i].end, ranges[i].offset / PAGE_SIZE};

		if (ranges[i].file)
			put(&body, entry, sizeof(entry));
	}
	for (u32 i = 0; i < count; i++) {
		if (!ranges[i].file)
			continue;
		name = buf ? path_string(&ranges[i].file->path, buf, PATH_MAX) : ERR_PTR(-ENOMEM);
		name = IS_ERR(name) ? "" : name;
		put(&body, name, strlen(name) + 1);
	}
	if (!body.failed)
		note(x, "CORE", NT_FILE_TYPE, body.buf, body.len);
	kfree(body.buf);
	kfree(buf);
}

static void all_notes(struct text *x, struct core_dump *core, const struct process *p, const struct range *ranges, u32 count)
{
	struct core_thread *c, *first = list_first(&core->threads, struct core_thread, node);

	thread_notes(x, first, core, p);
	process_note(x, p);
	note(x, "CORE", NT_SIGINFO_TYPE, &core->info, sizeof(core->info));
	note(x, "CORE", NT_AUXV_TYPE, p->auxv, p->auxv_len);
	files_note(x, ranges, count);
	extended_notes(x, first);
	list_for_each(c, &core->threads, node) {
		if (c == first)
			continue;
		thread_notes(x, c, core, p);
		extended_notes(x, c);
	}
}

/* --- memory --- */

static bool is_elf(u64 addr)
{
	u8 magic[4];

	return !copy_from_user(magic, (void *)addr, sizeof(magic)) && !memcmp(magic, "\177ELF", 4);
}

/* How much of a mapping is dumped (Linux's vma_dump_size); what could be written counts as written. */
static u64 dumped(const struct vma *v, u32 filter)
{
	u64 all = v->end - v->start;

	if (v->flags & VMA_SPECIAL)
		return all;
	if ((v->flags & VMA_DONTDUMP) || !v->prot)
		return 0;
	if (!v->file || !v->file->path.dentry)
		return filter & (vma_is_shared(v) ? FILTER_ANON_SHARED : FILTER_ANON_PRIVATE) ? all : 0;
	if (filter & (vma_is_shared(v) ? FILTER_MAPPED_SHARED : FILTER_MAPPED_PRIVATE))
		return all;
	if (!vma_is_shared(v) && ((v->prot & PROT_WRITE) || (v->flags & VMA_WRITTEN)) && (filter & FILTER_ANON_PRIVATE))
		return all;
	return (filter & FILTER_ELF_HEADERS) && !v->offset && is_elf(v->start) ? PAGE_SIZE : 0;
}

static struct range *collect(struct process *p, u32 *count)
{
	struct mm *mm = p->mm;
	struct range *ranges;
	struct vma *v;
	u32 n = 0;

	mutex_lock(&mm->lock);
	ranges = mm->count < 0xfff0 ? kmalloc(mm->count * sizeof(*ranges)) : NULL;
	list_for_each(v, &mm->vmas, node) {
		bool named = v->file && v->file->path.dentry;

		if (!ranges)
			break;
		ranges[n++] = (struct range){v->start, v->end, v->offset, dumped(v, p->core_filter), v->prot, named ? v->file : NULL};
		if (named)
			file_get(v->file);
	}
	mutex_unlock(&mm->lock);
	*count = n;
	return ranges;
}

static bool out(struct writer *w, void *data, size_t n)
{
	struct bz_iov iov = {data, n};
	struct iov_iter it;
	ssize_t done;

	while (n && !w->failed) {
		size_t want = w->limit > (u64)w->pos ? min(n, (size_t)(w->limit - w->pos)) : 0;

		iov = (struct bz_iov){data, want};
		iov_iter_init(&it, &iov, 1, true);
		done = want ? vfs_rw(w->file, &it, &w->pos, true) : 0;
		w->failed = done <= 0;
		data = (u8 *)data + max(done, (ssize_t)0);
		n -= max(done, (ssize_t)0);
	}
	return !w->failed;
}

static bool all_zero(const u8 *buf, size_t n)
{
	const u64 *words = (const void *)buf;

	for (size_t i = 0; i < n / 8; i++)
		if (words[i])
			return false;
	return true;
}

static void out_memory(struct writer *w, u8 *buf, u64 from, u64 n)
{
	for (u64 done = 0; done < n && !w->failed; done += min(n - done, (u64)CHUNK)) {
		size_t part = min(n - done, (u64)CHUNK), left;

		for (size_t at = 0; at < part; at += PAGE_SIZE) {
			left = copy_from_user_partial(buf + at, (void *)(from + done + at), PAGE_SIZE);
			memset(buf + at + PAGE_SIZE - left, 0, left);
		}
		if (all_zero(buf, part))
			w->pos += part;
		else
			out(w, buf, part);
	}
}

static void put_headers(struct text *x, const struct range *ranges, u32 count, u64 notes, u64 notes_size, u64 memory)
{
	Elf64_Ehdr e = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_CORE, .e_machine = EM_X86_64,
		.e_version = EV_CURRENT, .e_phoff = sizeof(e), .e_ehsize = sizeof(e), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = count + 1,
	};
	Elf64_Phdr ph = {.p_type = PT_NOTE, .p_offset = notes, .p_filesz = notes_size, .p_align = 4};

	put(x, &e, sizeof(e));
	put(x, &ph, sizeof(ph));
	for (u32 i = 0; i < count; i++) {
		const struct range *r = ranges + i;

		ph = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_offset = memory, .p_vaddr = r->start, .p_filesz = r->dumped, .p_memsz = r->end - r->start,
			.p_align = PAGE_SIZE, .p_flags = (r->prot & PROT_READ ? PF_R : 0) | (r->prot & PROT_WRITE ? PF_W : 0) |
							 (r->prot & PROT_EXEC ? PF_X : 0),
		};
		put(x, &ph, sizeof(ph));
		memory += r->dumped;
	}
}

void core_write(struct core_dump *core, struct process *p, struct file *f, u64 limit)
{
	struct writer w = {.file = f, .limit = limit};
	struct text notes = {0}, head = {0};
	u32 count = 0;
	struct range *ranges = collect(p, &count);
	u8 *buf = kmalloc(CHUNK);
	u64 at = sizeof(Elf64_Ehdr) + (count + 1ull) * sizeof(Elf64_Phdr), memory;

	if (!ranges || !buf)
		goto free;
	all_notes(&notes, core, p, ranges, count);
	memory = PAGE_ALIGN(at + notes.len);
	put_headers(&head, ranges, count, at, notes.len, memory);
	/* That the process ends is no reason for a write to be interrupted. */
	WRITE_ONCE(current->signal_pending, 0);
	if (!notes.failed && !head.failed && out(&w, head.buf, head.len) && out(&w, notes.buf, notes.len)) {
		w.pos = memory;
		for (u32 i = 0; i < count; i++)
			out_memory(&w, buf, ranges[i].start, ranges[i].dumped);
		/* The last hole belongs to the file. */
		if (!w.failed && f->inode && w.pos > (i64)f->inode->size && (u64)w.pos <= limit)
			vfs_truncate(f->inode, f, w.pos);
	}
free:
	for (u32 i = 0; ranges && i < count; i++)
		if (ranges[i].file)
			file_put(ranges[i].file);
	kfree(notes.buf);
	kfree(head.buf);
	kfree(ranges);
	kfree(buf);
}
