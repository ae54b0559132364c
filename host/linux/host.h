/*
 * The Linux host layer: what its files share.  It implements abi/bartizan_abi.h in an ordinary process behind a
 * seccomp filter, without libc; it is the only code in a picoprocess that makes host system calls.
 *
 * Memory:  HOST_TEXT_BASE    text, then constants and private data (host.lds); the data is copied on write by a
 *                            clone, so `struct host` is each picoprocess's own
 *          HOST_VDSO_BASE    the kernel's vDSO and its data pages, moved here
 *          HOST_BLOCKS_BASE  thread blocks, one every BLOCK_SIZE bytes
 *          BZ_ARENA_BASE     struct shared: the host's state that all picoprocesses of the sandbox share
 *
 * No lock lives in private memory (a clone would copy it locked); those in `struct shared` know their owner.
 */
#ifndef HOST_LINUX_HOST_H
#define HOST_LINUX_HOST_H

#include "host/linux/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/bartizan_abi.h"
#include "abi/bartizan_wire.h"
#include "host/linux/calls.h"
#include "host/linux/message.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __noreturn __attribute__((noreturn))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define PAGE_UP(x) (((x) + BZ_PAGE_SIZE - 1) & ~(BZ_PAGE_SIZE - 1))
#define PAGE_DOWN(x) ((x) & ~(BZ_PAGE_SIZE - 1))

/* One image, no interposition: addresses are relative to the instruction, not in a table. */
#pragma GCC visibility push(hidden)

/* ------------------------------------------------------------------------------------------------------
 * Host system calls
 */

struct host_stats;
extern struct host_stats *host_stats; /* null: not counting */

static inline long syscall_raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline void syscall_count(enum host_call call)
{
	if (unlikely(host_stats))
		__atomic_add_fetch(&host_stats->calls[call], 1, __ATOMIC_RELAXED);
}

#define SYSCALL_PICK(_1, _2, _3, _4, _5, _6, name, ...) name
/* A listed host call by name; missing arguments are 0. */
#define SYS(name, ...) SYS6(name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS6(name, a, b, c, d, e, f, ...)                                                                    \
	(syscall_count(HOST_CALL_##name),                                                                    \
	 syscall_raw(HOST_NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
/* The same, by way of the one routine that a thread_interrupt can stop (entry.S). */
#define SYS_BLOCKING(name, ...) SYS_BLOCKING6(name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_BLOCKING6(name, a, b, c, d, e, f, ...)                                                           \
	(syscall_count(HOST_CALL_##name),                                                                    \
	 host_block(HOST_NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))

/* ------------------------------------------------------------------------------------------------------
 * Thread blocks
 */

/* Lies at BLOCK_TCB of a thread's block; entry.S knows the offsets (layout.h, checked in boot.c). */
struct block {
	struct bz_tcb tcb;
	struct bz_context ctx;		/* the guest's, from upcall to resume */
	struct bz_exception exc;
	uint64_t iret[5];		/* rip, cs, rflags, rsp, ss for the full resume */
	uint32_t mxcsr;			/* inherited by a new thread, as clone(2) does */
	uint16_t fpu_control;
	uint64_t back;			/* the guest called syscall_entry: it goes on here ... */
	uint64_t back_rip;		/* ... if its rip is still this; 0: it did not */
	uint64_t target;		/* where the quick resume jumps to */
	uint64_t direct_back;		/* the guest called direct_entry: it goes on here */
	struct bz_context fault_ctx;	/* of a fault inside the library OS */
	uint64_t signal_gs;		/* the base of GS when a signal came */
	struct bz_exception fault_exc;
	void *start_arg;
	uint32_t index;			/* of this block, in host.block_state */
	uint8_t random_key[32];		/* of this thread's generator, see random.c */
	uint8_t random_next[32];	/* the key for a thread or picoprocess being made */
	uint8_t random_pool[448];	/* bytes not given out yet: the last random_left ones */
	uint32_t random_left;
};

static inline struct block *block_self(void)
{
	struct block *b;

	__asm__("movq %%gs:0, %0" : "=r"(b));
	return b;
}

static inline struct block *block_at(uint32_t index)
{
	return (struct block *)(HOST_BLOCKS_BASE + index * BLOCK_SIZE + BLOCK_TCB);
}

/* ------------------------------------------------------------------------------------------------------
 * State
 */

/* This picoprocess's own. */
struct host {
	const struct bz_upcalls *upcalls;
	const struct bz_boot *boot;
	const struct bz_start *start;
	uint64_t libos_text, libos_text_end;
	uint64_t vdso, vdso_end;
	long (*vdso_clock_gettime)(int clock, struct host_timespec *ts);
	uint64_t vdso_gettimeofday, vdso_time;
	int32_t pid;
	bool is_template;
	bool equipped;		/* control_equip was called */
	bool vdso_trapped;	/* the vDSO made a host call while it was tried out */
	uint64_t arena_size;
	uint32_t absent;	/* numbers below 32 of streams that this sandbox lacks */
	uint32_t exiting;	/* process_exit was called: make no more requests */
	uint64_t auxv_vdso, auxv_hwcap2, auxv_minsigstksz;
	uint32_t template_watching; /* template: it is in control_next */
	uint32_t template_woken; /* a picoprocess ended or the word was woken since control_next returned */
	int32_t control_epoll;	/* template: wait set of BZ_FD_EVENTS and `changes`, or 0 */
	int32_t changes;	/* template: the member of control_epoll, or 0 */

	uint32_t block_hint;
	uint32_t block_count;	/* blocks below this have been mapped at some time */
	uint32_t block_state[BLOCKS_MAX]; /* 0 free; BLOCK_TAKEN; else the tid, cleared by the kernel */
	uint8_t block_mapped[BLOCKS_MAX];
};
extern struct host host;

struct poll_slot {
	uint32_t owner;		/* tid that waits with it now, or 0 */
	uint32_t set;		/* descriptor of an epoll set, or 0 */
};
#define POLL_SLOTS 64

/* Shared by all picoprocesses; the first page of the arena.  Guests can write it: nothing here is trusted. */
struct shared {
	uint32_t control_lock;	/* owner's tid, or 0 */
	uint32_t control_waiters;
	uint32_t control_busy;	/* a request is out whose reply was not read */
	int32_t template_tid;
	uint32_t broken;	/* a picoprocess gave up (host_die): the template ends the sandbox */
	uint64_t control_word;	/* the word that the template watches in control_next */
	int32_t changes;	/* stream of changes to volumes, or 0: the template wakes by it */
	struct poll_slot poll[POLL_SLOTS];
};
#define sandbox ((struct shared *)BZ_ARENA_BASE)

/* Handles of kept streams by descriptor, handles of directory streams by number, thread group by thread. */
#define stream_handles ((uint32_t *)(BZ_ARENA_BASE + HOST_HANDLES_OFFSET))
#define directory_handles ((uint32_t *)(BZ_ARENA_BASE + HOST_DIRECTORIES_OFFSET))
#define tid_table ((uint64_t *)(BZ_ARENA_BASE + HOST_TIDS_OFFSET))

/* ------------------------------------------------------------------------------------------------------
 * Functions, by file
 */

/* entry.S */
long host_block(long nr, long a, long b, long c, long d, long e, long f);
long host_clone_thread(unsigned long flags, void *stack, uint32_t *child_tid, struct block *block);
void host_exit_thread(uint32_t *clear) __noreturn;
void host_sigreturn(const void *ucontext) __noreturn;
void host_enter_start(void);
void host_enter_exception(void);
void host_enter_remote(void);
void host_syscall_entry(void);
void host_direct_entry(void);
void host_signal_entry(void);
void host_restorer(void);
extern const char host_block_begin[], host_block_end[], host_block_interrupted[];
extern const char host_resume_begin[], host_resume_end[], host_return_begin[], host_return_end[];
extern uint32_t (*host_upcall_exception)(struct bz_context *ctx, const struct bz_exception *exc);
extern const char host_syscall_entry_unsaved[], host_direct_made[], host_direct_end[];
extern const char host_exit_fixup[], host_exit_fixup_end[], host_exit_fixed[];
extern const char __host_end[];

/* boot.c */
void *boot_stack(const uint64_t *sp);
void boot_main(void) __noreturn;

/* vdso.c */
void vdso_move(void);

/* image.c */
void libos_map(void);
uint64_t libos_entry_point(void);

/* sandbox.c */
void helper_start(void);
void filter_load(void);
void filter_await_go(void);

/* signal.c */
void upcall_exception(struct bz_context *ctx, const struct bz_exception *exc);
void upcall_remote(struct bz_context *ctx);
void upcall_thread_start(void *arg, struct bz_context *ctx);
void signal_setup(void);
void host_signal(int sig, const void *info, void *ucontext, struct block *b, uint64_t gs);

/* memory.c */
int memory_map(uint64_t addr, size_t len, uint32_t prot, uint32_t flags);
int memory_unmap(uint64_t addr, size_t len);
int memory_protect(uint64_t addr, size_t len, uint32_t prot);
int memory_advise(uint64_t addr, size_t len, uint32_t advice);
int memory_move(uint64_t addr, size_t len, uint64_t to, size_t new_len, uint32_t keep);
int stream_map(bz_stream s, uint64_t addr, size_t len, uint32_t prot, uint32_t flags, uint64_t off);

/* thread.c */
int block_alloc(void);
void block_init(struct block *b, uint32_t index, void *arg);
bool blocks_trim(void);
void block_forget_others(void);
void fpu_save_control(struct block *b);
int thread_create(void *arg);
void thread_exit(uint32_t *clear) __noreturn;
int thread_interrupt(int32_t tid, uint32_t probe);
void thread_yield(void);
void threads_forget(void);
bool thread_exists(int32_t tid);
void thread_begin(struct block *b) __noreturn;
void thread_enter(struct block *b) __noreturn;

/* wait.c */
int wait_on(uint32_t *word, uint32_t expected, uint32_t mask, uint32_t flags, uint32_t clock, int64_t deadline);
int wake(uint32_t *word, uint32_t n, uint32_t mask, uint32_t flags);
int requeue(uint32_t *word, uint32_t expected, uint32_t n, uint32_t *to, uint32_t m, uint32_t flags);
void futex_sleep(uint32_t *word, uint32_t expected, uint64_t nanoseconds);
void futex_wake_shared(uint32_t *word);

/* process.c */
int process_clone(void);
int process_create(void *arg);
void process_exit(uint32_t status) __noreturn;

/* stream.c */
bz_stream stream_open(const struct bz_name *name, uint32_t flags, uint32_t mode, const char *target,
		      struct bz_attr *attr);
int stream_close(bz_stream s, uint32_t how);
int64_t stream_read(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags);
int64_t stream_write(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags);
bz_stream stream_add(int32_t fd, uint32_t handle);

/* network.c */
bz_stream stream_connect(uint32_t scheme, const struct bz_address *to, struct bz_address *from);
bz_stream stream_listen(uint32_t port, uint32_t backlog);
bz_stream stream_accept(bz_stream s, struct bz_address *peer);
int stream_option(bz_stream s, uint32_t op, const char *key, void *buf, size_t len);
int stream_shutdown(bz_stream s, uint32_t how);

/* stream.c */
uint32_t stream_handle(bz_stream s);
bool stream_is_descriptor(bz_stream s);

/* name.c: requests about names and kept streams */
int stream_getattr(bz_stream s, const struct bz_name *name, uint32_t what, struct bz_attr *attr);
int stream_setattr(bz_stream s, const struct bz_name *name, const struct bz_attr *attr);
int stream_resize(bz_stream s, uint32_t op, uint64_t off, uint64_t len);
int stream_flush(bz_stream s, uint32_t data_only);
int stream_rename(const struct bz_name *from, const struct bz_name *to, uint32_t flags);
int stream_link(bz_stream s, const struct bz_name *from, const struct bz_name *to);
int stream_remove(const struct bz_name *name, uint32_t directory);
int stream_readlink(const struct bz_name *name, char *buf, size_t len);
int64_t stream_enumerate(const struct bz_name *name, uint64_t cookie, void *buf, size_t len);
int stream_lock(bz_stream s, struct bz_lock *lock);
int stream_xattr(bz_stream s, const struct bz_name *name, uint32_t op, const char *key, void *buf, size_t len);

/* poll.c */
int stream_wait(bz_stream s, uint32_t events, int64_t deadline);
bz_stream waitset_create(void);
int waitset_change(bz_stream set, uint32_t op, bz_stream s, uint32_t events, uint64_t data);
int waitset_wait(bz_stream set, struct bz_ready *ready, uint32_t n, int64_t deadline);
int control_next(struct bz_control *ctl, uint32_t *word, uint32_t expected, int64_t deadline);

/* control.c */
struct control_call {
	struct bz_request request;	/* a_len, b_len, c_len are filled from what follows */
	const void *a, *b, *c;
	size_t a_len, b_len, c_len;
	struct bz_reply reply;
	void *payload;			/* room for the reply's payload */
	size_t payload_max;
	int32_t fd;			/* descriptor that came, or -1 */
};
/* Make a request.  Returns the reply's result, or a negative error number. */
int control_call(struct control_call *call);
/* Make a request that has no reply. */
void control_send(const struct bz_request *request);
void control_quiesce(void);
/* The monitor has its end of the channel open. */
bool control_alive(void);
/* Take the descriptors that the monitor made for this sandbox, once. */
void control_equip(void);

/* clock.c */
void clock_setup(void);
int64_t clock_read(uint32_t clock);

/* random.c */
void random_setup(void);
void random_derive(uint8_t key[32]);
void random_begin(struct block *b, const uint8_t key[32]);
void random_bytes(void *buf, size_t len);

/* log.c */
void debug_log(uint32_t level, const char *text, size_t len);
void log_stats(void);
/* Give up, and with it the sandbox: `text` is the reason, for the operator. */
void host_die(const char *text) __noreturn;

/* string.c */
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memmove(void *dst, const void *src, size_t n);
size_t strlen(const char *s);

#pragma GCC visibility pop

#endif
