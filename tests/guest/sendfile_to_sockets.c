/*
 * sendfile from a large file with a hole to AF_UNIX and TCP: all of it by a call that waits, a part by one that does not; to a pipe
 * what it has room for.
 */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define SIZE (3u * 1048576 + 777)
#define HOLE_AT (1u << 20)
#define HOLE 100000u

enum kind { PIPE, UNIX, TCP, KINDS };

static unsigned char *want;
static unsigned int first;

static int make_file(void)
{
	int f = open("large", O_RDWR | O_CREAT | O_TRUNC, 0600);

	want = malloc(SIZE);
	for (unsigned int i = 0; i < SIZE; i++)
		want[i] = i >= HOLE_AT && i < HOLE_AT + HOLE ? 0 : i * 2654435761u >> 23;
	CHECK(f >= 0);
	CHECK_EQ(pwrite(f, want, HOLE_AT, 0), HOLE_AT);
	CHECK_EQ(pwrite(f, want + HOLE_AT + HOLE, SIZE - HOLE_AT - HOLE, HOLE_AT + HOLE), SIZE - HOLE_AT - HOLE);
	return f;
}

static void make_pair(enum kind kind, int ends[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l;

	if (kind == PIPE) {
		CHECK(!pipe(ends));
		return;
	}
	if (kind == UNIX) {
		CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
		return;
	}
	l = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!bind(l, (struct sockaddr *)&a, len) && !listen(l, 1) && !getsockname(l, (struct sockaddr *)&a, &len));
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!connect(ends[1], (struct sockaddr *)&a, len));
	ends[0] = accept(l, NULL, NULL);
	CHECK(ends[0] >= 0);
	close(l);
}

/* To the end; what comes is the file from `first` on. */
static void *reader(void *arg)
{
	static unsigned char buf[50000];
	unsigned long at = first;
	ssize_t n;

	while ((n = read((long)arg, buf, sizeof(buf))) > 0) {
		CHECK(at + n <= SIZE);
		CHECK(!memcmp(buf, want + at, n));
		at += n;
	}
	CHECK_EQ(n, 0);
	return (void *)at;
}

static void whole(enum kind kind, int f, int flags, int own)
{
	struct pollfd p = {.events = POLLOUT};
	off_t pos = first;
	pthread_t t;
	void *got;
	int ends[2];

	make_pair(kind, ends);
	p.fd = ends[1];
	CHECK(!fcntl(ends[1], F_SETFL, flags));
	CHECK(!pthread_create(&t, NULL, reader, (void *)(long)ends[0]));
	lseek(f, own ? first : 5, SEEK_SET);
	if (!flags && kind != PIPE) {
		CHECK_EQ(sendfile(ends[1], f, own ? NULL : &pos, SIZE), SIZE - first);
	} else {
		while (pos < SIZE) {
			off_t before = pos;
			ssize_t n = sendfile(ends[1], f, own ? NULL : &pos, SIZE - pos);

			if (n < 0) {
				CHECK_EQ(errno, EAGAIN);
				CHECK_EQ(poll(&p, 1, 20000), 1);
				continue;
			}
			CHECK(n > 0);
			if (own)
				pos += n;
			CHECK_EQ(pos, before + n);
		}
	}
	CHECK_EQ(lseek(f, 0, SEEK_CUR), own ? SIZE : 5);
	if (!flags) /* without waiting it may be EAGAIN */
		CHECK_EQ(sendfile(ends[1], f, &(off_t){SIZE}, 10), 0);
	close(ends[1]);
	CHECK(!pthread_join(t, &got));
	CHECK_EQ((unsigned long)got, SIZE);
	close(ends[0]);
}

/* Nobody reads: a part goes, then nothing; what did not go is at the offset still. */
static void part(enum kind kind, int f)
{
	off_t pos = 0;
	int ends[2];
	ssize_t n;

	make_pair(kind, ends);
	CHECK(!fcntl(ends[1], F_SETFL, O_NONBLOCK));
	n = sendfile(ends[1], f, &pos, SIZE);
	CHECK(n > 0 && n <= SIZE);
	CHECK_EQ(pos, n);
	while ((n = sendfile(ends[1], f, &pos, SIZE)) > 0)
		;
	CHECK(pos == SIZE || (n < 0 && errno == EAGAIN));
	close(ends[0]);
	if (kind != TCP)
		CHECK_ERRNO(sendfile(ends[1], f, &(off_t){0}, SIZE), EPIPE);
	close(ends[1]);
}

int main(void)
{
	int f = make_file();

	signal(SIGPIPE, SIG_IGN);
	for (enum kind kind = PIPE; kind < KINDS; kind++) {
		for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
			first = 0;
			whole(kind, f, flags, 0);
			first = 4097;
			whole(kind, f, flags, 1);
			first = SIZE - 40000;
			whole(kind, f, flags, 1);
		}
		part(kind, f);
	}
	return 0;
}
