/* /proc itself: the machine as the guest sees it, and a directory for each process; see proc(5). */
#include "libos/kernel/cpu.h"
#include "libos/procfs/procfs.h"
#include "libos/kernel/uts.h"
#include <linux/magic.h>


static int meminfo_show(struct seq *s, const struct pnode *n)
{
	struct memory_use use;
	u64 total = boot->memory_limit >> 10, used, available;

	memory_use(&use);
	used = use.used_pages * 4;
	if (current->process->mm)
		used += current->process->mm->data_pages * 4;
	available = total > used ? total - used : 0;
	seq_printf(s, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", (unsigned long)total,
		   (unsigned long)available, (unsigned long)available);
	seq_puts(s, "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n"
		    "Active:                0 kB\nInactive:              0 kB\nActive(anon):          0 kB\n"
		    "Inactive(anon):        0 kB\nActive(file):          0 kB\nInactive(file):        0 kB\n"
		    "Unevictable:           0 kB\nMlocked:               0 kB\nSwapTotal:             0 kB\n"
		    "SwapFree:              0 kB\nDirty:                 0 kB\nWriteback:             0 kB\n");
	seq_printf(s, "AnonPages:      %8lu kB\nMapped:                0 kB\nShmem:          %8lu kB\n", (unsigned long)used,
		   (unsigned long)use.used_pages * 4);
	seq_printf(s, "KReclaimable:          0 kB\nSlab:                  0 kB\nSReclaimable:          0 kB\n"
		      "SUnreclaim:            0 kB\nKernelStack:           0 kB\nPageTables:            0 kB\n"
		      "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\nVmallocTotal:   34359738367 kB\n"
		      "VmallocUsed:           0 kB\nHugePages_Total:       0\nHugePages_Free:        0\n"
		      "HugePages_Rsvd:        0\nHugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n",
		   (unsigned long)total, (unsigned long)used);
	return 0;
}

/* The flags that programs look for in this file; the rest they ask the processor for. */
static void cpu_flags(struct seq *s)
{
	static const struct {
		u8 leaf7, reg, bit;
		const char *name;
	} flags[] = {
		{0, 3, 0, "fpu"}, {0, 3, 4, "tsc"}, {0, 3, 8, "cx8"}, {0, 3, 15, "cmov"}, {0, 3, 19, "clflush"},
		{0, 3, 23, "mmx"}, {0, 3, 24, "fxsr"}, {0, 3, 25, "sse"}, {0, 3, 26, "sse2"}, {0, 3, 28, "ht"},
		{0, 2, 0, "pni"}, {0, 2, 1, "pclmulqdq"}, {0, 2, 9, "ssse3"}, {0, 2, 12, "fma"}, {0, 2, 13, "cx16"},
		{0, 2, 19, "sse4_1"}, {0, 2, 20, "sse4_2"}, {0, 2, 22, "movbe"}, {0, 2, 23, "popcnt"}, {0, 2, 25, "aes"},
		{0, 2, 26, "xsave"}, {0, 2, 28, "avx"}, {0, 2, 29, "f16c"}, {0, 2, 30, "rdrand"}, {1, 1, 0, "fsgsbase"},
		{1, 1, 3, "bmi1"}, {1, 1, 5, "avx2"}, {1, 1, 8, "bmi2"}, {1, 1, 9, "erms"}, {1, 1, 16, "avx512f"},
		{1, 1, 17, "avx512dq"}, {1, 1, 18, "rdseed"}, {1, 1, 19, "adx"}, {1, 1, 29, "sha_ni"},
		{1, 1, 30, "avx512bw"}, {1, 1, 31, "avx512vl"}, {1, 2, 22, "rdpid"},
	};
	u32 one[4], seven[4];

	cpuid(1, 0, one);
	cpuid(7, 0, seven);
	seq_puts(s, "flags\t\t:");
	for (u32 i = 0; i < ARRAY_SIZE(flags); i++)
		if ((flags[i].leaf7 ? seven : one)[flags[i].reg] >> flags[i].bit & 1)
			seq_printf(s, " %s", flags[i].name);
	seq_puts(s, " syscall nx lm constant_tsc rep_good nopl\n");
}

static int cpuinfo_show(struct seq *s, const struct pnode *n)
{
	u32 r[4], brand[13] = {0}, family, model;
	char vendor[13] = {0};

	cpuid(0, 0, r);
	memcpy(vendor, &r[1], 4);
	memcpy(vendor + 4, &r[3], 4);
	memcpy(vendor + 8, &r[2], 4);
	for (u32 i = 0; i < 3; i++)
		cpuid(0x80000002 + i, 0, brand + 4 * i);
	cpuid(1, 0, r);
	family = (r[0] >> 8 & 15) + (r[0] >> 20 & 255);
	model = (r[0] >> 4 & 15) | (r[0] >> 12 & 0xf0);
	for (u32 i = 0; i < boot->cpus; i++) {
		seq_printf(s, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n", i, vendor,
			   family, model, (char *)brand);
		seq_printf(s, "stepping\t: %u\nmicrocode\t: 0x1\ncpu MHz\t\t: 2000.000\ncache size\t: 32768 KB\nphysical id\t: 0\n"
			      "siblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\n",
			   r[0] & 15, boot->cpus, i, boot->cpus, i, i);
		seq_puts(s, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 22\nwp\t\t: yes\n");
		cpu_flags(s);
		seq_puts(s, "bugs\t\t:\nbogomips\t: 4000.00\nclflush size\t: 64\ncache_alignment\t: 64\n"
			    "address sizes\t: 46 bits physical, 48 bits virtual\npower management:\n\n");
	}
	return 0;
}

static int stat_show(struct seq *s, const struct pnode *n)
{
	u64 ticks = host->clock_read(BZ_CLOCK_BOOTTIME) / 10000000, procs = 0;
	struct process *p;

	seq_printf(s, "cpu  0 0 0 %lu 0 0 0 0 0 0\n", (unsigned long)ticks * boot->cpus);
	for (u32 i = 0; i < boot->cpus; i++)
		seq_printf(s, "cpu%u 0 0 0 %lu 0 0 0 0 0 0\n", i, (unsigned long)ticks);
	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		procs++;
	mutex_unlock(&tasklist_lock);
	seq_printf(s, "intr 0\nctxt 0\nbtime %ld\nprocesses %lu\nprocs_running 1\nprocs_blocked 0\n"
		      "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		   (long)((now_real() - host->clock_read(BZ_CLOCK_BOOTTIME)) / NSEC_PER_SEC), (unsigned long)procs);
	return 0;
}

static int uptime_show(struct seq *s, const struct pnode *n)
{
	u64 cs = host->clock_read(BZ_CLOCK_BOOTTIME) / 10000000;

	seq_printf(s, "%lu.%02lu %lu.%02lu\n", (unsigned long)cs / 100, (unsigned long)cs % 100,
		   (unsigned long)cs * boot->cpus / 100, (unsigned long)cs * boot->cpus % 100);
	return 0;
}

static int loadavg_show(struct seq *s, const struct pnode *n)
{
	struct process *p;
	u32 threads = 0;
	i32 last = 1;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash) {
		threads += p->thread_count;
		last = max(last, p->pid);
	}
	mutex_unlock(&tasklist_lock);
	seq_printf(s, "0.00 0.00 0.00 1/%u %d\n", threads, last);
	return 0;
}

static int version_show(struct seq *s, const struct pnode *n)
{
	struct new_utsname u;

	uts_copy(&u);
	seq_printf(s, "%s version %s (bartizan) %s\n", u.sysname, u.release, u.version);
	return 0;
}

static int text_show(struct seq *s, const struct pnode *n)
{
	static const struct {
		const char *name, *text;
	} texts[] = {
		{"cmdline", "bartizan\n"},
		{"filesystems", "nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\toverlay\n\terofs\n"},
		{"swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"},
		{"partitions", "major minor  #blocks  name\n\n"},
		{"cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"},
		{"devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n"},
		{"vmstat", "nr_free_pages 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n"},
		{"interrupts", "            CPU0\n"},
		{"modules", ""},
		{"diskstats", ""},
		{"locks", ""},
		{"misc", ""},
	};

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(texts[i].name, n->entry->name))
			seq_puts(s, texts[i].text);
	return 0;
}

static long self_readlink(const struct pnode *n, char *buf, size_t size)
{
	char text[16];
	long len = snprintf(text, sizeof(text), "%d", current->process->pid);

	len = min((size_t)len, size);
	memcpy(buf, text, len);
	return len;
}

static long thread_self_readlink(const struct pnode *n, char *buf, size_t size)
{
	char text[40];
	long len = snprintf(text, sizeof(text), "%d/task/%d", current->process->pid, current->tid);

	len = min((size_t)len, size);
	memcpy(buf, text, len);
	return len;
}

static long const_readlink(const struct pnode *n, char *buf, size_t size)
{
	const char *text = !strcmp(n->entry->name, "net") ? "self/net" : "self/mounts";
	long len = min(strlen(text), size);

	memcpy(buf, text, len);
	return len;
}

static int root_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child)
{
	struct process *p;

	child->pid = proc_parse_number(name, len);
	child->entry = &proc_pid_dir;
	p = child->pid > 0 ? process_find(child->pid) : NULL;
	if (!p)
		return -ENOENT;
	child->born = p->start_time;
	process_put(p);
	return 0;
}

static int root_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg)
{
	i64 after = *pos - PSEUDO_DYNAMIC;
	struct process *p;
	char name[12];

	for (;;) {
		i32 best = 0;

		mutex_lock(&tasklist_lock);
		list_for_each(p, &all_processes, hash)
			if (p->pid > after && (!best || p->pid < best))
				best = p->pid;
		mutex_unlock(&tasklist_lock);
		if (!best || !emit(arg, name, snprintf(name, sizeof(name), "%d", best), 0x500000000ull + best, 4,
				   PSEUDO_DYNAMIC + best))
			return 0;
		after = best;
		*pos = PSEUDO_DYNAMIC + best;
	}
}

/* Some room at the end for what other components register. */
#define OWN_ENTRIES 23
#define MAX_REGISTERED 8
static struct pseudo_entry root_entries[OWN_ENTRIES + MAX_REGISTERED + 1] = {
	{.name = "cgroups", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "cmdline", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "cpuinfo", .mode = S_IFREG | 0444, .show = cpuinfo_show},
	{.name = "devices", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "diskstats", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "filesystems", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "interrupts", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "loadavg", .mode = S_IFREG | 0444, .show = loadavg_show},
	{.name = "locks", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "meminfo", .mode = S_IFREG | 0444, .show = meminfo_show},
	{.name = "misc", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "modules", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "mounts", .mode = S_IFLNK | 0777, .readlink = const_readlink},
	{.name = "net", .mode = S_IFLNK | 0777, .readlink = const_readlink},
	{.name = "partitions", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "self", .mode = S_IFLNK | 0777, .readlink = self_readlink},
	{.name = "stat", .mode = S_IFREG | 0444, .show = stat_show},
	{.name = "swaps", .mode = S_IFREG | 0444, .show = text_show},
	{.name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_entries},
	{.name = "thread-self", .mode = S_IFLNK | 0777, .readlink = thread_self_readlink},
	{.name = "uptime", .mode = S_IFREG | 0444, .show = uptime_show},
	{.name = "version", .mode = S_IFREG | 0444, .show = version_show},
	{.name = "vmstat", .mode = S_IFREG | 0444, .show = text_show},
};
static const struct pseudo_entry root_dir = {
	.name = "/", .mode = S_IFDIR | 0555, .children = root_entries, .find = root_find, .list = root_list};

void proc_register(const struct pseudo_entry *e)
{
	u32 i = OWN_ENTRIES;

	while (root_entries[i].name)
		i++;
	ASSERT(i < OWN_ENTRIES + MAX_REGISTERED);
	root_entries[i] = *e;
}

struct super *procfs_create(void)
{
	return pseudo_create("proc", PROC_SUPER_MAGIC, &root_dir);
}
