/*
 * Types, lists and small helpers that every component of the library OS uses.  Freestanding: the compiler's
 * own headers and Linux's UAPI headers (the guest's ABI) are all that may be included here.
 */
#ifndef LIBOS_TYPES_H
#define LIBOS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <asm/errno.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef i64 ssize_t;

/* Inside the library OS alone, as in Linux: the signal code turns them into EINTR or a restart. */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

#define PAGE_SIZE 4096ul
#define PAGE_SHIFT 12
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x) (((u64)(x) + PAGE_SIZE - 1) & PAGE_MASK)
#define ROUND_UP(x, a) (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define min(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define __packed __attribute__((packed))
#define fallthrough __attribute__((fallthrough))
#define __noreturn __attribute__((noreturn))
#define __printf(a, b) __attribute__((format(printf, a, b)))

#define NSEC_PER_SEC 1000000000ll

/* Errors in pointers, as Linux does it. */
#define IS_ERR(p) ((u64)(p) >= (u64)-4095)
#define PTR_ERR(p) ((long)(p))
#define ERR_PTR(e) ((void *)(long)(e))

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Without the lock of those who change it.  True: who took the last one off has let go of the head as well, which may go. */
static inline bool list_empty_careful(const struct list *l)
{
	bool empty = *(struct list *const volatile *)&l->next == l && *(struct list *const volatile *)&l->prev == l;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return empty;
}

static inline void list_insert(struct list *n, struct list *prev, struct list *next)
{
	n->next = next;
	n->prev = prev;
	prev->next = n;
	next->prev = n;
}

static inline void list_add(struct list *n, struct list *head)
{
	list_insert(n, head, head->next);
}

static inline void list_add_tail(struct list *n, struct list *head)
{
	list_insert(n, head->prev, head);
}

static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* One list of a table that is all zero at first: made when it is first looked at, under the table's lock. */
static inline struct list *list_of_table(struct list *l)
{
	if (!l->next)
		list_init(l);
	return l;
}
/* A table that most programs never touch: apart from the data that every start writes to (libos.lds). */
#define LATE __attribute__((section(".bss.late")))

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(pos, head, member)                                                                     \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head);               \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_safe(pos, tmp, head, member)                                                           \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),                                       \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);                                    \
	     &pos->member != (head);                                                                         \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

/* Reference counts. */
typedef u32 ref_t;

static inline void ref_get(ref_t *r)
{
	__atomic_fetch_add(r, 1, __ATOMIC_RELAXED);
}

/* True when the last reference went. */
static inline bool ref_put(ref_t *r)
{
	return __atomic_sub_fetch(r, 1, __ATOMIC_ACQ_REL) == 0;
}

static inline bool ref_get_unless_zero(ref_t *r)
{
	u32 old = __atomic_load_n(r, __ATOMIC_RELAXED);

	while (old)
		if (__atomic_compare_exchange_n(r, &old, old + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

#endif
