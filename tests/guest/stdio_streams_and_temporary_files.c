/* stdio: buffered reading, writing and seeking on one stream, tmpfile, mkstemp, getline, printf to a memory
 * stream. */
#include "check.h"

int main(void)
{
	char name[] = "tempXXXXXX", *line = NULL, *memory = NULL;
	size_t size = 0, length = 0;
	FILE *f = fopen("f", "w+");

	CHECK(f);
	for (int i = 0; i < 10000; i++)
		fprintf(f, "line %d\n", i);
	CHECK_EQ(fseek(f, 0, SEEK_SET), 0);
	for (int i = 0; i < 10000; i++) {
		CHECK(getline(&line, &size, f) > 0);
		CHECK_EQ(atoi(line + 5), i);
	}
	CHECK_EQ(getline(&line, &size, f), -1);
	CHECK(feof(f));
	CHECK_EQ(fclose(f), 0);
	f = tmpfile();
	CHECK(f);
	CHECK_EQ(fputs("temporary", f) >= 0, 1);
	rewind(f);
	CHECK_EQ(fgetc(f), 't');
	CHECK_EQ(fclose(f), 0);
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK_EQ(unlink(name), 0);
	f = open_memstream(&memory, &length);
	fprintf(f, "%s-%05d-%.3f", "text", 42, 3.14159);
	CHECK_EQ(fclose(f), 0);
	CHECK_STR(memory, "text-00042-3.142");
	return 0;
}
