/*
 * What the security monitor and the Linux host layer say to each other.  Not part of the ABI: a library OS
 * never sees it.  The monitor treats every byte that arrives here as hostile: fixed-size header, every length
 * checked against the size of the message before it is used, one outstanding request a channel.
 */
#ifndef BARTIZAN_WIRE_H
#define BARTIZAN_WIRE_H

#include "bartizan_abi.h"

/*
 * Descriptors of a picoprocess.  At exec nothing is open but BZ_FD_CONTROL, by which all others come at once, with a struct
 * bz_equipment: in this order, so that the kernel, which gives out the lowest numbers, puts each in its place.  The numbers of
 * the streams are those of bartizan_abi.h (arena 1, image 2, stdio 3..5).
 */
struct bz_equipment {
	uint64_t arena_size;
	uint32_t count;	 /* descriptors, from number 1 on */
	uint32_t absent; /* bits: numbers that this sandbox has no use for, kept by what can be neither read, written nor mapped, so
			  * that they do not go to others */
};
#define BZ_FD_CONTROL 0	 /* SOCK_SEQPACKET: requests out, replies (with descriptors) in */
#define BZ_FD_ARENA 1	 /* sealed memfd */
#define BZ_FD_IMAGE 2	 /* O_RDONLY; absent without an image */
#define BZ_FD_EVENTS 6	 /* SOCK_SEQPACKET, O_NONBLOCK: struct bz_control messages in; nothing goes out */
#define BZ_FD_LOG 7	 /* SOCK_SEQPACKET: log messages out: one byte level, then text; nothing comes in */
#define BZ_FD_LIBOS 8	 /* file that holds the library OS; closed by the host layer after mapping it */

/*
 * The boot block: written by the monitor into the arena's host part, before the picoprocess is executed,
 * read by the host layer before any guest exists.  The filter's place and length, the start information.
 */
#define BZ_BOOT_OFFSET 0x2000ul	      /* in the arena; below it is the host layer's shared state */
#define BZ_BOOT_MAX 0x23e000ul	      /* bytes of it, with all that its offsets point to */
#define BZ_BOOT_MAGIC 0x31303042545a4142ull /* "BAZTB001" */

struct bz_boot {
	uint64_t magic;
	uint32_t version;	   /* BZ_ABI_VERSION */
	uint32_t flags;		   /* BZ_BOOT_* */
	uint64_t libos_offset;	   /* of the library OS's ELF in BZ_FD_LIBOS, page-aligned */
	uint64_t libos_size;
	uint32_t filter_offset;	   /* from the boot block: array of struct sock_filter */
	uint32_t filter_count;
	uint32_t start_offset;	   /* from the boot block: struct bz_start, 64-byte aligned */
	uint32_t start_size;
	uint64_t pid_namespace;	   /* 0: none (--no-userns), 1: the template is pid 1 of its own */
};
#define BZ_BOOT_NOTIFY 1u  /* install the filter with a listener and hand it over on BZ_FD_CONTROL (BZ_HELLO) */
#define BZ_BOOT_STATS 2u   /* count host system calls by number (struct bz_host_stats) */
#define BZ_BOOT_ACCEPT 8u  /* the filter has accept4 */
#define BZ_BOOT_NETWORK 16u /* ... and shutdown */

/*
 * Boot sequence on BZ_FD_CONTROL.  1. The monitor sends a struct bz_equipment and, once it is confined, a struct bz_reply whose
 * result is BZ_GO.  2. The host layer takes its equipment, maps the arena and loads the filter.  A helper sends BZ_HELLO with
 * the filter's listener as SCM_RIGHTS (or none), the only descriptor that the monitor ever takes: a struct bz_request with op
 * BZ_HELLO and all else 0.  3. With that sent and the go taken, neither waiting for the other, it makes the `start` upcall.
 */
enum bz_op {
	BZ_HELLO = 1,
	BZ_GO,
	BZ_REQ_OPEN,	  /* name a; flags, mode; payload b = link target -> descriptor, attr, handle.  A directory
			   * (asked for with BZ_OPEN_DIRECTORY, else BZ_EISDIR) comes as a handle alone */
	BZ_REQ_GETATTR,	  /* handle or name a; flags = what */
	BZ_REQ_SETATTR,	  /* handle or name a; attr */
	BZ_REQ_RESIZE,	  /* handle; flags = op, off, len */
	BZ_REQ_FLUSH,	  /* handle; flags = data_only */
	BZ_REQ_RENAME,	  /* names a, b (same root); flags */
	BZ_REQ_LINK,	  /* handle of a file without a name, or name a; name b (same root) */
	BZ_REQ_REMOVE,	  /* name a; flags = directory */
	BZ_REQ_READLINK,  /* name a -> payload */
	BZ_REQ_ENUMERATE, /* name a; off = cookie; len = room, at most BZ_PAYLOAD_MAX -> payload of struct bz_dirent */
	BZ_REQ_LOCK,	  /* handle; lock -> lock */
	BZ_REQ_XATTR,	  /* handle or name a; flags = op; b = key; c/reply = value; len = room for the reply, 0: ask
			   * for its length alone, as getxattr(2) */
	BZ_REQ_FORGET,	  /* handle: the stream was closed.  No reply */
	BZ_REQ_WAITSET,	  /* -> descriptor of an epoll set */
	BZ_REQ_EVENT,	  /* -> descriptor of a doorbell */
	BZ_REQ_EXIT,	  /* flags = status as wait(2): the sandbox ends.  No reply */
	BZ_REQ_RANDOM,	  /* -> payload of 64 random bytes */
	BZ_REQ_ASK,	  /* -> descriptor of the operator's stream that BZ_CTL_ASK announced (bartizan_ask.h) */
	BZ_REQ_CHANGES,	  /* -> descriptor that tells of changes: struct bz_change */
	BZ_REQ_WATCH,	  /* name a -> result: the number by which they are told */
	BZ_REQ_UNWATCH,	  /* flags = that number.  No reply */
	BZ_REQ_CONNECT,	  /* flags = BZ_TCP or BZ_UDP; off, len = the two halves of the address; mode = port -> descriptor,
			   * payload: struct bz_address of this end.  flags = BZ_PEER: mode = number of a published port; payload:
			   * the other end.  flags = BZ_UNIX: mode = number of a granted socket -> connected to it */
	BZ_REQ_LISTEN,	  /* flags = number of a published port; mode = backlog -> listening descriptor */
	BZ_REQ_NAMES,	  /* -> descriptor of the table of granted names */
	BZ_OP_COUNT
};

#define BZ_PAYLOAD_MAX 65536u

struct bz_request {
	uint32_t op;
	uint32_t handle;	/* of a kept stream, from the reply to its open; 0: by name */
	uint32_t flags;
	uint32_t mode;
	uint32_t root;		/* of names a and b */
	uint32_t a_len;		/* bytes of name a, which follows this header */
	uint32_t b_len;		/* bytes of name b, link target or xattr key, which follows a */
	uint32_t c_len;		/* bytes of an xattr value, which follows b */
	uint64_t off, len;
	struct bz_attr attr;	/* SETATTR */
	struct bz_lock lock;	/* LOCK */
};
/* A message's size MUST be exactly sizeof(struct bz_request) + a_len + b_len + c_len, each within its bound:
 * a_len, b_len <= BZ_PATH_MAX, c_len <= BZ_PAYLOAD_MAX. */

struct bz_reply {
	int32_t result;		/* >= 0, or a negative error number */
	uint32_t handle;	/* OPEN of a kept stream: its number for later requests */
	uint32_t has_fd;	/* 1: one descriptor came with this message */
	uint32_t payload_len;	/* bytes behind this header */
	struct bz_attr attr;	/* OPEN, GETATTR */
	struct bz_lock lock;	/* LOCK */
};

/* Host-side counters, in the arena at BZ_HOST_STATS_OFFSET, kept by the host layer where BZ_BOOT_STATS is set;
 * the host layer prints them with its last log message (level BZ_LOG_STATS, lines "host NAME COUNT"). */
#define BZ_HOST_STATS_OFFSET 0x1000ul

#endif
