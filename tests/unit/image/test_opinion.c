/* The second opinion on patches: right plans pass, and each way of being wrong is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "image/sites.h"
#include "libos/rewrite/prove.h"

#define SITE 0x401000ull
#define STUB 0x3ff000ull

/* syscall; cmp $-4095, %rax; jae SITE + 0x20 */
static const uint8_t compare_and_branch[] = {0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0x73, 0x16};
/* syscall; mov 0x1000(%rip), %rcx */
static const uint8_t load[] = {0x0f, 0x05, 0x48, 0x8b, 0x0d, 0x00, 0x10, 0x00, 0x00};
/* syscall; ret; and what is no instruction */
static const uint8_t ret[] = {0x0f, 0x05, 0xc3, 0x66, 0x66};

static struct patch_plan laid_out(const uint8_t *code, size_t n, bool goes_on)
{
	struct patch_plan p = {.site = SITE, .length = (uint8_t)n, .falls_through = goes_on};

	memcpy(p.original, code, n);
	p.from[p.count++] = 2;
	if (code == compare_and_branch)
		p.from[p.count++] = 8;
	assert_int_equal(patch_lay_out(&p, STUB), PATCH_FITS);
	return p;
}

static void right_plans_pass(void **state)
{
	struct patch_plan p = laid_out(compare_and_branch, sizeof(compare_and_branch), true);

	assert_true(opinion_agrees(&p, STUB));
	p = laid_out(load, sizeof(load), true);
	assert_true(opinion_agrees(&p, STUB));
	p = laid_out(ret, sizeof(ret), false);
	assert_true(opinion_agrees(&p, STUB));
}

static void another_boundary(void **state)
{
	struct patch_plan p = laid_out(compare_and_branch, sizeof(compare_and_branch), true);

	p.from[1] = 7;
	assert_false(opinion_agrees(&p, STUB));
}

static void another_operand(void **state)
{
	struct patch_plan p = laid_out(compare_and_branch, sizeof(compare_and_branch), true);

	p.stub[p.to[0] + 2] ^= 1;
	assert_false(opinion_agrees(&p, STUB));
}

static void another_register(void **state)
{
	struct patch_plan p = laid_out(load, sizeof(load), true);

	p.stub[p.to[0] + 2] ^= 0x18;
	assert_false(opinion_agrees(&p, STUB));
}

static void another_target(void **state)
{
	struct patch_plan p = laid_out(compare_and_branch, sizeof(compare_and_branch), true);

	p.stub[p.to[1] + 2] ^= 1;
	assert_false(opinion_agrees(&p, STUB));
	p = laid_out(load, sizeof(load), true);
	p.stub[p.to[0] + 3] ^= 1;
	assert_false(opinion_agrees(&p, STUB));
	p = laid_out(load, sizeof(load), true);
	assert_false(opinion_agrees(&p, STUB + 64)); /* the same bytes elsewhere lead elsewhere */
}

static void no_system_call(void **state)
{
	struct patch_plan p = laid_out(ret, sizeof(ret), false);

	p.original[1] = 0x0b;
	assert_false(opinion_agrees(&p, STUB));
}

static void what_does_not_end_there(void **state)
{
	struct patch_plan p = laid_out(ret, sizeof(ret), false);

	p.falls_through = true; /* behind it there is something else */
	assert_false(opinion_agrees(&p, STUB));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(right_plans_pass), cmocka_unit_test(another_boundary), cmocka_unit_test(another_operand),
	    cmocka_unit_test(another_register), cmocka_unit_test(another_target),   cmocka_unit_test(no_system_call),
	    cmocka_unit_test(what_does_not_end_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
