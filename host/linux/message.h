/* recvmsg(2) and sendmsg(2) on the channel to the monitor, for what is built without a C library: the host layer, the loader of Solo5 guests. */
#ifndef BARTIZAN_HOST_MESSAGE_H
#define BARTIZAN_HOST_MESSAGE_H

#include <stdint.h>

#include "abi/bartizan_abi.h"

/* socket(7), for the channel to the monitor. */
#define SOL_SOCKET_LEVEL 1
#define SCM_RIGHTS_TYPE 1
struct host_msghdr {
	void *name;
	uint32_t name_len, pad;
	struct bz_iov *iov;
	uint64_t iov_len;
	void *control;
	uint64_t control_len;
	uint64_t flags;
};

#endif
