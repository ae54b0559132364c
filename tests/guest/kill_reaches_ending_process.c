/* A process that is ending can be signalled without an error until it has been waited for. */
#include "check.h"
#include <sys/wait.h>

int main(void)
{
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			_exit(0);
		for (int k = 0; k < 200; k++)
			CHECK_OK(kill(pid, k & 1 ? 0 : SIGCONT));
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
		CHECK_EQ(kill(pid, 0), -1);
		CHECK_EQ(errno, ESRCH);
	}
	return 0;
}
