/* What ioctl(2) tells of network devices: netdevice(7).  There is one, lo; nothing of it can be changed. */
#include "libos/socket/device.h"
#include "libos/socket/socket.h"
#include <linux/in.h>
#include <linux/sockios.h>

struct ifreq {
	char name[16];
	union {
		struct sockaddr_in addr;
		struct {
			u8 family[2];
			u8 bytes[14];
		} hw;
		i16 flags;
		i32 number;
		char text[16];
		u8 room[24];
	};
};

struct ifconf {
	i32 len;
	struct ifreq *req;
};

static long get_conf(struct ifconf *uconf)
{
	struct ifconf conf;
	struct ifreq r = {.name = LO_NAME};

	if (copy_from_user(&conf, uconf, sizeof(conf)))
		return -EFAULT;
	r.addr.sin_family = AF_INET;
	r.addr.sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK);
	if (!conf.req)
		conf.len = sizeof(r);
	else if (conf.len < (int)sizeof(r))
		conf.len = 0;
	else if (copy_to_user(conf.req, &r, sizeof(r)))
		return -EFAULT;
	else
		conf.len = sizeof(r);
	return copy_to_user(uconf, &conf, sizeof(conf));
}

static int describe(u32 cmd, struct ifreq *r)
{
	memset(r->room, 0, sizeof(r->room));
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = LO_FLAGS;
		return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		r->addr.sin_family = AF_INET;
		r->addr.sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK);
		return 0;
	case SIOCGIFNETMASK:
		r->addr.sin_family = AF_INET;
		r->addr.sin_addr.s_addr = __builtin_bswap32(0xff000000);
		return 0;
	case SIOCGIFBRDADDR:
		r->addr.sin_family = AF_INET;
		return 0;
	case SIOCGIFHWADDR:
		r->hw.family[0] = LO_TYPE & 0xff;
		r->hw.family[1] = LO_TYPE >> 8;
		return 0;
	case SIOCGIFINDEX:
		r->number = LO_INDEX;
		return 0;
	case SIOCGIFMTU:
		r->number = LO_MTU;
		return 0;
	case SIOCGIFTXQLEN:
		r->number = LO_QUEUE;
		return 0;
	case SIOCGIFMETRIC:
	case SIOCGIFMAP:
		return 0;
	}
	return -ENOTTY;
}

long device_ioctl(u32 cmd, u64 arg)
{
	struct ifreq *ureq = (void *)arg, r;
	int err;

	if (cmd == SIOCGIFCONF)
		return get_conf((void *)arg);
	if (cmd < SIOCGIFNAME || cmd > SIOCSIFMAP + 0x10)
		return -ENOTTY;
	if (copy_from_user(&r, ureq, sizeof(r)))
		return -EFAULT;
	if (cmd == SIOCGIFNAME) {
		if (r.number != LO_INDEX)
			return -ENODEV;
		memcpy(r.name, LO_NAME, sizeof(LO_NAME));
		return copy_to_user(ureq, &r, sizeof(r));
	}
	r.name[sizeof(r.name) - 1] = 0;
	err = describe(cmd, &r);
	if (err == -ENOTTY &&
	    (cmd == SIOCSIFFLAGS || cmd == SIOCSIFADDR || cmd == SIOCSIFNETMASK || cmd == SIOCSIFMTU))
		return -EPERM;
	if (err)
		return err;
	if (strcmp(r.name, LO_NAME))
		return -ENODEV;
	return copy_to_user(ureq, &r, sizeof(r));
}
