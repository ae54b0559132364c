/*
 * Requests to the monitor.  One channel serves the sandbox, one request at a time: sandbox->control_lock holds its
 * owner's number.  A waiter that waited long asks whether the owner still exists: one that died between requests is
 * passed over, one that died within a request ended the sandbox's conversation with its monitor, and so the
 * sandbox.  Requests are never interrupted: the monitor does not wait for guests.
 */
#include "host/linux/host.h"

#define PROBE_AFTER (BILLION / 20)
#define MSG_TRUNC_FLAG 0x20
#define MSG_DONTWAIT_FLAG 0x40
#define MSG_CTRUNC_FLAG 0x08

struct control_fd {
	uint64_t len;
	int32_t level, type;
	int32_t fd[2];
};

void control_equip(void)
{
	struct bz_equipment equipment = {0};
	struct {
		uint64_t len;
		int32_t level, type;
		int32_t fd[BZ_FD_LIBOS];
	} rights = {0};
	struct bz_iov iov = {&equipment, sizeof(equipment)};
	struct host_msghdr msg = {.iov = &iov, .iov_len = 1, .control = &rights, .control_len = sizeof(rights)};
	bool right;
	long n;

	if (host.equipped)
		return;
	host.equipped = true;
	do
		n = SYS(recvmsg, BZ_FD_CONTROL, &msg, 0);
	while (n == -BZ_EINTR);
	right = n == sizeof(equipment) && equipment.count == BZ_FD_LIBOS && rights.len == sizeof(rights) &&
		rights.level == SOL_SOCKET_LEVEL && rights.type == SCM_RIGHTS_TYPE;
	for (int i = 0; i < BZ_FD_LIBOS && right; i++)
		right = rights.fd[i] == i + 1;
	if (!right)
		host_die("the monitor did not hand over what a sandbox has");
	host.absent = equipment.absent;
	host.arena_size = equipment.arena_size;
}

static void control_lock(void)
{
	uint32_t self = block_self()->tcb.tid, owner = 0;

	while (!__atomic_compare_exchange_n(&sandbox->control_lock, &owner, self, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST)) {
		__atomic_add_fetch(&sandbox->control_waiters, 1, __ATOMIC_SEQ_CST);
		futex_sleep(&sandbox->control_lock, owner, PROBE_AFTER);
		__atomic_sub_fetch(&sandbox->control_waiters, 1, __ATOMIC_SEQ_CST);
		/* Who ended has let go before, unless it is his still: then what is under way is his, too. */
		if (READ_ONCE(sandbox->control_lock) == owner && !thread_exists(owner) &&
		    __atomic_load_n(&sandbox->control_lock, __ATOMIC_SEQ_CST) == owner) {
			if (READ_ONCE(sandbox->control_busy))
				host_die("a picoprocess was killed in the middle of a request to the monitor");
			__atomic_compare_exchange_n(&sandbox->control_lock, &owner, 0, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
		}
		owner = 0;
	}
}

static void control_unlock(void)
{
	__atomic_store_n(&sandbox->control_lock, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&sandbox->control_waiters, __ATOMIC_SEQ_CST))
		futex_wake_shared(&sandbox->control_lock);
}

/* As control_lock; does not return in a picoprocess that is about to end. */
static void control_begin(void)
{
	for (;;) {
		control_lock();
		if (!__atomic_load_n(&host.exiting, __ATOMIC_SEQ_CST))
			break;
		control_unlock();
		for (;;)
			futex_sleep(&host.exiting, 1, BILLION);
	}
	__atomic_store_n(&sandbox->control_busy, 1, __ATOMIC_SEQ_CST);
}

static void control_end(void)
{
	__atomic_store_n(&sandbox->control_busy, 0, __ATOMIC_SEQ_CST);
	control_unlock();
}

/* After this no thread of this picoprocess, which is ending, is within a request. */
void control_quiesce(void)
{
	control_lock();
	control_unlock();
}

static long send_message(struct bz_iov *iov, uint32_t n)
{
	long ret;

	do
		ret = SYS(pwritev2, BZ_FD_CONTROL, iov, n, -1, 0, 0);
	while (ret == -BZ_EINTR);
	return ret;
}

static int receive_reply(struct control_call *call)
{
	struct control_fd rights = {0};
	struct bz_iov iov[2] = {{&call->reply, sizeof(call->reply)}, {call->payload, call->payload_max}};
	struct host_msghdr msg = {
		.iov = iov,
		.iov_len = call->payload_max ? 2 : 1,
		.control = &rights,
		.control_len = sizeof(rights),
	};
	long n;

	do
		n = SYS(recvmsg, BZ_FD_CONTROL, &msg, 0);
	while (n == -BZ_EINTR);
	if (n < (long)sizeof(call->reply))
		host_die("the monitor has gone");
	if (msg.control_len >= 20 && rights.level == SOL_SOCKET_LEVEL && rights.type == SCM_RIGHTS_TYPE)
		call->fd = rights.fd[0];
	if (call->reply.payload_len > call->payload_max)
		call->reply.payload_len = call->payload_max;
	return call->reply.result;
}

int control_call(struct control_call *call)
{
	struct bz_iov iov[4] = {
		{&call->request, sizeof(call->request)},
		{(void *)call->a, call->a_len},
		{(void *)call->b, call->b_len},
		{(void *)call->c, call->c_len},
	};
	long sent;
	int ret;

	if (call->a_len > BZ_PATH_MAX || call->b_len > BZ_PATH_MAX)
		return -BZ_ENAMETOOLONG;
	if (call->c_len > BZ_PAYLOAD_MAX)
		return -BZ_EINVAL;
	call->request.a_len = call->a_len;
	call->request.b_len = call->b_len;
	call->request.c_len = call->c_len;
	call->fd = -1;

	control_begin();
	sent = send_message(iov, 4);
	if (sent < 0) {
		control_end();
		if (sent != -BZ_EFAULT)
			host_die("the monitor has gone");
		return -BZ_EFAULT;
	}
	ret = receive_reply(call);
	control_end();
	if (ret >= 0 && call->reply.has_fd && call->fd < 0)
		return -BZ_EMFILE; /* the kernel had no number left for it */
	return ret;
}

/* Not by preadv2 with RWF_NOWAIT: sockets know that since Linux 6.5. */
bool control_alive(void)
{
	char byte;
	struct bz_iov iov = {&byte, 1};
	struct host_msghdr msg = {.iov = &iov, .iov_len = 1};
	long n;

	control_begin();
	n = SYS(recvmsg, BZ_FD_CONTROL, &msg, MSG_DONTWAIT_FLAG); /* no answer is under way */
	control_end();
	return n != 0;
}

void control_send(const struct bz_request *request)
{
	struct bz_iov iov = {(void *)request, sizeof(*request)};

	control_begin();
	send_message(&iov, 1);
	control_end();
}
