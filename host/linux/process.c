/*
 * Picoprocesses: clones of their parent, or of the template, whose parent on the host is always the template; they
 * share one table of descriptors.
 */
#include "host/linux/host.h"

#include <asm/signal.h>
#include <linux/prctl.h>

/* In the child: what was the parent's becomes ours.  Its only thread runs on the same block. */
static void become_child(struct block *b)
{
	uint8_t key[32];
	uint32_t tid = host.block_state[b->index];

	host.pid = tid;
	host.is_template = false;
	host.template_watching = 0;
	host.exiting = 0;
	b->tcb.tid = tid;
	b->tcb.interrupted = 0;
	block_forget_others();
	memcpy(key, b->random_next, sizeof(key));
	random_begin(b, key);
	memset(key, 0, sizeof(key));
}

/*
 * Where no pid namespace ends with its first process, the kernel ends us when the template dies, as that does with the
 * monitor.  It may have died just before; then the monitor's end of the channel is closed (and if only the template was
 * killed, the monitor ends the rest).
 */
static void tie_to_template(void)
{
	if (host.boot->pid_namespace)
		return;
	SYS(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!control_alive())
		SYS(tgkill, host.pid, host.pid, SIGKILL);
}

static long clone_self(struct block *b, unsigned long flags)
{
	uint32_t state = host.block_state[b->index];
	long ret;

	random_derive(b->random_next);
	syscall_count(HOST_CALL_clone);
	ret = syscall_raw(HOST_NR_clone, flags, 0, 0, (long)&host.block_state[b->index], 0, 0);
	if (ret == 0) {
		become_child(b);
		tie_to_template();
		return 0;
	}
	(void)state;
	memset(b->random_next, 0, sizeof(b->random_next));
	return ret == -BZ_ENOMEM ? -BZ_EAGAIN : ret;
}

int process_clone(void)
{
	return host.is_template ? -BZ_EINVAL : clone_self(block_self(), HOST_CLONE_PROCESS);
}

int process_create(void *arg)
{
	struct block *b = block_self();
	long ret;

	if (!host.is_template)
		return -BZ_EINVAL;
	fpu_save_control(b);
	ret = clone_self(b, HOST_CLONE_CREATE);
	if (ret != 0)
		return ret;
	b->tcb.libos = NULL;
	b->tcb.resume_flag = 0;
	b->start_arg = arg;
	thread_enter(b);
}

void process_exit(uint32_t status)
{
	struct bz_request request = {.op = BZ_REQ_EXIT, .flags = status & 0xffff};

	if (host.is_template) {
		log_stats();
		control_send(&request);
		for (;;)
			SYS(exit, status >> 8 & 255);
	}
	if (status & BZ_EXIT_SANDBOX)
		control_send(&request);
	/* A request of another thread of this process must not be cut in two. */
	__atomic_store_n(&host.exiting, 1, __ATOMIC_SEQ_CST);
	control_quiesce();
	threads_forget();
	/* To this very thread: sent to a leader that has ended, the signal would kill nobody. */
	for (;;)
		SYS(tgkill, host.pid, block_self()->tcb.tid, SIGKILL);
}
