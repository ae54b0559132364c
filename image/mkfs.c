/*
 * Running mkfs.erofs on a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/build.h"
#include "image/progress.h"

/* Extended inodes have a place for every owner and time; -x keeps attributes with their inode, where their
 * class can be set; without inline data every file can be mapped; fixed time and UUID make the same bytes of
 * the same input. */
#define OPTIONS "-Enoinline_data,force-inode-extended"
#define UUID "-U00000000-0000-0000-0000-000000000000"
#define INLINE_XATTRS "-x1000000000"

static void child(const char *dir, const char *out, int messages)
{
	char *argv[] = {"mkfs.erofs",  "--quiet", "-d1",       "-T0",	    UUID,
			INLINE_XATTRS, OPTIONS,	  (char *)out, (char *)dir, NULL};

	dup2(messages, STDERR_FILENO);
	dup2(messages, STDOUT_FILENO);
	setenv("LC_ALL", "C", 1);
	unsetenv("SOURCE_DATE_EPOCH"); /* heeded by owners_apply */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	execvp(argv[0], argv);
	/* It lives in /usr/bin or /sbin, and the PATH of ordinary users may lack the latter. */
	execv("/usr/sbin/mkfs.erofs", argv);
	execv("/sbin/mkfs.erofs", argv);
	_exit(127);
}

static size_t collect(int fd, char *text, size_t size, const char *out, uint64_t total)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	struct stat st;

	for (;;) {
		char waste[512];
		ssize_t n;

		if (poll(&p, 1, 100) == 0) {
			if (stat(out, &st) == 0)
				progress((uint64_t)st.st_blocks * 512, total);
			continue;
		}
		n = len < size - 1 ? read(fd, text + len, size - 1 - len) : read(fd, waste, sizeof(waste));
		if (n <= 0)
			break;
		if (len < size - 1)
			len += (size_t)n;
	}
	text[len] = 0;
	return len;
}

int mkfs_erofs(const char *dir, const char *out, uint64_t total, struct image_error *err)
{
	char text[512], shown[400];
	int pipefd[2], status;
	size_t len;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return image_fail(err, -errno, "cannot run mkfs.erofs: %s", strerror(errno));
	progress_start("making the file system");
	pid = fork();
	if (pid == 0)
		child(dir, out, pipefd[1]);
	close(pipefd[1]);
	len = collect(pipefd[0], text, sizeof(text), out, total);
	close(pipefd[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return image_fail(err, -ENOENT,
				  "mkfs.erofs is not installed; install the package erofs-utils");
	while (len && text[len - 1] == '\n')
		len--;
	return image_fail(err, -EIO, "mkfs.erofs failed: %s", image_escape(shown, sizeof(shown), text, len));
}
