/*
 * The template: host pid 1 of the sandbox.  It runs no guest code and holds no guest memory: it starts the first guest
 * process, runs kernel timers, passes the operator's wishes on, and notices deaths.  It sleeps on template_word.
 */
#include "libos/ask/ask.h"
#include "libos/kernel/dispatch.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"
#include "libos/tty/tty.h"
#include "libos/vfs/vfs.h"
#include <asm/siginfo.h>

#define STATUS_NONE (~0u)

u32 template_word;
static u32 end_status = STATUS_NONE;
static i32 init_tid; /* the host's number of the first picoprocess */

void template_kick(void)
{
	__atomic_add_fetch(&template_word, 1, __ATOMIC_SEQ_CST);
	host->wake(&template_word, 1, ~0u, BZ_WAIT_SHARED);
}

void sandbox_end(u32 wait_status)
{
	u32 none = STATUS_NONE;

	__atomic_compare_exchange_n(&end_status, &none, wait_status, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	template_kick();
}

/* Of the first process's last thread, which holds no lock.  The monitor hears it from here: the template need not wake first. */
void sandbox_end_here(u32 wait_status)
{
	if ((boot->flags & (BZ_START_STATS | BZ_START_TTY)) || !__atomic_compare_exchange_n(&end_status, &(u32){STATUS_NONE}, wait_status, false,
											   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		sandbox_end(wait_status);
	else
		host->process_exit(wait_status | BZ_EXIT_SANDBOX);
}

static void __noreturn finish(u32 status)
{
	static u32 never;

	tty_finish();
	if (boot->flags & BZ_START_STATS) {
		/* What the first picoprocess calls on its way out is to be counted. */
		for (int i = 0; i < 1000 && init_tid > 0 && host->thread_interrupt(init_tid, 1) != -ESRCH; i++)
			host->wait(&never, 0, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, now_mono() + NSEC_PER_SEC / 1000);
		syscall_stats_report();
	}
	host->process_exit(status);
}

static void serve(const struct bz_control *ctl)
{
	struct siginfo_kernel info = {.si_code = SI_USER};

	switch (ctl->kind) {
	case BZ_CTL_SIGNAL:
		if (ctl->arg >= 1 && ctl->arg <= NSIG_MAX && init_process) {
			info.si_signo = ctl->arg;
			if (ctl->rows)
				signal_send_pgrp(init_process->pgrp, ctl->arg, &info);
			else
				signal_send_process(init_process, ctl->arg, &info);
		}
		break;
	case BZ_CTL_WINSIZE:
		tty_set_winsize(ctl->rows, ctl->cols);
		break;
	case BZ_CTL_ASK:
		ask_serve();
		break;
	case BZ_CTL_STATS:
		syscall_stats_report();
		break;
	}
}

/*
 * --- picoprocesses for threads that have none: made here, since the kernel may end an orphan with the thread that made it
 * (host/linux).  Once an exec behind a vfork was seen, a few wait parked for the next ones, so that its parent goes on at once.
 */

#define PARKED 2
#define PARKED_MAKING ((struct thread *)1)

enum { SLOT_EMPTY, SLOT_WAITS, SLOT_TAKEN };
static struct parked {
	u64 magic;		/* PARKED_MAGIC, for thread_start */
	u32 state;		/* its picoprocess sleeps on it */
	i32 host_tid;
	struct thread *thread;	/* SLOT_TAKEN: to become */
} parked[PARKED];
static bool parking; /* from the first exec behind a vfork on */

static struct beginning {
	struct mutex lock;
	struct thread *thread;	/* one at a time */
	u32 done;
	int ret;
} beginning = {.lock = MUTEX_INIT(RANK_OBJECT)};

static bool take_parked(struct thread *t)
{
	for (u32 i = 0; i < PARKED; i++) {
		struct thread *none = NULL;

		if (READ_ONCE(parked[i].state) != SLOT_WAITS ||
		    !__atomic_compare_exchange_n(&parked[i].thread, &none, t, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			continue;
		if (READ_ONCE(parked[i].state) != SLOT_WAITS) { /* it went in between, and is made anew */
			__atomic_store_n(&parked[i].thread, NULL, __ATOMIC_SEQ_CST);
			continue;
		}
		WRITE_ONCE(t->host_tid, parked[i].host_tid);
		__atomic_store_n(&parked[i].state, SLOT_TAKEN, __ATOMIC_SEQ_CST);
		host->wake(&parked[i].state, 1, ~0u, BZ_WAIT_SHARED);
		return true;
	}
	return false;
}

struct thread *template_parked(struct service *s)
{
	struct parked *p = (struct parked *)s;
	struct thread *t;

	while (__atomic_load_n(&p->state, __ATOMIC_SEQ_CST) != SLOT_TAKEN)
		host->wait(&p->state, SLOT_WAITS, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   BZ_NO_DEADLINE);
	t = p->thread;
	__atomic_store_n(&p->state, SLOT_EMPTY, __ATOMIC_SEQ_CST); /* `thread` stays: nobody takes it until it is made anew */
	template_kick();
	return t;
}

static void refill(void)
{
	for (u32 i = 0; READ_ONCE(parking) && i < PARKED; i++) {
		int ret;

		if (READ_ONCE(parked[i].state) != SLOT_EMPTY)
			continue;
		parked[i].magic = PARKED_MAGIC;
		parked[i].thread = PARKED_MAKING;
		parked[i].state = SLOT_WAITS;
		ret = host->process_create(&parked[i]);
		if (ret < 0) {
			parked[i].state = SLOT_EMPTY;
			return; /* at a limit: the next exec asks for one of its own */
		}
		parked[i].host_tid = ret;
		__atomic_store_n(&parked[i].thread, NULL, __ATOMIC_SEQ_CST);
	}
}

/* The template makes one, and is waited for. */
static int begin_now(struct thread *t)
{
	int ret;

	mutex_lock(&beginning.lock);
	beginning.done = 0;
	__atomic_store_n(&beginning.thread, t, __ATOMIC_SEQ_CST);
	template_kick();
	while (!__atomic_load_n(&beginning.done, __ATOMIC_SEQ_CST))
		host->wait(&beginning.done, 0, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   BZ_NO_DEADLINE);
	ret = beginning.ret;
	mutex_unlock(&beginning.lock);
	return min(ret, 0);
}

int template_begin(struct thread *t, bool again)
{
	if (take_parked(t))
		return 0;
	if (again)
		WRITE_ONCE(parking, true);
	return begin_now(t);
}

static void begin_one(void)
{
	struct thread *t = __atomic_exchange_n(&beginning.thread, NULL, __ATOMIC_SEQ_CST);

	if (!t)
		return;
	ref_get(&t->refs);
	beginning.ret = host->process_create(t);
	if (beginning.ret > 0)
		WRITE_ONCE(t->host_tid, beginning.ret);
	thread_put(t);
	__atomic_store_n(&beginning.done, 1, __ATOMIC_SEQ_CST);
	host->wake(&beginning.done, 1, ~0u, BZ_WAIT_SHARED);
}

/* A picoprocess that ended without saying so (a host kill) takes the sandbox with it: its locks may be held. */
static void check_deaths(void)
{
	struct process *p;
	struct thread *t;
	char whose[64] = "";
	bool dead = false;

	for (u32 i = 0; i < PARKED; i++)
		if (parked[i].state == SLOT_WAITS && host->thread_interrupt(parked[i].host_tid, 1) == -ESRCH)
			dead = true;
	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash) {
		if (list_empty(&p->threads) || p->group_exit)
			continue;
		t = list_first(&p->threads, struct thread, node);
		/* The host knows a thread beside the first by its number only once it has begun. */
		if ((t->tid != p->pid || (p->mm && p->mm->tenants)) && !READ_ONCE(t->begun))
			continue;
		if (t->host_tid > 0 && t->state != THREAD_DEAD && host->thread_interrupt(t->host_tid, 1) == -ESRCH) {
			dead = true;
			snprintf(whose, sizeof(whose), ": process %d, %s", p->pid, t->comm);
		}
	}
	mutex_unlock(&tasklist_lock);
	if (dead && READ_ONCE(end_status) == STATUS_NONE) {
		printk(BZ_LOG_WARN, "a picoprocess was killed by the host (out of memory, or by hand)%s", whose);
		sandbox_end(9);
	}
}

void template_main(void)
{
	struct bz_control ctl;
	struct thread *init;
	u32 status = 0, seq;
	i64 deadline, check_at = 0, now;
	bool check = false;
	int ret;

	init = init_start(&status);
	if (!init)
		finish(status);
	if (boot->flags & BZ_START_TTY)
		tty_start();
	ret = host->process_create(init);
	if (ret < 0)
		panic("the first process cannot be made: %s", errno_name(-ret));
	init->host_tid = init_tid = ret;
	for (;;) {
		seq = __atomic_load_n(&template_word, __ATOMIC_SEQ_CST);
		status = READ_ONCE(end_status);
		if (status != STATUS_NONE)
			finish(status);
		begin_one();
		if (READ_ONCE(fsnotify_collect))
			fsnotify_collect();
		refill();
		deadline = ktimer_run(now_mono());
		ret = host->control_next(&ctl, &template_word, seq, check ? min(deadline, check_at) : deadline);
		if (ret == 1) {
			serve(&ctl);
			continue;
		}
		/* It asks after every process, and ten thousand may end at once: at most a twentieth of the time. */
		now = now_mono();
		check = now < check_at;
		if (!check) {
			check_deaths();
			check_at = now + 20 * (now_mono() - now);
		}
	}
}
