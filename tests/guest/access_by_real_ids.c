/* access(2) asks with the real ids and for its own thread alone: others open files by the effective ones meanwhile. */
#include "check.h"
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534
#define ROUNDS 20000

static int done;

static void *opener(void *arg)
{
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
		int fd = open("secret", O_RDONLY);

		CHECK(fd >= 0);
		close(fd);
	}
	return arg;
}

static void as_real_nobody(void)
{
	pthread_t t;

	/* Nobody really, root in effect: as a setuid program of root's. */
	CHECK_OK(setresuid(NOBODY, 0, 0));
	CHECK_OK(pthread_create(&t, NULL, opener, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_ERRNO(access("secret", R_OK), EACCES);
		CHECK_ERRNO(access("private/file", F_OK), EACCES);
	}
	CHECK_OK(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
	__atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
	CHECK_OK(pthread_join(t, NULL));
	_exit(0);
}

int main(void)
{
	int status;
	pid_t child;

	if (getuid() != 0)
		return 0; /* only root can be two at once */
	CHECK_OK(close(open("secret", O_CREAT | O_WRONLY, 0600)));
	CHECK_OK(chmod("secret", 0600));
	CHECK_OK(mkdir("private", 0700));
	CHECK_OK(close(open("private/file", O_CREAT | O_WRONLY, 0600)));
	CHECK_OK(chmod(".", 0755));
	child = fork();
	if (!child)
		as_real_nobody();
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	return 0;
}
