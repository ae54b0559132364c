/*
 * See attach.h.  A network is a tap of the host's that exists and is up: none is made here.  What a descriptor is that
 * somebody else opened is looked at, since the guest reads and writes it without a further check.
 */
#define _GNU_SOURCE
#include "guests/solo5/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_tun.h>

#define SECTOR_DEFAULT 512u

struct error {
	char *text;
	size_t size;
};

static int refuse(const struct error *err, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int refuse(const struct error *err, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, err->size, format, args);
	va_end(args);
	return error;
}

/* --- Block devices ------------------------------------------------------------------------------------- */

int solo5_attach_block_fd(struct solo5_entry *e, const char *name, int fd, uint64_t capacity, uint16_t sector,
			  char *err_text, size_t err_size)
{
	const struct error err = {err_text, err_size};

	if (!sector)
		sector = SECTOR_DEFAULT;
	if (sector < SECTOR_DEFAULT || sector & (sector - 1))
		return refuse(&err, -EINVAL, "a sector size of %u is no power of two from 512 up", sector);
	if (capacity < sector || capacity % sector)
		return refuse(&err, -EINVAL, "%s: its %llu bytes are not whole sectors of %u, at least one (truncate -s makes it so)",
			      name, (unsigned long long)capacity, sector);
	e->block.capacity = capacity;
	e->block.block_size = sector;
	e->fd = fd;
	e->attached = 1;
	return 0;
}

int solo5_attach_block(struct solo5_entry *e, const char *path, uint16_t sector, char *err_text, size_t err_size)
{
	const struct error err = {err_text, err_size};
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;
	struct stat st;
	off_t end;

	if (fd < 0)
		return refuse(&err, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		error = refuse(&err, -EINVAL, "%s: neither a file nor a block device", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		error = refuse(&err, -EBUSY, "%s: is locked: another guest has it", path);
	else if ((end = lseek(fd, 0, SEEK_END)) < 0)
		error = refuse(&err, -errno, "%s: %s", path, strerror(errno));
	else
		error = solo5_attach_block_fd(e, path, fd, end, sector, err_text, err_size);
	if (error)
		close(fd);
	return error;
}

/* --- Networks ------------------------------------------------------------------------------------------ */

static void set_name(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof(*request));
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
}

/* Is it there, and up?  Its MTU. */
static int interface_check(const char *name, uint16_t *mtu, const struct error *err)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
	struct ifreq request;

	if (fd < 0)
		return refuse(err, -errno, "socket: %s", strerror(errno));
	set_name(&request, name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		error = refuse(err, -errno, "%s: no such interface (ip tuntap add %s mode tap; ip link set %s up)", name, name,
			       name);
	else if (!(request.ifr_flags & IFF_UP))
		error = refuse(err, -ENETDOWN, "%s: the interface is down (ip link set %s up)", name, name);
	else if (ioctl(fd, SIOCGIFMTU, &request) < 0 || request.ifr_mtu < 68 || request.ifr_mtu > UINT16_MAX)
		error = refuse(err, -EINVAL, "%s: has no usable MTU", name);
	else
		*mtu = request.ifr_mtu;
	close(fd);
	return error;
}

static int tap_open(const char *name, const struct error *err)
{
	struct ifreq request;
	uint16_t mtu;
	int fd, error;

	if (!*name || strlen(name) >= IFNAMSIZ)
		return refuse(err, -EINVAL, "'%s' is not the name of an interface", name);
	error = interface_check(name, &mtu, err); /* or TUNSETIFF would make one */
	if (error)
		return error;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return refuse(err, -errno, "/dev/net/tun: %s", strerror(errno));
	set_name(&request, name);
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		error = refuse(err, -errno, "%s: %s", name,
			       errno == EBUSY	? "another has it"
			       : errno == EPERM ? "is not yours (ip tuntap add ... user)"
			       : errno == EINVAL ? "is not a tap, or one of several queues"
						 : strerror(errno));
		close(fd);
		return error;
	}
	return fd;
}

static int tap_inherited(const char *number, const struct error *err)
{
	char *end;
	unsigned long fd = strtoul(number, &end, 10);
	int flags;

	if (*number < '0' || *number > '9' || *end || fd > INT32_MAX)
		return refuse(err, -EINVAL, "'@%s' is not the number of a descriptor", number);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return refuse(err, -EBADF, "@%s: no such descriptor is open", number);
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return refuse(err, -errno, "@%s: cannot be made non-blocking: %s", number, strerror(errno));
	return fd;
}

/*
 * TUNGETIFF tells with one bit of IFF_NO_PI and of there being no socket filter (IFF_NOFILTER): so with a filter that
 * passes everything, for a moment.
 */
static bool has_no_header(int fd, struct ifreq *request)
{
	struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	struct sock_fprog program = {1, &pass};
	bool none;

	if (!(request->ifr_flags & IFF_NO_PI) || ioctl(fd, TUNATTACHFILTER, &program) < 0)
		return false;
	none = ioctl(fd, TUNGETIFF, request) == 0 && request->ifr_flags & IFF_NO_PI;
	ioctl(fd, TUNDETACHFILTER, &program);
	return none;
}

/* What it must be, whoever opened it: one Ethernet frame a read or write and no header, segment or checksum to be made. */
static int tap_check(int fd, const char *name, char interface[IFNAMSIZ], const struct error *err)
{
	struct ifreq request;
	int flags = fcntl(fd, F_GETFL);

	memset(&request, 0, sizeof(request));
	if (flags < 0 || (flags & O_ACCMODE) != O_RDWR || !(flags & O_NONBLOCK))
		return refuse(err, -EINVAL, "%s: is not open for reading and writing", name);
	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return refuse(err, -EINVAL, "%s: is not a tap", name);
	if (!(request.ifr_flags & IFF_TAP))
		return refuse(err, -EINVAL, "%s: is a tun, not a tap", name);
	if (!has_no_header(fd, &request) || request.ifr_flags & IFF_VNET_HDR)
		return refuse(err, -EINVAL, "%s: puts a header before frames (open it with IFF_TAP | IFF_NO_PI)", name);
	if (ioctl(fd, TUNSETOFFLOAD, 0) < 0)
		return refuse(err, -errno, "%s: its offloads cannot be turned off: %s", name, strerror(errno));
	memcpy(interface, request.ifr_name, IFNAMSIZ);
	interface[IFNAMSIZ - 1] = 0;
	return 0;
}

int solo5_attach_net(struct solo5_entry *e, const char *tap, const uint8_t *mac, char *err_text, size_t err_size)
{
	const struct error err = {err_text, err_size};
	char interface[IFNAMSIZ] = "";
	int fd = *tap == '@' ? tap_inherited(tap + 1, &err) : tap_open(tap, &err), error;

	if (fd < 0)
		return fd;
	error = tap_check(fd, tap, interface, &err);
	if (!error)
		error = interface_check(interface, &e->net.mtu, &err);
	if (!error && mac)
		memcpy(e->net.mac, mac, sizeof(e->net.mac));
	else if (!error && getrandom(e->net.mac, sizeof(e->net.mac), 0) != sizeof(e->net.mac))
		error = refuse(&err, -EIO, "no random address");
	if (error) {
		if (*tap != '@')
			close(fd);
		return error;
	}
	if (!mac)
		e->net.mac[0] = (e->net.mac[0] & ~1) | 2; /* unicast, locally administered */
	e->fd = fd;
	e->attached = 1;
	return 0;
}
