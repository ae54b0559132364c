/*
 * See tool.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/tool.h"

static void child(const struct tool *t, int messages) __attribute__((noreturn));
static void child(const struct tool *t, int messages)
{
	/* The PATH of ordinary users may lack these. */
	static const char *const places[] = {"/usr/sbin", "/sbin"};
	char path[256];

	dup2(messages, STDERR_FILENO);
	dup2(messages, STDOUT_FILENO);
	setenv("LC_ALL", "C", 1);
	unsetenv("SOURCE_DATE_EPOCH"); /* heeded by owners_apply */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (t->dir && chdir(t->dir)) {
		perror(t->dir);
		_exit(125);
	}
	execvp(t->argv[0], t->argv);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], t->argv[0]);
		execv(path, t->argv);
	}
	_exit(127);
}

static size_t collect(const struct tool *t, int fd, char *text, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;

	for (;;) {
		char waste[512];
		ssize_t n;

		if (poll(&p, 1, t->tick ? 100 : -1) == 0) {
			t->tick(t->arg);
			continue;
		}
		n = len < size - 1 ? read(fd, text + len, size - 1 - len) : read(fd, waste, sizeof(waste));
		if (n <= 0)
			break;
		if (len < size - 1)
			len += (size_t)n;
	}
	while (len && text[len - 1] == '\n')
		len--;
	text[len] = 0;
	return len;
}

int tool_run(const struct tool *t, struct image_error *err)
{
	char text[512], shown[400];
	int pipefd[2], status;
	size_t len;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return image_fail(err, -errno, "cannot run %s: %s", t->shown, strerror(errno));
	pid = fork();
	if (pid == 0)
		child(t, pipefd[1]);
	close(pipefd[1]);
	len = collect(t, pipefd[0], text, sizeof(text));
	close(pipefd[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return image_fail(err, -ENOENT, "%s is not installed; install the package %s", t->shown, t->package);
	if (!len && pid > 0)
		len = (size_t)snprintf(text, sizeof(text), WIFSIGNALED(status) ? "killed by signal %d" : "exit code %d, and it did not say why",
				       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return image_fail(err, -EIO, "%s failed: %s", t->shown, image_escape(shown, sizeof(shown), text, len));
}
