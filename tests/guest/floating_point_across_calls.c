/* Floating point results and rounding modes survive system calls and thread switches. */
#include "check.h"
#include <fenv.h>
#include <math.h>

static void *work(void *mode)
{
	CHECK_EQ(fesetround((int)(uintptr_t)mode), 0);
	volatile double one = 1, three = 3;
	double third = one / three, sum = 0;
	for (int i = 1; i < 5000; i++) {
		sum += sqrt(i) * third;
		sched_yield();
		CHECK(one / three == third);
		CHECK_EQ(fegetround(), (int)(uintptr_t)mode);
	}
	CHECK(sum > 78000 && sum < 79000);
	return NULL;
}

int main(void)
{
	static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&t[i], NULL, work, (void *)(uintptr_t)modes[i]));
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	return 0;
}
