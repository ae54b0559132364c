/* Words for the operator.  Bounded here and escaped outside (section 3.10 of the design). */
#include "libos/kernel/kernel.h"
#include "libos/proc/proc.h"

#define LINE_MAX 512

void printk(u32 level, const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	host->debug_log(level, line, min((size_t)n, sizeof(line) - 1));
}

/* The sandbox ends with SIGABRT's status: a library OS that lost its way must not go on. */
void panic(const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	host->debug_log(BZ_LOG_PANIC, line, min((size_t)n, sizeof(line) - 1));
	sandbox_end(6);
	host->process_exit(6);
}
