/* Registers of a stopped thread, as its tracer reads and writes them: struct user, register sets (arch/x86/kernel/ptrace.c). */
#include "libos/mm/mm.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/signal.h"
#include <linux/elf.h>
#include <linux/uio.h>

#define USER_SIZE 928		/* struct user */
#define USER_DEBUGREG 848
#define FLAGS_SETTABLE 0x54dd5ul /* FLAG_MASK with NT */
#define LEGACY 512		/* of the XSAVE area */
#define SW_FEATURES 464		/* where regsets tell the features that are there */
#define XSTATE_BV 512
#define XCOMP_BV 520

static bool valid(const struct user_regs *r)
{
	return (r->cs & 3) == 3 && (r->ss & 3) == 3 && r->fs_base < BZ_GUEST_HIGH && r->gs_base < BZ_GUEST_HIGH;
}

long ptrace_set_regs(struct ptrace *pt, const struct user_regs *regs)
{
	u64 keep = pt->regs.rflags & ~FLAGS_SETTABLE;

	if (!valid(regs))
		return -EIO;
	pt->regs = *regs;
	pt->regs.rflags = (regs->rflags & FLAGS_SETTABLE) | keep;
	pt->regs_set = true;
	return 0;
}

long ptrace_peek_user(struct ptrace *pt, u64 addr, u64 *value)
{
	if ((addr & 7) || addr >= USER_SIZE)
		return -EIO;
	*value = 0;
	if (addr < sizeof(pt->regs))
		*value = ((const u64 *)&pt->regs)[addr / 8];
	else if (addr >= USER_DEBUGREG && addr < USER_DEBUGREG + sizeof(pt->debug))
		*value = pt->debug[(addr - USER_DEBUGREG) / 8];
	return 0;
}

long ptrace_poke_user(struct ptrace *pt, u64 addr, u64 value)
{
	struct user_regs regs = pt->regs;

	if ((addr & 7) || addr >= USER_SIZE)
		return -EIO;
	if (addr < sizeof(regs)) {
		((u64 *)&regs)[addr / 8] = value;
		return ptrace_set_regs(pt, &regs);
	}
	if (addr >= USER_DEBUGREG && addr < USER_DEBUGREG + sizeof(pt->debug))
		return ptrace_set_debug(pt, (addr - USER_DEBUGREG) / 8, value);
	return -EIO;
}

/* --- extended state --- */

static u8 *area(struct ptrace *pt)
{
	return pt->extended ? extended_state_area(pt->extended) : NULL;
}

/* A header and a control register that the processor takes. */
static bool loadable(const u8 *x, u64 features, u32 mxcsr_mask)
{
	u64 bv, comp, reserved;
	u32 mxcsr;

	memcpy(&bv, x + XSTATE_BV, 8);
	memcpy(&comp, x + XCOMP_BV, 8);
	memcpy(&mxcsr, x + 24, 4);
	for (u32 i = 16; i < 64; i += 8) {
		memcpy(&reserved, x + XSTATE_BV + i, 8);
		comp |= reserved;
	}
	return !(bv & ~features) && !comp && !(mxcsr & ~mxcsr_mask);
}

static u32 mxcsr_mask(const u8 *x)
{
	u32 mask;

	memcpy(&mask, x + 28, 4);
	return mask ? mask : 0xffbf;
}

static long set_extended(struct ptrace *pt, const void *ubuf, size_t n, bool whole)
{
	u32 size = extended_state_size();
	u64 features = extended_state_features(), bv;
	u8 *x = area(pt), *copy = x ? kmalloc(size) : NULL;
	long err;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, x, size);
	err = copy_from_user(copy, ubuf, n);
	memcpy(copy + 28, x + 28, 4);
	if (!whole) {
		memcpy(&bv, copy + XSTATE_BV, 8);
		bv |= 3;
		memcpy(copy + XSTATE_BV, &bv, 8);
	}
	if (!err && !loadable(copy, features, mxcsr_mask(x)))
		err = -EINVAL;
	if (!err) {
		memcpy(x, copy, size);
		pt->extended_set = true;
	}
	kfree(copy);
	return err;
}

long ptrace_fpregs(struct ptrace *pt, u64 uaddr, bool set)
{
	if (!area(pt))
		return -ENOMEM;
	return set ? set_extended(pt, (void *)uaddr, LEGACY, false) : copy_to_user((void *)uaddr, area(pt), LEGACY);
}

static long xstate(struct ptrace *pt, void *ubuf, size_t *len, bool set)
{
	u32 size = extended_state_size();
	u64 features = extended_state_features();

	if (!area(pt))
		return -ENOMEM;
	if (set)
		return *len != size ? -EINVAL : set_extended(pt, ubuf, size, true);
	memcpy(area(pt) + SW_FEATURES, &features, 8);
	*len = min(*len, (size_t)size);
	return copy_to_user(ubuf, area(pt), *len);
}

static long general(struct ptrace *pt, void *ubuf, size_t *len, bool set)
{
	struct user_regs regs = pt->regs;

	*len = min(*len, sizeof(regs));
	if (!set)
		return copy_to_user(ubuf, &regs, *len);
	if (copy_from_user(&regs, ubuf, *len))
		return -EFAULT;
	return ptrace_set_regs(pt, &regs);
}

long ptrace_regset(struct ptrace *pt, u32 type, u64 uiov, bool set)
{
	struct iovec iov;
	long err = -EINVAL;

	if (copy_from_user(&iov, (void *)uiov, sizeof(iov)))
		return -EFAULT;
	switch (type) {
	case NT_PRSTATUS:
		if (!(iov.iov_len % 8))
			err = general(pt, iov.iov_base, &iov.iov_len, set);
		break;
	case NT_PRFPREG:
		iov.iov_len = min(iov.iov_len, (size_t)LEGACY);
		if (!area(pt))
			err = -ENOMEM;
		else if (set)
			err = set_extended(pt, iov.iov_base, iov.iov_len, false);
		else
			err = copy_to_user(iov.iov_base, area(pt), iov.iov_len);
		break;
	case NT_X86_XSTATE:
		if (!(iov.iov_len % 8))
			err = xstate(pt, iov.iov_base, &iov.iov_len, set);
		break;
	}
	if (!err && copy_to_user((void *)(uiov + offsetof(struct iovec, iov_len)), &iov.iov_len, sizeof(iov.iov_len)))
		err = -EFAULT;
	return err;
}
