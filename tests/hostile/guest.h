/*
 * A library OS of a few lines for tests of the ABI and of the boundary.  A test file defines test_main (run by the
 * template), and may define on_thread, on_exception and on_remote.  Functions marked GUEST are copied to GUEST_TEXT
 * in the guest's range, and run there as guest code: they may use what they get by pointer and each other, and no
 * constants.
 */
#ifndef HOSTILE_GUEST_H
#define HOSTILE_GUEST_H

#include <stdbool.h>

#include "abi/bartizan_abi.h"
#include "tests/hostile/probe.h"

#define GUEST __attribute__((section(".guest"), noinline, used))
#define GUEST_TEXT 0x400000ul
#define GUEST_STACK 0x7f0000000000ul
#define GUEST_STACK_SIZE 0x10000ul

extern const char __guest_begin[], __guest_end[];
extern const struct bz_abi *host;
extern const struct bz_start *boot;

/* What a test defines. */
void test_main(void);
void on_thread(void *arg, struct bz_context *ctx);
void on_exception(struct bz_context *ctx, const struct bz_exception *exc);
void on_remote(struct bz_context *ctx);

/* A call made for the guest's on_exception default: rax = CALL_EXIT ends the sandbox's first process, and so on. */
#define CALL_EXIT_THREAD 5000
#define CALL_END 5001	    /* rdi: passed to the template: the test is over */
#define CALL_SAY 5002	    /* rdi: text; for failures of guest code */

/* The guest's address of a GUEST function. */
static inline uint64_t guest_address(const void *fn)
{
	return GUEST_TEXT + ((const char *)fn - __guest_begin);
}

/* Map guest code and stacks; in a new picoprocess once. */
void guest_setup(void);
/* Fill a context that calls fn(arg) in the guest on stack number `stack`. */
void guest_enter(struct bz_context *ctx, const void *fn, uint64_t arg, int stack);

/* A picoprocess whose first thread runs on_thread(arg); wait until `done` is not zero. */
extern uint32_t done;
void finish(uint32_t value);
void await_done(void);
void end(void) __attribute__((noreturn));

/* printf of %d %u %x %s, to the log; a line with FAIL makes the test fail. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define EXPECT(cond)                                                                                         \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			say("FAIL %s:%d: %s", __FILE__, __LINE__, #cond);                                    \
	} while (0)

static inline struct bz_tcb *tcb(void)
{
	struct bz_tcb *t;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(t));
	return t;
}

static inline __attribute__((always_inline)) long raw(long nr, long a, long b, long c, long d, long e, long f)
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

/*
 * A raw host call by an instruction of the host layer's text, from where the filter lets calls be made: `gadget` is its
 * address, followed by a `ret`.
 */
struct call {
	long nr, args[6];
	long result;
	uint64_t back; /* a clone's stack */
};

/*
 * What two threads or processes that came of a clone both get back: the new one ends at once.  It may share the stack that it
 * comes back on, and the other goes on writing there: so its return address stands in `c`.
 */
static inline __attribute__((always_inline)) long call_at(uint64_t gadget, struct call *c)
{
	long ret;

	__asm__ volatile("mov 24(%[c]), %%rdx\n\t"
			 "mov 32(%[c]), %%r10\n\t"
			 "mov 40(%[c]), %%r8\n\t"
			 "mov 48(%[c]), %%r9\n\t"
			 "mov 8(%[c]), %%rdi\n\t"
			 "mov 16(%[c]), %%rsi\n\t"
			 "mov (%[c]), %%rax\n\t"
			 "cmp $56, %%rax\n\t" /* clone */
			 "jne 1f\n\t"
			 "lea 64(%[c]), %%rsi\n\t"
			 "lea 2f(%%rip), %%rcx\n\t"
			 "mov %%rcx, (%%rsi)\n\t"
			 "1: call *%[gadget]\n\t"
			 "jmp 3f\n\t"
			 "2: mov $60, %%eax\n\t"
			 "xor %%edi, %%edi\n\t"
			 "jmp *%[gadget]\n\t"
			 "3:"
			 : "=&a"(ret)
			 : [c] "b"(c), [gadget] "r"(gadget)
			 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	return ret;
}

GUEST static long guest_call(uint64_t gadget, struct call *c)
{
	return call_at(gadget, c);
}

/* An address of `syscall; ret` in the host layer's text. */
uint64_t find_gadget(void);

/* The same from the library OS. */
static inline long host_call(uint64_t gadget, long nr, long a, long b, long c, long d, long e, long f)
{
	struct call call = {nr, {a, b, c, d, e, f}, 0, 0};

	return call_at(gadget, &call);
}

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
