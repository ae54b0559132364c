/* Waits in read(2) for the end of its input, a few frames deep: gdb.sh looks at it from outside. */
#include <stdio.h>
#include <unistd.h>

int innermost(int n);
int middle(int n);

__attribute__((noinline)) int innermost(int n)
{
	char byte;

	return read(0, &byte, 1) + n;
}

__attribute__((noinline)) int middle(int n)
{
	return innermost(n) - n;
}

int main(void)
{
	int bytes = 0;

	/* Some are there; then it waits. */
	while (bytes < 5 && middle(bytes) == 1)
		bytes++;
	puts("waits");
	fflush(stdout);
	return middle(bytes);
}
