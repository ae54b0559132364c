/* Arguments and environment arrive unchanged, also empty, odd and long ones, half a megabyte in all
 * (meson.build passes them). */
#include "check.h"

int main(int argc, char **argv)
{
	CHECK(argc >= 6);
	CHECK_STR(argv[1], "");
	CHECK_STR(argv[2], "two words");
	CHECK_STR(argv[3], "--option=-x");
	CHECK_STR(argv[4], "\xc3\xa4\\n$HOME'\"*");
	for (int i = 5; i < argc; i++) {
		CHECK_EQ(strlen(argv[i]), 32768);
		CHECK_EQ(strspn(argv[i], "L"), 32768);
	}
	CHECK(argv[argc] == NULL);
	CHECK(getenv("PATH"));
	CHECK_STR(getenv("GUEST_TEST"), "a value");
	CHECK_EQ(setenv("NEW", "value", 1), 0);
	CHECK_STR(getenv("NEW"), "value");
	for (int i = 1; i < argc; i++)
		printf("%zu %.20s\n", strlen(argv[i]), argv[i]);
	return 0;
}
