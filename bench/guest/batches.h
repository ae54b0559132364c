/*
 * How the programs here measure: an operation is done often enough to be past the traps after which its call
 * is rewritten, then in batches.  A line each: NAME and the nanoseconds of one operation in each batch.
 */
#pragma once

#include <stdio.h>
#include <time.h>

#define BATCHES 15
#define WARM_UP 1200

static inline double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static inline void report_batches(const char *name, void (*op)(void), int count, int warm_up, int batches)
{
	for (int i = 0; i < warm_up; i++)
		op();
	printf("%s", name);
	for (int b = 0; b < batches; b++) {
		double start = now_ns();

		for (int i = 0; i < count; i++)
			op();
		printf(" %.1f", (now_ns() - start) / count);
	}
	printf("\n");
	fflush(stdout);
}

static inline void report(const char *name, void (*op)(void), int count)
{
	report_batches(name, op, count, count + WARM_UP, BATCHES);
}
