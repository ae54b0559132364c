/*
 * The guest's memory map against a host that only remembers: random mmap, munmap, mprotect, mremap, madvise, brk and
 * truncation; after each call the vma list must be what the host has, page by page, and the treap must be sound.
 * Usage: mm_fuzz [SEED [CALLS [FAIL_EVERY]]]
 */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"

int printf(const char *fmt, ...) __printf(1, 2);
void *calloc(size_t n, size_t size);
void free(void *p);
void exit(int code) __noreturn;
long strtol(const char *s, char **end, int base);
long syscall(long nr, ...);

#define CHECK(cond)                                                                                          \
	do {                                                                                                 \
		if (!(cond)) {                                                                               \
			printf("%s:%d: %s does not hold (call %lu)\n", __FILE__, __LINE__, #cond, calls);     \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

#define BASE 0x10000000ul
#define WINDOW 256

static unsigned long calls;

/* --- the host that only remembers: a hash of pages --- */

#define SLOTS (1u << 18)
struct page_entry {
	u64 addr;	/* 0: free; 1: deleted */
	u32 prot;
	u32 shared;
	u64 content;	/* 0: anonymous; else file offset + 1 */
};
static struct page_entry table[SLOTS];
static u64 mapped;

static struct page_entry *slot(u64 addr, bool insert)
{
	u32 i = (addr >> 12) * 2654435761u % SLOTS;
	struct page_entry *deleted = NULL;

	for (;; i = (i + 1) % SLOTS) {
		if (table[i].addr == addr)
			return &table[i];
		if (table[i].addr == 1 && !deleted)
			deleted = &table[i];
		if (!table[i].addr)
			break;
	}
	if (!insert)
		return NULL;
	mapped++;
	CHECK(mapped < SLOTS / 2);
	if (!deleted)
		deleted = &table[i];
	deleted->addr = addr;
	return deleted;
}

/* The host runs out of something now and then, before it has done anything. */
static u32 calls_left = ~0u, fail_every;

static bool fails(void)
{
	if (!fail_every || --calls_left)
		return false;
	calls_left = fail_every;
	return true;
}

static int fake_map(u64 addr, size_t len, u32 prot, u32 flags)
{
	if (prot && fails())
		return -ENOMEM;
	for (u64 a = addr; a < addr + len; a += PAGE_SIZE)
		if ((flags & BZ_MAP_NOREPLACE) && slot(a, false))
			return -EEXIST;
	for (u64 a = addr; a < addr + len; a += PAGE_SIZE) {
		struct page_entry *e = slot(a, true);

		e->prot = prot;
		e->shared = 0;
		e->content = 0;
	}
	return 0;
}

static void drop(u64 addr, size_t len)
{
	for (u64 a = addr; a < addr + len; a += PAGE_SIZE) {
		struct page_entry *e = slot(a, false);

		if (e) {
			e->addr = 1;
			mapped--;
		}
	}
}

static int fake_unmap(u64 addr, size_t len)
{
	drop(addr, len);
	return 0;
}

static int fake_protect(u64 addr, size_t len, u32 prot)
{
	if (fails())
		return -ENOMEM;
	for (u64 a = addr; a < addr + len; a += PAGE_SIZE) {
		struct page_entry *e = slot(a, false);

		if (!e)
			return -ENOMEM;
		e->prot = prot;
	}
	return 0;
}

static int fake_advise(u64 addr, size_t len, u32 advice)
{
	return 0;
}

static int fake_move(u64 addr, size_t len, u64 to, size_t new_len, u32 keep)
{
	u32 prot = 0;

	if (addr < BASE + WINDOW * PAGE_SIZE && new_len != len && fails())
		return -ENOMEM;
	for (u64 a = 0; a < new_len; a += PAGE_SIZE) {
		struct page_entry *from = a < len ? slot(addr + a, false) : NULL, copy = {0};

		CHECK(a >= len || from);
		if (from) {
			copy = *from;
			prot = copy.prot;
			if (!keep) {
				from->addr = 1;
				mapped--;
			}
		}
		struct page_entry *e = slot(to + a, true);

		e->prot = from ? copy.prot : prot;
		e->shared = copy.shared;
		e->content = copy.content;
	}
	for (u64 a = new_len; a < len; a += PAGE_SIZE)
		drop(addr + a, PAGE_SIZE);
	return 0;
}

static void fake_random(void *buf, size_t len)
{
	memset(buf, 0x5a, len);
}

static int fake_stream_map(bz_stream s, u64 addr, size_t len, u32 prot, u32 flags, u64 off)
{
	return -EINVAL;
}

static void fake_yield(void)
{
}

static const struct bz_abi fake = {
	.mem_map = fake_map, .mem_unmap = fake_unmap, .mem_protect = fake_protect, .mem_advise = fake_advise,
	.mem_move = fake_move, .random_bytes = fake_random, .thread_yield = fake_yield, .stream_map = fake_stream_map,
};
const struct bz_abi *host = &fake;
static struct bz_start start;
const struct bz_start *boot = &start;

/* --- what else mm/ stands on --- */

static u64 file_size = 40 * PAGE_SIZE;

static i64 file_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	u64 have = file_size > off ? file_size - off : 0, n = min(PAGE_ALIGN(have), len);

	if (fails()) {
		drop(addr, len / 2 & PAGE_MASK);
		return -ENOMEM;
	}

	for (u64 a = 0; a < n; a += PAGE_SIZE) {
		struct page_entry *e = slot(addr + a, true);

		e->prot = prot;
		e->shared = flags & BZ_MAP_SHARED;
		e->content = off + a + 1;
	}
	return min(have, len);
}

static const struct file_ops ops = {.mmap = file_mmap};
static struct inode inode;
static struct file the_file = {.refs = 1, .ops = &ops, .inode = &inode, .flags = O_RDWR};

void *kmalloc(size_t n) { return calloc(1, n); }
void *kzalloc(size_t n) { return calloc(1, n); }
void kfree(void *p) { free(p); }
void mutex_init(struct mutex *m, u8 rank) { m->word = 0; }
void mutex_lock(struct mutex *m) { CHECK(!m->word); m->word = 1; }
bool mutex_trylock(struct mutex *m) { mutex_lock(m); return true; }
void mutex_unlock(struct mutex *m) { CHECK(m->word); m->word = 0; }
bool mutex_is_mine(const struct mutex *m) { return m->word; }
bool access_ok(const void *addr, size_t len) { return range_ok((u64)addr, len); }
int copy_from_user(void *dst, const void *src, size_t n) { return -EFAULT; }
int copy_to_user(void *dst, const void *src, size_t n) { return 0; }
size_t copy_fault_safe(void *dst, const void *src, size_t n) { return 0; }
bool capable(int cap) { return false; }
void file_put(struct file *f) { CHECK(f->refs > 1); f->refs--; }
struct file *fd_get(int fd) { file_get(&the_file); return &the_file; }
struct file *tmpfs_anon_file(const char *name, u64 size, u32 flags) { file_get(&the_file); return &the_file; }
u64 rlimit_soft(unsigned int r) { return r == RLIMIT_STACK ? 64 << 20 : ~0ull; }
void panic(const char *fmt, ...) { printf("panic: %s (call %lu)\n", fmt, calls); exit(1); }
struct mutex tasklist_lock;
struct list all_processes = LIST_INIT(all_processes);
void inode_put(struct inode *i) {}
void thread_kick(struct thread *t) {}
i64 clock_ns(u32 clock) { return 0; }
struct process *process_find(i32 pid) { return NULL; }
void process_put(struct process *p) {}

extern const struct syscall_entry __start_syscalls[], __stop_syscalls[];

/* No text here, nothing to rewrite. */
void rewrite_forget(struct mm *mm, u64 from, u64 to) {}
void rewrite_restore(struct mm *mm, u64 from, u64 to) {}
void rewrite_free(struct mm *mm) {}
void rewrite_mapped(struct mm *mm, u64 addr) {}
int rewrite_copy(struct mm *to, const struct mm *from) { return 0; }

static long call(u32 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	for (const struct syscall_entry *s = __start_syscalls; s < __stop_syscalls; s++)
		if (s->nr == nr)
			return s->fn(a, b, c, d, e, f);
	return -ENOSYS;
}

/* --- what must hold --- */

static u64 depth_max;

static u64 check_tree(const struct vma *v, u64 depth)
{
	u64 m, l, r;

	if (!v)
		return 0;
	depth_max = max(depth_max, depth);
	CHECK(!v->left || (v->left->up == v && v->left->start < v->start && v->left->priority <= v->priority));
	CHECK(!v->right || (v->right->up == v && v->right->start > v->start && v->right->priority <= v->priority));
	l = check_tree(v->left, depth + 1);
	r = check_tree(v->right, depth + 1);
	m = max(v->gap, l);
	m = max(m, r);
	CHECK(v->max_gap == m);
	return m;
}

static bool joinable(const struct vma *a, const struct vma *b)
{
	return a->end == b->start && a->prot == b->prot && a->flags == b->flags && a->name == b->name &&
	       a->file == b->file && !a->file;
}

static void check_page(const struct vma *v, u64 a)
{
	struct page_entry *e = slot(a, false);

	CHECK(e);
	if (v->file && a >= v->backed_end) {
		CHECK(e->prot == 0 && e->content == 0);
		return;
	}
	CHECK(e->prot == v->prot);
	CHECK(e->content == (v->file ? v->offset + (a - v->start) + 1 : 0));
	CHECK(!v->file || !!e->shared == vma_is_shared(v));
}

static void check_all(struct mm *mm)
{
	u64 end = 0, pages = 0, count = 0, data = 0;
	const struct vma *v, *prev = NULL;

	list_for_each(v, &mm->vmas, node) {
		CHECK(v->start < v->end && v->start >= end && !(v->start & 4095) && !(v->end & 4095));
		CHECK(v->gap == v->start - end);
		CHECK(!v->file || (v->backed_end >= v->start && v->backed_end <= v->end));
		CHECK(!prev || !joinable(prev, v));
		for (u64 a = v->start; a < v->end; a += PAGE_SIZE)
			check_page(v, a);
		pages += (v->end - v->start) >> 12;
		if (data_like(v->prot, v->flags))
			data += (v->end - v->start) >> 12;
		count++;
		end = v->end;
		prev = v;
	}
	CHECK(count == mm->count && pages == mapped && pages == mm->total_pages && data == mm->data_pages);
	CHECK(the_file.refs == inode.map_count + 1);
	check_tree(mm->root, 0);
}

/* --- random calls --- */

static u64 state;

static u32 rnd(u32 n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 33) % n;
}

static u64 some_addr(void)
{
	return BASE + rnd(WINDOW) * PAGE_SIZE;
}

static u64 some_len(void)
{
	return (1 + rnd(rnd(4) ? 8 : 64)) * PAGE_SIZE;
}

static void one_call(struct mm *mm)
{
	static const int advices[] = {MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_DONTNEED,
				      MADV_DONTDUMP, MADV_DODUMP};
	u64 flags = rnd(4) ? MAP_PRIVATE : MAP_SHARED;
	long ret;

	switch (rnd(12)) {
	case 0: case 1: case 2:
		if (rnd(3))
			flags |= MAP_ANONYMOUS;
		flags |= rnd(3) ? (rnd(3) ? MAP_FIXED : MAP_FIXED_NOREPLACE) : 0;
		ret = call(__NR_mmap, some_addr(), some_len(), rnd(8), flags, 3, rnd(30) * PAGE_SIZE);
		/* What was placed freely goes into the window's reach soon, or the table fills. */
		if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && ret > 0 && ret - BASE > WINDOW * PAGE_SIZE)
			call(__NR_munmap, ret, 64 * PAGE_SIZE, 0, 0, 0, 0);
		break;
	case 3: case 4:
		call(__NR_munmap, some_addr(), some_len(), 0, 0, 0, 0);
		break;
	case 5: case 6: case 7:
		call(__NR_mprotect, some_addr(), some_len(), rnd(8), 0, 0, 0);
		break;
	case 8: case 9:
		flags = rnd(3) ? MREMAP_MAYMOVE : 0;
		if (flags && rnd(2))
			flags |= MREMAP_FIXED;
		if (flags && !rnd(4))
			flags |= MREMAP_DONTUNMAP;
		u64 len = some_len();
		ret = call(__NR_mremap, some_addr(), len, flags & MREMAP_DONTUNMAP ? len : some_len(), flags, some_addr(), 0);
		if (ret > 0 && ret - BASE > WINDOW * PAGE_SIZE)
			call(__NR_munmap, ret, 64 * PAGE_SIZE, 0, 0, 0, 0);
		break;
	case 10:
		if (rnd(2))
			call(__NR_madvise, some_addr(), some_len(), advices[rnd(ARRAY_SIZE(advices))], 0, 0, 0);
		else
			call(__NR_brk, mm->start_brk + rnd(40) * 1000, 0, 0, 0, 0, 0);
		break;
	case 11:
		if (rnd(2)) {
			u64 size = rnd(60) * 2000;

			if (size < file_size) {
				file_size = size;
				mm_truncate_notify(&inode, size);
			} else {
				int sig = BZ_EXC_SEGV, code = 2;

				file_size = size;
				mm_fault(some_addr(), 0, &sig, &code);
			}
		}
		break;
	}
	check_all(mm);
}

int main(int argc, char **argv)
{
	static struct bz_tcb tcb;
	static struct thread thread;
	static struct process process;
	unsigned long n = argc > 2 ? strtol(argv[2], NULL, 0) : 20000;

	state = argc > 1 ? strtol(argv[1], NULL, 0) : 1;
	fail_every = calls_left = argc > 3 ? strtol(argv[3], NULL, 0) : 0;
	thread.process = &process;
	tcb.self = &tcb;
	tcb.libos = &thread;
	if (syscall(__NR_arch_prctl, 0x1001 /* ARCH_SET_GS */, &tcb))
		return 1;
	process.mm = mm_create();
	process.mm->mmap_base = 0x7f0000000000;
	process.mm->start_brk = process.mm->brk = BASE + 300 * PAGE_SIZE;
	for (calls = 0; calls < n; calls++)
		one_call(process.mm);
	mm_unmap_all(process.mm);
	check_all(process.mm);
	printf("%lu calls, treap at most %lu deep\n", n, depth_max);
	return 0;
}
