/*
 * Finds what was installed beside the command; see files.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/files.h"

/* Fills `path` with the n-th place where NAME, whose folder in the build tree is FOLDER, may lie. */
static bool place(char path[PATH_MAX], int n, const char *folder, const char *name)
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;
	size_t room;

	if (len < 0 || n > 1)
		return false;
	path[len] = 0;
	slash = strrchr(path, '/');
	room = path + PATH_MAX - slash;
	if (n == 0)
		return (size_t)snprintf(slash, room, "/%s/%s", folder, name) < room;
	return (size_t)snprintf(slash, room, "/../libexec/bartizan/%s", name) < room;
}

int files_find_libos(uint64_t *size)
{
	char path[PATH_MAX];
	struct stat st;
	int fd = -1;

	for (int n = 0; fd < 0 && place(path, n, "libos", "bartizan-libos.elf"); n++)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	*size = st.st_size;
	return fd;
}

int files_open_libos(uint64_t *size)
{
	int fd = files_find_libos(size);

	if (fd < 0)
		fail(EXIT_BARTIZAN, "the library OS, bartizan-libos.elf, is not installed beside this command");
	return fd;
}

void files_try_image(char **argv)
{
	struct strings all = {0};
	char path[PATH_MAX];

	strings_add(&all, "bartizan-image");
	for (char **arg = argv; *arg; arg++)
		strings_add(&all, *arg);
	for (int n = 0; place(path, n, "image", "bartizan-image"); n++) {
		execv(path, (char **)all.item);
		if (errno != ENOENT && errno != ENOTDIR)
			return;
	}
	errno = ENOENT;
}

void files_exec_image(char **argv)
{
	files_try_image(argv);
	if (errno != ENOENT)
		fail(EXIT_BARTIZAN, "%s: bartizan-image: %s", argv[0], strerror(errno));
	fail(EXIT_BARTIZAN, "%s: bartizan-image is not installed beside this command", argv[0]);
}

int files_run_image(char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		fail(EXIT_BARTIZAN, "fork: %s", strerror(errno));
	if (!pid) { /* its words on standard output are not the guest's */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		files_exec_image(argv);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_BARTIZAN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BARTIZAN;
}
