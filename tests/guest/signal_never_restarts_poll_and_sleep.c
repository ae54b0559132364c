/* poll, select, epoll_wait, sigtimedwait and pause end with EINTR even with SA_RESTART. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static pthread_t main_thread;
static volatile int stop;

static void handler(int signo)
{
}

static void *nag(void *unused)
{
	while (!stop) {
		sleep_ms(10);
		pthread_kill(main_thread, SIGUSR1);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;
	int ends[2];

	main_thread = pthread_self();
	on_signal(SIGUSR1, handler, SA_RESTART);
	CHECK_EQ(pipe(ends), 0);
	int ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event), 0);
	CHECK_OK(pthread_create(&thread, NULL, nag, NULL));
	struct pollfd pfd = {.fd = ends[0], .events = POLLIN};
	CHECK_ERRNO(poll(&pfd, 1, 10000), EINTR);
	CHECK_ERRNO(poll(&pfd, 1, -1), EINTR);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	CHECK_ERRNO(select(ends[0] + 1, &set, NULL, NULL, NULL), EINTR);
	CHECK_ERRNO(epoll_wait(ep, &event, 1, -1), EINTR);
	CHECK_ERRNO(pause(), EINTR);
	sigset_t usr2;
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	CHECK_ERRNO(sigwaitinfo(&usr2, NULL), EINTR);
	stop = 1;
	CHECK_OK(pthread_join(thread, NULL));
	return 0;
}
