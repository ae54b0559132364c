/*
 * Nanoseconds of a round trip of one byte (or one semaphore, or one signal) between two processes, the same program runs
 * natively and in a sandbox.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "batches.h"

#define ROUNDS 500

struct text {
	long type;
	char byte;
};

static int pipes[2][2], sockets[2], sems, queue;
static mqd_t mq[2];
static pid_t side_pid[2];

static void pipe_turn(int side)
{
	char c = 0;

	if (side == 0 && (write(pipes[0][1], &c, 1) != 1 || read(pipes[1][0], &c, 1) != 1))
		abort();
	if (side == 1 && (read(pipes[0][0], &c, 1) != 1 || write(pipes[1][1], &c, 1) != 1))
		abort();
}

static void unix_turn(int side)
{
	char c = 0;

	if (side == 0 && (write(sockets[0], &c, 1) != 1 || read(sockets[0], &c, 1) != 1))
		abort();
	if (side == 1 && (read(sockets[1], &c, 1) != 1 || write(sockets[1], &c, 1) != 1))
		abort();
}

/* SIGUSR1 is blocked; each sends it to the other and waits for its own. */
static void signal_turn(int side)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (side == 0 && (kill(side_pid[1], SIGUSR1) || sigwait(&set, &got)))
		abort();
	if (side == 1 && (sigwait(&set, &got) || kill(side_pid[0], SIGUSR1)))
		abort();
}

static void sem_turn(int side)
{
	struct sembuf up = {side, 1, 0}, down = {!side, -1, 0};

	if (side == 0 && (semop(sems, &up, 1) || semop(sems, &down, 1)))
		abort();
	if (side == 1 && (semop(sems, &down, 1) || semop(sems, &up, 1)))
		abort();
}

static void msg_turn(int side)
{
	struct text t = {.type = side + 1};

	if (side == 0 && (msgsnd(queue, &t, 1, 0) || msgrcv(queue, &t, 1, 2, 0) != 1))
		abort();
	if (side == 1) {
		if (msgrcv(queue, &t, 1, 1, 0) != 1)
			abort();
		t.type = 2;
		if (msgsnd(queue, &t, 1, 0))
			abort();
	}
}

static void mq_turn(int side)
{
	char c[8] = {0};

	if (side == 0 && (mq_send(mq[0], c, 1, 0) || mq_receive(mq[1], c, sizeof(c), NULL) != 1))
		abort();
	if (side == 1 && (mq_receive(mq[0], c, sizeof(c), NULL) != 1 || mq_send(mq[1], c, 1, 0)))
		abort();
}

static void (*current)(int side);

static void one_turn(void)
{
	current(0);
}

static void measure(const char *name, void (*turn)(int side))
{
	pid_t other;

	side_pid[0] = getpid();
	other = side_pid[1] = fork();
	if (other == 0)
		for (;;)
			turn(1);
	current = turn;
	report(name, one_turn, ROUNDS);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

static mqd_t make_mq(const char *name)
{
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 8};
	mqd_t q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);

	mq_unlink(name);
	return q;
}

int main(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sems = semget(IPC_PRIVATE, 2, 0600);
	queue = msgget(IPC_PRIVATE, 0600);
	mq[0] = make_mq("/bartizan-ping");
	mq[1] = make_mq("/bartizan-pong");
	if (pipe(pipes[0]) || pipe(pipes[1]) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || sems < 0 || queue < 0 || mq[0] < 0 || mq[1] < 0) {
		perror("ping_pong");
		return 1;
	}
	measure("pipe_ping_pong", pipe_turn);
	measure("AF_UNIX_ping_pong", unix_turn);
	measure("signal_ping_pong", signal_turn);
	measure("semop_ping_pong", sem_turn);
	measure("msgsnd_ping_pong", msg_turn);
	measure("mq_ping_pong", mq_turn);
	semctl(sems, 0, IPC_RMID);
	msgctl(queue, IPC_RMID, NULL);
	return 0;
}
