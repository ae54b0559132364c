/*
 * Work for the processor alone, in batches: floating point, integers, branches, memory.  Nothing calls the
 * system, so a sandbox can only cost what it does to page tables, caches and clocks.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batches.h"

#define N 192
#define SIEVE 2000000
#define SORTED 200000
#define CHASED (1 << 16) /* 256 KiB: what other programs do to a shared cache is not the question */

static double a[N][N], b[N][N], c[N][N];
static char sieve[SIEVE];
static uint32_t numbers[SORTED], chain[CHASED];
static volatile uint64_t sink;

static uint32_t next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static void multiply_matrices(void)
{
	memset(c, 0, sizeof(c));
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++)
			for (int j = 0; j < N; j++)
				c[i][j] += a[i][k] * b[k][j];
	sink += (uint64_t)c[N - 1][N - 1];
}

static void find_primes(void)
{
	uint64_t count = 0;

	memset(sieve, 1, sizeof(sieve));
	for (uint64_t i = 2; i < SIEVE; i++) {
		if (!sieve[i])
			continue;
		count++;
		for (uint64_t j = i * i; j < SIEVE; j += i)
			sieve[j] = 0;
	}
	sink += count;
}

static int compare(const void *x, const void *y)
{
	uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;

	return p < q ? -1 : p > q;
}

static void sort_numbers(void)
{
	for (int i = 0; i < SORTED; i++)
		numbers[i] = (uint32_t)i * 2654435761u;
	qsort(numbers, SORTED, sizeof(numbers[0]), compare);
	sink += numbers[SORTED / 2];
}

/* One cycle through all of it, in no order that a prefetcher knows. */
static void lay_chain(void)
{
	for (uint32_t i = 0; i < CHASED; i++)
		chain[i] = i;
	for (uint32_t i = CHASED - 1; i > 0; i--) {
		uint32_t j = next_random() % i, t = chain[i];

		chain[i] = chain[j];
		chain[j] = t;
	}
}

static void follow_chain(void)
{
	uint32_t at = 0;

	for (int i = 0; i < 16 * CHASED; i++)
		at = chain[at];
	sink += at;
}

static void mix_integers(void)
{
	uint64_t h = 14695981039346656037u;

	for (int i = 0; i < 5000000; i++)
		h = (h ^ (uint64_t)i) * 1099511628211u;
	sink += h;
}

int main(void)
{
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = i + j;
			b[i][j] = i - j;
		}
	lay_chain();
	report_batches("matrices", multiply_matrices, 4, 2, 9);
	report_batches("primes", find_primes, 2, 1, 9);
	report_batches("sort", sort_numbers, 1, 1, 9);
	report_batches("pointer_chase", follow_chain, 1, 1, 9);
	report_batches("integers", mix_integers, 3, 1, 9);
	return 0;
}
