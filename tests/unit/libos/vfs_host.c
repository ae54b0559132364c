/* See vfs_host.h.  The half that sees the library OS's types. */
#include "libos/kernel/dispatch.h"
#include "libos/kernel/pages.h"
#include "libos/mm/mm.h"
#include "libos/signal/signal.h"
#include "libos/vfs/namei.h"
#include "vfs_host.h"
#include "initcalls.h"

void *testhost_table(void);
void testhost_arena(size_t size);
int testhost_grant(const char *dir);
void *calloc(size_t n, size_t m);
void exit(int code) __noreturn;
int printf(const char *fmt, ...) __printf(1, 2);
int vprintf(const char *fmt, va_list ap);
long testhost_image(const char *path);
void testhost_gs(void *tcb);

const struct bz_abi *host;
const struct bz_start *boot;
struct mutex tasklist_lock = MUTEX_INIT(RANK_TASKLIST);
struct process *init_process;
struct list all_processes = LIST_INIT(all_processes);

static struct process process;
static struct thread thread = {.process = &process, .tid = 1};
static struct bz_tcb tcb;

/* --- what file systems need of the rest --- */

bool capable(int cap)
{
	return process.cred.cap_effective >> cap & 1;
}

u64 rlimit_soft(unsigned int resource)
{
	return process.rlimit[resource].soft;
}

i64 clock_ns(u32 clock)
{
	return host->clock_read(clock);
}

int signal_send_thread(struct thread *t, int sig, const struct siginfo_kernel *info)
{
	return 0;
}

void mm_truncate_notify(struct inode *inode, u64 size)
{
}

bool mm_fault_in(u64 addr, size_t len, bool write)
{
	return false;
}

const char *mm_window_open(const struct host_identity *id, bz_stream s, u64 off, size_t len)
{
	return NULL;
}

void mm_window_close(const char *at, size_t len)
{
}

int poll_file_wait(struct file *f, u32 events, i64 deadline)
{
	return -ENOSYS;
}

void printk(u32 level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("libos[%u]: ", level);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("panic: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	exit(1);
}

void template_kick(void)
{
}

const char *errno_name(long err)
{
	static char text[16];

	snprintf(text, sizeof(text), "error %ld", err);
	return text;
}

struct super *procfs_create(void)
{
	return tmpfs_create(0, 0555);
}

struct super *sysfs_create(void)
{
	return tmpfs_create(0, 0555);
}

bool thread_wake(struct thread *t)
{
	return false;
}

int thread_sleep(u32 seq, i64 deadline)
{
	return -EINTR;
}

u32 thread_wake_seq(void)
{
	return 0;
}

struct waiter *thread_waiter(void)
{
	return &thread.waiter;
}

void waitq_init(struct waitq *q)
{
	mutex_init(&q->lock, RANK_WAITQ);
	list_init(&q->waiters);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
}

void waitq_remove(struct waiter *w)
{
}

void waitq_wake(struct waitq *q, u32 n, u32 events)
{
}

int fifo_open(struct inode *inode, struct file *f);
int fifo_open(struct inode *inode, struct file *f)
{
	return -ENXIO;
}

long pipe_set_size(struct file *f, u64 n);
long pipe_set_size(struct file *f, u64 n)
{
	return -EBADF;
}

long pipe_get_size(struct file *f);
long pipe_get_size(struct file *f)
{
	return -EBADF;
}

void epoll_file_released(struct file *f);
void epoll_file_released(struct file *f)
{
}

/* --- boot --- */

const char *boot_string(u32 off)
{
	return (const char *)boot + off;
}

void rewrite_image_mounted(u64 base, u64 image_size) {}

struct fs_context *fs_context_create(void);

void vfs_host_boot(const struct vfs_host_mount *mounts, int n, const char *image, size_t arena)
{
	char *block = calloc(1, sizeof(struct bz_start) + n * (sizeof(struct bz_mount) + 256));
	struct bz_start *start = (void *)block;
	struct bz_mount *m = (void *)(start + 1);
	char *text = (char *)(m + n);

	testhost_arena(arena);
	host = testhost_table();
	start->arena_size = start->memory_limit = arena;
	start->cpus = 1;
	start->umask = 022;
	start->mounts = (char *)m - block;
	start->mount_count = n;
	for (int i = 0; i < n; i++) {
		m[i].flags = mounts[i].flags | (mounts[i].dir ? 0 : BZ_MOUNT_TMPFS);
		m[i].root = mounts[i].dir ? testhost_grant(mounts[i].dir) : 0;
		m[i].guest_path = text - block;
		text += strlcpy(text, mounts[i].guest, 200) + 1;
	}
	if (image)
		start->image_size = testhost_image(image);
	boot = start;
	tcb.self = &tcb;
	tcb.tid = 1;
	testhost_gs(&tcb);
	pages_init(BZ_ARENA_BASE + BZ_ARENA_HOST);
	alloc_init();
	run_initcalls();
	mutex_init(&process.lock, RANK_PROCESS);
	process.pid = 1;
	process.cred.cap_effective = process.cred.cap_permitted = ~0ull;
	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		process.rlimit[i].soft = process.rlimit[i].hard = ~0ull;
	process.rlimit[RLIMIT_NOFILE].soft = 1024;
	process.files = files_create();
	process.fs = fs_context_create();
	tcb.libos = &thread;
}

void vfs_host_thread(int tid)
{
	struct thread *t = calloc(1, sizeof(*t));
	struct bz_tcb *own = calloc(1, sizeof(*own));

	*t = (struct thread){.process = &process, .tid = tid};
	*own = (struct bz_tcb){.self = own, .tid = tid, .libos = t};
	testhost_gs(own);
}

void vfs_host_setuid(unsigned int uid)
{
	struct cred *c = &process.cred;

	c->uid = c->euid = c->suid = c->fsuid = c->gid = c->egid = c->sgid = c->fsgid = uid;
	c->cap_effective = c->cap_permitted = 0;
}

void vfs_host_overlay(const char *lower, const char *upper, const char *guest)
{
	struct super *lo = hostfs_create(testhost_grant(lower), BZ_MOUNT_READONLY, false, NULL);
	struct super *up = hostfs_create(testhost_grant(upper), 0, false, NULL);

	mount_at(overlay_create(lo, up), guest, 0);
}

long libos_call(long nr, long a, long b, long c, long d, long e, long f)
{
	for (const struct syscall_entry *s = __start_syscalls; s < __stop_syscalls; s++)
		if (s->nr == nr)
			return s->fn(a, b, c, d, e, f);
	return -ENOSYS;
}

/* No lease is ever held here. */
struct process *process_find(i32 pid)
{
	return NULL;
}

void process_put(struct process *p)
{
}

int signal_send_process(struct process *p, int sig, const struct siginfo_kernel *info)
{
	return 0;
}

struct thread *thread_find(i32 tid)
{
	return NULL;
}

void thread_put(struct thread *t)
{
}

void ktimer_set(struct ktimer *t, i64 expires)
{
}

void ktimer_cancel(struct ktimer *t)
{
}

int signal_send_pgrp(i32 pgrp, int sig, const struct siginfo_kernel *info)
{
	return 0;
}
