/*
 * execve(2), execveat(2): everything that can fail is done first; then the other threads end, the old memory goes, and
 * what fails from there on kills.  Scripts (#!) follow binfmt_script of Linux.
 */
#include "libos/keys/keys.h"
#include "libos/futex/futex.h"
#include "libos/landlock/landlock.h"
#include "libos/mm/mm.h"
#include "libos/kernel/dispatch.h"
#include "libos/proc/internal.h"
#include "libos/proc/vfork.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/signal.h"
#include "libos/vfs/fdtable.h"
#include <linux/capability.h>
#include <linux/securebits.h>

#define MAX_ARG_STRLEN (32 * PAGE_SIZE)
#define ARG_MAX_MIN (32 * PAGE_SIZE)
#define ARG_MAX_MAX (6ul << 20)
#define SCRIPT_DEPTH 4
#define MAX_ARG_STRINGS 0x7fffffff

/* --- argument strings --- */

void exec_args_free(struct exec_args *a)
{
	kfree(a->buf);
	a->buf = NULL;
}

static size_t args_limit(void)
{
	u64 quarter = rlimit_soft(RLIMIT_STACK) / 4;

	quarter = min(quarter, ARG_MAX_MAX);
	return max(quarter, ARG_MAX_MIN);
}

static int args_reserve(struct exec_args *a, size_t more)
{
	size_t size = a->size ? a->size : 16384;
	char *buf;

	if (a->len + more + 8ul * (a->argc + a->envc + 2) > args_limit())
		return -E2BIG;
	while (size < a->len + more)
		size *= 2;
	if (size == a->size)
		return 0;
	buf = krealloc(a->buf, a->size, size);
	if (!buf)
		return -ENOMEM;
	a->buf = buf;
	a->size = size;
	return 0;
}

static void args_count(struct exec_args *a, size_t len, bool env)
{
	a->len += len;
	if (env) {
		a->envc++;
	} else {
		a->argc++;
		a->argv_len = a->len;
	}
}

/* A string of the library OS; all arguments come before the environment. */
int exec_args_add(struct exec_args *a, const char *s, bool env)
{
	size_t len = strlen(s) + 1;
	int err = args_reserve(a, len);

	if (err)
		return err;
	memcpy(a->buf + a->len, s, len);
	args_count(a, len, env);
	return 0;
}

static int args_add_user(struct exec_args *a, const char *us, bool env)
{
	size_t room = 4096;
	long n;
	int err;

	/* Most strings are short: a page first, then as much as Linux allows. */
	for (;;) {
		err = args_reserve(a, 1);
		if (err)
			return err;
		if (a->size - a->len < room) {
			char *buf = krealloc(a->buf, a->size, a->size * 2 + room);

			if (!buf)
				return -ENOMEM;
			a->buf = buf;
			a->size = a->size * 2 + room;
		}
		n = strncpy_from_user(a->buf + a->len, us, room);
		if (n != -ENAMETOOLONG)
			break;
		if (room == MAX_ARG_STRLEN)
			return -E2BIG;
		room = MAX_ARG_STRLEN;
	}
	if (n < 0)
		return n;
	args_count(a, n + 1, env);
	return a->len + 8ul * (a->argc + a->envc + 2) > args_limit() ? -E2BIG : 0;
}

static int args_add_vector(struct exec_args *a, const char *const *uvec, bool env)
{
	const char *us;
	int err;

	if (!uvec)
		return 0;
	for (int i = 0; i < MAX_ARG_STRINGS; i++) {
		if (get_user(us, uvec + i))
			return -EFAULT;
		if (!us)
			return 0;
		err = args_add_user(a, us, env);
		if (err)
			return err;
		/* A million arguments take a while: the end of the process shall not wait for them. */
		if (thread_must_exit(current))
			return -ERESTARTNOINTR;
	}
	return -E2BIG;
}

int exec_args_prepend(struct exec_args *a, const char *const *strings, int n, bool drop_first)
{
	size_t add = 0, drop = drop_first && a->argc ? strlen(a->buf) + 1 : 0;
	char *to;
	int err;

	for (int i = 0; i < n; i++)
		add += strlen(strings[i]) + 1;
	err = args_reserve(a, add);
	if (err)
		return err;
	memmove(a->buf + add, a->buf + drop, a->len - drop);
	to = a->buf;
	for (int i = 0; i < n; i++)
		to += strlcpy(to, strings[i], add) + 1;
	a->len += add - drop;
	a->argv_len += add - drop;
	a->argc += n - (drop != 0);
	return 0;
}

/* --- files --- */

struct file *exec_open(int dirfd, const char *name, u32 lookup)
{
	struct file *f = ERR_PTR(-EACCES);
	struct inode *inode;
	struct path path;
	int err = path_lookup(dirfd, name, lookup, &path);

	if (err)
		return ERR_PTR(err);
	inode = path.dentry->inode;
	if ((inode->mode & S_IFMT) == S_IFLNK)
		f = ERR_PTR(-ELOOP);
	else if ((inode->mode & S_IFMT) != S_IFREG || (path.mount && (path.mount->flags & MNT_NOEXEC)) ||
		 inode_permission(inode, 1) || !(inode->mode & 0111))
		f = ERR_PTR(-EACCES);
	else if (READ_ONCE(inode->writers))
		f = ERR_PTR(-ETXTBSY);
	else if (landlock_may_open(&path, O_RDONLY, true))
		f = ERR_PTR(-EACCES);
	else
		f = file_open_path(&path, O_RDONLY | O_CLOEXEC);
	path_put(&path);
	return f;
}

static int read_head(struct exec_image *img)
{
	ssize_t n;

	memset(img->head, 0, sizeof(img->head));
	n = file_read_kernel(img->file, img->head, sizeof(img->head), 0);
	return n < 0 ? (int)n : 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cut "#! interp arg" in place.  -ENOEXEC: no interpreter, or one that may be cut off. */
static int parse_script(char *line, size_t size, char **interp, char **arg)
{
	char *p = line + 2, *end = line + 2;

	while (end < line + size && *end && *end != '\n')
		end++;
	while (p < end && blank(*p))
		p++;
	if (p == end)
		return -ENOEXEC;
	if (end == line + size) {
		/* No newline: good if the name is whole. */
		char *q = p;

		while (q < end && !blank(*q))
			q++;
		if (q == end)
			return -ENOEXEC;
		end--;
	}
	while (end > p && blank(end[-1]))
		end--;
	*end = 0;
	*interp = p;
	while (*p && !blank(*p))
		p++;
	*arg = NULL;
	if (*p) {
		*p++ = 0;
		while (blank(*p))
			p++;
		if (*p)
			*arg = p;
	}
	return 0;
}

/* Replace the script by its interpreter. */
static int follow_script(struct exec_image *img, const char *script)
{
	const char *strings[3];
	char *interp, *arg;
	struct file *f;
	int n = 0, err = parse_script((char *)img->head, sizeof(img->head), &interp, &arg);

	if (err)
		return err;
	/* Linux cannot hand a close-on-exec descriptor's name to an interpreter. */
	if (img->path_inaccessible)
		return -ENOENT;
	strings[n++] = interp;
	if (arg)
		strings[n++] = arg;
	strings[n++] = script;
	err = exec_args_prepend(&img->args, strings, n, true);
	if (err)
		return err;
	f = exec_open(AT_FDCWD, interp, LOOKUP_FOLLOW);
	if (IS_ERR(f)) {
		exec_image_lacks(img, interp);
		return PTR_ERR(f);
	}
	strlcpy(img->interp_name, interp, sizeof(img->interp_name));
	file_put(img->file);
	img->file = f;
	return read_head(img);
}

/* Find out how img->file is to be run. */
int exec_image_check(struct exec_image *img)
{
	int err = read_head(img);
	char *prev;

	if (err)
		return err;
	for (int depth = 0; img->head[0] == '#' && img->head[1] == '!'; depth++) {
		if (depth > SCRIPT_DEPTH)
			return -ELOOP;
		prev = kstrdup(depth ? img->interp_name : img->filename);
		if (!prev)
			return -ENOMEM;
		err = follow_script(img, prev);
		kfree(prev);
		if (err)
			return err;
	}
	return elf_check(img);
}

/* --- the change of programs --- */

static void replace_blob(char **blob, size_t *len, const char *from, size_t n)
{
	kfree(*blob);
	*blob = kmalloc(n);
	*len = *blob ? n : 0;
	if (*blob)
		memcpy(*blob, from, n);
}

/* setuid and setgid files, for what programs expect of them; capabilities as root's rules give them. */
static void change_cred(struct exec_image *img)
{
	struct process *p = current->process;
	struct inode *inode = img->file->inode;
	struct cred *c = &p->cred;
	bool nosuid = c->no_new_privs || (img->file->path.mount && (img->file->path.mount->flags & MNT_NOSUID));
	u32 mode = nosuid || !inode ? 0 : inode->mode;

	mutex_lock(&p->lock);
	img->secure = false;
	if (mode & S_ISUID) {
		img->secure |= c->euid != inode->uid && c->uid != inode->uid;
		c->euid = inode->uid;
	}
	if ((mode & (S_ISGID | 0010)) == (S_ISGID | 0010)) {
		img->secure |= c->egid != inode->gid && c->gid != inode->gid;
		c->egid = inode->gid;
	}
	img->secure |= c->uid != c->euid || c->gid != c->egid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	if (!(c->securebits & (1u << SECURE_NOROOT)) && (!c->uid || !c->euid)) {
		c->cap_permitted = c->cap_inheritable | c->cap_bounding;
		c->cap_effective = !c->euid ? c->cap_permitted : 0;
	} else {
		c->cap_permitted = c->cap_ambient;
		c->cap_effective = c->cap_ambient;
	}
	c->securebits &= ~(1u << SECURE_KEEP_CAPS);
	p->dumpable = !img->secure; /* suid_dumpable is 0 */
	p->membarrier_registered = 0;
	mutex_unlock(&p->lock);
}

static void set_names(struct exec_image *img)
{
	struct process *p = current->process;
	const char *base = strrchr(img->filename, '/');
	char *buf = kmalloc(PATH_MAX), *path = ERR_PTR(-ENOENT);
	struct dentry *old = p->exe;

	if (buf && img->file->path.dentry)
		path = path_string(&img->file->path, buf, PATH_MAX);
	mutex_lock(&p->lock);
	strlcpy(current->comm, base ? base + 1 : img->filename, sizeof(current->comm));
	p->exe = img->file->path.dentry ? dentry_get(img->file->path.dentry) : NULL;
	kfree(p->exe_path);
	p->exe_path = kstrdup(IS_ERR(path) ? img->filename : path);
	replace_blob(&p->cmdline, &p->cmdline_len, img->args.buf, img->args.argv_len);
	replace_blob(&p->environ, &p->environ_len, img->args.buf + img->args.argv_len,
		     img->args.len - img->args.argv_len);
	p->loaded = true;
	p->did_exec = true;
	mutex_unlock(&p->lock);
	process_hold_exe(p, img->file->inode);
	if (old)
		dentry_put(old);
	kfree(buf);
}

static void reset_thread(struct thread *t)
{
	t->robust_list = NULL;
	t->clear_child_tid = NULL;
	t->altstack_sp = t->altstack_size = 0;
	t->altstack_flags = 2; /* SS_DISABLE */
	t->pdeathsig = t->process->cred.uid == t->process->cred.euid ? t->pdeathsig : 0;
	/* Of the personality, what makes set-id programs unsafe goes; nothing else. */
	t->rseq_addr = 0;
}

static void reset_fpu(void)
{
	u32 mxcsr = 0x1f80;

	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

static int load_program(struct exec_image *img, struct bz_context *ctx)
{
	struct mm *mm = current->process->mm;
	int err;

	mm_set_base(mm, rlimit_soft(RLIMIT_STACK));
	err = elf_load(img);
	if (!err)
		err = stack_build(img);
	if (err)
		return err;
	set_names(img);
	memset(ctx, 0, sizeof(*ctx));
	ctx->rip = img->entry;
	ctx->rsp = img->sp;
	ctx->rflags = 0x202;
	ctx->flags = BZ_CTX_FULL;
	write_fs_base(0);
	reset_fpu();
	return 0;
}

/* The file and the arguments are good.  -errno while the old program still stands; afterwards failure kills. */
static int change_program(struct exec_image *img, struct bz_context *ctx)
{
	struct thread *t = current;
	struct process *p = t->process;
	int err = process_single_thread();

	if (err)
		return -ERESTARTNOINTR;
	if (sighand_unshare(p)) {
		p->exec_thread = NULL;
		return -ENOMEM;
	}
	thread_become_leader(t);
	keys_exec(t);
	if (t->robust_list)
		futex_exit_robust(t);
	process_exec_timers(p);
	process_limit_cpu(p);	/* of a child of vfork, which has a process of its own from now on */
	files_close_on_exec(p->files);
	sighand_exec(p);
	change_cred(img);
	reset_thread(t);
	mm_unmap_all(p->mm);
	err = load_program(img, ctx);
	mutex_lock(&p->lock);
	p->exec_thread = NULL;
	mutex_unlock(&p->lock);
	vfork_release(p);
	if (err) {
		/* As Linux ends who execs it; the operator's own program is told of, and ends as what cannot be run. */
		u32 status = img->first ? STATUS_NOT_EXECUTABLE : BZ_EXC_SEGV;

		printk(img->first ? BZ_LOG_WARN : BZ_LOG_INFO, "%s: cannot be loaded: %s (%s)", img->filename,
		       err == -ENOMEM ? "it needs more memory than its limits allow" : "it is damaged or truncated",
		       errno_name(-err));
		exec_image_free(img);
		process_exit_group(status);
	}
	t->orig_rax = ~0ull;
	if (ptraced(t))
		ptrace_exec(t);
	return 0;
}

struct exec_image *exec_image_new(const char *filename)
{
	struct exec_image *img = kzalloc(sizeof(*img));

	if (!img)
		return NULL;
	img->filename = kstrdup(filename);
	if (!img->filename) {
		kfree(img);
		return NULL;
	}
	return img;
}

void exec_image_free(struct exec_image *img)
{
	if (img->file)
		file_put(img->file);
	if (img->interp)
		file_put(img->interp);
	exec_args_free(&img->args);
	kfree((char *)img->filename);
	kfree(img);
}

/* img has its file and arguments; it is consumed. */
static int exec_image_run(struct exec_image *img, struct bz_context *ctx)
{
	int err = exec_image_check(img);

	if (!err)
		err = current->vfork ? vfork_exec(img) : tenants_others(current->process->mm) ? tenants_exec(img) : change_program(img, ctx);
	exec_image_free(img);
	return err;
}

void exec_image_start(struct exec_image *img, struct bz_context *ctx)
{
	int err = change_program(img, ctx);

	exec_image_free(img);
	if (err)
		process_exit_group(STATUS_NOT_EXECUTABLE); /* it was killed before it began */
}

/* An image with its file and arguments, or an ERR_PTR. */
static struct exec_image *exec_image_open(int dirfd, const char *name, const char *const *uargv, const char *const *uenvp, int flags)
{
	u32 lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct exec_image *img;
	size_t size = strlen(name) + 32;
	bool told_by_fd = dirfd != AT_FDCWD && name[0] != '/';
	char *told = NULL;
	long ret;

	/* What the program and a script's interpreter are told of a file that was named relative to a descriptor. */
	if (told_by_fd) {
		told = kmalloc(size);
		if (!told)
			return ERR_PTR(-ENOMEM);
		snprintf(told, size, name[0] ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, name);
	}
	img = exec_image_new(told ? told : name);
	kfree(told);
	if (!img)
		return ERR_PTR(-ENOMEM);
	img->file = exec_open(dirfd, name, lookup);
	if (IS_ERR(img->file)) {
		ret = PTR_ERR(img->file);
		img->file = NULL;
		goto fail;
	}
	img->path_inaccessible = told_by_fd && fd_cloexec_get(dirfd);
	ret = args_add_vector(&img->args, uargv, false);
	/* argv[0] is always there: Linux adds an empty one. */
	if (!ret && !img->args.argc)
		ret = exec_args_add(&img->args, "", false);
	if (!ret)
		ret = args_add_vector(&img->args, uenvp, true);
	if (!ret)
		return img;
fail:
	exec_image_free(img);
	return ERR_PTR(ret);
}

static long exec_user(int dirfd, const char *uname, const char *const *uargv, const char *const *uenvp, int flags)
{
	char *name = kmalloc(PATH_MAX);
	struct exec_image *img = NULL;
	long ret;

	if (!name)
		return -ENOMEM;
	ret = strncpy_from_user(name, uname, PATH_MAX);
	if (!ret && !(flags & AT_EMPTY_PATH))
		ret = -ENOENT;
	if (ret >= 0)
		img = exec_image_open(dirfd, name, uargv, uenvp, flags);
	kfree(name); /* what follows may not return here */
	if (ret < 0)
		return ret;
	return IS_ERR(img) ? PTR_ERR(img) : exec_image_run(img, current->ctx);
}

SYSCALL(execve, const char *name, const char *const *argv, const char *const *envp)
{
	return exec_user(AT_FDCWD, name, argv, envp, 0);
}

SYSCALL(execveat, int dirfd, const char *name, const char *const *argv, const char *const *envp, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return exec_user(dirfd, name, argv, envp, flags);
}
