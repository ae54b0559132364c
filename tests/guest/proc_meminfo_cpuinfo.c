/* The texts of /proc that programs parse have their usual fields: meminfo, cpuinfo, stat, uptime, loadavg,
 * version, mounts. */
#include "check.h"

static long field(const char *path, const char *format)
{
	char line[512];
	long value;
	FILE *f = fopen(path, "r");

	CHECK(f);
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, format, &value) == 1) {
			fclose(f);
			return value;
		}
	}
	fclose(f);
	check_failed(__FILE__, __LINE__, "no line '%s' in %s", format, path);
}

int main(void)
{
	double up, idle, load;
	char line[256];
	long processors = 0;

	long total = field("/proc/meminfo", "MemTotal: %ld kB");
	CHECK(total > 1000);
	CHECK(field("/proc/meminfo", "MemFree: %ld kB") <= total);
	CHECK(field("/proc/meminfo", "MemAvailable: %ld kB") <= total);
	field("/proc/meminfo", "SwapTotal: %ld kB");
	FILE *f = fopen("/proc/cpuinfo", "r");
	CHECK(f);
	while (fgets(line, sizeof line, f))
		processors += !strncmp(line, "processor", 9);
	CHECK(processors >= sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(field("/proc/stat", "btime %ld") > 1000000000);
	CHECK(field("/proc/stat", "cpu %ld") >= 0);
	f = fopen("/proc/uptime", "r");
	CHECK(f && fscanf(f, "%lf %lf", &up, &idle) == 2 && up > 0);
	f = fopen("/proc/loadavg", "r");
	CHECK(f && fscanf(f, "%lf", &load) == 1 && load >= 0);
	f = fopen("/proc/version", "r");
	CHECK(f && fgets(line, sizeof line, f) && !strncmp(line, "Linux version ", 14));
	f = fopen("/proc/self/mounts", "r");
	CHECK(f && fgets(line, sizeof line, f));
	CHECK(field("/proc/sys/kernel/pid_max", "%ld") > 100);
	CHECK(field("/proc/sys/vm/max_map_count", "%ld") > 1000);
	field("/proc/sys/vm/overcommit_memory", "%ld");
	CHECK_ERRNO(open("/proc/no-such-file", O_RDONLY), ENOENT);
	CHECK(open("/proc/version", O_CREAT | O_EXCL | O_WRONLY, 0600) == -1);
	return 0;
}
