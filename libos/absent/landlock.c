/* In place of libos/landlock: as on a kernel that was built without it; no thread ever has a domain. */
#include "libos/landlock/landlock.h"

int landlock_refuse(const struct landlock_domain *d, const struct path *p, u64 request)
{
	return 0;
}

int landlock_refuse_open(const struct landlock_domain *d, const struct path *p, u32 flags, bool exec)
{
	return 0;
}

int landlock_refuse_move(const struct landlock_domain *d, const struct path *from, const struct dentry *old, const struct path *to,
			 const struct dentry *target, bool removes, bool exchange)
{
	return 0;
}

bool landlock_is_within(const struct landlock_domain *inner, const struct landlock_domain *outer)
{
	return true;
}

void landlock_inherit(struct thread *t, const struct thread *maker)
{
}

void landlock_forget(struct thread *t)
{
}
