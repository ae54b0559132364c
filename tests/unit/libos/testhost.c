/* See testhost.h. */
#define _GNU_SOURCE
#include "testhost.h"
#include "abi/bartizan_abi.h"
#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern const struct bz_abi *host;
extern const struct bz_start *boot;

int testhost_fail_every;
static int advise_calls;

static int th_mem_advise(uint64_t addr, size_t len, uint32_t advice)
{
	if (testhost_fail_every && ++advise_calls % testhost_fail_every == 0)
		return -ENOMEM;
	if (advice == BZ_ADV_REMOVE)
		return madvise((void *)addr, len, MADV_REMOVE) ? -errno : 0;
	return 0;
}

static int th_wait(uint32_t *word, uint32_t expected, uint32_t mask, uint32_t flags, uint32_t clock, int64_t deadline)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL) ? -errno : 0;
}

static int th_wake(uint32_t *word, uint32_t n, uint32_t mask, uint32_t flags)
{
	return syscall(SYS_futex, word, FUTEX_WAKE, n);
}

static int64_t th_clock_read(uint32_t clock)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void th_debug_log(uint32_t level, const char *text, size_t len)
{
	fprintf(stderr, "libos[%u]: %.*s\n", level, (int)len, text);
}

static __attribute__((noreturn)) void th_process_exit(uint32_t status)
{
	abort();
}

static struct bz_abi table = {
	.version = BZ_ABI_VERSION,
	.size = sizeof(struct bz_abi),
	.mem_advise = th_mem_advise,
	.wait = th_wait,
	.wake = th_wake,
	.clock_read = th_clock_read,
	.debug_log = th_debug_log,
	.process_exit = th_process_exit,
};

static struct bz_start start;
static struct bz_tcb tcb;

void testhost_init(size_t arena_size)
{
	int fd = memfd_create("arena", 0);

	if (fd < 0 || ftruncate(fd, arena_size) ||
	    mmap((void *)BZ_ARENA_BASE, arena_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) !=
		    (void *)BZ_ARENA_BASE) {
		perror("testhost: arena");
		exit(1);
	}
	close(fd);
	start.version = BZ_ABI_VERSION;
	start.arena_size = start.memory_limit = arena_size;
	start.cpus = 2;
	host = &table;
	boot = &start;
	tcb.self = &tcb;
	tcb.tid = syscall(SYS_gettid);
	syscall(SYS_arch_prctl, ARCH_SET_GS, &tcb);
}
