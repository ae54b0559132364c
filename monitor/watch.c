/*
 * Changes in granted trees: one inotify instance a sandbox, whose descriptor the sandbox reads itself.  What takes a name is
 * here: a watch is added to what an O_PATH descriptor stands for, which was found as for every other request, and only for
 * changes: who opens or reads what outside is nobody's business.  Not even the monitor reads the events.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "monitor/server.h"

_Static_assert(BZ_CHANGE_ALL == (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE |
				 IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF), "the numbers are Linux's");
_Static_assert(sizeof(struct bz_change) == sizeof(struct inotify_event), "the record is Linux's");

int changes_open(struct server *server)
{
	int fd;

	if (!server->watches)
		return -EACCES;
	if (server->changes < 0) {
		server->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (server->changes < 0)
			return -errno;
	}
	fd = fcntl(server->changes, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static uint32_t watch_index(const struct server *server, int32_t watch)
{
	uint32_t i = 0;

	while (i < server->watch_count && server->watches[i] != watch)
		i++;
	return i;
}

int watch_add(struct server *server, const struct place *place)
{
	struct stat st;
	char name[16];
	int fd, watch;

	if (server->changes < 0)
		return -EBADF;
	if (!place->volume->watch)
		return -EACCES;
	/* A name that is watched already would not count, but nobody asks for one at the limit. */
	if (server->watch_count == SERVER_WATCHES_MAX)
		return -ENOSPC;
	fd = place_find(server, place, &st);
	if (fd < 0)
		return fd;
	/* inotify takes no descriptor of a directory to begin at: the working directory is /proc/self/fd. */
	snprintf(name, sizeof(name), "%d", fd);
	watch = inotify_add_watch(server->changes, name, BZ_CHANGE_ALL);
	if (watch < 0)
		watch = -errno;
	close(fd);
	if (watch >= 0 && watch_index(server, watch) == server->watch_count)
		server->watches[server->watch_count++] = watch;
	return watch;
}

/* The kernel may have removed it already, with what it watched. */
void watch_remove(struct server *server, int32_t watch)
{
	uint32_t i = watch_index(server, watch);

	if (i == server->watch_count)
		return;
	server->watches[i] = server->watches[--server->watch_count];
	inotify_rm_watch(server->changes, watch);
}
