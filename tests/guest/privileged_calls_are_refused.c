/* What needs privileges that a program has no business with ends in EPERM (or ENOSYS), for an ordinary user
 * at least. */
#include "check.h"
#include <sys/klog.h>
#include <sys/mount.h>

int main(void)
{
	if (geteuid() == 0)
		skip("natively root may do these");
	CHECK_ERRNO(mount("none", "/", "tmpfs", 0, NULL), EPERM);
	CHECK_ERRNO(umount("/"), EPERM);
	CHECK_ERRNO(chroot("."), EPERM);
	CHECK_ERRNO(sethostname("x", 1), EPERM);
	CHECK_ERRNO(mknod("node", S_IFCHR | 0600, 0x103), EPERM);
	CHECK_ERRNO(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL), EPERM);
	CHECK(syscall(SYS_init_module, 0, 0, "") == -1);
	return 0;
}
