/* A guest's general registers as Linux shows them to debuggers: struct user_regs_struct, of ptrace(2) and core(5). */
#ifndef LIBOS_USERREGS_H
#define LIBOS_USERREGS_H

#include "libos/proc/proc.h"

/* Up to rdi as struct bz_context. */
struct user_regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 orig_rax, rip, cs, rflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

/* Of the current thread. */
static inline void user_regs_fill(struct user_regs *r, const struct bz_context *ctx, u64 orig_rax)
{
	memcpy(r, ctx, offsetof(struct user_regs, orig_rax));
	r->orig_rax = orig_rax;
	r->rip = ctx->rip;
	r->rflags = ctx->rflags;
	r->rsp = ctx->rsp;
	r->cs = 0x33;
	r->ss = 0x2b;
	r->ds = r->es = r->fs = r->gs = 0;
	r->fs_base = read_fs_base();
	r->gs_base = ctx->flags & BZ_CTX_GS ? ctx->gs_base : 0;
}

#endif
