/*
 * /proc/arena_owners of debug builds: each page of the arena accounted to an owner.  A line for each place of the library OS that asked
 * for memory which is in use: its address (addr2line -fe libos/bartizan-libos.elf), how many pieces, how many bytes; then what no
 * place owns: free blocks, and what slabs have left.  The walk holds the lock of the pages, and meets objects as they change.
 */
#include "libos/kernel/debug.h"
#include "libos/kernel/syscall.h"
#include "libos/kernel/pages.h"
#include "libos/procfs/procfs.h"

#ifdef LIBOS_DEBUG

#define OWNERS_MAX 1024u

static struct owner {
	u32 place;	/* above BZ_LIBOS_BASE */
	u32 count;
	u64 bytes;
} owners[OWNERS_MAX];
static u64 free_bytes, slab_bytes, object_bytes, large_bytes;
static struct mutex walk_lock = MUTEX_INIT(RANK_INODE);

static void account(u32 place, u64 bytes)
{
	for (u32 i = 0; i < OWNERS_MAX; i++) {
		struct owner *o = &owners[(place / 4 + i) % OWNERS_MAX];

		if (o->count && o->place != place)
			continue;
		o->place = place;
		o->count++;
		o->bytes += bytes;
		return;
	}
}

static void visit_object(u32 place, u32 size)
{
	object_bytes += size;
	account(place, size);
}

static void visit(const struct page *p, void *memory)
{
	u64 bytes = PAGE_SIZE << p->order;

	switch (p->state) {
	case PAGE_FREE:
		free_bytes += bytes;
		break;
	case PAGE_SLAB:
		slab_bytes += bytes;
		slab_walk(memory, visit_object);
		break;
	default:
		large_bytes += bytes;
		account(p->next, bytes);
	}
}

static int owners_show(struct seq *s, const struct pnode *n)
{
	mutex_lock(&walk_lock);
	memset(owners, 0, sizeof(owners));
	free_bytes = slab_bytes = object_bytes = large_bytes = 0;
	pages_walk(visit);
	for (u32 i = 0; i < OWNERS_MAX; i++)
		if (owners[i].count)
			seq_printf(s, "%#lx %u %lu\n", (unsigned long)BZ_LIBOS_BASE + owners[i].place, owners[i].count,
				   (unsigned long)owners[i].bytes);
	seq_printf(s, "blocks 0 %lu\nobjects 0 %lu\nslabs 0 %lu\nfree 0 %lu\n", (unsigned long)large_bytes,
		   (unsigned long)object_bytes, (unsigned long)slab_bytes, (unsigned long)free_bytes);
	mutex_unlock(&walk_lock);
	return 0;
}

static void owners_init(void)
{
	static const struct pseudo_entry entry = {.name = "arena_owners", .mode = S_IFREG | 0444, .show = owners_show};

	proc_register(&entry);
}
INITCALL(INIT_LATE, owners_init);

#endif
