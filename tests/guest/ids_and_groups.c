/* User and group ids agree between the calls, setting them to themselves works, and getgroups counts. */
#include "check.h"
#include <grp.h>
#include <pwd.h>

int main(void)
{
	uid_t r, e, s;
	gid_t groups[256];

	CHECK_EQ(getresuid(&r, &e, &s), 0);
	CHECK_EQ(r, getuid());
	CHECK_EQ(e, geteuid());
	CHECK_EQ(setuid(getuid()), 0);
	CHECK_EQ(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1), 0);
	CHECK_EQ(setgid(getgid()), 0);
	int n = getgroups(0, NULL);
	CHECK(n >= 0 && n <= 256);
	CHECK_EQ(getgroups(256, groups), n);
	if (n > 0)
		CHECK_ERRNO(getgroups(n - 1 ? n - 1 : -1, groups), EINVAL);
	if (geteuid() != 0)
		CHECK_ERRNO(setuid(0), EPERM);
	CHECK(getpid() > 0);
	CHECK_EQ(gettid(), getpid());
	CHECK(getpgid(0) >= 0);
	CHECK_ERRNO(getpgid(0x3fffffff), ESRCH);
	CHECK(getppid() >= 0);
	return 0;
}
