/* In place of libos/rewrite: every call traps, and addresses are what they seem. */
#include "libos/rewrite/rewrite.h"

void rewrite_trapped(struct thread *t, const struct bz_context *ctx)
{
}

u64 rewrite_shown(const struct mm *mm, u64 rip)
{
	return rip;
}

u64 rewrite_real(const struct mm *mm, u64 rip)
{
	return rip;
}

bool rewrite_is_entering(const struct mm *mm, u64 rip)
{
	return false;
}

bool rewrite_displaced(const struct mm *mm, u64 rip)
{
	return false;
}

bool rewrite_interpret(const struct mm *mm, struct bz_context *ctx)
{
	return false;
}

void rewrite_forget(struct mm *mm, u64 start, u64 end)
{
}

void rewrite_restore(struct mm *mm, u64 start, u64 end)
{
}

void rewrite_stop(struct mm *mm)
{
}

int rewrite_copy(struct mm *to, const struct mm *from)
{
	return 0;
}

void rewrite_free(struct mm *mm)
{
}

void rewrite_image_mounted(u64 base, u64 image_size)
{
}

void rewrite_mapped(struct mm *mm, u64 addr)
{
}
