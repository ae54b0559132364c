/*
 * Large pieces by TCP on loopback arrive as they were sent, whatever their place in memory and their length; one that ends in memory that
 * is not there goes as far as that.
 */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ROOM (300u << 10)

static unsigned char *bytes, got[ROOM];
static int ends[2];

static void connect_both(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int l = socket(AF_INET, SOCK_STREAM, 0), size = 1 << 20;
	socklen_t len = sizeof(a);

	CHECK(!bind(l, (struct sockaddr *)&a, len) && !listen(l, 1) && !getsockname(l, (struct sockaddr *)&a, &len));
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	CHECK(!setsockopt(l, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	CHECK(!connect(ends[1], (struct sockaddr *)&a, len));
	ends[0] = accept(l, NULL, NULL);
	CHECK(ends[0] >= 0);
}

static void expect(const unsigned char *from, size_t n)
{
	CHECK_EQ(recv(ends[0], got, n, MSG_WAITALL), n);
	CHECK(!memcmp(got, from, n));
}

int main(void)
{
	static const unsigned int lengths[] = {32767, 32768, 32769, 40000, 65535, 65536, 65537, 69632, 69700, 131072, 200001};
	unsigned char *end;
	ssize_t n;

	bytes = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(bytes != MAP_FAILED && !munmap(bytes + ROOM, 4096));
	end = bytes + ROOM;
	for (unsigned int i = 0; i < ROOM; i++)
		bytes[i] = i * 2654435761u >> 21;
	connect_both();
	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (unsigned int skip = 0; skip < 80; skip += skip < 3 ? 1 : 19) {
			CHECK_EQ(send(ends[1], bytes + skip, lengths[i], 0), lengths[i]);
			expect(bytes + skip, lengths[i]);
		}
	}
	/* Up to the page that is not there, in a piece that begins anywhere. */
	for (unsigned int before = 50000; before < 50130; before += 43) {
		n = send(ends[1], end - before, 60000, 0);
		CHECK((n > 0 && n <= before) || (n < 0 && errno == EFAULT)); /* Linux stops where a buffer of its own began */
		if (n > 0)
			expect(end - before, n);
	}
	CHECK_EQ(send(ends[1], "end", 3, 0), 3);
	expect((const unsigned char *)"end", 3);
	return 0;
}
