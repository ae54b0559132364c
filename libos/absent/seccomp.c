/* In place of libos/seccomp: as on a kernel that was built without it; no thread ever has a filter. */
#include "libos/seccomp/seccomp.h"

enum seccomp_verdict seccomp_check(struct thread *t, struct bz_context *ctx, long *ret)
{
	return SECCOMP_GO_ON;
}

void seccomp_inherit(struct thread *t, const struct thread *maker)
{
}

void seccomp_forget(struct thread *t)
{
}

long seccomp_prctl(unsigned long mode, const void *uprog)
{
	return -EINVAL;
}

u32 seccomp_count(const struct thread *t)
{
	return 0;
}
