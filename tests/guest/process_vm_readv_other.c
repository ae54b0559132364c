/* process_vm_readv and process_vm_writev reach another process's memory, running, asleep or stopped, as far as it can be touched. */
#include "check.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define SIZE (300 * 1024)

static char *area, mine[SIZE];
static volatile int *told;

static void child(int busy)
{
	for (int i = 0; i < SIZE; i++)
		area[i] = i * 7;
	*told = 1;
	while (*told == 1 || area[5] != 'w')
		if (!busy)
			usleep(1000);
	_exit(17);
}

static void both_ways(int busy, int stop)
{
	struct iovec local[2] = {{mine, 1000}, {mine + 1000, SIZE - 1000}}, remote = {area, SIZE};
	int status;
	pid_t pid;

	*told = 0;
	memset(mine, 0, SIZE);
	pid = fork();
	if (!pid)
		child(busy);
	while (!*told)
		usleep(1000);
	if (stop) {
		kill(pid, SIGSTOP);
		CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	}
	CHECK_EQ(process_vm_readv(pid, local, 2, &remote, 1, 0), SIZE);
	for (int i = 0; i < SIZE; i++)
		CHECK(mine[i] == (char)(i * 7));
	/* As far as it goes: behind the area nothing is mapped. */
	remote.iov_base = area + SIZE - 4096;
	remote.iov_len = 8192;
	local[0] = (struct iovec){mine, 8192};
	CHECK_EQ(process_vm_readv(pid, local, 1, &remote, 1, 0), 4096);
	remote.iov_base = (void *)4096;
	CHECK_ERRNO(process_vm_readv(pid, local, 1, &remote, 1, 0), EFAULT);
	remote = (struct iovec){area + 5, 1};
	mine[0] = 'w';
	local[0] = (struct iovec){mine, 1};
	CHECK_EQ(process_vm_writev(pid, local, 1, &remote, 1, 0), 1);
	CHECK(area[5] == 0);	/* ours is another */
	*told = 2;
	kill(pid, SIGCONT);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 17);
	CHECK_ERRNO(process_vm_readv(pid, local, 1, &remote, 1, 0), ESRCH);
}

int main(void)
{
	struct iovec local = {mine, 16}, remote = {mine + 16, -1};

	told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	area = mmap(NULL, SIZE + 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED && !munmap(area + SIZE, 65536));
	both_ways(0, 0);
	both_ways(1, 0);
	both_ways(0, 1);
	CHECK_ERRNO(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(getpid(), &local, 1, &remote, 1, 1), EINVAL);
	CHECK_ERRNO(process_vm_readv(getpid(), &local, 1, (void *)8, 1, 0), EFAULT);
	return 0;
}
