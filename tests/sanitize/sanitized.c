/* Says what this build is, and takes reports of the monitor's out of its confinement.  See sanitized.h. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sanitize/sanitized.h"

/* No colours and no symbolizer: those are more calls.  Leaks: the command keeps what it has until it ends. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "color=never:symbolize=0:detect_leaks=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}

int sanitizer_report_open(void)
{
	const char *folder = getenv("BARTIZAN_REPORTS");
	char path[4096];

	if (!folder || !*folder)
		return -1;
	snprintf(path, sizeof(path), "%s/monitor.%d", folder, getpid());
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

void sanitizer_report_to(int fd)
{
	__sanitizer_sandbox_arguments arguments = {0};

	if (fd >= 0)
		__sanitizer_set_report_fd((void *)(intptr_t)fd);
	__sanitizer_sandbox_on_notify(&arguments);
}

static void __attribute__((constructor)) say_so(void)
{
	static const char text[] = "bartizan: THIS BUILD HAS SANITIZERS: its monitor's filter is wider than it should be; it is for tests alone\n";
	const char *known = getenv("BARTIZAN_SANITIZED");

	if (!known || strcmp(known, "known"))
		(void)!write(2, text, sizeof(text) - 1);
}
