/* Descriptions of files are shared across fork: their offsets, O_APPEND and flags set later; descriptors are not. */
#include "check.h"

#define LINES 200

static int shared;

static void moves_offset(void)
{
	char text[4] = "";

	CHECK_EQ(read(shared, text, 3), 3);
	CHECK_STR(text, "234");
	CHECK_EQ(lseek(shared, 2, SEEK_CUR), 7);
	CHECK_EQ(fcntl(shared, F_SETFD, FD_CLOEXEC), 0);
	CHECK_EQ(close(shared), 0);
}

static void sets_append(void)
{
	CHECK_EQ(fcntl(shared, F_SETFL, O_APPEND), 0);
}

static void opens_again(void)
{
	int own = open("f", O_RDONLY);

	CHECK_EQ(lseek(own, 0, SEEK_CUR), 0);
	CHECK_EQ(lseek(own, 9, SEEK_SET), 9);
}

/* What several write through one description, appending or not, lies one behind the other: nothing is overwritten. */
static void many_writers(int flags)
{
	static const char letters[] = "abcd";
	char line[32];
	int count[4] = {0}, status;

	shared = open("log", O_RDWR | O_CREAT | O_TRUNC | flags, 0600);
	CHECK(shared >= 0);
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid)
			continue;
		memset(line, letters[i], sizeof line);
		for (int k = 0; k < LINES; k++)
			CHECK_EQ(write(shared, line, sizeof line), sizeof line);
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(lseek(shared, 0, SEEK_CUR), 4 * LINES * sizeof line);
	CHECK_EQ(file_size(shared), 4 * LINES * sizeof line);
	CHECK_EQ(lseek(shared, 0, SEEK_SET), 0);
	while (read(shared, line, sizeof line) == sizeof line) {
		const char *letter = strchr(letters, line[0]);
		CHECK(letter && *letter);
		for (size_t i = 1; i < sizeof line; i++)
			CHECK_EQ(line[i], line[0]);
		count[letter - letters]++;
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(count[i], LINES);
	CHECK_EQ(close(shared), 0);
}

int main(void)
{
	char text[4] = "";

	shared = file_with("f", "0123456789", 10);
	CHECK_EQ(lseek(shared, 2, SEEK_SET), 2);
	CHECK_EQ(status_of_child(moves_offset), 0);
	CHECK_EQ(lseek(shared, 0, SEEK_CUR), 7);
	CHECK_EQ(fcntl(shared, F_GETFD), FD_CLOEXEC); /* file_with's own, not the child's doing */
	CHECK_EQ(read(shared, text, 3), 3);
	CHECK_STR(text, "789");
	CHECK_EQ(status_of_child(opens_again), 0);
	CHECK_EQ(lseek(shared, 0, SEEK_CUR), 10);
	CHECK_EQ(status_of_child(sets_append), 0);
	CHECK_EQ(fcntl(shared, F_GETFL) & O_APPEND, O_APPEND);
	CHECK_EQ(lseek(shared, 0, SEEK_SET), 0);
	CHECK_EQ(write(shared, "ab", 2), 2);
	CHECK_EQ(file_size(shared), 12);
	CHECK_EQ(lseek(shared, 0, SEEK_CUR), 12);
	CHECK_EQ(close(shared), 0);
	many_writers(O_APPEND);
	many_writers(0);
	return 0;
}
