/*
 * The record of a sandbox, as the command that runs it writes it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/json.h"
#include "cli/record.h"
#include "cli/run.h"
#include "monitor/escape.h"

const char *record_new_id(void)
{
	unsigned char bytes[6];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		fail(EXIT_BARTIZAN, "getrandom: %s", strerror(errno));
	return must_format("%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
			   bytes[5]);
}

/* A directory of ours that nobody else can write. */
int state_open(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[512];
	struct stat st;
	int fd;

	if (runtime && *runtime == '/')
		snprintf(path, sizeof(path), "%s/bartizan", runtime);
	else if (geteuid() == 0)
		strcpy(path, "/run/bartizan");
	else
		snprintf(path, sizeof(path), "/run/user/%u/bartizan", geteuid());
	fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && (mkdir(path, 0700) == 0 || errno == EEXIST)) /* another command made it meanwhile */
		fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

uint64_t process_start(pid_t pid)
{
	char path[32], text[1024], *at;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = 0;
	at = strrchr(text, ')'); /* behind the name, which may hold anything; it is field 2 */
	if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return 0; /* dead, and its parent has not noticed */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

bool process_lives(const struct process *p)
{
	return p->pid > 0 && p->start && process_start(p->pid) == p->start;
}

int process_open(const struct process *p)
{
	int fd = p->pid > 0 ? syscall(SYS_pidfd_open, p->pid, 0) : -1;

	if (fd >= 0 && !process_lives(p)) { /* looked at after opening: from here on it cannot change */
		close(fd);
		fd = -1;
	}
	return fd;
}

static void file_name(const struct record *record, const char *suffix, char out[80])
{
	snprintf(out, 80, "%s%s", record->name, suffix);
}

static void remove_file(const struct record *record, const char *suffix)
{
	char name[80];

	file_name(record, suffix, name);
	unlinkat(record->dir, name, 0);
}

static void socket_address(int dir, const char *name, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s.sock", dir, name);
}

/* Nobody listens there any more, and no record is kept under that name. */
static bool is_stale(const struct record *record, const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char name[80];
	bool dead;

	file_name(record, ".log", name);
	dead = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
	       errno == ECONNREFUSED;
	close(fd);
	return dead && faccessat(record->dir, name, F_OK, 0) < 0;
}

static int listen_at(struct record *record, int fd)
{
	struct sockaddr_un address;
	int tries = 0;

	socket_address(record->dir, record->name, &address);
	while (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EADDRINUSE || tries++ || !is_stale(record, &address))
			return errno == EADDRINUSE || tries ? -EEXIST : -errno;
		remove_file(record, ".sock");
	}
	return listen(fd, 8) < 0 ? -errno : 0;
}

struct record *record_begin(const char *name, bool detached, bool keep, int *listen_fd)
{
	struct record *record = must_alloc(sizeof(*record));

	snprintf(record->name, sizeof(record->name), "%s", name);
	record->detached = detached;
	record->keep = keep;
	record->dir = -1;
	record->listen = *listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*listen_fd < 0)
		fail(EXIT_BARTIZAN, "socket: %s", strerror(errno));
	return record;
}

int record_claim(struct record *record)
{
	char log[80];
	int dir = state_open(), error;

	if (dir < 0)
		return dir;
	record->dir = dir;
	file_name(record, ".log", log);
	error = faccessat(dir, log, F_OK, 0) == 0 ? -EEXIST : listen_at(record, record->listen);
	if (error) {
		close(dir);
		record->dir = -1;
	}
	return error;
}

void record_must_claim(struct record *record)
{
	int error = record_claim(record);

	if (!error || (!record->detached && error != -EEXIST))
		return; /* in the foreground it goes without */
	if (error == -EEXIST)
		fail(EXIT_BARTIZAN, "--name: a sandbox named '%s' exists; see 'bartizan ps -a', 'bartizan rm'",
		     record->name);
	fail(EXIT_BARTIZAN, "-d: the directory for the state of sandboxes cannot be used: %s; set XDG_RUNTIME_DIR",
	     strerror(-error));
}

static void json_mounts(FILE *out, const struct view *v)
{
	const char *between = "";

	fprintf(out, "  \"volumes\": [");
	for (size_t i = 0; i < v->count; i++) {
		const struct sandbox_mount *m = &v->mounts[i];

		if (m->fd < 0)
			continue;
		fprintf(out, "%s\n    {\"host\": ", between);
		json_print_text(out, m->host_path ? m->host_path : "");
		fprintf(out, ", \"guest\": ");
		json_print_text(out, m->guest_path);
		fprintf(out, ", \"readonly\": %s}", m->flags & BZ_MOUNT_READONLY ? "true" : "false");
		between = ",";
	}
	fprintf(out, "],\n");
}

static void write_document(struct record *record, const char *end)
{
	char name[80], temporary[80];
	size_t len = strlen(record->document);
	int fd;

	file_name(record, ".json", name);
	file_name(record, ".json~", temporary);
	fd = openat(record->dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, record->document, len) == (ssize_t)len &&
	    write(fd, end, strlen(end)) == (ssize_t)strlen(end))
		renameat(record->dir, temporary, record->dir, name);
	close(fd);
}

void record_running(struct record *record, const struct run *r, const struct sandbox *sandbox)
{
	size_t size;
	FILE *out;

	if (record->dir < 0)
		return;
	record->monitor = (struct process){sandbox->pid, process_start(sandbox->pid)};
	record->keeper = (struct process){getpid(), process_start(getpid())};
	out = open_memstream(&record->document, &size);
	if (!out)
		fail(EXIT_BARTIZAN, "out of memory");
	fprintf(out, "{\n  \"name\": \"%s\",\n  \"program\": ", record->name);
	json_print_text(out, r->options.program ? r->options.program : r->options.entrypoint);
	fprintf(out, ",\n  \"command\": [");
	for (size_t i = 0; i < r->argv.count; i++) {
		fputs(i ? ", " : "", out);
		json_print_text(out, r->argv.item[i]);
	}
	fprintf(out, "],\n");
	json_mounts(out, &r->view);
	if (r->options.overlay) {
		char *path = realpath(r->options.overlay, NULL);

		fprintf(out, "  \"overlay\": ");
		json_print_text(out, path ? path : "");
		fprintf(out, ",\n");
		free(path);
	}
	if (r->image.manifest.stop_signal && *r->image.manifest.stop_signal) {
		fprintf(out, "  \"stop_signal\": ");
		json_print_text(out, r->image.manifest.stop_signal);
		fprintf(out, ",\n");
	}
	fprintf(out, "  \"detached\": %s,\n  \"created\": %" PRIu64 ",\n",
		record->detached ? "true" : "false", (uint64_t)time(NULL));
	fprintf(out, "  \"pid\": %d,\n  \"pid_start\": %" PRIu64 ",\n", record->monitor.pid,
		record->monitor.start);
	fprintf(out, "  \"keeper\": %d,\n  \"keeper_start\": %" PRIu64 ",\n", record->keeper.pid,
		record->keeper.start);
	fclose(out);
	write_document(record, "  \"state\": \"running\"\n}\n");
	sandbox_tell(sandbox, MONITOR_LISTEN, 0, 0, 0);
}

void record_ended(struct record *record, int code, const char *why)
{
	char escaped[1024], *end;

	if (!record->keep || !record->document) {
		record_discard(record);
		return;
	}
	escape_text(escaped, sizeof(escaped), why, strlen(why), ESCAPE_JSON);
	end = must_format("  \"state\": \"ended\",\n  \"ended\": %" PRIu64
			  ",\n  \"exit_code\": %d,\n  \"why\": \"%s\"\n}\n",
			  (uint64_t)time(NULL), code, escaped);
	write_document(record, end);
	free(end);
	remove_file(record, ".sock");
}

/* Those that only a detached one has come last. */
const char *const record_suffixes[] = {".sock", ".json", ".denied", ".log", ".log.1", NULL};

void record_discard(struct record *record)
{
	if (record->dir < 0)
		return;
	for (size_t i = 0; i < (record->detached ? 5 : 3); i++)
		remove_file(record, record_suffixes[i]);
}

void record_denied(struct record *record, const char *prefix, const char *text)
{
	char name[80];
	int fd;

	if (!record || record->dir < 0)
		return;
	file_name(record, ".denied", name);
	fd = openat(record->dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0) {
		dprintf(fd, "%s%s\n", prefix, text);
		close(fd);
	}
}

struct log *record_log(struct record *record)
{
	char name[80];

	file_name(record, ".log", name);
	return log_open(record->dir, name);
}
