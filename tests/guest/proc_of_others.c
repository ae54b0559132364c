/* /proc/PID of another process: links of descriptors tell how they are open, stat counts its processor time. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "check.h"

static unsigned int link_mode(int pid, int fd)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", pid, fd);
	CHECK(!lstat(name, &st));
	return st.st_mode;
}

static long cpu_ticks(int pid)
{
	char name[64], text[1024] = "", *at;
	long utime = -1, stime = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	f = fopen(name, "r");
	if (!f)
		return -1;
	CHECK(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	at = strrchr(text, ')');
	CHECK(at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &utime, &stime) == 2);
	return utime + stime;
}

int main(void)
{
	int r = open("/dev/null", O_RDONLY), w = open("/dev/null", O_WRONLY), rw = open("/dev/null", O_RDWR), pid = getpid();

	CHECK_EQ(link_mode(pid, r), S_IFLNK | 0500);
	CHECK_EQ(link_mode(pid, w), S_IFLNK | 0300);
	CHECK_EQ(link_mode(pid, rw), S_IFLNK | 0700);
	CHECK_EQ(dup2(w, r), r);
	CHECK_EQ(link_mode(pid, r), S_IFLNK | 0300);

	pid = fork();
	if (!pid)
		for (;;)
			;
	for (int i = 0; i < 600 && cpu_ticks(pid) < 10; i++)
		poll(NULL, 0, 50);
	CHECK(cpu_ticks(pid) >= 10);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	return 0;
}
