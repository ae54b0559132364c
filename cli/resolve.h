/* resolve.c: the addresses of a name, asked for by a process that can do nothing else. */
#ifndef BARTIZAN_CLI_RESOLVE_H
#define BARTIZAN_CLI_RESOLVE_H

#include <sys/types.h>

#include "cli/dns.h"

#define RESOLVE_MS 10000
#define RESOLVE_SERVERS_MAX 8

/* --dns; none: those of the host. */
struct name_servers {
	const char *address[RESOLVE_SERVERS_MAX];
	uint16_t port[RESOLVE_SERVERS_MAX];
	size_t count;
};

struct resolution {
	pid_t pid; /* 0: none is under way */
	int fd;	   /* readable once there is an answer */
};

/* 0 or a negative error number. */
int resolve_begin(struct resolution *r, const char *name, const struct name_servers *servers);
/* What came, or an error that was made of nothing. */
void resolve_end(struct resolution *r, struct dns_found *found);

#endif
