/* The one network device that a guest sees: what ioctl(2), netlink and /proc/net tell of it. */
#ifndef LIBOS_DEVICE_H
#define LIBOS_DEVICE_H

#include "libos/kernel/types.h"

#define LO_NAME "lo"
#define LO_INDEX 1
#define LO_MTU 65536
#define LO_FLAGS 0x49u /* IFF_UP, IFF_LOOPBACK, IFF_RUNNING */
#define LO_LOWER_UP 0x10000u
#define LO_TYPE 772   /* ARPHRD_LOOPBACK */
#define LO_QUEUE 1000 /* transmit queue length */

long device_ioctl(u32 cmd, u64 arg); /* of any socket; -ENOTTY: it is about no device */

#endif
