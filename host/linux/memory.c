/*
 * Private virtual memory of the picoprocess.  The host's range is not the library OS's to map over by mistake;
 * what a hostile guest does by raw calls is for the filter.
 */
#include "host/linux/host.h"

#include <linux/mman.h>

/* Guest memory, or the library OS's window for the image, page-aligned and not empty. */
static bool range_ok(uint64_t addr, size_t len)
{
	if ((addr | len) % BZ_PAGE_SIZE || !len || addr < BZ_GUEST_LOW || addr > BZ_GUEST_HIGH ||
	    len > BZ_GUEST_HIGH - addr)
		return false;
	if (addr >= BZ_IMAGE_BASE && addr + len <= BZ_IMAGE_BASE + BZ_IMAGE_MAX)
		return true;
	return addr + len <= BZ_RESERVED_LOW || addr >= BZ_RESERVED_HIGH;
}

static bool range_arena(uint64_t addr, size_t len)
{
	uint64_t end = BZ_ARENA_BASE + host.start->arena_size;

	return !((addr | len) % BZ_PAGE_SIZE) && len && addr >= BZ_ARENA_BASE + BZ_ARENA_HOST && addr < end &&
	       len <= end - addr;
}

static int map_flags(uint32_t flags)
{
	return (flags & BZ_MAP_NOREPLACE ? MAP_FIXED_NOREPLACE : MAP_FIXED) |
	       (flags & BZ_MAP_NORESERVE ? MAP_NORESERVE : 0) | (flags & BZ_MAP_POPULATE ? MAP_POPULATE : 0) |
	       (flags & BZ_MAP_STACK ? MAP_STACK : 0) | (flags & BZ_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE);
}

static int map_result(long ret)
{
	return ret < 0 ? (int)ret : 0;
}

int memory_map(uint64_t addr, size_t len, uint32_t prot, uint32_t flags)
{
	long ret;

	if (!range_ok(addr, len) || prot > 7 || (flags & BZ_MAP_SHARED))
		return -BZ_EINVAL;
	do
		ret = SYS(mmap, addr, len, prot, map_flags(flags) | MAP_ANONYMOUS, -1, 0);
	while (ret == -BZ_ENOMEM && blocks_trim());
	return map_result(ret);
}

int stream_map(bz_stream s, uint64_t addr, size_t len, uint32_t prot, uint32_t flags, uint64_t off)
{
	long ret;

	if (!range_ok(addr, len) || prot > 7 || off % BZ_PAGE_SIZE)
		return -BZ_EINVAL;
	if (!stream_is_descriptor(s))
		return -BZ_EBADF;
	/* The host's part of the arena is not a stream's content. */
	if (s == BZ_STREAM_ARENA && off < BZ_ARENA_HOST)
		return -BZ_EINVAL;
	do
		ret = SYS(mmap, addr, len, prot, map_flags(flags), s, off);
	while (ret == -BZ_ENOMEM && blocks_trim());
	return map_result(ret);
}

int memory_unmap(uint64_t addr, size_t len)
{
	if (!range_ok(addr, len))
		return -BZ_EINVAL;
	return SYS(munmap, addr, len);
}

int memory_protect(uint64_t addr, size_t len, uint32_t prot)
{
	if (!range_ok(addr, len) || prot > 7)
		return -BZ_EINVAL;
	return SYS(mprotect, addr, len, prot);
}

int memory_advise(uint64_t addr, size_t len, uint32_t advice)
{
	static const uint8_t table[] = {
		[BZ_ADV_NORMAL] = MADV_NORMAL,
		[BZ_ADV_RANDOM] = MADV_RANDOM,
		[BZ_ADV_SEQUENTIAL] = MADV_SEQUENTIAL,
		[BZ_ADV_WILLNEED] = MADV_WILLNEED,
		[BZ_ADV_DONTNEED] = MADV_DONTNEED,
		[BZ_ADV_FREE] = MADV_FREE,
		[BZ_ADV_HUGEPAGE] = MADV_HUGEPAGE,
		[BZ_ADV_NOHUGEPAGE] = MADV_NOHUGEPAGE,
		[BZ_ADV_POPULATE_READ] = MADV_POPULATE_READ,
		[BZ_ADV_POPULATE_WRITE] = MADV_POPULATE_WRITE,
		[BZ_ADV_REMOVE] = MADV_REMOVE,
		[BZ_ADV_COLD] = MADV_COLD,
		[BZ_ADV_PAGEOUT] = MADV_PAGEOUT,
		[BZ_ADV_DONTFORK] = MADV_DONTFORK,
		[BZ_ADV_DOFORK] = MADV_DOFORK,
		[BZ_ADV_WIPEONFORK] = MADV_WIPEONFORK,
		[BZ_ADV_KEEPONFORK] = MADV_KEEPONFORK,
	};

	if (advice >= ARRAY_SIZE(table) || (!range_ok(addr, len) && !range_arena(addr, len)))
		return -BZ_EINVAL;
	return SYS(madvise, addr, len, table[advice]);
}

int memory_move(uint64_t addr, size_t len, uint64_t to, size_t new_len, uint32_t keep)
{
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
	long ret;

	if (!range_ok(addr, len) || !range_ok(to, new_len))
		return -BZ_EINVAL;
	do
		ret = SYS(mremap, addr, len, new_len, flags, to);
	while (ret == -BZ_ENOMEM && blocks_trim());
	return map_result(ret);
}
