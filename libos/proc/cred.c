/*
 * User and group identities, capabilities: credentials(7), capabilities(7).  They decide what one guest may do to
 * another's files and processes as programs expect it; they protect nothing (3.11 of the design).  A process's threads
 * share one set, under process->lock.
 */
#include "libos/proc/internal.h"
#include <linux/capability.h>
#include <linux/securebits.h>

#define CAP_ALL ((2ull << CAP_LAST_CAP) - 1)
#define SAME ((u32)-1)

bool capable(int cap)
{
	return current_cred()->cap_effective >> cap & 1;
}

static struct cred *lock_cred(void)
{
	mutex_lock(&current->process->lock);
	return &current->process->cred;
}

static void unlock_cred(void)
{
	mutex_unlock(&current->process->lock);
}

/* What a change of user ids does to capabilities. */
static void fix_caps(struct cred *c, const struct cred *old)
{
	bool had_root = !old->uid || !old->euid || !old->suid, has_root = !c->uid || !c->euid || !c->suid;

	if (c->securebits & (1u << SECURE_NO_SETUID_FIXUP))
		return;
	if (had_root && !has_root && !(c->securebits & (1u << SECURE_KEEP_CAPS))) {
		c->cap_permitted = c->cap_effective = 0;
		c->cap_ambient = 0;
	}
	if (!old->euid && c->euid)
		c->cap_effective = 0;
	if (old->euid && !c->euid)
		c->cap_effective = c->cap_permitted;
	current->process->dumpable = old->euid == c->euid && old->egid == c->egid ? current->process->dumpable : 0;
}

SYSCALL0(getuid)
{
	return current->process->cred.uid;
}

SYSCALL0(geteuid)
{
	return current->process->cred.euid;
}

SYSCALL0(getgid)
{
	return current->process->cred.gid;
}

SYSCALL0(getegid)
{
	return current->process->cred.egid;
}

SYSCALL(setuid, unsigned int uid)
{
	struct cred *c = lock_cred(), old = *c;
	long ret = 0;

	if (uid == SAME) {
		ret = -EINVAL;
	} else if (capable(CAP_SETUID)) {
		c->uid = c->suid = c->euid = c->fsuid = uid;
	} else if (uid == c->uid || uid == c->suid) {
		c->euid = c->fsuid = uid;
	} else {
		ret = -EPERM;
	}
	if (!ret)
		fix_caps(c, &old);
	unlock_cred();
	return ret;
}

SYSCALL(setgid, unsigned int gid)
{
	struct cred *c = lock_cred();
	long ret = 0;

	if (gid == SAME)
		ret = -EINVAL;
	else if (capable(CAP_SETGID))
		c->gid = c->sgid = c->egid = c->fsgid = gid;
	else if (gid == c->gid || gid == c->sgid)
		c->egid = c->fsgid = gid;
	else
		ret = -EPERM;
	unlock_cred();
	return ret;
}

SYSCALL(setreuid, unsigned int ruid, unsigned int euid)
{
	struct cred *c = lock_cred(), old = *c;
	bool cap = capable(CAP_SETUID);

	if ((ruid != SAME && ruid != c->uid && ruid != c->euid && !cap) ||
	    (euid != SAME && euid != c->uid && euid != c->euid && euid != c->suid && !cap)) {
		unlock_cred();
		return -EPERM;
	}
	if (ruid != SAME)
		c->uid = ruid;
	if (euid != SAME)
		c->euid = euid;
	if (ruid != SAME || (euid != SAME && euid != old.uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	fix_caps(c, &old);
	unlock_cred();
	return 0;
}

SYSCALL(setregid, unsigned int rgid, unsigned int egid)
{
	struct cred *c = lock_cred();
	u32 old_gid = c->gid;
	bool cap = capable(CAP_SETGID);

	if ((rgid != SAME && rgid != c->gid && rgid != c->egid && !cap) ||
	    (egid != SAME && egid != c->gid && egid != c->egid && egid != c->sgid && !cap)) {
		unlock_cred();
		return -EPERM;
	}
	if (rgid != SAME)
		c->gid = rgid;
	if (egid != SAME)
		c->egid = egid;
	if (rgid != SAME || (egid != SAME && egid != old_gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	unlock_cred();
	return 0;
}

static bool one_of(u32 id, u32 a, u32 b, u32 d)
{
	return id == SAME || id == a || id == b || id == d;
}

SYSCALL(setresuid, unsigned int ruid, unsigned int euid, unsigned int suid)
{
	struct cred *c = lock_cred(), old = *c;

	if (!capable(CAP_SETUID) && (!one_of(ruid, c->uid, c->euid, c->suid) || !one_of(euid, c->uid, c->euid, c->suid) ||
				     !one_of(suid, c->uid, c->euid, c->suid))) {
		unlock_cred();
		return -EPERM;
	}
	if (ruid != SAME)
		c->uid = ruid;
	if (euid != SAME)
		c->euid = euid;
	if (suid != SAME)
		c->suid = suid;
	c->fsuid = c->euid;
	fix_caps(c, &old);
	unlock_cred();
	return 0;
}

SYSCALL(setresgid, unsigned int rgid, unsigned int egid, unsigned int sgid)
{
	struct cred *c = lock_cred();

	if (!capable(CAP_SETGID) && (!one_of(rgid, c->gid, c->egid, c->sgid) || !one_of(egid, c->gid, c->egid, c->sgid) ||
				     !one_of(sgid, c->gid, c->egid, c->sgid))) {
		unlock_cred();
		return -EPERM;
	}
	if (rgid != SAME)
		c->gid = rgid;
	if (egid != SAME)
		c->egid = egid;
	if (sgid != SAME)
		c->sgid = sgid;
	c->fsgid = c->egid;
	unlock_cred();
	return 0;
}

SYSCALL(getresuid, unsigned int *ruid, unsigned int *euid, unsigned int *suid)
{
	struct cred *c = &current->process->cred;

	return put_user(c->uid, ruid) || put_user(c->euid, euid) || put_user(c->suid, suid) ? -EFAULT : 0;
}

SYSCALL(getresgid, unsigned int *rgid, unsigned int *egid, unsigned int *sgid)
{
	struct cred *c = &current->process->cred;

	return put_user(c->gid, rgid) || put_user(c->egid, egid) || put_user(c->sgid, sgid) ? -EFAULT : 0;
}

/* The bits that root's file system access rests on follow fsuid. */
#define FS_CAPS                                                                                              \
	(1ull << CAP_CHOWN | 1ull << CAP_MKNOD | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |    \
	 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MAC_OVERRIDE)

SYSCALL(setfsuid, unsigned int uid)
{
	struct cred *c = lock_cred();
	u32 old = c->fsuid;

	if (uid != SAME && (uid == c->uid || uid == c->euid || uid == c->suid || uid == old || capable(CAP_SETUID))) {
		c->fsuid = uid;
		if (!old && uid)
			c->cap_effective &= ~FS_CAPS;
		if (old && !uid)
			c->cap_effective |= FS_CAPS & c->cap_permitted;
	}
	unlock_cred();
	return old;
}

SYSCALL(setfsgid, unsigned int gid)
{
	struct cred *c = lock_cred();
	u32 old = c->fsgid;

	if (gid != SAME && (gid == c->gid || gid == c->egid || gid == c->sgid || gid == old || capable(CAP_SETGID)))
		c->fsgid = gid;
	unlock_cred();
	return old;
}

SYSCALL(getgroups, int size, unsigned int *list)
{
	struct cred *c = &current->process->cred;
	u32 groups[NGROUPS], n;

	if (size < 0)
		return -EINVAL;
	mutex_lock(&current->process->lock);
	n = c->ngroups;
	memcpy(groups, c->groups, sizeof(groups));
	unlock_cred();
	if (!size)
		return n;
	if ((u32)size < n)
		return -EINVAL;
	return copy_to_user(list, groups, n * sizeof(u32)) ? -EFAULT : (long)n;
}

#define GROUPS_OF_LINUX 65536

static bool user_readable(const unsigned int *list, int n)
{
	u32 word;

	for (int i = 0; i < n; i += PAGE_SIZE / sizeof(word))
		if (get_user(word, list + i))
			return false;
	return !get_user(word, list + n - 1);
}

SYSCALL(setgroups, int size, const unsigned int *list)
{
	u32 groups[NGROUPS];
	struct cred *c;

	if (!capable(CAP_SETGID))
		return -EPERM;
	/* Linux takes 65536; what is more than a guest's /etc/group gives anybody is refused. */
	if (size > NGROUPS && size <= GROUPS_OF_LINUX && !user_readable(list, size))
		return -EFAULT;
	if (size < 0 || size > NGROUPS)
		return -EINVAL;
	if (copy_from_user(groups, list, size * sizeof(u32)))
		return -EFAULT;
	/* Sorted, as Linux keeps and shows them. */
	for (int i = 1; i < size; i++) {
		u32 v = groups[i];
		int j = i;

		for (; j > 0 && groups[j - 1] > v; j--)
			groups[j] = groups[j - 1];
		groups[j] = v;
	}
	c = lock_cred();
	c->ngroups = size;
	memcpy(c->groups, groups, size * sizeof(u32));
	unlock_cred();
	return 0;
}

/* --- capabilities --- */

static int cap_words(u32 version, u32 *uversion)
{
	switch (version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return _LINUX_CAPABILITY_U32S_1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return _LINUX_CAPABILITY_U32S_3;
	}
	return put_user((u32)_LINUX_CAPABILITY_VERSION_3, uversion) ? -EFAULT : -EINVAL;
}

SYSCALL(capget, struct __user_cap_header_struct *uhdr, struct __user_cap_data_struct *udata)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2];
	struct process *p;
	struct thread *t;
	int n;

	if (copy_from_user(&h, uhdr, sizeof(h)))
		return -EFAULT;
	n = cap_words(h.version, &uhdr->version);
	if (n < 0)
		return n == -EINVAL && !udata ? 0 : n;
	if (h.pid < 0)
		return -EINVAL;
	t = thread_find(h.pid ? h.pid : current->tid);
	if (!t)
		return -ESRCH;
	p = t->process;
	for (int i = 0; i < 2; i++) {
		d[i].effective = p->cred.cap_effective >> (32 * i);
		d[i].permitted = p->cred.cap_permitted >> (32 * i);
		d[i].inheritable = p->cred.cap_inheritable >> (32 * i);
	}
	thread_put(t);
	return udata ? copy_to_user(udata, d, n * sizeof(d[0])) : 0;
}

SYSCALL(capset, struct __user_cap_header_struct *uhdr, const struct __user_cap_data_struct *udata)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2] = {0};
	u64 eff, perm, inh;
	struct cred *c;
	long ret = 0;
	int n;

	if (get_user(h.version, &uhdr->version))
		return -EFAULT;
	n = cap_words(h.version, &uhdr->version);
	if (n < 0)
		return n;
	if (get_user(h.pid, &uhdr->pid))
		return -EFAULT;
	if (h.pid && h.pid != current->tid)
		return -EPERM;
	if (copy_from_user(d, udata, n * sizeof(d[0])))
		return -EFAULT;
	eff = (d[0].effective | (u64)d[1].effective << 32) & CAP_ALL;
	perm = (d[0].permitted | (u64)d[1].permitted << 32) & CAP_ALL;
	inh = (d[0].inheritable | (u64)d[1].inheritable << 32) & CAP_ALL;
	c = lock_cred();
	if ((inh & ~(c->cap_inheritable | c->cap_permitted) && !capable(CAP_SETPCAP)) ||
	    (inh & ~(c->cap_inheritable | c->cap_bounding)) || (perm & ~c->cap_permitted) || (eff & ~perm)) {
		ret = -EPERM;
	} else {
		c->cap_effective = eff;
		c->cap_permitted = perm;
		c->cap_inheritable = inh;
		c->cap_ambient &= perm & inh;
	}
	unlock_cred();
	return ret;
}
