/* A dump's course: all threads of the process leave their registers and wait, the one that began it writes the file. */
#include "libos/coredump/coredump.h"
#include "libos/proc/internal.h"
#include "libos/signal/signal.h"
#include "libos/vfs/vfs.h"

#define PATIENCE_NS (10 * NSEC_PER_SEC)

static bool add_self(struct core_dump *core, struct thread *t)
{
	struct core_thread *c = kzalloc(sizeof(*c));

	if (!c)
		return false;
	c->tid = t->tid;
	c->pending = t->pending.set;
	c->blocked = t->blocked;
	user_regs_fill(&c->regs, t->ctx, t->orig_rax);
	c->extended = extended_state_alloc();
	if (c->extended)
		extended_state_save(c->extended);
	mutex_lock(&core->lock);
	list_add_tail(&c->node, &core->threads);
	mutex_unlock(&core->lock);
	return true;
}

void core_park(struct thread *t)
{
	struct core_dump *core = t->process->core;

	if (__atomic_load_n(&core->done, __ATOMIC_SEQ_CST))
		return; /* it wrote the file */
	add_self(core, t);
	__atomic_add_fetch(&core->parked, 1, __ATOMIC_SEQ_CST);
	host->wake(&core->parked, 1, ~0u, BZ_WAIT_SHARED);
	while (!__atomic_load_n(&core->done, __ATOMIC_SEQ_CST))
		host->wait(&core->done, 0, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
}

/* The others are at core_park, or gone; who does not come in time is missing in the file. */
static void wait_parked(const struct process *p, struct core_dump *core)
{
	i64 deadline = now_mono() + PATIENCE_NS;

	for (;;) {
		u32 n = __atomic_load_n(&core->parked, __ATOMIC_SEQ_CST);

		if (n + 1 >= __atomic_load_n(&p->thread_count, __ATOMIC_SEQ_CST) || now_mono() > deadline)
			return;
		host->wait(&core->parked, n, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   now_mono() + NSEC_PER_SEC / 100);
	}
}

/* The process ends from here on; false: it is ending already, or executes another program. */
static bool begin(struct process *p, struct core_dump *core)
{
	bool first;

	mutex_lock(&p->lock);
	first = !p->group_exit && !p->exec_thread && !p->core;
	if (first)
		p->core = core;
	mutex_unlock(&p->lock);
	if (first)
		process_kill_threads(p, core->sig);
	return first;
}

static void core_free(struct core_dump *core)
{
	struct core_thread *c, *tmp;

	list_for_each_safe(c, tmp, &core->threads, node) {
		if (c->extended)
			extended_state_free(c->extended);
		kfree(c);
	}
	kfree(core);
}

void core_forget(struct process *p)
{
	if (p->core)
		core_free(p->core);
	p->core = NULL;
}

bool core_dump(int sig, const struct siginfo_kernel *info)
{
	struct thread *t = current;
	struct process *p = t->process;
	u64 limit = rlimit_soft(RLIMIT_CORE);
	struct core_dump *core;
	struct file *f;

	/* Less than a page is no core file (min_coredump). */
	if (limit < PAGE_SIZE || p->dumpable != 1 || !core_pattern[0])
		return false;
	core = kzalloc(sizeof(*core));
	if (!core)
		return false;
	mutex_init(&core->lock, RANK_SIGHAND);
	list_init(&core->threads);
	core->sig = sig;
	if (info)
		core->info = *info;
	core->info.si_signo = sig;
	if (!add_self(core, t) || !begin(p, core)) {
		core_free(core);
		return false;
	}
	wait_parked(p, core);
	f = core_open(core, p);
	if (f) {
		core_write(core, p, f, limit);
		file_put(f);
		p->exit_code |= 0x80;
	}
	__atomic_store_n(&core->done, 1, __ATOMIC_SEQ_CST);
	host->wake(&core->done, ~0u, ~0u, BZ_WAIT_SHARED);
	return f != NULL;
}
