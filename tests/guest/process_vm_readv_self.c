/* process_vm_readv and writev on the process itself copy between its own buffers; bad addresses give EFAULT.
 */
#include "check.h"

int main(void)
{
	char from[] = "remote bytes", to[sizeof from] = "";
	struct iovec remote = {from, sizeof from}, local = {to, sizeof to};

	CHECK_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), sizeof from);
	CHECK_STR(to, "remote bytes");
	to[0] = 'R';
	CHECK_EQ(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), sizeof from);
	CHECK_STR(from, "Remote bytes");
	remote.iov_base = (void *)16;
	CHECK_ERRNO(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(getpid(), &local, 1, &remote, 1, 1), EINVAL);
	return 0;
}
