/* /sys, as far as programs read it: processors, nodes, huge pages.  Same machinery as procfs; see sysfs(5). */
#include "libos/procfs/procfs.h"
#include <linux/magic.h>

static int cpu_range_show(struct seq *s, const struct pnode *n)
{
	if (boot->cpus > 1)
		seq_printf(s, "0-%u\n", boot->cpus - 1);
	else
		seq_puts(s, "0\n");
	return 0;
}

static int text_show(struct seq *s, const struct pnode *n)
{
	static const struct {
		const char *name, *text;
	} texts[] = {
		{"isolated", "\n"}, {"offline", "\n"}, {"kernel_max", "8191\n"}, {"enabled", "always [madvise] never\n"},
		{"defrag", "always defer defer+madvise [madvise] never\n"},
		{"shmem_enabled", "always within_size advise [never] deny force\n"}, {"hpage_pmd_size", "2097152\n"},
		{"use_zero_page", "1\n"}, {"has_cpu", "0\n"}, {"has_memory", "0\n"}, {"has_normal_memory", "0\n"},
		{"node_online", "0\n"}, {"distance", "10\n"}, {"physical_package_id", "0\n"},
		{"online", "1\n"}, {"cpumap", "ffffffff\n"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(texts[i].name, n->entry->name))
			seq_puts(s, texts[i].text);
	return 0;
}

static int core_id_show(struct seq *s, const struct pnode *n)
{
	seq_printf(s, "%d\n", n->num);
	return 0;
}

static int cpu_mask_show(struct seq *s, const struct pnode *n)
{
	seq_printf(s, "%x\n", 1u << (n->num & 31));
	return 0;
}

static int node_range_show(struct seq *s, const struct pnode *n)
{
	seq_puts(s, "0\n");
	return 0;
}

static int node_meminfo_show(struct seq *s, const struct pnode *n)
{
	struct memory_use use;
	unsigned long total = boot->memory_limit >> 10, used;

	memory_use(&use);
	used = min(use.used_pages * 4, (u64)total);
	seq_printf(s, "Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\nNode 0 MemUsed:        %8lu kB\n", total,
		   total - used, used);
	return 0;
}

#define TEXT(n) {.name = n, .mode = S_IFREG | 0444, .show = text_show}
static const struct pseudo_entry topology_entries[] = {
	{.name = "core_id", .mode = S_IFREG | 0444, .show = core_id_show},
	TEXT("physical_package_id"),
	{.name = "thread_siblings", .mode = S_IFREG | 0444, .show = cpu_mask_show},
	{.name = "thread_siblings_list", .mode = S_IFREG | 0444, .show = core_id_show},
	{.name = "core_siblings_list", .mode = S_IFREG | 0444, .show = cpu_range_show},
	{.name = "core_cpus_list", .mode = S_IFREG | 0444, .show = core_id_show},
	{0}};
static const struct pseudo_entry cpu_n_entries[] = {
	TEXT("online"), {.name = "topology", .mode = S_IFDIR | 0555, .children = topology_entries},
	{.name = "cache", .mode = S_IFDIR | 0555, .find = sys_cache_find, .list = sys_cache_list}, {0}};
static const struct pseudo_entry cpu_n_dir = {.name = "cpuN", .mode = S_IFDIR | 0555, .children = cpu_n_entries};

static int cpu_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child)
{
	if (len < 4 || memcmp(name, "cpu", 3))
		return -ENOENT;
	child->num = proc_parse_number(name + 3, len - 3);
	child->entry = &cpu_n_dir;
	return child->num >= 0 && child->num < (i32)boot->cpus ? 0 : -ENOENT;
}

static int cpu_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg)
{
	char name[16];

	for (i64 i = *pos - PSEUDO_DYNAMIC; i < boot->cpus; i++) {
		*pos = PSEUDO_DYNAMIC + i;
		if (!emit(arg, name, snprintf(name, sizeof(name), "cpu%d", (int)i), 0x600000000ull + i, 4, *pos + 1))
			return 0;
		*pos = PSEUDO_DYNAMIC + i + 1;
	}
	return 0;
}

#define RANGE(n, fn) {.name = n, .mode = S_IFREG | 0444, .show = fn}
static const struct pseudo_entry cpu_entries[] = {
	RANGE("online", cpu_range_show), RANGE("possible", cpu_range_show), RANGE("present", cpu_range_show),
	TEXT("isolated"), TEXT("offline"), TEXT("kernel_max"), {0}};
static const struct pseudo_entry node0_entries[] = {
	RANGE("cpulist", cpu_range_show), TEXT("cpumap"), TEXT("distance"), RANGE("meminfo", node_meminfo_show), {0}};
static const struct pseudo_entry node_entries[] = {
	RANGE("online", node_range_show), RANGE("possible", node_range_show), RANGE("has_cpu", node_range_show),
	RANGE("has_memory", node_range_show), {.name = "node0", .mode = S_IFDIR | 0555, .children = node0_entries}, {0}};
static const struct pseudo_entry system_entries[] = {
	{.name = "cpu", .mode = S_IFDIR | 0555, .children = cpu_entries, .find = cpu_find, .list = cpu_list},
	{.name = "node", .mode = S_IFDIR | 0555, .children = node_entries}, {0}};
static const struct pseudo_entry devices_entries[] = {
	{.name = "system", .mode = S_IFDIR | 0555, .children = system_entries}, {0}};
static const struct pseudo_entry thp_entries[] = {
	TEXT("enabled"), TEXT("defrag"), TEXT("shmem_enabled"), TEXT("hpage_pmd_size"), TEXT("use_zero_page"), {0}};
static const struct pseudo_entry mm_entries[] = {
	{.name = "transparent_hugepage", .mode = S_IFDIR | 0555, .children = thp_entries},
	{.name = "hugepages", .mode = S_IFDIR | 0555}, {0}};
static const struct pseudo_entry kernel_entries[] = {{.name = "mm", .mode = S_IFDIR | 0555, .children = mm_entries}, {0}};
static const struct pseudo_entry fs_entries[] = {{.name = "cgroup", .mode = S_IFDIR | 0555}, {0}};
static const struct pseudo_entry class_entries[] = {{.name = "net", .mode = S_IFDIR | 0555}, {0}};
static const struct pseudo_entry root_entries[] = {
	{.name = "block", .mode = S_IFDIR | 0555},
	{.name = "bus", .mode = S_IFDIR | 0555},
	{.name = "class", .mode = S_IFDIR | 0555, .children = class_entries},
	{.name = "devices", .mode = S_IFDIR | 0555, .children = devices_entries},
	{.name = "fs", .mode = S_IFDIR | 0555, .children = fs_entries},
	{.name = "kernel", .mode = S_IFDIR | 0555, .children = kernel_entries}, {0}};
static const struct pseudo_entry root_dir = {.name = "/", .mode = S_IFDIR | 0555, .children = root_entries};

struct super *sysfs_create(void)
{
	return pseudo_create("sysfs", SYSFS_MAGIC, &root_dir);
}
