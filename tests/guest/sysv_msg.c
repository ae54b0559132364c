/* System V message queues: which message is whose, waiting on both sides, limits, errors. */
#include "check.h"
#include <sys/msg.h>
#include <sys/wait.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct message {
	long type;
	char text[8192];
};

static int put(int id, long type, const char *text, int flags)
{
	struct message m = {.type = type};

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text) + 1, flags);
}

static void get(int id, long type, int flags, const char *text)
{
	struct message m;

	CHECK_EQ(msgrcv(id, &m, sizeof(m.text), type, flags), strlen(text) + 1);
	CHECK_STR(m.text, text);
}

static int make(void)
{
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

	CHECK(id >= 0);
	return id;
}

static void drop(int id)
{
	CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

static struct msqid_ds look(int id)
{
	struct msqid_ds ds;

	CHECK(msgctl(id, IPC_STAT, &ds) == 0);
	return ds;
}

static void join(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
}

static void types(void)
{
	int id = make();
	struct message m;

	CHECK(put(id, 5, "five", 0) == 0);
	CHECK(put(id, 2, "two", 0) == 0);
	CHECK(put(id, 9, "nine", 0) == 0);
	CHECK(put(id, 2, "two again", 0) == 0);
	CHECK(put(id, 5, "five again", 0) == 0);
	CHECK_EQ(look(id).msg_qnum, 5);
	CHECK_EQ(look(id).__msg_cbytes, 5 + 4 + 5 + 10 + 11);
	get(id, 9, 0, "nine");
	get(id, -4, 0, "two");
	get(id, -4, 0, "two again");
	CHECK_ERRNO(msgrcv(id, &m, sizeof(m.text), -4, IPC_NOWAIT), ENOMSG);
	CHECK(put(id, 3, "three", 0) == 0);
	get(id, 5, MSG_EXCEPT, "three");
	CHECK_ERRNO(msgrcv(id, &m, sizeof(m.text), 5, MSG_EXCEPT | IPC_NOWAIT), ENOMSG);
	/* Too long: it stays, or is cut. */
	CHECK_ERRNO(msgrcv(id, &m, 3, 0, 0), E2BIG);
	m.text[3] = '!';
	CHECK_EQ(msgrcv(id, &m, 3, 0, MSG_NOERROR), 3);
	CHECK_EQ(memcmp(m.text, "fiv!", 4), 0);
	CHECK_EQ(m.type, 5);
	get(id, LONG_MIN, 0, "five again");
	CHECK_ERRNO(msgrcv(id, &m, sizeof(m.text), 0, IPC_NOWAIT), ENOMSG);
	CHECK_EQ(look(id).msg_lrpid, getpid());
	CHECK_EQ(look(id).msg_lspid, getpid());
	CHECK(look(id).msg_rtime > 0 && look(id).msg_stime > 0);
	/* An empty message is one, too. */
	m.type = 1;
	CHECK(msgsnd(id, &m, 0, 0) == 0);
	CHECK_EQ(msgrcv(id, &m, 0, 0, 0), 0);
	drop(id);
}

static void copies(void)
{
	int id = make();
	struct message m;

	CHECK(put(id, 1, "first", 0) == 0);
	CHECK(put(id, 2, "second", 0) == 0);
	if (msgrcv(id, &m, sizeof(m.text), 1, MSG_COPY | IPC_NOWAIT) >= 0) {
		CHECK_STR(m.text, "second");
		CHECK_ERRNO(msgrcv(id, &m, sizeof(m.text), 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
		CHECK_ERRNO(msgrcv(id, &m, sizeof(m.text), 0, MSG_COPY), EINVAL);
		CHECK_EQ(look(id).msg_qnum, 2);
	}
	drop(id);
}

static void errors(void)
{
	key_t key = 0x65000000 + getpid();
	int id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	struct message m = {.type = 1};

	CHECK(id >= 0);
	CHECK_EQ(msgget(key, 0), id);
	CHECK_ERRNO(msgget(key, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERRNO(put(id, 0, "", 0), EINVAL);
	CHECK_ERRNO(put(id, -1, "", 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, &m, 8193, 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, &m, (size_t)-1, 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, (void *)8, 1, 0), EFAULT);
	CHECK_ERRNO(msgsnd(-1, &m, 1, 0), EINVAL);
	CHECK_ERRNO(msgrcv(id, &m, (size_t)-1, 0, IPC_NOWAIT), EINVAL);
	CHECK_ERRNO(msgctl(id, 99, NULL), EINVAL);
	drop(id);
	CHECK_ERRNO(msgget(key, 0), ENOENT);
	CHECK_ERRNO(msgrcv(id, &m, 1, 0, IPC_NOWAIT), EINVAL);
}

static void nothing(int signo)
{
}

static void receivers_wait(void)
{
	int id = make();
	pid_t children[3];
	const long wish[] = {7, -3, 0};
	struct message m;

	for (int i = 0; i < 3; i++) {
		children[i] = fork();
		if (!children[i]) {
			CHECK(msgrcv(id, &m, 6, wish[i], 0) >= 0);
			_exit(m.type);
		}
		WAIT_FOR(asleep(children[i]));
	}
	/* The first that wants it has it. */
	CHECK(put(id, 9, "nine", 0) == 0);
	CHECK(put(id, 3, "three", 0) == 0);
	CHECK(put(id, 7, "seven", 0) == 0);
	for (int i = 0; i < 3; i++) {
		int status;

		CHECK(waitpid(children[i], &status, 0) == children[i]);
		CHECK_EQ(WEXITSTATUS(status), i == 0 ? 7 : i == 1 ? 3 : 9);
	}
	/* Too long for who waits, so another has it; and signals, and the end of the queue. */
	children[0] = fork();
	if (!children[0]) {
		on_signal(SIGUSR1, nothing, SA_RESTART);
		CHECK_ERRNO(msgrcv(id, &m, 2, 0, 0), E2BIG);
		get(id, 0, 0, "long");
		CHECK_ERRNO(msgrcv(id, &m, 2, 0, 0), EINTR);
		CHECK(put(id, 4, "go", 0) == 0);
		CHECK_ERRNO(msgrcv(id, &m, 2, 8, 0), EIDRM);
		_exit(0);
	}
	WAIT_FOR(asleep(children[0]));
	CHECK(put(id, 1, "long", 0) == 0);
	WAIT_FOR(look(id).msg_qnum == 0 && asleep(children[0]));
	CHECK(kill(children[0], SIGUSR1) == 0);
	get(id, 4, 0, "go");
	WAIT_FOR(asleep(children[0]));
	drop(id);
	join(children[0]);
}

static void senders_wait(void)
{
	static struct message m = {.type = 1};
	int id = make(), status;
	struct msqid_ds ds = look(id);

	CHECK_EQ(ds.msg_qbytes, 16384);
	CHECK(msgsnd(id, &m, 8192, 0) == 0);
	CHECK(msgsnd(id, &m, 8192, 0) == 0);
	CHECK_ERRNO(msgsnd(id, &m, 1, IPC_NOWAIT), EAGAIN);
	pid_t child = fork();
	if (!child) {
		m.type = 2;
		CHECK(msgsnd(id, &m, 8000, 0) == 0);
		_exit(0);
	}
	WAIT_FOR(asleep(child));
	CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
	CHECK_EQ(msgrcv(id, &m, 8192, 0, 0), 8192);
	join(child);
	CHECK_EQ(look(id).msg_qnum, 2);
	/* A larger queue lets them go, too; a smaller one keeps what it has. */
	m.type = 1;
	child = fork();
	if (!child) {
		CHECK(msgsnd(id, &m, 1000, 0) == 0);
		_exit(0);
	}
	WAIT_FOR(asleep(child));
	ds.msg_qbytes = 20000;
	if (msgctl(id, IPC_SET, &ds) == 0) {
		join(child);
		CHECK_EQ(look(id).msg_qnum, 3);
	} else {
		CHECK_EQ(errno, EPERM);
		CHECK_EQ(msgrcv(id, &m, 8192, 2, 0), 8000);
		join(child);
	}
	child = fork();
	if (!child) {
		CHECK(msgsnd(id, &m, 100, 0) == 0);
		CHECK_ERRNO(msgsnd(id, &m, 8192, 0), EIDRM);
		_exit(0);
	}
	WAIT_FOR(asleep(child));
	drop(id);
	join(child);
}

/* Requests and answers between processes: each gets its own. */
static void servers(void)
{
	int id = make();
	pid_t clients[3], server = fork();
	struct message m;

	if (!server) {
		for (int i = 0; i < 3 * 200; i++) {
			CHECK_EQ(msgrcv(id, &m, sizeof(m.text), 1, 0), 2 * sizeof(int));
			int *words = (int *)m.text;
			m.type = words[0];
			words[1]++;
			CHECK(msgsnd(id, &m, 2 * sizeof(int), 0) == 0);
		}
		_exit(0);
	}
	for (int c = 0; c < 3; c++) {
		clients[c] = fork();
		if (clients[c])
			continue;
		for (int i = 0; i < 200; i++) {
			int *words = (int *)m.text;

			m.type = 1;
			words[0] = getpid();
			words[1] = i;
			CHECK(msgsnd(id, &m, 2 * sizeof(int), 0) == 0);
			CHECK_EQ(msgrcv(id, &m, sizeof(m.text), getpid(), 0), 2 * sizeof(int));
			CHECK_EQ(words[1], i + 1);
		}
		_exit(0);
	}
	for (int c = 0; c < 3; c++)
		join(clients[c]);
	join(server);
	CHECK_EQ(look(id).msg_qnum, 0);
	drop(id);
}

int main(void)
{
	types();
	copies();
	errors();
	receivers_wait();
	senders_wait();
	servers();
	return 0;
}
