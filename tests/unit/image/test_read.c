/*
 * Images that are damaged, cut, or strange: never accepted.  And what is verified once stays verified only
 * while the file is the same.
 */
#include <elf.h>
#include <sys/mman.h>
#include <time.h>

#include "support.h"
#include "image/build.h"

/* The smallest thing that assemble takes for a library OS. */
static void write_libos(const char *path)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p;
		char code[100];
	} f = {.e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
		     .e_type = ET_EXEC,
		     .e_machine = EM_X86_64,
		     .e_phoff = 64,
		     .e_phentsize = sizeof(Elf64_Phdr),
		     .e_phnum = 1},
	       .p = {.p_type = PT_LOAD, .p_filesz = sizeof(f)},
	       .code = "code"};

	write_file(path, &f, sizeof(f));
}

static uint8_t *image;
static size_t image_len;

static int setup(void **state)
{
	struct stat st;
	int fd;

	if (setup_dir(state))
		return -1;
	write_libos("libos");
	if (sh("mkdir tree && echo hello >tree/file && echo '{\"cmd\": [\"/file\"]}' >m.json && "
	       "$BI build --libos libos -m m.json -o a.img tree")) {
		fputs(last_error, stderr);
		return -1;
	}
	fd = open("a.img", O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		return -1;
	image_len = (size_t)st.st_size;
	image = malloc(image_len);
	if (read(fd, image, image_len) != (ssize_t)image_len)
		return -1;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	free(image);
	return teardown_dir(state);
}

static int check(int fd)
{
	struct image_error err;
	struct image img;
	int ret = image_open(&img, fd, &err);

	if (!ret) {
		ret = image_verify(&img, IMAGE_VERIFY_FULL, NULL, NULL, NULL, &err);
		image_close(&img);
	}
	return ret;
}

static int image_in_memory(void)
{
	int fd = memfd_create("image", 0);

	assert_int_equal(write(fd, image, image_len), image_len);
	return fd;
}

static void whole(void **state)
{
	int fd = image_in_memory();
	struct image_error err;
	struct image img;

	assert_int_equal(image_probe(fd), IMAGE_YES);
	assert_int_equal(image_open(&img, fd, &err), 0);
	assert_int_equal(img.section_count, 3);
	assert_non_null(image_section(&img, BZ_SECTION_LIBOS));
	assert_int_equal(image_section(&img, BZ_SECTION_LIBOS)->offset % 4096, 0);
	assert_string_equal(img.manifest.cmd.item[0], "/file");
	assert_int_equal(check(fd), 0);
	image_close(&img);
	close(fd);
}

static void every_byte_flipped(void **state)
{
	int fd = image_in_memory();

	for (size_t i = 0; i < image_len; i++) {
		uint8_t one = image[i] ^ (uint8_t)(1u << i % 8), all = image[i] ^ 0xff;

		assert_int_equal(pwrite(fd, &one, 1, (off_t)i), 1);
		if (check(fd) == 0)
			fail_msg("bit %zu of byte %zu flipped: accepted", i % 8, i);
		assert_int_equal(pwrite(fd, &all, 1, (off_t)i), 1);
		if (check(fd) == 0)
			fail_msg("byte %zu inverted: accepted", i);
		assert_int_equal(pwrite(fd, image + i, 1, (off_t)i), 1);
	}
	assert_int_equal(check(fd), 0);
	close(fd);
}

static void every_length(void **state)
{
	int fd = image_in_memory();

	assert_int_equal(ftruncate(fd, (off_t)image_len + 1), 0);
	assert_int_not_equal(check(fd), 0);
	for (size_t n = image_len; n-- > 0; n -= n > image_len - 600 ? 0 : n > 50 ? 37 : 0) {
		assert_int_equal(ftruncate(fd, (off_t)n), 0);
		assert_int_not_equal(check(fd), 0);
		assert_int_not_equal(image_probe(fd), IMAGE_YES);
	}
	close(fd);
}

/* A footer, or a table, that has been changed and given right digests: the structure is checked, too. */
static void structure_checked_behind_digests(void **state)
{
	size_t at = image_len - sizeof(struct bz_image_footer);
	struct bz_image_footer f;
	struct bz_image_section s[3];
	int fd = image_in_memory();

	for (size_t byte = 0; byte < sizeof(s); byte++) {
		memcpy(&f, image + at, sizeof(f));
		memcpy(s, image + f.table_offset, sizeof(s));
		if (byte % 64 >= 24 && byte % 64 < 56)
			continue; /* a digest: found by hashing, above */
		((uint8_t *)s)[byte] ^= 0x10;
		sha256(s, sizeof(s), f.table_digest);
		sha256(&f, sizeof(f) - 32, f.footer_digest);
		pwrite(fd, s, sizeof(s), (off_t)f.table_offset);
		pwrite(fd, &f, sizeof(f), (off_t)at);
		if (check(fd) == 0)
			fail_msg("byte %zu of the table changed: accepted", byte);
	}
	memcpy(&f, image + at, sizeof(f));
	pwrite(fd, image + f.table_offset, sizeof(s), (off_t)f.table_offset);
	for (size_t byte = 0; byte < sizeof(f) - 32; byte++) {
		if (byte >= 72 && byte < 168)
			continue; /* key and signature: checked by who asks for a signature */
		memcpy(&f, image + at, sizeof(f));
		((uint8_t *)&f)[byte] ^= 0x10;
		sha256(&f, sizeof(f) - 32, f.footer_digest);
		pwrite(fd, &f, sizeof(f), (off_t)at);
		if (check(fd) == 0)
			fail_msg("byte %zu of the footer changed: accepted", byte);
	}
	close(fd);
}

static bool cached(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct image_report report;
	struct image_error err;
	struct image img;

	assert_int_equal(image_open(&img, fd, &err), 0);
	assert_int_equal(image_verify(&img, 0, &report, NULL, NULL, &err), 0);
	image_close(&img);
	close(fd);
	return report.cached;
}

static void verified_once(void **state)
{
	const struct timespec wait = {2, 100000000};

	sh("cp a.img c.img");
	assert_false(cached("c.img"));
	assert_false(cached("c.img")); /* too young to be believed */
	nanosleep(&wait, NULL);
	assert_false(cached("c.img"));
	assert_true(cached("c.img"));
	sh("chmod 777 .cache/bartizan/verified");
	assert_false(cached("c.img")); /* others could have written there */
	sh("chmod 700 .cache/bartizan/verified");
	assert_true(cached("c.img"));
	sh("for f in .cache/bartizan/verified/*; do printf X | dd of=$f bs=1 seek=20 conv=notrunc "
	   "status=none; done");
	assert_false(cached("c.img"));
	sh("cp a.img new && mv new c.img");
	assert_false(cached("c.img"));
}

static void damage_of_a_cached_image_is_seen(void **state)
{
	const struct timespec wait = {2, 100000000};
	struct image_error err;
	struct image img;
	int fd;

	sh("cp a.img d.img");
	nanosleep(&wait, NULL);
	assert_false(cached("d.img"));
	assert_true(cached("d.img"));
	sh("printf X | dd of=d.img bs=1 seek=5000 conv=notrunc status=none");
	fd = open("d.img", O_RDONLY);
	assert_int_equal(image_open(&img, fd, &err), 0);
	assert_int_equal(image_verify(&img, 0, NULL, NULL, NULL, &err), -EBADMSG);
	image_close(&img);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole),	     cmocka_unit_test(every_byte_flipped),
	    cmocka_unit_test(every_length),  cmocka_unit_test(structure_checked_behind_digests),
	    cmocka_unit_test(verified_once), cmocka_unit_test(damage_of_a_cached_image_is_seen),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
