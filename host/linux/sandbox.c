/*
 * Puts the filter in force.  The listener that tells the monitor of forbidden calls must be sent to it, which the filter
 * denies: a helper, a process of its own with our memory and descriptors, was made before, sends it, and is gone before
 * any code of others runs.
 */
#include "host/linux/host.h"

#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/filter.h>

#define NR_SENDMSG 46
#define NR_SECCOMP 317
#define FUTEX_WAIT_CALL 0
#define CLONE_HELPER 0x01200511ul /* VM FILES CHILD_SETTID CHILD_CLEARTID | SIGCHLD */
#define HELPER_STACK 8192
#define LISTENER_PENDING (-1)
#define LISTENER_NONE (-2)


struct host_cmsg_fd {
	uint64_t len;
	int32_t level, type;
	int32_t fd, pad;
};

long host_clone_helper(unsigned long flags, void *stack, uint32_t *child_tid, void (*fn)(void));

static int32_t helper_listener = LISTENER_PENDING;
static uint32_t helper_alive;
static struct bz_request hello = {.op = BZ_HELLO};
static _Alignas(16) char helper_stack[HELPER_STACK];

/* Runs outside the filter, without a thread block: it touches nothing but what is above. */
static void helper_main(void)
{
	struct bz_iov iov = {&hello, sizeof(hello)};
	struct host_cmsg_fd rights = {20, SOL_SOCKET_LEVEL, SCM_RIGHTS_TYPE, -1, 0};
	struct host_msghdr msg = {.iov = &iov, .iov_len = 1};
	int32_t fd;

	while ((fd = __atomic_load_n(&helper_listener, __ATOMIC_SEQ_CST)) == LISTENER_PENDING)
		syscall_raw(HOST_NR_futex, (long)&helper_listener, FUTEX_WAIT_CALL, LISTENER_PENDING, 0, 0, 0);
	if (fd >= 0) {
		rights.fd = fd;
		msg.control = &rights;
		msg.control_len = sizeof(rights);
	}
	syscall_raw(NR_SENDMSG, BZ_FD_CONTROL, (long)&msg, 0, 0, 0, 0);
	if (fd >= 0)
		syscall_raw(HOST_NR_close, fd, 0, 0, 0, 0, 0);
	for (;;)
		syscall_raw(HOST_NR_exit, 0, 0, 0, 0, 0, 0);
}

static void await_go(void)
{
	struct bz_reply reply = {0};
	struct bz_iov iov = {&reply, sizeof(reply)};
	struct host_msghdr msg = {.iov = &iov, .iov_len = 1};
	long n;

	do
		n = SYS(recvmsg, BZ_FD_CONTROL, &msg, 0);
	while (n == -BZ_EINTR);
	if (n != sizeof(reply) || reply.result != BZ_GO)
		host_die("the monitor did not give its go");
}

void helper_start(void)
{
	helper_alive = 1; /* what it writes to first is present: its faults would hold up ours */
	helper_stack[HELPER_STACK - 1] = 0;
	if (host_clone_helper(CLONE_HELPER, helper_stack + HELPER_STACK, &helper_alive, helper_main) < 0)
		host_die("the helper that hands over the filter's listener cannot be made");
}

void filter_load(void)
{
	const struct bz_boot *boot = host.boot;
	struct sock_fprog program = {boot->filter_count,
				     (struct sock_filter *)((char *)boot + boot->filter_offset)};
	bool notify = boot->flags & BZ_BOOT_NOTIFY;
	long fd;

	if (syscall_raw(HOST_NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) < 0)
		host_die("no_new_privs was refused");
	fd = syscall_raw(NR_SECCOMP, SECCOMP_SET_MODE_FILTER, notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0,
			 (long)&program, 0, 0, 0);
	if (fd < 0)
		host_die("the filter was refused by the kernel");
	if (boot->flags & BZ_BOOT_STATS)
		host_stats = (void *)(BZ_ARENA_BASE + BZ_HOST_STATS_OFFSET);
	__atomic_store_n(&helper_listener, notify ? (int32_t)fd : LISTENER_NONE, __ATOMIC_SEQ_CST);
	wake((uint32_t *)&helper_listener, 1, ~0u, BZ_WAIT_SHARED);
}

/* Until then only the host layer's own code may run: the helper shares its memory, and has no filter. */
void filter_await_go(void)
{
	uint32_t alive;

	await_go();
	/* The helper sent all it had to: it only has to be gone.  The kernel clears its number and wakes us. */
	while ((alive = __atomic_load_n(&helper_alive, __ATOMIC_SEQ_CST)) != 0)
		futex_sleep(&helper_alive, alive, BILLION);
}
