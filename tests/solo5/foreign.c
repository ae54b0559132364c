/* An image for another target or version: never runs. */
#include "tests/solo5/guest.h"

MANIFEST(0);

int main(void)
{
	print("ran\n");
	return 0;
}
