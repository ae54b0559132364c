/* System V shared memory: attach, detach, removal, counts across fork, exec and exit, errors, /proc/sysvipc and maps. */
#include "check.h"
#include <sys/shm.h>
#include <sys/wait.h>

static long attached(int id)
{
	struct shmid_ds ds;

	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	return ds.shm_nattch;
}

static void shared_and_counted(void)
{
	int id = shmget(IPC_PRIVATE, 3 * 4096 + 1, IPC_CREAT | 0640), status;
	struct shmid_ds ds;
	char *a, *b;

	CHECK(id >= 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK_EQ(ds.shm_segsz, 3 * 4096 + 1);
	CHECK_EQ(ds.shm_perm.mode & 0777, 0640);
	CHECK_EQ(ds.shm_cpid, getpid());
	CHECK_EQ(ds.shm_lpid, 0);
	CHECK_EQ(ds.shm_atime, 0);
	a = shmat(id, NULL, 0);
	b = shmat(id, NULL, SHM_RDONLY);
	CHECK(a != MAP_FAILED && b != MAP_FAILED && a != b);
	CHECK_EQ(a[4 * 4096 - 1], 0);
	strcpy(a + 4090, "across a page");
	CHECK_STR(b + 4090, "across a page");
	CHECK_EQ(attached(id), 2);
	CHECK_ERRNO(mprotect(b, 4096, PROT_READ | PROT_WRITE), EACCES);

	pid_t child = fork();
	if (!child) {
		CHECK_EQ(attached(id), 4);
		strcpy(a, "from the child");
		CHECK(shmdt(b) == 0);
		CHECK_EQ(attached(id), 3);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK_STR(b, "from the child");
	CHECK_EQ(attached(id), 2);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK_EQ(ds.shm_lpid, child);
	CHECK(ds.shm_atime > 0 && ds.shm_dtime > 0);

	/* A program that takes this one's place has nothing attached. */
	child = fork();
	if (!child) {
		execl("/proc/self/exe", "sysv_shm", "exec", NULL);
		_exit(1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK_EQ(attached(id), 2);

	/* Removed: no longer found, but there until the last detaches. */
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK_EQ(ds.shm_perm.mode & 01000, 01000);
	CHECK(shmdt(a) == 0);
	CHECK_ERRNO(shmdt(a), EINVAL);
	CHECK_STR(b, "from the child");
	CHECK(shmdt(b) == 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
	CHECK_ERRNO((long)shmat(id, NULL, 0), EINVAL);
}

static void keys(void)
{
	key_t key = 0x62000000 + getpid();
	int id = shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600);

	CHECK(id >= 0);
	CHECK_EQ(shmget(key, 5000, 0600), id);
	CHECK_EQ(shmget(key, 0, 0), id);
	CHECK_EQ(shmget(key, 100, IPC_CREAT | 0600), id);
	CHECK_ERRNO(shmget(key, 5001, 0600), EINVAL);
	CHECK_ERRNO(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	CHECK_ERRNO(shmget(key, 5000, 0600), ENOENT);
	CHECK_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERRNO(shmget(IPC_PRIVATE, SIZE_MAX, 0600), EINVAL);
	CHECK_ERRNO(shmctl(id, IPC_RMID, NULL), EINVAL);
	CHECK_ERRNO(shmctl(-1, IPC_RMID, NULL), EINVAL);
	/* An identifier is not given again at once. */
	int other = shmget(IPC_PRIVATE, 1, 0600);
	CHECK(other >= 0 && other != id);
	CHECK_ERRNO(shmctl(other, 99, NULL), EINVAL);
	CHECK_ERRNO(shmctl(other, IPC_STAT, (void *)8), EFAULT);
	CHECK(shmctl(other, IPC_RMID, NULL) == 0);
}

static void addresses(void)
{
	int id = shmget(IPC_PRIVATE, 2 * 4096, 0600);
	char *room = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *a;

	CHECK_ERRNO((long)shmat(id, room + 1, 0), EINVAL);
	CHECK_ERRNO((long)shmat(id, room, 0), EINVAL);
	CHECK_ERRNO((long)shmat(id, room + 1, SHM_RND), EINVAL);
	CHECK_ERRNO((long)shmat(id, NULL, SHM_REMAP), EINVAL);
	CHECK_ERRNO((long)shmat(-1, NULL, 0), EINVAL);
	a = shmat(id, room + 4097, SHM_RND | SHM_REMAP);
	CHECK(a == room + 4096);
	a[4096] = 7;
	CHECK(munmap(room, 4096) == 0);
	CHECK(munmap(room + 3 * 4096, 5 * 4096) == 0);
	CHECK_ERRNO(shmdt(a + 4096), EINVAL);
	CHECK_ERRNO(shmdt(a + 1), EINVAL);
	/* Of a mapping of which a part is gone the rest is detached by the address where it began. */
	CHECK(munmap(a, 4096) == 0);
	CHECK_EQ(attached(id), 1);
	CHECK(shmdt(a) == 0);
	CHECK_EQ(attached(id), 0);
	/* Two parts are two mappings. */
	a = shmat(id, room, 0);
	CHECK(a == room);
	CHECK(mprotect(a, 4096, PROT_READ) == 0);
	CHECK_EQ(attached(id), 2);
	CHECK_EQ(a[4096], 7);
	CHECK(shmdt(a) == 0);
	CHECK_EQ(attached(id), 0);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

static int line_with(const char *path, const char *text)
{
	FILE *f = fopen(path, "r");
	char line[512];
	int found = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, text) != NULL;
	fclose(f);
	return found;
}

static void seen_in_proc(void)
{
	key_t key = 0x61000000 + getpid();
	int id = shmget(key, 4096, IPC_CREAT | 0604);
	char text[64], *a = shmat(id, NULL, 0);

	snprintf(text, sizeof(text), "/SYSV%08x (deleted)", key);
	CHECK(line_with("/proc/self/maps", text));
	snprintf(text, sizeof(text), "%10d %10d   604 %21d", key, id, 4096);
	CHECK(line_with("/proc/sysvipc/shm", text));
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	snprintf(text, sizeof(text), "%10d %10d  1604 %21d", 0, id, 4096);
	CHECK(line_with("/proc/sysvipc/shm", text));
	CHECK(shmdt(a) == 0);
	CHECK(!line_with("/proc/sysvipc/shm", text));
}

static void permissions(void)
{
	int id = shmget(0x63000000 + getpid(), 4096, IPC_CREAT | 0604), status;
	struct shmid_ds ds;

	if (geteuid() != 0) {
		CHECK(shmctl(id, IPC_RMID, NULL) == 0);
		return;
	}
	pid_t child = fork();
	if (!child) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK_ERRNO((long)shmat(id, NULL, 0), EACCES);
		CHECK(shmat(id, NULL, SHM_RDONLY) != MAP_FAILED);
		CHECK_ERRNO(shmget(0x63000000 + getppid(), 0, 0600), EACCES);
		CHECK_EQ(shmget(0x63000000 + getppid(), 0, 0400), id);
		CHECK_ERRNO(shmctl(id, IPC_RMID, NULL), EPERM);
		CHECK(shmctl(id, IPC_STAT, &ds) == 0);
		CHECK_ERRNO(shmctl(id, IPC_SET, &ds), EPERM);
		CHECK_ERRNO(shmctl(id, SHM_LOCK, NULL), EPERM);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	ds.shm_perm.uid = 65534;
	ds.shm_perm.mode = 0600;
	CHECK(shmctl(id, IPC_SET, &ds) == 0);
	child = fork();
	if (!child) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(shmat(id, NULL, 0) != MAP_FAILED);
		CHECK(shmctl(id, IPC_RMID, NULL) == 0);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
}

/* Large, sparse, and used by two processes at once. */
static void large(void)
{
	size_t size = 256 << 20;
	int id = shmget(IPC_PRIVATE, size, 0600), status;
	volatile long *a = shmat(id, NULL, 0);

	CHECK(a != MAP_FAILED);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	pid_t child = fork();
	if (!child) {
		for (size_t at = 0; at < size / sizeof(long); at += size / sizeof(long) / 64)
			a[at] = at + 1;
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	for (size_t at = 0; at < size / sizeof(long); at += size / sizeof(long) / 64)
		CHECK_EQ(a[at], at + 1);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return line_with("/proc/self/maps", "SYSV");
	shared_and_counted();
	keys();
	addresses();
	seen_in_proc();
	permissions();
	large();
	return 0;
}
