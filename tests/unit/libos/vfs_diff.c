/*
 * The library OS's file systems against Linux's: the same random calls on both, in a tree that begins the same; each
 * result, and now and then the whole tree, must be the same.
 * Usage: vfs-diff MODE SEED CALLS [EVERY [v]], the tree being compared each EVERY calls, MODE being tmpfs, volume, overlay,
 * disk (an overlay with both layers on volumes) or image; with UID set in the environment, as that user.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vfs_host.h"

#define BZ_MOUNT_READONLY 1u
#define BZ_MOUNT_OVERLAY 4u
#define SLOTS 6
#define LOG 24

static bool overlay;		/* rename of directories and numbers of links differ, as with overlayfs */
static bool on_host;
static bool in_memory;		/* as Linux's tmpfs to the block */
static unsigned long calls;
static char log_lines[LOG][512];
static bool verbose;
static unsigned long every = 100;

/* --- the two sides --- */

typedef long (*caller)(long nr, long a, long b, long c, long d, long e, long f);

static long native_call(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret = syscall(nr, a, b, c, d, e, f);

	return ret < 0 ? -errno : ret;
}

static const caller side[2] = {native_call, libos_call};
#define L(x) ((long)(x))
#define CALL(s, nr, ...) call_n(side[s], nr, (long[]){__VA_ARGS__, 0, 0, 0, 0, 0, 0})

static long call_n(caller fn, long nr, const long *a)
{
	return fn(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static char *note(const char *fmt, ...)
{
	char *line = log_lines[calls % LOG];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(log_lines[0]), "%lu ", calls);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(log_lines[0]) - n, fmt, ap);
	va_end(ap);
	if (verbose)
		puts(line);
	return line;
}

static void fail(const char *fmt, ...)
{
	va_list ap;

	for (unsigned long i = calls > LOG ? calls - LOG + 1 : 0; i <= calls; i++)
		printf("  %s\n", log_lines[i % LOG]);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static void same(long native, long libos)
{
	char *line = log_lines[calls % LOG];
	size_t n = strlen(line);

	snprintf(line + n, sizeof(log_lines[0]) - n, " = %ld", native);
	if (native != libos)
		fail("Linux gives %ld (%s), the library OS %ld (%s)", native, native < 0 ? strerror(-native) : "", libos,
		     libos < 0 ? strerror(-libos) : "");
}

/* --- random things --- */

static unsigned long state;

static unsigned rnd(unsigned n)
{
	state = state * 6364136223846793005ul + 1442695040888963407ul;
	return (state >> 33) % n;
}

static char *pick_path(char *buf)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "low", "sub"};
	int parts = 1 + rnd(3);

	buf[0] = 0;
	if (!rnd(12))
		strcat(buf, "/");
	for (int i = 0; i < parts; i++) {
		unsigned r = rnd(40);

		strcat(buf, r == 0 ? "." : r == 1 ? ".." : names[rnd(9)]);
		if (i + 1 < parts || !rnd(20))
			strcat(buf, rnd(20) ? "/" : "//");
	}
	if (!rnd(200))
		memset(buf, 'n', 256), buf[256] = 0;
	return buf;
}

static long fds[SLOTS][2];
static const char *const keys[] = {"user.x", "user.yy", "user.", "bogus.x", "user.zzz", NULL};

/* --- fingerprints --- */

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

static void describe_stat(char *out, size_t size, const struct stat *st, bool links)
{
	bool dir = S_ISDIR(st->st_mode);

	snprintf(out, size, "mode %o nlink %lu size %ld blocks %ld uid %u gid %u", st->st_mode,
		 !links || (dir && (overlay || on_host)) ? 0ul : (unsigned long)st->st_nlink, dir ? 0l : (long)st->st_size,
		 in_memory && S_ISREG(st->st_mode) ? (long)st->st_blocks : 0l, st->st_uid, st->st_gid);
}

static uint64_t content(int s, const char *path, long size)
{
	long fd = CALL(s, SYS_open, L(path), O_RDONLY | O_NOATIME), n;
	uint64_t h = 7;
	static char buf[70000];

	if (fd < 0)
		return fd;
	while ((n = CALL(s, SYS_read, fd, L(buf), sizeof(buf))) > 0)
		h = mix(h, buf, n);
	CALL(s, SYS_close, fd);
	return h;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of a directory, sorted, one allocation each. */
static long list(int s, const char *path, char **names, long max, size_t bufsize)
{
	long fd = CALL(s, SYS_open, L(path), O_RDONLY | O_DIRECTORY), n, count = 0;
	static char buf[65536] __attribute__((aligned(8)));

	if (fd < 0)
		return fd;
	while ((n = CALL(s, SYS_getdents64, fd, L(buf), bufsize)) > 0)
		for (long at = 0; at < n;) {
			struct dirent64 *d = (void *)(buf + at);

			if (count < max)
				asprintf(&names[count++], "%s:%d", d->d_name, d->d_type);
			at += d->d_reclen;
		}
	CALL(s, SYS_close, fd);
	if (n < 0)
		return n;
	qsort(names, count, sizeof(*names), by_name);
	return count;
}

static void tree(int s, const char *path, FILE *out, int depth)
{
	char *names[512], text[600], child[4096], xattrs[1024];
	long n = list(s, path, names, 512, 300 + rnd(3000)), k;
	struct stat st;

	for (long i = 0; i < n; i++) {
		char *colon = strrchr(names[i], ':');

		*colon = 0;
		snprintf(child, sizeof(child), "%s/%s", path, names[i]);
		if (!strcmp(names[i], ".") || !strcmp(names[i], ".."))
			continue;
		k = CALL(s, SYS_lstat, L(child), L(&st));
		if (k) {
			fprintf(out, "%s stat %ld\n", child, k);
			continue;
		}
		describe_stat(text, sizeof(text), &st, true);
		fprintf(out, "%s type %s %s", child, colon + 1, text);
		if (S_ISREG(st.st_mode))
			fprintf(out, " %lx", content(s, child, st.st_size));
		if (S_ISLNK(st.st_mode)) {
			k = CALL(s, SYS_readlink, L(child), L(text), sizeof(text) - 1);
			text[k < 0 ? 0 : k] = 0;
			fprintf(out, " -> %s", text);
		}
		k = CALL(s, SYS_llistxattr, L(child), L(xattrs), sizeof(xattrs));
		fprintf(out, " xattrs %ld", k);
		for (const char *const *key = keys; *key; key++)
			fprintf(out, " %ld", CALL(s, SYS_lgetxattr, L(child), L(*key), L(text), sizeof(text)));
		fprintf(out, "\n");
		if (S_ISDIR(st.st_mode) && depth < 8)
			tree(s, child, out, depth + 1);
	}
	for (long i = 0; i < n; i++)
		free(names[i]);
}

static void compare_trees(void)
{
	char *text[2];
	size_t size;
	unsigned long saved = state;

	for (int s = 0; s < 2; s++) {
		FILE *f = open_memstream(&text[s], &size);

		state = saved;
		tree(s, "/", f, 0);
		fclose(f);
	}
	if (strcmp(text[0], text[1])) {
		char *a = text[0], *b = text[1];

		while (*a && *a == *b)
			a++, b++;
		while (a > text[0] && a[-1] != '\n')
			a--, b--;
		fail("trees differ:\n  Linux      %.*s\n  library OS %.*s", (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
	}
	free(text[0]);
	free(text[1]);
}

/* --- the calls --- */


static void op_open(void)
{
	static const int extra[] = {O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_CREAT | O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW,
				    O_CREAT | O_NOFOLLOW, O_PATH, O_CREAT | O_APPEND, 0, O_TMPFILE, O_NOFOLLOW | O_PATH};
	char path[600];
	int flags = rnd(3) | extra[rnd(13)], slot = rnd(SLOTS), mode = rnd(01000);
	long fd[2];

	pick_path(path);
	note("open(%s, %o, %o)", path, flags, mode);
	for (int s = 0; s < 2; s++)
		fd[s] = CALL(s, SYS_open, L(path), flags, mode);
	same(fd[0] < 0 ? fd[0] : 0, fd[1] < 0 ? fd[1] : 0);
	if (fd[0] < 0)
		return;
	for (int s = 0; s < 2; s++) {
		if (fds[slot][s] >= 0)
			CALL(s, SYS_close, fds[slot][s]);
		fds[slot][s] = fd[s];
	}
	note("  slot %d: open(%s, %o, %o)", slot, path, flags, mode);
}

static void op_fd(void)
{
	static char data[2][20000], out[20000];
	int slot = rnd(SLOTS), what = rnd(16);
	long off = rnd(3) ? rnd(30000) : rnd(8) ? rnd(10) : rnd(20 << 20), len = rnd(3) ? rnd(200) : rnd(16000), ret[2];
	int whence = rnd(6), fmode = (int[]){0, 1, 3, 2, 8}[rnd(5)];
	struct stat st[2];
	char text[2][200];

	if (fds[slot][0] < 0)
		return;
	if (what == 14 && (on_host || getenv("UID")))
		return;
	/* The end of a directory is each file system's own, too. */
	if (what == 5 && whence % 3 == SEEK_END && !fstat(fds[slot][0], &st[0]) && S_ISDIR(st[0].st_mode))
		return;
	for (long i = 0; i < len; i++)
		out[i] = calls + i;
	memset(data, 0, sizeof(data));
	for (int s = 0; s < 2; s++) {
		long fd = fds[slot][s];

		switch (what) {
		case 0:
			note("slot %d read(%ld)", slot, len);
			ret[s] = CALL(s, SYS_read, fd, L(data[s]), len);
			break;
		case 1:
		case 2:
			note("slot %d write(%ld)", slot, len);
			ret[s] = CALL(s, SYS_write, fd, L(out), len);
			break;
		case 3:
			note("slot %d pread(%ld, %ld)", slot, len, off);
			ret[s] = CALL(s, SYS_pread64, fd, L(data[s]), len, off);
			break;
		case 4:
			note("slot %d pwrite(%ld, %ld)", slot, len, off);
			ret[s] = CALL(s, SYS_pwrite64, fd, L(out), len, off);
			break;
		case 5:
			/* Where data and holes lie is each file system's own (what fallocate made is a hole to tmpfs of Linux). */
			whence %= 3;
			note("slot %d lseek(%ld, %d)", slot, off, whence);
			ret[s] = CALL(s, SYS_lseek, fd, off - 5, whence);
			break;
		case 6:
			note("slot %d fstat", slot);
			ret[s] = CALL(s, SYS_fstat, fd, L(&st[s]));
			if (!ret[s])
				describe_stat(text[s], sizeof(text[s]), &st[s], !overlay);
			if (s && !ret[0] && !ret[1] && strcmp(text[0], text[1]))
				fail("Linux %s, library OS %s", text[0], text[1]);
			break;
		case 7:
			note("slot %d ftruncate(%ld)", slot, off);
			ret[s] = CALL(s, SYS_ftruncate, fd, off);
			break;
		case 8:
			if (on_host && fmode != 0 && fmode != 3) {
				ret[s] = 0;
				break;
			}
			note("slot %d fallocate(%x, %ld, %ld)", slot, fmode, off, len);
			ret[s] = CALL(s, SYS_fallocate, fd, fmode, off, len);
			break;
		case 9:
			note("slot %d fchmod(%lo)", slot, off & 0777);
			ret[s] = CALL(s, SYS_fchmod, fd, off & 0777);
			break;
		case 10: {
			struct iovec v[3] = {{data[s], len / 3}, {data[s] + len / 3, 0}, {data[s] + len / 3, len / 2}};

			note("slot %d preadv(%ld, %ld)", slot, len, off);
			ret[s] = CALL(s, SYS_preadv, fd, L(v), 3, off, 0);
			break;
		}
		case 11:
			note("slot %d copy_file_range(slot %d, %ld)", slot, (slot + 1) % SLOTS, len);
			ret[s] = fds[(slot + 1) % SLOTS][s] < 0 ? 0
				 : CALL(s, SYS_copy_file_range, fd, 0, fds[(slot + 1) % SLOTS][s], 0, len, 0);
			break;
		case 12:
			note("slot %d fcntl(F_SETFL, O_APPEND %ld)", slot, len & 1);
			ret[s] = CALL(s, SYS_fcntl, fd, F_SETFL, len & 1 ? O_APPEND : 0);
			break;
		case 13:
			note("slot %d fsync", slot);
			ret[s] = CALL(s, SYS_fsync, fd);
			break;
		default: { /* not on volumes: the ABI has no call for it; newer kernels ask for less than 6.1 */
			char name[40], path[600];
			unsigned long saved = state;

			name[0] = 0;
			pick_path(path);
			state = s ? state : saved;
			note("slot %d linkat(AT_EMPTY_PATH, %s)", slot, path);
			ret[s] = CALL(s, SYS_linkat, fd, L(name), AT_FDCWD, L(path), AT_EMPTY_PATH);
			break;
		}
		case 15:
			note("slot %d close", slot);
			ret[s] = CALL(s, SYS_close, fd);
			if (s)
				fds[slot][0] = fds[slot][1] = -1;
		}
	}
	same(ret[0], ret[1]);
	if (memcmp(data[0], data[1], sizeof(data[0])))
		fail("data differ");
}

static bool is_dir(int s, const char *path)
{
	struct stat st;

	return !CALL(s, SYS_lstat, L(path), L(&st)) && S_ISDIR(st.st_mode);
}

static void op_rename(void)
{
	static const int flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, 7};
	char from[600], to[600];
	int flag = flags[rnd(6)];
	long ret[2];

	pick_path(from);
	pick_path(to);
	note("rename(%s, %s, %d)", from, to, flag);
	if (overlay && (is_dir(0, from) || is_dir(0, to))) {
		/* Directories with a lower layer do not move. */
		ret[1] = CALL(1, SYS_renameat2, AT_FDCWD, L(from), AT_FDCWD, L(to), flag);
		if (ret[1] == -EXDEV)
			return;
		ret[0] = CALL(0, SYS_renameat2, AT_FDCWD, L(from), AT_FDCWD, L(to), flag);
	} else {
		for (int s = 0; s < 2; s++)
			ret[s] = CALL(s, SYS_renameat2, AT_FDCWD, L(from), AT_FDCWD, L(to), flag);
	}
	same(ret[0], ret[1]);
}

static void op_stat(void)
{
	char path[600], text[2][200];
	struct stat st[2];
	long ret[2];
	int nr = rnd(2) ? SYS_stat : SYS_lstat;

	pick_path(path);
	note("%s(%s)", nr == SYS_stat ? "stat" : "lstat", path);
	for (int s = 0; s < 2; s++) {
		ret[s] = CALL(s, nr, L(path), L(&st[s]));
		if (!ret[s])
			describe_stat(text[s], sizeof(text[s]), &st[s], !overlay);
	}
	same(ret[0], ret[1]);
	if (!ret[0] && strcmp(text[0], text[1]))
		fail("Linux %s, library OS %s", text[0], text[1]);
}

static void op_getcwd(void)
{
	char path[600], cwd[2][600] = {"", ""};
	long ret[2];

	pick_path(path);
	note("chdir(%s), getcwd", path);
	for (int s = 0; s < 2; s++)
		ret[s] = CALL(s, SYS_chdir, L(path));
	same(ret[0], ret[1]);
	for (int s = 0; s < 2; s++)
		ret[s] = CALL(s, SYS_getcwd, L(cwd[s]), sizeof(cwd[s]));
	same(ret[0], ret[1]);
	if (strcmp(cwd[0], cwd[1]))
		fail("Linux is in %s, library OS in %s", cwd[0], cwd[1]);
	if (rnd(3))
		for (int s = 0; s < 2; s++)
			CALL(s, SYS_chdir, L("/"));
}

/* Calls whose result is a number and nothing else: a format of what they take. */
static void op_simple(void)
{
	char path[600], other[600], buf[2][600] = {{0}, {0}};
	int what = rnd(18), n = rnd(01000), xflag = rnd(3);
	const char *key = keys[rnd(5)];
	struct timespec times[2] = {{rnd(1000000), 5}, {rnd(1000000), 7}};
	long ret[2], size = rnd(2) ? rnd(20000) : 0;

	pick_path(path);
	pick_path(other);
	for (int s = 0; s < 2; s++) {
		switch (what) {
		case 0:
		case 1:
			note("mkdir(%s, %o)", path, n);
			ret[s] = CALL(s, SYS_mkdir, L(path), n | 0700);
			break;
		case 2:
			note("rmdir(%s)", path);
			ret[s] = CALL(s, SYS_rmdir, L(path));
			break;
		case 3:
		case 4:
			note("unlink(%s)", path);
			ret[s] = CALL(s, SYS_unlink, L(path));
			break;
		case 5:
			note("symlink(%s, %s)", other, path);
			ret[s] = CALL(s, SYS_symlink, L(other), L(path));
			break;
		case 6:
			note("link(%s, %s)", other, path);
			ret[s] = CALL(s, SYS_link, L(other), L(path));
			break;
		case 7:
			note("truncate(%s, %ld)", path, size);
			ret[s] = CALL(s, SYS_truncate, L(path), size);
			break;
		case 8:
			note("chmod(%s, %o)", path, n);
			ret[s] = CALL(s, SYS_chmod, L(path), n);
			break;
		case 9:
			note("setxattr(%s, %s, %d)", path, key, xflag);
			ret[s] = CALL(s, SYS_setxattr, L(path), L(key), L("value"), n % 6, xflag);
			break;
		case 10:
			note("getxattr(%s, %s)", path, key);
			ret[s] = CALL(s, SYS_getxattr, L(path), L(key), L(buf[s]), n % 8);
			break;
		case 11:
			note("removexattr(%s, %s)", path, key);
			ret[s] = CALL(s, SYS_removexattr, L(path), L(key));
			break;
		case 12:
			note("readlink(%s)", path);
			ret[s] = CALL(s, SYS_readlink, L(path), L(buf[s]), n);
			break;
		case 13:
			note("access(%s, %d)", path, n & 7);
			ret[s] = CALL(s, SYS_access, L(path), n & 7);
			break;
		case 14:
			note("utimensat(%s)", path);
			ret[s] = CALL(s, SYS_utimensat, AT_FDCWD, L(path), L(times), n & 1 ? AT_SYMLINK_NOFOLLOW : 0);
			break;
		case 15:
			if (on_host) {
				ret[s] = 0;
				break;
			}
			note("mknod(%s, socket)", path);
			ret[s] = CALL(s, SYS_mknod, L(path), S_IFSOCK | n, 0);
			break;
		case 16:
			note("unlinkat(%s, AT_REMOVEDIR)", path);
			ret[s] = CALL(s, SYS_unlinkat, AT_FDCWD, L(path), AT_REMOVEDIR);
			break;
		default:
			note("chown(%s)", path);
			ret[s] = on_host ? 0 : CALL(s, SYS_lchown, L(path), n & 3, n & 1);
		}
	}
	same(ret[0], ret[1]);
	if (ret[0] > 0 && memcmp(buf[0], buf[1], sizeof(buf[0])))
		fail("results differ");
}

static void run(unsigned long n)
{
	for (int i = 0; i < SLOTS; i++)
		fds[i][0] = fds[i][1] = -1;
	compare_trees();
	for (calls = 1; calls <= n; calls++) {
		unsigned r = rnd(100);

		strcpy(log_lines[calls % LOG], "");
		if (r < 20)
			op_open();
		else if (r < 45)
			op_fd();
		else if (r < 53)
			op_rename();
		else if (r < 60)
			op_stat();
		else if (r < 62)
			op_getcwd();
		else
			op_simple();
		if (!(calls % every))
			compare_trees();
	}
	compare_trees();
}

/* --- beginnings --- */

static char base[] = "/dev/shm/vfs-diff.XXXXXX";

static void shell(const char *fmt, ...)
{
	char line[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (system(line)) {
		printf("failed: %s\n", line);
		exit(77);
	}
}

/* What the lower layers begin with. */
static void populate(const char *dir)
{
	shell("cd %s && mkdir -p low/sub low/a d/e && head -c 9000 /dev/zero | tr '\\0' x > low/f && echo hello > a && "
	      "ln -s ../a low/b && ln -s low c && echo deep > low/sub/g && echo e > d/e/a && chmod 755 . low d && chmod 640 a",
	      dir);
}

/* Some of the tree is root's, some ours; then both sides go on as an ordinary user. */
static void become(int uid)
{
	for (int s = 0; s < 2; s++) {
		CALL(s, SYS_mkdir, L("g"), 0755);
		CALL(s, SYS_mkdir, L("f"), 01777);
		CALL(s, SYS_chmod, L("f"), 01777);
		CALL(s, SYS_mknod, L("f/a"), S_IFREG | 0644, 0);
		CALL(s, SYS_mknod, L("f/b"), S_IFREG | 0666, 0);
		CALL(s, SYS_mkdir, L("g/e"), 0700);
		CALL(s, SYS_mkdir, L("e"), 0755);
		CALL(s, SYS_chown, L("e"), uid, uid);
		CALL(s, SYS_mkdir, L("b"), 02775);
		CALL(s, SYS_chown, L("b"), 0, uid);
		CALL(s, SYS_chmod, L("b"), 02775);
	}
	if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, uid, uid, uid) || syscall(SYS_setresuid, uid, uid, uid))
		exit(1);
	vfs_host_setuid(uid);
}

static void setup(const char *mode)
{
	char native[64], volume[64], upper[64], image[64];
	struct vfs_host_mount m = {.dir = NULL, .guest = "/t"};

	if (!mkdtemp(base)) {
		perror(base);
		exit(77);
	}
	snprintf(native, sizeof(native), "%s/native", base);
	snprintf(volume, sizeof(volume), "%s/volume", base);
	snprintf(upper, sizeof(upper), "%s/upper", base);
	snprintf(image, sizeof(image), "%s/image", base);
	umask(022);
	shell("mkdir -m 755 %s %s %s", native, volume, upper);
	in_memory = !strcmp(mode, "tmpfs");
	on_host = !strcmp(mode, "volume") || !strcmp(mode, "disk");
	overlay = !strcmp(mode, "overlay") || !strcmp(mode, "disk") || !strcmp(mode, "image");
	if (overlay) {
		populate(native);
		shell("mkdir -p %s/t", volume);
		populate(volume);
		shell("rmdir %s/t", volume);
	}
	if (!strcmp(mode, "image")) {
		shell("mkdir -p %s/x/t && mv %s/* %s/x/t/ 2>/dev/null; cp -a %s/native/. %s/x/t/ 2>/dev/null || true", base, volume,
		      base, base, base);
		shell("mkfs.erofs -Enoinline_data --quiet %s %s/x >/dev/null 2>&1", image, base);
		vfs_host_boot(NULL, 0, image, 256ul << 20);
	} else if (!strcmp(mode, "disk")) {
		vfs_host_boot(NULL, 0, NULL, 256ul << 20);
		vfs_host_overlay(volume, upper, "/t");
	} else {
		if (strcmp(mode, "tmpfs")) {
			m.dir = volume;
			m.flags = overlay ? BZ_MOUNT_OVERLAY | BZ_MOUNT_READONLY : 0;
		}
		vfs_host_boot(&m, 1, NULL, 256ul << 20);
	}
	if (chdir(native) || chroot(".") || libos_call(SYS_chdir, L("/t"), 0, 0, 0, 0, 0) ||
	    libos_call(SYS_chroot, L("."), 0, 0, 0, 0, 0)) {
		perror("chroot");
		exit(1);
	}
	for (int s = 0; s < 2; s++)
		CALL(s, SYS_chmod, L("/"), getenv("UID") ? 01777 : 0755);
	if (getenv("UID"))
		become(atoi(getenv("UID")));
}

int main(int argc, char **argv)
{
	pid_t pid;
	int status, p[2];

	if (argc < 4) {
		printf("usage: vfs-diff MODE SEED CALLS\n");
		return 2;
	}
	if (geteuid()) {
		printf("needs root, to compare with what root may do\n");
		return 77;
	}
	if (argc > 4)
		every = strtoul(argv[4], NULL, 0);
	verbose = argc > 5;
	setvbuf(stdout, NULL, _IOLBF, 0);
	state = strtoul(argv[2], NULL, 0) * 7919 + 1;
	/* The child works in a root of its own; the parent cleans up. */
	if (pipe(p))
		return 1;
	pid = fork();
	if (!pid) {
		setup(argv[1]);
		if (write(p[1], base, sizeof(base)) < 0)
			return 1;
		run(strtoul(argv[3], NULL, 0));
		printf("%s: %lu calls, %lu requests to the monitor\n", argv[1], calls - 1, vfs_host_requests());
		return 0;
	}
	close(p[1]);
	if (read(p[0], base, sizeof(base)) > 0) {
		waitpid(pid, &status, 0);
		shell("rm -rf %s", base);
	} else {
		waitpid(pid, &status, 0);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
