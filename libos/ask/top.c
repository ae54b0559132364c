/* TOP: what runs in the sandbox.  A record a process, taken under the tasklist lock, sent without it. */
#include "libos/ask/ask.h"
#include "libos/kernel/pages.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include "libos/tty/tty.h"
#include "libos/vfs/fdtable.h"

/* Arguments become one line; what of them is no text is the reader's to escape. */
static void join_command(struct bz_top_process *r, const struct process *p)
{
	size_t n = min(p->cmdline_len, sizeof(r->command));

	if (!p->cmdline || !n)
		return;
	memcpy(r->command, p->cmdline, n);
	r->command[n - 1] = 0;
	for (size_t i = 0; i + 1 < n; i++)
		if (!r->command[i])
			r->command[i] = ' ';
}

static u32 state_of(const struct process *p, const struct thread *t)
{
	if (!t || p->zombie)
		return 'Z';
	if (p->stopped || t->state == THREAD_STOPPED)
		return 'T';
	return READ_ONCE(t->sleep_kind) == SLEEP_NONE ? 'R' : 'S';
}

/* Tasklist locked. */
static void describe(struct bz_top_process *r, struct process *p)
{
	struct thread *t;

	mutex_lock(&p->lock);
	t = list_empty(&p->threads) ? NULL : list_first(&p->threads, struct thread, node);
	*r = (struct bz_top_process){
		.pid = p->pid, .ppid = p->parent ? p->parent->pid : 0, .pgrp = p->pgrp, .session = p->session,
		.uid = p->cred.euid, .threads = p->thread_count, .start = p->start_time, .cpu = process_cpu(p),
		.state = state_of(p, t), .nice = t ? t->nice : 0,
		.tty = p->tty ? p->tty->major << 8 | (p->tty->minor & 0xff) | (p->tty->minor & ~0xffu) << 12 : 0,
		.mapped = p->mm ? p->mm->total_pages * PAGE_SIZE : 0, .memory = p->mm ? p->mm->data_pages * PAGE_SIZE : 0,
		.descriptors = p->files ? p->files->open : 0};
	if (t)
		strlcpy(r->name, t->comm, sizeof(r->name));
	join_command(r, p);
	mutex_unlock(&p->lock);
}

static u32 count_processes(void)
{
	struct process *p;
	u32 n = 0;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		n++;
	mutex_unlock(&tasklist_lock);
	return n;
}

void ask_top(struct ask *a)
{
	u32 room = min(count_processes() + 64, BZ_TOP_MAX), n = 0;
	struct bz_top_process *list = kmalloc(room * sizeof(*list));
	struct bz_top top = {.now = now_mono(), .memory_limit = boot->memory_limit, .threads_max = boot->threads_max};
	struct memory_use use;
	struct process *p;

	if (!list) {
		ask_answer(a, -ENOMEM, 0);
		return;
	}
	memory_use(&use);
	top.memory = use.used_pages * PAGE_SIZE;
	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash) {
		top.processes++;
		top.threads += p->thread_count;
		if (n < room)
			describe(&list[n++], p);
	}
	mutex_unlock(&tasklist_lock);
	for (u32 i = 0; i < n; i++)
		top.streams += list[i].descriptors;
	if (!ask_answer(a, 0, n) && !ask_write(a, &top, sizeof(top)))
		ask_write(a, list, n * sizeof(*list));
	kfree(list);
}
