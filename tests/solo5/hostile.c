/* What a hostile guest tries, one a run: the first word says what.  Who survives it says so. */
#include "tests/solo5/guest.h"

MANIFEST(1, {"disk", SOLO5_BLOCK});

static char text[] = "x";
static const char constant[] = "c";
static _Alignas(16) uint8_t code[16] = {0x90};

static void run_at(uint64_t address)
{
	*(volatile uint8_t *)address = 0xc3; /* ret */
	((void (*)(void))address)();
}

/* Mapped?  A write from there says it without a fault. */
static bool is_mapped(uint64_t address)
{
	long n = call(NR_PWRITE64, device("disk")->fd, address, 512, 0, 0, 0);

	CHECK(n == 512 || n == EFAULT_RESULT);
	return n == 512;
}

/* Everything between the end of memory and the end of the address space, at each 2 MiB of what is likely and each
 * power of two. */
static void scan(void)
{
	CHECK(is_mapped(SOLO5_MEMORY_BASE) && is_mapped((uint64_t)main & ~511ull) && is_mapped(boot->memory_size - 512));
	CHECK(!is_mapped(0) && !is_mapped(0x8000) && !is_mapped(SOLO5_MEMORY_BASE - 512) && !is_mapped(boot->memory_size));
	for (uint64_t at = 0x200000000000; at < 0x200000200000; at += 4096)
		CHECK(!is_mapped(at));
	for (int bit = 30; bit < 47; bit++)
		CHECK(!is_mapped(1ull << bit));
	for (uint64_t at = 0x7ff000000000; at < 0x7ffffffff000; at += 4096 * 64)
		CHECK(!is_mapped(at));
	CHECK(!is_mapped(0xffffffffff600000));
}

int main(void)
{
	if (is("call"))
		call(number(0), number(1), number(2), number(3), number(4), number(5), number(6));
	else if (is("write-text"))
		*(volatile char *)(uintptr_t)main = 0;
	else if (is("write-constant"))
		*(volatile char *)(uintptr_t)constant = 0;
	else if (is("run-data"))
		run_at((uint64_t)code);
	else if (is("run-heap"))
		run_at(boot->kernel_end + 65536);
	else if (is("run-stack"))
		run_at(start_stack - 65536);
	else if (is("read"))
		text[0] = *(volatile char *)number(0);
	else if (is("write"))
		*(volatile char *)number(0) = 1;
	else if (is("past-memory"))
		text[0] = *(volatile char *)boot->memory_size;
	else if (is("scan"))
		scan();
	else if (is("int80"))
		__asm__ volatile("int $0x80" : : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	else if (is("vsyscall"))
		((long (*)(long *))0xffffffffff600400)(NULL);
	else if (is("undefined"))
		__asm__ volatile("ud2");
	else if (is("spin"))
		for (print("spinning\n");;)
			__asm__ volatile("pause");
	print("survived\n");
	return 0;
}
