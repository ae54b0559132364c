/* dlopen loads a shared library at run time, finds its symbols, and closes it again. */
#include "check.h"
#include <dlfcn.h>

int main(void)
{
	for (int i = 0; i < 20; i++) {
		void *library = dlopen("libm.so.6", RTLD_NOW);
		CHECK(library);
		double (*root)(double) = (double (*)(double))(uintptr_t)dlsym(library, "sqrt");
		CHECK(root && root(49) == 7);
		CHECK(!dlsym(library, "no_such_symbol"));
		CHECK_EQ(dlclose(library), 0);
	}
	CHECK(!dlopen("libnone-such.so", RTLD_NOW));
	return 0;
}
