/*
 * /proc/sys: the settings that programs read, as numbers and texts of the library OS.  What a program could change on
 * Linux as root can be written here too where the library OS has the setting; the rest is read-only.
 */
#include "libos/coredump/coredump.h"
#include "libos/procfs/procfs.h"
#include "libos/kernel/sysctl.h"
#include "libos/kernel/uts.h"

struct setting {
	const char *dir, *name, *text;
};

static const struct setting settings[] = {
	{"kernel", "cap_last_cap", "40\n"},
	{"kernel", "msgmax", "8192\n"},
	{"kernel", "msgmnb", "16384\n"},
	{"kernel", "ngroups_max", "65536\n"},
	{"kernel", "overflowgid", "65534\n"},
	{"kernel", "overflowuid", "65534\n"},
	{"kernel", "perf_event_paranoid", "4\n"},
	{"kernel", "pid_max", "4194304\n"},
	{"kernel", "randomize_va_space", "2\n"},
	{"kernel", "sched_rr_timeslice_ms", "100\n"},
	{"kernel", "sem", "32000\t1024000000\t500\t32000\n"},
	{"kernel", "shmall", "18446744073692774399\n"},
	{"kernel", "shmmax", "18446744073692774399\n"},
	{"kernel", "tainted", "0\n"},
	{"kernel", "threads-max", "192740\n"},
	{"kernel", "unprivileged_userns_clone", "0\n"},
	{"vm", "mmap_min_addr", "65536\n"},
	{"vm", "nr_hugepages", "0\n"},
	{"vm", "overcommit_memory", "0\n"},
	{"vm", "overcommit_ratio", "50\n"},
	{"vm", "swappiness", "60\n"},
	{"vm", "legacy_va_layout", "0\n"},
	{"vm", "min_free_kbytes", "67584\n"},
	{"vm", "nr_overcommit_hugepages", "0\n"},
	{"fs", "aio-max-nr", "65536\n"},
	{"fs", "file-max", "9223372036854775807\n"},
	{"fs", "file-nr", "0\t0\t9223372036854775807\n"},
	{"fs", "nr_open", "1048576\n"},
	{"fs", "pipe-user-pages-soft", "16384\n"},
	{"fs", "pipe-user-pages-hard", "0\n"},
	{"fs", "protected_hardlinks", "1\n"},
	{"fs", "protected_symlinks", "1\n"},
	{"fs", "suid_dumpable", "0\n"},
	{"fs/inotify", "max_queued_events", "16384\n"},
	{"fs/inotify", "max_user_watches", "65536\n"},
	{"fs/epoll", "max_user_watches", "5000000\n"},
	{"fs/mqueue", "msg_max", "10\n"},
	{"fs/mqueue", "msg_default", "10\n"},
	{"fs/mqueue", "msgsize_max", "8192\n"},
	{"fs/mqueue", "msgsize_default", "8192\n"},
	{"fs/mqueue", "queues_max", "256\n"},
	{"kernel/random", "entropy_avail", "256\n"},
	{"kernel/random", "poolsize", "256\n"},
	{"net/core", "somaxconn", "4096\n"},
	{"net/core", "rmem_max", "212992\n"},
	{"net/core", "wmem_max", "212992\n"},
	{"net/ipv4", "ip_local_port_range", "32768\t60999\n"},
	{"net/ipv4", "tcp_fastopen", "1\n"},
	{"net/ipv6/conf/all", "disable_ipv6", "0\n"},
};

#define TEXTS ARRAY_SIZE(settings)	/* pnode.num: the texts, then the numbers that can be written (sysctl.h) */

static const char *file_dir(u32 i)
{
	return i < TEXTS ? settings[i].dir : sysctl_get(i - TEXTS) ? sysctl_get(i - TEXTS)->dir : NULL;
}

static const char *file_name(u32 i)
{
	return i < TEXTS ? settings[i].name : sysctl_get(i - TEXTS)->name;
}

static int setting_show(struct seq *s, const struct pnode *n)
{
	if (n->num < (i32)TEXTS)
		seq_puts(s, settings[n->num].text);
	else
		seq_printf(s, "%ld\n", (long)READ_ONCE(*sysctl_get(n->num - TEXTS)->value));
	return 0;
}

/* One decimal number, as proc_dointvec_minmax takes it; what stands behind white space is not looked at. */
static ssize_t number_store(const struct pnode *n, char *text, size_t len)
{
	const struct sysctl *c = sysctl_get(n->num - TEXTS);
	bool negative;
	i64 v = 0;
	char *p = text;

	while (*p == ' ' || *p == '\t' || *p == '\n')
		p++;
	negative = *p == '-';
	p += negative;
	if (*p < '0' || *p > '9')
		return *p ? -EINVAL : (ssize_t)len;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (*p - '0');
		if (v > INT32_MAX)
			return -EINVAL;
	}
	if (*p && *p != ' ' && *p != '\t' && *p != '\n')
		return -EINVAL;
	v = negative ? -v : v;
	if (v < c->min || v > c->max)
		return -EINVAL;
	WRITE_ONCE(*c->value, v);
	return len;
}

static const struct pseudo_entry setting_file = {.name = "", .mode = S_IFREG | 0444, .show = setting_show};
static const struct pseudo_entry number_file = {
	.name = "", .mode = S_IFREG | 0644, .show = setting_show, .store = number_store};

static const char *dir_path(const struct pseudo_entry *e);

static int setting_find_in(const struct pnode *dir, const char *name, u32 len, struct pnode *child)
{
	const char *path = dir_path(dir->entry);

	for (u32 i = 0; file_dir(i); i++) {
		if (strcmp(file_dir(i), path) || strlen(file_name(i)) != len || memcmp(file_name(i), name, len))
			continue;
		child->entry = i < TEXTS ? &setting_file : &number_file;
		child->num = i;
		return 0;
	}
	return -ENOENT;
}

static int setting_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg)
{
	const char *path = dir_path(dir->entry);

	for (i64 i = *pos - PSEUDO_DYNAMIC; file_dir(i); i++) {
		*pos = PSEUDO_DYNAMIC + i;
		if (!strcmp(file_dir(i), path) &&
		    !emit(arg, file_name(i), strlen(file_name(i)), 0x400000000ull + i, 8, *pos + 1))
			return 0;
		*pos = PSEUDO_DYNAMIC + i + 1;
	}
	return 0;
}

static int uts_show(struct seq *s, const struct pnode *n)
{
	struct new_utsname u;
	const char *name = n->entry->name;

	uts_copy(&u);
	seq_printf(s, "%s\n", !strcmp(name, "hostname") ? u.nodename : !strcmp(name, "ostype") ? u.sysname :
				      !strcmp(name, "osrelease") ? u.release : !strcmp(name, "domainname") ? u.domainname :
														    u.version);
	return 0;
}

static ssize_t uts_store(const struct pnode *n, char *text, size_t len)
{
	size_t end = 0;

	while (text[end] && text[end] != '\n')
		end++;
	text[min(end, (size_t)__NEW_UTS_LEN)] = 0;
	uts_set(!strcmp(n->entry->name, "domainname"), text);
	return len;
}

static int pattern_show(struct seq *s, const struct pnode *n)
{
	seq_printf(s, "%s\n", core_pattern);
	return 0;
}

/* No program can be told of a core: one behind a pipe is refused. */
static ssize_t pattern_store(const struct pnode *n, char *text, size_t len)
{
	char *end = strchr(text, '\n');

	if (end)
		*end = 0;
	if (text[0] == '|')
		return -EINVAL;
	strlcpy(core_pattern, text, sizeof(core_pattern));
	return len;
}

static int uuid_show(struct seq *s, const struct pnode *n)
{
	static u8 boot_id[16];
	static bool made;
	u8 id[16];

	host->random_bytes(id, sizeof(id));
	if (!strcmp(n->entry->name, "boot_id")) {
		if (!made)
			memcpy(boot_id, id, sizeof(id));
		made = true;
		memcpy(id, boot_id, sizeof(id));
	}
	id[6] = (id[6] & 0x0f) | 0x40;	/* RFC 4122, version 4 */
	id[8] = (id[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++)
		seq_printf(s, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
	seq_puts(s, "\n");
	return 0;
}

#define DYNAMIC_DIR .mode = S_IFDIR | 0555, .find = setting_find_in, .list = setting_list
static const struct pseudo_entry random_entries[] = {
	{.name = "boot_id", .mode = S_IFREG | 0444, .show = uuid_show},
	{.name = "uuid", .mode = S_IFREG | 0444, .show = uuid_show},
	{0}};
static const struct pseudo_entry kernel_entries[] = {
	{.name = "domainname", .mode = S_IFREG | 0644, .show = uts_show, .store = uts_store},
	{.name = "hostname", .mode = S_IFREG | 0644, .show = uts_show, .store = uts_store},
	{.name = "osrelease", .mode = S_IFREG | 0444, .show = uts_show},
	{.name = "ostype", .mode = S_IFREG | 0444, .show = uts_show},
	{.name = "version", .mode = S_IFREG | 0444, .show = uts_show},
	{.name = "random", DYNAMIC_DIR, .children = random_entries},
	{.name = "keys", DYNAMIC_DIR},
	{.name = "core_pattern", .mode = S_IFREG | 0644, .show = pattern_show, .store = pattern_store},
	{0}};
static const struct pseudo_entry fs_entries[] = {
	{.name = "inotify", DYNAMIC_DIR}, {.name = "epoll", DYNAMIC_DIR}, {.name = "mqueue", DYNAMIC_DIR}, {0}};
static const struct pseudo_entry ipv6_all[] = {{.name = "all", DYNAMIC_DIR}, {0}};
static const struct pseudo_entry ipv6_entries[] = {{.name = "conf", .mode = S_IFDIR | 0555, .children = ipv6_all}, {0}};
static const struct pseudo_entry net_entries[] = {
	{.name = "core", DYNAMIC_DIR},
	{.name = "ipv4", DYNAMIC_DIR},
	{.name = "ipv6", .mode = S_IFDIR | 0555, .children = ipv6_entries},
	{0}};
const struct pseudo_entry proc_sys_entries[] = {
	{.name = "fs", DYNAMIC_DIR, .children = fs_entries},
	{.name = "kernel", DYNAMIC_DIR, .children = kernel_entries},
	{.name = "net", .mode = S_IFDIR | 0555, .children = net_entries},
	{.name = "vm", DYNAMIC_DIR},
	{0}};

/* Where a directory's settings stand in the table above. */
static const char *dir_path(const struct pseudo_entry *e)
{
	const struct {
		const struct pseudo_entry *entry;
		const char *path;
	} dirs[] = {
		{&proc_sys_entries[0], "fs"}, {&proc_sys_entries[1], "kernel"}, {&proc_sys_entries[3], "vm"},
		{&fs_entries[0], "fs/inotify"}, {&fs_entries[1], "fs/epoll"}, {&fs_entries[2], "fs/mqueue"},
		{&kernel_entries[5], "kernel/random"}, {&kernel_entries[6], "kernel/keys"}, {&net_entries[0], "net/core"}, {&net_entries[1], "net/ipv4"},
		{&ipv6_all[0], "net/ipv6/conf/all"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(dirs); i++)
		if (dirs[i].entry == e)
			return dirs[i].path;
	return "";
}
