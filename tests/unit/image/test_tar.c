/*
 * Hostile archives: each is refused with one line, or harmless, and nothing outside the stage changes.
 */
#include "support.h"

static int setup(void **state)
{
	if (setup_dir(state))
		return -1;
	write_text("canary", "untouched");
	return 0;
}

static FILE *tar(void)
{
	FILE *f = fopen("t.tar", "w");

	unlink("t.img");
	assert_non_null(f);
	return f;
}

static void refused(const char *text)
{
	expect_error("$BI build --no-libos -o t.img t.tar", text);
	assert_int_not_equal(access("t.img", F_OK), 0);
	assert_int_equal(sh("test \"$(cat canary)\" = untouched"), 0);
}

static char built_note[sizeof(last_error)];

static void built(void)
{
	if (sh("$BI build --no-libos -o t.img t.tar"))
		fail_msg("%s", last_error);
	strcpy(built_note, last_error);
	assert_int_equal(sh("test \"$(cat canary)\" = untouched && fsck.erofs t.img >/dev/null"), 0);
}

/* A path of the image as dump.erofs shows it has `text` in it. */
static void has(const char *path, const char *text)
{
	if (sh("dump.erofs --path=%s t.img | grep -q '%s'", path, text)) {
		sh("dump.erofs --path=%s t.img >&2", path);
		fail_msg("%s: no \"%s\" in: %s", path, text, last_error);
	}
}

static void dotdot(void **state)
{
	FILE *f = tar();

	tar_entry(f, '0', "../canary", NULL, "evil");
	tar_end(f);
	refused("entry \"../canary\": goes through \"..\"; refused");
	f = tar();
	tar_entry(f, '0', "a/../../canary", NULL, "evil");
	tar_end(f);
	refused("goes through \"..\"");
}

static void absolute(void **state)
{
	char name[100];
	FILE *f = tar();

	snprintf(name, sizeof(name), "%s/canary", temp_dir);
	tar_entry(f, '0', name, NULL, "evil");
	tar_end(f);
	refused("absolute name; refused");
}

/* A link that leads out is kept as a text, but what goes through it stays inside. */
static void symlink_escape(void **state)
{
	char evil[200];
	FILE *f = tar();

	tar_entry(f, '2', "up", "../../../../../../../../..", NULL);
	tar_entry(f, '2', "abs", temp_dir, NULL);
	tar_entry(f, '2', "file", "/etc/passwd", NULL);
	snprintf(evil, sizeof(evil), "up%s/canary", temp_dir);
	tar_entry(f, '0', evil, NULL, "evil");
	tar_entry(f, '0', "abs/canary", NULL, "evil");
	tar_entry(f, '0', "file", NULL, "replaces the link, does not follow it");
	tar_end(f);
	built();
	snprintf(evil, sizeof(evil), "%s/canary", temp_dir);
	has(evil, "Size: 4 ");
	has("/file", "regular file");
}

static void symlink_loop(void **state)
{
	FILE *f = tar();

	tar_entry(f, '2', "a", "b", NULL);
	tar_entry(f, '2', "b", "a", NULL);
	tar_entry(f, '0', "a/x", NULL, "x");
	tar_end(f);
	refused("Too many levels of symbolic links");
}

static void hardlink_escape(void **state)
{
	char name[100];
	FILE *f = tar();

	tar_entry(f, '1', "h", "../canary", NULL);
	tar_end(f);
	refused("is a hard link through \"..\"; refused");
	snprintf(name, sizeof(name), "%s/canary", temp_dir);
	f = tar();
	tar_entry(f, '1', "h", name, NULL);
	tar_end(f);
	refused("is a hard link to an absolute name; refused");
	f = tar();
	tar_entry(f, '2', "l", temp_dir, NULL);
	tar_entry(f, '1', "h", "l/canary", NULL);
	tar_end(f);
	refused("is a hard link to a name that is not in the archive");
}

/* Writing to a name that is a hard link must not change the other name. */
static void hardlink_is_cut(void **state)
{
	FILE *f = tar();

	tar_entry(f, '0', "one", NULL, "1");
	tar_entry(f, '1', "two", "one", NULL);
	tar_entry(f, '0', "two", NULL, "22222");
	tar_end(f);
	built();
	has("/one", "Size: 1 ");
	has("/two", "Size: 5 ");
}

static void devices_left_out(void **state)
{
	FILE *f = tar();

	tar_entry(f, '3', "null", NULL, NULL);
	tar_entry(f, '4', "sda", NULL, NULL);
	tar_entry(f, '6', "fifo", NULL, NULL);
	tar_entry(f, '0', "file", NULL, "x");
	tar_end(f);
	built();
	assert_non_null(strstr(built_note, "2 devices"));
	has("/fifo", "FIFO");
	assert_int_not_equal(sh("dump.erofs --ls --path=/ t.img | grep -q -e null -e sda"), 0);
}

static void bombs(void **state)
{
	unlink("t.img");
	assert_int_equal(sh("dd if=/dev/zero bs=1M count=300 status=none >zero && tar cf - zero | gzip -9 "
			    ">t.tar && rm zero"),
			 0);
	refused("times its size; --max-ratio raises the limit");
	assert_int_equal(sh("truncate -s 1T hole && tar cSf t.tar hole; rm hole"), 0);
	refused("the archive unpacks to more than");
	assert_int_equal(sh("mkdir many && (cd many && seq 50 | xargs touch) && tar cf t.tar many"), 0);
	expect_error("$BI build --no-libos --max-files 20 -o t.img t.tar", "--max-files raises the limit");
}

static void damaged(void **state)
{
	unlink("t.img");
	assert_int_equal(sh("seq 100000 >f && tar czf whole.tgz f && head -c 20000 whole.tgz >t.tar"), 0);
	refused("truncated gzip input");
	write_text("t.tar", "just some text that is no archive at all");
	refused("is neither an ELF file, nor a directory, nor a tar archive");
	write_text("t.tar", "\x1f\x8b gzip in name only");
	refused("cannot read the archive");
}

static void replaced_kinds(void **state)
{
	FILE *f = tar();

	tar_entry(f, '0', "a", NULL, "file");
	tar_entry(f, '0', "a/b", NULL, "below a file");
	tar_end(f);
	refused("Not a directory");
	f = tar();
	tar_entry(f, '5', "d", NULL, NULL);
	tar_entry(f, '0', "d/x", NULL, "x");
	tar_entry(f, '0', "d", NULL, "in the place of a full directory");
	tar_end(f);
	refused("Is a directory");
}

/* As bin -> usr/bin in a root directory: a directory entry does not replace the link to a directory. */
static void directory_entry_keeps_link(void **state)
{
	FILE *f = tar();

	tar_entry(f, '5', "usr/", NULL, NULL);
	tar_entry(f, '5', "usr/bin", NULL, NULL);
	tar_entry(f, '2', "bin", "usr/bin", NULL);
	tar_entry(f, '5', "bin/", NULL, NULL);
	tar_entry(f, '0', "bin/sh", NULL, "#!");
	tar_end(f);
	built();
	has("/bin", "symlink");
	has("/usr/bin/sh", "Size: 2 ");
}

static void hostile_names_are_escaped(void **state)
{
	FILE *f = tar();

	tar_entry(f, '0', "../\033[2Jx", NULL, "x");
	tar_end(f);
	refused("../\\x1b[2Jx");
}

/* Names are bytes: old tars have any, new ones (pax) UTF-8; neither depends on the locale. */
static void names_of_any_bytes(void **state)
{
	FILE *f = tar();

	tar_entry(f, '0', "\xff\xfe.txt", NULL, "latin");
	tar_end(f);
	assert_int_equal(sh("LC_ALL=C $BI build --no-libos -o t.img t.tar"), 0);
	assert_int_equal(sh("dump.erofs --ls --path=/ t.img | grep -qa \"$(printf '\\377\\376.txt')\""), 0);
	assert_int_equal(sh("mkdir -p pax && touch \"pax/$(printf 'gr\\303\\274n')\" && tar --format=pax -cf "
			    "t.tar -C pax . && "
			    "LC_ALL=C $BI build --no-libos -o t.img t.tar && "
			    "dump.erofs --ls --path=/ t.img | grep -qa \"$(printf 'gr\\303\\274n')\""),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dotdot),
	    cmocka_unit_test(absolute),
	    cmocka_unit_test(symlink_escape),
	    cmocka_unit_test(symlink_loop),
	    cmocka_unit_test(hardlink_escape),
	    cmocka_unit_test(hardlink_is_cut),
	    cmocka_unit_test(devices_left_out),
	    cmocka_unit_test(bombs),
	    cmocka_unit_test(damaged),
	    cmocka_unit_test(replaced_kinds),
	    cmocka_unit_test(directory_entry_keeps_link),
	    cmocka_unit_test(hostile_names_are_escaped),
	    cmocka_unit_test(names_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, setup, teardown_dir);
}
