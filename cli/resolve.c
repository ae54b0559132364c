/*
 * Names become addresses in a process of their own: what a name server sends is parsed where nothing can be had by it.  The child
 * reads the host's resolv.conf(5) and hosts(5), connects a socket to each name server, and then gives up all else: another uid if it
 * can have one, no files and no TCP (Landlock), and by its filter no call but those that talk on what it has.  One answer of fixed size
 * comes back, and the child ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/resolve.h"
#include "monitor/filter.h"
#include "monitor/process.h"

#define NOBODY 65534
#define OUT 3 /* the child's descriptors: its way back, and the name servers behind it */
#define SERVERS 4
#define DOMAINS 6
#define FILE_MAX 65536
/* AddressSanitizer reserves terabytes. */
#if defined(__has_feature)
#define SANITIZER_RESERVES __has_feature(address_sanitizer)
#else
#define SANITIZER_RESERVES 0
#endif

/* What resolv.conf(5) says. */
struct conf {
	const char *servers[RESOLVE_SERVERS_MAX];
	uint16_t ports[RESOLVE_SERVERS_MAX];
	size_t server_count;
	const char *domains[DOMAINS];
	size_t domain_count;
	int timeout_ms, attempts;
};

/* --- The host's files -------------------------------------------------------------------------------------------- */

/* The caller is a child that ends soon. */
static char *read_file(const char *path)
{
	static char texts[2][FILE_MAX];
	static int next;
	char *text = texts[next++ % 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n, len = 0;

	while (fd >= 0 && (n = read(fd, text + len, FILE_MAX - 1 - len)) > 0)
		len += n;
	text[len] = 0;
	if (fd >= 0)
		close(fd);
	return text;
}

static void read_options(struct conf *c, char **rest)
{
	for (char *word; (word = strtok_r(NULL, " \t", rest));) {
		if (!strncmp(word, "timeout:", 8) && atoi(word + 8) > 0)
			c->timeout_ms = atoi(word + 8) * 1000;
		if (!strncmp(word, "attempts:", 9) && atoi(word + 9) > 0)
			c->attempts = atoi(word + 9);
	}
}

static void read_conf(struct conf *c, const struct name_servers *given)
{
	char *lines, *words;

	c->timeout_ms = 5000;
	c->attempts = 2;
	for (char *line = strtok_r(read_file("/etc/resolv.conf"), "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *key = strtok_r(line, " \t", &words), *word;

		if (!key)
			continue;
		if (!strcmp(key, "nameserver") && !given->count && c->server_count < SERVERS && (word = strtok_r(NULL, " \t", &words)))
			c->servers[c->server_count++] = word;
		if (!strcmp(key, "options"))
			read_options(c, &words);
		if (strcmp(key, "search") && strcmp(key, "domain"))
			continue;
		c->domain_count = 0;
		while (c->domain_count < DOMAINS && (word = strtok_r(NULL, " \t", &words)))
			c->domains[c->domain_count++] = word;
	}
	for (size_t i = 0; i < RESOLVE_SERVERS_MAX; i++)
		c->ports[i] = i < given->count ? given->port[i] : 53;
	for (size_t i = 0; i < given->count; i++)
		c->servers[c->server_count++] = given->address[i];
	if (!c->server_count)
		c->servers[c->server_count++] = "127.0.0.1";
}

static bool parse_ip(const char *text, uint8_t ip[16])
{
	memcpy(ip, (uint8_t[16]){[10] = 0xff, [11] = 0xff}, 16);
	return inet_pton(AF_INET, text, ip + 12) == 1 || inet_pton(AF_INET6, text, ip) == 1;
}

static void look_in_hosts(const char *name, struct dns_found *found)
{
	char *lines, *words;

	for (char *line = strtok_r(read_file("/etc/hosts"), "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *ip, *word;

		line[strcspn(line, "#")] = 0;
		ip = strtok_r(line, " \t", &words);
		while (ip && (word = strtok_r(NULL, " \t", &words)))
			if (!strcasecmp(word, name) && found->count < DNS_ADDRESSES_MAX && parse_ip(ip, found->ip[found->count]))
				found->count++;
	}
	found->ttl = 0; /* somebody may edit it */
}

/* RFC 6761, 6.3: whatever the files say of it. */
static bool is_localhost(const char *name)
{
	size_t n = strlen(name);

	n -= n && name[n - 1] == '.';
	return n >= 9 && !strncasecmp(name + n - 9, "localhost", 9) && (n == 9 || name[n - 10] == '.');
}

static void loopback(struct dns_found *found)
{
	parse_ip("127.0.0.1", found->ip[0]);
	parse_ip("::1", found->ip[1]);
	found->count = 2;
	found->ttl = 0;
}

/* --- Giving up --------------------------------------------------------------------------------------------------- */

static void connect_servers(const struct conf *c, int fds[], size_t *count)
{
	for (size_t i = 0; i < c->server_count; i++) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(c->ports[i])};
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(c->ports[i])};
		char text[80], *scope;
		bool v4;
		int fd;

		strncpy(text, c->servers[i], sizeof(text) - 1);
		text[sizeof(text) - 1] = 0;
		scope = strchr(text, '%');
		if (scope) {
			*scope++ = 0;
			in6.sin6_scope_id = if_nametoindex(scope);
		}
		v4 = inet_pton(AF_INET, text, &in.sin_addr) == 1;
		if (!v4 && inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
			continue;
		fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6, v4 ? sizeof(in) : sizeof(in6)) == 0)
			fds[(*count)++] = fd;
	}
}

static void filter_calls(void)
{
	/* Sorted by number.  No call that names anything: what there is to talk to is connected. */
	static const struct filter_rule rules[] = {
	    {SYS_close, .words = NULL},
	    {SYS_poll, .words = NULL},
	    {SYS_rt_sigreturn, .words = NULL},
	    {SYS_sendto, .words = "no address", .checks = {{LONG_EQ, 4, 0}}},
	    {SYS_recvfrom, .words = NULL},
	    {SYS_restart_syscall, .words = NULL},
	    {SYS_clock_gettime, .words = NULL},
	    {SYS_exit_group, .words = NULL},
	    {SYS_getrandom, .words = NULL},
	};
	struct filter_options options = {.rules = rules, .rule_count = sizeof(rules) / sizeof(rules[0])};
	struct sock_filter code[256];
	struct sock_fprog program = {.filter = code};
	int n = filter_build(&options, code, sizeof(code) / sizeof(code[0]));

#ifdef SANITIZED /* the runtime makes calls of its own */
	return;
#endif
	if (n < 0)
		_exit(1);
	program.len = n;
	if (syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, &program) < 0)
		_exit(1);
}

static void give_up(void)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {{RLIMIT_NPROC, 0},   {RLIMIT_FSIZE, 0}, {RLIMIT_CPU, 10},
		      {RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 16}, {RLIMIT_AS, 64 << 20}};

	if (capabilities_bound() < 0)
		_exit(1);
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = {limits[i].value, limits[i].value};

		if (SANITIZER_RESERVES && (limits[i].resource == RLIMIT_AS || limits[i].resource == RLIMIT_NOFILE))
			continue;
		setrlimit(limits[i].resource, &limit);
	}
	if (capabilities_drop(0) < 0 || landlock_nothing() < 0)
		_exit(1);
	filter_calls();
}

/* --- Asking ------------------------------------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

/* Both questions to one server.  True: it knows. */
static bool ask_server(int fd, const char *name, int timeout_ms, struct dns_found *found)
{
	static const uint16_t types[2] = {DNS_A, DNS_AAAA};
	static uint8_t message[DNS_MESSAGE_MAX];
	uint8_t question[2][512];
	size_t len[2];
	uint16_t id[2];
	int open = 3;
	int64_t until = now_ms() + timeout_ms, left;

	*found = (struct dns_found){.ttl = UINT32_MAX};
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return false;
	for (int i = 0; i < 2; i++) {
		len[i] = dns_ask(question[i], id[i], name, types[i]);
		if (!len[i] || send(fd, question[i], len[i], 0) < 0)
			return false;
	}
	while (open && (left = until - now_ms()) > 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, left) <= 0)
			break;
		n = recv(fd, message, sizeof(message), 0);
		if (n < 0 && errno != EAGAIN)
			return false; /* nobody is there */
		for (int i = 0; i < 2 && n > 0; i++) {
			int said = open >> i & 1 ? dns_take(message, n, question[i], len[i], found) : 0;

			if (said < 0)
				return false;
			if (said)
				open &= ~(1 << i);
		}
	}
	return !open || found->count;
}

static bool ask_all(const int fds[], size_t count, const struct conf *c, const char *name, int64_t until, struct dns_found *found)
{
	for (int attempt = 0; attempt < c->attempts; attempt++)
		for (size_t i = 0; i < count && now_ms() < until; i++)
			if (ask_server(fds[i], name, c->timeout_ms, found))
				return true;
	return false;
}

static void answer(const char *name, const struct name_servers *given) __attribute__((noreturn));
static void answer(const char *name, const struct name_servers *given)
{
	static struct dns_found found;
	static struct conf conf;
	int fds[RESOLVE_SERVERS_MAX], error = -ETIMEDOUT;
	size_t count = 0;
	int64_t until = now_ms() + RESOLVE_MS;

	look_in_hosts(name, &found);
	if (!found.count && is_localhost(name))
		loopback(&found);
	read_conf(&conf, given);
	connect_servers(&conf, fds, &count);
	give_up();
	if (!found.count) {
		char full[512];

		for (size_t i = 0; !strchr(name, '.') && i < conf.domain_count && found.count <= 0; i++) {
			if (strlen(name) + strlen(conf.domains[i]) + 2 > sizeof(full))
				continue;
			strcpy(full, name);
			strcat(full, ".");
			strcat(full, conf.domains[i]);
			ask_all(fds, count, &conf, full, until, &found);
		}
		if (found.count <= 0 && ask_all(fds, count, &conf, name, until, &found))
			error = 0;
	}
	if (!found.count)
		found.count = error;
	send(OUT, &found, sizeof(found), 0);
	_exit(0);
}

/* --- The parent -------------------------------------------------------------------------------------------------- */

int resolve_begin(struct resolution *r, const char *name, const struct name_servers *servers)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r->pid = fork();
	if (r->pid == 0) {
		dup2(ends[1], OUT);
		syscall(SYS_close_range, OUT + 1, ~0u, 0);
		close(0);
		close(1);
		close(2);
		signal(SIGPIPE, SIG_IGN);
		answer(name, servers);
	}
	close(ends[1]);
	r->fd = ends[0];
	if (r->pid < 0) {
		close(ends[0]);
		return -errno;
	}
	return 0;
}

void resolve_end(struct resolution *r, struct dns_found *found)
{
	if (recv(r->fd, found, sizeof(*found), MSG_DONTWAIT) != sizeof(*found) || found->count > DNS_ADDRESSES_MAX)
		*found = (struct dns_found){.count = -ETIMEDOUT};
	close(r->fd);
	kill(r->pid, SIGKILL);
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
}
