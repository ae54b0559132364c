/*
 * The first guest process: made by the template from what the security monitor wrote down (struct bz_start), loaded by
 * itself in its own picoprocess.
 */
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/signal/signal.h"
#include "libos/stdio/stdio.h"
#include "libos/tty/tty.h"
#include <linux/capability.h>

#define STATUS_NOT_FOUND (127u << 8)
#define STATUS_FAILED (125u << 8)

static const char *boot_string(u32 off)
{
	return (const char *)boot + off;
}

static const char *boot_vector(u32 array, u32 i)
{
	const u32 *offs = (const u32 *)((const char *)boot + array);

	return boot_string(offs[i]);
}

static void default_limits(struct process *p)
{
	static const struct {
		u32 res;
		u64 soft, hard;
	} defaults[] = {
		{RLIMIT_STACK, 8 << 20, ~0ull},	   {RLIMIT_CORE, 0, ~0ull},	 {RLIMIT_NOFILE, 1024, 1048576},
		{RLIMIT_NPROC, 62791, 62791},	   {RLIMIT_MEMLOCK, 8 << 20, 8 << 20}, {RLIMIT_SIGPENDING, 62791, 62791},
		{RLIMIT_MSGQUEUE, 819200, 819200}, {RLIMIT_NICE, 0, 0},		 {RLIMIT_RTPRIO, 0, 0},
	};
	const struct bz_rlimit *l = (const struct bz_rlimit *)((const char *)boot + boot->rlimits);

	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		p->rlimit[i].soft = p->rlimit[i].hard = ~0ull;
	for (u32 i = 0; i < ARRAY_SIZE(defaults); i++) {
		p->rlimit[defaults[i].res].soft = defaults[i].soft;
		p->rlimit[defaults[i].res].hard = defaults[i].hard;
	}
	for (u32 i = 0; i < boot->rlimit_count; i++) {
		if (l[i].resource >= RLIM_NLIMITS)
			continue;
		p->rlimit[l[i].resource].soft = l[i].soft;
		p->rlimit[l[i].resource].hard = l[i].hard;
	}
}

static void boot_cred(struct cred *c)
{
	const u32 *groups = (const u32 *)((const char *)boot + boot->groups);

	c->uid = c->euid = c->suid = c->fsuid = boot->uid;
	c->gid = c->egid = c->sgid = c->fsgid = boot->gid;
	c->ngroups = min(boot->group_count, (u32)NGROUPS);
	memcpy(c->groups, groups, c->ngroups * sizeof(u32));
	c->cap_bounding = (2ull << CAP_LAST_CAP) - 1;
	if (!boot->uid)
		c->cap_permitted = c->cap_effective = c->cap_bounding;
}

/* The current directory that the operator named. */
static int enter_cwd(struct fs_context *fs)
{
	const char *name = boot->cwd ? boot_string(boot->cwd) : "/";
	struct path path;
	int err = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err) {
		printk(BZ_LOG_WARN, "working directory %s: %s", name, err == -ENOENT ? "does not exist" : "cannot be entered");
		return err;
	}
	path_put(&fs->cwd);
	fs->cwd = path;
	return 0;
}

static int open_stdio(void)
{
	for (u32 i = 0; i < 3; i++) {
		struct file *f;
		int fd;

		if (boot->stdio[i].kind == BZ_STDIO_NONE)
			continue;
		f = stdio_file(i);
		if (IS_ERR(f))
			return PTR_ERR(f);
		fd = fd_install_at(i, f, false);
		if (fd < 0)
			return fd;
	}
	return 0;
}

static const char *env_value(const char *name)
{
	size_t n = strlen(name);

	for (u32 i = 0; i < boot->envc; i++) {
		const char *s = boot_vector(boot->envp, i);

		if (!strncmp(s, name, n) && s[n] == '=')
			return s + n + 1;
	}
	return NULL;
}

/* Try dir/name of one element of PATH. */
static struct file *open_in(const char *dir, size_t dir_len, const char *name, char *buf)
{
	if (dir_len + strlen(name) + 2 > PATH_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	memcpy(buf, dir, dir_len);
	if (dir_len)
		buf[dir_len++] = '/';
	strlcpy(buf + dir_len, name, PATH_MAX - dir_len);
	return exec_open(AT_FDCWD, buf, LOOKUP_FOLLOW);
}

/* The program, by path or along PATH; buf gets the name it was found by. */
static struct file *find_program(const char *name, char *buf)
{
	const char *path = env_value("PATH"), *end;
	struct file *f, *worst = ERR_PTR(-ENOENT);

	strlcpy(buf, name, PATH_MAX);
	if (strchr(name, '/'))
		return exec_open(AT_FDCWD, name, LOOKUP_FOLLOW);
	if (!path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (;;) {
		end = path;
		while (*end && *end != ':')
			end++;
		f = open_in(path, end - path, name, buf);
		if (!IS_ERR(f))
			return f;
		if (PTR_ERR(f) != -ENOENT && PTR_ERR(f) != -ENOTDIR)
			worst = f;
		if (!*end)
			return worst;
		path = end + 1;
	}
}

static struct exec_image *init_image;

static u32 explain(const char *name, const char *lacks, int err)
{
	const char *why = err == -ENOENT || err == -ENOTDIR ? "not found" :
			  err == -EACCES ? "permission denied, or not an executable file" :
			  err == -ENOEXEC ? "not an x86-64 Linux program" :
			  err == -ELIBBAD ? "its interpreter is damaged" : NULL;

	if (lacks && *lacks)
		printk(BZ_LOG_WARN, "%s: needs the interpreter %s, which %s", name, lacks,
		       err == -ENOENT || err == -ENOTDIR ? "is not in the sandbox" : why ? why : "cannot be opened");
	else if (why)
		printk(BZ_LOG_WARN, "%s: %s", name, why);
	else
		printk(BZ_LOG_WARN, "%s: cannot be run (error %d)", name, -err);
	return err == -ENOENT || err == -ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

/* Open the program and collect its arguments. */
static int prepare_image(u32 *status)
{
	const char *name = boot_string(boot->exe);
	char *found = kmalloc(PATH_MAX);
	struct file *f;
	int err = 0;

	if (!found)
		return -ENOMEM;
	f = find_program(name, found);
	if (IS_ERR(f)) {
		*status = explain(name, NULL, PTR_ERR(f));
		kfree(found);
		return PTR_ERR(f);
	}
	init_image = exec_image_new(found);
	kfree(found);
	if (!init_image) {
		file_put(f);
		return -ENOMEM;
	}
	init_image->file = f;
	for (u32 i = 0; i < boot->argc && !err; i++)
		err = exec_args_add(&init_image->args, boot_vector(boot->argv, i), false);
	if (!err && !boot->argc)
		err = exec_args_add(&init_image->args, name, false);
	for (u32 i = 0; i < boot->envc && !err; i++)
		err = exec_args_add(&init_image->args, boot_vector(boot->envp, i), true);
	if (err)
		*status = explain(name, NULL, err);
	return err;
}

static struct thread *make_first(void)
{
	struct process *p = process_create_struct(NULL);
	struct thread *t;

	if (!p)
		return NULL;
	default_limits(p);
	boot_cred(&p->cred);
	p->mm = mm_create();
	p->files = files_create();
	p->fs = fs_context_create();
	p->sighand = sighand_create();
	t = thread_create_struct(p);
	if (!t || !p->mm || !p->files || !p->fs || !p->sighand)
		return NULL;
	process_publish(p, t, NULL, NULL);
	init_process = p;
	return t;
}

struct thread *init_start(u32 *status)
{
	struct bz_tcb *tcb = current_tcb();
	struct thread *t = make_first();
	int err;

	*status = STATUS_FAILED;
	if (!t)
		return NULL;
	/* Names are looked up as the first process will see them. */
	tcb->libos = t;
	console_attach(t->process);
	err = open_stdio();
	if (err)
		printk(BZ_LOG_WARN, "the standard streams cannot be opened (error %d)", -err);
	else
		err = enter_cwd(t->process->fs);
	if (!err)
		err = prepare_image(status);
	tcb->libos = NULL;
	return err ? NULL : t;
}

void init_enter(struct thread *t, struct bz_context *ctx)
{
	struct exec_image *img = init_image;
	char *name, *lacks;
	int err;

	/* A thread of a process whose program cannot be named: its registers are what its maker left. */
	if (t->process->loaded) {
		*ctx = t->start_ctx;
		write_fs_base(t->start_fs);
		return;
	}
	init_image = NULL;
	name = kstrdup(img->filename);
	lacks = img->lacks = kzalloc(EXEC_LACKS_SIZE);
	err = exec_image_run(img, ctx);
	if (err)
		process_exit_group(explain(name ? name : "?", lacks, err));
	kfree(lacks);
	kfree(name);
	t->process->did_exec = false;
}
