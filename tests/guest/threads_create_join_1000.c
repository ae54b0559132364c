/* A thousand threads one after the other, each with its own result, and none of them is left. */
#include "check.h"
#include <dirent.h>

static void *thread(void *number)
{
	return (void *)((uintptr_t)number * 3);
}

int main(void)
{
	for (uintptr_t i = 0; i < 1000; i++) {
		pthread_t t;
		void *result;

		CHECK_OK(pthread_create(&t, NULL, thread, (void *)i));
		CHECK_OK(pthread_join(t, &result));
		CHECK_EQ(result, i * 3);
	}
	DIR *tasks = opendir("/proc/self/task");
	CHECK(tasks);
	WAIT_FOR(({
		int count = 0;
		struct dirent *entry;
		rewinddir(tasks);
		while ((entry = readdir(tasks)))
			count += entry->d_name[0] != '.';
		count == 1;
	}));
	return 0;
}
