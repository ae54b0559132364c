/*
 * Reads what -p, --allow, --add-host and --dns say.  The monitor gets numbers alone: addresses, prefixes, ports, and for a name its
 * place in the table of names (names.c).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/network.h"
#include "cli/options.h"
#include "cli/view.h"
#include "monitor/server.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const uint8_t *ip)
{
	return !memcmp(ip, mapped, sizeof(mapped));
}

/* --- Texts --- */

static bool parse_ip(const char *text, uint8_t ip[16])
{
	if (inet_pton(AF_INET, text, ip + 12) == 1) {
		memcpy(ip, mapped, sizeof(mapped));
		return true;
	}
	return inet_pton(AF_INET6, text, ip) == 1;
}

const char *network_show_address(const struct bz_address *a)
{
	static char text[80];
	char ip[INET6_ADDRSTRLEN] = "?";

	inet_ntop(is_v4(a->ip) ? AF_INET : AF_INET6, a->ip + (is_v4(a->ip) ? 12 : 0), ip, sizeof(ip));
	snprintf(text, sizeof(text), a->port ? is_v4(a->ip) ? "%s:%u" : "[%s]:%u" : "%s", ip, a->port);
	return text;
}

const char *network_show_rule(const struct net_option *n, const struct net_rule *r)
{
	char ip[INET6_ADDRSTRLEN] = "?", bits[8] = "", ports[24];
	const bool v4 = is_v4(r->ip) && r->bits >= 96;
	const char *scheme = r->scheme == BZ_UDP ? "/udp" : "";

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? r->ip + 12 : r->ip, ip, sizeof(ip));
	if (r->bits < 128)
		snprintf(bits, sizeof(bits), "/%d", v4 ? r->bits - 96 : r->bits);
	if (r->first == 1 && r->last == 0xffff)
		snprintf(ports, sizeof(ports), "*");
	else if (r->first == r->last)
		snprintf(ports, sizeof(ports), "%u", r->first);
	else
		snprintf(ports, sizeof(ports), "%u-%u", r->first, r->last);
	if (r->name)
		return must_format("port %s%s of %s", ports, scheme, names_show(n->names, r->name));
	return must_format(v4 ? "%s%s:%s%s" : "[%s%s]:%s%s", ip, bits, ports, scheme);
}

static uint16_t parse_port(const char *what, const char *text, const char *all)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !port || port > 0xffff)
		fail(EXIT_BARTIZAN, "%s: '%s': '%s' is no port from 1 to 65535", what, all, text);
	return port;
}

/* The colon before the ports: the last one outside of brackets. */
static char *split_ports(char *text)
{
	char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');

	return colon && (!bracket || colon > bracket) ? colon : NULL;
}

static char *without_brackets(char *host)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		return host + 1;
	}
	return host;
}

/* --- --allow --- */

static void add_rule(struct run_options *o, const char *what, const struct net_rule *r)
{
	if (o->net.rule_count == NET_RULES_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d rules", what, NET_RULES_MAX);
	o->net.rules[o->net.rule_count++] = *r;
}

/* 443, 8000-8100, or * */
static void parse_range(const char *what, const char *all, char *text, struct net_rule *r)
{
	char *dash = strchr(text, '-');

	r->first = 1;
	r->last = 0xffff;
	if (!strcmp(text, "*"))
		return;
	if (dash)
		*dash++ = 0;
	r->first = parse_port(what, text, all);
	r->last = dash ? parse_port(what, dash, all) : r->first;
	if (r->first > r->last)
		fail(EXIT_BARTIZAN, "%s: '%s': the range begins behind its end", what, all);
}

static void add_line(struct run_options *o, const char *name, const uint8_t ip[16])
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(is_v4(ip) ? AF_INET : AF_INET6, is_v4(ip) ? ip + 12 : ip, text, sizeof(text));
	o->net.hosts = must_format("%s%s\t%s\n", o->net.hosts ? o->net.hosts : "", text, name);
}

static bool clear_below(uint8_t ip[16], unsigned int bits)
{
	bool clean = true;

	for (unsigned int i = bits; i < 128; i++)
		clean &= !(ip[i / 8] & 0x80 >> i % 8);
	return clean;
}

static bool is_name(const char *text)
{
	return *text && strlen(text) <= 253 && *text != '-' && *text != '.' &&
	       !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")];
}

bool network_name_grants(const uint8_t ip[16])
{
	static struct server all = {.rules = {{.scheme = BZ_TCP, .first = 1, .last = 0xffff}}, .rule_count = 1};
	struct bz_address some_port = {.port = 1};

	memcpy(some_port.ip, ip, sizeof(some_port.ip));
	return network_judge(&all, BZ_TCP, &some_port) == 0;
}

static void add_fixed(struct run_options *o, const char *what, const char *name, const uint8_t ip[16])
{
	uint16_t number = names_add(&o->net.names, what, name);

	add_line(o, name, ip);
	names_fix(o->net.names, number, ip);
}

/* Which addresses `host` means, as a rule without ports. */
static struct net_rule parse_host(struct run_options *o, const char *what, const char *all, char *host)
{
	static const uint8_t special[16] = NET_HOST_ADDRESS;
	struct net_rule rule = {.bits = 128};
	char *slash, *end;

	if (!strcmp(host, "*")) {
		rule.bits = 0;
		return rule;
	}
	if (!strcasecmp(host, NET_HOST_NAME)) {
		memcpy(rule.ip, special, sizeof(special));
		if (!o->net.hosts || !strstr(o->net.hosts, NET_HOST_NAME))
			add_fixed(o, what, NET_HOST_NAME, special);
		return rule;
	}
	slash = strchr(host, '/');
	if (slash)
		*slash++ = 0;
	if (parse_ip(host, rule.ip)) {
		unsigned long bits = slash ? strtoul(slash, &end, 10) : 0;
		const bool v4 = is_v4(rule.ip);

		if (!slash)
			return rule;
		if (*slash < '0' || *slash > '9' || *end || bits > (v4 ? 32 : 128))
			fail(EXIT_BARTIZAN, "%s: '%s': '/%s' is no prefix length", what, all, slash);
		rule.bits = bits + (v4 ? 96 : 0);
		if (!clear_below(rule.ip, rule.bits))
			fail(EXIT_BARTIZAN, "%s: '%s': bits behind the prefix are set; write the network's own address", what,
			     all);
		return rule;
	}
	if (slash || !is_name(host))
		fail(EXIT_BARTIZAN, "%s: '%s' is neither an address, a network (10.0.0.0/8), a name nor *", what, host);
	return (struct net_rule){.name = names_add(&o->net.names, what, host)};
}

void options_allow(struct run_options *o, const char *what, const char *text)
{
	char *copy = must_dup(text), *ports, *udp = strstr(copy, "/udp");
	struct net_rule rule;

	if (udp && !udp[4])
		*udp = 0;
	ports = split_ports(copy);
	if (!ports || !ports[1] || ports == copy)
		fail(EXIT_BARTIZAN, "%s: '%s' is not HOST:PORT, NETWORK/BITS:PORT or [IPV6]:PORT, with /udp behind it for UDP", what,
		     text);
	*ports++ = 0;
	rule = parse_host(o, what, text, without_brackets(copy));
	for (char *port = strtok(ports, ","); port; port = strtok(NULL, ",")) {
		parse_range(what, text, port, &rule);
		rule.scheme = udp && !udp[0] ? BZ_UDP : BZ_TCP;
		add_rule(o, what, &rule);
	}
	free(copy);
}

void options_add_host(struct run_options *o, const char *what, const char *text)
{
	char *copy = must_dup(text), *ip = strchr(copy, ':');
	uint8_t bytes[16];

	if (ip)
		*ip++ = 0;
	if (!ip || !is_name(copy) || !parse_ip(without_brackets(ip), bytes))
		fail(EXIT_BARTIZAN, "%s: '%s' is not NAME:ADDRESS", what, text);
	add_fixed(o, what, copy, bytes);
	free(copy);
}

void options_dns(struct run_options *o, const char *what, const char *text)
{
	struct name_servers *s = &o->net.servers;
	char *copy = must_dup(text), *port = inet_pton(AF_INET6, text, (uint8_t[16]){0}) == 1 ? NULL : split_ports(copy);
	uint8_t ip[16];

	if (port)
		*port++ = 0;
	if (s->count == RESOLVE_SERVERS_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d name servers", what, RESOLVE_SERVERS_MAX);
	s->address[s->count] = without_brackets(copy);
	s->port[s->count] = port ? parse_port(what, port, text) : 53;
	if (!parse_ip(s->address[s->count++], ip))
		fail(EXIT_BARTIZAN, "%s: '%s' is no address of a name server", what, text);
}

/* --- -p --- */

void options_publish(struct run_options *o, const char *what, const char *text)
{
	struct bz_port *p = &o->net.ports[o->net.port_count];
	char *copy = must_dup(text), *guest = strrchr(copy, ':'), *host, *udp;
	const char *address = "127.0.0.1";

	if (o->net.port_count == SANDBOX_PORTS_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d ports", what, SANDBOX_PORTS_MAX);
	if (!guest || guest == copy)
		fail(EXIT_BARTIZAN, "%s: '%s' is not [ADDRESS:]HOSTPORT:GUESTPORT, with /udp behind it for UDP", what, text);
	*guest++ = 0;
	host = split_ports(copy);
	if (host) {
		*host++ = 0;
		address = without_brackets(copy);
	} else {
		host = copy;
	}
	udp = strstr(guest, "/udp");
	*p = (struct bz_port){.scheme = udp && !udp[4] ? BZ_UDP : BZ_TCP};
	if (p->scheme == BZ_UDP)
		*udp = 0;
	if (!parse_ip(address, p->host.ip))
		fail(EXIT_BARTIZAN, "%s: '%s': '%s' is no address", what, text, address);
	p->host.port = parse_port(what, host, text);
	p->guest = parse_port(what, guest, text);
	o->net.port_count++;
	free(copy);
}

union name { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; };

static socklen_t fill(const struct bz_address *a, union name *name)
{
	const bool v4 = is_v4(a->ip);

	*name = (union name){.in6 = {.sin6_family = v4 ? AF_INET : AF_INET6, .sin6_port = htons(a->port)}};
	memcpy(v4 ? (void *)&name->in.sin_addr : &name->in6.sin6_addr, a->ip + (v4 ? 12 : 0), v4 ? 4 : 16);
	return v4 ? sizeof(name->in) : sizeof(name->in6);
}

/* --- --unix --- */

void options_unix(struct run_options *o, const char *what, const char *text)
{
	struct net_option *n = &o->net;
	char *host = must_dup(text), *guest = strchr(host, ':');

	if (n->port_count == SANDBOX_PORTS_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d ports and sockets", what, SANDBOX_PORTS_MAX);
	if (guest)
		*guest++ = 0;
	n->host_paths[n->port_count] = host;
	n->port_paths[n->port_count] = clean_path(guest ? guest : host);
	if (*host != '/' || !n->port_paths[n->port_count])
		fail(EXIT_BARTIZAN, "%s: '%s' is not PATH or HOSTPATH:GUESTPATH, both absolute", what, text);
	n->ports[n->port_count++] = (struct bz_port){.scheme = BZ_UNIX};
}

/* The socket that has this name now: one that a server makes anew later is another. */
static int open_socket(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(EXIT_BARTIZAN, "--unix: %s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		fail(EXIT_BARTIZAN, "--unix: %s: is no socket", path);
	return fd;
}

static int bind_one(const struct bz_address *a, bool udp)
{
	union name name;
	const socklen_t len = fill(a, &name);
	const int one = 1;
	int fd = socket(name.any.sa_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* UDP: several of ours, and of nobody else's.  TCP: accepted connections have these from the listener. */
	setsockopt(fd, SOL_SOCKET, udp ? SO_REUSEPORT : SO_REUSEADDR, &one, sizeof(one));
	if (!udp) {
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
	}
	if (!is_v4(a->ip))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, &name.any, len) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* Another of the same port's, that gets nothing before the monitor connects it to somebody: until then its peer is one that never
 * sends, the discard port of the port's own address, or where that is all addresses, of one for documentation or of loopback. */
static int bind_peer(const struct bz_address *a)
{
	static const uint8_t any6[16], any4[4], loopback[16] = {[15] = 1}, example[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	const bool v4 = is_v4(a->ip), all = v4 ? !memcmp(a->ip + 12, any4, 4) : !memcmp(a->ip, any6, 16);
	struct bz_address discard = *a;
	int fd = bind_one(a, true), error = 0;

	discard.port = 9;
	for (int try = 0; fd >= 0 && try < 2; try++) {
		union name name;
		socklen_t len;

		if (all && v4)
			memcpy(discard.ip + 12, try ? (uint8_t[]){127, 0, 0, 1} : (uint8_t[]){192, 0, 2, 1}, 4);
		else if (all)
			memcpy(discard.ip, try ? loopback : example, 16);
		len = fill(&discard, &name);
		if (connect(fd, &name.any, len) == 0)
			return fd;
		error = -errno;
	}
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : error;
}

/* Only when nobody else has the port: sockets of the same user's that share it would get a part of what comes. */
static int bind_udp(struct net_option *n, size_t i)
{
	const struct bz_address *a = &n->ports[i].host;
	union name name;
	const socklen_t len = fill(a, &name);
	int probe = socket(name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd;

	if (probe >= 0 && !is_v4(a->ip))
		setsockopt(probe, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
	fd = probe < 0 || bind(probe, &name.any, len) < 0 ? -errno : 0;
	if (probe >= 0)
		close(probe);
	if (fd == 0)
		fd = bind_one(a, true);
	for (size_t k = 0; fd >= 0 && k < NET_PEERS; k++) {
		n->peer_fds[i * NET_PEERS + k] = bind_peer(a);
		if (n->peer_fds[i * NET_PEERS + k] < 0)
			return n->peer_fds[i * NET_PEERS + k];
	}
	return fd;
}

void network_bind(struct net_option *n)
{
	memset(n->peer_fds, -1, sizeof(n->peer_fds));
	for (size_t i = 0; i < n->port_count; i++) {
		const struct bz_address *a = &n->ports[i].host;
		const uint32_t scheme = n->ports[i].scheme;
		const int fd = scheme == BZ_UNIX ? open_socket(n->host_paths[i]) : scheme == BZ_UDP ? bind_udp(n, i) : bind_one(a, false);

		n->port_fds[i] = fd;
		if (fd < 0)
			fail(EXIT_BARTIZAN, "-p: %s: %s%s", network_show_address(a), strerror(-fd),
			     fd == -EACCES	     ? "; ports below 1024 are for root here: choose another"
			     : fd == -EADDRINUSE ? "; choose another port, or end what listens there"
						     : "");
	}
}
