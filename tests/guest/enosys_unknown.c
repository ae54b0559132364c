/* Numbers that no call has give ENOSYS, with the arguments untouched and nothing killed. */
#include "check.h"

int main(void)
{
	static const long numbers[] = {387, 400, 423, 500, 1000, 4096, 0x3fffffff, -1};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		CHECK_ERRNO(syscall(numbers[i], 1, 2, 3, 4, 5, 6), ENOSYS);
	return 0;
}
