/* /proc/net: what programs look for before they use a network; the loopback device, and AF_UNIX sockets. */
#include "libos/procfs/procfs.h"
#include "libos/inet/inet.h"
#include "libos/unix/unix.h"

static int net_show(struct seq *s, const struct pnode *n)
{
	static const struct {
		const char *name, *text;
	} texts[] = {
		{"dev", "Inter-|   Receive                                                |  Transmit\n"
			" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
			"colls carrier compressed\n"
			"    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     "
			"0       0          0\n"},
		{"if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"},
		{"route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(texts[i].name, n->entry->name))
			seq_puts(s, texts[i].text);
	return 0;
}

static int unix_show(struct seq *s, const struct pnode *n)
{
	char line[256];
	u64 cursor = 0;

	seq_puts(s, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	while (unix_next_line(&cursor, line, sizeof(line)))
		seq_puts(s, line);
	return 0;
}

static int inet_show(struct seq *s, const struct pnode *n)
{
	static const struct {
		const char *name, *head;
		enum inet_table table;
		int width;	/* of all lines */
	} tables[] = {
		{"tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
		 INET_TCP, 149},
		{"tcp6", "  sl  local_address                         remote_address                        st tx_queue "
			 "rx_queue tr tm->when retrnsmt   uid  timeout inode", INET_TCP6, 0},
		{"udp", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode "
			"ref pointer drops", INET_UDP, 127},
		{"udp6", "  sl  local_address                         remote_address                        st tx_queue "
			 "rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops", INET_UDP6, 0},
		{"udplite", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode "
			    "ref pointer drops", INET_UDPLITE, 127},
		{"udplite6", "  sl  local_address                         remote_address                        st tx_queue "
			     "rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops", INET_UDPLITE6, 0},
	};
	char line[256];
	u64 cursor = 0;
	u32 i = 0;

	while (strcmp(tables[i].name, n->entry->name))
		i++;
	seq_printf(s, "%-*s\n", tables[i].width, tables[i].head);
	while (inet_next_line(tables[i].table, &cursor, line, sizeof(line)))
		seq_printf(s, "%-*s\n", tables[i].width, line);
	return 0;
}

const struct pseudo_entry proc_net_entries[] = {
	{.name = "dev", .mode = S_IFREG | 0444, .show = net_show},
	{.name = "if_inet6", .mode = S_IFREG | 0444, .show = net_show},
	{.name = "route", .mode = S_IFREG | 0444, .show = net_show},
	{.name = "tcp", .mode = S_IFREG | 0444, .show = inet_show},
	{.name = "tcp6", .mode = S_IFREG | 0444, .show = inet_show},
	{.name = "udp", .mode = S_IFREG | 0444, .show = inet_show},
	{.name = "udp6", .mode = S_IFREG | 0444, .show = inet_show},
	{.name = "udplite", .mode = S_IFREG | 0444, .show = inet_show},
	{.name = "udplite6", .mode = S_IFREG | 0444, .show = inet_show},
	{.name = "unix", .mode = S_IFREG | 0444, .show = unix_show},
	{0}};
