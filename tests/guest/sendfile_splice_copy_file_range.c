/* sendfile, splice, tee, vmsplice and copy_file_range move the bytes and the offsets that they should. */
#include "check.h"
#include <sys/sendfile.h>

int main(void)
{
	char back[16] = "";
	int ends[2], copy[2], in = file_with("in", "0123456789", 10), out = file_with("out", "", 0);
	off_t at = 2;

	CHECK_EQ(sendfile(out, in, &at, 5), 5);
	CHECK_EQ(at, 7);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(sendfile(out, in, NULL, 100), 10);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 10);
	CHECK_EQ(pread(out, back, 15, 0), 15);
	CHECK_EQ(memcmp(back, "234560123456789", 15), 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pipe(copy), 0);
	at = 1;
	CHECK_EQ(splice(in, &at, ends[1], NULL, 4, 0), 4);
	CHECK_EQ(at, 5);
	CHECK_EQ(tee(ends[0], copy[1], 3, 0), 3);
	CHECK_EQ(read(copy[0], back, 16), 3);
	CHECK_EQ(memcmp(back, "123", 3), 0);
	at = 0;
	CHECK_EQ(splice(ends[0], NULL, out, &at, 10, 0), 4);
	CHECK_EQ(pread(out, back, 4, 0), 4);
	CHECK_EQ(memcmp(back, "1234", 4), 0);
	CHECK_ERRNO(splice(in, NULL, out, NULL, 4, 0), EINVAL); /* neither is a pipe */
	struct iovec iov = {"vm", 2};
	CHECK_EQ(vmsplice(ends[1], &iov, 1, 0), 2);
	CHECK_EQ(read(ends[0], back, 16), 2);
	off64_t from = 8, to = 20;
	CHECK_EQ(copy_file_range(in, &from, out, &to, 100, 0), 2);
	CHECK(from == 10 && to == 22);
	CHECK_EQ(file_size(out), 22);
	from = 50;
	CHECK_EQ(copy_file_range(in, &from, out, &to, 10, 0), 0);
	from = 0;
	to = 5;
	CHECK_ERRNO(copy_file_range(in, &from, in, &to, 8, 0), EINVAL); /* they overlap */
	return 0;
}
