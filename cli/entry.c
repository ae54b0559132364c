/*
 * Records as others read them.  A record may vanish or end at any moment: what is found here is looked at
 * again by whoever acts on it, and no process is ever signalled by its number; wishes go to the monitor's
 * socket.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#include "cli/manage.h"
#include "monitor/monitor.h"

const char *entry_text(const struct entry *e, const char *key)
{
	const char *text = json_string(&e->document, json_get(&e->document, 0, key));

	return text ? text : "";
}

int64_t entry_number(const struct entry *e, const char *key, int64_t otherwise)
{
	const char *number = json_number(&e->document, json_get(&e->document, 0, key));

	return number ? strtoll(number, NULL, 10) : otherwise;
}

static bool is_detached(const struct entry *e)
{
	bool flag;

	return json_boolean(&e->document, json_get(&e->document, 0, "detached"), &flag) && flag;
}

static bool entry_read(struct entry *e, int dir, const char *name)
{
	char file[80];
	int fd, status;

	memset(e, 0, sizeof(*e));
	if (strlen(name) >= sizeof(e->name) || strchr(name, '/'))
		return false;
	strcpy(e->name, name);
	snprintf(file, sizeof(file), "%s.json", name);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	status = json_read(&e->document, fd);
	close(fd);
	if (status || !json_is_object(&e->document, 0))
		return false;
	e->monitor = (struct process){entry_number(e, "pid", 0), entry_number(e, "pid_start", 0)};
	e->keeper = (struct process){entry_number(e, "keeper", 0), entry_number(e, "keeper_start", 0)};
	e->running = !strcmp(entry_text(e, "state"), "running") && process_lives(&e->monitor);
	return true;
}

void entry_find(struct entry *e, int dir, const char *name)
{
	if (dir < 0 || !entry_read(e, dir, name))
		fail(EXIT_BARTIZAN, "%s: no such sandbox; see 'bartizan ps -a'", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* The command that ran it was killed, and with it the sandbox: nobody else will remove its record. */
static bool is_leftover(const struct entry *e, int dir)
{
	char file[80];

	if (e->running || is_detached(e) || process_lives(&e->keeper))
		return false;
	for (size_t i = 0; record_suffixes[i]; i++) {
		snprintf(file, sizeof(file), "%s%s", e->name, record_suffixes[i]);
		unlinkat(dir, file, 0);
	}
	return true;
}

size_t entries_read(int dir, struct entry **list)
{
	size_t count = 0, room = 0;
	struct dirent *d;
	DIR *stream = dir < 0 ? NULL : fdopendir(dup(dir));

	*list = NULL;
	while (stream && (d = readdir(stream))) {
		char *end = strrchr(d->d_name, '.');

		if (!end || strcmp(end, ".json"))
			continue;
		*end = 0;
		if (count == room) {
			room = room ? room * 2 : 16;
			*list = realloc(*list, room * sizeof(**list));
			if (!*list)
				fail(EXIT_BARTIZAN, "out of memory");
		}
		if (entry_read(*list + count, dir, d->d_name) && !is_leftover(*list + count, dir))
			count++;
	}
	if (stream)
		closedir(stream);
	if (count)
		qsort(*list, count, sizeof(**list), by_name);
	return count;
}

int entry_connect(int dir, const struct entry *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s.sock", dir, e->name);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int entry_tell(int fd, uint32_t kind, uint32_t arg)
{
	struct monitor_msg msg = {.kind = kind, .arg = arg};

	return send(fd, &msg, sizeof(msg), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* Reads what the monitor says until it says the end; false when the time is over. */
static bool wait_for_end(int fd, int64_t until, int *code)
{
	static union {
		struct monitor_msg msg;
		char room[sizeof(struct monitor_msg) + MONITOR_TEXT_MAX];
	} packet;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left = until < 0 ? -1 : until - now_ms();
		ssize_t n;

		if (until >= 0 && left <= 0)
			return false;
		if (poll(&pfd, 1, left > 1000000 ? 1000000 : (int)left) <= 0)
			continue;
		n = recv(fd, &packet, sizeof(packet), 0);
		if (n <= 0)
			return true;
		if ((size_t)n >= sizeof(packet.msg) && packet.msg.kind == MONITOR_ENDED)
			*code = WIFSIGNALED(packet.msg.status) ? 128 + WTERMSIG(packet.msg.status)
							       : WEXITSTATUS(packet.msg.status);
	}
}

static bool wait_for_process(const struct process *p, int64_t until)
{
	struct pollfd pfd = {.fd = process_open(p), .events = POLLIN};
	bool gone = true;

	while (pfd.fd >= 0) {
		int64_t left = until < 0 ? -1 : until - now_ms();

		gone = poll(&pfd, 1,
			    until < 0	     ? -1
			    : left < 0	     ? 0
			    : left > 1000000 ? 1000000
					     : (int)left) > 0;
		if (gone || (until >= 0 && left <= 0))
			break;
	}
	if (pfd.fd >= 0)
		close(pfd.fd);
	return gone;
}

bool entry_wait(int dir, struct entry *e, int fd, int64_t milliseconds, int *code)
{
	int64_t until = milliseconds < 0 ? -1 : now_ms() + milliseconds;
	struct entry again;

	*code = -1;
	if (fd >= 0 && !wait_for_end(fd, until, code))
		return false;
	if (!wait_for_process(&e->monitor, until))
		return false;
	if (e->keeper.pid != e->monitor.pid && is_detached(e) &&
	    !wait_for_process(&e->keeper, until))
		return false;
	if (entry_read(&again, dir, e->name) && again.monitor.pid == e->monitor.pid &&
	    again.monitor.start == e->monitor.start && *code < 0)
		*code = entry_number(&again, "exit_code", -1);
	return true;
}

static const char *long_name(const struct option *options, int id)
{
	while (options->name && options->val != id)
		options++;
	return options->name ? options->name : "?";
}

void args_parse(struct args *a, const char *command, int argc, char **argv, int min, int max)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'J'},	      {"help", no_argument, NULL, 'h'},
	    {"all", no_argument, NULL, 'a'},
	    {"archive", no_argument, NULL, 'a'},	      {"follow", no_argument, NULL, 'f'},
	    {"force", no_argument, NULL, 'f'},	      {"raw", no_argument, NULL, 'R'},
	    {"denied", optional_argument, NULL, 'D'},
	    {"tail", required_argument, NULL, 'n'},   {"time", required_argument, NULL, 't'},
	    {"signal", required_argument, NULL, 's'}, {0},
	};
	static const struct {
		const char *command, *takes;
	} known[] = {{"ps", "Ja"},   {"logs", "fRnD"}, {"cp", "a"}, {"top", "J"}, {"wait", "J"},	{"stop", "Jt"},
		     {"kill", "Js"}, {"rm", "Jf"},    {"inspect", "J"}, {"images", "J"},
		     {"rmi", "J"},   {"check", "J"},  {"version", "J"}};
	const char *takes = "", *last;
	int id;

	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].command, command))
			takes = known[i].takes;
	opterr = 0;
	last = argv[argc - 1]; /* what lacks its value is the last word, before the words are sorted */
	while ((id = getopt_long(argc, argv, ":hafn:t:s:", options, NULL)) >= 0) {
		if (id == 'h') {
			help_print(command);
			exit(0);
		}
		if (id == ':' && strchr(takes, optopt))
			fail(EXIT_BARTIZAN, "%s: %s needs a value", command, last);
		if (id == '?' || id == ':')
			fail(EXIT_BARTIZAN, "%s: unknown option '%s'; see 'bartizan %s --help'", command,
			     argv[optind - 1], command);
		if (!strchr(takes, id))
			fail(EXIT_BARTIZAN, "%s: has no option --%s; see 'bartizan %s --help'", command,
			     long_name(options, id), command);
		a->json |= id == 'J';
		a->all |= id == 'a';
		a->follow |= id == 'f';
		a->force |= id == 'f';
		a->raw |= id == 'R';
		a->denied |= id == 'D';
		if (id == 'D' && optarg && strcmp(optarg, "grants"))
			fail(EXIT_BARTIZAN, "%s: --denied=%s: there is --denied and --denied=grants", command, optarg);
		a->grants |= id == 'D' && optarg;
		a->tail = id == 'n' ? optarg : a->tail;
		a->time = id == 't' ? optarg : a->time;
		a->signal = id == 's' ? optarg : a->signal;
	}
	a->rest = argv + optind;
	a->count = argc - optind;
	if (a->count < min)
		fail(EXIT_BARTIZAN, "%s: name a sandbox or image; see 'bartizan %s --help'", command,
		     command);
	if (a->count > max)
		fail(EXIT_BARTIZAN, "%s: '%s' is too much; see 'bartizan %s --help'", command, a->rest[max],
		     command);
}
