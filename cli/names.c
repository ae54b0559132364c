/*
 * Owns the table of granted names: a memfd that this process alone can write, which monitor and guest read.  An answer holds for the
 * larger of its TTL and 60 s, and is asked for again just before that is over, by a process of its own each time (resolve.c); addresses
 * that an answer no longer has stay until their own time.  What a name may not grant (loopback, the host's own addresses, metadata of
 * clouds: network_judge) is left out here, and refused by the monitor anyway.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi/bartizan_abi.h"
#include "cli/cli.h"
#include "cli/names.h"
#include "cli/network.h"

#define HOLD_LEAST 60
#define HOLD_MOST (24 * 3600)
#define GRACE 10 /* seconds that an address stays beyond what the guest is told: who asked last connects a moment later */
#define AGAIN 15 /* where no server answered */

struct names {
	struct bz_host *table; /* shared */
	int fd;
	const char *given[BZ_NAMES_MAX]; /* as the operator wrote them */
	bool fixed[BZ_NAMES_MAX];
	int64_t due[BZ_NAMES_MAX]; /* when to ask again */
	size_t count, asking;	   /* asking: whose turn it is */
	struct resolution resolution;
	struct name_servers servers;
};

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static struct names *make(void)
{
	struct names *n = must_alloc(sizeof(*n));
	const size_t size = BZ_NAMES_MAX * sizeof(struct bz_host);
	int fd = memfd_create("bartizan-names", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, size) == 0)
		n->table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* From here on by no other mapping, nor by write(2). */
	if (fd < 0 || !n->table || n->table == MAP_FAILED ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
		fail(EXIT_BARTIZAN, "--allow: no memory for names: %s", strerror(errno));
	/* Not 0, which stands for none. */
	n->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return n;
}

uint16_t names_add(struct names **names, const char *what, const char *name)
{
	struct names *n = *names ? *names : (*names = make());
	size_t len = strlen(name);
	char *to;

	len -= len && name[len - 1] == '.';
	for (size_t i = 0; i < n->count; i++)
		if (!strncasecmp(n->given[i], name, len) && !n->given[i][len])
			return i + 1;
	if (n->count == BZ_NAMES_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d names", what, BZ_NAMES_MAX);
	to = n->table[n->count].name;
	for (size_t i = 0; i < len; i++)
		to[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 32 : name[i];
	n->given[n->count] = must_format("%.*s", (int)len, name);
	return ++n->count;
}

/* Written so that no reader takes half of it: `until` is 0 meanwhile. */
static void put(struct bz_host_address *a, const uint8_t ip[16], int64_t until)
{
	__atomic_store_n(&a->until, 0, __ATOMIC_SEQ_CST);
	memcpy(a->ip, ip, sizeof(a->ip));
	__atomic_store_n(&a->until, until, __ATOMIC_SEQ_CST);
}

/* The place of an address: its own, else the one whose time is over first. */
static struct bz_host_address *place(struct bz_host *h, const uint8_t ip[16])
{
	struct bz_host_address *oldest = h->addresses;

	for (size_t i = 0; i < BZ_HOST_ADDRESSES; i++) {
		struct bz_host_address *a = &h->addresses[i];

		if (a->until && !memcmp(a->ip, ip, sizeof(a->ip)))
			return a;
		if (a->until < oldest->until)
			oldest = a;
	}
	return oldest;
}

void names_fix(struct names *n, uint16_t number, const uint8_t ip[16])
{
	n->fixed[number - 1] = true;
	put(place(&n->table[number - 1], ip), ip, INT64_MAX);
}

static const char *show_ip(const uint8_t ip[16])
{
	struct bz_address a = {.port = 0};

	memcpy(a.ip, ip, sizeof(a.ip));
	return network_show_address(&a);
}

/* How many of an answer's addresses stand in the table now; `what`: say which were left out. */
static int take(struct names *n, size_t i, const struct dns_found *found, const char *what)
{
	uint32_t hold = found->ttl < HOLD_LEAST ? HOLD_LEAST : found->ttl > HOLD_MOST ? HOLD_MOST : found->ttl;
	const int64_t now = now_s();
	int good = 0;

	for (int k = 0; k < found->count; k++) {
		if (!network_name_grants(found->ip[k])) {
			if (what)
				warn("%s: %s is %s, which a name does not grant: grant the address itself", what, n->given[i],
				     show_ip(found->ip[k]));
			continue;
		}
		put(place(&n->table[i], found->ip[k]), found->ip[k], (now + hold + GRACE) * 1000000000ll);
		good++;
	}
	n->due[i] = now + (found->count < 0 ? AGAIN : hold);
	return good;
}

/* At the start, all at once. */
void names_resolve(struct names *n, const struct name_servers *servers)
{
	struct resolution all[BZ_NAMES_MAX];
	struct dns_found found;

	if (!n)
		return;
	n->servers = *servers;
	for (size_t i = 0; i < n->count; i++) {
		int error = n->fixed[i] ? 0 : resolve_begin(&all[i], n->given[i], servers);

		if (error)
			fail(EXIT_BARTIZAN, "--allow: %s: %s", n->given[i], strerror(-error));
	}
	for (size_t i = 0; i < n->count; i++) {
		struct pollfd p = {.events = POLLIN};

		if (n->fixed[i])
			continue;
		p.fd = all[i].fd;
		poll(&p, 1, RESOLVE_MS + 2000);
		resolve_end(&all[i], &found);
		if (found.count <= 0)
			fail(EXIT_BARTIZAN, "--allow: %s: %s", n->given[i],
			     found.count ? "no answer from the name servers in time" : "there is no such name, or it has no address");
		if (!take(n, i, &found, "--allow"))
			fail(EXIT_BARTIZAN, "--allow: %s: none of its addresses may be granted by a name", n->given[i]);
	}
}

int names_share(const struct names *n)
{
	return n ? n->fd : 0;
}

const char *names_show(const struct names *n, uint16_t number)
{
	const struct bz_host *h = &n->table[number - 1];
	char *text = NULL;

	for (size_t i = 0; i < BZ_HOST_ADDRESSES; i++)
		if (h->addresses[i].until)
			text = must_format("%s%s%s", text ? text : "", text ? ", " : "", show_ip(h->addresses[i].ip));
	return must_format("%s, now %s", n->given[number - 1], text ? text : "nowhere");
}

void names_own(struct names *n)
{
	if (n)
		madvise(n->table, BZ_NAMES_MAX * sizeof(struct bz_host), MADV_DONTFORK);
}

/* --- While it runs ----------------------------------------------------------------------------------------------- */

int names_poll(struct names *n, struct pollfd *p)
{
	int64_t next = INT64_MAX, now;

	*p = (struct pollfd){.fd = n && n->resolution.pid ? n->resolution.fd : -1, .events = POLLIN};
	if (!n || n->resolution.pid)
		return -1;
	for (size_t i = 0; i < n->count; i++)
		if (!n->fixed[i] && n->due[i] < next) {
			next = n->due[i];
			n->asking = i;
		}
	now = now_s();
	return next == INT64_MAX ? -1 : next <= now ? 0 : (int)(next - now) * 1000;
}

/* One at a time: who waits a moment longer has its old addresses still. */
void names_serve(struct names *n)
{
	struct dns_found found;
	struct pollfd p;

	if (!n)
		return;
	if (n->resolution.pid) {
		p = (struct pollfd){.fd = n->resolution.fd, .events = POLLIN};
		if (poll(&p, 1, 0) <= 0)
			return;
		resolve_end(&n->resolution, &found);
		take(n, n->asking, &found, NULL);
	}
	if (names_poll(n, &p) == 0 && resolve_begin(&n->resolution, n->given[n->asking], &n->servers) < 0) {
		n->resolution.pid = 0;
		n->due[n->asking] = now_s() + AGAIN;
	}
}
