/* uname says Linux on x86_64 with a release that parses; sysinfo's numbers fit together; the host name is one
 * name. */
#include "check.h"
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(void)
{
	struct utsname name;
	struct sysinfo info;
	char host[256];
	int major = 0, minor = 0;

	CHECK_EQ(uname(&name), 0);
	CHECK_STR(name.sysname, "Linux");
	CHECK_STR(name.machine, "x86_64");
	CHECK_EQ(sscanf(name.release, "%d.%d", &major, &minor), 2);
	CHECK(major > 6 || (major == 6 && minor >= 1));
	CHECK_EQ(gethostname(host, sizeof host), 0);
	CHECK_STR(host, name.nodename);
	CHECK_EQ(sysinfo(&info), 0);
	CHECK(info.totalram >= info.freeram && info.totalram > 0);
	CHECK(info.mem_unit >= 1 && info.procs >= 1);
	CHECK(info.uptime > 0);
	return 0;
}
