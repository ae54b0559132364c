/*
 * SHA-256 against the vectors of FIPS 180-4 and NIST's examples, by both implementations.
 */
#include "support.h"
#include "image/image.h"

static void check(const void *bytes, size_t len, const char *hex)
{
	uint8_t d[32];
	char is[65];

	sha256(bytes, len, d);
	for (int i = 0; i < 32; i++)
		sprintf(is + 2 * i, "%02x", d[i]);
	assert_string_equal(is, hex);
}

static void vectors(bool portable)
{
	char *million = malloc(1000000);

	sha256_use_portable(portable);
	memset(million, 'a', 1000000);
	/* The long input first: it makes the choice of the implementation. */
	check(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	check("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopq"
	      "rsmnopqrst"
	      "nopqrstu",
	      112, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
	free(million);
}

static void portable_vectors(void **state)
{
	vectors(true);
}

static void native_vectors(void **state)
{
	vectors(false);
}

/* However the input is cut, the digest is the same, and both implementations agree. */
static void pieces(void **state)
{
	uint8_t bytes[8192], a[32], b[32];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t cut = 0; cut <= 200; cut++) {
		struct sha256 s;

		sha256_use_portable(cut % 2);
		sha256_init(&s);
		sha256_update(&s, bytes, cut);
		sha256_update(&s, bytes + cut, sizeof(bytes) - 2 * cut);
		sha256_update(&s, bytes + sizeof(bytes) - cut, cut);
		sha256_final(&s, a);
		sha256_use_portable(true);
		sha256(bytes, sizeof(bytes), b);
		assert_memory_equal(a, b, 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(portable_vectors),
	    cmocka_unit_test(native_vectors),
	    cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
