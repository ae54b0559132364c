/* SIGSTOP, SIGCONT and SIGKILL in quick succession end a process, whatever it was doing when they came. */
#include "check.h"
#include <sys/wait.h>

static void child(int what)
{
	volatile unsigned long n = 0;

	if (what == 0)
		for (;;)
			pause();
	for (;;)
		n++;
}

int main(void)
{
	for (int i = 0; i < 600; i++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (pid == 0)
			child(i & 1);
		/* At the start of the child, in its call, and in between. */
		for (volatile int spin = i * 500; spin > 0; spin--)
			;
		CHECK_OK(kill(pid, SIGSTOP));
		if (i & 4)
			sched_yield();
		CHECK_OK(kill(pid, SIGCONT));
		CHECK_OK(kill(pid, SIGKILL));
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	return 0;
}
