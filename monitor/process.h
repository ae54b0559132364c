/*
 * Inside the monitor: one struct monitor a sandbox, owned by the monitor process's only thread.
 *
 * The order of a start (monitor_main in start.c):
 *
 *   caller            monitor                                   template
 *   sandbox_start --> clone ---------------------------------->  (new namespaces) empty root
 *                     uid_map, gid_map, host layer memfd ----->  ids, limits, no caps, Landlock
 *                     keep what is needed, reopen stdio,         exec of the host layer
 *                     arena, boot block                          |
 *                     struct bz_equipment -------------------->  maps the arena
 *                     Landlock, no caps, filter                  |
 *                     BZ_GO ---------------------------------->  filter in force
 *                     <---------------------------- BZ_HELLO     library OS
 *   <---- STARTED     serve_loop
 */
#ifndef BARTIZAN_PROCESS_H
#define BARTIZAN_PROCESS_H

#include "abi/bartizan_wire.h"
#include "monitor/monitor.h"
#include "monitor/server.h"

#define CLIENTS_MAX 8
#define SANDBOX_TABLE (BZ_FD_LIBOS + 1 + SANDBOX_GUEST_FDS_MAX) /* most descriptors of a sandbox at its exec */

/* A sandbox started by root runs as SANDBOX_UID_BASE + the monitor's pid: above what systemd-nspawn and
 * subordinate ids use (up to 1879048191), below 2^31, and no two live sandboxes of a pid namespace share one.
 */
#define SANDBOX_UID_BASE 2000000000u
/* What a sandbox's ids look like from inside its user namespace; nobody asks for them. */
#define SANDBOX_INNER_ID 1000u

/* Which means this start uses; decided once by plan_make (launch/plan.c), shown by --explain. */
struct plan {
	bool root; /* started by root: ids of the sandbox's own */
	bool userns;
	bool namespaces;   /* pid, mount, ipc, uts, cgroup */
	bool notify;	   /* forbidden calls are reported; else they just kill */
	bool volumes;	   /* anything granted by descriptor */
	uint32_t uid, gid; /* of the sandbox on the host */
	uint64_t arena_size, memory_limit;
	uint64_t threads_max, files_max, fsize;
	uint64_t data_limit; /* RLIMIT_DATA, or RLIM_INFINITY */
	uint32_t cpus;	     /* shown to the guest */
	bool affinity;	     /* bind to `cpus` processors */
	bool cgroup;	     /* limits by a cgroup of its own */
	int cgroup_fd;	     /* of it, -1: none */
};

struct monitor {
	const struct sandbox_spec *spec;
	struct plan plan;
	struct server server;
	uint64_t started_ns;
	uid_t caller_uid;

	pid_t template_pid;
	int template_pidfd;
	int template_end; /* of its channel to us, when it is made */
	int control, events, log, notify, listen;
	int listening; /* somebody may come by `listen` */
	int libos_fd, image_fd;
	int table[SANDBOX_TABLE]; /* by number in the sandbox: what goes there; -1: nothing */
	int table_size;		  /* BZ_FD_LIBOS + 1 and those of another personality */
	int clients[CLIENTS_MAX]; /* [0] is the caller's control socket */
	uint32_t client_count;

	struct bz_stdio stdio[3];
	int stdio_fd[3]; /* reopened; kept for files, to tell the caller their last offset */
};

#define FD_LOWEST 16 /* of what the monitor keeps: numbers of standard streams are nobody's */

/* ids.c: fills in uid, gid and root.  Never host uid 0: returns why there is no other id to be had, or NULL */
const char *plan_ids(struct plan *plan);
bool capability_held(int cap);
/* start.c: all of a monitor's life; never returns */
void monitor_main(struct monitor *m) __attribute__((noreturn));
/* give up before the sandbox runs; never returns */
void monitor_fail(struct monitor *m, int error, const char *what) __attribute__((noreturn));
void monitor_must(struct monitor *m, int error, const char *what); /* fails if error is one, negative */
uint64_t now_ns(void);
/* stdio.c */
void stdio_reopen(struct monitor *m);
/* boot.c */
int arena_make(struct monitor *m);
int host_layer_make(struct monitor *m);
/* template.c */
void template_start(struct monitor *m);
int processors_bind(const struct monitor *m); /* the caller, to the sandbox's, if it has some of its own; -errno */
void template_equip(struct monitor *m); /* the host layer, which runs or is about to, with m->table */
/* Why the template cannot start: what it sends instead of BZ_HELLO. */
struct template_failure {
	struct bz_request head; /* op 0, mode: errno */
	char what[64];
};
/* confine.c */
void confine_monitor(struct monitor *m);
int capabilities_bound(void);
int capabilities_drop(uint64_t keep);
int landlock_nothing(void);
int landlock_abi(void);
extern bool landlock_absent;
/* An empty, read-only root: no path leads from it to anything, not even `..`. */
int empty_root(bool attach);
/* serve.c */
void serve_prepare(struct monitor *m);
void serve_loop(struct monitor *m) __attribute__((noreturn));
/* clients.c: the caller's control socket and later ones */
void clients_send(struct monitor *m, const struct monitor_msg *head, const char *text, size_t len);
void clients_line(struct monitor *m, uint32_t kind, uint32_t arg, const char *text, size_t len);
bool clients_blocked(const struct monitor *m);
void clients_flush(struct monitor *m, int timeout_ms);
void clients_accept(struct monitor *m);
void clients_drop(struct monitor *m, uint32_t i);

#endif
