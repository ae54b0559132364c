/* Addresses: from and to the guest's structures, and what kind they are of.  RFC 4291, RFC 6890. */
#include "libos/inet/internal.h"

static u32 v4_of(const struct inet_addr *a)
{
	return swap32(a->word[3]);
}

bool addr_is_v4(const struct inet_addr *a)
{
	return !a->half[0] && a->word[2] == swap32(0xffff);
}

bool addr_is_any(const struct inet_addr *a)
{
	return addr_is_v4(a) ? !a->word[3] : !a->half[0] && !a->half[1];
}

bool addr_is_local(const struct inet_addr *a)
{
	if (addr_is_v4(a))
		return v4_of(a) >> 24 == 127;
	return !a->half[0] && !a->word[2] && v4_of(a) == 1;
}

bool addr_is_broadcast(const struct inet_addr *a)
{
	return addr_is_v4(a) && (v4_of(a) == 0xffffffff || v4_of(a) == 0x7fffffff);
}

bool addr_is_multicast(const struct inet_addr *a)
{
	return addr_is_v4(a) ? v4_of(a) >> 28 == 14 : a->ip[0] == 0xff;
}

void addr_set_v4(struct inet_addr *a, u32 ip)
{
	a->half[0] = 0;
	a->word[2] = swap32(0xffff);
	a->word[3] = swap32(ip);
}

void addr_set_any(struct inet_addr *a, u16 family)
{
	if (family == AF_INET)
		addr_set_v4(a, 0);
	else
		a->half[0] = a->half[1] = 0;
}

static int in_v4(const struct socket_name *name, struct inet_addr *a)
{
	struct sockaddr_in in;

	if (name->len < sizeof(in))
		return -EINVAL;
	memcpy(&in, name->bytes, sizeof(in));
	addr_set_v4(a, swap32(in.sin_addr.s_addr));
	a->port = swap16(in.sin_port);
	return 0;
}

int addr_in(u16 family, const struct socket_name *name, struct inet_addr *a)
{
	struct sockaddr_in6 in6;

	if (name->len < sizeof(name->family))
		return -EINVAL;
	memset(a, 0, sizeof(*a));
	if (family == AF_INET) {
		if (name->len < sizeof(struct sockaddr_in))
			return -EINVAL;
		return name->family == AF_INET ? in_v4(name, a) : -EAFNOSUPPORT;
	}
	if (name->len < 24) /* what RFC 2133 had, without the scope */
		return -EINVAL;
	if (name->family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(&in6, name->bytes, sizeof(in6));
	memcpy(a->ip, &in6.sin6_addr, 16);
	a->port = swap16(in6.sin6_port);
	return 0;
}

void addr_out(u16 family, const struct inet_addr *a, struct socket_name *name)
{
	memset(name->bytes, 0, sizeof(struct sockaddr_in6));
	if (family == AF_INET) {
		struct sockaddr_in *in = (void *)name->bytes;

		in->sin_family = AF_INET;
		in->sin_port = swap16(a->port);
		in->sin_addr.s_addr = a->word[3];
		name->len = sizeof(*in);
	} else {
		struct sockaddr_in6 *in6 = (void *)name->bytes;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = swap16(a->port);
		memcpy(&in6->sin6_addr, a->ip, 16);
		name->len = sizeof(*in6);
	}
}

static void set_loopback(struct inet_addr *a, bool v4)
{
	if (v4) {
		addr_set_v4(a, INADDR_LOOPBACK);
	} else {
		a->half[0] = 0;
		a->word[2] = 0;
		a->word[3] = swap32(1);
	}
}

void addr_route(struct inet_addr *to, struct inet_addr *from)
{
	bool v4 = addr_is_v4(to);

	if (addr_is_any(to))
		set_loopback(to, v4);
	set_loopback(from, v4);
}
