/*
 * The monitor under a picoprocess that abuses it, and its dealings with its operator: what ends a sandbox, with which
 * reason and status, and that hostile text arrives escaped.
 *
 * usage: monitor_survives HOST-LAYER LIBRARY-OS
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/monitor.h"

struct expectation {
	const char *mode;
	enum monitor_reason reason;
	int status;
	const char *text;	/* somewhere in the reason's text */
	const char *log;	/* has to be logged, if not NULL */
	int (*act)(struct sandbox *sandbox); /* when it runs */
	uint64_t timeout;
};

static union {
	struct monitor_msg head;
	char space[sizeof(struct monitor_msg) + MONITOR_TEXT_MAX + 1];
} in;

static struct sandbox_spec spec;
static int listener;
static struct sockaddr_un address;
static char tree[] = "/tmp/monitor-survives.XXXXXX", file[64];

static bool receive(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	ssize_t n = poll(&pfd, 1, 20000) > 0 ? recv(fd, &in, sizeof(in) - 1, 0) : -1;

	if (n < (ssize_t)sizeof(in.head))
		return false;
	in.space[n] = 0;
	return true;
}

static int act_kill(struct sandbox *sandbox)
{
	return sandbox_tell(sandbox, MONITOR_KILL, 0, 0, 0);
}

static int act_stop(struct sandbox *sandbox)
{
	return sandbox_tell(sandbox, MONITOR_STOP, 50, 0, 0);
}

static int act_signal(struct sandbox *sandbox)
{
	return sandbox_tell(sandbox, MONITOR_SIGNAL, 2, 0, 0);
}

static int act_malformed(struct sandbox *sandbox)
{
	char junk[5000];

	memset(junk, 0xee, sizeof(junk));
	for (size_t n = 1; n < sizeof(junk); n += 37)
		if (send(sandbox->control, junk, n, MSG_NOSIGNAL) < 0)
			return -errno;
	return act_kill(sandbox);
}

/* A later command comes by the listener, asks, and gets the messages too. */
static int act_by_listener(struct sandbox *sandbox)
{
	struct monitor_msg msg = { .kind = MONITOR_KILL };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), error = 0;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || send(fd, &msg, sizeof(msg), 0) < 0)
		error = -errno;
	while (!error && receive(fd))
		if (in.head.kind == MONITOR_ENDED)
			break;
	if (!error && in.head.kind != MONITOR_ENDED)
		error = -ENOMSG;
	close(fd);
	return error;
}

static const struct expectation expectations[] = {
	{ "sweep", ENDED_BY_GUEST, 0, "", "survived", NULL, 0 },
	{ "garbage", ENDED_BY_GUEST, 0, "", "survived", NULL, 0 },
	{ "deaf", ENDED_PROTOCOL, SIGKILL, "does not take the monitor's answers", NULL, NULL, 0 },
	{ "noisy", ENDED_BY_GUEST, 5 << 8, "", "\\x1b[2Jnoise", NULL, 0 },
	{ "forbidden", ENDED_FORBIDDEN_CALL, SIGSYS, "forbidden system call socket(0x2, 0x1, 0x0", NULL, NULL, 0 },
	{ "panic", ENDED_PANIC, 6, "the \\x1b[31mend", NULL, NULL, 0 },
	{ "die", ENDED_DIED, SIGKILL, "ended with 3", NULL, NULL, 0 },
	{ "idle", ENDED_KILLED, SIGKILL, "killed by its operator", NULL, act_kill, 0 },
	{ "idle", ENDED_KILLED, SIGKILL, "killed by its operator", NULL, act_malformed, 0 },
	{ "idle", ENDED_KILLED, SIGKILL, "killed by its operator", NULL, act_by_listener, 0 },
	{ "idle", ENDED_KILLED, SIGKILL, "did not stop in time", NULL, act_stop, 0 },
	{ "idle", ENDED_TIMEOUT, SIGKILL, "time was over", NULL, NULL, 100 },
	{ "echo", ENDED_BY_GUEST, BZ_CTL_SIGNAL << 8 | 2 << 12, "", NULL, act_signal, 0 },
};

static int check(const struct expectation *e)
{
	const char *arguments[] = { "abuse", e->mode, NULL };
	struct sandbox sandbox;
	bool logged = !e->log;
	char err[256];
	int wrong = 0, error;

	spec.argv = arguments;
	spec.timeout = (struct limit){ e->timeout != 0, e->timeout };
	if (sandbox_start(&spec, &sandbox, err, sizeof(err)) < 0) {
		printf("FAIL %s: %s\n", e->mode, err);
		return 1;
	}
	while (receive(sandbox.control)) {
		if (in.head.kind == MONITOR_STARTED && e->act && (error = e->act(&sandbox)) < 0)
			wrong += printf("FAIL %s: %s\n", e->mode, strerror(-error));
		if (in.head.kind == MONITOR_ENDED && e->act == act_by_listener)
			break;
		if (in.head.kind == MONITOR_LOG && strstr(in.head.text, "FAIL"))
			wrong += printf("FAIL %s: %s\n", e->mode, in.head.text);
		if (in.head.kind == MONITOR_LOG && e->log)
			logged |= strstr(in.head.text, e->log) != NULL;
		if (in.head.kind == MONITOR_ENDED || in.head.kind == MONITOR_FAILED)
			break;
	}
	if (in.head.kind != MONITOR_ENDED || in.head.reason != e->reason || in.head.status != e->status ||
	    !strstr(in.head.text, e->text) || !logged)
		wrong += printf("FAIL %s: kind %u, reason %u, status 0x%x, logged %d: %s\n", e->mode, in.head.kind,
				in.head.reason, in.head.status, logged, in.head.text);
	sandbox_forget(&sandbox);
	return wrong != 0;
}

/* The command dies: its sandbox ends with it, unless it was detached. */
static int check_caller_gone(void)
{
	const char *arguments[] = { "abuse", "idle", NULL };
	struct sandbox sandbox;
	struct pollfd pfd;
	char err[256];

	spec.argv = arguments;
	spec.flags = 0;
	spec.timeout = (struct limit){ 0 };
	if (sandbox_start(&spec, &sandbox, err, sizeof(err)) < 0)
		return 1;
	while (receive(sandbox.control) && in.head.kind != MONITOR_STARTED)
		;
	shutdown(sandbox.control, SHUT_RDWR);
	pfd = (struct pollfd){ sandbox.pidfd, POLLIN, 0 };
	if (poll(&pfd, 1, 10000) != 1) {
		printf("FAIL the monitor outlives its caller\n");
		return 1;
	}
	sandbox_forget(&sandbox);
	return 0;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static void fill_spec(char **argv)
{
	static const char *environment[] = { NULL };
	static struct sandbox_mount mounts[] = { { .guest_path = "/data", .flags = BZ_MOUNT_READONLY },
						 { .guest_path = "/rw" }, { .guest_path = "/file", .is_file = true } };
	struct stat st;
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		exit(1);
	spec.host_layer = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	spec.host_layer_size = st.st_size;
	spec.libos_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (spec.libos_fd < 0 || fstat(spec.libos_fd, &st) < 0)
		exit(1);
	spec.libos_size = st.st_size;
	if (!mkdtemp(tree))
		exit(1);
	snprintf(file, sizeof(file), "%s/file", tree);
	close(open(file, O_CREAT | O_WRONLY, 0644));
	mounts[0].fd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	mounts[1].fd = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	mounts[2].fd = open(file, O_PATH | O_CLOEXEC);
	spec.uid = spec.gid = 1000;
	spec.id = "abuse";
	spec.exe = "abuse";
	spec.envp = environment;
	spec.image_fd = -1;
	spec.memory = (struct limit){ true, 64 << 20 };
	spec.mounts = mounts;
	spec.mount_count = 3;
	spec.stdio[0] = spec.stdio[1] = spec.stdio[2] = -1;
	spec.listen_fd = listener;
}

/* A host layer that ends at once: the monitor, confined by then, says so and ends by itself, not by its filter. */
static int check_failed_start(void)
{
	static struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
		unsigned char code[12];
	} layer = {
		{ { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, ET_EXEC, EM_X86_64, EV_CURRENT,
		  0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), sizeof(Elf64_Ehdr), 0, 0, sizeof(Elf64_Ehdr),
		  sizeof(Elf64_Phdr), 1 },
		{ PT_LOAD, PF_R | PF_X, 0, 0x400000, 0x400000, sizeof(layer), sizeof(layer), 4096 },
		{ 0xb8, 60, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05 }, /* exit(7) */
	};
	const char *arguments[] = { "abuse", "idle", NULL };
	const struct sandbox_spec usual = spec;
	struct sandbox sandbox;
	char err[256];
	int wrong = 0, status;

	spec.argv = arguments;
	spec.host_layer = (const char *)&layer;
	spec.host_layer_size = sizeof(layer);
	if (sandbox_start(&spec, &sandbox, err, sizeof(err)) < 0)
		return printf("FAIL a host layer that ends: %s\n", err);
	if (!receive(sandbox.control) || in.head.kind != MONITOR_FAILED || !strstr(in.head.text, "the host layer did not start"))
		wrong = printf("FAIL a host layer that ends: kind %u: %s\n", in.head.kind, in.head.text);
	if (waitpid(sandbox.pid, &status, 0) != sandbox.pid || !WIFEXITED(status) || WEXITSTATUS(status) != 125)
		wrong = printf("FAIL a host layer that ends: the monitor ended with %x\n", status);
	sandbox_forget(&sandbox);
	spec = usual;
	return wrong != 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 3)
		return 1;
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "bartizan-survives-%d", getpid());
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 8) < 0)
		return 1;
	fill_spec(argv);
	for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++)
		failed += check(&expectations[i]);
	failed += check_failed_start() + check_caller_gone();
	nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* random requests may have made something */
	printf("%d of %zu failed\n", failed, sizeof(expectations) / sizeof(expectations[0]) + 1);
	return failed != 0;
}
