/* NUMA policy calls as a machine with one node answers them, membarrier(2), and calls about memory that are absent. */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"
#include <linux/capability.h>
#include <linux/mempolicy.h>

#define MAX_NODES_BITS (8 * PAGE_SIZE)

/* The node mask of the guest: *empty, and an error if it names a node other than 0. */
static int get_nodes(const unsigned long *umask, unsigned long maxnode, bool *empty)
{
	unsigned long word, bits;

	*empty = true;
	if (!umask || maxnode <= 1)
		return 0;
	maxnode--;
	if (maxnode > MAX_NODES_BITS)
		return -EINVAL;
	for (bits = 0; bits < maxnode; bits += 64) {
		if (get_user(word, umask + bits / 64))
			return -EFAULT;
		if (maxnode - bits < 64)
			word &= (1ul << (maxnode - bits)) - 1;
		if (word & ~(bits ? 0ul : 1ul))
			return -EINVAL;
		if (word)
			*empty = false;
	}
	return 0;
}

static int check_policy(int mode_flags, const unsigned long *umask, unsigned long maxnode)
{
	int mode = mode_flags & ~MPOL_MODE_FLAGS, flags = mode_flags & MPOL_MODE_FLAGS, err;
	bool empty;

	if (mode < 0 || mode >= MPOL_MAX)
		return -EINVAL;
	if ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES))
		return -EINVAL;
	err = get_nodes(umask, maxnode, &empty);
	if (err)
		return err;
	switch (mode) {
	case MPOL_DEFAULT:
	case MPOL_LOCAL:
		return empty && (mode == MPOL_DEFAULT || !flags) ? 0 : -EINVAL;
	case MPOL_PREFERRED:
		return empty && flags ? -EINVAL : 0;
	}
	return empty ? -EINVAL : 0;
}

/* One node: every policy places memory where the default does, so none is kept. */
SYSCALL(set_mempolicy, int mode, const unsigned long *nmask, unsigned long maxnode)
{
	return check_policy(mode, nmask, maxnode);
}

SYSCALL(get_mempolicy, int *policy, unsigned long *nmask, unsigned long maxnode, void *addr, unsigned long flags)
{
	unsigned long mask = flags & MPOL_F_MEMS_ALLOWED ? 1 : 0, bits;
	int value = MPOL_DEFAULT;
	bool ok;

	if (flags & ~(unsigned long)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (nmask && maxnode < 2)
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		if (flags & (MPOL_F_NODE | MPOL_F_ADDR))
			return -EINVAL;
	} else if (flags & MPOL_F_ADDR) {
		struct mm *mm = lock_mm();

		ok = vma_covers(mm, (u64)addr & PAGE_MASK, ((u64)addr & PAGE_MASK) + PAGE_SIZE);
		mutex_unlock(&mm->lock);
		if (!ok)
			return -EFAULT;
		if (flags & MPOL_F_NODE)
			value = 0;
	} else if (addr || (flags & MPOL_F_NODE)) {
		return -EINVAL;
	}
	if (policy && put_user(value, policy))
		return -EFAULT;
	if (!nmask)
		return 0;
	for (bits = 0; bits < min(maxnode - 1, MAX_NODES_BITS); bits += 64) {
		unsigned long word = bits ? 0 : mask;

		if (copy_to_user(nmask + bits / 64, &word, min(8ul, (maxnode - 1 - bits + 7) / 8)))
			return -EFAULT;
	}
	return 0;
}

SYSCALL(mbind, void *addr, unsigned long len, unsigned long mode, const unsigned long *nmask, unsigned long maxnode,
	unsigned int flags)
{
	u64 start = (u64)addr, end = start + PAGE_ALIGN(len);
	struct mm *mm;
	int err;

	if (flags & ~(unsigned int)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (end < start)
		return -EINVAL;
	err = check_policy(mode, nmask, maxnode);
	if (err || end == start)
		return err;
	mm = lock_mm();
	err = vma_covers(mm, start, end) ? 0 : -EFAULT;
	mutex_unlock(&mm->lock);
	return err;
}

SYSCALL(set_mempolicy_home_node, unsigned long start, unsigned long len, unsigned long node, unsigned long flags)
{
	if ((start & ~PAGE_MASK) || flags || node)
		return -EINVAL;
	return 0;
}

SYSCALL(migrate_pages, int pid, unsigned long maxnode, const unsigned long *from, const unsigned long *to)
{
	struct process *p;
	bool empty;
	int err = get_nodes(from, maxnode, &empty);

	if (!err)
		err = get_nodes(to, maxnode, &empty);
	if (err)
		return err;
	if (!pid)
		return 0;
	p = process_find(pid);
	if (!p)
		return -ESRCH;
	process_put(p);
	return 0;
}

/* Each page is on node 0, or is not there. */
SYSCALL(move_pages, int pid, unsigned long count, const void **pages, const int *nodes, int *status, int flags)
{
	struct mm *mm = current->process->mm;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !capable(CAP_SYS_NICE))
		return -EPERM;
	if (pid && pid != current->process->pid) {
		struct process *p = process_find(pid);

		if (p)
			process_put(p);
		return p ? -EPERM : -ESRCH;
	}
	for (unsigned long i = 0; i < count; i++) {
		void *addr;
		int node = 0, result;

		if (get_user(addr, pages + i) || (nodes && get_user(node, nodes + i)))
			return -EFAULT;
		if (node)
			return -ENODEV;
		mutex_lock(&mm->lock);
		result = vma_covers(mm, (u64)addr & PAGE_MASK, ((u64)addr & PAGE_MASK) + 1) ? 0 : -EFAULT;
		mutex_unlock(&mm->lock);
		if (put_user(result, status + i))
			return -EFAULT;
	}
	return 0;
}

/* Deprecated since Linux 4.0, and refused rather than done wrongly. */
SYSCALL(remap_file_pages, void *addr, size_t size, int prot, size_t pgoff, int flags)
{
	return -ENOSYS;
}
