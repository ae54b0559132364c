/*
 * /proc/PID and /proc/PID/task/TID: what ps, top, the JVM and libc read of a process; see proc(5).  All of it is read
 * from structures in the arena; the texts that live in guest memory on Linux (cmdline, environ) are copies there.
 */
#include "libos/procfs/procfs.h"
#include "libos/ptrace/ptrace.h"
#include "libos/seccomp/seccomp.h"
#include "libos/signal/signal.h"
#include "libos/tty/tty.h"
#include <linux/capability.h>
#include <linux/sched.h>

#define USER_HZ 100

struct process *pnode_process(const struct pnode *n)
{
	struct process *p = process_find(n->pid);

	if (p && n->born && p->start_time != n->born) {
		process_put(p);
		p = NULL;
	}
	return p;
}

struct thread *pnode_thread(const struct pnode *n)
{
	return thread_find(n->tid ? n->tid : n->pid);
}

bool pnode_alive(const struct pnode *n)
{
	struct process *p = pnode_process(n);

	if (p)
		process_put(p);
	return p != NULL;
}

static bool task_alive(const struct pnode *n)
{
	struct thread *t = pnode_thread(n);
	bool ok = t && t->process->pid == n->pid && t->state != THREAD_DEAD;

	if (t)
		thread_put(t);
	return ok;
}

i32 proc_parse_number(const char *name, u32 len)
{
	i64 v = 0;

	if (!len || len > 9 || (name[0] == '0' && len > 1))
		return -1;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		v = v * 10 + name[i] - '0';
	}
	return v;
}

char *proc_path_text(const struct path *p)
{
	char *buf = kmalloc(PATH_MAX), *at, *text = NULL;

	if (!buf)
		return NULL;
	at = path_string(p, buf, PATH_MAX);
	if (!IS_ERR(at))
		text = kstrdup(at);
	kfree(buf);
	return text;
}

static void seq_comm(struct seq *s, const struct pnode *n)
{
	struct thread *t = pnode_thread(n);

	seq_puts(s, t ? t->comm : "?");
	if (t)
		thread_put(t);
}

static int comm_show(struct seq *s, const struct pnode *n)
{
	seq_comm(s, n);
	seq_puts(s, "\n");
	return 0;
}

static ssize_t comm_store(const struct pnode *n, char *text, size_t len)
{
	struct thread *t = pnode_thread(n);

	if (!t)
		return -ESRCH;
	if (t->process != current->process) {
		thread_put(t);
		return -EINVAL;
	}
	if (len && text[len - 1] == '\n')
		text[len - 1] = 0;
	strlcpy(t->comm, text, sizeof(t->comm));
	thread_put(t);
	return len;
}

static int blob_show(struct seq *s, const struct pnode *n, bool environ)
{
	struct process *p = pnode_process(n);

	if (!p)
		return -ESRCH;
	mutex_lock(&p->lock);
	if (environ && p->environ)
		seq_write(s, p->environ, p->environ_len);
	else if (!environ && p->cmdline)
		seq_write(s, p->cmdline, p->cmdline_len);
	mutex_unlock(&p->lock);
	process_put(p);
	return 0;
}

static int cmdline_show(struct seq *s, const struct pnode *n)
{
	return blob_show(s, n, false);
}

static int environ_show(struct seq *s, const struct pnode *n)
{
	return blob_show(s, n, true);
}

static int auxv_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);

	if (!p)
		return -ESRCH;
	seq_write(s, p->auxv, p->auxv_len);
	process_put(p);
	return 0;
}

static char state_char(const struct process *p, const struct thread *t)
{
	if (!t || t->state == THREAD_DEAD)
		return 'Z';
	if (t->state == THREAD_TRACED)
		return 't';
	if (p->stopped || t->state == THREAD_STOPPED)
		return 'T';
	/* Who has a signal to handle sleeps no longer, though it may not have run yet. */
	return READ_ONCE(t->sleep_kind) == SLEEP_NONE || READ_ONCE(t->signal_pending) ? 'R' : 'S';
}

static const char *state_name(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'T':
		return "T (stopped)";
	case 't':
		return "t (tracing stop)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "S (sleeping)";
	}
}

static i64 cpu_ticks(const struct process *p)
{
	return process_cpu(p) / (NSEC_PER_SEC / USER_HZ);
}

static void pending_sets(const struct process *p, const struct thread *t, u64 *ign, u64 *cgt)
{
	*ign = *cgt = 0;
	for (int i = 0; p->sighand && i < NSIG_MAX; i++) {
		u64 h = p->sighand->action[i].handler;

		if (h == 1)
			*ign |= SIG_BIT(i + 1);
		else if (h)
			*cgt |= SIG_BIT(i + 1);
	}
}

static void parent_and_tty(const struct process *p, i32 *ppid)
{
	*ppid = p->parent ? p->parent->pid : 0;
}

static u32 tty_number(const struct process *p)
{
	u32 number = 0;

	mutex_lock(&tasklist_lock);
	if (p->tty && !p->tty->hung_up)
		number = p->tty->major << 8 | (p->tty->minor & 0xff) | (p->tty->minor & ~0xffu) << 12;
	mutex_unlock(&tasklist_lock);
	return number;
}

static int stat_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);
	struct thread *t = pnode_thread(n);
	struct mm *mm = p ? p->mm : NULL;
	u64 ign, cgt;
	i32 ppid;

	if (!p) {
		if (t)
			thread_put(t);
		return -ESRCH;
	}
	pending_sets(p, t, &ign, &cgt);
	parent_and_tty(p, &ppid);
	seq_printf(s, "%d (%s) %c %d %d %d %d -1 4194304 %lu 0 %lu 0 ", t ? t->tid : p->pid, t ? t->comm : "?",
		   state_char(p, t), ppid, p->pgrp, p->session, tty_number(p), (unsigned long)p->ru.minflt,
		   (unsigned long)p->ru.majflt);
	seq_printf(s, "%ld %ld 0 0 %d %d %u 0 %ld %lu %lu %lu ", (long)cpu_ticks(p), 0l, 20 + (t ? t->nice : 0),
		   t ? t->nice : 0, p->thread_count, (long)(p->start_time / (NSEC_PER_SEC / USER_HZ)),
		   mm ? (unsigned long)mm->total_pages * PAGE_SIZE : 0ul, mm ? (unsigned long)mm->data_pages : 0ul,
		   (unsigned long)p->rlimit[RLIMIT_RSS].soft);
	seq_printf(s, "%lu %lu %lu 0 0 %lu %lu %lu %lu 0 0 0 17 0 %d %u 0 0 0 ", mm ? (unsigned long)mm->start_code : 0,
		   mm ? (unsigned long)mm->end_code : 0, mm ? (unsigned long)mm->start_stack : 0,
		   t ? (unsigned long)t->pending.set & 0x7fffffff : 0, t ? (unsigned long)t->blocked & 0x7fffffff : 0,
		   (unsigned long)ign & 0x7fffffff, (unsigned long)cgt & 0x7fffffff, t ? t->sched_priority : 0,
		   t ? t->sched_policy : 0);
	seq_printf(s, "%lu %lu %lu %lu %lu %lu %lu %u\n", mm ? (unsigned long)mm->start_data : 0,
		   mm ? (unsigned long)mm->end_data : 0, mm ? (unsigned long)mm->start_brk : 0,
		   mm ? (unsigned long)mm->arg_start : 0, mm ? (unsigned long)mm->arg_end : 0,
		   mm ? (unsigned long)mm->env_start : 0, mm ? (unsigned long)mm->env_end : 0, p->exit_code);
	if (t)
		thread_put(t);
	process_put(p);
	return 0;
}

static int statm_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);
	struct mm *mm = p ? p->mm : NULL;

	if (!p)
		return -ESRCH;
	seq_printf(s, "%lu %lu 0 %lu 0 %lu 0\n", mm ? (unsigned long)mm->total_pages : 0,
		   mm ? (unsigned long)mm->data_pages : 0,
		   mm ? (unsigned long)(mm->end_code - mm->start_code) / PAGE_SIZE : 0,
		   mm ? (unsigned long)mm->data_pages : 0);
	process_put(p);
	return 0;
}

static void status_ids(struct seq *s, const struct process *p)
{
	const struct cred *c = &p->cred;

	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\nGroups:\t", c->uid, c->euid, c->suid,
		   c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	for (u32 i = 0; i < c->ngroups; i++)
		seq_printf(s, "%u ", c->groups[i]);
	seq_printf(s, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", p->pid, p->pid, p->pgrp, p->session);
}

static void status_memory(struct seq *s, const struct mm *mm)
{
	unsigned long total = mm->total_pages * 4, data = mm->data_pages * 4, locked = mm->locked_pages * 4;

	seq_printf(s, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t       0 kB\nVmHWM:\t%8lu kB\n", total,
		   total, locked, data);
	seq_printf(s, "VmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\nRssFile:\t       0 kB\nRssShmem:\t       0 kB\n", data, data);
	seq_printf(s, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t       0 kB\nVmPTE:\t      64 kB\n"
		      "VmSwap:\t       0 kB\nHugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\n",
		   data, 132ul, (unsigned long)(mm->end_code - mm->start_code) >> 10);
}

static int status_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);
	struct thread *t = pnode_thread(n);
	u64 ign, cgt, cpus = boot->cpus >= 64 ? ~0ull : (1ull << boot->cpus) - 1;
	i32 ppid;

	if (!p || !t) {
		if (p)
			process_put(p);
		if (t)
			thread_put(t);
		return -ESRCH;
	}
	parent_and_tty(p, &ppid);
	pending_sets(p, t, &ign, &cgt);
	seq_printf(s, "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		   t->comm, p->fs ? p->fs->umask : 0, state_name(state_char(p, t)), p->pid, t->tid, ppid, ptrace_tracer_pid(t));
	status_ids(s, p);
	if (p->mm)
		status_memory(s, p->mm);
	seq_printf(s, "Threads:\t%u\nSigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", p->thread_count,
		   t->pending.count + p->shared_pending.count, (unsigned long)p->rlimit[RLIMIT_SIGPENDING].soft,
		   (unsigned long)t->pending.set, (unsigned long)p->shared_pending.set, (unsigned long)t->blocked);
	seq_printf(s, "SigIgn:\t%016lx\nSigCgt:\t%016lx\nCapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n",
		   (unsigned long)ign, (unsigned long)cgt, (unsigned long)p->cred.cap_inheritable,
		   (unsigned long)p->cred.cap_permitted, (unsigned long)p->cred.cap_effective);
	seq_printf(s, "CapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\nSeccomp:\t%u\nSeccomp_filters:\t%u\n",
		   (unsigned long)p->cred.cap_bounding, (unsigned long)p->cred.cap_ambient, p->cred.no_new_privs,
		   t->seccomp_mode, seccomp_count(t));
	seq_printf(s, "Speculation_Store_Bypass:\tvulnerable\nCpus_allowed:\t%lx\nCpus_allowed_list:\t0-%u\n"
		      "Mems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%lu\n"
		      "nonvoluntary_ctxt_switches:\t%lu\n",
		   (unsigned long)cpus, boot->cpus - 1, (unsigned long)p->ru.nvcsw, (unsigned long)p->ru.nivcsw);
	thread_put(t);
	process_put(p);
	return 0;
}

static const struct {
	const char *name, *unit;
	int resource;
} limits[] = {
	{"Max cpu time", "seconds", RLIMIT_CPU}, {"Max file size", "bytes", RLIMIT_FSIZE},
	{"Max data size", "bytes", RLIMIT_DATA}, {"Max stack size", "bytes", RLIMIT_STACK},
	{"Max core file size", "bytes", RLIMIT_CORE}, {"Max resident set", "bytes", RLIMIT_RSS},
	{"Max processes", "processes", RLIMIT_NPROC}, {"Max open files", "files", RLIMIT_NOFILE},
	{"Max locked memory", "bytes", RLIMIT_MEMLOCK}, {"Max address space", "bytes", RLIMIT_AS},
	{"Max file locks", "locks", RLIMIT_LOCKS}, {"Max pending signals", "signals", RLIMIT_SIGPENDING},
	{"Max msgqueue size", "bytes", RLIMIT_MSGQUEUE}, {"Max nice priority", "", RLIMIT_NICE},
	{"Max realtime priority", "", RLIMIT_RTPRIO}, {"Max realtime timeout", "us", RLIMIT_RTTIME},
};

static void seq_limit(struct seq *s, u64 v)
{
	if (v == ~0ull)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", (unsigned long)v);
}

static int limits_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < ARRAY_SIZE(limits); i++) {
		seq_printf(s, "%-25s ", limits[i].name);
		seq_limit(s, p->rlimit[limits[i].resource].soft);
		seq_limit(s, p->rlimit[limits[i].resource].hard);
		seq_printf(s, "%-10s\n", limits[i].unit);
	}
	process_put(p);
	return 0;
}

static long exe_readlink(const struct pnode *n, char *buf, size_t size)
{
	struct process *p = pnode_process(n);
	long len = -ENOENT;

	if (!p)
		return -ENOENT;
	mutex_lock(&p->lock);
	if (p->exe_path) {
		len = min(strlen(p->exe_path), size);
		memcpy(buf, p->exe_path, len);
	}
	mutex_unlock(&p->lock);
	process_put(p);
	return len;
}

static int exe_follow(const struct pnode *n, struct path *out)
{
	struct process *p = pnode_process(n);
	int err = -ENOENT;

	if (!p)
		return -ENOENT;
	if (p->exe_path)
		err = path_lookup(AT_FDCWD, p->exe_path, LOOKUP_FOLLOW, out);
	process_put(p);
	return err;
}

static int fs_path(const struct pnode *n, bool root, struct path *out)
{
	struct process *p = pnode_process(n);
	int err = -ENOENT;

	if (!p)
		return -ENOENT;
	if (p->fs) {
		mutex_lock(&p->fs->lock);
		*out = root ? p->fs->root : p->fs->cwd;
		path_get(out);
		mutex_unlock(&p->fs->lock);
		err = 0;
	}
	process_put(p);
	return err;
}

static long fs_readlink(const struct pnode *n, bool root, char *buf, size_t size)
{
	struct path path;
	char *text;
	long len = fs_path(n, root, &path);

	if (len)
		return len;
	text = proc_path_text(&path);
	path_put(&path);
	if (!text)
		return -ENOMEM;
	len = min(strlen(text), size);
	memcpy(buf, text, len);
	kfree(text);
	return len;
}

static long cwd_readlink(const struct pnode *n, char *buf, size_t size)
{
	return fs_readlink(n, false, buf, size);
}

static int cwd_follow(const struct pnode *n, struct path *out)
{
	return fs_path(n, false, out);
}

static long root_readlink(const struct pnode *n, char *buf, size_t size)
{
	return fs_readlink(n, true, buf, size);
}

static int root_follow(const struct pnode *n, struct path *out)
{
	return fs_path(n, true, out);
}

static int const_show(struct seq *s, const struct pnode *n)
{
	static const struct {
		const char *name, *text;
	} texts[] = {
		{"cgroup", "0::/\n"}, {"oom_score", "0\n"}, {"oom_adj", "0\n"},
		{"wchan", "0"}, {"loginuid", "4294967295"}, {"sessionid", "4294967295"}, {"setgroups", "allow\n"},
		{"uid_map", "         0          0 4294967295\n"}, {"gid_map", "         0          0 4294967295\n"},
		{"coredump_filter", "00000033\n"}, {"personality", "00000000\n"},
		{"schedstat", "0 0 0\n"}, {"syscall", "running\n"}, {"patch_state", "-1\n"},
		{"io", "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(texts[i].name, n->entry->name))
			seq_puts(s, texts[i].text);
	return 0;
}

static int oom_show(struct seq *s, const struct pnode *n)
{
	struct process *p = process_find(n->pid);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%d\n", p->oom_score_adj);
	process_put(p);
	return 0;
}

/* There is no OOM killer in here whose choice this could guide, but what is set is kept, and children inherit it. */
static ssize_t oom_store(const struct pnode *n, char *text, size_t len)
{
	bool minus = *text == '-';
	const char *end;
	u64 v = parse_u64(text + minus, &end, 10);
	struct process *p;
	i32 adj;

	if (end == text + minus || (*end && *end != '\n') || v > 1000)
		return -EINVAL;
	adj = minus ? -(i32)v : (i32)v;
	p = process_find(n->pid);
	if (!p)
		return -ESRCH;
	if (adj < p->oom_score_adj && !capable(CAP_SYS_RESOURCE)) {
		process_put(p);
		return -EACCES;
	}
	p->oom_score_adj = adj;
	process_put(p);
	return len;
}

static int slack_show(struct seq *s, const struct pnode *n)
{
	struct thread *t = pnode_thread(n);

	if (!t)
		return -ESRCH;
	seq_printf(s, "%lu\n", (unsigned long)t->timer_slack);
	thread_put(t);
	return 0;
}

static ssize_t slack_store(const struct pnode *n, char *text, size_t len)
{
	const char *end;
	u64 v = parse_u64(text, &end, 10);
	struct thread *t;

	if (end == text || (*end && *end != '\n'))
		return -EINVAL;
	t = pnode_thread(n);
	if (!t)
		return -ESRCH;
	if (t->process != current->process && !capable(CAP_SYS_NICE)) {
		thread_put(t);
		return -EPERM;
	}
	t->timer_slack = v ? v : t->timer_slack_default;
	thread_put(t);
	return len;
}

static int core_filter_show(struct seq *s, const struct pnode *n)
{
	struct process *p = pnode_process(n);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%08x\n", p->core_filter);
	process_put(p);
	return 0;
}

static ssize_t core_filter_store(const struct pnode *n, char *text, size_t len)
{
	bool hex = text[0] == '0' && (text[1] | 32) == 'x';
	const char *end, *digits = hex ? text + 2 : text;
	u64 v = parse_u64(digits, &end, hex ? 16 : text[0] == '0' ? 8 : 10);
	struct process *p;

	if (end == digits)
		return -EINVAL;
	p = pnode_process(n);
	if (!p)
		return -ESRCH;
	p->core_filter = v & 0x1ff;
	process_put(p);
	return len;
}

static const struct pseudo_entry task_dir;

static int task_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child)
{
	child->tid = proc_parse_number(name, len);
	child->entry = &task_dir;
	return child->tid > 0 && task_alive(child) ? 0 : -ENOENT;
}

static int task_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg)
{
	struct process *p = pnode_process(dir);
	i64 after = *pos - PSEUDO_DYNAMIC;
	char name[12];
	struct thread *t;

	if (!p)
		return -ENOENT;
	for (;;) {
		i32 best = 0;

		/* By ascending tid, so that a position means the same after threads came and went. */
		mutex_lock(&p->lock);
		list_for_each(t, &p->threads, node)
			if (t->tid > after && (!best || t->tid < best))
				best = t->tid;
		mutex_unlock(&p->lock);
		if (!best || !emit(arg, name, snprintf(name, sizeof(name), "%d", best), 0x300000000ull + best, 4,
				   PSEUDO_DYNAMIC + best))
			break;
		after = best;
		*pos = PSEUDO_DYNAMIC + best;
	}
	process_put(p);
	return 0;
}

#define COMMON_ENTRIES                                                                                       \
	{.name = "auxv", .mode = S_IFREG | 0400, .show = auxv_show},                                         \
	{.name = "cgroup", .mode = S_IFREG | 0444, .show = const_show},                                      \
	{.name = "cmdline", .mode = S_IFREG | 0444, .show = cmdline_show},                                   \
	{.name = "comm", .mode = S_IFREG | 0644, .show = comm_show, .store = comm_store},                    \
	{.name = "coredump_filter", .mode = S_IFREG | 0644, .show = core_filter_show, .store = core_filter_store}, \
	{.name = "cwd", .mode = S_IFLNK | 0777, .readlink = cwd_readlink, .follow = cwd_follow},             \
	{.name = "environ", .mode = S_IFREG | 0400, .show = environ_show},                                   \
	{.name = "exe", .mode = S_IFLNK | 0777, .readlink = exe_readlink, .follow = exe_follow},             \
	{.name = "gid_map", .mode = S_IFREG | 0644, .show = const_show},                                     \
	{.name = "io", .mode = S_IFREG | 0400, .show = const_show},                                          \
	{.name = "limits", .mode = S_IFREG | 0444, .show = limits_show},                                     \
	{.name = "loginuid", .mode = S_IFREG | 0644, .show = const_show},                                    \
	{.name = "maps", .mode = S_IFREG | 0444, .show = proc_maps_show, .ioctl = proc_maps_ioctl},                                    \
	{.name = "mem", .mode = S_IFREG | 0600, .fops = &proc_mem_fops},                                     \
	{.name = "mountinfo", .mode = S_IFREG | 0444, .show = proc_mountinfo_show, .polled = true},                          \
	{.name = "mounts", .mode = S_IFREG | 0444, .show = proc_mounts_show, .polled = true},                                \
	{.name = "mountstats", .mode = S_IFREG | 0400, .show = proc_mountstats_show, .polled = true},                        \
	{.name = "numa_maps", .mode = S_IFREG | 0444, .show = proc_numa_maps_show},                          \
	{.name = "oom_adj", .mode = S_IFREG | 0444, .show = const_show},                                     \
	{.name = "oom_score", .mode = S_IFREG | 0444, .show = const_show},                                   \
	{.name = "oom_score_adj", .mode = S_IFREG | 0644, .show = oom_show, .store = oom_store},             \
	{.name = "pagemap", .mode = S_IFREG | 0400, .fops = &proc_pagemap_fops},                             \
	{.name = "personality", .mode = S_IFREG | 0400, .show = const_show},                                 \
	{.name = "root", .mode = S_IFLNK | 0777, .readlink = root_readlink, .follow = root_follow},          \
	{.name = "schedstat", .mode = S_IFREG | 0444, .show = const_show},                                   \
	{.name = "sessionid", .mode = S_IFREG | 0444, .show = const_show},                                   \
	{.name = "setgroups", .mode = S_IFREG | 0644, .show = const_show},                                   \
	{.name = "smaps", .mode = S_IFREG | 0444, .show = proc_smaps_show},                                  \
	{.name = "smaps_rollup", .mode = S_IFREG | 0444, .show = proc_smaps_rollup_show},                    \
	{.name = "stat", .mode = S_IFREG | 0444, .show = stat_show},                                         \
	{.name = "statm", .mode = S_IFREG | 0444, .show = statm_show},                                       \
	{.name = "status", .mode = S_IFREG | 0444, .show = status_show},                                     \
	{.name = "syscall", .mode = S_IFREG | 0400, .show = const_show},                                     \
	{.name = "uid_map", .mode = S_IFREG | 0644, .show = const_show},                                     \
	{.name = "wchan", .mode = S_IFREG | 0444, .show = const_show},                                       \
	{.name = "fd", .mode = S_IFDIR | 0500, .find = proc_fd_find, .list = proc_fd_list, .alive = pnode_alive}, \
	{.name = "fdinfo", .mode = S_IFDIR | 0555, .find = proc_fdinfo_find, .list = proc_fdinfo_list,               \
	 .alive = pnode_alive},                                                                                      \
	{.name = "net", .mode = S_IFDIR | 0555, .children = proc_net_entries}

static const struct pseudo_entry task_entries[] = {COMMON_ENTRIES, {0}};
static const struct pseudo_entry task_dir = {
	.name = "TID", .mode = S_IFDIR | 0555, .children = task_entries, .alive = task_alive};

static const struct pseudo_entry pid_entries[] = {
	COMMON_ENTRIES,
	{.name = "coredump_filter", .mode = S_IFREG | 0644, .show = const_show},
	{.name = "task", .mode = S_IFDIR | 0555, .find = task_find, .list = task_list, .alive = pnode_alive},
	{.name = "timerslack_ns", .mode = S_IFREG | 0666, .show = slack_show, .store = slack_store},
	{0}};
const struct pseudo_entry proc_pid_dir = {
	.name = "PID", .mode = S_IFDIR | 0555, .children = pid_entries, .alive = pnode_alive};
