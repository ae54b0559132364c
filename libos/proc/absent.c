/*
 * Calls that Linux has and a sandbox does not: each answers as a kernel that was built or set up without the feature.
 * What is not registered at all is ENOSYS by dispatch: rseq (a kernel without CONFIG_RSEQ: a critical section cannot be
 * restarted here when its thread is moved, and a processor number that is wrong is worse than none), memfd_secret,
 * userfaultfd, bpf, io_uring, modules, kexec.
 */
#include "libos/proc/internal.h"
#include <linux/capability.h>

SYSCALL(reboot, int magic, int magic2, unsigned int cmd, void *arg)
{
	return -EPERM;
}

SYSCALL(acct, const char *name)
{
	return capable(CAP_SYS_PACCT) ? -ENOSYS : -EPERM;
}

SYSCALL(iopl, unsigned int level)
{
	return level > 3 ? -EINVAL : level ? -EPERM : 0;
}

SYSCALL(ioperm, unsigned long from, unsigned long num, int on)
{
	if (from + num <= from || from + num > 65536)
		return -EINVAL;
	return on ? -EPERM : 0;
}

SYSCALL(modify_ldt, int func, void *ptr, unsigned long bytes)
{
	return func == 0 ? 0 : -ENOSYS;
}

SYSCALL0(vhangup)
{
	return -EPERM;
}
