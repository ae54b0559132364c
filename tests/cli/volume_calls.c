/* Two processes that do to files of the current directory what their standard input says, line by line: for volumes.py.
 * `A lock 0 ofd w 10 5` lets process A lock; each line is answered by one. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <stdint.h>
#include <unistd.h>

static int fds[10];
static char *word[8];

static int result(int n)
{
	return n < 0 ? printf("%s\n", strerrorname_np(errno)) : printf("ok\n");
}

static int open_flags(const char *how)
{
	static const struct {
		const char *how;
		int flags;
	} known[] = {{"r", O_RDONLY}, {"w", O_WRONLY}, {"rw", O_RDWR}, {"new", O_RDWR | O_CREAT | O_EXCL},
		     {"tmp", O_RDWR | O_TMPFILE}, {"tmpx", O_RDWR | O_TMPFILE | O_EXCL}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].how, how))
			return known[i].flags;
	abort();
}

/* lock|wait|get FD posix|ofd r|w|u START LEN */
static void lock(int fd)
{
	struct flock fl = {.l_type = *word[3] == 'r' ? F_RDLCK : *word[3] == 'w' ? F_WRLCK : F_UNLCK,
			   .l_start = atoll(word[4]), .l_len = atoll(word[5])};
	int ofd = *word[2] == 'o';

	if (*word[0] != 'g') {
		int wait = *word[0] == 'w';

		result(fcntl(fd, ofd ? (wait ? F_OFD_SETLKW : F_OFD_SETLK) : wait ? F_SETLKW : F_SETLK, &fl));
		return;
	}
	if (fcntl(fd, ofd ? F_OFD_GETLK : F_GETLK, &fl) < 0)
		result(-1);
	else if (fl.l_type == F_UNLCK)
		printf("free\n");
	else
		printf("%s %lld %lld\n", fl.l_type == F_WRLCK ? "w" : "r", (long long)fl.l_start, (long long)fl.l_len);
}

static void flock_(int fd)
{
	result(flock(fd, LOCK_NB | (!strcmp(word[2], "sh") ? LOCK_SH : !strcmp(word[2], "ex") ? LOCK_EX : LOCK_UN)));
}

#define CHANGES (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

static void print_event(const struct inotify_event *e)
{
	static const char *const names[] = {
	    [0] = "ACCESS", [1] = "MODIFY", [2] = "ATTRIB", [3] = "CLOSE_WRITE", [4] = "CLOSE_NOWRITE", [5] = "OPEN",
	    [6] = "MOVED_FROM", [7] = "MOVED_TO", [8] = "CREATE", [9] = "DELETE", [10] = "DELETE_SELF", [11] = "MOVE_SELF",
	    [13] = "UNMOUNT", [14] = "OVERFLOW", [15] = "IGNORED", [30] = "ISDIR"};
	static uint32_t cookies[64];
	int moved = 0;

	/* Cookies are not the same on every run: which come in pairs is. */
	for (; e->cookie && moved < 63 && cookies[moved] && cookies[moved] != e->cookie; moved++)
		;
	if (e->cookie)
		cookies[moved++] = e->cookie;
	printf(" %d", e->wd);
	for (int i = 0; i < 31; i++)
		if (e->mask >> i & 1)
			printf(":%s", names[i]);
	if (e->len)
		printf("(%s)", e->name);
	if (e->cookie)
		printf("#%d", moved);
}

/* What has come and what comes, until there is nothing for a while. */
static void events(int fd, int wait, int lost_only)
{
	static char buffer[65536] __attribute__((aligned(8)));
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int lost = 0;

	while (poll(&pfd, 1, wait) > 0) {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		wait = 50;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (void *)(buffer + at);

			lost += !!(e->mask & IN_Q_OVERFLOW);
			if (!lost_only)
				print_event(e);
			at += sizeof(*e) + e->len;
		}
	}
	printf(lost_only ? " lost %d\n" : "\n", lost);
}

/* A name is made and removed, until the queue of who watches must be full. */
static void flood(const char *name, int count)
{
	while (count--) {
		if (mkdir(name, 0700) < 0 || rmdir(name) < 0)
			abort();
	}
	printf("ok\n");
}

static void put(const char *name, int flags, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | flags, 0644);

	result(fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0);
	close(fd);
}

static void act(int n)
{
	int fd = n > 1 ? fds[atoi(word[1]) % 10] : -1;
	char text[64], fd_path[32];
	struct stat st;

	if (!strcmp(word[0], "open")) {
		result(fd = open(word[2], open_flags(word[3]), 0644));
		fds[atoi(word[1]) % 10] = fd;
	} else if (!strcmp(word[0], "close")) {
		result(close(fd));
	} else if (!strcmp(word[0], "lock") || !strcmp(word[0], "wait") || !strcmp(word[0], "get")) {
		lock(fd);
	} else if (!strcmp(word[0], "flock")) {
		flock_(fd);
	} else if (!strcmp(word[0], "link")) {
		snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
		result(linkat(AT_FDCWD, fd_path, AT_FDCWD, word[2], AT_SYMLINK_FOLLOW));
	} else if (!strcmp(word[0], "write")) {
		result(write(fd, word[2], strlen(word[2])));
	} else if (!strcmp(word[0], "nlink")) {
		fstat(fd, &st);
		printf("%d\n", (int)st.st_nlink);
	} else if (!strcmp(word[0], "cat")) {
		fd = open(word[1], O_RDONLY);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text));
		n < 0 ? result(-1) : printf("%.*s\n", n, text);
		close(fd);
	} else if (!strcmp(word[0], "unlink")) {
		result(unlink(word[1]));
	} else if (!strcmp(word[0], "notify")) {
		fds[atoi(word[1]) % 10] = inotify_init1(IN_NONBLOCK);
		result(fds[atoi(word[1]) % 10]);
	} else if (!strcmp(word[0], "watch")) {
		n = inotify_add_watch(fd, word[2], n > 3 ? (uint32_t)strtoul(word[3], NULL, 0) : CHANGES);
		n < 0 ? result(-1) : printf("%d\n", n);
	} else if (!strcmp(word[0], "unwatch")) {
		result(inotify_rm_watch(fd, atoi(word[2])));
	} else if (!strcmp(word[0], "events")) {
		events(fd, 50, 0);
	} else if (!strcmp(word[0], "come")) {
		events(fd, 10000, 0);
	} else if (!strcmp(word[0], "lost")) {
		events(fd, 1000, 1);
	} else if (!strcmp(word[0], "flood")) {
		flood(word[1], atoi(word[2]));
	} else if (!strcmp(word[0], "put")) {
		put(word[1], O_TRUNC, word[2]);
	} else if (!strcmp(word[0], "append")) {
		put(word[1], O_APPEND, word[2]);
	} else if (!strcmp(word[0], "truncate")) {
		result(truncate(word[1], atoi(word[2])));
	} else if (!strcmp(word[0], "chmod")) {
		result(chmod(word[1], strtoul(word[2], NULL, 8)));
	} else if (!strcmp(word[0], "mkdir")) {
		result(mkdir(word[1], 0755));
	} else if (!strcmp(word[0], "rmdir")) {
		result(rmdir(word[1]));
	} else if (!strcmp(word[0], "symlink")) {
		result(symlink(word[1], word[2]));
	} else if (!strcmp(word[0], "hardlink")) {
		result(link(word[1], word[2]));
	} else if (!strcmp(word[0], "stat")) {
		stat(word[1], &st) < 0 ? result(-1) : printf("%o %d\n", st.st_mode, S_ISDIR(st.st_mode) ? 0 : (int)st.st_size);
	} else if (!strcmp(word[0], "rename")) {
		result(rename(word[1], word[2]));
	} else {
		abort();
	}
}

static void serve(FILE *from)
{
	char line[256];

	while (fgets(line, sizeof(line), from)) {
		int n = 0;

		for (char *w = strtok(line, " \n"); w && n < 8; w = strtok(NULL, " \n"))
			word[n++] = w;
		act(n);
		fflush(stdout);
	}
}

int main(void)
{
	FILE *to[2];
	char line[256];

	for (int i = 0; i < 2; i++) {
		int pipes[2];

		if (pipe2(pipes, O_CLOEXEC) < 0)
			return 1;
		if (fork() == 0) {
			if (i)
				fclose(to[0]);
			close(pipes[1]);
			serve(fdopen(pipes[0], "r"));
			_exit(0);
		}
		close(pipes[0]);
		to[i] = fdopen(pipes[1], "w");
	}
	while (fgets(line, sizeof(line), stdin)) {
		fputs(line + 2, to[line[0] == 'B']);
		fflush(to[line[0] == 'B']);
	}
	fclose(to[0]);
	fclose(to[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}
