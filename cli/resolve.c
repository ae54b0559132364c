/*
 * Names become addresses in a process of their own: what a name server sends is parsed where nothing can be had by it.  The child
 * has the resolver's files and sockets, another uid if it can have one, no new privileges and few resources; what it finds comes
 * back as structures of fixed size.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/network.h"

#define TIMEOUT_MS 10000
#define NOBODY 65534
/* AddressSanitizer reserves terabytes. */
#if defined(__has_feature)
#define SANITIZER_RESERVES __has_feature(address_sanitizer)
#else
#define SANITIZER_RESERVES 0
#endif

static void give_up(int keep)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {{RLIMIT_NPROC, 0}, {RLIMIT_FSIZE, 0},	 {RLIMIT_CPU, 10}, {RLIMIT_CORE, 0},
		      {RLIMIT_NOFILE, 32}, {RLIMIT_AS, 64 << 20}};

	dup2(keep, 3);
	syscall(SYS_close_range, 4, ~0u, 0);
	close(0);
	close(1);
	close(2);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = {limits[i].value, limits[i].value};

		if (SANITIZER_RESERVES && limits[i].resource == RLIMIT_AS)
			continue;
		setrlimit(limits[i].resource, &limit);
	}
}

static void take(const struct sockaddr *from, struct bz_address *a)
{
	memset(a, 0, sizeof(*a));
	if (from->sa_family == AF_INET) {
		a->ip[10] = a->ip[11] = 0xff;
		memcpy(a->ip + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else {
		memcpy(a->ip, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	}
}

static void ask(const char *name, int out) __attribute__((noreturn));
static void ask(const char *name, int out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	struct bz_address a;

	give_up(out);
	if (getaddrinfo(name, NULL, &hints, &list))
		_exit(2);
	for (int n = 0; list && n < RESOLVED_MAX; list = list->ai_next) {
		if (list->ai_family != AF_INET && list->ai_family != AF_INET6)
			continue;
		take(list->ai_addr, &a);
		if (write(3, &a, sizeof(a)) != sizeof(a))
			_exit(1);
		n++;
	}
	_exit(0);
}

/* Each packet is one address; the end of the socket is the end of the list. */
static int collect(int fd, struct bz_address out[RESOLVED_MAX])
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = 0;

	while (n < RESOLVED_MAX) {
		if (poll(&p, 1, TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		if (read(fd, &out[n], sizeof(out[n])) != sizeof(out[n]))
			break;
		out[n++].port = 0;
	}
	return n;
}

int resolve_name(const char *name, struct bz_address out[RESOLVED_MAX])
{
	int ends[2], n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		ask(name, ends[1]);
	close(ends[1]);
	n = pid < 0 ? -errno : collect(ends[0], out);
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return n;
}
