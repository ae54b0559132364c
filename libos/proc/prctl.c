/* prctl(2), arch_prctl(2), personality(2), and calls about threads' private registrations. */
#include "libos/futex/futex.h"
#include "libos/mm/internal.h"
#include "libos/proc/internal.h"
#include "libos/rewrite/rewrite.h"
#include "libos/seccomp/seccomp.h"
#include "libos/signal/signal.h"
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

/* Names of anonymous memory: kept for ever, so few. */
#define ANON_NAMES_MAX 1024
struct anon_name {
	struct list node;
	char text[];
};
static struct list anon_names = LIST_INIT(anon_names);
static struct mutex anon_names_lock = MUTEX_INIT(RANK_DCACHE);
static u32 anon_names_count;

static const char *intern_name(const char *text)
{
	struct anon_name *n;
	const char *found = NULL;

	mutex_lock(&anon_names_lock);
	list_for_each(n, &anon_names, node)
		if (!strcmp(n->text, text))
			found = n->text;
	if (!found && anon_names_count < ANON_NAMES_MAX) {
		n = kmalloc(sizeof(*n) + strlen(text) + 1);
		if (n) {
			strlcpy(n->text, text, strlen(text) + 1);
			list_add(&n->node, &anon_names);
			anon_names_count++;
			found = n->text;
		}
	}
	mutex_unlock(&anon_names_lock);
	return found;
}

static long set_vma_name(u64 addr, u64 len, const char *uname)
{
	const char *name = NULL;
	char text[96] = "[anon:";
	u64 end;
	struct vma *v;
	struct mm *mm;
	long ret = 0, n;

	if (uname) {
		n = strncpy_from_user(text + 6, uname, 80);
		if (n < 0)
			return n == -ENAMETOOLONG ? -EINVAL : n;
		for (long i = 6; i < 6 + n; i++)
			if (text[i] < 0x20 || text[i] > 0x7e || strchr("\\`$[]", text[i]))
				return -EINVAL;
		strlcpy(text + 6 + n, "]", 2);
		name = intern_name(text);
		if (!name)
			return -ENOMEM;
	}
	if (addr & ~PAGE_MASK)
		return -EINVAL;
	end = addr + PAGE_ALIGN(len);
	if (end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	mm = lock_mm();
	if (!vma_covers(mm, addr, end))
		ret = -ENOMEM;
	else
		ret = vma_isolate(mm, addr, end);
	for (v = vma_find(mm, addr); !ret && v && v->start < end; v = vma_next(mm, v)) {
		if (v->file && !vma_is_shared(v)) {
			ret = -EBADF;
			break;
		}
		v->name = name;
	}
	vma_merge_range(mm, addr, end);
	mutex_unlock(&mm->lock);
	return ret;
}

static long get_comm(char *ubuf)
{
	char name[16] = {0};

	strlcpy(name, current->comm, sizeof(name));
	return copy_to_user(ubuf, name, sizeof(name));
}

static long set_comm(const char *uname)
{
	char name[16];
	long n = strncpy_from_user(name, uname, sizeof(name));

	if (n == -EFAULT)
		return n;
	name[15] = 0;
	strlcpy(current->comm, name, sizeof(current->comm));
	return 0;
}

static long cap_ambient(unsigned long op, unsigned long cap)
{
	struct cred *c = &current->process->cred;

	if (op == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (cap)
			return -EINVAL;
		c->cap_ambient = 0;
		return 0;
	}
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	switch (op) {
	case PR_CAP_AMBIENT_IS_SET:
		return c->cap_ambient >> cap & 1;
	case PR_CAP_AMBIENT_RAISE:
		if (!(c->cap_permitted & c->cap_inheritable & (1ull << cap)) ||
		    (c->securebits & (1u << SECURE_NO_CAP_AMBIENT_RAISE)))
			return -EPERM;
		c->cap_ambient |= 1ull << cap;
		return 0;
	case PR_CAP_AMBIENT_LOWER:
		c->cap_ambient &= ~(1ull << cap);
		return 0;
	}
	return -EINVAL;
}

static long set_securebits(unsigned long bits)
{
	struct cred *c = &current->process->cred;

	if (((c->securebits & SECURE_ALL_LOCKS) >> 1 & (c->securebits ^ bits)) ||
	    (c->securebits & SECURE_ALL_LOCKS & ~bits) || (bits & ~(unsigned long)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) ||
	    !capable(CAP_SETPCAP))
		return -EPERM;
	c->securebits = bits;
	return 0;
}

/* Calls about credentials; -ENOSYS: none of them. */
static long prctl_cred(int op, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	struct cred *c = &current->process->cred;

	switch (op) {
	case PR_CAPBSET_READ:
		return a2 > CAP_LAST_CAP ? -EINVAL : (long)(c->cap_bounding >> a2 & 1);
	case PR_CAPBSET_DROP:
		if (!capable(CAP_SETPCAP))
			return -EPERM;
		if (a2 > CAP_LAST_CAP)
			return -EINVAL;
		c->cap_bounding &= ~(1ull << a2);
		return 0;
	case PR_GET_SECUREBITS:
		return c->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(a2);
	case PR_GET_KEEPCAPS:
		return c->securebits >> SECURE_KEEP_CAPS & 1;
	case PR_SET_KEEPCAPS:
		if (a2 > 1)
			return -EINVAL;
		if (c->securebits & (1u << SECURE_KEEP_CAPS_LOCKED))
			return -EPERM;
		c->securebits = (c->securebits & ~(1u << SECURE_KEEP_CAPS)) | (u32)a2 << SECURE_KEEP_CAPS;
		return 0;
	case PR_CAP_AMBIENT:
		return a4 | a5 ? -EINVAL : cap_ambient(a2, a3);
	case PR_SET_NO_NEW_PRIVS:
		if (a2 != 1 || a3 || a4 || a5)
			return -EINVAL;
		c->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a2 | a3 | a4 | a5 ? -EINVAL : c->no_new_privs;
	}
	return -ENOSYS;
}

static long prctl_process(int op, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	struct process *p = current->process;
	struct thread *t = current;

	switch (op) {
	case PR_SET_PDEATHSIG:
		if (a2 > NSIG_MAX)
			return -EINVAL;
		t->pdeathsig = a2;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user(t->pdeathsig, (i32 *)a2);
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_DUMPABLE:
		if (a2 > 1)
			return -EINVAL;
		p->dumpable = a2;
		return 0;
	case PR_SET_NAME:
		return set_comm((const char *)a2);
	case PR_GET_NAME:
		return get_comm((char *)a2);
	case PR_GET_TIMERSLACK:
		return t->timer_slack;
	case PR_SET_TIMERSLACK:
		t->timer_slack = (long)a2 > 0 ? a2 : t->timer_slack_default;
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = a2 != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user((i32)p->child_subreaper, (i32 *)a2);
	case PR_GET_TID_ADDRESS:
		return put_user((u64)t->clear_child_tid, (u64 *)a2);
	case PR_SET_THP_DISABLE:
		if (a3 | a4 | a5)
			return -EINVAL;
		p->thp_disable = a2 != 0;
		return 0;
	case PR_GET_THP_DISABLE:
		return a2 | a3 | a4 | a5 ? -EINVAL : p->thp_disable;
	}
	return -ENOSYS;
}

SYSCALL(prctl, int op, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	long ret = prctl_process(op, a2, a3, a4, a5);

	if (ret == -ENOSYS)
		ret = prctl_cred(op, a2, a3, a4, a5);
	if (ret != -ENOSYS)
		return ret;
	switch (op) {
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING:
		return a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_SECCOMP:
		return current->seccomp_mode;
	case PR_SET_SECCOMP:
		return seccomp_prctl(a2, (const void *)a3);
	case PR_GET_TSC:
		return put_user((i32)PR_TSC_ENABLE, (i32 *)a2);
	case PR_SET_TSC:
		return a2 == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_MCE_KILL:
		if (a4 | a5)
			return -EINVAL;
		if (a2 == PR_MCE_KILL_CLEAR)
			return a3 ? -EINVAL : 0;
		return a2 == PR_MCE_KILL_SET && a3 <= PR_MCE_KILL_DEFAULT ? 0 : -EINVAL;
	case PR_MCE_KILL_GET:
		return a2 | a3 | a4 | a5 ? -EINVAL : PR_MCE_KILL_DEFAULT;
	case PR_SET_MM:
		return -EPERM;
	case PR_SET_VMA:
		return a2 == PR_SET_VMA_ANON_NAME ? set_vma_name(a3, a4, (const char *)a5) : -EINVAL;
	case PR_GET_SPECULATION_CTRL:
		if (a3 | a4 | a5)
			return -EINVAL;
		return a2 <= PR_SPEC_INDIRECT_BRANCH ? PR_SPEC_NOT_AFFECTED : -ENODEV;
	case PR_SET_SPECULATION_CTRL:
		if (a4 | a5)
			return -EINVAL;
		return a2 <= PR_SPEC_INDIRECT_BRANCH ? -ENXIO : -ENODEV;
	case PR_GET_IO_FLUSHER:
	case PR_SET_IO_FLUSHER:
		return capable(CAP_SYS_RESOURCE) ? (op == PR_GET_IO_FLUSHER ? 0 : -EINVAL) : -EPERM;
	}
	return -EINVAL;
}

/* GS holds the library OS's thread block (abi: thread's own block): a base of the guest's own cannot be kept. */
/* Calls of a guest with a GS of its own have to trap: a stub finds the thread by GS, with no register free to look whose it is.  A base
 * of 0, which is of no use, means none. */
static long set_gs_base(u64 base)
{
	struct bz_context *ctx = current->ctx;

	if (base >= BZ_GUEST_HIGH)
		return -EPERM;
	if (base)
		rewrite_stop(current->process->mm);
	ctx->gs_base = base;
	ctx->flags = (ctx->flags & ~BZ_CTX_GS) | BZ_CTX_FULL | (base ? BZ_CTX_GS : 0);
	return 0;
}

SYSCALL(arch_prctl, int op, unsigned long addr)
{
	switch (op) {
	case ARCH_SET_FS:
		if (addr >= BZ_GUEST_HIGH)
			return -EPERM;
		write_fs_base(addr);
		return 0;
	case ARCH_GET_FS:
		return put_user(read_fs_base(), (u64 *)addr);
	case ARCH_SET_GS:
		return set_gs_base(addr);
	case ARCH_GET_GS:
		return put_user(current->ctx->flags & BZ_CTX_GS ? current->ctx->gs_base : 0ul, (u64 *)addr);
	case ARCH_GET_CPUID:
		return 1;
	case ARCH_SET_CPUID:
		return -ENODEV; /* /proc/cpuinfo shows no cpuid_fault */
	}
	return -EINVAL;
}

SYSCALL(personality, unsigned int persona)
{
	u32 old = current->personality;

	if (persona != 0xffffffff)
		current->personality = persona;
	return old;
}

SYSCALL(set_tid_address, int *addr)
{
	current->clear_child_tid = (u32 *)addr;
	return current->tid;
}

SYSCALL(set_robust_list, void *head, size_t len)
{
	if (len != 24)
		return -EINVAL;
	current->robust_list = head;
	current->robust_list_len = len;
	return 0;
}

SYSCALL(get_robust_list, int pid, void **uhead, size_t *ulen)
{
	struct thread *t = thread_find(pid ? pid : current->tid);
	void *head;

	if (!t)
		return -ESRCH;
	if (t->process != current->process && !capable(CAP_SYS_PTRACE)) {
		thread_put(t);
		return -EPERM;
	}
	head = t->robust_list;
	thread_put(t);
	return put_user((size_t)24, ulen) || put_user(head, uhead) ? -EFAULT : 0;
}
