/* Output, arguments, the boot information, registers and the stack at the entry; the exit code is an argument. */
#include "tests/solo5/guest.h"

MANIFEST(0);

static uint64_t in_bss[1024];
static uint64_t in_data[2] = {0x1122334455667788, 1};

int main(void)
{
	CHECK((uint64_t)boot == SOLO5_BOOT_BASE);
	CHECK(start_stack == boot->memory_size - 8);
	CHECK(boot->manifest == SOLO5_BOOT_BASE + sizeof(*boot));
	CHECK(boot->cmdline == boot->manifest + 8 + sizeof(struct solo5_entry));
	CHECK(manifest->version == 1 && manifest->count == 1 && !manifest->entries[0].attached);
	CHECK(boot->kernel_end % 4096 == 0 && boot->kernel_end > (uint64_t)in_data);
	CHECK(in_data[0] == 0x1122334455667788);
	for (int i = 0; i < 1024; i++)
		CHECK(in_bss[i] == 0);
	in_bss[1023] = in_data[1] = 2;
	if (is("exit"))
		return number(0);
	if (is("memory")) {
		/* Each page of it can be used, and all are empty. */
		for (uint64_t at = boot->kernel_end + (1 << 20); at < start_stack - (1 << 20); at += 4096) {
			CHECK(*(volatile uint64_t *)at == 0);
			*(volatile uint64_t *)at = at;
		}
		print_number(boot->memory_size);
		print(" bytes\n");
		return 0;
	}
	print("hello [");
	print(cmdline);
	print("]\n");
	return 0;
}
