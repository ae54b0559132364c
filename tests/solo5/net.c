/* Sends back frames of the type for experiments (IEEE 802: 0x88b5) on one network, and tells of them on another. */
#include "tests/solo5/guest.h"

MANIFEST(2, {"wire", SOLO5_NET}, {"side", SOLO5_NET});

static uint8_t frame[65536];

int main(void)
{
	const struct solo5_entry *wire = device("wire"), *side = device("side");
	uint64_t deadline = clock_ns(1) + 60 * 1000000000ull, want = number(0);

	CHECK(wire->attached && side->attached && wire->fd != side->fd);
	if (is("big")) /* one byte more than a frame may have */
		return call(NR_WRITE, wire->fd, (long)frame, wire->net.mtu + 14 + 1, 0, 0, 0) < 0;
	print("mtu ");
	print_number(wire->net.mtu);
	print(is("random") ? (wire->net.mac[0] & 3) == 2 ? ", local\n" : ", not local\n" : "\n");
	if (is("random"))
		return 0;
	while (want) {
		uint64_t ready = wait_until(deadline);

		CHECK(clock_ns(1) < deadline);
		CHECK(!(ready & ~6ull));
		for (;;) {
			long n = call(NR_READ, wire->fd, (long)frame, wire->net.mtu + 14, 0, 0, 0);

			if (n == EAGAIN_RESULT)
				break;
			CHECK(n >= 14);
			if (frame[12] != 0x88 || frame[13] != 0xb5)
				continue;
			for (int i = 0; i < 6; i++) {
				frame[i] = frame[6 + i];
				frame[6 + i] = wire->net.mac[i];
			}
			CHECK(call(NR_WRITE, wire->fd, (long)frame, n, 0, 0, 0) == n);
			CHECK(call(NR_WRITE, side->fd, (long)frame, 60, 0, 0, 0) == 60);
			want--;
		}
	}
	print("done\n");
	return 0;
}
