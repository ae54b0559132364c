/* Nanoseconds of getpid, for places where nothing but this program is. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include "batches.h"

static void op_getpid(void)
{
	syscall(SYS_getpid);
}

int main(void)
{
	report("getpid", op_getpid, 2000);
	return 0;
}
