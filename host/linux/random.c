/*
 * Random bytes: in each thread's block a ChaCha20 generator that erases its key as it goes (RFC 8439's block function;
 * the first 32 bytes of each batch become the next key).  So no lock is needed, what was given out cannot be
 * computed from a later state, and a new thread or picoprocess starts from a key that only it has.
 */
#include "host/linux/host.h"

#define CHACHA_BLOCK 64
#define BATCH_BLOCKS 7
#define BATCH (CHACHA_BLOCK * BATCH_BLOCKS)

_Static_assert(BATCH == sizeof(((struct block *)0)->random_pool), "one batch fills the pool");

static inline uint32_t rotate(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

static inline void quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

static void chacha_block(const uint8_t key[32], uint32_t counter, uint8_t out[CHACHA_BLOCK])
{
	uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];

	memcpy(in + 4, key, 32);
	in[12] = counter;
	memcpy(x, in, sizeof(x));
	for (int i = 0; i < 10; i++) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14);
		quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15);
		quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13);
		quarter(x, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		x[i] += in[i];
	memcpy(out, x, sizeof(x));
}

static void refill(struct block *b)
{
	for (uint32_t i = 0; i < BATCH_BLOCKS; i++)
		chacha_block(b->random_key, i, b->random_pool + i * CHACHA_BLOCK);
	memcpy(b->random_key, b->random_pool, sizeof(b->random_key));
	memset(b->random_pool, 0, sizeof(b->random_key));
	b->random_left = BATCH - sizeof(b->random_key);
}

/* What the processor adds, if it can: the seed alone suffices. */
static uint64_t processor_noise(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static bool has_rdrand(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c & (1u << 30);
}

static uint64_t rdrand(void)
{
	uint64_t v;
	unsigned char ok;

	for (int i = 0; i < 10; i++) {
		__asm__ volatile("rdrand %0; setc %1" : "=r"(v), "=qm"(ok));
		if (ok)
			return v;
	}
	return 0;
}

void random_begin(struct block *b, const uint8_t key[32])
{
	memcpy(b->random_key, key, sizeof(b->random_key));
	memset(b->random_pool, 0, sizeof(b->random_pool));
	memset(b->random_next, 0, sizeof(b->random_next));
	b->random_left = 0;
}

/* A key for a thread or picoprocess that the caller makes; the caller's own goes on from another. */
void random_derive(uint8_t key[32])
{
	random_bytes(key, 32);
}

void random_setup(void)
{
	struct block *b = block_self();
	uint8_t stream[CHACHA_BLOCK];
	uint64_t key[4], extra = processor_noise();
	bool hardware = has_rdrand();

	/* Both halves of the seed count: the stream of one, folded with the other and the processor's own. */
	chacha_block((const uint8_t *)host.start->seed, extra, stream);
	memcpy(key, stream, sizeof(key));
	for (int i = 0; i < 4; i++)
		key[i] ^= host.start->seed[4 + i] ^ (hardware ? rdrand() : 0);
	random_begin(b, (const uint8_t *)key);
	memset(key, 0, sizeof(key));
	memset(stream, 0, sizeof(stream));
	refill(b);
}

void random_bytes(void *buf, size_t len)
{
	struct block *b = block_self();
	uint8_t *out = buf;

	while (len) {
		size_t n;
		uint8_t *from;

		if (!b->random_left)
			refill(b);
		n = len < b->random_left ? len : b->random_left;
		from = b->random_pool + BATCH - b->random_left;
		memcpy(out, from, n);
		memset(from, 0, n);
		b->random_left -= n;
		out += n;
		len -= n;
	}
}
