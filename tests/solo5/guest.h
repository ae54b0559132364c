/*
 * What the test guests share: an entry, calls as the ABI has them, numbers and texts.  Each guest defines `main` and, with
 * MANIFEST, the devices that it wants.
 */
#ifndef TESTS_SOLO5_GUEST_H
#define TESTS_SOLO5_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guests/solo5/abi.h"

#ifndef GUEST_TARGET
#define GUEST_TARGET SOLO5_SPT
#endif
#ifndef GUEST_VERSION
#define GUEST_VERSION 2
#endif

static const struct solo5_boot *boot;
static struct solo5_manifest *manifest;
static const char *cmdline;

static inline long call(long nr, long a, long b, long c, long d, long e, long f)
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

#define NR_READ 0
#define NR_WRITE 1
#define NR_MUNMAP 11
#define NR_PREAD64 17
#define NR_PWRITE64 18
#define NR_ARCH_PRCTL 158
#define NR_CLOCK_GETTIME 228
#define NR_EXIT_GROUP 231
#define NR_EPOLL_PWAIT 281
#define NR_TIMERFD_SETTIME 286
#define EAGAIN_RESULT (-11)
#define EFAULT_RESULT (-14)

static inline size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static inline void print(const char *text)
{
	call(NR_WRITE, 1, (long)text, length(text), 0, 0, 0);
}

static inline void print_number(uint64_t n)
{
	char text[24], *at = text + sizeof(text) - 1;

	*at = 0;
	do
		*--at = '0' + n % 10;
	while (n /= 10);
	print(at);
}

static inline void finish(int code) __attribute__((noreturn));
static inline void finish(int code)
{
	for (;;)
		call(NR_EXIT_GROUP, code, 0, 0, 0, 0, 0);
}

/* Says what does not hold, and ends. */
#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			print("does not hold: " #condition "\n");                                                      \
			finish(99);                                                                                    \
		}                                                                                                      \
	} while (0)

/* The word at the command line's beginning? */
static inline bool is(const char *word)
{
	size_t n = length(word);

	for (size_t i = 0; i < n; i++)
		if (cmdline[i] != word[i])
			return false;
	return !cmdline[n] || cmdline[n] == ' ';
}

/* The n-th number (decimal or 0x...) behind the first word. */
static inline uint64_t number(int n)
{
	const char *at = cmdline;
	uint64_t value = 0;

	for (n++; n; n--) {
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	if (at[0] == '0' && at[1] == 'x') {
		for (at += 2; *at && *at != ' '; at++)
			value = value * 16 + (*at <= '9' ? *at - '0' : *at - 'a' + 10);
		return value;
	}
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + *at - '0';
	return value;
}

static inline uint64_t clock_ns(int clock)
{
	uint64_t t[2];

	CHECK(call(NR_CLOCK_GETTIME, clock, (long)t, 0, 0, 0, 0) == 0);
	return t[0] * 1000000000ull + t[1];
}

struct event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

/* As the bindings do: wait until `deadline` or a network.  Returns the bits of ready handles. */
static inline uint64_t wait_until(uint64_t deadline)
{
	uint64_t timer[4] = {0, 0, deadline / 1000000000, deadline % 1000000000 | 1}, ready = 0;
	struct event events[8];
	long n;

	CHECK(call(NR_TIMERFD_SETTIME, boot->timer_fd, 1, (long)timer, 0, 0, 0) == 0);
	do
		n = call(NR_EPOLL_PWAIT, boot->epoll_fd, (long)events, 8, -1, 0, 0);
	while (n == -4);
	CHECK(n > 0);
	for (long i = 0; i < n; i++)
		if (events[i].data != SOLO5_TIMER_EVENT)
			ready |= 1ull << events[i].data;
	return ready;
}

static inline struct solo5_entry *device(const char *name)
{
	for (uint32_t i = 1; i < manifest->count; i++) {
		const char *have = manifest->entries[i].name;
		size_t n = 0;

		while (have[n] && have[n] == name[n])
			n++;
		if (have[n] == name[n])
			return &manifest->entries[i];
	}
	CHECK(!"the device is in the manifest");
	return NULL;
}

int main(void);
void guest_main(const struct solo5_boot *info);
void guest_main(const struct solo5_boot *info)
{
	boot = info;
	manifest = (struct solo5_manifest *)info->manifest;
	cmdline = (const char *)info->cmdline;
	finish(main());
}

/* rdi: boot information; rsp: the top of memory less 8, as behind a call. */
__asm__(".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start: xor %ebp, %ebp\n"
	"	mov %rsp, start_stack(%rip)\n"
	"	jmp guest_main\n"
	".text\n");
uint64_t start_stack;

/* --- Notes --------------------------------------------------------------------------------------------- */

__attribute__((section(".interp"), used)) static const char interp[] = SOLO5_INTERP;

struct note_head {
	uint32_t name_size, size, type;
	char name[8];
};

__attribute__((section(".note.abi"), used, aligned(4))) static const struct {
	struct note_head head;
	struct solo5_abi_note content;
} abi_note = {{6, 16, SOLO5_NOTE_ABI, "Solo5"}, {GUEST_TARGET, GUEST_VERSION, {0, 0}}};

/* MANIFEST(n, {"name", type}, ...): n devices. */
#define MANIFEST(n, ...)                                                                                               \
	__attribute__((section(".note.manifest"), used, aligned(4))) static const struct {                             \
		struct note_head head;                                                                                 \
		uint32_t padding, version, count;                                                                      \
		struct solo5_entry entries[(n) + 1];                                                                   \
	} __attribute__((packed)) manifest_note = {                                                                    \
		{6, 12 + ((n) + 1) * sizeof(struct solo5_entry), SOLO5_NOTE_MANIFEST, "Solo5"},                        \
		0,                                                                                                     \
		1,                                                                                                     \
		(n) + 1,                                                                                               \
		{{"", SOLO5_RESERVED_FIRST}, __VA_ARGS__}}

#endif
