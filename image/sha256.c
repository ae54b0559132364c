/*
 * SHA-256 (FIPS 180-4): the portable rounds, and the choice of the processor's own (sha256_ni.c).  The choice
 * is made at the first long input, since CPUID traps in virtual machines and a start hashes only a few
 * hundred bytes.
 */
#include <cpuid.h>
#include <string.h>

#include "image/image.h"
#include "image/sha256.h"

#define LONG_INPUT 4096

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static enum { UNKNOWN, PORTABLE, NATIVE } engine;

static uint32_t ror(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

/* Round `r` of eight: letter n is v[n - r]. */
static inline void one_round(uint32_t v[8], unsigned int r, uint32_t kw)
{
#define V(n) v[((n) - r) & 7]
	uint32_t a = V(0), e = V(4);
	uint32_t t1 = V(7) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & V(5)) ^ (~e & V(6))) + kw;
	uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & V(1)) ^ (a & V(2)) ^ (V(1) & V(2)));

	V(3) += t1;
	V(7) = t1 + t2;
#undef V
}

static void blocks_portable(uint32_t state[8], const uint8_t *p, size_t blocks)
{
	for (; blocks > 0; blocks--, p += 64) {
		uint32_t w[64], v[8];

		for (int i = 0; i < 16; i++)
			w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
			       (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
		for (int i = 16; i < 64; i++) {
			uint32_t a = w[i - 15], b = w[i - 2];

			w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] +
			       (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
		}
		memcpy(v, state, sizeof(v));
		/* Eight rounds bring the letters round to their places: they are renamed, not moved. */
		for (int i = 0; i < 64; i += 8) {
			for (unsigned int r = 0; r < 8; r++)
				one_round(v, r, K[i + r] + w[i + r]);
		}
		for (int i = 0; i < 8; i++)
			state[i] += v[i];
	}
}

static bool have_sha_ni(void)
{
	uint32_t a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

void sha256_use_portable(bool portable)
{
	engine = portable ? PORTABLE : UNKNOWN;
}

static void blocks(uint32_t state[8], const uint8_t *p, size_t n)
{
	if (engine == UNKNOWN && n * 64 >= LONG_INPUT)
		engine = have_sha_ni() ? NATIVE : PORTABLE;
	if (engine == NATIVE)
		sha256_blocks_ni(state, p, n, K);
	else
		blocks_portable(state, p, n);
}

void sha256_init(struct sha256 *s)
{
	static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	memcpy(s->state, initial, sizeof(initial));
	s->length = 0;
}

void sha256_update(struct sha256 *s, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t have = s->length % 64;

	if (len == 0)
		return;
	s->length += len;
	if (have) {
		size_t n = len < 64 - have ? len : 64 - have;

		memcpy(s->block + have, p, n);
		p += n;
		len -= n;
		if (have + n < 64)
			return;
		blocks(s->state, s->block, 1);
	}
	blocks(s->state, p, len / 64);
	memcpy(s->block, p + len / 64 * 64, len % 64);
}

void sha256_final(struct sha256 *s, uint8_t digest[BZ_DIGEST_SIZE])
{
	uint8_t tail[128] = {0};
	size_t have = s->length % 64, n = have < 56 ? 64 : 128;
	uint64_t bits = s->length * 8;

	memcpy(tail, s->block, have);
	tail[have] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[n - 1 - i] = (uint8_t)(bits >> 8 * i);
	blocks(s->state, tail, n / 64);
	for (int i = 0; i < 32; i++)
		digest[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(const void *bytes, size_t len, uint8_t digest[BZ_DIGEST_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, bytes, len);
	sha256_final(&s, digest);
}
