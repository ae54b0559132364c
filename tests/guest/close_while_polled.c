/* poll, select and epoll keep what they wait for, though another thread closes its descriptor and its memory would serve others. */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>

#define ROUNDS 60
#define KINDS 3

static int polled[2], with_select;
static volatile int waiting;

static void *waiter(void *arg)
{
	struct pollfd p = {polled[0], POLLIN, 0};
	struct timeval soon = {0, 4000};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(polled[0], &set);
	waiting = 1;
	if (with_select)
		select(polled[0] + 1, &set, NULL, NULL, &soon);
	else
		poll(&p, 1, 4);
	return arg;
}

static void make(int kind)
{
	polled[1] = -1;
	if (kind == 0)
		CHECK_EQ(pipe(polled), 0);
	else if (kind == 1)
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, polled), 0);
	else
		CHECK((polled[0] = eventfd(0, 0)) >= 0);
}

int main(void)
{
	int fresh[64][2];
	pthread_t t;

	for (int i = 0; i < ROUNDS; i++) {
		with_select = i & 1;
		make(i % KINDS);
		waiting = 0;
		CHECK_OK(pthread_create(&t, NULL, waiter, NULL));
		WAIT_FOR(waiting);
		sleep_ms(1);
		close(polled[0]);
		close(polled[1]);
		for (int k = 0; k < 64; k++)
			CHECK_EQ(k & 1 ? pipe(fresh[k]) : socketpair(AF_UNIX, SOCK_DGRAM, 0, fresh[k]), 0);
		CHECK_OK(pthread_join(t, NULL));
		for (int k = 0; k < 64; k++) {
			char byte = 0;

			CHECK_EQ(write(fresh[k][1], "x", 1), 1);
			CHECK_EQ(read(fresh[k][0], &byte, 1), 1);
			CHECK_EQ(byte, 'x');
			close(fresh[k][0]);
			close(fresh[k][1]);
		}
	}
	return 0;
}
