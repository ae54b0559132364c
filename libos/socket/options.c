/* getsockopt(2) and setsockopt(2): the options of SOL_SOCKET, socket(7).  Those of protocols come with their families. */
#include "libos/kernel/syscall.h"
#include "libos/socket/socket.h"
#include <linux/capability.h>

#define BUFFER_MAX 212992u	/* net.core.wmem_max, rmem_max */
#define SNDBUF_MIN 4608u
#define RCVBUF_MIN 2304u

union value {
	int number;
	i64 time[2];
	u32 linger[2];
	struct ucred cred;
};

static u32 *number_of(struct socket *s, int name)
{
	switch (name) {
	case SO_REUSEADDR:
		return &s->reuseaddr;
	case SO_REUSEPORT:
		return &s->reuseport;
	case SO_KEEPALIVE:
		return &s->keepalive;
	case SO_BROADCAST:
		return &s->broadcast;
	case SO_OOBINLINE:
		return &s->oobinline;
	case SO_DONTROUTE:
		return &s->dontroute;
	case SO_PRIORITY:
		return &s->priority;
	case SO_RCVLOWAT:
		return &s->rcvlowat;
	case SO_SNDBUF:
		return &s->sndbuf;
	case SO_RCVBUF:
		return &s->rcvbuf;
	}
	return NULL;
}

static bool is_flag(int name)
{
	return name == SO_REUSEADDR || name == SO_REUSEPORT || name == SO_KEEPALIVE || name == SO_BROADCAST ||
	       name == SO_OOBINLINE || name == SO_DONTROUTE;
}

/* --- setting --- */

static int set_timeout(i64 *timeout, const void *uval, u32 len)
{
	i64 tv[2];

	if (len < sizeof(tv))
		return -EINVAL;
	if (copy_from_user(tv, uval, sizeof(tv)))
		return -EFAULT;
	if (tv[1] < 0 || tv[1] >= 1000000)
		return -EDOM;
	if (tv[0] < 0)
		*timeout = 1;	/* over at once */
	else
		*timeout = tv[0] > 1000000000 ? 0 : tv[0] * NSEC_PER_SEC + tv[1] * 1000;
	return 0;
}

static int set_linger(struct socket *s, const void *uval, u32 len)
{
	u32 v[2];

	if (len < sizeof(v))
		return -EINVAL;
	if (copy_from_user(v, uval, sizeof(v)))
		return -EFAULT;
	s->linger[0] = v[0] != 0;
	if (v[0])
		s->linger[1] = v[1];
	return 0;
}

static int set_buffer(struct socket *s, int name, int val)
{
	bool send = name == SO_SNDBUF || name == SO_SNDBUFFORCE;
	u32 want = min((u32)val, BUFFER_MAX);

	if (name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE) {
		if (!capable(CAP_NET_ADMIN))
			return -EPERM;
		want = val < 0 ? 0 : min((u32)val, 0x3fffffffu);
	}
	if (send) {
		s->sndbuf = max(want * 2, SNDBUF_MIN);
		s->sndbuf_set = true;
	} else {
		s->rcvbuf = max(want * 2, RCVBUF_MIN);
		s->rcvbuf_set = true;
	}
	return 0;
}

static int set_number(struct socket *s, int name, int val)
{
	switch (name) {
	case SO_TYPE:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_PEERCRED:
		return -ENOPROTOOPT;
	case SO_SNDBUF:
	case SO_RCVBUF:
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		return set_buffer(s, name, val);
	case SO_PASSCRED:
		s->passcred = val != 0;
		if (val && s->ops->passcred)
			s->ops->passcred(s);
		return 0;
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMPNS_OLD:
		s->timestamps = val ? (name == SO_TIMESTAMP_OLD ? 1 : 2) : 0;
		return 0;
	case SO_PRIORITY:
		if ((val < 0 || val > 6) && !capable(CAP_NET_ADMIN))
			return -EPERM;
		break;
	case SO_RCVLOWAT:
		val = val < 0 ? 0x7fffffff : val ? val : 1;
		break;
	}
	if (!number_of(s, name))
		return -ENOPROTOOPT;
	*number_of(s, name) = is_flag(name) ? val != 0 : val;
	return 0;
}

static int set_option(struct socket *s, int name, const void *uval, int len)
{
	int val;

	switch (name) {
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return set_timeout(&s->rcvtimeo, uval, len);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return set_timeout(&s->sndtimeo, uval, len);
	case SO_LINGER:
		return set_linger(s, uval, len);
	}
	if (len < (int)sizeof(val))
		return -EINVAL;
	if (get_user(val, (const int *)uval))
		return -EFAULT;
	return set_number(s, name, val);
}

SYSCALL(setsockopt, int fd, int level, int name, const char *val, int len)
{
	struct socket_use u;
	long err;

	if (len < 0)
		return -EINVAL;
	u = socket_use(fd);
	if (!u.socket)
		return u.err;
	if (level == SOL_SOCKET)
		err = set_option(u.socket, name, val, len);
	if (level == SOL_SOCKET && !err && u.socket->ops->changed)
		u.socket->ops->changed(u.socket, name);
	if (level != SOL_SOCKET)
		err = u.socket->ops->setsockopt ? u.socket->ops->setsockopt(u.socket, level, name, val, len) : -EOPNOTSUPP;
	socket_unuse(u);
	return err;
}

/* --- asking --- */

static int time_value(union value *v, i64 timeout)
{
	v->time[0] = timeout / NSEC_PER_SEC;
	v->time[1] = timeout % NSEC_PER_SEC / 1000;
	return sizeof(v->time);
}

/* The value and its length, or an error. */
static int get_value(struct socket *s, int name, union value *v)
{
	switch (name) {
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return time_value(v, s->rcvtimeo);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return time_value(v, s->sndtimeo);
	case SO_LINGER:
		memcpy(v->linger, s->linger, sizeof(v->linger));
		return sizeof(v->linger);
	case SO_PEERCRED:
		v->cred = s->peer;
		return sizeof(v->cred);
	case SO_TYPE:
		v->number = s->type;
		break;
	case SO_DOMAIN:
		v->number = s->family;
		break;
	case SO_PROTOCOL:
		v->number = s->protocol;
		break;
	case SO_ERROR:
		if (s->ops->refresh)
			s->ops->refresh(s);
		v->number = -socket_error(s);
		break;
	case SO_ACCEPTCONN:
		v->number = s->listening;
		break;
	case SO_PASSCRED:
		v->number = s->passcred;
		break;
	case SO_TIMESTAMP_OLD:
		v->number = s->timestamps == 1;
		break;
	case SO_TIMESTAMPNS_OLD:
		v->number = s->timestamps == 2;
		break;
	case SO_SNDLOWAT:
		v->number = 1;
		break;
	default:
		if (!number_of(s, name))
			return -ENOPROTOOPT;
		v->number = *number_of(s, name);
	}
	return sizeof(v->number);
}

static long get_option(struct socket *s, int name, void *uval, int *ulen)
{
	union value v;
	int len, have;

	if (get_user(len, ulen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	have = get_value(s, name, &v);
	if (have < 0)
		return have;
	len = min(len, have);
	if (copy_to_user(uval, &v, len))
		return -EFAULT;
	return put_user(len, ulen);
}

SYSCALL(getsockopt, int fd, int level, int name, char *val, int *len)
{
	struct socket_use u = socket_use(fd);
	long err;

	if (!u.socket)
		return u.err;
	if (level == SOL_SOCKET)
		err = get_option(u.socket, name, val, len);
	else
		err = u.socket->ops->getsockopt ? u.socket->ops->getsockopt(u.socket, level, name, val, len) : -EOPNOTSUPP;
	socket_unuse(u);
	return err;
}
