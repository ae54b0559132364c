/* The library OS of a few lines; see guest.h. */
#include "tests/hostile/guest.h"

#include <stdarg.h>

const struct bz_abi *host;
const struct bz_start *boot;
uint32_t done;

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

static char *number(char *p, uint64_t v, unsigned int base)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (n)
		*p++ = digits[--n];
	return p;
}

void say(const char *format, ...)
{
	char line[512], *p = line;
	va_list args;

	va_start(args, format);
	for (; *format && p < line + 400; format++) {
		const char *s;
		int64_t v;
		bool is_long = false;

		if (*format != '%') {
			*p++ = *format;
			continue;
		}
		format++;
		while (*format == 'l') {
			is_long = true;
			format++;
		}
		if (*format == 's') {
			for (s = va_arg(args, const char *); *s && p < line + 400; s++)
				*p++ = *s;
			continue;
		}
		v = is_long ? va_arg(args, int64_t) : va_arg(args, int);
		if (*format == 'd' && v < 0) {
			*p++ = '-';
			v = -v;
		}
		p = number(p, is_long ? (uint64_t)v : (uint32_t)v, *format == 'x' ? 16 : 10);
	}
	va_end(args);
	host->debug_log(BZ_LOG_INFO, line, p - line);
}

void guest_setup(void)
{
	size_t len = __guest_end - __guest_begin;

	EXPECT(host->mem_map(GUEST_TEXT, len, 7, 0) == 0);
	memcpy((void *)GUEST_TEXT, __guest_begin, len);
}

void guest_enter(struct bz_context *ctx, const void *fn, uint64_t arg, int stack)
{
	uint64_t base = GUEST_STACK + stack * GUEST_STACK_SIZE * 2;

	EXPECT(host->mem_map(base, GUEST_STACK_SIZE, 3, 0) == 0);
	ctx->rip = guest_address(fn);
	ctx->rdi = arg;
	ctx->rsp = base + GUEST_STACK_SIZE - 8;
	ctx->rflags = 0x202;
	ctx->flags |= BZ_CTX_FULL;
}

uint64_t find_gadget(void)
{
	const unsigned char *text = (const void *)BZ_RESERVED_LOW;

	for (size_t i = 0; i < 4 * BZ_PAGE_SIZE; i++)
		if (text[i] == 0x0f && text[i + 1] == 0x05 && text[i + 2] == 0xc3)
			return (uint64_t)&text[i];
	say("FAIL no gadget in the host layer's text: this test is out of date");
	return 0;
}

void finish(uint32_t value)
{
	__atomic_store_n(&done, value, __ATOMIC_SEQ_CST);
	host->wake(&done, 1, ~0u, BZ_WAIT_SHARED);
}

void await_done(void)
{
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST))
		host->wait(&done, 0, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   BZ_NO_DEADLINE);
	done = 0;
}

void end(void)
{
	host->process_exit(0);
}

static void start(const struct bz_start *s)
{
	boot = s;
	test_main();
	end();
}

__attribute__((weak)) void on_thread(void *arg, struct bz_context *ctx)
{
	say("FAIL a thread that the test does not know");
}

__attribute__((weak)) void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	say("FAIL exception %d code %d at %lx address %lx in_libos %d", exc->kind, exc->code, (long)ctx->rip,
	    (long)exc->addr, (int)exc->in_libos);
	finish(99);
	host->process_exit(1);
}

__attribute__((weak)) void on_remote(struct bz_context *ctx)
{
}

static uint32_t exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	on_exception(ctx, exc);
	return 0;
}

extern const struct bz_fixup __start_fixups[], __stop_fixups[];

const struct bz_upcalls *libos_entry(const struct bz_abi *abi);
__attribute__((visibility("default"), used)) const struct bz_upcalls *libos_entry(const struct bz_abi *abi)
{
	static struct bz_upcalls upcalls;

	host = abi;
	upcalls = (struct bz_upcalls){
		.version = BZ_ABI_VERSION,
		.fixup_count = __stop_fixups - __start_fixups,
		.fixups = __start_fixups,
		.start = start,
		.thread_start = on_thread,
		.exception = exception,
		.remote = on_remote,
	};
	return &upcalls;
}
