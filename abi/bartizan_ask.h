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
 */
#ifndef BARTIZAN_ASK_H
#define BARTIZAN_ASK_H

#include <stdint.h>

#define BZ_ASK_GET 1u
#define BZ_ASK_PUT 2u

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

#define BZ_TAR_BLOCK 512u

/* The ustar header, with GNU's long names ('L', 'K') and numbers; libarchive and tar read it. */
struct bz_tar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8];
	char uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct bz_tar) == BZ_TAR_BLOCK, "a block of a tar");

#endif
