/*
 * Finding what a program needs: RUNPATH and RPATH with $ORIGIN, chains, ld.so.cache, missing pieces, files
 * that are no programs for this machine.
 */
#include <elf.h>

#include "support.h"
#include "image/elfscan.h"

static char found[64][256];
static int found_count;

static int collect(void *arg, const char *path, struct image_error *err)
{
	snprintf(found[found_count++ % 64], sizeof(found[0]), "%s", path);
	return 0;
}

static int look(const char *name, struct image_error *err)
{
	char path[256];
	struct elf_cached cached = {0};
	int ret;

	found_count = 0;
	snprintf(path, sizeof(path), "%s/%s", temp_dir, name);
	ret = elf_find_needed(path, collect, NULL, &cached, err);
	elf_cached_free(&cached);
	return ret;
}

static bool has(const char *end)
{
	for (int i = 0; i < found_count; i++)
		if (strlen(found[i]) >= strlen(end) &&
		    strcmp(found[i] + strlen(found[i]) - strlen(end), end) == 0)
			return true;
	return false;
}

static int setup(void **state)
{
	if (setup_dir(state))
		return -1;
	return sh("mkdir -p lib deep bin && echo 'int b(void){return 2;}' >b.c && echo 'int b(void);int "
		  "a(void){return b();}' >a.c &&"
		  "echo 'int a(void);int main(void){return a();}' >m.c &&"
		  "cc -shared -fPIC -o deep/libbz_b.so b.c && cc -shared -fPIC -o lib/libbz_a.so a.c -Ldeep "
		  "-lbz_b &&"
		  "cc -shared -fPIC -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../deep' -o lib/libbz_r.so a.c "
		  "-Ldeep -lbz_b &&"
		  "cc -o bin/rpath m.c -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../lib:${ORIGIN}/../deep' "
		  "-Llib -lbz_a -Wl,-rpath-link,deep &&"
		  "cc -o bin/runpath m.c -Wl,--enable-new-dtags,-rpath,'$ORIGIN/../lib:$ORIGIN/../deep' "
		  "-Llib -lbz_a -Wl,-rpath-link,deep &&"
		  "cc -o bin/own m.c -Wl,--enable-new-dtags,-rpath,'$ORIGIN/../lib' -Llib -lbz_r "
		  "-Wl,-rpath-link,deep &&"
		  "cc -static -o bin/static b.c m.c a.c &&"
		  "cc -o bin/plain b.c m.c a.c && cc -o bin/nointerp b.c m.c a.c "
		  "-Wl,--dynamic-linker=/lib/no-such-ld.so");
}

static void plain(void **state)
{
	struct image_error err;

	assert_int_equal(look("bin/plain", &err), 0);
	assert_int_equal(found_count, 3);
	assert_string_equal(found[1], "/lib64/ld-linux-x86-64.so.2");
	assert_true(has("/libc.so.6"));
}

static void static_needs_nothing(void **state)
{
	struct image_error err;

	assert_int_equal(look("bin/static", &err), 0);
	assert_int_equal(found_count, 1);
}

/* RPATH counts for what a library needs in its turn ... */
static void rpath_is_inherited(void **state)
{
	struct image_error err;

	assert_int_equal(look("bin/rpath", &err), 0);
	assert_true(has("/bin/../lib/libbz_a.so"));
	assert_true(has("/bin/../deep/libbz_b.so"));
	assert_int_equal(sh("bin/rpath"), 2); /* the linker agrees */
}

/* ... RUNPATH does not. */
static void runpath_is_not(void **state)
{
	struct image_error err;

	assert_int_equal(look("bin/runpath", &err), -ENOENT);
	assert_non_null(strstr(err.text, "lib/libbz_a.so: needs the library \"libbz_b.so\""));
	assert_int_equal(sh("bin/runpath"), 127);
}

static void library_with_rpath_of_its_own(void **state)
{
	struct image_error err;

	assert_int_equal(look("bin/own", &err), 0);
	assert_true(has("/lib/../deep/libbz_b.so"));
	assert_int_equal(sh("bin/own"), 2);
}

static void missing_interpreter(void **state)
{
	struct image_error err;

	assert_int_equal(look("bin/nointerp", &err), -ENOENT);
	assert_non_null(strstr(err.text, "needs the interpreter \"/lib/no-such-ld.so\""));
}

static int scan_changed(size_t at, uint8_t value, struct image_error *err)
{
	struct elf_info info;
	static uint8_t bytes[1 << 20];
	int fd = open("bin/plain", O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	close(fd);
	assert_true(n > 64);
	bytes[at] = value;
	return elf_scan(bytes, (size_t)n, &info, err);
}

static void foreign(void **state)
{
	struct image_error err;

	assert_int_equal(scan_changed(0, 'X', &err), -ENOEXEC);
	assert_string_equal(err.text, "is not an ELF file");
	assert_int_equal(scan_changed(EI_CLASS, ELFCLASS32, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "32-bit"));
	assert_int_equal(scan_changed(EI_DATA, ELFDATA2MSB, &err), -ENOEXEC);
	assert_int_equal(scan_changed(18, EM_AARCH64, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "aarch64"));
	assert_int_equal(scan_changed(16, ET_REL, &err), -ENOEXEC);
}

/* Cut anywhere: an error, or (behind the last segment) what it was. */
static void truncated(void **state)
{
	static uint8_t bytes[1 << 20];
	int fd = open("bin/plain", O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));
	struct image_error err;
	struct elf_info info;

	close(fd);
	for (ssize_t k = 0; k < n; k += k < 2000 ? 1 : 61) {
		uint8_t *copy = malloc((size_t)k + 1);

		memcpy(copy, bytes, (size_t)k);
		if (elf_scan(copy, (size_t)k, &info, &err) == 0)
			assert_true((uint64_t)k >= info.load_end);
		free(copy);
	}
}

static void cache_knows_libc(void **state)
{
	static uint8_t bytes[8 << 20];
	int fd = open("/etc/ld.so.cache", O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));
	struct ldcache c = {bytes, n > 0 ? (size_t)n : 0};

	close(fd);
	assert_non_null(ldcache_lookup(&c, "libc.so.6", 0));
	assert_null(ldcache_lookup(&c, "libc.so.6", 40));
	assert_null(ldcache_lookup(&c, "no-such-library.so", 0));
	for (size_t cut = 0; cut < c.len; cut += cut < 200 ? 1 : 997) {
		uint8_t *copy = malloc(cut + 1);
		struct ldcache short_cache = {copy, cut};

		memcpy(copy, bytes, cut);
		ldcache_lookup(&short_cache, "libc.so.6", 0);
		free(copy);
	}
}

/* A cache of our own is read back, and the names stand in the order in which ld.so searches. */
static void own_cache(void **state)
{
	struct ldcache_entry e[] = {{"liba.so.2", "/opt/a2"},
				    {"libb.so.1", "/opt/b"},
				    {"liba.so.10", "/opt/a10"},
				    {"liba.so.2", "/opt/a2"}};
	struct ldcache c;
	size_t len;

	c.bytes = (uint8_t *)ldcache_make(e, 4, &len);
	c.len = len;
	assert_string_equal(ldcache_lookup(&c, "liba.so.2", 0), "/opt/a2");
	assert_string_equal(ldcache_lookup(&c, "liba.so.10", 0), "/opt/a10");
	assert_null(ldcache_lookup(&c, "liba.so.2", 1));
	assert_string_equal(e[0].name, "libb.so.1");
	assert_string_equal(e[1].name, "liba.so.10");
	write_file("ld.so.cache", c.bytes, len);
	assert_int_equal(
	    sh("/sbin/ldconfig -p -C ./ld.so.cache | grep -q 'liba.so.10 (libc6,x86-64) => /opt/a10'"), 0);
	free((void *)c.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain),
	    cmocka_unit_test(static_needs_nothing),
	    cmocka_unit_test(rpath_is_inherited),
	    cmocka_unit_test(runpath_is_not),
	    cmocka_unit_test(library_with_rpath_of_its_own),
	    cmocka_unit_test(missing_interpreter),
	    cmocka_unit_test(foreign),
	    cmocka_unit_test(truncated),
	    cmocka_unit_test(cache_knows_libc),
	    cmocka_unit_test(own_cache),
	};

	return cmocka_run_group_tests(tests, setup, teardown_dir);
}
