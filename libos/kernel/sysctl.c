/* The settings of all components: see sysctl.h.  Registered while the library OS starts, then only read. */
#include "libos/kernel/sysctl.h"
#include "libos/kernel/syscall.h"

static const struct sysctl *registered[SYSCTLS_MAX];
static u32 registered_count;

void sysctl_register(const struct sysctl *table, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (registered_count == SYSCTLS_MAX)
			panic("too many settings");
		registered[registered_count++] = &table[i];
	}
}

const struct sysctl *sysctl_get(u32 i)
{
	return i < registered_count ? registered[i] : NULL;
}

static const struct sysctl core[] = {
	{"vm", "max_map_count", &mm_max_map_count, 0, INT32_MAX},
	{"kernel", "ns_last_pid", &proc_last_pid, 0, 4194303},
	{"fs", "lease-break-time", &lease_break_time, 0, INT32_MAX},
	{"fs/inotify", "max_user_instances", &inotify_max_user_instances, 0, INT32_MAX},
};

static void sysctl_init(void)
{
	sysctl_register(core, ARRAY_SIZE(core));
}
INITCALL(INIT_CORE, sysctl_init);
