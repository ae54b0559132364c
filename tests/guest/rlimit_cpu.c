/* RLIMIT_CPU: SIGXCPU when the soft limit is used up, again each second, SIGKILL at the hard one; children begin anew. */
#include "check.h"
#include <sys/resource.h>
#include <sys/wait.h>

static volatile sig_atomic_t warned;

static void warn(int sig)
{
	(void)sig;
	warned = 1;
}

int main(void)
{
	struct rlimit l = {1, 2};
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), status;
	pid_t pid = fork();

	if (!pid) {
		CHECK(!setrlimit(RLIMIT_CPU, &l));
		if (!(pid = fork())) {	/* inherits it */
			on_signal(SIGXCPU, warn, 0);
			for (int64_t end = now_ms() + 25000; now_ms() < end;)
				if (warned)
					*shared = 1;
			_exit(1);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		_exit(WIFSIGNALED(status) ? WTERMSIG(status) : 100);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), SIGKILL);
	CHECK_EQ(*shared, 1);
	return 0;
}
