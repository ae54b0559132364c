/*
 * From exec to the library OS: leave everything that the kernel put into this address space, map arena and
 * library OS, set up the first thread, put the filter in force, and only then run code of others.
 */
#include "host/linux/host.h"

#include <asm/prctl.h>
#include <linux/auxvec.h>
#include <linux/mman.h>
#include <linux/signal.h>

_Static_assert(sizeof(struct bz_tcb) == BLOCK_CTX, "layout.h");
_Static_assert(offsetof(struct block, ctx) == BLOCK_CTX, "layout.h");
_Static_assert(offsetof(struct block, iret) == BLOCK_IRET, "layout.h");
_Static_assert(offsetof(struct block, mxcsr) == BLOCK_MXCSR, "layout.h");
_Static_assert(offsetof(struct block, fpu_control) == BLOCK_FPU_CONTROL, "layout.h");
_Static_assert(offsetof(struct block, back) == BLOCK_BACK, "layout.h");
_Static_assert(offsetof(struct block, back_rip) == BLOCK_BACK_RIP, "layout.h");
_Static_assert(offsetof(struct block, target) == BLOCK_TARGET, "layout.h");
_Static_assert(offsetof(struct block, direct_back) == BLOCK_DIRECT_BACK, "layout.h");
_Static_assert(offsetof(struct bz_context, r11) == CTX_R11, "layout.h");
_Static_assert(offsetof(struct bz_context, rcx) == CTX_RCX, "layout.h");
_Static_assert(offsetof(struct bz_context, rip) == CTX_RIP, "layout.h");
_Static_assert(offsetof(struct bz_context, rflags) == CTX_RFLAGS, "layout.h");
_Static_assert(offsetof(struct bz_context, rsp) == CTX_RSP, "layout.h");
_Static_assert(offsetof(struct bz_context, gs_base) == CTX_GS, "layout.h");
_Static_assert(offsetof(struct bz_context, flags) == CTX_FLAGS, "layout.h");
_Static_assert(offsetof(struct bz_tcb, interrupted) == TCB_INTERRUPTED, "layout.h");
_Static_assert(offsetof(struct bz_tcb, resume_flag) == TCB_RESUME_FLAG, "layout.h");
_Static_assert(offsetof(struct bz_tcb, stack_top) == TCB_STACK_TOP, "layout.h");
_Static_assert(sizeof(struct block) <= BZ_PAGE_SIZE, "a block's head is one page");
_Static_assert(sizeof(struct shared) <= BZ_HOST_STATS_OFFSET, "shared state is one page");
_Static_assert(BZ_BOOT_OFFSET + BZ_BOOT_MAX <= HOST_DIRECTORIES_OFFSET, "the boot block has its room");
_Static_assert(HOST_HANDLES_OFFSET + HOST_STREAMS * 4ul <= BZ_ARENA_HOST, "the tables fit");

#define NR_GETTID 186
#define NR_SIGALTSTACK 131
#define HWCAP2_FSGSBASE_BIT 2u

struct host host;
uint32_t (*host_upcall_exception)(struct bz_context *ctx, const struct bz_exception *exc);
struct host_stats *host_stats;

static struct bz_abi abi = {
	.version = BZ_ABI_VERSION,
	.size = sizeof(struct bz_abi),
	.mem_map = memory_map,
	.mem_unmap = memory_unmap,
	.mem_protect = memory_protect,
	.mem_advise = memory_advise,
	.mem_move = memory_move,
	.thread_create = thread_create,
	.thread_exit = thread_exit,
	.thread_interrupt = thread_interrupt,
	.thread_yield = thread_yield,
	.wait = wait_on,
	.wake = wake,
	.requeue = requeue,
	.process_clone = process_clone,
	.process_create = process_create,
	.process_exit = process_exit,
	.stream_open = stream_open,
	.stream_close = stream_close,
	.stream_read = stream_read,
	.stream_write = stream_write,
	.stream_map = stream_map,
	.stream_wait = stream_wait,
	.stream_getattr = stream_getattr,
	.stream_setattr = stream_setattr,
	.stream_resize = stream_resize,
	.stream_flush = stream_flush,
	.stream_rename = stream_rename,
	.stream_link = stream_link,
	.stream_remove = stream_remove,
	.stream_readlink = stream_readlink,
	.stream_enumerate = stream_enumerate,
	.stream_connect = stream_connect,
	.stream_accept = stream_accept,
	.stream_lock = stream_lock,
	.stream_xattr = stream_xattr,
	.waitset_change = waitset_change,
	.waitset_wait = waitset_wait,
	.clock_read = clock_read,
	.random_bytes = random_bytes,
	.debug_log = debug_log,
	.control_next = control_next,
	.syscall_entry = (uint64_t)host_syscall_entry,
	.direct_entry = (uint64_t)host_direct_entry,
};

/* Runs on the kernel's stack; returns the stack to go on with. */
void *boot_stack(const uint64_t *sp)
{
	int index;

	sp += 1 + *sp + 1; /* argc, argv and its null */
	while (*sp++)
		; /* environment */
	for (; sp[0] != AT_NULL; sp += 2) {
		switch (sp[0]) {
		case AT_SYSINFO_EHDR:
			host.auxv_vdso = sp[1];
			break;
		case AT_HWCAP2:
			host.auxv_hwcap2 = sp[1];
			break;
		case AT_MINSIGSTKSZ:
			host.auxv_minsigstksz = sp[1];
			break;
		}
	}
	index = block_alloc();
	if (index < 0)
		host_die("no memory for the first thread");
	block_init(block_at(index), index, NULL);
	return (void *)block_at(index)->tcb.stack_top;
}

/* Nothing of the kernel's making stays in the guest's range: the old stack goes, the vDSO has moved. */
static void clear_address_space(void)
{
	SYS(munmap, BZ_PAGE_SIZE, BZ_RESERVED_LOW - BZ_PAGE_SIZE);
	SYS(munmap, BZ_RESERVED_HIGH, BZ_GUEST_HIGH - BZ_RESERVED_HIGH);
}

static void map_arena(void)
{
	const struct bz_boot *boot = (void *)(BZ_ARENA_BASE + BZ_BOOT_OFFSET);
	const int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE;
	const uint64_t size = host.arena_size;

	if (size < 2 * BZ_ARENA_HOST || size > BZ_ARENA_MAX || size % BZ_PAGE_SIZE)
		host_die("the arena's size is out of bounds");
	if (SYS(mmap, BZ_ARENA_BASE, size, PROT_READ | PROT_WRITE, flags, BZ_FD_ARENA, 0) < 0)
		host_die("the arena cannot be mapped");
	if (boot->magic != BZ_BOOT_MAGIC || boot->version != BZ_ABI_VERSION)
		host_die("the boot block is of another version");
	if (boot->start_offset > BZ_BOOT_MAX - sizeof(struct bz_start) || boot->filter_offset >= BZ_BOOT_MAX ||
	    boot->filter_count > (BZ_BOOT_MAX - boot->filter_offset) / 8)
		host_die("the boot block is malformed");
	host.boot = boot;
	host.start = (const void *)((const char *)boot + boot->start_offset);
	if (host.start->arena_size != size)
		host_die("the boot block tells of another arena");
}

static void check_processor(void)
{
	if (!(host.auxv_hwcap2 & HWCAP2_FSGSBASE_BIT))
		host_die("this host lacks FSGSBASE: a processor of 2012 or later and Linux 5.9 or later are needed");
	if (host.auxv_minsigstksz + 8192 > BLOCK_ALTSTACK_SIZE)
		host_die("this processor's signal frames are larger than the host layer's signal stacks");
}

static void setup_thread(void)
{
	struct block *b = block_at(0);
	struct {
		void *sp;
		int flags;
		size_t size;
	} alternate = {(char *)b - BLOCK_TCB + BLOCK_ALTSTACK, 0, BLOCK_ALTSTACK_SIZE};

	__asm__ volatile("wrgsbase %0" : : "r"(b));
	if (syscall_raw(NR_SIGALTSTACK, (long)&alternate, 0, 0, 0, 0, 0) < 0)
		host_die("the alternate signal stack was refused");
	host.pid = syscall_raw(NR_GETTID, 0, 0, 0, 0, 0, 0);
	b->tcb.tid = host.pid;
	host.block_state[0] = host.pid;
}

void boot_main(void)
{
	const struct bz_upcalls *(*entry)(const struct bz_abi *);

	host.is_template = true;
	/* While the monitor makes what we shall have. */
	check_processor();
	vdso_move();
	clear_address_space();
	setup_thread();
	signal_setup();
	control_equip();
	map_arena();
	sandbox->template_tid = host.pid;
	helper_start();
	random_setup();
	filter_load();

	/* While the helper tells the monitor, on another processor, what can be done under the filter. */
	libos_map();
	entry = (void *)libos_entry_point();
	SYS(close, BZ_FD_LIBOS);
	if (SYS(epoll_pwait2, -1, 0, 0, 0, 0, 0) == -BZ_ENOSYS)
		host_die("this kernel lacks epoll_pwait2(2): Linux 5.11 or later is needed");
	clock_setup();
	abi.guest_clock_gettime = (uint64_t)host.vdso_clock_gettime;
	abi.guest_gettimeofday = host.vdso_gettimeofday;
	abi.guest_time = host.vdso_time;
	filter_await_go();

	/* From here on code of others runs. */
	host.upcalls = entry(&abi);
	if (!host.upcalls || host.upcalls->version != BZ_ABI_VERSION)
		host_die("the library OS was built for another version of the ABI");
	host_upcall_exception = host.upcalls->exception;
	host.upcalls->start(host.start);
	host_die("the library OS returned from its start");
}
