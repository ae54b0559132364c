/*
 * The initial stack of a program, laid out as Linux does (psABI 3.4.1, "Initial Stack and Register State"):
 *
 *   top | 8 zero bytes | filename | environment | arguments | random gap | "x86_64" | 16 random bytes | gap |
 *       | auxiliary vector | 0 | envp[] | 0 | argv[] | argc | <- rsp, 16-byte aligned
 */
#include "libos/kernel/cpu.h"
#include "libos/mm/internal.h"
#include "libos/proc/internal.h"
#include <linux/auxvec.h>

#define STACK_EXTRA (128ul << 10)	/* mapped below what is used, as Linux does */
#define ADDR_NO_RANDOMIZE 0x0040000

struct builder {
	struct exec_image *img;
	struct process *p;
	u64 auxv[48];
	u32 n;
};

/* Each CPUID traps on virtual machines: asked once a sandbox. */
static u32 hwcap, min_sigstack;

static void cpu_init(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	hwcap = r[3];
	min_sigstack = 2048;
	if (r[2] & (1u << 27)) {
		/* What Linux tells on processors of this kind: the state (for what XCR0 enables), and 944 bytes for frame,
		 * siginfo, ucontext, marks and alignment. */
		cpuid(0xd, 0, r);
		min_sigstack = ROUND_UP(r[1] + 944u, 16u);
	}
}
INITCALL(INIT_LATE, cpu_init);

static void aux(struct builder *b, u64 type, u64 value)
{
	b->auxv[b->n++] = type;
	b->auxv[b->n++] = value;
}

static void fill_auxv(struct builder *b, u64 platform, u64 random, u64 execfn)
{
	struct exec_image *img = b->img;
	const struct cred *c = &b->p->cred;
	u64 vdso = b->p->mm->vdso;

	if (vdso)
		aux(b, AT_SYSINFO_EHDR, vdso);
	aux(b, 51 /* AT_MINSIGSTKSZ */, min_sigstack);
	aux(b, AT_HWCAP, hwcap);
	aux(b, AT_PAGESZ, PAGE_SIZE);
	aux(b, AT_CLKTCK, 100);
	aux(b, AT_PHDR, img->phdr);
	aux(b, AT_PHENT, 56);
	aux(b, AT_PHNUM, img->phnum);
	aux(b, AT_BASE, img->base);
	aux(b, AT_FLAGS, 0);
	aux(b, AT_ENTRY, img->exec_entry);
	aux(b, AT_UID, c->uid);
	aux(b, AT_EUID, c->euid);
	aux(b, AT_GID, c->gid);
	aux(b, AT_EGID, c->egid);
	aux(b, AT_SECURE, img->secure);
	aux(b, AT_RANDOM, random);
	/* Not FSGSBASE: threads that never set GS have it point to their blocks, and code that saved it by rdgsbase in one thread and
	 * put it back in another would give that the wrong one.  arch_prctl shows them 0. */
	aux(b, AT_HWCAP2, 0);
	aux(b, AT_EXECFN, execfn);
	aux(b, AT_PLATFORM, platform);
	aux(b, AT_NULL, 0);
}

static u64 random_below(u64 n)
{
	u64 v;

	if (current->personality & ADDR_NO_RANDOMIZE)
		return 0;
	host->random_bytes(&v, sizeof(v));
	return v % n;
}

/* Map the stack so that `need` bytes of it can be used now.  Returns its top, or -errno. */
static long map_stack(struct exec_image *img, u64 need)
{
	u64 top = BZ_GUEST_HIGH - PAGE_SIZE - (random_below(0x400000) << PAGE_SHIFT);
	u64 size = PAGE_ALIGN(need) + STACK_EXTRA, limit = rlimit_soft(RLIMIT_STACK);
	u32 prot = PROT_READ | PROT_WRITE | (img->exec_stack ? PROT_EXEC : 0);
	long ret;

	if (limit < size)
		size = max(PAGE_ALIGN(need), limit & PAGE_MASK);
	ret = mm_map_named(top - size, size, prot,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, "[stack]");
	return ret < 0 ? ret : (long)top;
}

/* Write the pointers to n strings that lie one after another at *str, and a null; 0 or -EFAULT. */
static int put_pointers(u64 **at, u64 *str, const char *text, int n)
{
	for (int i = 0; i < n; i++) {
		size_t len = strlen(text) + 1;

		if (put_user(*str, *at))
			return -EFAULT;
		(*at)++;
		*str += len;
		text += len;
	}
	return put_user((u64)0, (*at)++);
}

int stack_build(struct exec_image *img)
{
	struct exec_args *a = &img->args;
	struct builder b = {.img = img, .p = current->process};
	size_t name_len = strlen(img->filename) + 1;
	u64 vector = 8ul * (a->argc + a->envc + 3) + sizeof(b.auxv);
	struct mm *mm = current->process->mm;
	u64 top, execfn, strings, platform, random, sp, *at;
	long ret = map_stack(img, a->len + name_len + vector + 2 * PAGE_SIZE + 8192);
	u8 seed[16];

	if (ret < 0)
		return ret;
	top = ret;
	mm->start_stack = top;
	mm->vdso = vdso_map(top, top + (random_below(16) << PAGE_SHIFT));
	execfn = top - 8 - name_len;
	strings = execfn - a->len;
	host->random_bytes(seed, sizeof(seed));
	platform = ((strings - random_below(8192)) & ~15ul) - 8;
	random = (platform - sizeof(seed)) & ~15ul;
	if (copy_to_user((void *)execfn, img->filename, name_len) || copy_to_user((void *)strings, a->buf, a->len) ||
	    copy_to_user((void *)platform, "x86_64", 7) || copy_to_user((void *)random, seed, sizeof(seed)))
		return -EFAULT;
	fill_auxv(&b, platform, random, execfn);
	sp = (random - 8ul * (a->argc + a->envc + 3) - 8ul * b.n) & ~15ul;
	at = (u64 *)sp;
	if (put_user((u64)a->argc, at++))
		return -EFAULT;
	mm->arg_start = strings;
	mm->arg_end = mm->env_start = strings + a->argv_len;
	mm->env_end = execfn;
	if (put_pointers(&at, &strings, a->buf, a->argc) ||
	    put_pointers(&at, &strings, a->buf + a->argv_len, a->envc) || copy_to_user(at, b.auxv, 8ul * b.n))
		return -EFAULT;
	memcpy(b.p->auxv, b.auxv, sizeof(b.auxv));
	b.p->auxv_len = 8 * b.n;
	img->sp = sp;
	return 0;
}
