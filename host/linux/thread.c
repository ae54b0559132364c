/*
 * Threads and their blocks.  host.block_state says which blocks are free: a thread takes one by compare and swap,
 * clone writes the new thread's number there (CHILD_SETTID), and the kernel clears it (CHILD_CLEARTID) when the
 * thread has really ended; so a block is never reused, or unmapped, under a thread that still runs on it.
 */
#include "host/linux/host.h"

#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <linux/mman.h>

#define TRIM_FROM 64 /* blocks from this number on give their pages back when their thread ends */
#define TID_PROBES 64
#define TID_DELETED 1ull

static bool block_map(uint32_t index)
{
	char *base = (char *)block_at(index) - BLOCK_TCB;
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;

	if (host.block_mapped[index])
		return true;
	if (SYS(mmap, base + BLOCK_ALTSTACK, BLOCK_TCB + BZ_PAGE_SIZE - BLOCK_ALTSTACK, prot, flags, -1, 0) < 0)
		return false;
	if (SYS(mmap, base + BLOCK_STACK, BLOCK_STACK_SIZE, prot, flags, -1, 0) < 0)
		return false;
	host.block_mapped[index] = 1;
	return true;
}

static bool block_take(uint32_t index)
{
	uint32_t none = 0;

	return READ_ONCE(host.block_state[index]) == 0 &&
	       __atomic_compare_exchange_n(&host.block_state[index], &none, BLOCK_TAKEN, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Returns the number of a block that is mapped and ours, or -1. */
int block_alloc(void)
{
	uint32_t count = READ_ONCE(host.block_count), hint = READ_ONCE(host.block_hint), i;

	for (uint32_t n = 0; n < count; n++) {
		i = hint + n < count ? hint + n : hint + n - count;
		if (i < count && block_take(i))
			goto found;
	}
	do {
		i = __atomic_fetch_add(&host.block_count, 1, __ATOMIC_RELAXED);
		if (i >= BLOCKS_MAX) {
			host.block_count = BLOCKS_MAX;
			return -1;
		}
	} while (!block_take(i));
found:
	WRITE_ONCE(host.block_hint, i + 1);
	if (block_map(i))
		return i;
	__atomic_store_n(&host.block_state[i], 0, __ATOMIC_RELEASE);
	return -1;
}

/*
 * Give up the blocks of threads that are gone: they count as data, which a limit may have made scarce (RLIMIT_DATA counts
 * what is mapped, used or not).  Returns whether there were any.
 */
bool blocks_trim(void)
{
	uint32_t count = READ_ONCE(host.block_count);
	bool any = false;

	for (uint32_t i = 0; i < count && i < BLOCKS_MAX; i++) {
		char *base = (char *)block_at(i) - BLOCK_TCB;

		if (!READ_ONCE(host.block_mapped[i]) || !block_take(i))
			continue;
		if (host.block_mapped[i] && SYS(munmap, base + BLOCK_ALTSTACK, BLOCK_SIZE - BLOCK_ALTSTACK) == 0) {
			host.block_mapped[i] = 0;
			any = true;
		}
		__atomic_store_n(&host.block_state[i], 0, __ATOMIC_RELEASE);
	}
	return any;
}

void block_init(struct block *b, uint32_t index, void *arg)
{
	memset(b, 0, sizeof(*b));
	b->tcb.self = &b->tcb;
	b->tcb.ctx = &b->ctx;
	b->tcb.stack_top = (uint64_t)b - BLOCK_TCB + BLOCK_SIZE - 64;
	b->tcb.stack_size = BLOCK_STACK_SIZE - 64;
	b->index = index;
	b->start_arg = arg;
}

/* In a new picoprocess: the other threads of the one it was cloned from are not here. */
void block_forget_others(void)
{
	uint32_t self = block_self()->index;

	for (uint32_t i = 0; i < host.block_count && i < BLOCKS_MAX; i++)
		if (i != self && host.block_state[i])
			host.block_state[i] = 0;
}

/* ------------------------------------------------------------------------------------------------------
 * Thread groups: tgkill wants one, a thread's number alone is what the library OS knows.  The table is in the arena;
 * it holds threads only, for a process's first thread has the process's number.
 */
static uint64_t *tid_find(uint32_t tid, bool insert)
{
	uint32_t slot = tid * 2654435761u;
	uint64_t *free = NULL;

	for (uint32_t n = 0; n < TID_PROBES; n++) {
		uint64_t *entry = &tid_table[(slot + n) % HOST_TIDS];
		uint64_t value = READ_ONCE(*entry);

		if (value >> 32 == tid)
			return entry;
		if (value <= TID_DELETED && !free)
			free = entry;
		if (value == 0)
			break;
	}
	return insert ? free : NULL;
}

static void tid_insert(uint32_t tid)
{
	uint64_t value = (uint64_t)tid << 32 | (uint32_t)host.pid, old;
	uint64_t *entry;

	while ((entry = tid_find(tid, true))) {
		old = READ_ONCE(*entry);
		if (old > TID_DELETED && old >> 32 != tid)
			continue;
		if (__atomic_compare_exchange_n(entry, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return;
	}
}

static void tid_remove(uint32_t tid)
{
	uint64_t *entry = tid_find(tid, false);

	if (entry)
		__atomic_store_n(entry, TID_DELETED, __ATOMIC_SEQ_CST);
}

/* All of this process end with it, at whatever they are: none must stay in the table, which other processes fill on. */
void threads_forget(void)
{
	for (uint32_t i = 0; i < host.block_count && i < BLOCKS_MAX; i++) {
		uint32_t tid = READ_ONCE(host.block_state[i]);

		if (tid && tid != BLOCK_TAKEN && tid != (uint32_t)host.pid)
			tid_remove(tid);
	}
}

int thread_interrupt(int32_t tid, uint32_t probe)
{
	int sig = probe ? 0 : HOST_SIGNAL_INTERRUPT;
	uint64_t *entry;

	if (tid <= 0)
		return -BZ_ESRCH;
	entry = tid_find(tid, false);
	if (entry && SYS(tgkill, (uint32_t)*entry, tid, sig) == 0)
		return 0;
	if (SYS(tgkill, tid, tid, sig) == 0)
		return 0;
	return SYS(tgkill, host.pid, tid, sig);
}

bool thread_exists(int32_t tid)
{
	return thread_interrupt(tid, 1) != -BZ_ESRCH;
}

/* ------------------------------------------------------------------------------------------------------
 * Birth and death
 */
void fpu_save_control(struct block *b)
{
	__asm__ volatile("fnstcw %0\n\tstmxcsr %1" : "=m"(b->fpu_control), "=m"(b->mxcsr));
}

int thread_create(void *arg)
{
	uint8_t key[32];
	struct block *b;
	int index = block_alloc();
	long tid;

	if (index < 0)
		return -BZ_EAGAIN;
	b = block_at(index);
	block_init(b, index, arg);
	random_derive(key);
	random_begin(b, key);
	memset(key, 0, sizeof(key));
	fpu_save_control(b);
	syscall_count(HOST_CALL_clone);
	tid = host_clone_thread(HOST_CLONE_THREAD, (void *)b->tcb.stack_top, &host.block_state[index], b);
	if (tid > 0)
		return tid;
	__atomic_store_n(&host.block_state[index], 0, __ATOMIC_RELEASE);
	return tid == -BZ_ENOMEM ? -BZ_EAGAIN : tid;
}

/* Where a new thread begins, on its library OS stack. */
void thread_begin(struct block *b)
{
	b->tcb.tid = host.block_state[b->index];
	tid_insert(b->tcb.tid);
	thread_enter(b);
}

/*
 * Enter the library OS by rt_sigreturn from a made-up frame: that sets the alternate stack, which a new thread does
 * not have, without a call of its own.
 */
void thread_enter(struct block *b)
{
	struct ucontext uc;

	memset(&uc, 0, sizeof(uc));
	uc.uc_stack.ss_sp = (char *)b - BLOCK_TCB + BLOCK_ALTSTACK;
	uc.uc_stack.ss_size = BLOCK_ALTSTACK_SIZE;
	uc.uc_mcontext.rip = (uint64_t)host_enter_start;
	uc.uc_mcontext.rsp = b->tcb.stack_top;
	uc.uc_mcontext.eflags = 0x202;
	uc.uc_mcontext.cs = USER_CS;
	uc.uc_mcontext.ss = USER_SS;
	uc.uc_mcontext.rdi = (uint64_t)b->start_arg;
	uc.uc_mcontext.rsi = (uint64_t)&b->ctx;
	b->ctx = (struct bz_context){.flags = BZ_CTX_FULL};
	syscall_count(HOST_CALL_rt_sigreturn);
	host_sigreturn(&uc);
}

void thread_exit(uint32_t *clear)
{
	struct block *b = block_self();
	char *base = (char *)b - BLOCK_TCB;

	tid_remove(b->tcb.tid);
	memset(b->random_key, 0, sizeof(b->random_key));
	if (b->index >= TRIM_FROM) {
		SYS(madvise, base + BLOCK_ALTSTACK, BLOCK_ALTSTACK_SIZE, MADV_DONTNEED);
		SYS(madvise, base + BLOCK_STACK, BLOCK_STACK_SIZE - 2 * BZ_PAGE_SIZE, MADV_DONTNEED);
	}
	if (clear) {
		syscall_count(HOST_CALL_futex);
		syscall_count(HOST_CALL_futex);
	}
	syscall_count(HOST_CALL_exit);
	host_exit_thread(clear);
}

void thread_yield(void)
{
	SYS(sched_yield, 0);
}
