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

static void act(int n)
{
	int fd = n > 1 ? fds[atoi(word[1]) % 10] : -1;
	char text[64], link[32];
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
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		result(linkat(AT_FDCWD, link, AT_FDCWD, word[2], AT_SYMLINK_FOLLOW));
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
