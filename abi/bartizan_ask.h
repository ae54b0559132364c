/*
 * What an operator's command asks a running sandbox's library OS for, beyond the wishes of struct bz_control.  The
 * command makes a socket pair and hands one end to the monitor (MONITOR_ASK), which gives it to the library OS as a
 * stream (BZ_CTL_ASK, then stream_open of BZ_ASK) and reads nothing of it.  All below travels on that stream.  The
 * command treats each byte of the answer as hostile: sizes are fixed, tars are bounded and strictly parsed.
 *
 *   GET   ask -->, <-- answer (mode: of what is there), <-- tar, <-- answer
 *   PUT   ask -->, <-- answer (mode: of what is there, 0: nothing), --> tar, <-- answer
 *
 * The first name in a tar is the last component of the path, or "." if that is not a name.  A directory stands in it
 * twice, before and behind what it holds: the second time with its own mode and time.  PUT unpacks in the path, if it
 * is a directory, else in the one that would hold it.
 *
 *   EXEC  ask (path: its working directory, "": the first process's), struct bz_exec, strings -->, <-- answer (mode: its number)
 *         for each stream of it another one is handed over:
 *           ask (STREAM, flags: number << 2 | descriptor) -->, <-- answer; from then on the bytes are the guest's
 *         then START and other struct bz_exec_tell -->, <-- struct bz_exec_end.  With DETACH that comes at once: it runs, or
 *         why it does not
 *   TOP   ask -->, <-- answer (mode: how many), <-- struct bz_top, <-- so many struct bz_top_process
 */
#ifndef BARTIZAN_ASK_H
#define BARTIZAN_ASK_H

#include <stdint.h>

#define BZ_ASK_GET 1u
#define BZ_ASK_PUT 2u
#define BZ_ASK_EXEC 3u
#define BZ_ASK_STREAM 4u
#define BZ_ASK_TOP 5u

#define BZ_ASK_OWNERS 1u /* PUT: files get the owners of the tar, not the first process's */

struct bz_ask {
	uint32_t op;	 /* BZ_ASK_GET, BZ_ASK_PUT */
	uint32_t flags;
	char path[4088]; /* in the guest, from its root; with a NUL */
};

struct bz_answer {
	int32_t error;	/* 0, or a negative error number: nothing follows */
	uint32_t mode;	/* Linux's st_mode */
};

/* A process more.  Behind it come, each with its NUL: whom it believes to be ("", or USER[:GROUP], names or numbers), argc
 * arguments, envc settings NAME=VALUE, which come in addition to the first process's. */
struct bz_exec {
	uint32_t size;		/* bytes of strings, at most BZ_EXEC_MAX */
	uint32_t argc, envc;
	uint32_t streams;	/* 1 << n: descriptor n is a stream; the others are /dev/null.  With TTY: 1 */
	uint32_t flags;		/* BZ_EXEC_* */
	uint16_t rows, cols;
};
#define BZ_EXEC_MAX (1u << 20)
#define BZ_EXEC_TTY 1u		/* all three are a terminal, whose other end is stream 0 */
#define BZ_EXEC_DETACH 2u	/* it goes on when its operator goes away */

enum bz_exec_kind { BZ_EXEC_START = 1, BZ_EXEC_SIGNAL, BZ_EXEC_WINSIZE };
struct bz_exec_tell {
	uint32_t kind;
	uint32_t arg;		/* SIGNAL: Linux's number */
	uint16_t rows, cols;	/* WINSIZE */
};

struct bz_exec_end {
	int32_t error;		/* negative error number: the program could not be run */
	uint32_t status;	/* as wait(2) encodes it; 126 and 127 where it could not be run */
	char text[256];		/* with an error: the interpreter that lacks, or "" */
};

/* What runs in a sandbox, as its library OS sees it. */
struct bz_top {
	int64_t now;		/* ns, of the clock of bz_top_process.start */
	uint64_t memory, memory_limit; /* bytes; of the arena, and of all */
	uint32_t processes, threads, threads_max;
	uint32_t streams;	/* open descriptions of all processes */
};
struct bz_top_process {
	int32_t pid, ppid, pgrp, session;
	uint32_t uid, threads, descriptors;
	uint32_t tty;		/* Linux's device number, 0: none */
	int32_t nice;
	uint32_t state;		/* as /proc/PID/stat has it: R, S, T, Z */
	int64_t start;		/* ns */
	uint64_t cpu;		/* ns of processor time */
	uint64_t mapped, memory; /* bytes: address space, private data */
	char name[16], command[256]; /* with a NUL; arguments are parted by blanks */
};
#define BZ_TOP_MAX 65536u

#define BZ_TAR_BLOCK 512u

/* The ustar header, with GNU's long names ('L', 'K') and numbers; libarchive and tar read it. */
struct bz_tar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8];
	char uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct bz_tar) == BZ_TAR_BLOCK, "a block of a tar");

#endif
