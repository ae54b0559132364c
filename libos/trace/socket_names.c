/*
 * Names of what socket calls are given: families, types, protocols, flags and options.  As in names.c, the order within a
 * table is the order in which flags are printed; the headers that have most of these numbers are a C library's.
 */
#include "libos/trace/internal.h"
#include <asm/socket.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/tcp.h>

#define N(value) {value, #value}
#define V(value, text) {value, text}

static const struct trace_name families[] = {
	V(0, "AF_UNSPEC"), V(1, "AF_UNIX"), V(2, "AF_INET"), V(3, "AF_AX25"), V(4, "AF_IPX"), V(5, "AF_APPLETALK"),
	V(9, "AF_X25"), V(10, "AF_INET6"), V(15, "AF_KEY"), V(16, "AF_NETLINK"), V(17, "AF_PACKET"), V(21, "AF_RDS"),
	V(24, "AF_PPPOX"), V(26, "AF_LLC"), V(29, "AF_CAN"), V(30, "AF_TIPC"), V(31, "AF_BLUETOOTH"), V(38, "AF_ALG"),
	V(39, "AF_NFC"), V(40, "AF_VSOCK"), V(41, "AF_KCM"), V(42, "AF_QIPCRTR"), V(43, "AF_SMC"), V(44, "AF_XDP"),
};
static const struct trace_name types[] = {
	V(1, "SOCK_STREAM"), V(2, "SOCK_DGRAM"), V(3, "SOCK_RAW"), V(4, "SOCK_RDM"), V(5, "SOCK_SEQPACKET"),
	V(6, "SOCK_DCCP"), V(10, "SOCK_PACKET"), V(02000000, "SOCK_CLOEXEC"), V(04000, "SOCK_NONBLOCK"),
};
static const struct trace_name type_flags[] = {V(02000000, "SOCK_CLOEXEC"), V(04000, "SOCK_NONBLOCK")};
static const struct trace_name inet_protocols[] = {
	N(IPPROTO_IP), N(IPPROTO_ICMP), N(IPPROTO_IGMP), N(IPPROTO_TCP), N(IPPROTO_UDP), N(IPPROTO_IPV6), V(58, "IPPROTO_ICMPV6"),
	N(IPPROTO_SCTP), N(IPPROTO_UDPLITE), N(IPPROTO_RAW), N(IPPROTO_MPTCP),
};
static const struct trace_name netlink_protocols[] = {
	N(NETLINK_ROUTE), N(NETLINK_SOCK_DIAG), N(NETLINK_SELINUX), N(NETLINK_AUDIT), N(NETLINK_NETFILTER),
	N(NETLINK_KOBJECT_UEVENT), N(NETLINK_GENERIC),
};
static const struct trace_name message_flags[] = {
	V(0x1, "MSG_OOB"), V(0x2, "MSG_PEEK"), V(0x4, "MSG_DONTROUTE"), V(0x8, "MSG_CTRUNC"), V(0x10, "MSG_PROBE"),
	V(0x20, "MSG_TRUNC"), V(0x40, "MSG_DONTWAIT"), V(0x80, "MSG_EOR"), V(0x100, "MSG_WAITALL"), V(0x200, "MSG_FIN"),
	V(0x400, "MSG_SYN"), V(0x800, "MSG_CONFIRM"), V(0x1000, "MSG_RST"), V(0x2000, "MSG_ERRQUEUE"),
	V(0x4000, "MSG_NOSIGNAL"), V(0x8000, "MSG_MORE"), V(0x10000, "MSG_WAITFORONE"), V(0x40000, "MSG_BATCH"),
	V(0x4000000, "MSG_ZEROCOPY"), V(0x20000000, "MSG_FASTOPEN"), V(0x40000000, "MSG_CMSG_CLOEXEC"),
};
static const struct trace_name shutdowns[] = {V(0, "SHUT_RD"), V(1, "SHUT_WR"), V(2, "SHUT_RDWR")};
static const struct trace_name levels[] = {
	V(0, "SOL_IP"), V(1, "SOL_SOCKET"), V(6, "SOL_TCP"), V(17, "SOL_UDP"), V(41, "SOL_IPV6"), V(58, "SOL_ICMPV6"),
	V(136, "SOL_UDPLITE"), V(255, "SOL_RAW"), V(263, "SOL_PACKET"), V(270, "SOL_NETLINK"),
};
static const struct trace_name socket_options[] = {
	N(SO_DEBUG), N(SO_REUSEADDR), N(SO_TYPE), N(SO_ERROR), N(SO_DONTROUTE), N(SO_BROADCAST), N(SO_SNDBUF), N(SO_RCVBUF),
	N(SO_KEEPALIVE), N(SO_OOBINLINE), N(SO_NO_CHECK), N(SO_PRIORITY), N(SO_LINGER), N(SO_BSDCOMPAT), N(SO_REUSEPORT),
	N(SO_PASSCRED), N(SO_PEERCRED), N(SO_RCVLOWAT), N(SO_SNDLOWAT), N(SO_RCVTIMEO_OLD), N(SO_SNDTIMEO_OLD),
	N(SO_BINDTODEVICE), N(SO_ATTACH_FILTER), N(SO_DETACH_FILTER), N(SO_PEERNAME), N(SO_TIMESTAMP_OLD), N(SO_ACCEPTCONN),
	N(SO_PEERSEC), N(SO_SNDBUFFORCE), N(SO_RCVBUFFORCE), N(SO_PASSSEC), N(SO_TIMESTAMPNS_OLD), N(SO_MARK),
	N(SO_TIMESTAMPING_OLD), N(SO_PROTOCOL), N(SO_DOMAIN), N(SO_RXQ_OVFL), N(SO_WIFI_STATUS), N(SO_PEEK_OFF), N(SO_NOFCS),
	N(SO_LOCK_FILTER), N(SO_SELECT_ERR_QUEUE), N(SO_BUSY_POLL), N(SO_MAX_PACING_RATE), N(SO_BPF_EXTENSIONS),
	N(SO_INCOMING_CPU), N(SO_ATTACH_BPF), N(SO_ATTACH_REUSEPORT_CBPF), N(SO_ATTACH_REUSEPORT_EBPF), N(SO_CNX_ADVICE),
	N(SO_MEMINFO), N(SO_INCOMING_NAPI_ID), N(SO_COOKIE), N(SO_PEERGROUPS), N(SO_ZEROCOPY), N(SO_TXTIME), N(SO_BINDTOIFINDEX),
	N(SO_TIMESTAMP_NEW), N(SO_TIMESTAMPNS_NEW), N(SO_TIMESTAMPING_NEW), N(SO_RCVTIMEO_NEW), N(SO_SNDTIMEO_NEW),
	N(SO_DETACH_REUSEPORT_BPF), N(SO_PREFER_BUSY_POLL), N(SO_BUSY_POLL_BUDGET), N(SO_NETNS_COOKIE), N(SO_BUF_LOCK),
	N(SO_RESERVE_MEM), N(SO_TXREHASH),
};
static const struct trace_name ip_options[] = {
	N(IP_TOS), N(IP_TTL), N(IP_HDRINCL), N(IP_OPTIONS), N(IP_RECVOPTS), N(IP_RETOPTS), N(IP_PKTINFO), N(IP_PKTOPTIONS),
	N(IP_MTU_DISCOVER), N(IP_RECVERR), N(IP_RECVTTL), N(IP_RECVTOS), N(IP_MTU), N(IP_FREEBIND), N(IP_TRANSPARENT),
	N(IP_ORIGDSTADDR), N(IP_MINTTL), N(IP_NODEFRAG), N(IP_CHECKSUM), N(IP_BIND_ADDRESS_NO_PORT), N(IP_RECVFRAGSIZE),
	N(IP_MULTICAST_IF), N(IP_MULTICAST_TTL), N(IP_MULTICAST_LOOP), N(IP_ADD_MEMBERSHIP), N(IP_DROP_MEMBERSHIP),
	N(IP_UNICAST_IF), N(IP_MULTICAST_ALL),
};
static const struct trace_name ipv6_options[] = {
	N(IPV6_ADDRFORM), N(IPV6_CHECKSUM), N(IPV6_NEXTHOP), N(IPV6_FLOWINFO), N(IPV6_UNICAST_HOPS), N(IPV6_MULTICAST_IF),
	N(IPV6_MULTICAST_HOPS), N(IPV6_MULTICAST_LOOP), N(IPV6_ADD_MEMBERSHIP), N(IPV6_DROP_MEMBERSHIP), N(IPV6_MTU_DISCOVER),
	N(IPV6_MTU), N(IPV6_RECVERR), N(IPV6_V6ONLY), N(IPV6_MULTICAST_ALL), N(IPV6_RECVPKTINFO), N(IPV6_PKTINFO),
	N(IPV6_RECVHOPLIMIT), N(IPV6_HOPLIMIT), N(IPV6_RECVTCLASS), N(IPV6_TCLASS), N(IPV6_AUTOFLOWLABEL),
	N(IPV6_ADDR_PREFERENCES), N(IPV6_MINHOPCOUNT), N(IPV6_TRANSPARENT), N(IPV6_UNICAST_IF), N(IPV6_FREEBIND),
};
static const struct trace_name tcp_options[] = {
	N(TCP_NODELAY), N(TCP_MAXSEG), N(TCP_CORK), N(TCP_KEEPIDLE), N(TCP_KEEPINTVL), N(TCP_KEEPCNT), N(TCP_SYNCNT),
	N(TCP_LINGER2), N(TCP_DEFER_ACCEPT), N(TCP_WINDOW_CLAMP), N(TCP_INFO), N(TCP_QUICKACK), N(TCP_CONGESTION), N(TCP_MD5SIG),
	N(TCP_THIN_LINEAR_TIMEOUTS), N(TCP_THIN_DUPACK), N(TCP_USER_TIMEOUT), N(TCP_REPAIR), N(TCP_FASTOPEN), N(TCP_TIMESTAMP),
	N(TCP_NOTSENT_LOWAT), N(TCP_CC_INFO), N(TCP_SAVE_SYN), N(TCP_SAVED_SYN), N(TCP_FASTOPEN_CONNECT), N(TCP_ULP), N(TCP_INQ),
	N(TCP_TX_DELAY),
};
static const struct trace_name udp_options[] = {V(1, "UDP_CORK"), V(100, "UDP_ENCAP"), V(103, "UDP_SEGMENT"), V(104, "UDP_GRO")};
static const struct trace_name netlink_options[] = {
	N(NETLINK_ADD_MEMBERSHIP), N(NETLINK_DROP_MEMBERSHIP), N(NETLINK_PKTINFO), N(NETLINK_BROADCAST_ERROR), N(NETLINK_NO_ENOBUFS),
	N(NETLINK_LISTEN_ALL_NSID), N(NETLINK_LIST_MEMBERSHIPS), N(NETLINK_CAP_ACK), N(NETLINK_EXT_ACK), N(NETLINK_GET_STRICT_CHK),
};
static const struct trace_name control_types[] = {V(1, "SCM_RIGHTS"), V(2, "SCM_CREDENTIALS"), N(SO_TIMESTAMP_OLD), N(SO_TIMESTAMPNS_OLD)};

#define T(word, mask, list) {word, mask, list, ARRAY_SIZE(list)}
#define ONE (~0ull)
const struct trace_names trace_socket_names[] = {
	T("family", ONE, families), T("socktype", 0xf, types), T("socktypeflags", 0, type_flags),
	T("inetproto", ONE, inet_protocols), T("nlproto", ONE, netlink_protocols), T("msg", 0, message_flags),
	T("shutdown", ONE, shutdowns), T("sol", ONE, levels), T("so", ONE, socket_options), T("ipopt", ONE, ip_options),
	T("ipv6opt", ONE, ipv6_options), T("tcpopt", ONE, tcp_options), T("udpopt", ONE, udp_options),
	T("nlopt", ONE, netlink_options), T("scm", ONE, control_types),
};
const u32 trace_socket_name_count = ARRAY_SIZE(trace_socket_names);
