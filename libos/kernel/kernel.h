/*
 * The core that every component stands on: the host's downcalls, memory of the library OS, strings, printing
 * and panic, guest memory access.  See lock.h, wait.h and syscall.h for the rest.
 */
#ifndef LIBOS_KERNEL_H
#define LIBOS_KERNEL_H

#include "libos/kernel/types.h"
#include "abi/bartizan_abi.h"

/* The host: set once at entry, the same address in every picoprocess. */
extern const struct bz_abi *host;

static inline bz_stream waitset_open(void)
{
	return host->stream_open(&(struct bz_name){.scheme = BZ_WAITSET}, 0, 0, NULL, NULL);
}

extern const struct bz_start *boot;

/* --- strings (string.c; the compiler may call the mem* ones itself) --- */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
/* Copies with a NUL always; returns the length of src. */
size_t strlcpy(char *dst, const char *src, size_t size);
char *kstrdup(const char *s);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);	/* %d %u %x %o %s %c %p %l %z, width, 0, - and .prec */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
u64 parse_u64(const char *s, const char **end, int base);

/* --- words for the operator (print.c) --- */
void printk(u32 level, const char *fmt, ...) __printf(2, 3);	/* enum bz_log */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;	/* ends the sandbox with a readable line */
#define ASSERT(cond)                                                                                         \
	do {                                                                                                 \
		if (unlikely(!(cond)))                                                                       \
			panic("assertion failed: %s at %s:%d", #cond, __FILE__, __LINE__);                   \
	} while (0)

/* --- memory of the library OS, in the arena (alloc.c, pages.c) --- */
void *kmalloc(size_t n);	/* 16-byte aligned, uninitialised; NULL when the arena is full */
void *kzalloc(size_t n);
void *krealloc(void *p, size_t old, size_t n);
void kfree(void *p);		/* NULL is fine */
/* Power-of-two runs of pages of the arena.  Content of fresh pages is zero only with pages_alloc_zero.
 * Large runs are sparse: a page costs memory when it is first touched. */
void *pages_alloc(unsigned int order);
void *pages_alloc_zero(unsigned int order);
/* At `at` if that is free, or else anywhere; without `at`, where 2^room pages are free. */
void *pages_alloc_zero_near(unsigned int order, const void *at, unsigned int room);
/* Of an allocated block: the host had no pages for it when it was handed out, so that each costs a fault when touched. */
bool pages_came_untouched(const void *block);
void pages_free(void *p, unsigned int order);
/* Give the memory of whole pages back to the host; they read as zero afterwards. */
void pages_punch(void *p, size_t len);
static inline u64 arena_offset(const void *p)
{
	return (u64)p - BZ_ARENA_BASE;
}
struct memory_use {
	u64 total_pages, used_pages, peak_pages;
};
void memory_use(struct memory_use *m);

/* --- guest memory (usercopy.S, usercopy.c): never dereference a guest pointer in any other way --- */
/* True if [addr, addr+len) lies in the guest's part of the address space. */
bool access_ok(const void *addr, size_t len);
/* 0 or -EFAULT.  A partial copy may have happened. */
int copy_from_user(void *dst, const void *uaddr, size_t n);
int copy_to_user(void *uaddr, const void *src, size_t n);
int clear_user(void *uaddr, size_t n);
/* Bytes NOT copied: for reads and writes that may end early at a bad page. */
size_t copy_from_user_partial(void *dst, const void *uaddr, size_t n);
size_t copy_to_user_partial(void *uaddr, const void *src, size_t n);
/* The same as copy_from_user_partial and copy_fault_safe, past the caches: much that another processor reads next.  dst begins with a line. */
size_t copy_from_user_aside(void *dst, const void *uaddr, size_t n);
size_t copy_aside(void *dst, const void *src, size_t n);
#define CACHE_LINE 64
/* Length without NUL, -EFAULT, or -ENAMETOOLONG if it does not fit in n bytes with its NUL. */
long strncpy_from_user(char *dst, const char *uaddr, size_t n);
/* Atomic on 32-bit guest words; *old gets what was there.  0 or -EFAULT. */
int user_cmpxchg32(u32 *uaddr, u32 expected, u32 desired, u32 *old);
int user_xchg32(u32 *uaddr, u32 val, u32 *old);
int user_add32(u32 *uaddr, u32 val, u32 *old);
int user_or32(u32 *uaddr, u32 val, u32 *old);
int user_and32(u32 *uaddr, u32 val, u32 *old);
int user_xor32(u32 *uaddr, u32 val, u32 *old);
/* For memory that may vanish under us though it is ours (a mapped image that is truncated): bytes NOT copied. */
size_t copy_fault_safe(void *dst, const void *src, size_t n);
#define get_user(x, uptr) copy_from_user(&(x), (uptr), sizeof(x))
#define put_user(x, uptr)                                                                                    \
	({                                                                                                   \
		__typeof__(*(uptr)) _v = (x);                                                                \
		copy_to_user((uptr), &_v, sizeof(_v));                                                       \
	})

/* --- time (time/clock.c) --- */
i64 clock_ns(u32 clock);	/* enum bz_clock */
static inline i64 now_mono(void)
{
	return clock_ns(BZ_CLOCK_MONOTONIC);
}
static inline i64 now_real(void)
{
	return clock_ns(BZ_CLOCK_REALTIME);
}

#endif
