/*
 * The file systems under ThreadSanitizer: threads of one process make random calls on the same few names, files and descriptors
 * of a tmpfs.  What is looked for are races; that all can be removed at the end, and the memory comes back, is checked too.
 * Usage: vfs-threads SEED CALLS
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vfs_host.h"
#include "tsan.h"

#define THREADS 4
#define NAMES 6
#define FIRST_FD 3
#define FDS 8

static unsigned long seed, calls;

static unsigned any(unsigned long *state, unsigned n)
{
	*state = *state * 6364136223846793005ul + 1442695040888963407ul;
	return (*state >> 33) % n;
}

/* One or two of the few names, the first of two being a directory's, or that of one that comes and goes. */
static char *name(unsigned long *state, char *buf)
{
	unsigned kind = any(state, 4);

	if (kind < 2)
		sprintf(buf, "/d%u/n%u", kind, any(state, NAMES));
	else if (kind == 2)
		sprintf(buf, "/n%u/n%u", any(state, 2), any(state, 2));
	else
		sprintf(buf, "/n%u", any(state, NAMES));
	return buf;
}

#define CALL(nr, a, b, c, d) libos_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static void one_call(unsigned long *state)
{
	char a[32], b[32], data[3000] = "", link[64];
	int fd = FIRST_FD + any(state, FDS);
	struct stat st;

	name(state, a);
	name(state, b);
	switch (any(state, 22)) {
	case 0:
	case 1: {
		long made = CALL(SYS_open, a, O_RDWR | O_CREAT | (any(state, 3) ? 0 : O_TRUNC) | (any(state, 4) ? 0 : O_APPEND), 0644, 0);

		if (made >= FIRST_FD + FDS)
			CALL(SYS_close, made, 0, 0, 0);
		break;
	}
	case 2: CALL(SYS_write, fd, data, any(state, sizeof(data)), 0); break;
	case 3: CALL(SYS_pwrite64, fd, data, any(state, sizeof(data)), any(state, 20000)); break;
	case 4: CALL(SYS_read, fd, data, any(state, sizeof(data)), 0); break;
	case 5: CALL(SYS_lseek, fd, any(state, 5000), any(state, 3), 0); break;
	case 6: CALL(SYS_close, fd, 0, 0, 0); break;
	case 7: CALL(SYS_unlink, a, 0, 0, 0); break;
	case 8: CALL(SYS_rename, a, b, 0, 0); break;
	case 9: CALL(SYS_link, a, b, 0, 0); break;
	case 10: CALL(SYS_symlink, a, b, 0, 0); break;
	case 11: CALL(SYS_stat, a, &st, 0, 0); break;
	case 12: CALL(SYS_fstat, fd, &st, 0, 0); break;
	case 13: CALL(SYS_mkdir, a, 0755, 0, 0); break;
	case 14: CALL(SYS_rmdir, a, 0, 0, 0); break;
	case 15: {
		long dir = CALL(SYS_open, any(state, 2) ? "/" : "/d0", O_RDONLY | O_DIRECTORY, 0, 0);

		while (dir >= 0 && CALL(SYS_getdents64, dir, data, 200, 0) > 0)
			;
		CALL(SYS_close, dir, 0, 0, 0);
		break;
	}
	case 16: CALL(SYS_truncate, a, any(state, 30000), 0, 0); break;
	case 17: CALL(SYS_ftruncate, fd, any(state, 30000), 0, 0); break;
	case 18: CALL(SYS_chmod, a, 0600 + any(state, 64), 0, 0); break;
	case 19: CALL(SYS_readlink, a, link, sizeof(link), 0); break;
	case 20: CALL(SYS_setxattr, a, "user.x", data, any(state, 100)); break;
	case 21: CALL(SYS_dup2, fd, FIRST_FD + any(state, FDS), 0, 0); break;
	}
}

static void *thread(void *arg)
{
	unsigned long state = seed + (unsigned long)arg;

	vfs_host_thread((int)(unsigned long)arg);
	for (unsigned long i = 0; i < calls; i++)
		one_call(&state);
	return NULL;
}

static void remove_below(const char *dir)
{
	char a[64];

	for (int i = 0; i < NAMES; i++) {
		sprintf(a, "%s/n%d", dir, i);
		if (CALL(SYS_unlink, a, 0, 0, 0) == 0 || CALL(SYS_rmdir, a, 0, 0, 0) == 0)
			continue;
		if (strlen(a) < 20 && CALL(SYS_access, a, 0, 0, 0) == 0)
			remove_below(a);
		CALL(SYS_rmdir, a, 0, 0, 0);
	}
}

int main(int argc, char **argv)
{
	const struct vfs_host_mount root = {.guest = "/"};
	pthread_t threads[THREADS];
	long watch;

	if (argc != 3)
		return 2;
	seed = strtoul(argv[1], NULL, 0);
	calls = strtoul(argv[2], NULL, 0);
	vfs_host_boot(&root, 1, NULL, 1ul << 30);
	CALL(SYS_mkdir, "/d0", 0755, 0, 0);
	CALL(SYS_mkdir, "/d1", 0755, 0, 0);
	watch = CALL(SYS_inotify_init1, 0, 0, 0, 0);
	CALL(SYS_inotify_add_watch, watch, "/d0", IN_ALL_EVENTS, 0);
	CALL(SYS_inotify_add_watch, watch, "/", IN_ALL_EVENTS, 0);
	if (CALL(SYS_fcntl, watch, F_DUPFD, 100, 0) != 100) /* where no thread closes it */
		return 1;
	CALL(SYS_close, watch, 0, 0, 0);
	for (unsigned long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread, (void *)(i + 2));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int fd = FIRST_FD; fd < FIRST_FD + FDS; fd++)
		CALL(SYS_close, fd, 0, 0, 0);
	remove_below("/d0");
	remove_below("/d1");
	remove_below("");
	if (CALL(SYS_rmdir, "/d0", 0, 0, 0) || CALL(SYS_rmdir, "/d1", 0, 0, 0)) {
		printf("a directory is not empty\n");
		return 1;
	}
	printf("%lu calls of each of %d threads\n", calls, THREADS);
	return 0;
}
