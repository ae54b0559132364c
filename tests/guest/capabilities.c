/* capget answers, for the version it knows and for one it does not; an ordinary user has no effective ones.
 */
#include "check.h"
#include <linux/capability.h>

int main(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	if (geteuid() != 0)
		CHECK_EQ(data[0].effective | data[1].effective, 0);
	CHECK_EQ(syscall(SYS_capset, &header, data), 0);
	header.version = 0x1234;
	CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
	CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
	return 0;
}
