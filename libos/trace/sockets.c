/*
 * What socket calls are given and fill: addresses, options, messages.  Where a call overwrites a length, the one that it was given
 * is kept (trace->before), since both are printed.
 */
#include "libos/trace/internal.h"
#include "libos/socket/socket.h"
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <linux/un.h>

#define LIST_SHOWN 32
#define CONTROL_MAX 4096

struct iovec_kernel {
	u64 base, len;
};

struct msghdr_kernel {
	u64 name;
	u32 namelen, pad;
	u64 iov, iovlen, control, controllen;
	u32 flags, pad2;
};

struct mmsghdr_kernel {
	struct msghdr_kernel hdr;
	u32 len, pad;
};

static void print_protocol(struct trace *tr, u64 v, u32 arg)
{
	u32 family = tr->args[0];

	if (family == AF_INET || family == AF_INET6)
		trace_named(tr, "inetproto", v);
	else if (family == AF_NETLINK)
		trace_named(tr, "nlproto", v);
	else
		trace_add(tr, "%d", (int)v);
}

/* --- addresses --- */

static void add_port(struct trace *tr, const char *name, u16 port)
{
	trace_add(tr, ", %s=htons(%u)", name, __builtin_bswap16(port));
}

static void add_inet(struct trace *tr, const u8 a[4])
{
	trace_add(tr, "inet_addr(\"%u.%u.%u.%u\")", a[0], a[1], a[2], a[3]);
}

/* The longest run of zero groups, as inet_ntop abbreviates it (RFC 5952); its length, 0 if there is none. */
static u32 zero_groups(const u8 a[16], u32 *at)
{
	u32 best = 0;

	for (u32 i = 0; i < 8; i++) {
		u32 n = 0;

		while (i + n < 8 && !a[2 * (i + n)] && !a[2 * (i + n) + 1])
			n++;
		if (n > best) {
			best = n;
			*at = i;
		}
	}
	return best > 1 ? best : 0;
}

static void add_inet6(struct trace *tr, const u8 a[16])
{
	static const u8 mapped[12] = {[10] = 0xff, 0xff};
	u32 at = 8, zeros = zero_groups(a, &at);

	if (!memcmp(a, mapped, sizeof(mapped))) {
		trace_add(tr, "::ffff:%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
		return;
	}
	for (u32 i = 0; i < 8; i++) {
		if (zeros && i == at) {
			trace_add(tr, "::");
			i += zeros - 1;
		} else {
			trace_add(tr, i && !(zeros && i == at + zeros) ? ":%x" : "%x", a[2 * i] << 8 | a[2 * i + 1]);
		}
	}
}

static void add_sockaddr_in6(struct trace *tr, const struct sockaddr_in6 *a)
{
	add_port(tr, "sin6_port", a->sin6_port);
	trace_add(tr, ", sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"", __builtin_bswap32(a->sin6_flowinfo));
	add_inet6(tr, a->sin6_addr.s6_addr);
	trace_add(tr, "\", &sin6_addr), sin6_scope_id=");
	trace_add(tr, a->sin6_scope_id == 1 ? "if_nametoindex(\"lo\")" : "%u", a->sin6_scope_id);
}

static void add_sockaddr_un(struct trace *tr, const char *path, u32 n)
{
	if (!n)
		return;
	trace_add(tr, ", sun_path=%s", *path ? "" : "@");
	if (*path)
		trace_bytes(tr, path, strnlen(path, n));
	else
		trace_bytes(tr, path + 1, n - 1);
}

static void add_sockaddr_fields(struct trace *tr, const char *bytes, u32 n)
{
	const struct sockaddr_in *in = (const void *)bytes;
	const struct sockaddr_nl *nl = (const void *)bytes;
	u16 family = in->sin_family;

	if (family == AF_UNIX) {
		add_sockaddr_un(tr, bytes + 2, n - 2);
	} else if (family == AF_INET && n >= sizeof(*in)) {
		add_port(tr, "sin_port", in->sin_port);
		trace_add(tr, ", sin_addr=");
		add_inet(tr, (const u8 *)&in->sin_addr);
	} else if (family == AF_INET6 && n >= sizeof(struct sockaddr_in6)) {
		add_sockaddr_in6(tr, (const void *)bytes);
	} else if (family == AF_NETLINK && n >= sizeof(*nl)) {
		trace_add(tr, ", nl_pid=%u, nl_groups=%08x", nl->nl_pid, nl->nl_groups);
	} else if (n > 2) {
		trace_add(tr, ", sa_data=");
		trace_bytes(tr, bytes + 2, n - 2);
	}
}

static void add_sockaddr(struct trace *tr, u64 addr, u32 len)
{
	char bytes[128] __attribute__((aligned(8))) = {0};
	u32 n = min(len, (u32)sizeof(bytes));
	u16 family;

	if (!addr || n < 2 || copy_from_user(bytes, (void *)addr, n)) {
		trace_address(tr, addr);
		return;
	}
	memcpy(&family, bytes, sizeof(family));
	trace_add(tr, "{sa_family=");
	trace_named(tr, "family", family);
	add_sockaddr_fields(tr, bytes, n);
	trace_add(tr, "}");
}

static void print_sockaddr(struct trace *tr, u64 v, u32 arg)
{
	add_sockaddr(tr, v, tr->args[arg + 1]);
}

static void length_before(struct trace *tr, u64 v, u32 arg)
{
	if (!v || get_user(tr->before[0], (u32 *)v))
		tr->before[0] = 0;
}

/* What the call filled: no more than the caller had room for, nor than there was. */
static u32 length_filled(struct trace *tr, u64 v)
{
	u32 len;

	return v && !get_user(len, (u32 *)v) ? min(len, tr->before[0]) : 0;
}

static void print_filled_sockaddr(struct trace *tr, u64 v, u32 arg)
{
	add_sockaddr(tr, v, length_filled(tr, tr->args[arg + 1]));
}

/* strace: "[128 => 16]", and "[16]" where the call changed nothing. */
static void print_length(struct trace *tr, u64 v, u32 arg)
{
	u32 len;

	if (!v || get_user(len, (u32 *)v))
		trace_address(tr, v);
	else if (tr->ret < 0 || len == tr->before[0])
		trace_add(tr, "[%d]", tr->before[0]);
	else
		trace_add(tr, "[%d => %d]", tr->before[0], len);
}

/* --- options --- */

static void print_option(struct trace *tr, u64 v, u32 arg)
{
	static const struct { u32 level; const char *table; } tables[] = {
		{0, "ipopt"}, {SOL_SOCKET, "so"}, {6, "tcpopt"}, {17, "udpopt"}, {41, "ipv6opt"}, {270, "nlopt"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(tables); i++)
		if (tables[i].level == (u32)tr->args[arg - 1]) {
			trace_named(tr, tables[i].table, v);
			return;
		}
	trace_add(tr, "%d", (int)v);
}

static void add_option(struct trace *tr, u64 v, u32 len)
{
	u32 level = tr->args[1], name = tr->args[2], n = min(len, 12u);
	int words[3] = {0};

	if (!v || copy_from_user(words, (void *)v, n))
		trace_address(tr, v);
	else if (level == SOL_SOCKET && name == SO_LINGER && len == 8)
		trace_add(tr, "{l_onoff=%d, l_linger=%d}", words[0], words[1]);
	else if (level == SOL_SOCKET && name == SO_PEERCRED && len == sizeof(struct ucred))
		trace_add(tr, "{pid=%d, uid=%u, gid=%u}", words[0], words[1], words[2]);
	else if (len == sizeof(int))
		trace_add(tr, "[%d]", words[0]);
	else if (level == SOL_SOCKET && len < sizeof(int) && name != SO_BINDTODEVICE)
		trace_address(tr, v);
	else
		trace_buffer(tr, v, len);
}

static void print_set_option(struct trace *tr, u64 v, u32 arg)
{
	add_option(tr, v, tr->args[arg + 1]);
}

static void print_got_option(struct trace *tr, u64 v, u32 arg)
{
	add_option(tr, v, length_filled(tr, tr->args[arg + 1]));
}

/* --- messages --- */

static void add_control_data(struct trace *tr, const struct cmsghdr *c, const char *data, u32 n)
{
	const char *between = "";
	i32 word[3] = {0};

	memcpy(word, data, min(n, (u32)sizeof(word)));
	if (c->level == SOL_SOCKET && c->type == SCM_CREDENTIALS && n >= sizeof(word)) {
		trace_add(tr, "{pid=%d, uid=%u, gid=%u}", word[0], word[1], word[2]);
		return;
	}
	if (!(c->level == SOL_SOCKET && c->type == SCM_RIGHTS) && n != sizeof(i32)) {
		trace_bytes(tr, data, n);
		return;
	}
	trace_add(tr, "[");
	for (u32 at = 0; at + sizeof(i32) <= n; at += sizeof(i32), between = ", ") {
		memcpy(word, data + at, sizeof(i32));
		trace_add(tr, "%s%d", between, word[0]);
	}
	trace_add(tr, "]");
}

static void add_control_header(struct trace *tr, const struct cmsghdr *c)
{
	trace_add(tr, "{cmsg_len=%lu, cmsg_level=", (unsigned long)c->len);
	trace_named(tr, "sol", c->level);
	trace_add(tr, ", cmsg_type=");
	if (c->level == SOL_SOCKET)
		trace_named(tr, "scm", c->type);
	else if (c->level == 0 || c->level == 41)
		trace_named(tr, c->level ? "ipv6opt" : "ipopt", c->type);
	else
		trace_add(tr, "%#x", c->type);
}

static void add_control(struct trace *tr, u64 addr, u64 len)
{
	char *text = kmalloc(CONTROL_MAX);
	u64 n = min(len, (u64)CONTROL_MAX), at = 0;
	const char *between = ", msg_control=[";
	struct cmsghdr c;

	if (!text || !addr || n < sizeof(c) || copy_from_user(text, (void *)addr, n)) {
		trace_add(tr, ", msg_control=");
		trace_address(tr, addr);
		kfree(text);
		return;
	}
	for (; at + sizeof(c) <= n; at += (c.len + 7) & ~7ull, between = ", ") {
		memcpy(&c, text + at, sizeof(c));
		trace_add(tr, "%s", between);
		add_control_header(tr, &c);
		if (c.len <= sizeof(c) || c.len > n - at) {
			trace_add(tr, "}");
			break;
		}
		trace_add(tr, ", cmsg_data=");
		add_control_data(tr, &c, text + at + sizeof(c), c.len - sizeof(c));
		trace_add(tr, "}");
	}
	trace_add(tr, "]");
	kfree(text);
}

/* `before`: null, or the length of the name before the call overwrote it. */
static void add_message(struct trace *tr, const struct msghdr_kernel *m, u64 bytes, const u32 *before)
{
	trace_add(tr, "{msg_name=");
	add_sockaddr(tr, m->name, before ? min(*before, m->namelen) : m->namelen);
	if (before && *before != m->namelen)
		trace_add(tr, ", msg_namelen=%d => %d", *before, m->namelen);
	else
		trace_add(tr, ", msg_namelen=%d", m->namelen);
	trace_add(tr, ", msg_iov=");
	trace_iov(tr, m->iov, m->iovlen, bytes);
	trace_add(tr, ", msg_iovlen=%lu", (unsigned long)m->iovlen);
	if (m->controllen)
		add_control(tr, m->control, m->controllen);
	trace_add(tr, ", msg_controllen=%lu, msg_flags=", (unsigned long)m->controllen);
	trace_named(tr, "msg", m->flags);
	trace_add(tr, "}");
}

static void print_message(struct trace *tr, u64 v, u32 arg)
{
	struct msghdr_kernel m;

	if (!v || copy_from_user(&m, (void *)v, sizeof(m)))
		trace_address(tr, v);
	else
		add_message(tr, &m, ~0ull, NULL);
}

static void message_before(struct trace *tr, u64 v, u32 arg)
{
	struct msghdr_kernel m = {0};

	(void)copy_from_user(&m, (void *)v, sizeof(m));
	tr->before[0] = m.namelen;
}

static void print_received(struct trace *tr, u64 v, u32 arg)
{
	struct msghdr_kernel m;

	if (!v || copy_from_user(&m, (void *)v, sizeof(m)))
		trace_address(tr, v);
	else if (tr->ret < 0)
		trace_add(tr, "{msg_namelen=%d}", m.namelen);
	else
		add_message(tr, &m, tr->ret, &tr->before[0]);
}

static void messages_before(struct trace *tr, u64 v, u32 arg)
{
	struct mmsghdr_kernel m = {0};

	for (u32 i = 0; i < ARRAY_SIZE(tr->before); i++) {
		(void)copy_from_user(&m, (struct mmsghdr_kernel *)v + i, sizeof(m));
		tr->before[i] = m.hdr.namelen;
	}
}

static void add_messages(struct trace *tr, u64 v, u32 count, bool received)
{
	struct mmsghdr_kernel m;

	if (!v || copy_from_user(&m, (void *)v, sizeof(m))) {
		trace_address(tr, v);
		return;
	}
	trace_add(tr, "[");
	for (u32 i = 0; i < count; i++) {
		if (i)
			trace_add(tr, ", ");
		if (i == LIST_SHOWN || copy_from_user(&m, (struct mmsghdr_kernel *)v + i, sizeof(m))) {
			trace_add(tr, "...");
			break;
		}
		trace_add(tr, "{msg_hdr=");
		add_message(tr, &m.hdr, received ? m.len : ~0ull,
			    received && i < ARRAY_SIZE(tr->before) ? &tr->before[i] : NULL);
		trace_add(tr, tr->ret < 0 ? "}" : ", msg_len=%u}", m.len);
	}
	trace_add(tr, "]");
}

static void print_messages(struct trace *tr, u64 v, u32 arg)
{
	add_messages(tr, v, tr->ret < 0 ? tr->args[arg + 1] : tr->ret, false);
}

static void print_received_messages(struct trace *tr, u64 v, u32 arg)
{
	add_messages(tr, v, tr->ret, true);
}

const struct trace_kind trace_sockets[] = {
	{"proto", print_protocol}, {"sockaddr", print_sockaddr}, {"outsockaddr", print_filled_sockaddr, .out = true},
	{"outsocklen", print_length, .out = true, .always = true, .before = length_before}, {"sockopt", print_option},
	{"optval", print_set_option}, {"outoptval", print_got_option, .out = true}, {"msghdr", print_message},
	{"outmsghdr", print_received, .out = true, .always = true, .before = message_before},
	{"mmsghdrs", print_messages, .out = true, .always = true},
	{"outmmsghdrs", print_received_messages, .out = true, .before = messages_before},
};
const u32 trace_socket_count = ARRAY_SIZE(trace_sockets);
