/*
 * The filter of a Solo5 guest: at most 10 calls, each on the descriptor that it is for.  The guest makes them itself, so a
 * transfer's place and size are checked here and nowhere else.
 */
#include <asm/prctl.h>
#include <asm/unistd_64.h>
#include <time.h>

#include <sys/timerfd.h>

#include "guests/solo5/start.h"

static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, -1};

struct list {
	struct filter_rule *out;
	size_t count;
};

static void add(struct list *l, struct filter_rule rule)
{
	l->out[l->count++] = rule;
}

/* A frame that a network takes is at most a header and its MTU, as the ABI says; one that it gives may find more room. */
static void add_networks(struct list *l, const struct solo5_manifest *m, uint32_t nr, uint64_t memory)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct solo5_entry *e = &m->entries[i];

		if (e->type == SOLO5_NET)
			add(l, (struct filter_rule){
				   .nr = nr,
				   .words = "a network, one frame",
				   .checks = {{INT_EQ, 0, e->fd},
					      {LONG_LE, 2, nr == __NR_write ? e->net.mtu + SOLO5_ETHERNET_HEADER : memory}}});
	}
}

static void add_blocks(struct list *l, const struct solo5_manifest *m, uint32_t nr)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct solo5_entry *e = &m->entries[i];

		if (e->type == SOLO5_BLOCK)
			add(l, (struct filter_rule){.nr = nr,
						    .words = "a block device, one sector within its capacity",
						    .checks = {{INT_EQ, 0, e->fd},
							       {LONG_EQ, 2, e->block.block_size},
							       {LONG_LE, 3, e->block.capacity - e->block.block_size}}});
	}
}

size_t solo5_rules(const struct solo5_manifest *m, uint64_t memory, struct filter_rule *out)
{
	struct list l = {out, 0};

	add_networks(&l, m, __NR_read, memory);
	add(&l, (struct filter_rule){.nr = __NR_write,
				     .words = "the console",
				     .checks = {{INT_EQ, 0, SOLO5_FD_CONSOLE}, {LONG_LE, 2, memory}}});
	add_networks(&l, m, __NR_write, memory);
	add(&l, (struct filter_rule){.nr = __NR_munmap,
				     .words = "the loader, exactly",
				     .checks = {{LONG_EQ, 0, SOLO5_STUB_BASE}, {LONG_EQ, 1, SOLO5_STUB_SIZE}}});
	add_blocks(&l, m, __NR_pread64);
	add_blocks(&l, m, __NR_pwrite64);
	add(&l, (struct filter_rule){.nr = __NR_arch_prctl, .words = "set FS", .checks = {{INT_EQ, 0, ARCH_SET_FS}}});
	add(&l, (struct filter_rule){.nr = __NR_clock_gettime,
				     .words = "monotonic or wall clock",
				     .checks = {{INT_ONE_OF, 0, .list = clocks}}});
	add(&l, (struct filter_rule){.nr = __NR_exit_group});
	add(&l, (struct filter_rule){.nr = __NR_epoll_pwait,
				     .words = "its own set, no signal mask",
				     .checks = {{INT_EQ, 0, SOLO5_FD_EPOLL},
						{INT_LE, 2, SOLO5_ENTRIES_MAX + 1},
						{LONG_EQ, 4, 0}}});
	add(&l, (struct filter_rule){.nr = __NR_timerfd_settime,
				     .words = "its own timer",
				     .checks = {{INT_EQ, 0, SOLO5_FD_TIMER}, {INT_SUBSET, 1, TFD_TIMER_ABSTIME}}});
	return l.count;
}
