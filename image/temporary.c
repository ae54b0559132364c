/*
 * What is temporary is removed however the build ends: by stage_destroy, by an error, by a signal.  Owns the
 * list of temporary paths.
 */
#include <errno.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/stage.h"

#define PATHS_MAX 8

static char *paths[PATHS_MAX];

static void remove_tree(const char *path)
{
	char *roots[] = {(char *)path, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	FTSENT *e;

	while (fts && (e = fts_read(fts)))
		if (e->fts_info != FTS_D)
			remove(e->fts_accpath);
	if (fts)
		fts_close(fts);
}

/* fts and malloc are not for signal handlers; fork and exec are. */
static void on_signal(int sig)
{
	char *argv[PATHS_MAX + 4] = {"rm", "-rf", "--"};
	int n = 3;

	for (int i = 0; i < PATHS_MAX; i++)
		if (paths[i])
			argv[n++] = paths[i];
	if (n > 3) {
		pid_t pid = fork();

		if (pid == 0) {
			execv("/bin/rm", argv);
			_exit(127);
		}
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

void stage_remove_on_signal(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

void temporary_add(const char *path)
{
	for (int i = 0; i < PATHS_MAX; i++)
		if (!paths[i]) {
			paths[i] = strdup(path);
			return;
		}
}

void temporary_forget(const char *path)
{
	for (int i = 0; i < PATHS_MAX; i++)
		if (paths[i] && strcmp(paths[i], path) == 0) {
			char *p = paths[i];

			paths[i] = NULL;
			remove_tree(p);
			free(p);
			return;
		}
}
