/* /proc/self/maps lists mappings in order, with permissions, the stack, the heap, and files by name and
 * offset. */
#include "check.h"

int main(void)
{
	char line[512];
	unsigned long begin, end, last = 0, offset;
	char perms[8], path[512];
	int found = 0, stack = 0, self = 0, fd = file_with("mapped-file", "x", 1);
	void *heap = malloc(100);

	CHECK_EQ(ftruncate(fd, 3 * 4096), 0);
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 8192);
	CHECK(p != MAP_FAILED);
	FILE *maps = fopen("/proc/self/maps", "r");
	CHECK(maps);
	while (fgets(line, sizeof line, maps)) {
		path[0] = 0;
		CHECK(sscanf(line, "%lx-%lx %4s %lx %*s %*s %511[^\n]", &begin, &end, perms, &offset, path) >=
		      4);
		CHECK(begin >= last && end > begin);
		last = end;
		if ((unsigned long)p == begin) {
			found = 1;
			CHECK_STR(perms, "r--s");
			CHECK_EQ(offset, 8192);
			CHECK(strstr(path, "/mapped-file"));
		}
		if ((unsigned long)&stack >= begin && (unsigned long)&stack < end)
			stack = !strcmp(path, "[stack]") && !strncmp(perms, "rw", 2);
		if ((unsigned long)main >= begin && (unsigned long)main < end)
			self = strstr(path, "proc_self_maps") != NULL && perms[2] == 'x';
	}
	CHECK(found && stack && self && heap);
	return 0;
}
