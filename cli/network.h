/* Grants of the network: what -p, --allow and --add-host say, as rules and bound sockets for the monitor. */
#ifndef BARTIZAN_CLI_NETWORK_H
#define BARTIZAN_CLI_NETWORK_H

#include "cli/names.h"
#include "monitor/monitor.h"

struct net_option {
	struct net_rule rules[NET_RULES_MAX];
	size_t rule_count;
	struct bz_port ports[SANDBOX_PORTS_MAX];
	const char *port_paths[SANDBOX_PORTS_MAX], *host_paths[SANDBOX_PORTS_MAX]; /* of sockets of the host's */
	int port_fds[SANDBOX_PORTS_MAX], peer_fds[SANDBOX_PORTS_MAX * NET_PEERS];
	size_t port_count;
	struct names *names; /* NULL: none */
	struct name_servers servers;
	char *hosts; /* lines for the guest's /etc/hosts, or NULL */
};

struct run_options;

void options_publish(struct run_options *o, const char *what, const char *text);  /* [ADDR:]HOST:GUEST[/udp] */
void options_allow(struct run_options *o, const char *what, const char *text);	  /* HOST|CIDR:PORT[,PORT...][/udp] */
void options_add_host(struct run_options *o, const char *what, const char *text); /* NAME:ADDR */
void options_unix(struct run_options *o, const char *what, const char *text);	  /* HOSTPATH[:GUESTPATH] */
void options_dns(struct run_options *o, const char *what, const char *text);	  /* ADDR of a name server */

/* Make and bind the sockets of published ports; ends the command where one cannot be had. */
void network_bind(struct net_option *n);
/* For people: ADDR:PORT, and a rule as --allow takes it. */
const char *network_show_address(const struct bz_address *a);
const char *network_show_rule(const struct net_option *n, const struct net_rule *r);
/* May an address that a name has be granted by the name?  Those that a rule for everything leaves out may not. */
bool network_name_grants(const uint8_t ip[16]);

#endif
