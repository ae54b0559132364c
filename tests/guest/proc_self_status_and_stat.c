/* /proc/self/status, stat, statm, cmdline, environ, comm, exe and cwd agree with the calls. */
#include "check.h"

static char text[65536];

static char *slurp(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	size_t have = 0;

	CHECK(fd >= 0);
	for (ssize_t n; (n = read(fd, text + have, sizeof text - 1 - have)) > 0;)
		have += (size_t)n;
	text[have] = 0;
	close(fd);
	if (size)
		*size = have;
	return text;
}

int main(int argc, char **argv)
{
	char want[PATH_MAX], link[PATH_MAX] = "", comm[64];
	size_t size;
	int pid;
	char state;

	slurp("/proc/self/status", NULL);
	snprintf(want, sizeof want, "\nPid:\t%d\n", getpid());
	CHECK(strstr(text, want));
	snprintf(want, sizeof want, "\nUid:\t%d\t%d", getuid(), geteuid());
	CHECK(strstr(text, want));
	CHECK(strstr(text, "Name:\tproc_self_statu\n") == text);
	CHECK(strstr(text, "\nVmRSS:") && strstr(text, "\nThreads:\t1\n") && strstr(text, "\nSigBlk:\t"));
	slurp("/proc/self/stat", NULL);
	CHECK_EQ(sscanf(text, "%d (%63[^)]) %c", &pid, comm, &state), 3);
	CHECK_EQ(pid, getpid());
	CHECK_STR(comm, "proc_self_statu");
	CHECK_EQ(state, 'R');
	CHECK(atol(slurp("/proc/self/statm", NULL)) > 100);
	slurp("/proc/self/cmdline", &size);
	CHECK_STR(text, argv[0]);
	CHECK_EQ(text[size - 1], 0);
	CHECK_STR(slurp("/proc/self/comm", NULL), "proc_self_statu\n");
	CHECK(readlink("/proc/self/exe", link, sizeof link - 1) > 0);
	CHECK(strstr(link, "/proc_self_status_and_stat"));
	CHECK(getcwd(want, sizeof want));
	memset(link, 0, sizeof link);
	CHECK(readlink("/proc/self/cwd", link, sizeof link - 1) > 0);
	CHECK_STR(link, want);
	return 0;
}
