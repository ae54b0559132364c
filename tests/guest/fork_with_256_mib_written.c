/* fork of a process that has written 256 MiB: each side has all of it, and what one writes then is its own. */
#include "check.h"

#define SIZE (256ul << 20)
#define PAGE 4096ul

static char *memory;

static char first(size_t at)
{
	return (char)(at / PAGE * 7 + 1);
}

static void all_is(int added)
{
	for (size_t at = 0; at < SIZE; at += PAGE)
		CHECK_EQ(memory[at], (char)(first(at) + added));
}

/* One page of sixteen: copies of all would be a gigabyte for four of them. */
static void child(void)
{
	all_is(0);
	for (size_t at = 0; at < SIZE; at += 16 * PAGE)
		memory[at]++;
	for (size_t at = 0; at < SIZE; at += PAGE)
		CHECK_EQ(memory[at], (char)(first(at) + (at % (16 * PAGE) == 0)));
	if (fork() == 0) {
		CHECK_EQ(memory[0], (char)(first(0) + 1));
		CHECK_EQ(memory[SIZE - PAGE], first(SIZE - PAGE));
		CHECK_EQ(munmap(memory, SIZE), 0);
		_exit(0);
	}
	int status;
	CHECK(wait(&status) > 0 && status == 0);
}

int main(void)
{
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	for (size_t at = 0; at < SIZE; at += PAGE)
		memory[at] = first(at);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(status_of_child(child), 0);
	all_is(0);

	/* Two at once, while the parent writes on. */
	pid_t pid[2];
	int status, gate[2];
	char byte;
	CHECK_EQ(pipe(gate), 0);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			close(gate[1]);
			CHECK_EQ(read(gate[0], &byte, 1), 0);
			all_is(0);
			_exit(0);
		}
	}
	for (size_t at = 0; at < SIZE; at += PAGE)
		memory[at]++;
	close(gate[1]);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(waitpid(pid[i], &status, 0), pid[i]);
		CHECK_EQ(status, 0);
	}
	all_is(1);
	return 0;
}
