/*
 * The EROFS reader against mkfs.erofs: an image of a made tree reads back as the tree; a damaged image gives errors,
 * never a crash (run under the sanitizers too).
 */
#include "erofs_harness.h"	/* first: <linux/stat.h> defines less once libc was seen */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

int system(const char *command);
int printf(const char *fmt, ...);
void *malloc(size_t n);
void free(void *p);
int rand(void);
void *fopen(const char *path, const char *mode);
size_t fread(void *p, size_t size, size_t n, void *f);
int fclose(void *f);

extern char *mkdtemp(char *);
extern int chdir(const char *);

static const char make_tree[] =
	"set -e; rm -rf \"$D\"; mkdir -p \"$D/t/sub/deep\" \"$D/t/many\"; cd \"$D/t\";"
	"printf hello > small; : > empty; head -c 4096 /dev/zero | tr '\\0' a > block;"
	"seq 1 40000 > numbers; ln -s sub/deep link; ln small hard; mkfifo fifo; chmod 4751 numbers;"
	"i=0; while [ $i -lt 700 ]; do echo $i > \"many/a-rather-long-name-number-$i\"; i=$((i+1)); done;"
	"printf nested > sub/deep/file; command -v setfattr >/dev/null && setfattr -n user.colour -v blue small || :;"
	"mkfs.erofs --quiet -T1000 $OPTIONS \"$D/image\" \"$D/t\" >/dev/null 2>&1 || mkfs.erofs -T1000 $OPTIONS \"$D/image\" "
	"\"$D/t\" >/dev/null";

static char *load(const char *path, size_t *size)
{
	static const size_t room = 8u << 20;
	void *f = fopen(path, "r");
	char *data = malloc(room);

	assert_non_null(f);
	*size = fread(data, 1, room, f);
	fclose(f);
	return data;
}

struct seen {
	int many, hard_nlink;
	bool hello, nested, link, numbers, fifo, block, empty, colour;
};

static void note(void *arg, const char *path, struct inode *inode, const char *data, size_t len)
{
	struct seen *s = arg;
	char value[16];

	if (!strncmp(path, "/many/a-rather", 14))
		s->many++;
	if (!strcmp(path, "/small")) {
		s->hello = len == 5 && !memcmp(data, "hello", 5);
		s->hard_nlink = inode->nlink;
		s->colour = inode->ops->getxattr(inode, "user.colour", value, sizeof(value)) == 4 && !memcmp(value, "blue", 4);
	}
	if (!strcmp(path, "/sub/deep/file"))
		s->nested = len == 6 && !memcmp(data, "nested", 6);
	if (!strcmp(path, "/link"))
		s->link = S_ISLNK(inode->mode) && len == 8 && !memcmp(data, "sub/deep", 8);
	if (!strcmp(path, "/numbers"))
		s->numbers = inode->size == 228894 && (inode->mode & 07777) == 04751 && !memcmp(data + 228888, "40000\n", 6);
	if (!strcmp(path, "/fifo"))
		s->fifo = S_ISFIFO(inode->mode);
	if (!strcmp(path, "/block"))
		s->block = len == 4096 && data[4095] == 'a';
	if (!strcmp(path, "/empty"))
		s->empty = inode->size == 0 && S_ISREG(inode->mode);
}

static void image_reads_back(void **state)
{
	struct seen s = {0};
	struct super *super;
	size_t size;
	char *image;

	assert_int_equal(system(*state), 0);
	image = load("erofs-test/image", &size);
	super = erofs_mount((u64)image, size);
	assert_false(IS_ERR(super));
	assert_true(harness_walk(super, note, &s) > 700);
	assert_int_equal(s.many, 700);
	assert_int_equal(s.hard_nlink, 2);
	assert_true(s.hello && s.nested && s.link && s.numbers && s.fifo && s.block && s.empty);
	if (!system("command -v setfattr >/dev/null"))
		assert_true(s.colour);
	harness_unmount(super);
	free(image);
}

static void damage_is_an_error(void **state)
{
	struct super *super;
	size_t size;
	char *image;

	assert_int_equal(system(*state), 0);
	image = load("erofs-test/image", &size);
	for (int round = 0; round < 600; round++) {
		char *copy = malloc(size);
		size_t cut = round % 5 ? size : rand() % size;

		memcpy(copy, image, cut);
		/* Metadata stands near the start; flip there mostly. */
		for (int i = 0; i < 1 + round % 20; i++)
			if (cut)
				copy[rand() % (round % 2 && cut > 65536 ? 65536 : cut)] ^= 1 << rand() % 8;
		super = erofs_mount((u64)copy, cut);
		if (!IS_ERR(super)) {
			harness_walk(super, NULL, NULL);
			harness_unmount(super);
		}
		free(copy);
	}
	free(image);
}

int main(void)
{
	static char plain[2048], inlined[2048], chunked[2048], place[] = "/tmp/erofs-test-XXXXXX";
	int failed;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(image_reads_back, plain),
		cmocka_unit_test_prestate(image_reads_back, inlined),
		cmocka_unit_test_prestate(image_reads_back, chunked),
		cmocka_unit_test_prestate(damage_is_an_error, plain),
		cmocka_unit_test_prestate(damage_is_an_error, inlined),
		cmocka_unit_test_prestate(damage_is_an_error, chunked),
	};

	/* In /tmp, where mkfs.erofs gathers chunks: erofs-utils 1.5 cannot copy them to another file system (EXDEV). */
	if (!mkdtemp(place) || chdir(place))
		return 1;
	strlcpy(plain, "D=$PWD/erofs-test OPTIONS=-Enoinline_data; ", sizeof(plain));
	strlcpy(inlined, "D=$PWD/erofs-test OPTIONS=; ", sizeof(inlined));
	strlcpy(chunked, "D=$PWD/erofs-test OPTIONS=--chunksize=4096; ", sizeof(chunked));
	strlcpy(plain + strlen(plain), make_tree, 1600);
	strlcpy(inlined + strlen(inlined), make_tree, 1600);
	strlcpy(chunked + strlen(chunked), make_tree, 1600);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(plain, sizeof(plain), "rm -rf %s", place);
	return system(plain) ? 1 : failed;
}
