/* Sectors of two block devices: written, read, the last one, and what no guest may do with them. */
#include "tests/solo5/guest.h"

MANIFEST(2, {"disk", SOLO5_BLOCK}, {"other", SOLO5_BLOCK});

static _Alignas(4096) uint8_t buffer[65536], again[65536];

static void fill(uint64_t sector, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		buffer[i] = sector * 7 + i;
}

int main(void)
{
	const struct solo5_entry *disk = device("disk"), *other = device("other");
	const uint64_t capacity = disk->block.capacity;
	const uint32_t size = disk->block.block_size;

	CHECK(disk->attached && other->attached && disk->fd != other->fd);
	CHECK(capacity && capacity % size == 0 && size >= 512);
	if (is("call")) { /* number, descriptor of: 0 disk, 1 other; length; offset */
		long ret = call(number(0), number(1) ? other->fd : disk->fd, (long)buffer, number(2), number(3), 0, 0);

		CHECK(ret == (long)number(2));
		print("allowed\n");
		return 0;
	}
	if (is("show")) {
		CHECK(call(NR_PREAD64, disk->fd, (long)buffer, size, number(0), 0, 0) == size);
		buffer[16] = 0;
		print((char *)buffer);
		return 0;
	}
	for (uint64_t at = 0; at < capacity; at += size) {
		fill(at / size, size);
		CHECK(call(NR_PWRITE64, disk->fd, (long)buffer, size, at, 0, 0) == size);
	}
	for (uint64_t at = capacity - size;; at -= size) {
		fill(at / size, size);
		CHECK(call(NR_PREAD64, disk->fd, (long)again, size, at, 0, 0) == size);
		for (uint32_t i = 0; i < size; i++)
			CHECK(again[i] == buffer[i]);
		if (!at)
			break;
	}
	/* The other is another. */
	CHECK(call(NR_PREAD64, other->fd, (long)again, other->block.block_size, 0, 0, 0) == other->block.block_size);
	CHECK(again[1] == 0);
	/* A buffer outside its memory is an error, and reaches nothing. */
	CHECK(call(NR_PWRITE64, disk->fd, 0, size, 0, 0, 0) == EFAULT_RESULT);
	CHECK(call(NR_PREAD64, disk->fd, boot->memory_size, size, 0, 0, 0) == EFAULT_RESULT);
	print_number(capacity / size);
	print(" sectors of ");
	print_number(size);
	print("\n");
	return 0;
}
