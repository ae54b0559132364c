/* The exit code is the low byte of exit's argument. */
#include "check.h"

int main(void)
{
	printf("exits with 0x12a\n");
	exit(0x12a);
}
