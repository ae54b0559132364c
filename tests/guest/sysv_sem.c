/* System V semaphores: all or nothing, waiting, undoing, values, errors. */
#include "check.h"
#include <sys/sem.h>
#include <sys/wait.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int value(int id, int num)
{
	return semctl(id, num, GETVAL);
}

static int op(int id, int num, int by, int flags)
{
	struct sembuf b = {num, by, flags};

	return semop(id, &b, 1);
}

static int make(int count, ...)
{
	int id = semget(IPC_PRIVATE, count, IPC_CREAT | 0600);
	va_list args;

	CHECK(id >= 0);
	va_start(args, count);
	for (int i = 0; i < count; i++)
		CHECK(semctl(id, i, SETVAL, (union semun){.val = va_arg(args, int)}) == 0);
	va_end(args);
	return id;
}

static void drop(int id)
{
	CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void join(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
}

static void all_or_nothing(void)
{
	int id = make(3, 1, 0, 5);
	struct sembuf both[] = {{0, -1, 0}, {2, 3, 0}, {1, -1, IPC_NOWAIT}};

	CHECK_ERRNO(semop(id, both, 3), EAGAIN);
	CHECK_EQ(value(id, 0), 1);
	CHECK_EQ(value(id, 2), 5);
	both[2].sem_num = 2;
	CHECK(semop(id, both, 3) == 0);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(value(id, 2), 7);
	CHECK_EQ(semctl(id, 2, GETPID), getpid());
	CHECK_EQ(semctl(id, 1, GETPID), getpid());
	CHECK(op(id, 0, 0, 0) == 0);
	CHECK_ERRNO(op(id, 2, 0, IPC_NOWAIT), EAGAIN);
	CHECK_ERRNO(op(id, 2, 32767, 0), ERANGE);
	CHECK_ERRNO(op(id, 3, 1, 0), EFBIG);
	CHECK_ERRNO(semop(id, both, 0), EINVAL);
	CHECK_ERRNO(semop(id, both, 501), E2BIG);
	CHECK_ERRNO(semop(id, (void *)8, 1), EFAULT);
	CHECK_ERRNO(semop(-1, both, 1), EINVAL);
	drop(id);
	CHECK_ERRNO(semop(id, both, 1), EINVAL);
}

static void values_and_limits(void)
{
	unsigned short set[] = {1, 2, 3}, got[3] = {0};
	int id = make(3, 9, 9, 9);
	struct semid_ds ds;
	struct seminfo info;

	CHECK(semctl(id, 0, SETALL, (union semun){.array = set}) == 0);
	CHECK(semctl(id, 0, GETALL, (union semun){.array = got}) == 0);
	CHECK_EQ(memcmp(set, got, sizeof(set)), 0);
	set[1] = 40000;
	CHECK_ERRNO(semctl(id, 0, SETALL, (union semun){.array = set}), ERANGE);
	CHECK_ERRNO(semctl(id, 0, SETVAL, (union semun){.val = 32768}), ERANGE);
	CHECK_ERRNO(semctl(id, 0, SETVAL, (union semun){.val = -1}), ERANGE);
	CHECK_ERRNO(semctl(id, 3, SETVAL, (union semun){.val = 1}), EINVAL);
	CHECK_ERRNO(semctl(id, 3, GETVAL), EINVAL);
	CHECK_ERRNO(semctl(id, 0, 77), EINVAL);
	CHECK(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}) == 0);
	CHECK_EQ(ds.sem_nsems, 3);
	CHECK_EQ(ds.sem_otime, 0);
	CHECK(ds.sem_ctime > 0);
	CHECK(op(id, 0, 1, 0) == 0);
	CHECK(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}) == 0);
	CHECK(ds.sem_otime > 0);
	ds.sem_perm.mode = 0400;
	CHECK(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}) == 0);
	CHECK(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}) == 0);
	CHECK_EQ(ds.sem_perm.mode & 0777, 0400);
	CHECK(semctl(0, 0, IPC_INFO, (union semun){.info = &info}) >= 0);
	CHECK_EQ(info.semvmx, 32767);
	CHECK_EQ(info.semopm, 500);
	CHECK_ERRNO(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERRNO(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
	CHECK_ERRNO(semget(0x64000000 + getpid(), 1, 0600), ENOENT);
	drop(id);
}

static void waiting(void)
{
	int id = make(2, 0, 1);
	pid_t first = fork();

	if (!first) {
		struct sembuf ops[] = {{0, -2, 0}, {1, 0, 0}};

		CHECK(semop(id, ops, 2) == 0);
		_exit(0);
	}
	WAIT_FOR(semctl(id, 0, GETNCNT) == 1);
	CHECK_EQ(semctl(id, 1, GETZCNT), 0);
	CHECK(op(id, 0, 2, 0) == 0);
	/* Now it waits for the other to become zero, and has taken nothing. */
	WAIT_FOR(semctl(id, 1, GETZCNT) == 1);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_EQ(value(id, 0), 2);
	CHECK(op(id, 1, -1, 0) == 0);
	CHECK_EQ(value(id, 0), 0);
	CHECK_EQ(semctl(id, 0, GETPID), first);
	join(first);

	/* In order of arrival; SETVAL wakes too. */
	pid_t children[4];
	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		if (!children[i]) {
			CHECK(op(id, 0, -1, 0) == 0);
			_exit(0);
		}
		WAIT_FOR(semctl(id, 0, GETNCNT) == i + 1);
	}
	CHECK(op(id, 0, 1, 0) == 0);
	join(children[0]);
	CHECK_EQ(semctl(id, 0, GETNCNT), 3);
	CHECK(semctl(id, 0, SETVAL, (union semun){.val = 3}) == 0);
	for (int i = 1; i < 4; i++)
		join(children[i]);
	CHECK_EQ(value(id, 0), 0);
	drop(id);
}

static void nothing(int signo)
{
}

static void waits_that_end(void)
{
	struct timespec soon = {0, 50000000}, bad = {0, 1000000000};
	struct sembuf down = {0, -1, 0};
	int id = make(2, 0, 0);
	int64_t start = now_ms();

	CHECK_ERRNO(semtimedop(id, &down, 1, &soon), EAGAIN);
	CHECK(now_ms() - start >= 49);
	CHECK_ERRNO(semtimedop(id, &down, 1, &bad), EINVAL);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);

	/* A signal ends it, whatever its action says. */
	pid_t child = fork();
	if (!child) {
		on_signal(SIGUSR1, nothing, SA_RESTART);
		CHECK_ERRNO(op(id, 0, -1, 0), EINTR);
		CHECK(op(id, 1, 1, 0) == 0);
		CHECK_ERRNO(op(id, 0, -1, 0), EIDRM);
		_exit(0);
	}
	WAIT_FOR(semctl(id, 0, GETNCNT) == 1);
	CHECK(kill(child, SIGUSR1) == 0);
	WAIT_FOR(value(id, 1) == 1 && semctl(id, 0, GETNCNT) == 1);
	drop(id);
	join(child);
}

static void undone(int how)
{
	int id = make(2, 5, 0);
	pid_t child = fork();

	if (!child) {
		CHECK(op(id, 0, -3, SEM_UNDO) == 0);
		CHECK(op(id, 0, 1, SEM_UNDO) == 0);
		CHECK(op(id, 1, 4, SEM_UNDO) == 0);
		if (how == 1)
			raise(SIGKILL);
		if (how == 2)
			execl("/bin/true", "true", NULL);
		if (how == 3)
			pthread_exit(NULL);
		_exit(0);
	}
	CHECK(waitpid(child, NULL, 0) == child);
	CHECK_EQ(value(id, 0), 5);
	CHECK_EQ(value(id, 1), 0);
	CHECK_EQ(semctl(id, 0, GETPID), child);
	drop(id);
}

static void undo_limits(void)
{
	int id = make(1, 0);
	pid_t child = fork();

	if (!child) {
		/* Setting a value forgets what was to be undone; a child inherits nothing. */
		CHECK(op(id, 0, 7, SEM_UNDO) == 0);
		CHECK(semctl(id, 0, SETVAL, (union semun){.val = 3}) == 0);
		CHECK(op(id, 0, 1, SEM_UNDO) == 0);
		pid_t grandchild = fork();
		if (!grandchild)
			_exit(0);
		join(grandchild);
		CHECK_EQ(value(id, 0), 4);
		_exit(0);
	}
	join(child);
	CHECK_EQ(value(id, 0), 3);
	/* Who waits gets what a process's end gives back. */
	child = fork();
	if (!child) {
		CHECK(op(id, 0, -3, SEM_UNDO) == 0);
		WAIT_FOR(semctl(id, 0, GETNCNT) == 1);
		_exit(0);
	}
	WAIT_FOR(value(id, 0) == 0);
	CHECK(op(id, 0, -2, 0) == 0);
	join(child);
	CHECK_EQ(value(id, 0), 1);
	drop(id);
}

/* Many processes take turns: a lock that nobody holds twice. */
static void contention(void)
{
	int id = make(1, 1), *shared;
	pid_t children[4];

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i])
			continue;
		for (int n = 0; n < 500; n++) {
			CHECK(op(id, 0, -1, SEM_UNDO) == 0);
			int was = shared[0];
			if (n % 100 == 0)
				sched_yield();
			shared[0] = was + 1;
			CHECK(op(id, 0, 1, SEM_UNDO) == 0);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		join(children[i]);
	CHECK_EQ(shared[0], 2000);
	CHECK_EQ(value(id, 0), 1);
	drop(id);
}

int main(void)
{
	all_or_nothing();
	values_and_limits();
	waiting();
	waits_that_end();
	for (int how = 0; how < 4; how++)
		undone(how);
	undo_limits();
	contention();
	return 0;
}
