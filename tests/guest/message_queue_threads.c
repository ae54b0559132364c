/* mq_notify(3) with SIGEV_THREAD: a message to an empty queue starts a function in a thread. */
#include "check.h"
#include <mqueue.h>
#include <semaphore.h>

static sem_t told;

static void message(union sigval v)
{
	CHECK_EQ(v.sival_int, 4711);
	sem_post(&told);
}

static void expect(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 10;
	CHECK(!sem_timedwait(&told, &end));
}

int main(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = message, .sigev_value.sival_int = 4711};
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 8};
	char name[64], buf[8];
	mqd_t q;

	sem_init(&told, 0, 0);
	sprintf(name, "/threads_%d", (int)getpid());
	q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	CHECK(q >= 0 && !mq_unlink(name));
	CHECK(!mq_notify(q, &ev));
	CHECK_ERRNO(mq_notify(q, &ev), EBUSY);
	CHECK(!mq_send(q, "one", 4, 0));
	expect();
	/* Once, and only of an empty queue. */
	CHECK(!mq_notify(q, &ev));
	CHECK(!mq_send(q, "two", 4, 0));
	CHECK_EQ(mq_receive(q, buf, sizeof(buf), NULL), 4);
	CHECK_EQ(mq_receive(q, buf, sizeof(buf), NULL), 4);
	CHECK(!mq_send(q, "three", 6, 0));
	expect();
	/* Taken back: the thread of the C library hears of that, too. */
	CHECK_EQ(mq_receive(q, buf, sizeof(buf), NULL), 6);
	CHECK(!mq_notify(q, &ev));
	CHECK(!mq_notify(q, NULL));
	CHECK(!mq_send(q, "four", 5, 0));
	CHECK(!mq_notify(q, &ev));
	CHECK(!mq_close(q));
	CHECK_ERRNO(sem_trywait(&told), EAGAIN);
	return 0;
}
