/*
 * Patched text for programs of the host (image/hosttext.c makes it): looked for in the user's cache by the program's identity, and
 * handed to the sandbox where an image would be.  What is missing is made while the program runs for the first time; its calls trap
 * until they are rewritten in memory, and the next run finds it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/run.h"
#include "image/cache.h"

/* The ELF file that is executed: a script's interpreter. */
static bool identify(const struct program *p, const char **path, struct stat *st)
{
	*path = p->interpreter ? p->interpreter : p->host_path;
	if (p->kind != PROGRAM_HOST)
		return false;
	if (!p->interpreter) {
		*st = p->st;
		return true;
	}
	return stat(p->interpreter, st) == 0 && S_ISREG(st->st_mode);
}

void hosttext_find(struct run *r)
{
	char name[HOSTTEXT_NAME];
	struct stat program, st;
	const char *path;
	int dir, fd;

	if (r->options.no_text_cache || !identify(&r->program, &path, &program))
		return;
	dir = cache_dir(HOSTTEXT_DIR, false);
	hosttext_name(&program, name);
	fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (dir < 0 || errno == ENOENT) && cache_settled(&program))
		r->text_missing = path;
	if (fd >= 0 && cache_file_ok(fd, &st) && st.st_size)
		r->spec.image_fd = fd;
	else if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
}

/* bartizan-image is not installed: an empty file says that there is nothing to be had. */
static void give_up(const char *path)
{
	char name[HOSTTEXT_NAME];
	struct stat st;
	int dir = cache_dir(HOSTTEXT_DIR, false);

	if (dir < 0 || stat(path, &st))
		return;
	hosttext_name(&st, name);
	openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

void hosttext_begin(struct run *r)
{
	char *argv[] = {"text", (char *)r->text_missing, NULL};
	pid_t command = getpid();
	int dir, null;

	r->text_maker = 0;
	if (!r->text_missing)
		return;
	dir = cache_dir(HOSTTEXT_DIR, true);
	if (dir < 0)
		return;
	close(dir);
	r->text_maker = fork();
	if (r->text_maker)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || getppid() != command)
		_exit(EXIT_BARTIZAN);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	files_try_image(argv);
	give_up(r->text_missing);
	_exit(EXIT_BARTIZAN);
}

void hosttext_end(struct run *r)
{
	while (r->text_maker > 0 && waitpid(r->text_maker, NULL, 0) < 0 && errno == EINTR)
		;
	r->text_maker = 0;
}
