/* /proc/sys: numbers that root may write and that are gone by; what is no number is refused. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static long get(const char *path)
{
	FILE *f = fopen(path, "r");
	long v = -99;

	CHECK(f && fscanf(f, "%ld", &v) == 1);
	fclose(f);
	return v;
}

/* 0 or an errno. */
static int set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err;

	CHECK(fd >= 0);
	err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return err;
}

int main(void)
{
	char text[32], name[128];
	long last;
	int id;

	if (geteuid())
		skip("only root may write these");
	/* The host's own are as before at the end. */
	sprintf(text, "%ld\n", get("/proc/sys/fs/lease-break-time"));
	CHECK_EQ(set("/proc/sys/fs/lease-break-time", text), 0);
	CHECK_EQ(set("/proc/sys/fs/lease-break-time", "many"), EINVAL);
	sprintf(text, "%ld", get("/proc/sys/fs/inotify/max_user_instances"));
	CHECK_EQ(set("/proc/sys/fs/inotify/max_user_instances", text), 0);
	CHECK_EQ(set("/proc/sys/vm/max_map_count", "-1"), EINVAL);
	CHECK(get("/proc/sys/vm/max_map_count") > 1000);

	CHECK_EQ(get("/proc/sys/kernel/msg_next_id"), -1);
	CHECK_EQ(set("/proc/sys/kernel/msg_next_id", "4711"), 0);
	id = msgget(IPC_PRIVATE, 0600);
	CHECK_EQ(id, 4711);
	CHECK_EQ(get("/proc/sys/kernel/msg_next_id"), -1);
	CHECK(!msgctl(id, IPC_RMID, NULL));

	/* Which number the next process gets, a little further on. */
	last = get("/proc/sys/kernel/ns_last_pid") + 100;
	sprintf(text, "%ld", last);
	CHECK_EQ(set("/proc/sys/kernel/ns_last_pid", text), 0);
	id = fork();
	if (!id)
		_exit(0);
	CHECK_EQ(waitpid(id, NULL, 0), id);
	CHECK(id > last);
	CHECK(get("/proc/sys/kernel/ns_last_pid") >= id);

	/* sysfs(2): each type has a number and a name. */
	CHECK(syscall(SYS_sysfs, 3) > 3);
	id = syscall(SYS_sysfs, 1, "proc");
	CHECK(id >= 0);
	CHECK(!syscall(SYS_sysfs, 2, id, name) && !strcmp(name, "proc"));
	CHECK_ERRNO(syscall(SYS_sysfs, 1, "no such type"), EINVAL);
	CHECK_ERRNO(syscall(SYS_sysfs, 2, 1000, name), EINVAL);
	CHECK_ERRNO(syscall(SYS_sysfs, 1, (char *)8), EFAULT);
	CHECK_ERRNO(syscall(SYS_sysfs, 4), EINVAL);
	return 0;
}
