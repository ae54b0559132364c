/*
 * The Bartizan picoprocess ABI, version 1.  This header is the specification.
 *
 * A picoprocess is an address space in which a library OS and an application run together, left with
 * nothing but what is written here.  The *host* (host/linux: an ordinary process behind a seccomp filter;
 * host/vm: ring 0 of a small VM) implements the downcalls; the library OS implements the upcalls.  Nothing
 * else passes between them.  The words MUST, MUST NOT, SHOULD and MAY are used as in RFC 2119.
 *
 * WHO TRUSTS WHOM.  The host trusts nothing that it is given: the application can call every downcall with
 * any argument, and can write all memory that the library OS can write.  A downcall therefore MUST NOT let
 * its caller reach more than this document says, whatever the arguments.  Pointers passed to downcalls are
 * pointers of the caller's own address space; a bad one costs the caller an EFAULT or its own life.
 *
 * UNITS.  Sizes, lengths and offsets are bytes; memory addresses and lengths MUST be multiples of
 * BZ_PAGE_SIZE unless said otherwise; times are nanoseconds in 64 bits; deadlines are absolute.
 *
 * ERRORS.  A downcall returns a value >= 0, or a negative error number.  The numbers are Linux's for
 * x86-64 (BZ_EINVAL == 22 ...), so that a library OS of the Linux personality needs no table.  Each call
 * names the errors that a caller must expect; BZ_EINVAL for malformed arguments goes without saying.
 *
 * CONTEXT.  Downcalls are plain C calls (System V x86-64), made on the library OS stack of the calling
 * thread.  They preserve what the C ABI preserves and, in addition, all vector and x87 state: the library
 * OS and the host are compiled for general registers only, so that the guest's extended state stays live
 * in the processor while the library OS works for it.
 */
#ifndef BARTIZAN_ABI_H
#define BARTIZAN_ABI_H

#include <stddef.h>
#include <stdint.h>

#define BZ_ABI_VERSION 1
#define BZ_PAGE_SIZE 4096ul

/*
 * ADDRESS SPACE.  The range [BZ_RESERVED_LOW, BZ_RESERVED_HIGH) belongs to the host and the library OS;
 * everything else below BZ_GUEST_HIGH and from BZ_GUEST_LOW up is the guest's.  The places are fixed, so
 * that one library OS image is mapped, not relocated, and its text is shared by all sandboxes of a host.
 *
 *   BZ_RESERVED_LOW   the host layer, its private data, thread blocks
 *   BZ_LIBOS_BASE     text and read-only data of the library OS (mapped from the image file)
 *   BZ_ARENA_BASE     the arena: one object shared by all picoprocesses of a sandbox, at this address in
 *                     each.  Its first BZ_ARENA_HOST bytes are the host's; then come the library OS's
 *                     writable segments, at their linked addresses; the rest is the library OS's to use.
 *   BZ_IMAGE_BASE     where the library OS MAY map the image file
 *
 * The library OS MUST be linked so that its read-only segments lie in [BZ_LIBOS_BASE, BZ_ARENA_BASE) and its
 * writable ones in the arena behind BZ_ARENA_HOST.  Writable initialised data is copied into the arena once,
 * by the host, when the sandbox starts.
 */
#define BZ_GUEST_LOW 0x0000000000010000ul
#define BZ_GUEST_HIGH 0x00007ffffffff000ul
#define BZ_RESERVED_LOW 0x0000200000000000ul
#define BZ_RESERVED_HIGH 0x0000300000000000ul
#define BZ_LIBOS_BASE 0x00002007c0000000ul
#ifndef BZ_ARENA_BASE /* unit tests under ThreadSanitizer have it where that allows memory */
#define BZ_ARENA_BASE 0x0000200800000000ul
#endif
#define BZ_ARENA_HOST 0x0000000000400000ul
#define BZ_ARENA_MAX 0x0000010000000000ul
#define BZ_IMAGE_BASE 0x0000220000000000ul
#define BZ_IMAGE_MAX 0x0000010000000000ul

/* Error numbers that the calls below name. */
#define BZ_EPERM 1
#define BZ_ENOENT 2
#define BZ_ESRCH 3
#define BZ_EINTR 4
#define BZ_EIO 5
#define BZ_EBADF 9
#define BZ_EAGAIN 11
#define BZ_ENOMEM 12
#define BZ_EACCES 13
#define BZ_EFAULT 14
#define BZ_EEXIST 17
#define BZ_EXDEV 18
#define BZ_ENOTDIR 20
#define BZ_EISDIR 21
#define BZ_EINVAL 22
#define BZ_EMFILE 24
#define BZ_ENOSPC 28
#define BZ_EPIPE 32
#define BZ_ENAMETOOLONG 36
#define BZ_ENOSYS 38
#define BZ_ENOTEMPTY 39
#define BZ_ELOOP 40
#define BZ_EOPNOTSUPP 95
#define BZ_ETIMEDOUT 110
#define BZ_ECONNREFUSED 111

/* ------------------------------------------------------------------------------------------------------
 * Threads' own block and contexts
 */

/*
 * Every thread has a block of private memory, made by the host with the thread and found through GS: the
 * base of GS MUST be the address of `struct bz_tcb` whenever library OS code runs.  The host sets it before
 * an upcall; guest code that changes GS cannot confuse the library OS.  FS is the guest's alone.  The guest may have a GS of its
 * own too (BZ_CTX_GS): then its calls MUST trap, for syscall_entry finds the thread by GS.
 */
struct bz_tcb {
	struct bz_tcb *self;	 /* gs:0 */
	void *libos;		 /* gs:8, the library OS's word for this thread; 0 in a new thread */
	struct bz_context *ctx;	 /* gs:16, the guest's registers while the library OS works for this thread */
	uint64_t stack_top;	 /* gs:24, library OS stack, grows down from here, 16-byte aligned */
	uint64_t stack_size;	 /* gs:32 */
	int32_t tid;		 /* gs:40, the host's number for this thread, unique in the sandbox */
	uint32_t interrupted;	 /* gs:44, set by thread_interrupt; see the remote upcall */
	uint64_t resume_flag;	 /* gs:48, address of three words in the arena, or 0; see RESUMING */
	uint64_t host[9];	 /* the host's own */
};

/* The guest's general registers at an upcall; what is written here is what the guest resumes with. */
struct bz_context {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t rip, rflags, rsp;
	uint64_t gs_base;	 /* with BZ_CTX_GS.  FS is not here: the library OS reads and writes it with rdfsbase/wrfsbase */
	uint32_t flags;		 /* BZ_CTX_* */
	uint32_t pad;
};

/*
 * RESUMING.  An upcall that returns resumes the guest with the thread's context.  With BZ_CTX_FULL every
 * register is restored; without it the host MAY leave rcx = rip and r11 = rflags, as the `syscall` instruction
 * does (it is quicker).  Before the guest's first instruction the host MUST look at `interrupted`; if it is
 * set, it clears it and makes the remote upcall instead, and no interrupt that was sent before the guest's
 * first instruction is lost.  resume_flag, if it is not 0, is the address of three 32-bit words.  The host stores 1 to the first
 * before it looks, and 0 when the library OS is entered again, so that others can see whether this thread runs guest code;
 * after that store it also looks at the second word: if it is not 0, it makes the remote upcall instead.  It need not put a
 * barrier between the two, for that would cost every system call; but it adds 1 to the third word, behind a full
 * barrier, whenever an interrupt arrives at this thread, wherever it is, before it acts upon it.  So who sets the second word, sends
 * an interrupt, sees the third word change and then reads 0 in the first, knows that no guest code runs on this thread
 * until the second is cleared; and so does, without an interrupt, who knows that the thread is to pass a full barrier of its
 * own before it resumes.
 */
#define BZ_CTX_FULL 1u
/* In: the base of GS was not the thread's block, but gs_base.  Out: it is to be gs_base.  Without: the block, which a
 * guest takes for a base of 0 as long as it does not look. */
#define BZ_CTX_GS 2u

/* ------------------------------------------------------------------------------------------------------
 * Upcalls
 */

enum bz_exception_kind {
	BZ_EXC_SYSCALL = 0,	 /* a `syscall` instruction of the guest */
	BZ_EXC_SEGV = 11,	 /* the numbers of Linux's signals; code and address as in siginfo */
	BZ_EXC_BUS = 7,
	BZ_EXC_ILL = 4,
	BZ_EXC_FPE = 8,
	BZ_EXC_TRAP = 5,
};

struct bz_exception {
	uint32_t kind;
	int32_t code;		 /* Linux's si_code: SEGV_MAPERR, FPE_INTDIV, ... */
	uint64_t addr;		 /* faulting address */
	uint64_t trapno, err, cr2; /* as in Linux's sigcontext */
	uint64_t in_libos;	 /* 1: the library OS itself faulted at ctx->rip (a bug); the context is its own */
};

/*
 * A range of library OS code that may touch guest memory which is not there.  A fault with begin <= rip <
 * end continues at `landing` with all other registers as they were; no upcall is made.
 */
struct bz_fixup {
	uint64_t begin, end, landing;
};

struct bz_start;

/*
 * What the library OS gives to the host.  Its ELF entry point is a function
 *     const struct bz_upcalls *entry(const struct bz_abi *abi);
 * called once, in the first process, before any other upcall.  The table MUST stay valid and unchanged.
 */
struct bz_upcalls {
	uint32_t version;	 /* BZ_ABI_VERSION of the header that it was compiled with */
	uint32_t fixup_count;
	const struct bz_fixup *fixups;

	/* The sandbox starts: called in its first process (the template), which MUST NOT run guest code.
	 * It does not return; the sandbox ends with process_exit or when the template ends. */
	void (*start)(const struct bz_start *start);

	/* A thread made by thread_create or a process made by process_create begins.  Its context is all
	 * zero with BZ_CTX_FULL; the library OS fills it and returns to enter the guest, or calls
	 * thread_exit. */
	void (*thread_start)(void *arg, struct bz_context *ctx);

	/* The guest made a system call or faulted.  Runs on the thread's library OS stack.  What it returns counts for one kind alone:
	 * exc null, when guest code called bz_abi.syscall_entry; the context is as `syscall` would leave it then.  1: nothing but
	 * rax was changed in the context, and the guest is to go on where that call said; 0: it goes on by the context. */
	uint32_t (*exception)(struct bz_context *ctx, const struct bz_exception *exc);

	/* thread_interrupt was called for this thread while it was in guest code (or on its way there). */
	void (*remote)(struct bz_context *ctx);

	/* Code of the library OS that guest code may be sent to in place of syscall_entry, on the same terms, for calls that
	 * need no library OS stack; 0: there is none.  It moves rcx to r11 by its first instruction, writes no other register but rcx
	 * until quick_commit, no memory and no flags, and leaves by a jump to syscall_entry, rcx and all as they were, or from
	 * quick_commit on with rax set, by a jump to the address in r11.  Whatever interrupts it before quick_commit finds it at syscall_entry,
	 * whatever comes later, behind the jump. */
	uint64_t quick_begin, quick_commit, quick_end;
};

/* ------------------------------------------------------------------------------------------------------
 * Streams
 */

/* A stream's number.  It is valid in every picoprocess of the sandbox until it is closed. */
typedef int32_t bz_stream;

/* Streams that every sandbox has from the start. */
#define BZ_STREAM_ARENA 1  /* the arena: map, and write behind the host's part */
#define BZ_STREAM_IMAGE 2  /* the image file, or patched text for programs of the host: read and map, read-only.
			    * Absent without either: BZ_EBADF */
#define BZ_STREAM_STDIN 3  /* standard streams as the operator attached them; see bz_start.stdio */
#define BZ_STREAM_STDOUT 4
#define BZ_STREAM_STDERR 5

/*
 * A name, being a URI in parsed form.  Text forms, as traces and logs print them, are in the right column.
 * Paths are relative to the root, have no leading, double or trailing slash, no component `.` or `..`, no NUL, at
 * most BZ_PATH_MAX bytes, and are followed by the host without any symbolic link: a link on the way gives
 * BZ_ELOOP, and it is the library OS that reads the link and walks on.  An empty path is the root itself.
 */
enum bz_scheme {
	BZ_VOLUME = 1,	/* volume:ROOT/PATH	a file or directory in granted tree number `root` */
	BZ_EVENT = 2,	/* event:		a doorbell: an 8-byte counter; write adds, read takes all */
	BZ_TCP = 3,	/* tcp:ADDR:PORT	by stream_connect.  tcp:ROOT: listen for bz_start's port number `root`, `mode` is the backlog; the
			 *			host's connections are taken from then on until it is half closed (stream_close); each opening
			 *			gives a stream of its own for the same queue */
	BZ_UDP = 4,	/* udp:ADDR:PORT	by stream_connect.  udp:ROOT: what comes to bz_start's port number `root`, from anybody; who sent
			 *			what the next read gives is told by BZ_PEER.  Nothing can be written */
	BZ_UNIX = 5,	/* unix:ROOT		by stream_connect: to->port is the number of a granted socket of the host's, in bz_start's ports.  Bytes
			 *			alone pass: descriptors that the other end sends are closed by the host */
	BZ_ASK = 6,	/* ask:			the operator's stream that BZ_CTL_ASK announced; BZ_EAGAIN: none waits */
	BZ_CHANGES = 7,	/* changes:		what changes to watched names is told here: struct bz_change */
	BZ_WATCH = 8,	/* watch:ROOT/PATH	a watch of what has that name, until it is closed; see struct bz_change */
	BZ_WAITSET = 9,	/* waitset:		a set of streams to wait for, which can be waited for in other sets */
	BZ_PEER = 11,	/* peer:ROOT		by stream_connect: to->port is the number of a published UDP port, whose next datagram this end's
			 *			peer has sent: *from.  His later ones come by this stream, and what is written goes to him
			 *			from that port; until so many others have come that he is forgotten: in the upper half of from->port
			 *			is a number below 32, and whoever had the same before has lost his stream, whose
			 *			data is then this peer's.  BZ_EAGAIN: nothing is there */
	BZ_NAMES = 10,	/* names:		a table of BZ_NAMES_MAX struct bz_host, read at offsets; BZ_ENOENT: no name is granted */
};
#define BZ_PATH_MAX 4095

struct bz_name {
	uint32_t scheme;
	uint32_t root;
	const char *path;
	uint32_t path_len;
};

/* An end of a network stream.  An IPv4 address is ::ffff:a.b.c.d; the port is in host order. */
struct bz_address {
	uint8_t ip[16];
	uint32_t port;
};

/*
 * A name of the network that is granted, with the addresses that it has: they change while the sandbox runs, and each can be connected
 * to until its time (BZ_CLOCK_MONOTONIC; INT64_MAX: for ever).  Those that the name has now are those whose time is the latest.  A reader
 * MUST take an address only if its `until` is the same before and after; 0: none is there.  The last entry with a name is followed by
 * empty ones.
 */
#define BZ_NAMES_MAX 64
#define BZ_HOST_ADDRESSES 64
struct bz_host {
	char name[256];		/* lower case, no dot at its end, NUL */
	struct bz_host_address {
		int64_t until;
		uint8_t ip[16];
	} addresses[BZ_HOST_ADDRESSES];
};

enum bz_kind { BZ_KIND_FILE = 8, BZ_KIND_DIR = 4, BZ_KIND_LINK = 10, BZ_KIND_FIFO = 1, BZ_KIND_SOCKET = 12,
	       BZ_KIND_CHAR = 2, BZ_KIND_BLOCK = 6, BZ_KIND_UNKNOWN = 0 };	/* Linux's DT_ numbers */

/* Attributes.  `valid` says which fields were filled (getattr) or are to be set (setattr). */
struct bz_attr {
	uint32_t valid;		/* BZ_ATTR_* */
	uint32_t kind;		/* enum bz_kind */
	uint32_t mode;		/* permission bits, 07777 */
	uint32_t uid, gid;	/* as the guest shall see them */
	uint32_t nlink;
	uint64_t size, blocks;	/* bytes; 512-byte blocks */
	uint64_t dev, ino;
	int64_t atime, mtime, ctime, btime;
	uint64_t fs_blocks, fs_free, fs_files, fs_files_free; /* with BZ_ATTR_FS: of the file system, 4096-byte blocks */
};
#define BZ_ATTR_MODE 1u
#define BZ_ATTR_OWNER 2u
#define BZ_ATTR_ATIME 4u
#define BZ_ATTR_MTIME 8u
#define BZ_ATTR_BASIC 16u
#define BZ_ATTR_FS 32u

/* One entry of a directory, as enumerate fills them: packed one after another, each padded to 8 bytes. */
struct bz_dirent {
	uint32_t size;		/* of this record with its name and padding */
	uint32_t name_len;
	uint64_t cookie;	/* enumerate from here to get what follows this entry */
	struct bz_attr attr;	/* without BZ_ATTR_FS */
	char name[];		/* name_len bytes, no NUL */
};

/*
 * CHANGES.  Opening a name of scheme BZ_WATCH, once there is a stream of changes, watches what has that name: changes made to
 * it from then on, by whomever, and if it is a directory, those to what has a name in it, are told on the stream of changes.
 * The result is BZ_WATCH_BASE + the number by which they are told; it can be closed, and nothing else; watching the same file
 * again gives the same.  Reading the stream never waits and gives whole records, each padded to 4 bytes with NULs at the end of the
 * name; their layout and the bits are those of Linux's inotify.  How many may be watched, and how much is kept that was not read, is
 * bounded: BZ_ENOSPC, and a record with number -1 and BZ_CHANGE_LOST.  Files of other machines may change untold.
 */
struct bz_change {
	int32_t watch;
	uint32_t mask;		/* BZ_CHANGE_* */
	uint32_t cookie;	/* the same for both names of one that moved */
	uint32_t len;		/* bytes of name with padding; 0: the watched file itself */
	char name[];
};
#define BZ_WATCH_BASE 0x50000000
#define BZ_WATCH_MAX 0x1fffffff
#define BZ_CHANGE_ALL 0xfceu	/* MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF */
#define BZ_CHANGE_LOST 0x4000u
#define BZ_CHANGE_GONE 0x8000u	/* it is watched no longer: it was deleted, or its watch closed */

struct bz_iov {
	void *base;
	size_t len;
};

/* stream_open flags */
#define BZ_OPEN_READ 1u
#define BZ_OPEN_WRITE 2u
#define BZ_OPEN_CREATE 4u	/* regular file, if it does not exist */
#define BZ_OPEN_EXCL 8u		/* with CREATE: BZ_EEXIST if it does */
#define BZ_OPEN_TRUNC 16u
#define BZ_OPEN_DIRECTORY 32u	/* with CREATE: makes a directory (always EXCL), and opens nothing: returns 0 */
#define BZ_OPEN_SYMLINK 64u	/* with CREATE: makes a symbolic link with text `target`; opens nothing: returns 0 */
#define BZ_OPEN_KEEP 128u	/* the stream will be used with flush, resize, setattr or lock (implied by WRITE) */
#define BZ_OPEN_UNNAMED 256u	/* an unnamed file in directory `name` (Linux's O_TMPFILE) */
#define BZ_OPEN_APPEND 512u
#define BZ_OPEN_NODE 1024u	/* with CREATE: makes the name of a FIFO or a socket, as `mode` says with Linux's S_IFIFO or S_IFSOCK;
				 * opens nothing: returns 0.  What is behind such a name is the library OS's own */

/* stream_read and stream_write flags */
#define BZ_IO_NOWAIT 1u		/* BZ_EAGAIN rather than waiting */
#define BZ_IO_SYNC 2u		/* data and attributes are on disk when the call returns */
#define BZ_IO_DSYNC 4u
#define BZ_IO_APPEND 8u
/* Of network streams, with one piece of memory, and never waiting: */
#define BZ_IO_PEEK 16u		/* what is read stays */
#define BZ_IO_URGENT 32u	/* TCP's urgent byte */
#define BZ_IO_COUNT 64u		/* read: how much there is (UDP: in the next datagram), at most the length given; nothing is stored */
#define BZ_IO_MORE 128u		/* write: more follows, it may wait for that */
#define BZ_IO_MESSAGE 256u	/* write: a whole datagram, though it be empty */
#define BZ_OFFSET_NONE (-1ll)	/* streams without offsets: pipes, sockets, consoles, doorbells */

/* Memory protections and flags: Linux's PROT_ bits. */
#define BZ_PROT_READ 1u
#define BZ_PROT_WRITE 2u
#define BZ_PROT_EXEC 4u
#define BZ_MAP_NOREPLACE 1u	/* BZ_EEXIST if anything is mapped there; otherwise what is there is replaced */
#define BZ_MAP_SHARED 2u	/* stream_map: writes go to the stream; otherwise they are private */
#define BZ_MAP_NORESERVE 4u
#define BZ_MAP_POPULATE 8u
#define BZ_MAP_STACK 16u

enum bz_advice { BZ_ADV_NORMAL, BZ_ADV_RANDOM, BZ_ADV_SEQUENTIAL, BZ_ADV_WILLNEED, BZ_ADV_DONTNEED, BZ_ADV_FREE,
		 BZ_ADV_HUGEPAGE, BZ_ADV_NOHUGEPAGE, BZ_ADV_POPULATE_READ, BZ_ADV_POPULATE_WRITE, BZ_ADV_REMOVE,
		 BZ_ADV_COLD, BZ_ADV_PAGEOUT, BZ_ADV_DONTFORK, BZ_ADV_DOFORK, BZ_ADV_WIPEONFORK, BZ_ADV_KEEPONFORK };

enum bz_clock { BZ_CLOCK_REALTIME = 0, BZ_CLOCK_MONOTONIC = 1, BZ_CLOCK_PROCESS_CPU = 2, BZ_CLOCK_THREAD_CPU = 3,
		BZ_CLOCK_REALTIME_COARSE = 5, BZ_CLOCK_MONOTONIC_COARSE = 6, /* as of the last tick; quicker */
		BZ_CLOCK_BOOTTIME = 7 };
/* The processor time of another process of the sandbox, by the tid of its first thread; BZ_EINVAL: there is none, or this host
 * cannot tell (a sandbox without a process namespace of its own). */
#define BZ_CLOCK_CPU_OF(tid) (0x80000000u | (tid))
#define BZ_NO_DEADLINE INT64_MAX

/* What stream_wait and wait sets tell and take: Linux's EPOLL bits. */
#define BZ_WAIT_IN 1u
#define BZ_WAIT_PRI 2u
#define BZ_WAIT_OUT 4u
#define BZ_WAIT_ERR 8u
#define BZ_WAIT_HUP 16u
#define BZ_WAIT_RDHUP 0x2000u
#define BZ_WAIT_ONCE 0x40000000u /* in a wait set: told once, until it is changed */
#define BZ_WAIT_EDGE 0x80000000u

struct bz_ready {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

enum bz_waitset_op { BZ_WAITSET_ADD = 1, BZ_WAITSET_REMOVE = 2, BZ_WAITSET_CHANGE = 3 };

struct bz_lock {		/* byte-range lock of an open file description (Linux's OFD locks) */
	uint32_t type;		/* 0 read, 1 write, 2 unlock */
	uint32_t flags;		/* BZ_LOCK_TEST: `type` becomes 2 if it could be had, else the range of the obstacle */
	uint64_t start, len;	/* len 0: to the end */
};
#define BZ_LOCK_TEST 1u
#define BZ_LOCK_WHOLE 2u	/* flock(2) of the whole file, not a range */

/* ------------------------------------------------------------------------------------------------------
 * Start information: written by the security monitor, read-only for the library OS, at the address given to
 * `start` until the sandbox ends.  Offsets are from the beginning of the structure; strings end with NUL.
 */

enum bz_stdio_kind { BZ_STDIO_NONE, BZ_STDIO_FILE, BZ_STDIO_PIPE, BZ_STDIO_CONSOLE, BZ_STDIO_SOCKET, BZ_STDIO_NULL };

struct bz_stdio {
	uint32_t kind;		/* enum bz_stdio_kind; CONSOLE: a raw terminal whose discipline is the library OS's */
	uint32_t access;	/* BZ_OPEN_READ | BZ_OPEN_WRITE | BZ_OPEN_APPEND */
	struct bz_attr attr;
	uint64_t pos;		/* FILE: the offset at which the command was given it */
};

struct bz_mount {		/* a granted volume */
	uint32_t root;		/* number for struct bz_name */
	uint32_t flags;		/* BZ_MOUNT_* */
	uint32_t guest_path;	/* offset of a string: absolute path in the guest */
	uint32_t is_file;	/* the grant is one file, not a tree; its name's path is empty */
	uint64_t option;	/* TMPFS: size limit in bytes or 0; mode in the low 12 bits of option2 */
	uint64_t option2;
	struct bz_attr attr;	/* of a volume's root when the sandbox started; valid 0: to be asked for */
};
#define BZ_MOUNT_READONLY 1u
#define BZ_MOUNT_TMPFS 2u	/* no volume: an empty in-memory file system (`root` unused) */
#define BZ_MOUNT_OVERLAY 4u	/* read-only volume under a private writable overlay in the arena */
#define BZ_MOUNT_IMMUTABLE 8u	/* what is cached need not be revalidated */
#define BZ_MOUNT_UPPER 16u	/* this volume is the upper directory of the root's overlay (--overlay DIR) */
#define BZ_MOUNT_TEXT 32u	/* no volume: a read-only file whose content is the string at `option` of length option2 */
#define BZ_MOUNT_SYMLINK 64u	/* no volume: a symbolic link with the text at string offset `option` */
#define BZ_MOUNT_NOEXEC 128u	/* with TMPFS: nothing of it can be executed */

struct bz_port {		/* a published port: the host's connections to `host` may be accepted.  Or a socket of the host's */
	uint32_t scheme;	/* BZ_TCP, BZ_UDP; BZ_UNIX */
	uint32_t guest;		/* the port that the guest listens on to get them; BZ_UNIX: offset of a string, the path in the guest */
	struct bz_address host;
};

struct bz_start {
	uint32_t version;	/* BZ_ABI_VERSION */
	uint32_t size;		/* of this structure with everything that offsets point to */
	uint64_t arena_size;	/* bytes, from BZ_ARENA_BASE */
	uint64_t memory_limit;	/* bytes of arena and private memory together, as the guest shall see it */
	uint64_t image_size;	/* bytes of the image's file system at offset 0 of BZ_STREAM_IMAGE; 0: none */
	uint64_t flags;		/* BZ_START_* */
	uint32_t cpus;		/* processors that the guest shall see */
	uint32_t threads_max;
	uint32_t files_max;	/* streams that may be open in the sandbox */
	uint32_t uid, gid;	/* the guest's first process */
	uint32_t argc, argv;	/* offset of an array of argc offsets of strings */
	uint32_t envc, envp;
	uint32_t exe;		/* offset: the path of the program in the guest, or argv[0] to be looked up in PATH */
	uint32_t cwd, hostname;
	uint32_t mount_count, mounts; /* offset of an array of struct bz_mount, shorter paths first */
	uint32_t group_count, groups; /* supplementary groups: array of uint32_t */
	uint32_t rlimit_count, rlimits; /* array of { uint32_t resource, pad; uint64_t soft, hard } in Linux's numbers */
	uint16_t rows, cols;	/* of the console */
	uint32_t umask;
	uint64_t seed[8];	/* 512 random bits, this sandbox's alone */
	uint64_t generation;	/* changes when a snapshot is restored or cloned */
	struct bz_stdio stdio[3];
	uint32_t port_count, ports; /* offset of an array of struct bz_port */
	uint32_t user;		/* offset: USER[:GROUP], to be looked up by the guest; uid and gid are BZ_ID_USER then.  0: no */
};
#define BZ_ID_USER 0xfffffffeu	/* also as the owner of what lies on volumes: whoever that user is */
#define BZ_START_TRACE 1u	/* print guest system calls with debug_log(BZ_LOG_TRACE) */
#define BZ_START_STATS 2u	/* count guest system calls */
#define BZ_START_ROOT_READONLY 4u
#define BZ_START_TTY 8u		/* stdio is the console: give the first process a controlling terminal */
#define BZ_START_TRAP_ONLY 16u	/* rewrite no system calls of the guest's */
#define BZ_START_PATCH_EAGER 32u /* rewrite each when it is first made */
#define BZ_START_JOB 64u	/* the sandbox is the job of a shell outside: its first process may be stopped, as BZ_LOG_STOPPED tells */
#define BZ_START_OUTBOUND 128u	/* something of the network is granted: stream_connect may succeed */

struct bz_rlimit {
	uint32_t resource, pad;
	uint64_t soft, hard;
};

/* STOPPED: a signal, whose number the text is, stopped the first process. */
enum bz_log { BZ_LOG_INFO, BZ_LOG_WARN, BZ_LOG_TRACE, BZ_LOG_PANIC, BZ_LOG_DENIED, BZ_LOG_STATS, BZ_LOG_STOPPED };

/* Asked of a sandbox by its operator through the monitor; see control_next. */
enum bz_control_kind { BZ_CTL_SIGNAL = 1, BZ_CTL_WINSIZE = 2, BZ_CTL_STATS = 3, BZ_CTL_STOP = 4,
		       BZ_CTL_ASK = 5 /* a stream of the operator waits: stream_open of BZ_ASK */ };
struct bz_control {
	uint32_t kind;
	uint32_t arg;		/* SIGNAL: Linux's number, for the first guest process */
	uint16_t rows, cols;	/* WINSIZE.  SIGNAL: rows not 0: for its process group, as a terminal's signals are */
};

/* ------------------------------------------------------------------------------------------------------
 * Downcalls.  40 of them; there is no catch-all.
 */
struct bz_abi {
	uint32_t version;
	uint32_t size;		/* of this structure: a later minor version may append calls */

	/* --- private virtual memory ---------------------------------------------------------------- */

	/* Map zeroed private memory at exactly `addr`.  BZ_ENOMEM: the limit, or too many mappings.
	 * BZ_EEXIST with NOREPLACE.  Host checks: never shared, locked or huge-page-backed by request. */
	int (*mem_map)(uint64_t addr, size_t len, uint32_t prot, uint32_t flags);
	int (*mem_unmap)(uint64_t addr, size_t len);
	/* BZ_EACCES: a shared mapping of a read-only stream cannot become writable. */
	int (*mem_protect)(uint64_t addr, size_t len, uint32_t prot);
	int (*mem_advise)(uint64_t addr, size_t len, uint32_t advice);
	/* Move pages to `to`, replacing what is there; the new tail, if new_len > len, is zeroed memory of the same
	 * kind.  With keep != 0 the old range stays mapped, empty (Linux's MREMAP_DONTUNMAP). */
	int (*mem_move)(uint64_t addr, size_t len, uint64_t to, size_t new_len, uint32_t keep);

	/* --- threads ------------------------------------------------------------------------------- */

	/* Start a thread of this process in upcall thread_start(arg).  Returns its tid.  BZ_EAGAIN: limit. */
	int (*thread_create)(void *arg);
	/* End the calling thread.  If `clear` is not null, it is set to 0 and waiters on it are woken after the
	 * thread's last use of its stack and block. */
	void (*thread_exit)(uint32_t *clear) __attribute__((noreturn));
	/* Make `tid` enter the library OS soon: in guest code, by the remote upcall; in wait, waitset_wait or a
	 * stream call that waits, by BZ_EINTR; elsewhere its `interrupted` word is set and nothing else happens.
	 * probe != 0 only asks whether the thread exists.  BZ_ESRCH: it does not. */
	int (*thread_interrupt)(int32_t tid, uint32_t probe);
	void (*thread_yield)(void);

	/* --- waiting and waking -------------------------------------------------------------------- */

	/* Sleep while *word == expected, until woken by a wake whose mask shares a bit, or the deadline on `clock`
	 * (REALTIME or MONOTONIC).  With BZ_WAIT_SHARED the word may be in memory that several processes map; without
	 * it only threads of this process can wake.  0, BZ_EAGAIN (the word differed), BZ_ETIMEDOUT, BZ_EINTR, BZ_EFAULT.
	 * An `interrupted` word that is set already gives BZ_EINTR at once (unless BZ_WAIT_UNINTERRUPTIBLE). */
	int (*wait)(uint32_t *word, uint32_t expected, uint32_t mask, uint32_t flags, uint32_t clock, int64_t deadline);
	/* Wake at most n.  Returns how many. */
	int (*wake)(uint32_t *word, uint32_t n, uint32_t mask, uint32_t flags);
	/* If *word == expected, wake n and move at most m waiters to `to`.  Returns how many were woken or moved. */
	int (*requeue)(uint32_t *word, uint32_t expected, uint32_t n, uint32_t *to, uint32_t m, uint32_t flags);

	/* --- processes ----------------------------------------------------------------------------- */

	/* Clone the calling process: private memory is copied on write, the calling thread alone continues, in
	 * both; returns 0 in the child, whose tcb has a new tid, and that tid in the parent.  BZ_EAGAIN: limit. */
	int (*process_clone)(void);
	/* From the template only: clone the template into a process whose only thread starts with thread_start(arg). */
	int (*process_create)(void *arg);
	/* End the calling process, all its threads; its status lives in the library OS.  From the template, and from any
	 * other with BZ_EXIT_SANDBOX set, it ends the sandbox with `status`, as wait(2) encodes it (exit code << 8, or a
	 * signal number). */
#define BZ_EXIT_SANDBOX 0x10000u
	void (*process_exit)(uint32_t status) __attribute__((noreturn));

	/* --- streams ------------------------------------------------------------------------------- */

	/* Open or create.  On success returns a stream, and its attributes in *attr unless null.  `mode`: permission
	 * bits of what is created, already masked; `target`: text of a symbolic link.  BZ_ENOENT, BZ_EACCES (not
	 * granted, or the host's permissions), BZ_EEXIST, BZ_ELOOP, BZ_ENOTDIR, BZ_EISDIR, BZ_EMFILE, BZ_ENOSPC.
	 * Host checks: the root is granted; write access is granted; only regular files and directories are opened. */
	bz_stream (*stream_open)(const struct bz_name *name, uint32_t flags, uint32_t mode, const char *target,
				 struct bz_attr *attr);
	/* how: 0 give the stream up; of a network stream by halves: 1 no more reading, 2 no more writing (the peer reads the end),
	 * 3 both; a listening stream takes no more connections.  Then it is to be given up still. */
	int (*stream_close)(bz_stream s, uint32_t how);
	/* Returns bytes moved, 0 at the end.  BZ_EAGAIN, BZ_EINTR, BZ_EPIPE, BZ_EIO, BZ_EFAULT, BZ_ENOSPC. */
	int64_t (*stream_read)(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags);
	int64_t (*stream_write)(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags);
	/* Map [off, off+len) of a stream at exactly `addr`.  flags as mem_map, and BZ_MAP_SHARED. */
	int (*stream_map)(bz_stream s, uint64_t addr, size_t len, uint32_t prot, uint32_t flags, uint64_t off);
	/* Wait until one of `events` holds.  Returns the events that do. */
	int (*stream_wait)(bz_stream s, uint32_t events, int64_t deadline_monotonic);
	/* Attributes of a stream (s >= 0) or of a name (s < 0; a symbolic link's are its own). */
	int (*stream_getattr)(bz_stream s, const struct bz_name *name, uint32_t what, struct bz_attr *attr);
	int (*stream_setattr)(bz_stream s, const struct bz_name *name, const struct bz_attr *attr);
	/* Set the size; `op` 1: allocate [off, off+len) as well, 2: punch it out, 3: zero it, 0: off is the new size,
	 * 4: allocate [off, off+len), and the size stays. */
	int (*stream_resize)(bz_stream s, uint32_t op, uint64_t off, uint64_t len);
	/* Put on disk; data_only as fdatasync. */
	int (*stream_flush)(bz_stream s, uint32_t data_only);
	/* flags: 1 no replace, 2 exchange.  Both names in the same root, else BZ_EXDEV. */
	int (*stream_rename)(const struct bz_name *from, const struct bz_name *to, uint32_t flags);
	/* Another name of `from`, or (s >= 0) the first one of a file that was opened with BZ_OPEN_UNNAMED for writing;
	 * BZ_ENOENT: it had names, and has lost them all. */
	int (*stream_link)(bz_stream s, const struct bz_name *from, const struct bz_name *to);
	/* Remove a name; directory != 0: an empty directory, and nothing else. */
	int (*stream_remove)(const struct bz_name *name, uint32_t directory);
	/* The text of a symbolic link: returns its length; no NUL. */
	int (*stream_readlink)(const struct bz_name *name, char *buf, size_t len);
	/* Entries of a directory behind `cookie` (0: from the start), with attributes.  Returns bytes filled, 0 at
	 * the end.  `buf` of at least 8192 bytes; `.` and `..` are not among them. */
	int64_t (*stream_enumerate)(const struct bz_name *name, uint64_t cookie, void *buf, size_t len);

	/* A stream to `to`, if a grant covers it; *from is this end.  BZ_TCP: it MAY be under way still; it has ended when
	 * stream_wait tells BZ_WAIT_OUT, and with BZ_WAIT_ERR a read tells why it failed.  BZ_UDP: what is written goes to `to`, and
	 * what `to` sends is read, a datagram each.  BZ_EACCES: not granted (the operator is told), or what connect(2) gives. */
	bz_stream (*stream_connect)(uint32_t scheme, const struct bz_address *to, struct bz_address *from);
	/* The next connection of a listening stream, never waiting for one: BZ_EAGAIN.  *peer is who connected. */
	bz_stream (*stream_accept)(bz_stream s, struct bz_address *peer);

	/* A lock that blocks is not offered: BZ_EAGAIN, and the library OS decides when to ask again. */
	int (*stream_lock)(bz_stream s, struct bz_lock *lock);
	/* op 0 get, 1 set, 2 remove, 3 list, 4 set create-only, 5 set replace-only; names in user. alone.  Returns a length.
	 * Of a network stream (op 0 and 1): an option of its connection by the names of host/linux/options.c, such as "tcp.keepidle", with
	 * the values that Linux has for it; BZ_EOPNOTSUPP: there is none of that name. */
	int (*stream_xattr)(bz_stream s, const struct bz_name *name, uint32_t op, const char *key, void *buf, size_t len);

	/* Sets of streams to wait for (BZ_WAITSET). */
	int (*waitset_change)(bz_stream set, uint32_t op, bz_stream s, uint32_t events, uint64_t data);
	/* Returns how many of `n` were filled; 0 when the deadline passed; BZ_EINTR. */
	int (*waitset_wait)(bz_stream set, struct bz_ready *ready, uint32_t n, int64_t deadline_monotonic);

	/* --- time, randomness, words for people, the operator's wishes --------------------------------- */

	int64_t (*clock_read)(uint32_t clock);
	void (*random_bytes)(void *buf, size_t len);
	/* A line for the operator; the host bounds and escapes it.  BZ_LOG_STATS: `key value` lines, at most 32 KiB, the
	 * answer to BZ_CTL_STATS and sent unasked before the sandbox ends if BZ_START_STATS is set. */
	void (*debug_log)(uint32_t level, const char *text, size_t len);
	/* From the template only: wait for the operator's next wish, until the deadline or a wake of *word away from
	 * `expected`.  1: *ctl filled.  0: deadline, or the word changed, or a process of the sandbox ended, or there is something on the
	 * stream of changes. */
	int (*control_next)(struct bz_control *ctl, uint32_t *word, uint32_t expected, int64_t deadline_monotonic);

	/* --- system calls as function calls ------------------------------------------------------------ */

	/* Where guest code that the library OS has rewritten jumps to instead of executing `syscall`; 0: not offered.
	 * There rcx MUST be the address to go on at, and the 8 bytes before that address hold the distance from it to the one that
	 * the context's rip is to show (the one behind the instruction that was replaced).  r11 is free, GS MUST be as the library OS left it; all
	 * else is the guest's, flags and stack included.  The upcall is `exception` with exc null or, where the guest's GS or a single step
	 * stands in the way, with one of kind BZ_EXC_SYSCALL. */
	uint64_t syscall_entry;

	/* As syscall_entry, but without an upcall: the host makes the call itself, with the guest's registers as they are, and goes
	 * on behind the jump.  For calls that mean the same to the host, and to no one else: sched_yield, and clock_gettime of
	 * clocks 2 and 3 with a pointer that is not into the host's range.  0: there is none. */
	uint64_t direct_entry;

	/* Functions of the host that guest code may call itself, on its own stack and with pointers of its own: what Linux's
	 * vDSO calls clock_gettime (for REALTIME, MONOTONIC, BOOTTIME and the coarse clocks), gettimeofday and time. */
	uint64_t guest_clock_gettime, guest_gettimeofday, guest_time;
};

/* wait, wake and requeue flags */
#define BZ_WAIT_SHARED 1u
#define BZ_WAIT_UNINTERRUPTIBLE 2u

#endif
