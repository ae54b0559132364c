/* What a guest wrote reaches a terminal or a JSON reader as text and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "monitor/escape.h"

static void check(const char *in, size_t len, unsigned int flags, const char *out)
{
	char text[256];

	assert_int_equal(escape_text(text, sizeof(text), in, len, flags), strlen(out));
	assert_string_equal(text, out);
}
#define CHECK(in, flags, out) check(in, sizeof(in) - 1, flags, out)

static void plain_text_stays(void **state)
{
	CHECK("hello, w\xc3\xb6rld \xe2\x82\xac \xf0\x9f\x98\x80", 0, "hello, w\xc3\xb6rld \xe2\x82\xac \xf0\x9f\x98\x80");
	CHECK("", 0, "");
}

static void controls_are_shown(void **state)
{
	CHECK("\033[31mred\007", 0, "\\x1b[31mred\\x07");
	CHECK("a\0b", 0, "a\\x00b");
	CHECK("\x7f", 0, "\\x7f");
	CHECK("\xc2\x9b" "31m", 0, "\\xc2\\x9b31m"); /* CSI as one C1 character */
	CHECK("a\nb\tc\r", 0, "a\\nb\\tc\\r");
	CHECK("a\nb\tc\r", ESCAPE_KEEP_NEWLINE, "a\nb\tc\\r");
	CHECK("\\x1b", 0, "\\\\x1b"); /* or an escape could be forged */
}

static void bad_utf8_is_shown(void **state)
{
	CHECK("\x80", 0, "\\x80");
	CHECK("\xc0\xaf", 0, "\\xc0\\xaf"); /* overlong */
	CHECK("\xe0\x80\xaf", 0, "\\xe0\\x80\\xaf");
	CHECK("\xed\xa0\x80", 0, "\\xed\\xa0\\x80"); /* surrogate */
	CHECK("\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80");
	CHECK("\xe2\x82", 0, "\\xe2\\x82"); /* cut off */
	CHECK("\xff\xfe", 0, "\\xff\\xfe");
}

static void reordering_characters_are_shown(void **state)
{
	CHECK("a\xe2\x80\xae" "b", 0, "a\\xe2\\x80\\xaeb"); /* RIGHT-TO-LEFT OVERRIDE */
	CHECK("\xe2\x80\xa8", 0, "\\xe2\\x80\\xa8");
	CHECK("\xef\xbb\xbf", 0, "\\xef\\xbb\\xbf");
}

static void json_is_json(void **state)
{
	CHECK("\"\\\n\001\x9b", ESCAPE_JSON, "\\\"\\\\\\n\\u0001\\u009b");
}

static void long_text_is_cut_at_a_character(void **state)
{
	char text[12];

	assert_int_equal(escape_text(text, sizeof(text), "abcdefghijklmnop", 16, 0), 11);
	assert_string_equal(text, "abcdefgh...");
	assert_int_equal(escape_text(text, sizeof(text), "abcdefghijk", 11, 0), 11);
	assert_string_equal(text, "abcdefghijk");
	escape_text(text, sizeof(text), "\001\001\001\001\001", 5, 0);
	assert_string_equal(text, "\\x01\\x01...");
	assert_int_equal(escape_text(text, 1, "abc", 3, 0), 0);
	assert_int_equal(escape_text(text, 0, "abc", 3, 0), 0);
	escape_text(text, 3, "abcdef", 6, 0);
	assert_string_equal(text, "..");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays),		cmocka_unit_test(controls_are_shown),
		cmocka_unit_test(bad_utf8_is_shown),		cmocka_unit_test(reordering_characters_are_shown),
		cmocka_unit_test(json_is_json),			cmocka_unit_test(long_text_is_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
