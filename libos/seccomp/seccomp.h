/*
 * A guest's own seccomp filters, seccomp(2): what a program forbids itself and its descendants.  Enforced by the library OS
 * among guests that keep to system calls, so for compatibility and the program's own defence in depth; the sandbox's boundary is the
 * host's filter, of which guests learn nothing.
 */
#ifndef LIBOS_SECCOMP_H
#define LIBOS_SECCOMP_H

#include "libos/proc/proc.h"

/* What to do with a call that has hooks (thread->hooks & HOOK_SECCOMP). */
enum seccomp_verdict {
	SECCOMP_GO_ON,
	SECCOMP_SKIP,	/* *ret is its result */
	SECCOMP_GONE,	/* as if it had not been made: the context is what it was, and a signal waits */
};
enum seccomp_verdict seccomp_check(struct thread *t, struct bz_context *ctx, long *ret);
/* A new thread or process has its maker's; the maker's process is locked where the new thread joins it. */
void seccomp_inherit(struct thread *t, const struct thread *maker);
void seccomp_forget(struct thread *t);
long seccomp_prctl(unsigned long mode, const void *uprog);	/* PR_SET_SECCOMP */
u32 seccomp_count(const struct thread *t);			/* of filters */

/* --- bpf.c: classic BPF over struct seccomp_data --- */
struct sock_filter;
struct seccomp_data;
int seccomp_bpf_check(struct sock_filter *prog, u32 len);	/* 0, -EINVAL or -ENOMEM */
u32 seccomp_bpf_run(const struct sock_filter *prog, const struct seccomp_data *data);

#endif
