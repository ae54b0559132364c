/* After fork a shared anonymous mapping is one memory, a private one is two; MADV_DONTNEED of one is not the other's. */
#include "check.h"

#define PAGES 16
#define PAGE 4096

struct shared {
	pthread_mutex_t mutex;
	int steps, sum;
	char page[PAGES][PAGE];
};

static struct shared *shared;
static char *private;

static void child(void)
{
	CHECK_EQ(shared->page[3][0], 'p'); /* touched before */
	CHECK_EQ(shared->page[4][0], 0);
	shared->page[4][0] = 'c';
	CHECK_EQ(private[0], 'p');
	private[0] = 'c';
	CHECK_EQ(madvise(private + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(private[PAGE], 0);
	private[PAGE] = 'd';
	CHECK_EQ(madvise(shared, sizeof(*shared), MADV_DONTNEED), 0);
	CHECK_EQ(shared->page[3][0], 'p');
	__atomic_store_n(&shared->steps, 1, __ATOMIC_RELEASE);
	WAIT_FOR(__atomic_load_n(&shared->steps, __ATOMIC_ACQUIRE) == 2);
	CHECK_EQ(shared->page[5][0], 'P'); /* written behind the fork, by the other */
	CHECK_EQ(private[2 * PAGE], 'p');  /* what the parent wrote there since is its own */
	if (fork() == 0) {
		shared->page[6][0] = 'g'; /* a grandchild's is the same memory */
		CHECK_EQ(munmap(shared, sizeof(*shared)), 0);
		_exit(0);
	}
	CHECK(wait(NULL) > 0);
	CHECK_EQ(shared->page[6][0], 'g');
}

static void both(void)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		child();
		_exit(0);
	}
	WAIT_FOR(__atomic_load_n(&shared->steps, __ATOMIC_ACQUIRE) == 1);
	CHECK_EQ(shared->page[4][0], 'c');
	CHECK_EQ(private[0], 'p');
	CHECK_EQ(private[PAGE], 'p');
	shared->page[5][0] = 'P';
	private[2 * PAGE] = 'P';
	__atomic_store_n(&shared->steps, 2, __ATOMIC_RELEASE);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(shared->page[6][0], 'g');
}

/* A mutex in it holds for all of them. */
static void adds(void)
{
	for (int i = 0; i < 2000; i++) {
		CHECK_OK(pthread_mutex_lock(&shared->mutex));
		shared->sum++;
		CHECK_OK(pthread_mutex_unlock(&shared->mutex));
	}
}

static void mutex(void)
{
	pthread_mutexattr_t attr;
	int status;

	CHECK_OK(pthread_mutexattr_init(&attr));
	CHECK_OK(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK_OK(pthread_mutex_init(&shared->mutex, &attr));
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			adds();
			_exit(0);
		}
	adds();
	for (int i = 0; i < 3; i++)
		CHECK(wait(&status) > 0 && status == 0);
	CHECK_EQ(shared->sum, 8000);
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	private = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED && private != MAP_FAILED);
	shared->page[3][0] = 'p';
	memset(private, 'p', PAGES * PAGE);
	both();
	mutex();
	return 0;
}
