/* Output to both standard streams arrives; standard input gives what the test feeds, then the end. */
#include "check.h"

int main(void)
{
	char line[64] = "";

	CHECK(fgets(line, sizeof line, stdin));
	printf("read: %s", line);
	CHECK(!fgets(line, sizeof line, stdin));
	CHECK_EQ(write(STDERR_FILENO, "to stderr\n", 10), 10);
	for (int i = 0; i < 3000; i++)
		printf("%d ", i);
	putchar('\n');
	return 0;
}
