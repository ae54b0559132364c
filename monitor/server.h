/*
 * What one sandbox may ask of its monitor: granted volumes, kept descriptors, and the handler of requests.
 * All of it is plain memory of the monitor (no lock: one thread), so that tests and fuzzers run it without a
 * sandbox.
 */
#ifndef BARTIZAN_SERVER_H
#define BARTIZAN_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "abi/bartizan_wire.h"
#include "monitor/monitor.h"

#define SERVER_VOLUMES_MAX 256
#define SERVER_DEVICES_MAX 16
#define SERVER_WATCHES_MAX 8192
#define SERVER_DENIED_MAX 256
#define SERVER_DENIED_TEXT 512

/* A granted tree or file.  Volume n is root n + 1 on the wire. */
struct volume {
	int fd; /* O_PATH */
	bool readonly;
	bool is_file;
	bool watch; /* changes in it may be asked for */
	const char *guest_path; /* for messages */
};

/* A kept stream; fd < 0: free. */
struct handle {
	int fd;
	uint16_t volume;
	uint16_t generation;
};

struct server {
	struct volume volumes[SERVER_VOLUMES_MAX];
	uint32_t volume_count;
	int proc_fd; /* O_PATH of /proc/self/fd: the way from an O_PATH descriptor to an open one */

	struct handle *handles; /* handle_max of them */
	uint32_t handle_max, handle_used, handle_next;

	int changes;	  /* inotify, made when first asked for; -1: not yet */
	int32_t *watches; /* watch_count of them: the kernel's numbers; null: no volume has `watch` */
	uint32_t watch_count;

	/* Ownership: what belongs to the monitor's own user on the host belongs to the guest's first user
	 * inside. */
	uint32_t host_uid, host_gid, guest_uid, guest_gid;

	/* File systems seen so far, by device number; `refused` ones are kernel interfaces. */
	struct {
		dev_t dev;
		bool refused;
	} devices[SERVER_DEVICES_MAX];
	uint32_t device_count;
	dev_t dev_refused; /* of /dev, which no file system type gives away; 0: none */

	/* Refusals, each once. */
	uint64_t denied_seen[SERVER_DENIED_MAX];
	uint32_t denied_count;
	uint64_t denied_total;
	void (*denied)(void *arg, const char *line);
	void *denied_arg;

	struct net_rule rules[NET_RULES_MAX];
	uint32_t rule_count;
	const struct bz_host *names; /* null: none; who writes it reads what name servers send */
	int names_fd;
	int ports[SANDBOX_PORTS_MAX]; /* published: bound sockets */
	struct net_peer {
		int fd; /* [0] < 0: it is no UDP port */
		struct bz_address address;
	} peers[SANDBOX_PORTS_MAX][NET_PEERS]; /* of UDP ports: sockets for those who send to them */
	uint64_t unix_ports; /* bits: those of `ports` that are O_PATH descriptors of sockets of the host's */
	uint32_t peer_next[SANDBOX_PORTS_MAX];
	uint32_t port_count;

	uint64_t requests[BZ_OP_COUNT];
	int ask; /* the operator's stream that waits for BZ_REQ_ASK; -1: none */
};

/* What a request led to. */
struct answer {
	struct bz_reply reply;
	char payload[BZ_PAYLOAD_MAX];
	int fd;	     /* to be sent, -1: none */
	bool keep;   /* fd stays the server's: do not close it after sending */
	bool silent; /* the request has no reply */
	bool exit;   /* the sandbox asks to end with `status` */
	uint32_t status;
};

#define REQUEST_MAX (sizeof(struct bz_request) + 2 * BZ_PATH_MAX + BZ_PAYLOAD_MAX)

/* `server` is all zero: pages of it that nobody touches cost nothing.  Returns 0 or a negative error number. */
int server_init(struct server *server, uint32_t handle_max);
void server_close(struct server *server);
/* Grant the tree or file behind `fd` (which stays the server's).  Returns its root number, or a negative
 * error number: -EACCES if it lies on a file system that is a kernel interface, -ENOTDIR if it is neither
 * tree nor regular file. */
int server_grant(struct server *server, int fd, bool readonly, bool is_file, const char *guest_path);

/* Serve one message of `len` bytes.  Whatever the bytes are, it answers. */
void request_serve(struct server *server, const void *message, size_t len, struct answer *answer);

/* What was granted as `root` may be watched.  0 or a negative error number. */
int server_watchable(struct server *server, int root);

/* --- between request.c, volume.c and watch.c --------------------------------------------------------------------- */

/* A name that was checked: in volume `volume`, `path` without leading slash, NUL-terminated; "" is its root.
 */
struct place {
	struct volume *volume;
	char path[BZ_PATH_MAX + 1];
};

int handle_add(struct server *server, int fd, uint32_t volume, uint32_t *number);
struct handle *handle_find(struct server *server, uint32_t number);
void handle_drop(struct server *server, uint32_t number);

int volume_open(struct server *server, const struct place *place, const struct bz_request *request,
		const char *target, struct answer *answer);
int volume_getattr(struct server *server, const struct place *place, uint32_t what, struct bz_attr *attr);
int volume_setattr(struct server *server, const struct place *place, const struct bz_attr *attr);
int volume_rename(struct server *server, const struct place *from, const struct place *to, uint32_t flags);
int volume_link(struct server *server, const struct place *from, const struct place *to);
int volume_link_unnamed(struct server *server, const struct handle *handle, const struct place *to);
int volume_remove(struct server *server, const struct place *place, bool directory);
int volume_readlink(struct server *server, const struct place *place, struct answer *answer);
int volume_enumerate(struct server *server, const struct place *place, uint64_t cookie, uint64_t room,
		     struct answer *answer);
/* A descriptor that fgetxattr and its kin take; closed by the caller. */
int volume_open_xattr(struct server *server, const struct place *place, bool write);

/* An O_PATH descriptor of what `place` names, which may be a symbolic link.  Fills *st. */
int place_find(struct server *server, const struct place *place, struct stat *st);

/* watch.c */
int changes_open(struct server *server); /* a descriptor of the instance, to be sent */
int watch_add(struct server *server, const struct place *place);
void watch_remove(struct server *server, int32_t watch);

/* network.c.  A rule covers the address, or -EACCES. */
int network_judge(const struct server *server, uint32_t scheme, const struct bz_address *to);
int network_connect(struct server *server, const struct bz_request *request, struct answer *answer);
int network_listen(struct server *server, const struct bz_request *request, struct answer *answer);
void network_text(const struct bz_request *request, char *buf, size_t size); /* where to, as --allow takes it */

int attr_of_fd(struct server *server, int fd, uint32_t what, struct bz_attr *attr);
int attr_set_fd(struct server *server, int fd, const struct bz_attr *attr);
/* Whether the file system behind fd may be served: 0 or -EACCES. */
int filesystem_check(struct server *server, int fd, dev_t dev);

#endif
