/*
 * NUMA memory policies, as a machine with one node answers: set_mempolicy(2), mbind(2), get_mempolicy(2), migrate_pages(2),
 * move_pages(2).  What is asked for is checked as Linux does, kept and told again; it changes nothing, since all memory
 * is of node 0 here.  Checks as in Linux 6.1, mm/mempolicy.c.
 */
#include "libos/kernel/syscall.h"
#include "libos/mm/internal.h"
#include <linux/capability.h>
#include <linux/mempolicy.h>

/* A policy as threads and vmas hold it; 0: the default. */
#define POLICY_MODE 0x00ffu
#define POLICY_NODE 0x0100u	/* node 0 is in its set */
#define POLICY_FLAGS ((u32)MPOL_MODE_FLAGS)
#define NODE0 1ull
#define NODES_MAX 64ull

static int mode_split(int mode, u32 *flags, u32 *plain)
{
	*flags = mode & MPOL_MODE_FLAGS;
	*plain = mode & ~MPOL_MODE_FLAGS;
	if (*plain >= MPOL_MAX)
		return -EINVAL;
	if ((*flags & MPOL_F_STATIC_NODES) && (*flags & MPOL_F_RELATIVE_NODES))
		return -EINVAL;
	return (*flags & MPOL_F_NUMA_BALANCING) && *plain != MPOL_BIND ? -EINVAL : 0;
}

/* The guest's set of nodes; of those that no machine here can have none may be in it. */
static int nodes_in(const u64 *umask, u64 maxnode, u64 *nodes)
{
	u64 word;

	*nodes = 0;
	if (--maxnode == 0 || !umask)
		return 0;
	if (maxnode > PAGE_SIZE * 8)
		return -EINVAL;
	for (u64 at = 0; at * 64 < maxnode; at++) {
		if (get_user(word, &umask[at]))
			return -EFAULT;
		if (maxnode - at * 64 < 64)
			word &= (1ull << (maxnode - at * 64)) - 1;
		if (!at)
			*nodes = word;
		else if (word)
			return -EINVAL;
	}
	return 0;
}

static int nodes_out(u64 *umask, u64 maxnode, u64 nodes)
{
	u64 bytes = ROUND_UP(maxnode - 1, 64ull) / 8;

	if (bytes > sizeof(nodes)) {
		if (bytes > PAGE_SIZE)
			return -EINVAL;
		if (clear_user(umask + 1, bytes - sizeof(nodes)))
			return -EFAULT;
		bytes = sizeof(nodes);
	}
	return copy_to_user(umask, &nodes, bytes);
}

static int policy_make(u32 mode, u32 flags, u64 nodes, u32 *policy)
{
	bool fixed = flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);

	*policy = 0;
	if (mode == MPOL_DEFAULT)
		return nodes ? -EINVAL : 0;
	if (mode == MPOL_LOCAL || (mode == MPOL_PREFERRED && !nodes)) {
		if (nodes || fixed)
			return -EINVAL;
		*policy = MPOL_LOCAL;
		return 0;
	}
	/* Relative ones count among those that there are, so that any number is node 0. */
	if (!nodes || (!(flags & MPOL_F_RELATIVE_NODES) && !(nodes & NODE0)))
		return -EINVAL;
	*policy = mode | flags | POLICY_NODE;
	return 0;
}

static int policy_in(int mode, const u64 *umask, u64 maxnode, u32 *policy)
{
	u32 flags, plain;
	u64 nodes;
	int err = mode_split(mode, &flags, &plain);

	if (!err)
		err = nodes_in(umask, maxnode, &nodes);
	return err ? err : policy_make(plain, flags, nodes, policy);
}

SYSCALL(set_mempolicy, int mode, const unsigned long *mask, unsigned long maxnode)
{
	u32 policy;
	int err = policy_in(mode, (const u64 *)mask, maxnode, &policy);

	if (!err)
		current->mempolicy = policy;
	return err;
}

/* The policy of [start, end), or what `each` says of each vma there. */
static long each_vma(u64 start, u64 end, long (*each)(struct vma *v, u32 policy), u32 policy)
{
	struct mm *mm = lock_mm();
	long ret = vma_covers(mm, start, end) ? vma_isolate(mm, start, end) : -EFAULT;
	struct vma *v = vma_find(mm, start);

	for (; !ret && v && v->start < end; v = vma_next(mm, v))
		ret = each(v, policy);
	vma_merge_range(mm, start, end);
	mutex_unlock(&mm->lock);
	return ret;
}

static long set_policy(struct vma *v, u32 policy)
{
	v->policy = policy;
	return 0;
}

static long has_home(struct vma *v, u32 policy)
{
	u32 mode = v->policy & POLICY_MODE;

	return mode == MPOL_BIND || mode == MPOL_PREFERRED_MANY ? 0 : -EOPNOTSUPP;
}

SYSCALL(mbind, unsigned long start, unsigned long len, unsigned long mode, const unsigned long *mask, unsigned long maxnode,
	unsigned int flags)
{
	u64 end = start + PAGE_ALIGN(len);
	u32 policy, mode_flags, plain;
	u64 nodes;
	int err = mode_split(mode, &mode_flags, &plain);

	if (!err)
		err = nodes_in((const u64 *)mask, maxnode, &nodes);
	if (err)
		return err;
	if (flags & ~(u32)MPOL_MF_VALID)
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !capable(CAP_SYS_NICE))
		return -EPERM;
	if ((start & ~PAGE_MASK) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	err = policy_make(plain, mode_flags, nodes, &policy);
	return err ? err : each_vma(start, end, set_policy, policy);
}

SYSCALL(set_mempolicy_home_node, unsigned long start, unsigned long len, unsigned long node, unsigned long flags)
{
	u64 end = start + PAGE_ALIGN(len);

	if ((start & ~PAGE_MASK) || flags || node || end < start)
		return -EINVAL;
	return end == start ? 0 : each_vma(start, end, has_home, 0);
}

SYSCALL(get_mempolicy, int *umode, unsigned long *umask, unsigned long maxnode, unsigned long addr, unsigned long flags)
{
	u32 policy = current->mempolicy;
	u64 nodes;
	int mode;

	if ((umask && !maxnode) || (flags & ~(u64)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		if (flags & (MPOL_F_NODE | MPOL_F_ADDR))
			return -EINVAL;
		if (umode && put_user(0, umode))
			return -EFAULT;
		return umask ? nodes_out((u64 *)umask, maxnode, NODE0) : 0;
	}
	if (flags & MPOL_F_ADDR) {
		struct mm *mm = lock_mm();
		struct vma *v = vma_find(mm, addr);
		bool found = v && v->start <= addr;

		policy = found ? v->policy : 0;
		mutex_unlock(&mm->lock);
		if (!found)
			return -EFAULT;
	} else if (addr) {
		return -EINVAL;
	}
	if ((flags & MPOL_F_NODE) && !(flags & MPOL_F_ADDR) && (policy & POLICY_MODE) != MPOL_INTERLEAVE)
		return -EINVAL;
	mode = flags & MPOL_F_NODE ? 0 : (int)((policy & POLICY_MODE) | (policy & POLICY_FLAGS));
	nodes = policy & POLICY_NODE ? NODE0 : 0;
	if (umode && put_user(mode, umode))
		return -EFAULT;
	return umask ? nodes_out((u64 *)umask, maxnode, nodes) : 0;
}

/* --- moving: all pages are where they can be --- */

/* Whose memory it is about: referenced, or an ERR_PTR.  As ptrace(2) asks for PTRACE_MODE_READ_REALCREDS. */
static struct process *memory_of(i32 pid)
{
	const struct cred *me = &current->process->cred, *him;
	struct process *p = pid ? process_find(pid) : current->process;

	if (!p)
		return ERR_PTR(-ESRCH);
	if (!pid)
		ref_get(&p->refs);
	him = &p->cred;
	if (p == current->process || capable(CAP_SYS_PTRACE) ||
	    (me->uid == him->euid && me->uid == him->suid && me->uid == him->uid && me->gid == him->egid &&
	     me->gid == him->sgid && me->gid == him->gid))
		return p;
	process_put(p);
	return ERR_PTR(-EPERM);
}

SYSCALL(migrate_pages, int pid, unsigned long maxnode, const unsigned long *from, const unsigned long *to)
{
	struct process *p;
	u64 old, new;
	int err = nodes_in((const u64 *)from, maxnode, &old);

	if (!err)
		err = nodes_in((const u64 *)to, maxnode, &new);
	if (err)
		return err;
	p = memory_of(pid);
	if (IS_ERR(p))
		return PTR_ERR(p);
	process_put(p);
	if ((new & ~NODE0) && !capable(CAP_SYS_NICE))
		return -EPERM;
	return new & NODE0 ? 0 : -EINVAL;
}

static int page_status(struct mm *mm, u64 addr)
{
	struct vma *v;
	int ret;

	if (!mm)
		return -EFAULT;
	mutex_lock(&mm->lock);
	v = vma_find(mm, addr);
	ret = v && v->start <= addr ? 0 : -EFAULT;
	mutex_unlock(&mm->lock);
	return ret;
}

static long move_each(struct process *p, u64 n, const u64 *pages, const i32 *nodes, i32 *status)
{
	for (u64 i = 0; i < n; i++) {
		i32 node = 0;
		u64 addr;

		if (get_user(addr, &pages[i]) || (nodes && get_user(node, &nodes[i])))
			return -EFAULT;
		if (node)
			return -ENODEV;
		if (put_user(page_status(p->mm, addr), &status[i]))
			return -EFAULT;
	}
	return 0;
}

SYSCALL(move_pages, int pid, unsigned long n, const void *const *pages, const int *nodes, int *status, int flags)
{
	struct process *p;
	long ret;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !capable(CAP_SYS_NICE))
		return -EPERM;
	p = memory_of(pid);
	if (IS_ERR(p))
		return PTR_ERR(p);
	ret = move_each(p, n, (const u64 *)pages, nodes, status);
	process_put(p);
	return ret;
}
