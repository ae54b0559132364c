/* The smallest useful program: one line to standard output. */
#include <stdio.h>

int main(void)
{
	puts("hello");
	return 0;
}
