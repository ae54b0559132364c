/* O_APPEND writes go to the end whatever the offset, even between two descriptions and several threads. */
#include "check.h"

static void *appender(void *letter)
{
	char line[16];
	int fd = open("log", O_WRONLY | O_APPEND);

	memset(line, (int)(uintptr_t)letter, 15);
	line[15] = '\n';
	for (int i = 0; i < 200; i++)
		CHECK_EQ(write(fd, line, 16), 16);
	CHECK_EQ(close(fd), 0);
	return NULL;
}

int main(void)
{
	int a = open("f", O_RDWR | O_CREAT | O_APPEND, 0600), b = open("f", O_RDWR | O_APPEND);
	char text[7] = "";
	pthread_t t[3];

	CHECK_EQ(write(a, "aa", 2), 2);
	CHECK_EQ(write(b, "bb", 2), 2);
	CHECK_EQ(lseek(a, 0, SEEK_SET), 0);
	CHECK_EQ(write(a, "AA", 2), 2);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 6);
	CHECK_EQ(pread(a, text, 6, 0), 6);
	CHECK_STR(text, "aabbAA");
	close(file_with("log", "", 0));
	for (uintptr_t i = 0; i < 3; i++)
		CHECK_OK(pthread_create(&t[i], NULL, appender, (void *)('x' + i)));
	for (int i = 0; i < 3; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	int log = open("log", O_RDONLY);
	CHECK_EQ(file_size(log), 600 * 16);
	char line[16];
	while (read(log, line, 16) == 16) {
		CHECK_EQ(line[15], '\n');
		CHECK_EQ(line[14], line[0]);
	}
	return 0;
}
