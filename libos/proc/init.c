/*
 * Processes without a parent: the first one, made by the template from what the security monitor wrote down (struct bz_start),
 * and those of `bartizan exec` (ask/exec.c).  Each loads its program itself, in its own picoprocess.
 */
#include "libos/mm/mm.h"
#include "libos/proc/identity.h"
#include "libos/proc/internal.h"
#include "libos/signal/signal.h"
#include "libos/stdio/stdio.h"
#include "libos/tty/tty.h"
#include <linux/capability.h>

#define STATUS_NOT_FOUND (127u << 8)
#define STATUS_FAILED (125u << 8)

const char *boot_string(u32 off)
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

static void launch_cred(struct cred *c, const struct launch *l)
{
	c->uid = c->euid = c->suid = c->fsuid = l->uid;
	c->gid = c->egid = c->sgid = c->fsgid = l->gid;
	c->ngroups = min(l->ngroups, (u32)NGROUPS);
	memcpy(c->groups, l->groups, c->ngroups * sizeof(u32));
	c->cap_bounding = (2ull << CAP_LAST_CAP) - 1;
	if (!l->uid)
		c->cap_permitted = c->cap_effective = c->cap_bounding;
}

/* The current directory that the operator named. */
static int enter_cwd(struct fs_context *fs, const char *name)
{
	struct path path;
	int err = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
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

static const char *env_value(const struct launch *l, const char *name)
{
	size_t n = strlen(name);

	for (u32 i = l->envc; i-- > 0;)
		if (!strncmp(l->envp[i], name, n) && l->envp[i][n] == '=')
			return l->envp[i] + n + 1;
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
static struct file *find_program(const struct launch *l, char *buf)
{
	const char *name = l->program, *path = env_value(l, "PATH"), *end;
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

/* Open the program and collect its arguments. */
static int prepare_image(struct process *p, struct launch *l)
{
	char *found = kmalloc(PATH_MAX);
	struct exec_image *img;
	struct file *f;
	int err = 0;

	if (!found)
		return -ENOMEM;
	f = find_program(l, found);
	if (IS_ERR(f)) {
		kfree(found);
		return PTR_ERR(f);
	}
	img = p->image = exec_image_new(found);
	kfree(found);
	if (!img) {
		file_put(f);
		return -ENOMEM;
	}
	img->file = f;
	img->first = true;
	img->lacks = l->lacks;
	for (u32 i = 0; i < l->argc && !err; i++)
		err = exec_args_add(&img->args, l->argv[i], false);
	if (!err && !l->argc)
		err = exec_args_add(&img->args, l->program, false);
	for (u32 i = 0; i < l->envc && !err; i++)
		err = exec_args_add(&img->args, l->envp[i], true);
	if (*l->home && !err)
		err = exec_args_add(&img->args, l->home, true);
	if (!err)
		err = exec_image_check(img);
	img->lacks = NULL;
	return err;
}

static struct thread *make_first(const struct launch *l)
{
	struct process *p = process_create_struct(NULL);
	struct thread *t;

	if (!p)
		return NULL;
	default_limits(p);
	launch_cred(&p->cred, l);
	p->mm = mm_create();
	p->files = files_create();
	p->fs = fs_context_create();
	p->sighand = sighand_create();
	t = p->mm && p->files && p->fs && p->sighand ? thread_create_struct(p) : NULL;
	if (!t) {
		process_undo(p);
		process_put(p);
		return NULL;
	}
	process_publish(p, t, NULL, NULL);
	if (!init_process)
		init_process = p;
	return t;
}

void launch_undo(struct thread *t)
{
	struct process *p = t->process;

	mutex_lock(&tasklist_lock);
	process_unhash(p);
	list_del(&t->node);
	thread_unhash(t);
	if (init_process == p)
		init_process = NULL;
	mutex_unlock(&tasklist_lock);
	if (p->image)
		exec_image_free(p->image);
	p->image = NULL;
	process_undo(p);
	p->mm = NULL;
	thread_put(t);
	process_put(p);
}

/* Until here it was the guest's root, who can read the files that say who it is. */
static int take_first_identity(struct cred *c, struct launch *l)
{
	const struct identity *id;
	int err = identity_first(&id);

	if (err)
		return err;
	l->uid = id->uid;
	l->gid = id->gid;
	l->ngroups = id->ngroups;
	l->groups = id->groups;
	launch_cred(c, l);
	if (!env_value(l, "HOME"))
		snprintf(l->home, sizeof(l->home), "HOME=%s", *id->home ? id->home : "/");
	return 0;
}

struct thread *launch(struct launch *l)
{
	struct bz_tcb *tcb = current_tcb();
	struct thread *t = make_first(l);
	int err;

	if (!t)
		return ERR_PTR(-EAGAIN);
	t->process->launched = l->launched;
	/* Names are looked up as the process will see them. */
	tcb->libos = t;
	l->step = LAUNCH_USER;
	err = l->of_boot && boot->user ? take_first_identity(&t->process->cred, l) : 0;
	if (!err) {
		l->step = LAUNCH_STREAMS;
		err = l->attach(t->process, l->arg);
	}
	if (!err) {
		l->step = LAUNCH_CWD;
		err = enter_cwd(t->process->fs, l->cwd);
	}
	if (!err) {
		l->step = LAUNCH_PROGRAM;
		err = prepare_image(t->process, l);
	}
	tcb->libos = NULL;
	if (!err)
		return t;
	launch_undo(t);
	return ERR_PTR(err);
}

u32 launch_explain(const struct launch *l, int err, char *text, size_t size)
{
	bool missing = err == -ENOENT || err == -ENOTDIR;
	const char *why = missing ? "not found" :
			  err == -EACCES ? "permission denied, or not an executable file" :
			  err == -ENOEXEC ? "not an x86-64 Linux program" :
			  err == -ELIBBAD ? "its interpreter is damaged" : NULL;

	if (l->step == LAUNCH_USER)
		snprintf(text, size, "user %s: not in the sandbox's /etc/passwd, or its group not in /etc/group", boot_string(boot->user));
	else if (l->step == LAUNCH_CWD)
		snprintf(text, size, "working directory %s: %s", l->cwd, err == -ENOENT ? "does not exist" : "cannot be entered");
	else if (l->step != LAUNCH_PROGRAM)
		snprintf(text, size, "the standard streams cannot be opened (error %d)", -err);
	else if (*l->lacks)
		snprintf(text, size, "%s: needs the interpreter %s, which %s", l->program, l->lacks,
			 missing ? "is not in the sandbox" : why ? why : "cannot be opened");
	else if (why)
		snprintf(text, size, "%s: %s", l->program, why);
	else
		snprintf(text, size, "%s: cannot be run (error %d)", l->program, -err);
	return l->step != LAUNCH_PROGRAM ? STATUS_FAILED : missing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

/* --- the first process, from what the monitor wrote --- */

static int attach_boot(struct process *p, void *arg)
{
	console_attach(p);
	return open_stdio();
}

static const char **boot_vectors(void)
{
	const char **v = kmalloc((boot->argc + boot->envc + 1ul) * sizeof(*v));

	for (u32 i = 0; v && i < boot->argc; i++)
		v[i] = boot_vector(boot->argv, i);
	for (u32 i = 0; v && i < boot->envc; i++)
		v[boot->argc + i] = boot_vector(boot->envp, i);
	return v;
}

void launch_from_boot(struct launch *l)
{
	l->cwd = boot->cwd ? boot_string(boot->cwd) : "/";
	l->of_boot = true;
	l->uid = boot->user ? 0 : boot->uid;
	l->gid = boot->user ? 0 : boot->gid;
	l->ngroups = boot->group_count;
	l->groups = (const u32 *)((const char *)boot + boot->groups);
}

u32 boot_environment(const char **v, u32 max)
{
	for (u32 i = 0; i < boot->envc && i < max; i++)
		v[i] = boot_vector(boot->envp, i);
	return min(boot->envc, max);
}

struct thread *init_start(u32 *status)
{
	const char **v = boot_vectors();
	struct launch *l = kzalloc(sizeof(*l));
	char text[512];
	struct thread *t;

	*status = STATUS_FAILED;
	if (!l || !v || mounts_failed)
		return NULL;
	launch_from_boot(l);
	l->program = boot_string(boot->exe);
	l->argc = boot->argc;
	l->argv = v;
	l->envc = boot->envc;
	l->envp = v + boot->argc;
	l->attach = attach_boot;
	t = launch(l);
	if (IS_ERR(t)) {
		*status = launch_explain(l, PTR_ERR(t), text, sizeof(text));
		printk(BZ_LOG_WARN, "%s", text);
		return NULL;
	}
	kfree(l);
	kfree(v);
	return t;
}

void launch_enter(struct thread *t, struct bz_context *ctx)
{
	struct process *p = t->process;
	struct exec_image *img = p->image;

	p->image = NULL;
	p->host_pid = current_tcb()->tid;
	exec_image_start(img, ctx);
	if (!p->parent)
		p->did_exec = false;
}
