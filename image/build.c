/*
 * `bartizan build`: options, and the order of work.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/build.h"
#include "image/build_tree.h"
#include "image/progress.h"
#include "image/user.h"

#define INCLUDES_MAX 1024

struct options {
	const char *out, *tag, *manifest, *libos, *sign, *source;
	bool no_libos, all_root;
	struct include includes[INCLUDES_MAX];
	size_t include_count;
	struct unpack_limits limits;
	struct draft draft; /* what options say */
	struct solo5_block blocks[BZ_BLOCKS_MAX];
	size_t block_count;
	const char *sectors[BZ_BLOCKS_MAX]; /* NAME=N */
	size_t sector_count;
};

enum {
	OPT_ENTRYPOINT = 256,
	OPT_CMD,
	OPT_INCLUDE,
	OPT_LIBOS,
	OPT_NO_LIBOS,
	OPT_SIGN,
	OPT_ALL_ROOT,
	OPT_MAX_SIZE,
	OPT_MAX_FILES,
	OPT_MAX_RATIO,
	OPT_LABEL,
	OPT_COMPONENTS,
	OPT_BLOCK,
	OPT_SECTOR_SIZE
};

static const struct argp_option argp_options[] = {
    {"output", 'o', "FILE", 0, "Write the image to FILE", 0},
    {"tag", 't', "NAME", 0, "Put the image into your store, to be run by NAME", 0},
    {"name", 't', NULL, OPTION_ALIAS, NULL, 0},
    {"manifest", 'm', "FILE", 0, "Take the manifest (JSON) from FILE; the options below change it", 0},
    {"entrypoint", OPT_ENTRYPOINT, "WORD", 0,
     "Program to run (a JSON list or one word; may be given again for "
     "its fixed arguments)",
     0},
    {"cmd", OPT_CMD, "WORD", 0, "Default argument, replaced by arguments of the run (as --entrypoint)", 0},
    {"env", 'e', "NAME=VALUE", 0, "Set an environment variable", 0},
    {"workdir", 'w', "DIR", 0, "Start in DIR", 0},
    {"user", 'u', "USER", 0, "Run as UID[:GID] or NAME[:GROUP]", 0},
    {"label", OPT_LABEL, "KEY=VALUE", 0, "Add a label", 0},
    {"components", OPT_COMPONENTS, "LIST", 0,
     "Put in only these components of the library OS (names with commas between them; core: none but what is always "
     "there)",
     0},
    {"include", OPT_INCLUDE, "PATH[:GUESTPATH]", 0, "Add a file or tree of this host", 0},
    {"block", OPT_BLOCK, "NAME=FILE", 0, "Pack FILE as the block device NAME of a Solo5 guest", 0},
    {"block-sector-size", OPT_SECTOR_SIZE, "NAME=N", 0, "Its sectors have N bytes (default 512)", 0},
    {"all-root", OPT_ALL_ROOT, NULL, 0, "All files belong to root", 0},
    {"sign", OPT_SIGN, "KEY", 0, "Sign with an Ed25519 private key (see bartizan-image keygen)", 0},
    {"libos", OPT_LIBOS, "FILE", 0, "Library OS to put in, instead of Bartizan's own", 0},
    {"no-libos", OPT_NO_LIBOS, NULL, 0, "No library OS: run with the command's own", 0},
    {"max-size", OPT_MAX_SIZE, "BYTES", 0, "Most that an archive may unpack to (default 64 GiB)", 0},
    {"max-files", OPT_MAX_FILES, "N", 0, "Most files in an archive (default 4000000)", 0},
    {"max-ratio", OPT_MAX_RATIO, "N", 0,
     "Most that an archive may unpack to, in times of its size (default 200)", 0},
    {0},
};

static const char doc[] =
    "Make a Bartizan image from SOURCE: an ELF program (with the libraries and the interpreter that it "
    "needs), a root "
    "directory, a tar (plain, gz, bz2, xz, zstd; - is standard input), or a container archive (OCI layout or "
    "docker "
    "save), or a Solo5 unikernel."
    "\vExamples:\n"
    "  bartizan build -o sqlite.img /usr/bin/sqlite3\n"
    "  bartizan build --tag py --include /usr/lib/python3.11 /usr/bin/python3\n"
    "  bartizan build --tag debian --cmd /bin/bash debian-rootfs.tar.xz\n"
    "  docker save alpine | bartizan build --tag alpine -\n"
    "  bartizan build -o web.img --block storage=disk.img ./web.spt\n"
    "\n"
    "The same input gives the same bytes; with SOURCE_DATE_EPOCH later file times become that time.\n"
    "Exit status: 0, or 125 with one line that says what failed.";

/* "word" or ["a", "b"]. */
static int words(struct options *o, struct bartizan_list *l, const char *key, const char *arg,
		 struct argp_state *state)
{
	struct draft parsed = {0};
	const struct bartizan_list *list = key[0] == 'c' ? &parsed.m.cmd : &parsed.m.entrypoint;
	struct image_error err;
	char *text;

	if (arg[0] != '[') {
		draft_list_add(&o->draft, l, arg);
		return 0;
	}
	if (asprintf(&text, "{\"%s\": %s}", key, arg) < 0)
		return ENOMEM;
	if (manifest_parse(&parsed, key[0] == 'c' ? "--cmd" : "--entrypoint", text, strlen(text), &err))
		argp_error(state, "%s", err.text);
	free(text);
	if (!l->item)
		draft_list_clear(&o->draft, l);
	for (uint32_t i = 0; i < list->count; i++)
		draft_list_add(&o->draft, l, list->item[i]);
	draft_free(&parsed);
	return 0;
}

static uint64_t number(const char *name, const char *arg, struct argp_state *state)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t n = strtoull(arg, &end, 10);

	if (*end && strchr(units, *end) && n < 1ull << 20)
		n <<= 10 * (strchr(units, *end++) - units + 1);
	if (end == arg || *end || arg[0] == '-' || n == 0)
		argp_error(state, "--%s %s: must be a number above 0", name, arg);
	return n;
}

static void include(struct options *o, char *arg, struct argp_state *state)
{
	char *colon = strrchr(arg, ':');

	if (o->include_count == INCLUDES_MAX)
		argp_error(state, "too many --include");
	if (colon && access(arg, F_OK) == 0)
		colon = NULL; /* the colon belongs to the file's name */
	if (colon && (colon == arg || colon[1] != '/'))
		argp_error(state, "--include %s: GUESTPATH must be absolute", arg);
	if (colon)
		*colon = 0;
	o->includes[o->include_count++] = (struct include){arg, colon ? colon + 1 : NULL};
}

static void components(struct options *o, char *arg, struct argp_state *state)
{
	char *rest = arg, *name;

	while ((name = strsep(&rest, ","))) {
		if (!*name)
			argp_error(state, "--components: an empty name");
		draft_list_add(&o->draft, &o->draft.m.components, name);
	}
}

/* NAME=VALUE, with a name that fits. */
static char *split(const char *option, char *arg, struct argp_state *state)
{
	char *equals = strchr(arg, '=');

	if (!equals || equals == arg || !equals[1] || equals - arg >= (int)BZ_BLOCK_NAME)
		argp_error(state, "--%s %s: must be NAME=VALUE", option, arg);
	*equals = 0;
	return equals + 1;
}

static void block(struct options *o, char *arg, struct argp_state *state)
{
	char *file = split("block", arg, state);

	for (size_t i = 0; i < o->block_count; i++)
		if (!strcmp(o->blocks[i].name, arg))
			argp_error(state, "--block %s: given twice", arg);
	if (o->block_count == BZ_BLOCKS_MAX)
		argp_error(state, "too many --block");
	o->blocks[o->block_count++] = (struct solo5_block){arg, file, 0};
}

/* Behind all options: a size may stand before its device. */
static int take_sector_sizes(struct options *o, struct image_error *err)
{
	for (size_t i = 0, k; i < o->sector_count; i++) {
		const char *name = o->sectors[i], *size = name + strlen(name) + 1;
		char *end;

		for (k = 0; k < o->block_count && strcmp(o->blocks[k].name, name); k++)
			;
		if (k == o->block_count)
			return image_fail(err, -EINVAL, "--block-sector-size: no --block %s=FILE is given", name);
		o->blocks[k].sector_size = (uint32_t)strtoul(size, &end, 10);
		if (*end || *size < '1' || *size > '9')
			return image_fail(err, -EINVAL, "--block-sector-size: '%s' is not a number", size);
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct bartizan_manifest *m = &o->draft.m;

	switch (key) {
	case 'o':
		o->out = arg;
		break;
	case 't':
		o->tag = arg;
		break;
	case 'm':
		o->manifest = arg;
		break;
	case 'e':
		if (!strchr(arg, '='))
			argp_error(
			    state,
			    "-e %s: must be NAME=VALUE; an image must not depend on the shell it is built in",
			    arg);
		draft_list_set(&o->draft, &m->env, arg);
		break;
	case 'w':
		m->workdir = arg;
		break;
	case 'u':
		m->user = arg;
		break;
	case OPT_LABEL:
		draft_list_set(&o->draft, &m->labels, arg);
		break;
	case OPT_COMPONENTS:
		components(o, arg, state);
		break;
	case OPT_ENTRYPOINT:
		return words(o, &m->entrypoint, "entrypoint", arg, state);
	case OPT_CMD:
		return words(o, &m->cmd, "cmd", arg, state);
	case OPT_INCLUDE:
		include(o, arg, state);
		break;
	case OPT_LIBOS:
		o->libos = arg;
		break;
	case OPT_NO_LIBOS:
		o->no_libos = true;
		break;
	case OPT_BLOCK:
		block(o, arg, state);
		break;
	case OPT_SECTOR_SIZE:
		split("block-sector-size", arg, state);
		if (o->sector_count == BZ_BLOCKS_MAX)
			argp_error(state, "too many --block-sector-size");
		o->sectors[o->sector_count++] = arg;
		break;
	case OPT_ALL_ROOT:
		o->all_root = true;
		break;
	case OPT_SIGN:
		o->sign = arg;
		break;
	case OPT_MAX_SIZE:
		o->limits.bytes = number("max-size", arg, state);
		break;
	case OPT_MAX_FILES:
		o->limits.files = number("max-files", arg, state);
		break;
	case OPT_MAX_RATIO:
		o->limits.ratio = number("max-ratio", arg, state);
		break;
	case ARGP_KEY_ARG:
		if (o->source)
			argp_error(state, "more than one SOURCE: %s and %s", o->source, arg);
		o->source = arg;
		break;
	case ARGP_KEY_END:
		if (!o->source)
			argp_error(state, "no SOURCE: name a program, a root directory or a tar");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int read_manifest(struct draft *d, const char *path, struct image_error *err)
{
	char *text = malloc(BZ_MANIFEST_MAX + 1);
	FILE *file = fopen(path, "re");
	size_t n = 0;
	int ret;

	if (!text || !file) {
		ret = image_fail(err, -errno, "manifest %s: %s", path, strerror(errno));
	} else {
		n = fread(text, 1, BZ_MANIFEST_MAX + 1, file);
		ret = ferror(file) ? image_fail(err, -EIO, "manifest %s: cannot be read", path)
				   : manifest_parse(d, path, text, n, err);
	}
	if (file)
		fclose(file);
	free(text);
	return ret;
}

/* SOURCE_DATE_EPOCH, as reproducible-builds.org specifies it. */
static int clamp_time(int64_t *clamp, struct image_error *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	*clamp = INT64_MAX;
	if (!text || !*text)
		return 0;
	*clamp = strtoll(text, &end, 10);
	return *end || *clamp < 0
		   ? image_fail(err, -EINVAL, "SOURCE_DATE_EPOCH=%s: must be seconds since 1970", text)
		   : 0;
}

/* The image is made beside its final name, and renamed when it is whole. */
static int temporary(const char *out, char **path, struct image_error *err)
{
	char *copy = strdup(out);
	int fd;

	if (!copy || asprintf(path, "%s/.%s.XXXXXX", dirname(copy),
			      strrchr(out, '/') ? strrchr(out, '/') + 1 : out) < 0) {
		free(copy);
		return image_fail(err, -ENOMEM, "out of memory");
	}
	free(copy);
	fd = mkostemp(*path, O_CLOEXEC);
	if (fd < 0) {
		int e = errno;

		free(*path);
		*path = NULL;
		return image_fail(err, -e, "cannot make %s: %s", out, strerror(e));
	}
	temporary_add(*path);
	return fd;
}

#define PIECE (4u << 20)

static bool copy_in_pieces(int from, int to, size_t size)
{
	char *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, from, 0);
	size_t done = 0;
	ssize_t n = 1;

	if (bytes == MAP_FAILED)
		return false;
	for (; done < size && n > 0; done += n)
		n = write(to, bytes + done, size - done < PIECE ? size - done : PIECE);
	munmap(bytes, size);
	return done == size;
}

/*
 * Write all of it once more, in large pieces.  The page cache keeps a file in folios of the size that it was written in, and
 * mkfs.erofs writes block by block: the kernel maps text of such an image at half the speed until the file has left the
 * cache.  Where that cannot be done (no room for two) the image is as good, and slower to map.
 */
static void make_large_folios(const char *out, int *fd, char **temp)
{
	struct image_error ignored;
	struct stat st;
	char *path = NULL;
	int to;

	if (fstat(*fd, &st) || !st.st_size || st.st_blocks < st.st_size / 512)	/* holes stay holes */
		return;
	to = temporary(out, &path, &ignored);
	if (to >= 0 && copy_in_pieces(*fd, to, (size_t)st.st_size)) {
		int old = *fd;
		char *old_path = *temp;

		*fd = to;
		*temp = path;
		to = old;
		path = old_path;
	}
	if (to >= 0)
		close(to);
	if (path) {
		unlink(path);
		temporary_forget(path);
		free(path);
	}
}

static int finish(int fd, const char *temp, const char *out, struct image_error *err)
{
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(fd, 0666 & ~mask) || fsync(fd) || rename(temp, out))
		return image_fail(err, -errno, "cannot write %s: %s", out, strerror(errno));
	return 0;
}

/* File system, owners, sections, in the file `fd` named `temp`. */
static int make_image(struct options *o, struct tree *t, const struct parts *parts, int fd, const char *temp,
		      struct image_error *err)
{
	struct stat st;
	int64_t clamp;
	int ret = clamp_time(&clamp, err);

	if (!ret)
		ret = mkfs_erofs(t->dir, temp, t->bytes, err);
	if (!ret && fstat(fd, &st))
		ret = image_fail(err, -errno, "cannot stat the image: %s", strerror(errno));
	if (!ret)
		ret = owners_apply(t->owners, fd, (uint64_t)st.st_size, clamp, o->all_root, err);
	return ret ? ret : assemble(fd, (uint64_t)st.st_size, parts, err);
}

/* An image that is made in the directory it is made of would hold itself. */
static int check_outside(const char *out, const char *source, struct image_error *err)
{
	char *copy = strdup(out), *dir = copy ? realpath(dirname(copy), NULL) : NULL,
	     *tree = realpath(source, NULL);
	size_t n = tree ? strlen(tree) : 0;
	bool inside = dir && tree && strncmp(dir, tree, n) == 0 && (dir[n] == '/' || dir[n] == 0 || n == 1);

	free(copy);
	free(dir);
	free(tree);
	return inside ? image_fail(err, -EINVAL, "%s would lie inside %s; write it elsewhere with -o", out,
				   source)
		      : 0;
}

/* Who is named alone stays so: it is inside that his group and the groups that have him are looked up. */
static int check_user(struct tree *t, const char *source, struct image_error *err)
{
	char numbers[USER_NUMBERS];
	struct image_error why;
	int ret = t->draft.m.user && *t->draft.m.user ? user_resolve(t->dir, t->draft.m.user, numbers, &why) : 1;

	if (ret == 0 && strchr(t->draft.m.user, ':'))
		t->draft.m.user = draft_string(&t->draft, numbers);
	return ret < 0 ? image_fail(err, ret, "%s: %s", source, why.text) : 0;
}

static int link_components(const struct bartizan_list *want, char **own_libos, struct parts *parts, struct image_error *err)
{
	char *linked = NULL;
	int ret;

	if (!*own_libos)
		return image_fail(err, -EINVAL, "components are those of Bartizan's own library OS: leave --libos and --no-libos out");
	ret = link_libos(*own_libos, want, &linked, err);
	free(*own_libos);
	parts->libos = *own_libos = linked;
	return ret;
}

/* A Solo5 guest stands where the library OS would; what is for files and processes of Linux is an error. */
static int take_solo5(struct options *o, struct tree *t, struct parts *parts, struct image_error *err)
{
	const struct bartizan_manifest *m = &o->draft.m;
	struct image_error why;
	int ret;

	if (!t->solo5)
		return o->block_count || o->sector_count
			   ? image_fail(err, -EINVAL, "--block: %s is not a Solo5 image", o->source)
			   : 0;
	if (o->include_count || o->libos || m->components.count || m->entrypoint.count || m->env.count || m->workdir || m->user)
		return image_fail(err, -EINVAL,
				  "%s is a Solo5 guest: it has no files, users, environment, entry point or library OS",
				  o->source);
	ret = take_sector_sizes(o, err);
	if (ret)
		return ret;
	ret = solo5_check(o->source, o->blocks, o->block_count, &why);
	parts->libos = o->source;
	parts->solo5 = true;
	parts->no_text = true;
	parts->blocks = o->blocks;
	parts->block_count = o->block_count;
	return ret ? image_fail(err, ret, "%s: %s", o->source, why.text) : 0;
}

static int build(struct options *o, const char *out, struct image_error *err)
{
	struct parts parts = {.libos = o->libos, .sign_key = o->sign};
	char *own_libos = o->libos || o->no_libos ? NULL : libos_default(), *temp = NULL;
	void *manifest = NULL;
	struct image_error why;
	struct tree t;
	int fd = -1, ret;

	if (!o->libos && !o->no_libos && !own_libos)
		return image_fail(
		    err, -ENOENT,
		    "the library OS is not installed beside this program; name it with --libos, "
		    "or build with --no-libos");
	parts.libos = o->libos ? o->libos : own_libos;
	ret = tree_make(&t, o->source, o->includes, o->include_count, &o->limits, &why);
	if (ret) /* name the source, unless the line begins with a name of its own */
		ret = why.text[0] == '/' || why.text[0] == '-'
			  ? image_fail(err, ret, "%s", why.text)
			  : image_fail(err, ret, "%s: %s", o->source, why.text);
	if (!ret)
		ret = take_solo5(o, &t, &parts, err);
	if (!ret && t.dir == o->source)
		ret = check_outside(out, t.dir, err);
	if (!ret && o->manifest)
		ret = read_manifest(&t.draft, o->manifest, err);
	if (!ret) {
		draft_merge(&t.draft, &o->draft.m);
		ret = check_user(&t, o->source, err);
	}
	if (!ret) {
		ret = manifest_encode(&t.draft.m, &manifest, &parts.manifest_len, err);
		parts.manifest = manifest;
	}
	if (!ret && t.draft.m.components.count)
		ret = link_components(&t.draft.m.components, &own_libos, &parts, err);
	if (!ret)
		ret = fd = temporary(out, &temp, err);
	if (fd >= 0)
		ret = make_image(o, &t, &parts, fd, temp, err);
	if (ret == 0) {
		make_large_folios(out, &fd, &temp);
		ret = finish(fd, temp, out, err);
	}
	if (fd >= 0)
		close(fd);
	if (temp)
		temporary_forget(temp);
	progress_end();
	tree_free(&t);
	free(manifest);
	free(own_libos);
	free(temp);
	return ret;
}

static char *default_out(const char *source)
{
	char *copy = strdup(strcmp(source, "-") ? source : "image"), *out;

	if (!copy || asprintf(&out, "%s.img", basename(copy)) < 0)
		exit(EXIT_FAILED);
	free(copy);
	return out;
}

int build_main(int argc, char **argv)
{
	static const struct argp argp = {argp_options, parse, "SOURCE", doc, NULL, NULL, NULL};
	static struct options o = {.limits = UNPACK_DEFAULTS};
	char *stored = NULL, *named = NULL;
	struct image_error err;
	const char *out;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	stage_remove_on_signal();
	if (o.tag && !(stored = store_path(o.tag, &err)))
		return complain(argv[0], NULL, &err);
	out = o.out ? o.out : stored ? stored : (named = default_out(o.source));
	ret = build(&o, out, &err);
	if (!ret && o.out && stored) { /* both: the store has a link, or a copy where that cannot be */
		unlink(stored);
		if (link(o.out, stored))
			ret = build(&o, stored, &err);
	}
	draft_free(&o.draft);
	free(stored);
	free(named);
	return ret ? complain(argv[0], NULL, &err) : 0;
}
