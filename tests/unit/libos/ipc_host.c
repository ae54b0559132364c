/*
 * The library OS's means of communication on a test host, as an ordinary program: each thread of the program is the only thread of a
 * guest process, or shares one with others.  The half that sees the library OS's types; ipc_threads.c is the other.
 */
#include "libos/kernel/dispatch.h"
#include "libos/kernel/pages.h"
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/signal/signal.h"
#include "libos/stdio/stdio.h"
#include "libos/vfs/namei.h"
#include "ipc_host.h"
#include "initcalls.h"

void *calloc(size_t n, size_t m);
void ipc_host_arena(size_t size);
void *ipc_host_table(void);
void ipc_host_gs(void *tcb);
int ipc_host_tid(void);

const struct bz_abi *host;
const struct bz_start *boot;

/* --- what is left out: nothing here comes from an image, is executed, or has standard streams --- */

u64 vdso_map(u64 hint)
{
	return 0;
}

struct file *stdio_file(unsigned i)
{
	return ERR_PTR(-EBADF);
}

struct super *erofs_mount(u64 base, u64 size)
{
	return ERR_PTR(-EINVAL);
}

static void become(struct thread *t)
{
	struct bz_tcb *tcb = calloc(1, sizeof(*tcb));

	tcb->self = tcb;
	tcb->tid = ipc_host_tid();
	tcb->libos = t;
	if (t) {
		t->host_tid = tcb->tid;
		t->begun = 1;
		/* Nothing is delivered here, where no guest code runs: signals are taken by sigtimedwait and signalfd. */
		t->blocked = t->real_blocked = ~0ull;
	}
	ipc_host_gs(tcb);
}

static struct thread *new_process(void)
{
	struct process *p = process_create_struct(init_process);
	struct thread *t;

	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		p->rlimit[i].soft = p->rlimit[i].hard = ~0ull;
	p->rlimit[RLIMIT_NOFILE].soft = 1024;
	p->cred.cap_effective = p->cred.cap_permitted = ~0ull;
	p->mm = mm_create();
	p->files = files_create();
	p->fs = init_process ? fs_context_copy(init_process->fs) : fs_context_create();
	p->sighand = sighand_create();
	t = thread_create_struct(p);
	process_publish(p, t, init_process, NULL);
	if (!init_process)
		init_process = p;
	return t;
}

void ipc_host_boot(size_t arena)
{
	char *block = calloc(1, sizeof(struct bz_start) + sizeof(struct bz_mount) + 256);
	struct bz_start *start = (void *)block;
	struct bz_mount *m = (void *)(start + 1);
	char *text = (char *)(m + 1);

	ipc_host_arena(arena);
	host = ipc_host_table();
	start->arena_size = start->memory_limit = arena;
	start->cpus = 1;
	start->umask = 022;
	start->mounts = (char *)m - block;
	start->mount_count = 1;
	m->flags = BZ_MOUNT_TMPFS;
	m->guest_path = text - block;
	strlcpy(text, "/", 200);
	boot = start;
	become(NULL);
	pages_init(BZ_ARENA_BASE + BZ_ARENA_HOST);
	alloc_init();
	run_initcalls();
	become(new_process());
}

int ipc_host_process(void)
{
	become(new_process());
	return current->process->pid;
}

void ipc_host_thread(int pid)
{
	struct process *p = process_find(pid);
	struct thread *t = thread_create_struct(p);

	mutex_lock(&p->lock);
	list_add_tail(&t->node, &p->threads);
	p->thread_count++;
	mutex_unlock(&p->lock);
	process_put(p);
	become(t);
}

long libos_call(long nr, long a, long b, long c, long d, long e, long f)
{
	for (const struct syscall_entry *s = __start_syscalls; s < __stop_syscalls; s++)
		if (s->nr == nr)
			return s->fn(a, b, c, d, e, f);
	return -ENOSYS;
}

bool ipc_host_interrupted(unsigned int *word)
{
	return __atomic_exchange_n(&current_tcb()->interrupted, 0, __ATOMIC_SEQ_CST);
}

void ipc_host_interrupt(void)
{
	__atomic_store_n(&current_tcb()->interrupted, 1, __ATOMIC_SEQ_CST);
}

unsigned long ipc_host_pages(void)
{
	struct memory_use m;

	pages_use(&m);
	return m.used_pages;
}
