/* Says that it is there, then waits to be ended: for measuring what an idle sandbox costs. */
#include <unistd.h>

int main(void)
{
	if (write(1, "ready\n", 6) != 6)
		return 1;
	for (;;)
		pause();
}
