/* getrandom fills what it is asked for, differently each time, and refuses unknown flags. */
#include "check.h"
#include <sys/random.h>

int main(void)
{
	static unsigned char a[100000], b[100000];
	int histogram[256] = {0};

	CHECK_EQ(getrandom(a, sizeof a, 0), sizeof a);
	CHECK_EQ(getrandom(b, 256, GRND_NONBLOCK), 256);
	CHECK(memcmp(a, b, 256) != 0);
	for (size_t i = 0; i < sizeof a; i++)
		histogram[a[i]]++;
	for (int i = 0; i < 256; i++)
		CHECK(histogram[i] > 200 && histogram[i] < 600);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_ERRNO(getrandom(a, 1, 0x80), EINVAL);
	CHECK_EQ(getentropy(a, 256), 0);
	return 0;
}
