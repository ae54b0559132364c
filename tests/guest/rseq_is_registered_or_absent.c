/* glibc registers restartable sequences; a second registration is refused, and the area shows a processor
 * number. */
#include "check.h"
#include <linux/rseq.h>
#include <sys/rseq.h>

int main(void)
{
	struct rseq other __attribute__((aligned(32)));

	memset(&other, 0, sizeof other);
	if (__rseq_size == 0) {
		long r = syscall(SYS_rseq, &other, 32, 0, RSEQ_SIG);
		CHECK(r == 0 || errno == ENOSYS);
		return 0;
	}
	struct rseq *mine = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	CHECK((int)mine->cpu_id >= 0 && mine->cpu_id < 4096);
	CHECK_ERRNO(syscall(SYS_rseq, &other, 32, 0, RSEQ_SIG), EINVAL);
	CHECK_ERRNO(syscall(SYS_rseq, mine, 32, 0, RSEQ_SIG), EBUSY);
	return 0;
}
