/*
 * Clocks, by the vDSO: no host call is made.  Where the kernel's vDSO makes one itself (a host whose time counter
 * cannot be read from user space), every reading would be a trap: such a host is refused.
 */
#include "host/linux/host.h"

#include <linux/elf.h>

typedef long (*clock_gettime_fn)(int clock, struct host_timespec *ts);

static bool name_is(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Number of symbols by the GNU hash table: the last chain's end. */
static uint32_t gnu_symbols(const uint32_t *hash)
{
	uint32_t nbuckets = hash[0], offset = hash[1], bloom = hash[2], last = 0;
	const uint32_t *buckets = hash + 4 + bloom * 2, *chains = buckets + nbuckets;

	for (uint32_t i = 0; i < nbuckets; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < offset)
		return offset;
	while (!(chains[last - offset] & 1))
		last++;
	return last + 1;
}

static void *vdso_symbol(const char *name)
{
	const char *base = (const char *)host.vdso;
	const Elf64_Ehdr *ehdr = (const void *)base;
	const Elf64_Phdr *ph = (const void *)(base + ehdr->e_phoff);
	const Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	uint32_t count = 0;

	for (int i = 0; i < ehdr->e_phnum; i++) {
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf64_Dyn *d = (const void *)(base + ph[i].p_offset); d->d_tag != DT_NULL; d++) {
			const void *p = base + d->d_un.d_ptr;

			if (d->d_tag == DT_SYMTAB)
				symbols = p;
			else if (d->d_tag == DT_STRTAB)
				strings = p;
			else if (d->d_tag == DT_HASH)
				count = ((const uint32_t *)p)[1];
			else if (d->d_tag == 0x6ffffef5 && !count) /* DT_GNU_HASH */
				count = gnu_symbols(p);
		}
	}
	if (!symbols || !strings)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		if (symbols[i].st_shndx && name_is(strings + symbols[i].st_name, name))
			return (void *)(base + symbols[i].st_value);
	return NULL;
}

void clock_setup(void)
{
	static const int clocks[] = {BZ_CLOCK_REALTIME, BZ_CLOCK_MONOTONIC, BZ_CLOCK_BOOTTIME};
	struct host_timespec ts;

	host.vdso_clock_gettime = (clock_gettime_fn)vdso_symbol("__vdso_clock_gettime");
	host.vdso_gettimeofday = (uint64_t)vdso_symbol("__vdso_gettimeofday");
	host.vdso_time = (uint64_t)vdso_symbol("__vdso_time");
	if (!host.vdso_clock_gettime || !host.vdso_gettimeofday || !host.vdso_time)
		host_die("this kernel's vDSO lacks clock_gettime, gettimeofday or time");
	/* The filter is in force, and traps calls that are not made in our text. */
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		host.vdso_clock_gettime(clocks[i], &ts);
	if (host.vdso_trapped)
		host_die("this host's time counter cannot be read from user space (clocksource is neither tsc nor kvm-clock)");
}

int64_t clock_read(uint32_t clock)
{
	struct host_timespec ts;
	long ret;

	if (clock & BZ_CLOCK_CPU_OF(0)) {
		if (!host.boot->pid_namespace)
			return -BZ_EINVAL;
		ret = SYS(clock_gettime, ~(clock & ~BZ_CLOCK_CPU_OF(0)) << 3 | 2, &ts); /* clock_getcpuclockid(3) */
		return ret < 0 ? ret : ts.sec * BILLION + ts.nsec;
	}
	switch (clock) {
	case BZ_CLOCK_REALTIME:
	case BZ_CLOCK_MONOTONIC:
	case BZ_CLOCK_BOOTTIME:
	case BZ_CLOCK_REALTIME_COARSE:
	case BZ_CLOCK_MONOTONIC_COARSE:
		ret = host.vdso_clock_gettime(clock, &ts);
		break;
	case BZ_CLOCK_PROCESS_CPU:
	case BZ_CLOCK_THREAD_CPU:
		ret = SYS(clock_gettime, clock, &ts);
		break;
	default:
		return -BZ_EINVAL;
	}
	return ret < 0 ? ret : ts.sec * BILLION + ts.nsec;
}
