/* Memory policies as a machine with one node (or node 0 of several) keeps and tells them. */
#include "check.h"
#include <linux/mempolicy.h>

#define PAGE 4096ul

static long get(int *mode, unsigned long *nodes, void *addr, unsigned long flags)
{
	return syscall(SYS_get_mempolicy, mode, nodes, 1024, addr, flags);
}

int main(void)
{
	unsigned long nodes[16] = {0}, node0[16] = {1}, none[16] = {0}, far[16] = {0, 0, 0, 1};
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int mode = -1, status[2] = {-1, -1};
	void *pages[2] = {p, NULL};

	if (get(NULL, NULL, NULL, 0) && errno == ENOSYS)
		skip("a kernel without NUMA");
	CHECK(!get(&mode, nodes, NULL, MPOL_F_MEMS_ALLOWED));
	if (nodes[0] != 1)
		skip("a machine with several nodes");
	CHECK(!get(&mode, nodes, NULL, 0));
	CHECK_EQ(mode, MPOL_DEFAULT);
	CHECK_EQ(nodes[0], 0);
	CHECK(!syscall(SYS_set_mempolicy, MPOL_BIND, node0, 1024));
	CHECK(!get(&mode, nodes, NULL, 0));
	CHECK(mode == MPOL_BIND && nodes[0] == 1);
	CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, none, 1024), EINVAL);
	CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_DEFAULT, node0, 1024), EINVAL);
	CHECK_ERRNO(syscall(SYS_set_mempolicy, 77, node0, 1024), EINVAL);
	CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, 8, 1024), EFAULT);
	CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, node0, 1ul << 40), EINVAL);

	CHECK(!get(&mode, nodes, p, MPOL_F_ADDR));
	CHECK(mode == MPOL_DEFAULT && nodes[0] == 0);
	CHECK(!syscall(SYS_mbind, p + PAGE, PAGE, MPOL_INTERLEAVE, node0, 1024, 0));
	CHECK(!get(&mode, nodes, p + PAGE, MPOL_F_ADDR));
	CHECK(mode == MPOL_INTERLEAVE && nodes[0] == 1);
	CHECK(!get(&mode, nodes, p + 2 * PAGE, MPOL_F_ADDR));
	CHECK(mode == MPOL_DEFAULT && nodes[0] == 0);
	CHECK(!syscall(SYS_mbind, p, PAGE, MPOL_PREFERRED, NULL, 0, 0));
	CHECK(!get(&mode, nodes, p, MPOL_F_ADDR));
	CHECK(mode == MPOL_LOCAL && nodes[0] == 0);
	CHECK_ERRNO(syscall(SYS_mbind, p, PAGE, MPOL_BIND, NULL, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_mbind, p, PAGE, MPOL_BIND, node0, 1024, 64), EINVAL);
	CHECK(!munmap(p + 3 * PAGE, PAGE));
	CHECK_ERRNO(syscall(SYS_mbind, p, 4 * PAGE, MPOL_BIND, node0, 1024, 0), EFAULT);
	CHECK_ERRNO(get(&mode, nodes, p + 3 * PAGE, MPOL_F_ADDR), EFAULT);
	CHECK_ERRNO(get(&mode, nodes, p, 0), EINVAL);
	CHECK_ERRNO(get(&mode, nodes, p, 64), EINVAL);
	*p = 1;
	CHECK(!get(&mode, NULL, p, MPOL_F_ADDR | MPOL_F_NODE));
	CHECK_EQ(mode, 0);

	CHECK_EQ(syscall(SYS_migrate_pages, 0, 1024, node0, node0), 0);
	CHECK_ERRNO(syscall(SYS_migrate_pages, 0x3ffffff, 1024, node0, node0), ESRCH);
	CHECK_ERRNO(syscall(SYS_migrate_pages, 0, 1024, 8, node0), EFAULT);
	CHECK(syscall(SYS_migrate_pages, 0, 1024, node0, far) == -1);
	CHECK(!syscall(SYS_move_pages, 0, 2, pages, NULL, status, 0));
	CHECK_EQ(status[0], 0);
	CHECK_EQ(status[1], -EFAULT);
	CHECK_ERRNO(syscall(SYS_move_pages, 0, 2, pages, NULL, status, 64), EINVAL);
	return 0;
}
