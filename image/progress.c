/*
 * See progress.h.
 */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "image/progress.h"

#define BAR 24

static const char *phase = "";
static int64_t started, drawn;
static bool shown;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_start(const char *what)
{
	phase = what;
	if (!started)
		started = now_ms();
}

void progress(uint64_t done, uint64_t total)
{
	int64_t now = now_ms();

	if (now - started < 1000 || now - drawn < 100 || !isatty(STDERR_FILENO))
		return;
	drawn = now;
	shown = true;
	fprintf(stderr, "\r\033[K%s  ", phase);
	if (total) {
		uint64_t n = done < total ? done * BAR / total : BAR;

		fputc('[', stderr);
		for (uint64_t i = 0; i < BAR; i++)
			fputc(i < n ? '#' : '.', stderr);
		fprintf(stderr, "] %3llu%%  ", (unsigned long long)(done < total ? done * 100 / total : 100));
	}
	fprintf(stderr, "%.1f MB", (double)done / 1e6);
	fflush(stderr);
}

void progress_end(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}
