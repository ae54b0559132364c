/*
 * The files that a program needs, found as ld.so(8) finds them: DT_RPATH of the loader chain, DT_RUNPATH of
 * the one that asks, ld.so.cache, the default directories.  LD_LIBRARY_PATH is left out on purpose: an image
 * must not depend on the shell in which it was built.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/elfscan.h"

#define MUSL_PATH "/etc/ld-musl-x86_64.path"
#define OBJECTS_MAX 4096
#define ELF_SIZE_MAX (4ull << 30)

static const char *const default_dirs[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", NULL};

struct map {
	void *bytes;
	size_t len;
};

/* One loaded object.  `parent` is the object that asked for it first: its DT_RPATH counts for its children.
 */
struct object {
	char *path;
	char *name; /* as asked for; null for the program */
	struct map map;
	struct elf_info info;
	struct object *parent;
};

struct search {
	struct object **objects;
	size_t count;
	struct map cache;
	elf_add *add;
	void *arg;
	struct elf_cached *cached;
	char *musl; /* the program's linker is musl's: its list of directories, else null */
	struct image_error *err;
};

static int map_file(const char *path, struct map *m)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	memset(m, 0, sizeof(*m));
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > ELF_SIZE_MAX) {
		close(fd);
		return -ENOEXEC;
	}
	m->len = (size_t)st.st_size;
	if (m->len)
		m->bytes = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return m->bytes == MAP_FAILED ? -errno : 0;
}

static void unmap_file(struct map *m)
{
	if (m->bytes && m->bytes != MAP_FAILED)
		munmap(m->bytes, m->len);
}

/* The linker opens a candidate and goes on if it is missing, or for another class or machine. */
static bool suits(const char *path)
{
	Elf64_Ehdr e;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool ok;

	if (fd < 0)
		return false;
	ok = read(fd, &e, sizeof(e)) == sizeof(e) && memcmp(e.e_ident, ELFMAG, SELFMAG) == 0 &&
	     e.e_ident[EI_CLASS] == ELFCLASS64 && e.e_machine == EM_X86_64 && e.e_type == ET_DYN;
	close(fd);
	return ok;
}

/* Appends `text` with $ORIGIN, $LIB and $PLATFORM replaced. */
static bool expand(char *out, size_t size, const char *text, size_t len, const struct object *o)
{
	const char *slash = strrchr(o->path, '/');
	size_t at = 0;

	for (size_t i = 0; i < len;) {
		static const char *const names[] = {"ORIGIN", "LIB", "PLATFORM"};
		const char *put = NULL;
		int put_len = 0;

		for (int k = 0; k < 3 && text[i] == '$'; k++) {
			size_t n = strlen(names[k]);
			bool brace = len - i > n + 2 && text[i + 1] == '{' && text[i + 2 + n] == '}';

			if (len - i - 1 - brace < n || strncmp(text + i + 1 + brace, names[k], n) ||
			    (text[i + 1] == '{' && !brace))
				continue;
			put = k == 0 ? o->path : k == 1 ? "lib/x86_64-linux-gnu" : "x86_64";
			put_len = k == 0 ? (int)(slash - o->path) : (int)strlen(put);
			i += 1 + n + 2 * brace;
			break;
		}
		if (!put) {
			put = text + i++;
			put_len = 1;
		}
		if (at + (size_t)put_len + 1 > size)
			return false;
		memcpy(out + at, put, (size_t)put_len);
		at += (size_t)put_len;
	}
	out[at] = 0;
	return true;
}

/* Looks through a colon-separated list that belongs to object `o`. */
static char *in_path_list(const char *list, const struct object *o, const char *name)
{
	char dir[4096], *path;

	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, ":");

		/* Relative entries would depend on the directory the program is started in. */
		if (n && expand(dir, sizeof(dir), p, n, o) && dir[0] == '/' &&
		    asprintf(&path, "%s/%s", dir, name) >= 0) {
			if (suits(path))
				return path;
			free(path);
		}
		p += n + (p[n] == ':');
	}
	return NULL;
}

static bool in_default_dir(const char *path)
{
	size_t n = (size_t)(strrchr(path, '/') - path);

	for (int i = 0; default_dirs[i]; i++)
		if (strlen(default_dirs[i]) == n && strncmp(default_dirs[i], path, n) == 0)
			return true;
	return false;
}

static bool remember(struct elf_cached *c, const char *name, const char *path)
{
	struct ldcache_entry *item = realloc(c->item, (c->count + 1) * sizeof(*item));

	if (!item)
		return false;
	c->item = item;
	item[c->count] = (struct ldcache_entry){strdup(name), strdup(path)};
	return item[c->count].name && item[c->count++].path;
}

void elf_cached_free(struct elf_cached *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->item[i].name);
		free(c->item[i].path);
	}
	free(c->item);
	memset(c, 0, sizeof(*c));
}

static char *in_cache(struct search *s, const struct object *by, const char *name)
{
	struct ldcache cache = {s->cache.bytes, s->cache.len};
	const char *hit;

	for (unsigned int i = 0; (hit = ldcache_lookup(&cache, name, i)); i++) {
		bool usual;

		if (hit[0] != '/' || !suits(hit) || ((usual = in_default_dir(hit)) && by->info.nodeflib))
			continue;
		if (!usual && !remember(s->cached, name, hit))
			return NULL;
		return strdup(hit);
	}
	return NULL;
}

static char *in_default_dirs(const char *name)
{
	char *path;

	for (int i = 0; default_dirs[i]; i++) {
		if (asprintf(&path, "%s/%s", default_dirs[i], name) < 0)
			return NULL;
		if (suits(path))
			return path;
		free(path);
	}
	return NULL;
}

static char *find(struct search *s, struct object *by, const char *name)
{
	char *path = NULL;

	if (strchr(name, '/'))
		return name[0] == '/' && suits(name) ? strdup(name) : NULL;
	if (s->musl) { /* both kinds of path count for all that is loaded below */
		for (struct object *o = by; o && !path; o = o->parent)
			path = in_path_list(o->info.runpath ? o->info.runpath : o->info.rpath, o, name);
		return path ? path : in_path_list(s->musl, by, name);
	}
	for (struct object *o = by; o && !by->info.runpath && !path; o = o->parent)
		path = in_path_list(o->info.rpath, o, name);
	if (!path)
		path = in_path_list(by->info.runpath, by, name);
	if (!path)
		path = in_cache(s, by, name);
	return path || by->info.nodeflib ? path : in_default_dirs(name);
}

/* musl's linker is its C library, under each of these names. */
static bool is_musl_itself(const char *name)
{
	static const char *const names[] = {"libc.",  "libpthread.", "librt.",	"libm.",
					    "libdl.", "libutil.",    "libxnet."};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static int load(struct search *s, char *path, const char *name, struct object *parent)
{
	struct object **objects = realloc(s->objects, (s->count + 1) * sizeof(*objects));
	struct object *o = calloc(1, sizeof(*o));
	struct image_error why;
	int ret;

	if (!objects || !o || s->count == OBJECTS_MAX)
		return image_fail(s->err, -E2BIG, "%s: too many libraries", path);
	s->objects = objects;
	s->objects[s->count++] = o;
	o->path = path;
	o->name = name ? strdup(name) : NULL;
	o->parent = parent;
	ret = map_file(path, &o->map);
	if (ret)
		return image_fail(s->err, ret, "%s: %s", path,
				  ret == -ENOEXEC ? "is not a regular file" : strerror(-ret));
	ret = elf_scan(o->map.bytes, o->map.len, &o->info, &why);
	return ret ? image_fail(s->err, ret, "%s: %s", path, why.text) : s->add(s->arg, path, s->err);
}

static bool loaded(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct object *o = s->objects[i];

		if ((o->name && strcmp(o->name, name) == 0) ||
		    (o->info.soname && strcmp(o->info.soname, name) == 0))
			return true;
	}
	return false;
}

/* Breadth first, as the linker loads. */
static int load_needed(struct search *s)
{
	for (size_t i = 0; i < s->count; i++) {
		for (uint32_t k = 0; k < s->objects[i]->info.needed_count; k++) {
			struct object *o = s->objects[i];
			const char *name = o->info.needed[k];
			char shown[128], *path;
			int ret;

			if (loaded(s, name) || (s->musl && is_musl_itself(name)))
				continue;
			path = find(s, o, name);
			if (!path)
				return image_fail(
				    s->err, -ENOENT,
				    "%s: needs the library \"%s\", which is not on this host; install the "
				    "package that has it (apt-file search %s)",
				    o->path, image_escape(shown, sizeof(shown), name, strlen(name)), shown);
			ret = load(s, path, name, o);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int load_interpreter(struct search *s)
{
	const char *interp = s->objects[0]->info.interp;
	char shown[256], *path;

	if (!interp)
		return 0;
	image_escape(shown, sizeof(shown), interp, strlen(interp));
	if (interp[0] != '/' || !suits(interp))
		return image_fail(
		    s->err, -ENOENT, "%s: needs the interpreter \"%s\", which is not on this host%s",
		    s->objects[0]->path, shown, strstr(interp, "musl") ? "; install the package musl" : "");
	path = strdup(interp);
	if (path && strstr(path, "/ld-musl-")) {
		struct map m;

		if (map_file(MUSL_PATH, &m) == 0 && m.len) {
			s->musl = strndup(m.bytes, m.len);
			for (char *c = s->musl; c && *c; c++)
				*c = *c == '\n' ? ':' : *c;
			unmap_file(&m);
			if (s->add(s->arg, MUSL_PATH, s->err))
				return -EIO;
		} else {
			s->musl = strdup("/lib:/usr/local/lib:/usr/lib");
		}
	}
	/* The interpreter is an object of the process under its soname, so a library that needs it finds it.
	 */
	return path ? load(s, path, NULL, NULL) : image_fail(s->err, -ENOMEM, "out of memory");
}

int elf_find_needed(const char *program, elf_add *add, void *arg, struct elf_cached *cached,
		    struct image_error *err)
{
	struct search s = {.add = add, .arg = arg, .cached = cached, .err = err};
	char *path = strdup(program);
	int ret;

	if (map_file("/etc/ld.so.cache", &s.cache))
		s.cache.bytes = NULL, s.cache.len = 0;
	ret = path ? load(&s, path, NULL, NULL) : image_fail(err, -ENOMEM, "out of memory");
	if (!ret)
		ret = load_interpreter(&s);
	if (!ret)
		ret = load_needed(&s);
	free(s.musl);
	for (size_t i = 0; i < s.count; i++) {
		unmap_file(&s.objects[i]->map);
		free(s.objects[i]->path);
		free(s.objects[i]->name);
		free(s.objects[i]);
	}
	free(s.objects);
	unmap_file(&s.cache);
	return ret;
}
