/* Calls that belong to no component: names of the system, its state in numbers, randomness.  uname(2), sysinfo(2). */
#include "libos/kernel/syscall.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"
#include <linux/capability.h>
#include <linux/sysinfo.h>
#include "libos/kernel/uts.h"
#include <linux/random.h>

/* The interface that the library OS follows (issue of record: Linux 6.1's x86-64 table). */
#define OS_RELEASE "6.1.0-bartizan"
#define OS_VERSION "#1 SMP PREEMPT_DYNAMIC Bartizan"

static struct mutex uts_lock = MUTEX_INIT(RANK_PROCESS);
static struct new_utsname uts = {
	.sysname = "Linux", .release = OS_RELEASE, .version = OS_VERSION, .machine = "x86_64", .domainname = "(none)",
};

static void uts_init(void)
{
	strlcpy(uts.nodename, boot->hostname ? (const char *)boot + boot->hostname : "sandbox", sizeof(uts.nodename));
}
INITCALL(INIT_CORE, uts_init);

void uts_copy(struct new_utsname *out)
{
	mutex_lock(&uts_lock);
	*out = uts;
	mutex_unlock(&uts_lock);
}

SYSCALL(uname, struct new_utsname *name)
{
	struct new_utsname copy;

	uts_copy(&copy);
	if (current->personality & 0x0020000) /* UNAME26 */
		strlcpy(copy.release, "2.6.61-bartizan", sizeof(copy.release));
	return copy_to_user(name, &copy, sizeof(copy));
}

void uts_set(bool domain, const char *name)
{
	mutex_lock(&uts_lock);
	strlcpy(domain ? uts.domainname : uts.nodename, name, sizeof(uts.nodename));
	mutex_unlock(&uts_lock);
}

static long set_name(char *field, const char *uname, int len)
{
	char name[__NEW_UTS_LEN + 1] = {0};

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > __NEW_UTS_LEN)
		return -EINVAL;
	if (copy_from_user(name, uname, len))
		return -EFAULT;
	mutex_lock(&uts_lock);
	memcpy(field, name, sizeof(name));
	mutex_unlock(&uts_lock);
	return 0;
}

SYSCALL(sethostname, const char *name, int len)
{
	return set_name(uts.nodename, name, len);
}

SYSCALL(setdomainname, const char *name, int len)
{
	return set_name(uts.domainname, name, len);
}

SYSCALL(sysinfo, struct sysinfo *uinfo)
{
	struct sysinfo info = {0};
	struct memory_use use;
	struct process *p;
	u64 used;

	memory_use(&use);
	used = use.used_pages * PAGE_SIZE;
	info.uptime = host->clock_read(BZ_CLOCK_BOOTTIME) / NSEC_PER_SEC;
	info.totalram = boot->memory_limit;
	info.freeram = boot->memory_limit > used ? boot->memory_limit - used : 0;
	info.mem_unit = 1;
	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		info.procs += p->thread_count;
	mutex_unlock(&tasklist_lock);
	return copy_to_user(uinfo, &info, sizeof(info));
}

/* Linux never blocks here once the pool is ready, and it is ready from the start (bz_start.seed). */
SYSCALL(getrandom, void *ubuf, size_t len, unsigned int flags)
{
	u8 block[256];
	size_t done = 0;

	if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	len = min(len, (size_t)0x7fffffff);
	while (done < len) {
		size_t n = min(len - done, sizeof(block));

		host->random_bytes(block, n);
		if (copy_to_user((char *)ubuf + done, block, n))
			return done ? (long)done : -EFAULT;
		done += n;
		if (done < len && signal_is_pending())
			return done;
	}
	memset(block, 0, sizeof(block));
	return done;
}

/* No kernel log of its own: sizes are answered, texts are empty; reading it needs CAP_SYSLOG, as on Debian. */
SYSCALL(syslog, int type, char *ubuf, int len)
{
	if (!capable(CAP_SYSLOG))
		return -EPERM;
	switch (type) {
	case 2: case 3: case 4:
		return !ubuf || len < 0 ? -EINVAL : 0;
	case 0: case 1: case 5: case 6: case 7: case 8: case 9: case 10:
		return 0;
	}
	return -EINVAL;
}

/* sysfs(2), long obsolete: file system types by number; those of /proc/filesystems. */
SYSCALL(sysfs, int option, unsigned long arg, char *buf)
{
	static const char *const types[] = {"proc", "sysfs", "tmpfs", "devtmpfs", "overlay", "erofs"};
	char name[32];
	long n;

	switch (option) {
	case 1:
		n = strncpy_from_user(name, (const char *)arg, sizeof(name));
		if (n < 0)
			return n;
		for (u32 i = 0; n < (long)sizeof(name) && i < ARRAY_SIZE(types); i++)
			if (!strcmp(types[i], name))
				return i;
		return -EINVAL;
	case 2:
		if (arg >= ARRAY_SIZE(types))
			return -EINVAL;
		return copy_to_user(buf, types[arg], strlen(types[arg]) + 1) ? -EFAULT : 0;
	case 3:
		return ARRAY_SIZE(types);
	}
	return -EINVAL;
}
