/* /sys/devices/system/cpu/cpuN/cache: what CPUID tells of the processor's caches (sysfs-devices-system-cpu in the kernel's ABI). */
#include "libos/kernel/cpu.h"
#include "libos/procfs/procfs.h"

#define INDEX_SHIFT 16	/* pnode->num: the processor, and from here on the cache's index */
#define INDEX_MAX 8

struct cache {
	u32 type, level, line, partitions, ways, sets;
};

/* Intel's leaf 4, which AMD's has under another number (with topology extensions). */
static bool cache_get(u32 index, struct cache *c)
{
	u32 r[4], leaf = 4;

	cpuid(4, 0, r);
	if (!(r[0] & 31)) {
		cpuid(0x80000000, 0, r);
		if (r[0] < 0x8000001d)
			return false;
		leaf = 0x8000001d;
	}
	cpuid(leaf, index, r);
	*c = (struct cache){r[0] & 31, r[0] >> 5 & 7, (r[1] & 0xfff) + 1, (r[1] >> 12 & 0x3ff) + 1, (r[1] >> 22) + 1, r[2] + 1};
	return index < INDEX_MAX && c->type;
}

static int number_show(struct seq *s, const struct pnode *n)
{
	const char *name = n->entry->name;
	struct cache c = {0};

	cache_get(n->num >> INDEX_SHIFT, &c);
	seq_printf(s, "%u\n", !strcmp(name, "level") ? c.level : !strcmp(name, "coherency_line_size") ? c.line :
		   !strcmp(name, "physical_line_partition") ? c.partitions : !strcmp(name, "ways_of_associativity") ? c.ways : c.sets);
	return 0;
}

static int type_show(struct seq *s, const struct pnode *n)
{
	static const char *const types[] = {"", "Data\n", "Instruction\n", "Unified\n"};
	struct cache c = {0};

	cache_get(n->num >> INDEX_SHIFT, &c);
	seq_puts(s, c.type < ARRAY_SIZE(types) ? types[c.type] : "");
	return 0;
}

static int size_show(struct seq *s, const struct pnode *n)
{
	struct cache c = {0};

	cache_get(n->num >> INDEX_SHIFT, &c);
	seq_printf(s, "%luK\n", (unsigned long)c.line * c.partitions * c.ways * c.sets >> 10);
	return 0;
}

/* The last level belongs to all, the others to one: as of a processor without threads. */
static bool shared(const struct pnode *n)
{
	struct cache c = {0};

	cache_get(n->num >> INDEX_SHIFT, &c);
	return c.level >= 3 && boot->cpus > 1;
}

static int list_show(struct seq *s, const struct pnode *n)
{
	u32 cpu = n->num & ((1 << INDEX_SHIFT) - 1);

	if (shared(n))
		seq_printf(s, "0-%u\n", boot->cpus - 1);
	else
		seq_printf(s, "%u\n", cpu);
	return 0;
}

static int map_show(struct seq *s, const struct pnode *n)
{
	u32 cpu = n->num & ((1 << INDEX_SHIFT) - 1);

	seq_printf(s, "%x\n", !shared(n) ? 1u << (cpu & 31) : boot->cpus < 32 ? (1u << boot->cpus) - 1 : ~0u);
	return 0;
}

#define NUMBER(n) {.name = n, .mode = S_IFREG | 0444, .show = number_show}
static const struct pseudo_entry index_entries[] = {
	NUMBER("level"), NUMBER("coherency_line_size"), NUMBER("physical_line_partition"), NUMBER("ways_of_associativity"),
	NUMBER("number_of_sets"),
	{.name = "type", .mode = S_IFREG | 0444, .show = type_show},
	{.name = "size", .mode = S_IFREG | 0444, .show = size_show},
	{.name = "shared_cpu_list", .mode = S_IFREG | 0444, .show = list_show},
	{.name = "shared_cpu_map", .mode = S_IFREG | 0444, .show = map_show}, {0}};
static const struct pseudo_entry index_dir = {.name = "indexN", .mode = S_IFDIR | 0555, .children = index_entries};

int sys_cache_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child)
{
	struct cache c;
	int index;

	if (len < 6 || memcmp(name, "index", 5))
		return -ENOENT;
	index = proc_parse_number(name + 5, len - 5);
	if (index < 0 || index >= INDEX_MAX || !cache_get(index, &c))
		return -ENOENT;
	child->num = dir->num | index << INDEX_SHIFT;
	child->entry = &index_dir;
	return 0;
}

int sys_cache_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg)
{
	struct cache c;
	char name[16];

	for (i64 i = *pos - PSEUDO_DYNAMIC; cache_get(i, &c); i++) {
		*pos = PSEUDO_DYNAMIC + i;
		if (!emit(arg, name, snprintf(name, sizeof(name), "index%d", (int)i), 0x610000000ull + dir->num * INDEX_MAX + i, 4, *pos + 1))
			return 0;
		*pos = PSEUDO_DYNAMIC + i + 1;
	}
	return 0;
}
