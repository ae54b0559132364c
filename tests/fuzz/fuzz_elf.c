/*
 * libFuzzer: any bytes as a program and its interpreter, loaded by libos/proc/elf.c into a guest that only remembers what
 * is mapped where.  Beside what the sanitizers see it checks what loading may never do: map outside the guest's part of
 * the address space or at odd addresses, let the interpreter replace the program, leave memory or files behind, or
 * succeed with an entry that no guest can have.
 *
 * Input: flags (1: no address randomisation; 2: the interpreter cannot be opened), which allocation fails (0: none),
 * the program's length (2 bytes), the program, the interpreter.
 */
#include "libos/mm/internal.h"
#include "libos/proc/internal.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
void *malloc(size_t n);
void free(void *p);
void abort(void) __noreturn;
int dprintf(int fd, const char *fmt, ...) __printf(2, 3);
long syscall(long nr, ...);

#define CHECK(cond)                                                                                          \
	do {                                                                                                 \
		if (!(cond)) {                                                                               \
			dprintf(2, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond);                   \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

/* --- a guest that only remembers --- */

struct range {
	u64 start, end;
	u32 prot;
	bool of_interpreter;
};
static struct range ranges[4096];
static u32 count;

static struct range *overlap(u64 start, u64 end)
{
	for (u32 i = 0; i < count; i++)
		if (ranges[i].start < end && start < ranges[i].end)
			return &ranges[i];
	return NULL;
}

static void forget(u64 start, u64 end)
{
	struct range *r;

	while ((r = overlap(start, end))) {
		struct range old = *r;

		*r = ranges[--count];
		CHECK(count + 2 <= ARRAY_SIZE(ranges));
		if (old.start < start)
			ranges[count++] = (struct range){old.start, start, old.prot, old.of_interpreter};
		if (old.end > end)
			ranges[count++] = (struct range){end, old.end, old.prot, old.of_interpreter};
	}
}

/* The program is mapped first; phnum is set when it is whole. */
static struct exec_image image;
static bool interpreter_is_fixed;

static bool replaces_program(u64 start, u64 end)
{
	for (u32 i = 0; i < count; i++)
		if (!ranges[i].of_interpreter && ranges[i].start < end && start < ranges[i].end)
			return true;
	return false;
}

long mm_map(u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off)
{
	struct range *old;

	CHECK((flags & ~(u32)(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS)) == MAP_PRIVATE && flags & MAP_FIXED);
	CHECK(!(addr & ~PAGE_MASK) && !(off & ~PAGE_MASK) && off <= INT64_MAX);
	CHECK(!file == !!(flags & MAP_ANONYMOUS) && !(prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC)));
	len = PAGE_ALIGN(len);
	if (!len || len > BZ_GUEST_HIGH)
		return -ENOMEM;
	if (off + len > INT64_MAX)
		return -EOVERFLOW;
	if (!range_ok(addr, len))
		return -ENOMEM;
	if (addr < MMAP_MIN_ADDR)
		return -EPERM;
	old = overlap(addr, addr + len);
	if (old && flags & MAP_FIXED_NOREPLACE)
		return -EEXIST;
	/* An interpreter that is placed replaces nothing of the program; one at fixed addresses may, as on Linux. */
	CHECK(!old || !image.phnum || interpreter_is_fixed || !replaces_program(addr, addr + len));
	forget(addr, addr + len);
	CHECK(count < ARRAY_SIZE(ranges));
	ranges[count++] = (struct range){addr, addr + len, prot, image.phnum != 0};
	return addr;
}

/* The highest free room below the stack, as the real one would find. */
long mm_unmapped_area(struct mm *mm, u64 addr, u64 len, u32 flags, bool huge)
{
	u64 at = 0x7fff00000000ul;
	struct range *r;

	(void)flags, (void)huge;
	CHECK(mm->lock.word && !addr && len && !(len & ~PAGE_MASK));
	for (;;) {
		if (len > at - MMAP_MIN_ADDR)
			return -ENOMEM;
		if (!range_ok(at - len, len)) {
			at = BZ_RESERVED_LOW;
			continue;
		}
		r = overlap(at - len, at);
		if (!r)
			return at - len;
		at = r->start;
	}
}

int clear_user(void *uaddr, size_t n)
{
	struct range *r = n ? overlap((u64)uaddr, (u64)uaddr + 1) : NULL;

	CHECK(n < PAGE_SIZE);
	return !r || !(r->prot & PROT_WRITE) || (u64)uaddr + n > r->end ? -EFAULT : 0;
}

bool access_ok(const void *addr, size_t len)
{
	return range_ok((u64)addr, len);
}

void mutex_lock(struct mutex *m)
{
	CHECK(!m->word);
	m->word = 1;
}

void mutex_unlock(struct mutex *m)
{
	CHECK(m->word);
	m->word = 0;
}

/* --- memory and files of the library OS --- */

static u32 allocated, fail_at;

void *kmalloc(size_t n)
{
	if (fail_at && !--fail_at)
		return NULL;
	allocated++;
	return malloc(n);
}

void kfree(void *p)
{
	allocated -= p != NULL;
	free(p);
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src), m = min(n, size - 1);

	memcpy(dst, src, m);
	dst[m] = 0;
	return n;
}

struct bytes {
	const u8 *data;
	size_t size;
};
static struct bytes program, interpreter;
static const struct file_ops mappable = {.mmap = (void *)abort};
static struct file program_file, interpreter_file;
static bool interpreter_is_missing;

ssize_t file_read_kernel(struct file *f, void *buf, size_t n, i64 pos)
{
	const struct bytes *b = f->priv;

	CHECK(pos >= 0);
	if ((u64)pos >= b->size)
		return 0;
	n = min(n, b->size - (size_t)pos);
	memcpy(buf, b->data + pos, n);
	return n;
}

struct file *exec_open(int dirfd, const char *name, u32 lookup)
{
	(void)dirfd, (void)lookup;
	if (interpreter_is_missing || strlen(name) > PATH_MAX)
		return ERR_PTR(-ENOENT);
	interpreter_file.refs++;
	return &interpreter_file;
}

static void fake_random(void *buf, size_t n)
{
	static u32 state = 1;

	for (size_t i = 0; i < n; i++)
		((u8 *)buf)[i] = (state = state * 1664525 + 1013904223) >> 24;
}

static const struct bz_abi fake = {.random_bytes = fake_random};
const struct bz_abi *host = &fake;

/* --- one input --- */

static struct thread thread;
static struct process process;
static struct mm mm;
static u64 thread_block[2];
static char lacks[sizeof(((struct launch *)0)->lacks)];

static void set_up(const u8 *data, size_t size)
{
	size_t length = data[2] | data[3] << 8;

	if (!thread_block[1]) {
		thread_block[1] = (u64)&thread;
		CHECK(!syscall(158 /* arch_prctl */, 0x1001 /* ARCH_SET_GS */, thread_block));
	}
	thread.personality = data[0] & 1 ? 0x0040000 /* ADDR_NO_RANDOMIZE */ : 0;
	thread.process = &process;
	process.mm = &mm;
	interpreter_is_missing = data[0] & 2;
	fail_at = data[1];
	length = min(length, size - 4);
	program = (struct bytes){data + 4, length};
	interpreter = (struct bytes){data + 4 + length, size - 4 - length};
	program_file = (struct file){.refs = 1, .ops = &mappable, .priv = &program};
	interpreter_file = (struct file){.ops = &mappable, .priv = &interpreter};
	memset(&mm, 0, sizeof(mm));
	count = allocated = 0;
	memset(&image, 0, sizeof(image));
	image.file = &program_file;
	image.lacks = lacks;
	interpreter_is_fixed = interpreter.size > 17 && interpreter.data[16] == 2 /* ET_EXEC */;
}

static void check_loaded(void)
{
	u64 brk = mm.start_brk;

	CHECK(access_ok((void *)image.entry, 1));
	CHECK(!(brk & ~PAGE_MASK) && mm.brk == brk);
	/* Program headers that the guest is told of lie in what was mapped, but for a segment without any bytes. */
	if (image.phdr)
		CHECK(access_ok((void *)image.phdr, 1));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size < 4)
		return 0;
	set_up(data, size);
	file_read_kernel(&program_file, image.head, sizeof(image.head), 0);
	if (!elf_check(&image) && !elf_load(&image))
		check_loaded();
	CHECK(!allocated && !mm.lock.word);
	CHECK(program_file.refs == 1 && interpreter_file.refs == (image.interp != NULL));
	return 0;
}
