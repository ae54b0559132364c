/*
 * The security monitor: what the bartizan command asks of it.
 *
 * sandbox_start() makes two processes: the monitor (a fork of the caller that forgets what it need not know,
 * confines itself and serves one sandbox) and, below it, the sandbox's template, which executes the host layer
 * from a sealed memfd.  The caller keeps one end of a control socket; struct monitor_msg says what travels on it.
 * Grants are made here, by whoever fills struct sandbox_spec: nothing that a sandbox does later adds to them.
 */
#ifndef BARTIZAN_MONITOR_H
#define BARTIZAN_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/bartizan_abi.h"
#include "monitor/escape.h"

/* A limit: `asked` says that a person asked for it, so that not being able to enforce it is an error. */
struct limit {
	bool asked;
	uint64_t value;		/* 0: none, or the default named below */
};

struct sandbox_mount {
	const char *guest_path;	/* absolute, clean */
	const char *host_path;	/* as the operator wrote it; for messages alone, may be NULL */
	int fd;			/* O_PATH descriptor of the granted tree or file; -1 for TMPFS, TEXT, SYMLINK */
	uint32_t flags;		/* BZ_MOUNT_* */
	bool is_file;
	const char *text;	/* TEXT: the content, SYMLINK: the link's text */
	size_t text_len;	/* TEXT */
	uint64_t size;		/* TMPFS: bytes, 0: no limit of its own */
	uint32_t mode;		/* TMPFS: permission bits of its root */
};

#define SANDBOX_TRACE 1u	/* guest system calls as MONITOR_LOG lines of level BZ_LOG_TRACE */
#define SANDBOX_STATS 2u	/* count; one MONITOR_STATS message before MONITOR_ENDED */
#define SANDBOX_NO_USERNS 4u	/* make do without namespaces that need a user namespace */
#define SANDBOX_ROOT_READONLY 8u
#define SANDBOX_TTY 16u		/* stdio is the slave of a pty that the caller made: a console */
#define SANDBOX_DETACHED 32u	/* goes on when the control socket closes; without it the sandbox is stopped */
#define SANDBOX_TRAP_ONLY 128u	/* BZ_START_TRAP_ONLY and _PATCH_EAGER */
#define SANDBOX_PATCH_EAGER 256u
#define SANDBOX_CGROUP 512u	/* cgroup_fd is a control group of the sandbox's own, with its limits */

/*
 * Another personality than the library OS (guests/).  Its loader is executed as the host layer, with the guest's file as
 * libos_fd; what that needs to know stands where a library OS's start information would.  Once it has handed over the
 * filter's listener and got its go, no channel to the monitor is left: the guest's end is that of its process, and what
 * a signal would do to a process that handles none is done to it.
 */
#define SANDBOX_GUEST_FDS_MAX 64
struct filter_rule;
struct sandbox_guest {
	const struct filter_rule *rules; /* sorted by number (monitor/filter.h) */
	size_t rule_count;
	const void *start;
	size_t start_size;
	const int *fds;		/* become BZ_FD_LIBOS + 1 and those behind it */
	size_t fd_count;
};

/* What may be connected to.  A rule of fewer than 128 bits never covers what network.c sets apart.  IPv4: ::ffff:a.b.c.d. */
struct net_rule {
	uint8_t ip[16];
	uint8_t bits;
	uint8_t scheme;		/* BZ_TCP, BZ_UDP */
	uint16_t first, last;	/* ports */
	uint16_t name;		/* not 0: the addresses of that entry, from 1 on, of the table of names; of the same kinds */
};
#define NET_RULES_MAX 1024

/* Guests know the host's own loopback by this address, 192.0.0.8 (RFC 7600's dummy, which no network routes). */
#define NET_HOST_NAME "host.bartizan.internal"
#define NET_HOST_ADDRESS {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 0, 8}

#define SANDBOX_PORTS_MAX 64
#define NET_PEERS 32		/* that a published UDP port talks to at a time */

struct sandbox_spec {
	const char *id;		/* short, [a-zA-Z0-9_.-]; for messages */

	/* What is executed and mapped.  Descriptors stay the caller's; the monitor takes copies. */
	const void *host_layer;	/* the host layer's ELF, in memory */
	size_t host_layer_size;
	const struct sandbox_guest *guest; /* NULL: the library OS */
	int libos_fd;		/* file that holds the library OS's ELF, open read-only */
	uint64_t libos_offset;	/* page-aligned */
	uint64_t libos_size;
	int image_fd;		/* open read-only, -1: none */
	uint64_t image_size;	/* of the file system at its offset 0 */

	const char *const *argv; /* NULL-terminated */
	const char *const *envp; /* NULL-terminated */
	const char *exe;	/* path in the guest, or what is to be looked up in PATH */
	const char *cwd;	/* "/" if NULL */
	const char *hostname;	/* "bartizan" if NULL */
	uint32_t umask;
	uint32_t uid, gid;	/* of the guest's first process */
	const char *user;	/* USER[:GROUP], which the library OS looks up; uid and gid are BZ_ID_USER then.  NULL: no */
	const uint32_t *groups;
	size_t group_count;

	const struct sandbox_mount *mounts; /* any order; at most SANDBOX_MOUNTS_MAX */
	size_t mount_count;

	const struct net_rule *rules; /* at most NET_RULES_MAX */
	size_t rule_count;
	int names_fd;		/* sealed memfd of BZ_NAMES_MAX struct bz_host, which the caller writes as they change; 0: none */
	const struct bz_port *ports; /* at most SANDBOX_PORTS_MAX */
	const int *port_fds;	/* sockets bound to them, that do not listen yet; stay the caller's */
	const char *const *port_paths; /* of BZ_UNIX: the guest's path; port_fds has an O_PATH descriptor of the host's socket */
	const int *peer_fds;	/* NET_PEERS a port: for UDP bound to it, too, and connected to nobody who matters; else -1 */
	size_t port_count;

	struct limit memory;	/* bytes; default: the host's memory.  At least SANDBOX_MEMORY_MIN */
	struct limit pids;	/* guest threads and processes together; default 32768, or a fourth of the host's numbers */
	struct limit cpus;	/* thousandths of a processor */
	struct limit files;	/* streams open in the sandbox; default: RLIMIT_NOFILE's hard limit, at most 524288 */
	struct limit fsize;	/* bytes a file on the host may grow to; default: the caller's RLIMIT_FSIZE */
	struct limit timeout;	/* milliseconds from start; the sandbox then ends with SIGKILL (137) */
	const struct bz_rlimit *rlimits; /* that the guest shall see (--ulimit) */
	size_t rlimit_count;

	int stdio[3];		/* -1: closed.  Reopened with just the access needed, see monitor/stdio.c */
	uint16_t rows, cols;	/* of the console */
	uint32_t flags;		/* SANDBOX_* */
	int cgroup_fd;		/* with SANDBOX_CGROUP, for CLONE_INTO_CGROUP; -1 where nothing is started */
	int listen_fd;		/* AF_UNIX SOCK_SEQPACKET socket for later `stop`, `kill`, `stats`; -1: none.  It may be
				 * bound later, see MONITOR_LISTEN.
				 * Peers must have the caller's uid or be root; each gets every message. */
};
#define SANDBOX_MOUNTS_MAX 256
#define SANDBOX_MEMORY_MIN (16ull << 20)

struct sandbox {
	pid_t pid;		/* the monitor: a child of the caller, to be reaped by it */
	pid_t template_pid;	/* the caller copies it from MONITOR_STARTED */
	int pidfd;
	int control;		/* SOCK_SEQPACKET, O_CLOEXEC; carries struct monitor_msg both ways */
};

/* Start a sandbox.  Returns 0, or a negative error number with a line for people in `err`.  Returns as soon as the
 * monitor was made: a failure behind that comes as MONITOR_FAILED.  Makes the caller a subreaper (prctl(2)). */
int sandbox_start(const struct sandbox_spec *spec, struct sandbox *sandbox, char *err, size_t err_size);

/* Send a wish (MONITOR_SIGNAL ... MONITOR_STATS).  0, or a negative error number. */
int sandbox_tell(const struct sandbox *sandbox, uint32_t kind, uint32_t arg, uint16_t rows, uint16_t cols);

/* After MONITOR_ENDED or MONITOR_FAILED, or the socket's end: reap monitor and template, close. */
void sandbox_forget(struct sandbox *sandbox);

/*
 * Messages on the control socket; one a packet: this header and `len` bytes of text, at most MONITOR_TEXT_MAX, that
 * was escaped (monitor/escape.h) if it came from a sandbox, so that it can be shown as it is.
 */
enum monitor_kind {
	/* to the monitor; text is empty */
	MONITOR_SIGNAL = 1,	/* arg: Linux's number, for the first guest process; rows not 0: for its group */
	MONITOR_WINSIZE,	/* rows, cols */
	MONITOR_STOP,		/* arg: grace in milliseconds; SIGTERM to the guest now, SIGKILL to the sandbox then */
	MONITOR_KILL,		/* SIGKILL to the sandbox now */
	MONITOR_STATS,		/* answered with MONITOR_STATS */
	MONITOR_LISTEN,		/* listen_fd, which did not at the start, listens now */
	MONITOR_ASK,		/* with a stream socket for the library OS (bartizan_ask.h); closed while another waits */

	/* from the monitor */
	MONITOR_STARTED = 64,	/* the library OS runs.  elapsed_ns: since sandbox_start was called */
	MONITOR_LOG,		/* arg: enum bz_log; text of the library OS.  BZ_LOG_DENIED: a name that it did not find, or
				 * what it refused by itself;
				 * BZ_LOG_STOPPED: the signal that stopped the first process */
	MONITOR_DENIED,		/* a request that was refused, deduplicated and rate-limited: one line */
	MONITOR_STATISTICS,	/* `key value` lines of the library OS, host layer (host NAME COUNT) and monitor; the last
				 * one comes before MONITOR_ENDED.  Untrusted numbers: parse with bounds */
	MONITOR_ENDED,		/* status: as wait(2) encodes it; reason; text: why, if not the guest's own exit.  All is
				 * written and all processes are killed; the monitor's end tells that they are gone */
	MONITOR_FAILED,		/* the sandbox could not be started; arg: errno; text: one line for people */
};

enum monitor_reason {
	ENDED_BY_GUEST,		/* status is the guest's own */
	ENDED_KILLED,		/* MONITOR_KILL, or MONITOR_STOP's grace passed, or the caller went away */
	ENDED_TIMEOUT,
	ENDED_FORBIDDEN_CALL,	/* a host system call outside the filter; text names it */
	ENDED_PROTOCOL,		/* malformed traffic to the monitor; text says what */
	ENDED_PANIC,		/* the library OS or host layer gave up; text is its last BZ_LOG_PANIC line */
	ENDED_DIED,		/* the template died: out of memory, or SIGKILL from outside */
};

#define MONITOR_TEXT_MAX 32768

struct monitor_msg {
	uint32_t kind;
	uint32_t len;		/* bytes of text behind this header */
	uint32_t arg;
	uint32_t reason;	/* ENDED: enum monitor_reason */
	int32_t status;		/* ENDED; STARTED: the template's number, for sandbox_forget */
	uint16_t rows, cols;	/* WINSIZE */
	int64_t stdio_pos[3];	/* ENDED: where the caller shall lseek its own stdio before it writes there;
				 * -1: leave it */
	uint64_t elapsed_ns;	/* STARTED, ENDED: since sandbox_start */
	uint64_t requests;	/* ENDED: requests that the monitor served */
	uint64_t denied;	/* ENDED: of them refused */
	uint64_t peak_memory;	/* ENDED: largest resident set of the template, with SANDBOX_STATS; else 0 */
	char text[];
};

/* Name of a system call of x86-64, or NULL. */
const char *syscall_name(unsigned int nr);

#endif
