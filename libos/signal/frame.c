/*
 * Signal frames, byte for byte Linux's on x86-64 (arch/x86/kernel/signal_64.c, uapi/asm/sigcontext.h): programs parse
 * them (Go, the JVM, garbage collectors).
 *
 *   sp ->  | restorer | ucontext | siginfo |  ...  | XSAVE area, 64-byte aligned | FP_XSTATE_MAGIC2 |
 */
#include "libos/kernel/cpu.h"
#include "libos/kernel/syscall.h"
#include "libos/mm/mm.h"
#include "libos/signal/internal.h"
#include <asm/sigcontext.h>

#define RED_ZONE 128
#define UC_FLAGS (UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS)
#define FXSAVE_SIZE 512
#define SW_RESERVED 464		/* offset of struct _fpx_sw_bytes in the legacy area */
#define EFLAGS_FIX 0x50dd5ul	/* what a frame may set: AC OF DF TF SF ZF AF PF CF RF (signal_64.c FIX_EFLAGS) */
#define EFLAGS_DF 0x400ul
#define EFLAGS_TF 0x100ul
#define EFLAGS_RF 0x10000ul
#define AMX_FEATURES (3ull << 17)	/* a program must ask for these, and arch_prctl here does not give them */

struct frame_stack {
	u64 sp;
	i32 flags, pad;
	u64 size;
};

struct frame_ucontext {
	u64 flags, link;
	struct frame_stack stack;
	struct sigcontext_64 mc;
	u64 sigmask;
};

struct frame {
	u64 pretcode;
	struct frame_ucontext uc;
	struct siginfo_kernel info;
};

int xstate_save(void *user, u64 mask);
int xstate_restore(const void *area, u64 mask);
int fxstate_restore(const void *area);

static u64 xfeatures;
static u32 xstate_size;

/*
 * Size of the standard-format area for the features in use (Intel SDM 1, 13.4).  Found when first needed: a program that
 * never takes a signal does not pay for the CPUIDs, which trap in a VM.  Several threads may find it at once, so each
 * publishes the size last and whole: a frame of a size half computed would lie over the live stack.
 */
static u32 xstate_find(void)
{
	u32 lo, hi, r[4], size = FXSAVE_SIZE + 64;
	u64 features;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	features = ((u64)hi << 32 | lo) & ~AMX_FEATURES;
	for (u32 i = 2; i < 63; i++) {
		if (!(features >> i & 1))
			continue;
		cpuid(0xd, i, r);
		size = max(size, r[0] + r[1]);
	}
	WRITE_ONCE(xfeatures, features);
	__atomic_store_n(&xstate_size, size, __ATOMIC_RELEASE);
	return size;
}

static u32 xstate_bytes(void)
{
	u32 size = __atomic_load_n(&xstate_size, __ATOMIC_ACQUIRE);

	return size ? size : xstate_find();
}

bool on_altstack(const struct thread *t, u64 sp)
{
	if (t->altstack_flags & SS_AUTODISARM)
		return false;
	return t->altstack_size && sp > t->altstack_sp && sp - t->altstack_sp <= t->altstack_size;
}

static i32 altstack_state(const struct thread *t, u64 sp)
{
	i32 mode = !t->altstack_size ? SS_DISABLE : on_altstack(t, sp) ? SS_ONSTACK : 0;

	return mode | (t->altstack_flags & SS_AUTODISARM);
}

/* Where the frame starts; *fp where the extended state goes.  0 when the alternate stack is too small for it. */
static u64 frame_place(const struct thread *t, const struct bz_context *ctx, const struct sigaction_kernel *act, u64 *fp)
{
	u64 sp = ctx->rsp - RED_ZONE;
	bool on_it = on_altstack(t, ctx->rsp);

	if ((act->flags & SA_ONSTACK) && t->altstack_size && !on_it) {
		sp = t->altstack_sp + t->altstack_size;
		on_it = true;
	}
	sp = (sp - xstate_bytes() - FP_XSTATE_MAGIC2_SIZE) & ~63ull;
	*fp = sp;
	sp = ((sp - sizeof(struct frame)) & ~15ull) - 8;
	/* No frame beneath the alternate stack, with SA_ONSTACK or without. */
	if (on_it && (sp <= t->altstack_sp || sp - t->altstack_sp > t->altstack_size))
		return 0;
	return sp;
}

/* --- kept in the library OS's own memory, while a vfork's child runs (proc/vfork.c) --- */

void *extended_state_alloc(void)
{
	return kzalloc(xstate_bytes() + 64);
}

void extended_state_free(void *area)
{
	kfree(area);
}

static u64 aligned(void *area)
{
	return ((u64)area + 63) & ~63ull;
}

void extended_state_save(void *area)
{
	if (xstate_save((void *)aligned(area), xfeatures))
		panic("the vector registers cannot be saved");
}

void extended_state_restore(void *area)
{
	if (xstate_restore((void *)aligned(area), xfeatures))
		panic("the vector registers cannot be restored");
}

int extended_state_set(void *area)
{
	return xstate_restore((void *)aligned(area), xfeatures);
}

void *extended_state_area(void *area)
{
	return (void *)aligned(area);
}

u32 extended_state_size(void)
{
	return xstate_bytes();
}

u64 extended_state_features(void)
{
	xstate_bytes();
	return xfeatures;
}

static int save_extended(u64 fp)
{
	struct _fpx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1, .extended_size = xstate_size + FP_XSTATE_MAGIC2_SIZE, .xfeatures = xfeatures,
		.xstate_size = xstate_size};
	u32 magic2 = FP_XSTATE_MAGIC2;

	/* The processor writes part of the header only. */
	if (clear_user((void *)(fp + FXSAVE_SIZE), 64) || xstate_save((void *)fp, xfeatures) ||
	    copy_to_user((void *)(fp + SW_RESERVED), &sw, sizeof(sw)) ||
	    copy_to_user((void *)(fp + xstate_size), &magic2, sizeof(magic2)))
		return -EFAULT;
	return 0;
}

static void fill_context(struct sigcontext_64 *mc, const struct bz_context *c, const struct thread *t, u64 mask, u64 fp)
{
	*mc = (struct sigcontext_64){
		.r8 = c->r8, .r9 = c->r9, .r10 = c->r10, .r11 = c->r11, .r12 = c->r12, .r13 = c->r13, .r14 = c->r14,
		.r15 = c->r15, .di = c->rdi, .si = c->rsi, .bp = c->rbp, .bx = c->rbx, .dx = c->rdx, .ax = c->rax,
		.cx = c->rcx, .sp = c->rsp, .ip = c->rip, .flags = c->rflags, .cs = 0x33, .ss = 0x2b,
		.err = t->fault_err, .trapno = t->fault_trapno, .oldmask = mask, .cr2 = t->fault_cr2, .fpstate = fp,
	};
}

int signal_frame_setup(struct bz_context *ctx, const struct sigaction_kernel *act, const struct siginfo_kernel *info,
		       sigset_kernel mask)
{
	struct thread *t = current;
	struct frame f = {.pretcode = act->restorer, .info = *info};
	u64 fp, sp = frame_place(t, ctx, act, &fp);

	if (!sp || !(act->flags & SA_RESTORER) || !access_ok((void *)sp, fp + xstate_size + 4 - sp))
		return -EFAULT;
	mm_fault_in(sp, fp + xstate_size + 4 - sp, true);
	f.uc.flags = UC_FLAGS;
	f.uc.stack = (struct frame_stack){t->altstack_sp, altstack_state(t, ctx->rsp), 0, t->altstack_size};
	fill_context(&f.uc.mc, ctx, t, mask, fp);
	f.uc.sigmask = mask;
	if (save_extended(fp) || copy_to_user((void *)sp, &f, sizeof(f)))
		return -EFAULT;
	if (t->altstack_flags & SS_AUTODISARM)
		t->altstack_sp = t->altstack_size = t->altstack_flags = 0;
	ctx->rdi = info->si_signo;
	ctx->rax = 0;
	ctx->rsi = sp + offsetof(struct frame, info);
	ctx->rdx = sp + offsetof(struct frame, uc);
	ctx->rip = act->handler;
	ctx->rsp = sp;
	ctx->rflags &= ~(EFLAGS_DF | EFLAGS_RF | EFLAGS_TF);
	ctx->flags |= BZ_CTX_FULL;
	return 0;
}

/* A frame without extended state, or one that only has the legacy part, gives the rest its initial values. */
static int restore_init(u64 features)
{
	static const u8 area[FXSAVE_SIZE + 64] __attribute__((aligned(64))) = {[0] = 0x7f, [1] = 0x03, [24] = 0x80, [25] = 0x1f};

	return xstate_restore(area, features);
}

static int restore_extended(u64 fp)
{
	struct _fpx_sw_bytes sw;
	u32 magic2 = 0;

	xstate_bytes();
	if (!fp)
		return restore_init(xfeatures);
	if (!access_ok((void *)fp, xstate_size) || copy_from_user(&sw, (void *)(fp + SW_RESERVED), sizeof(sw)))
		return -EFAULT;
	if (sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size >= FXSAVE_SIZE + 64 && sw.xstate_size <= xstate_size &&
	    !copy_from_user(&magic2, (void *)(fp + sw.xstate_size), sizeof(magic2)) && magic2 == FP_XSTATE_MAGIC2) {
		if ((fp & 63) || xstate_restore((void *)fp, xfeatures & sw.xfeatures))
			return -EFAULT;
		return xfeatures & ~sw.xfeatures ? restore_init(xfeatures & ~sw.xfeatures) : 0;
	}
	if ((fp & 15) || fxstate_restore((void *)fp))
		return -EFAULT;
	return restore_init(xfeatures & ~3ull);
}

static void load_context(struct bz_context *c, const struct sigcontext_64 *mc)
{
	c->r8 = mc->r8;
	c->r9 = mc->r9;
	c->r10 = mc->r10;
	c->r11 = mc->r11;
	c->r12 = mc->r12;
	c->r13 = mc->r13;
	c->r14 = mc->r14;
	c->r15 = mc->r15;
	c->rdi = mc->di;
	c->rsi = mc->si;
	c->rbp = mc->bp;
	c->rbx = mc->bx;
	c->rdx = mc->dx;
	c->rax = mc->ax;
	c->rcx = mc->cx;
	c->rsp = mc->sp;
	c->rip = mc->ip;
	c->rflags = (c->rflags & ~EFLAGS_FIX) | (mc->flags & EFLAGS_FIX);
	c->flags |= BZ_CTX_FULL;
}

SYSCALL0(rt_sigreturn)
{
	struct thread *t = current;
	struct bz_context *ctx = t->ctx;
	struct frame_ucontext uc;
	struct siginfo_kernel fault = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};

	/* The handler's `ret` popped the restorer's address. */
	if (copy_from_user(&uc, (void *)(ctx->rsp - 8 + offsetof(struct frame, uc)), sizeof(uc)) ||
	    restore_extended(uc.mc.fpstate)) {
		signal_force(SIGSEGV, &fault);
		t->orig_rax = ~0ull;
		return 0;
	}
	signal_set_blocked(uc.sigmask);
	load_context(ctx, &uc.mc);
	altstack_set(t, uc.stack.sp, uc.stack.flags, uc.stack.size, ctx->rsp);
	t->orig_rax = ~0ull;
	return 0;
}

long altstack_set(struct thread *t, u64 sp, u32 flags, u64 size, u64 current_sp)
{
	u32 mode = flags & ~SS_FLAG_BITS;

	if (on_altstack(t, current_sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		sp = size = 0;
	} else if (size < MINSIGSTKSZ) {
		return -ENOMEM;
	}
	t->altstack_sp = sp;
	t->altstack_size = size;
	t->altstack_flags = flags & SS_AUTODISARM;
	return 0;
}

SYSCALL(sigaltstack, const struct frame_stack *uss, struct frame_stack *uold)
{
	struct thread *t = current;
	u64 sp = t->ctx->rsp;
	struct frame_stack ss, old = {t->altstack_sp, altstack_state(t, sp), 0, t->altstack_size};
	long err = 0;

	if (uss) {
		if (copy_from_user(&ss, uss, sizeof(ss)))
			return -EFAULT;
		err = altstack_set(t, ss.sp, ss.flags, ss.size, sp);
	}
	if (!err && uold && copy_to_user(uold, &old, sizeof(old)))
		err = -EFAULT;
	return err;
}
