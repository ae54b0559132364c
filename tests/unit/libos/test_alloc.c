/* The library OS's page and object allocators, on a test host: no overlap, zeroes where promised, nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "testhost.h"

struct memory_use {
	uint64_t total_pages, used_pages, peak_pages;
};
void pages_init(uint64_t first);
void alloc_init(void);
void *pages_alloc(unsigned int order);
void *pages_alloc_zero(unsigned int order);
void pages_free(void *p, unsigned int order);
void *kmalloc(size_t n);
void *kzalloc(size_t n);
void *krealloc(void *p, size_t old, size_t n);
void kfree(void *p);
void memory_use(struct memory_use *m);

/* What the allocators need of the rest of the library OS. */
const void *host, *boot;
void panic(const char *fmt, ...);
void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

static uint64_t used(void)
{
	struct memory_use m;

	memory_use(&m);
	return m.used_pages;
}

static void pages_are_apart_and_come_back(void **state)
{
	enum { N = 600 };
	static void *p[N];
	unsigned int order[N];
	uint64_t before = used();

	for (int i = 0; i < N; i++) {
		order[i] = rand() % 6;
		p[i] = pages_alloc(order[i]);
		assert_non_null(p[i]);
		memset(p[i], i & 255, 4096ul << order[i]);
	}
	for (int i = 0; i < N; i++) {
		const unsigned char *c = p[i];

		for (size_t k = 0; k < 4096ul << order[i]; k += 509)
			assert_int_equal(c[k], i & 255);
		pages_free(p[i], order[i]);
	}
	assert_int_equal(used(), before);
}

static void zero_pages_are_zero(void **state)
{
	for (int round = 0; round < 300; round++) {
		unsigned int order = rand() % 8;
		unsigned char *p = pages_alloc_zero(order);

		testhost_fail_every = round % 3;
		assert_non_null(p);
		for (size_t k = 0; k < 4096ul << order; k += 61)
			assert_int_equal(p[k], 0);
		memset(p, 0xa5, 4096ul << order);
		pages_free(p, order);
	}
	testhost_fail_every = 0;
}

static void objects_keep_their_content(void **state)
{
	enum { N = 4000 };
	static unsigned char *p[N];
	static size_t size[N];
	uint64_t before = used();

	for (int round = 0; round < 40000; round++) {
		int i = rand() % N;

		if (p[i]) {
			assert_int_equal(p[i][0], i & 255);
			assert_int_equal(p[i][size[i] - 1], i & 255);
			kfree(p[i]);
			p[i] = NULL;
		} else {
			size[i] = 1 + rand() % (rand() % 50 ? 700 : 20000);
			p[i] = kzalloc(size[i]);
			assert_non_null(p[i]);
			assert_int_equal((uintptr_t)p[i] % 16, 0);
			assert_int_equal(p[i][size[i] / 2], 0);
			memset(p[i], i & 255, size[i]);
		}
	}
	for (int i = 0; i < N; i++)
		kfree(p[i]);
	memset(p, 0, sizeof(p));
	/* One empty slab a size class may be kept. */
	assert_in_range(used(), before, before + 64);
}

static void realloc_copies(void **state)
{
	unsigned char *p = NULL;
	size_t n = 0;

	for (size_t want = 1; want < 100000; want = want * 3 / 2 + 1) {
		p = krealloc(p, n, want);
		assert_non_null(p);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], i % 251);
		for (size_t i = 0; i < want; i++)
			p[i] = i % 251;
		n = want;
	}
	kfree(p);
}

static void exhaustion_is_null_not_a_crash(void **state)
{
	enum { N = 100000 };
	static void *p[N];
	uint64_t before = used();
	int n = 0;

	while (n < N && (p[n] = pages_alloc(3)))
		n++;
	assert_true(n > 1000 && n < N);
	assert_null(kmalloc(1 << 20));
	for (int i = 0; i < n; i++)
		pages_free(p[i], 3);
	assert_int_equal(used(), before);
	assert_non_null(p[0] = kmalloc(1 << 20));
	kfree(p[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_apart_and_come_back),
		cmocka_unit_test(zero_pages_are_zero),
		cmocka_unit_test(objects_keep_their_content),
		cmocka_unit_test(realloc_copies),
		cmocka_unit_test(exhaustion_is_null_not_a_crash),
	};

	testhost_init(64ul << 20);
	pages_init(0x200800500000);
	alloc_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
