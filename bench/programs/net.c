/*
 * TCP, measured from one end: a server and its client, or both in one.
 *   net serve PORT              answers each 64-byte message with itself, any number of connections
 *   net rtt PORT N BATCHES      rtt NANOSECONDS... of a round trip with that server, a figure a batch of N
 *   net connect PORT N BATCHES  the same of a connection: connect, a message both ways, close
 *   net loop MEGABYTES BATCHES  loopback_mb NANOSECONDS... of a megabyte between two threads over 127.0.0.1
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE 64
#define BLOCK 65536

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int listen_at(int port, in_addr_t address)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	must(bind(s, (void *)&a, sizeof(a)) == 0 && listen(s, 1024) == 0, "listen");
	return s;
}

static int connect_to(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	must(connect(s, (void *)&a, sizeof(a)) == 0, "connect");
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return s;
}

static void serve(int port)
{
	int l = listen_at(port, INADDR_ANY), ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = l};
	char buf[MESSAGE];

	epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event ready[64];
		int n = epoll_wait(ep, ready, 64, -1);

		for (int i = 0; i < n; i++) {
			int s = ready[i].data.fd;
			ssize_t got;

			if (s == l) {
				e.data.fd = accept4(l, NULL, NULL, SOCK_NONBLOCK);
				if (e.data.fd >= 0)
					epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e);
				continue;
			}
			got = read(s, buf, sizeof(buf));
			if (got <= 0)
				close(s);
			else
				must(write(s, buf, got) == got, "write");
		}
	}
}

static void exchange(int s)
{
	char buf[MESSAGE] = "x";

	must(write(s, buf, sizeof(buf)) == MESSAGE && recv(s, buf, sizeof(buf), MSG_WAITALL) == MESSAGE, "exchange");
}

static void ask(const char *name, int port, int n, int batches)
{
	int s = strcmp(name, "rtt") ? -1 : connect_to(port);

	printf("%s", name);
	for (int b = 0; b < batches; b++) {
		double t = now();

		for (int i = 0; i < n; i++) {
			int c = s >= 0 ? s : connect_to(port);

			exchange(c);
			if (s < 0)
				close(c);
		}
		printf(" %.1f", (now() - t) / n);
	}
	puts("");
}

static int loop_listener, loop_blocks;

static void *sink(void *arg)
{
	static char buf[BLOCK];
	int s = accept(loop_listener, NULL, NULL);

	(void)arg;
	while (read(s, buf, sizeof(buf)) > 0)
		;
	close(s);
	return NULL;
}

static void loop(int megabytes, int batches)
{
	static char buf[BLOCK];

	loop_listener = listen_at(5999, INADDR_LOOPBACK);
	loop_blocks = megabytes * (1048576 / BLOCK);
	printf("loopback_mb");
	for (int b = 0; b < batches; b++) {
		double t = now();
		pthread_t reader;
		int s;

		pthread_create(&reader, NULL, sink, NULL);
		s = connect_to(5999);
		for (int i = 0; i < loop_blocks; i++)
			must(write(s, buf, sizeof(buf)) == BLOCK, "write");
		close(s);
		pthread_join(reader, NULL);
		printf(" %.1f", (now() - t) / megabytes);
	}
	puts("");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	else if (argc == 5)
		ask(argv[1], atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else if (argc == 4 && !strcmp(argv[1], "loop"))
		loop(atoi(argv[2]), atoi(argv[3]));
	else
		return 1;
	return 0;
}
