/*
 * Each patched site of an ELF file, natively and patched, from the same random registers: what the library OS is entered with, and
 * every register, the flags, the scratch memory and the place after the displaced instructions must be the same.
 *
 *	sites-diff ROUNDS FILE...
 *
 * The file is mapped as a program would be; the call itself is a routine of this program's that changes what `syscall` changes.
 * Registers point into scratch memory, so most memory operands work; where one faults, it must fault both ways.
 */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "image/sites.h"
#include "libos/rewrite/decode.h"
#include "libos/rewrite/prove.h"

#define PAGE 4096ul
#define BASE 0x6f0000000000ul	/* where files go that may lie anywhere */
#define SCRATCH 0x6e0000000000ul
#define SCRATCH_SIZE (64ul << 10)
#define LANDING 0x6e1000000000ul	/* where a displaced `ret` arrives */
#define FLAGS 0x8d5		/* the arithmetic ones */
#define GENERAL 16		/* gregs 0..15: r8-r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp */

struct outcome {
	int sig;
	greg_t reg[GENERAL], rip, flags;
	unsigned char scratch[SCRATCH_SIZE];
};

static sigjmp_buf back;
static greg_t start[GENERAL], start_rip, start_flags;
static struct outcome outcome[2], *now;
uint64_t entered[GENERAL], entry_result, entry_flags, entry_target, entry_stack[8];
void entry(void);

/* As at bz_abi.syscall_entry; leaves what `syscall` does: rax = result, rcx = the address shown, r11 = flags. */
__asm__(".text\n.globl entry\nentry:\n"
	"mov %r8, entered(%rip)\nmov %r9, entered+8(%rip)\nmov %r10, entered+16(%rip)\nmov %r12, entered+32(%rip)\n"
	"mov %r13, entered+40(%rip)\nmov %r14, entered+48(%rip)\nmov %r15, entered+56(%rip)\nmov %rdi, entered+64(%rip)\n"
	"mov %rsi, entered+72(%rip)\nmov %rbp, entered+80(%rip)\nmov %rbx, entered+88(%rip)\nmov %rdx, entered+96(%rip)\n"
	"mov %rax, entered+104(%rip)\nmov %rsp, entered+120(%rip)\n"
	"lea entry_stack+64(%rip), %rsp\npushfq\npopq entry_flags(%rip)\nmov entered+120(%rip), %rsp\n"
	"mov %rcx, entry_target(%rip)\nmov -8(%rcx), %r11\nlea (%rcx,%r11), %rcx\n"
	"mov entry_flags(%rip), %r11\nmov entry_result(%rip), %rax\njmp *entry_target(%rip)\n");

static void begin(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	memcpy(g, start, sizeof(start));
	g[REG_RIP] = start_rip;
	g[REG_EFL] = (g[REG_EFL] & ~FLAGS) | start_flags;
}

static void end(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	now->sig = sig;
	memcpy(now->reg, g, sizeof(now->reg));
	now->rip = g[REG_RIP];
	now->flags = g[REG_EFL] & FLAGS;
	siglongjmp(back, 1);
}

static void run(struct outcome *o, uint64_t rip)
{
	now = o;
	start_rip = (greg_t)rip;
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1);
	memcpy(o->scratch, (void *)SCRATCH, SCRATCH_SIZE);
}

static uint64_t random64(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void fill_scratch(const unsigned char *bytes)
{
	memcpy((void *)SCRATCH, bytes, SCRATCH_SIZE);
	for (unsigned int i = 0; i < 16; i++) /* what a displaced ret may pop */
		((uint64_t *)start[REG_RSP])[i] = LANDING + i * 16;
}

/* Where the displaced instructions may lead: breakpoints there. */
static size_t exits_of(const struct patch_plan *p, uint64_t bias, uint64_t exits[PATCH_MOVED + 1])
{
	struct insn i;
	size_t n = 0;

	exits[n++] = bias + p->site + patch_behind(p->before, p->length);
	for (unsigned int k = 0; k < p->count; k++) {
		unsigned char code[15 + PATCH_MAX] = {0};

		memcpy(code, p->original + p->before + p->from[k], p->length - p->before - p->from[k]);
		if (insn_decode(&i, code, 15) && (i.kind == INSN_JUMP || i.kind == INSN_BRANCH))
			exits[n++] = bias + p->site + p->from[k] + i.length + (uint64_t)(int64_t)i.target;
	}
	return n;
}

/* An address in the stub, as it would be shown. */
static uint64_t shown(const struct patch_plan *p, uint64_t stub, uint64_t bias, uint64_t rip)
{
	if (rip == stub)
		return bias + patch_start(p);
	for (unsigned int k = 0; k < p->count; k++)
		if (rip == stub + p->to[k])
			return bias + p->site + p->from[k];
	return rip;
}

static int differ(const char *what, const char *file, const struct patch_plan *p)
{
	printf("%s: site %#lx: %s\n", file, (unsigned long)p->site, what);
	return 1;
}

/* What the instruction before the site makes of the registers, natively; the state goes on from there.  False: it faulted. */
static bool run_front(const struct patch_plan *p, uint64_t at, uint64_t site, struct outcome *o)
{
	unsigned char under = *(unsigned char *)site;
	bool arrived;

	if (!patch_is_around(p->before, p->length))
		return true;
	*(unsigned char *)site = 0xcc;
	run(o, at);
	*(unsigned char *)site = under;
	arrived = o->sig == SIGTRAP && (uint64_t)o->rip == site + 1;
	for (int r = 0; arrived && r < GENERAL; r++)
		start[r] = o->reg[r];
	if (arrived)
		start_flags = o->flags;
	return arrived;
}

static int compare_around(const char *file, const struct patch_plan *p, const greg_t *reached, greg_t flags)
{
	for (int r = 0; r < GENERAL; r++)
		if (r != REG_RCX && r != REG_R11 && entered[r] != (uint64_t)reached[r])
			return differ("entered with another register", file, p);
	return (greg_t)(entry_flags & FLAGS) != flags ? differ("entered with other flags", file, p) : 0;
}

static int compare_entry(const char *file, const struct patch_plan *p)
{
	for (int r = 0; r < GENERAL; r++)
		if (r != REG_RCX && r != REG_R11 && !(r == REG_RAX && p->before) && entered[r] != (uint64_t)start[r])
			return differ("entered with another register", file, p);
	if ((greg_t)(entry_flags & FLAGS) != start_flags)
		return differ("entered with other flags", file, p);
	if (p->before) {
		int32_t number;

		memcpy(&number, p->original + p->length - 4, 4);
		if (p->length == 5 ? entered[REG_RAX] != (uint32_t)number : entered[REG_RAX] != (uint64_t)(int64_t)number)
			return differ("entered with another number", file, p);
	}
	return 0;
}

/* One site from one random state, natively behind the call, and patched from the jump on. */
static int try_once(const char *file, const struct patch_plan *p, uint64_t stub, uint64_t bias)
{
	static unsigned char bytes[SCRATCH_SIZE];
	uint64_t exits[PATCH_MOVED + 1], site = bias + p->site, at = bias + patch_start(p);
	unsigned char under[PATCH_MOVED + 1];
	size_t n = exits_of(p, bias, exits);
	greg_t before[GENERAL], reached[GENERAL], flags_before, flags_reached;
	bool arrived;
	int bad = 0;

	for (size_t i = 0; i < SCRATCH_SIZE; i += 8)
		memcpy(bytes + i, &(uint64_t){random64()}, 8);
	for (int r = 0; r < GENERAL; r++)
		start[r] = (greg_t)(SCRATCH + SCRATCH_SIZE / 4 + (random64() % (SCRATCH_SIZE / 2) & ~15ul));
	start_flags = (greg_t)(random64() & FLAGS);
	entry_result = random64() % 3 ? random64() % 3 ? 0 - random64() % 200 : random64() % 4 : random64();
	memcpy(before, start, sizeof(before));
	flags_before = start_flags;

	for (size_t i = 0; i < n; i++)
		under[i] = *(unsigned char *)exits[i];
	for (size_t i = 0; i < n; i++)
		*(unsigned char *)exits[i] = 0xcc;
	fill_scratch(bytes);
	arrived = run_front(p, at, site, &outcome[0]);
	memcpy(reached, start, sizeof(reached));
	flags_reached = start_flags;
	start[REG_RAX] = (greg_t)entry_result;
	start[REG_RCX] = (greg_t)(site + 2);
	start[REG_R11] = 0;
	if (arrived)
		run(&outcome[0], site + 2);

	memcpy(start, before, sizeof(before));
	start_flags = flags_before;
	fill_scratch(bytes);
	memcpy((void *)stub, p->stub, p->stub_length);
	memcpy((void *)at, p->jump, p->length);
	run(&outcome[1], at);
	memcpy((void *)at, p->original, p->length);
	for (size_t i = n; i-- > 0;)
		*(unsigned char *)exits[i] = under[i];

	if (arrived && patch_is_around(p->before, p->length))
		bad |= compare_around(file, p, reached, flags_reached);
	else if (arrived)
		bad |= compare_entry(file, p);
	outcome[0].reg[REG_R11] = outcome[1].reg[REG_R11]; /* all flags, this program's own among them */
	if (outcome[0].sig != outcome[1].sig)
		bad |= differ("another signal", file, p);
	if ((uint64_t)outcome[0].rip != shown(p, stub, bias, (uint64_t)outcome[1].rip))
		bad |= differ("goes on elsewhere", file, p);
	if (memcmp(outcome[0].reg, outcome[1].reg, sizeof(outcome[0].reg)) || outcome[0].flags != outcome[1].flags)
		bad |= differ("registers or flags differ", file, p);
	if (memcmp(outcome[0].scratch, outcome[1].scratch, SCRATCH_SIZE))
		bad |= differ("memory differs", file, p);
	return bad;
}

/* The file's segments, all of them writable here. */
static uint64_t load(const unsigned char *bytes, const struct sites *s, uint64_t *low, uint64_t *high)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)bytes;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(bytes + eh->e_phoff);
	uint64_t bias = eh->e_type == ET_DYN ? BASE : 0;

	*low = bias + s->stubs;
	*high = 0;
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_vaddr + ph[i].p_memsz > *high)
			*high = ph[i].p_vaddr + ph[i].p_memsz;
	*high = (bias + *high + PAGE - 1) & ~(PAGE - 1);
	if (mmap((void *)*low, *high - *low, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	    MAP_FAILED)
		return ~0ul;
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD)
			memcpy((void *)(bias + ph[i].p_vaddr), bytes + ph[i].p_offset, ph[i].p_filesz);
	return bias;
}

static int try_file(const char *name, unsigned long rounds)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC), bad = 0;
	uint64_t bias, low, high, stub;
	unsigned char *bytes;
	struct sites s;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 1;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (bytes == MAP_FAILED || !sites_find(bytes, (size_t)st.st_size, &s))
		return 1;
	bias = load(bytes, &s, &low, &high);
	if (bias == ~0ul)
		return 1;
	stub = bias + s.stubs;
	for (size_t i = 0; i < s.count; i++) {
		if (!s.site[i].plan)
			continue;
		for (unsigned long r = 0; r < rounds; r++)
			bad |= try_once(name, s.site[i].plan, stub, bias);
		stub += STUB_SIZE;
	}
	printf("%s: %zu sites, %lu times each\n", name, s.patched, rounds);
	munmap((void *)low, high - low);
	munmap(bytes, (size_t)st.st_size);
	sites_free(&s);
	return bad;
}

static void *map_at(uint64_t addr, size_t n, int prot)
{
	void *p = mmap((void *)addr, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

int main(int argc, char **argv)
{
	static unsigned char stack[64 << 10];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_sigaction = begin, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	static const int ends[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	int bad = 0;

	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_sigaction = end;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &sa, NULL);
	map_at(SCRATCH, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
	memset(map_at(LANDING, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), 0xcc, PAGE);
	*(uint64_t *)map_at(SYSCALL_SLOT, PAGE, PROT_READ | PROT_WRITE) = (uint64_t)entry;
	for (int i = 2; i < argc; i++)
		bad |= try_file(argv[i], strtoul(argv[1], NULL, 10));
	return argc < 3 || bad;
}
