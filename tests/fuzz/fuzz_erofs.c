/* libFuzzer: the library OS's EROFS reader walks whatever it is given; the sanitizers watch every access. */
#include "tests/unit/libos/erofs_harness.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct super *super = erofs_mount((u64)data, size);

	if (!IS_ERR(super)) {
		harness_walk(super, NULL, NULL);
		harness_unmount(super);
	}
	return 0;
}
