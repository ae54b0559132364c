/*
 * landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2), with version 2 of their ABI, as Linux 6.1 has it.  A
 * ruleset is a file; its lock protects its rules.  Restricting copies them.
 */
#include "libos/kernel/syscall.h"
#include "libos/landlock/landlock.h"
#include <linux/capability.h>

#define ABI_VERSION 2
#define LAYERS_MAX 16
#define RULES_MAX 65536
#define ALL_RIGHTS ((LANDLOCK_ACCESS_FS_REFER << 1) - 1)
#define OF_FILES (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE)

struct ruleset {
	struct mutex lock;
	u64 handled;
	u32 count, room;
	struct landlock_rule *rules;
};

static void ruleset_free(struct ruleset *r)
{
	for (u32 i = 0; i < r->count; i++)
		dentry_put(r->rules[i].dentry);
	kfree(r->rules);
	kfree(r);
}

static void ruleset_release(struct file *f)
{
	ruleset_free(f->priv);
}

static ssize_t ruleset_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	return -EINVAL;
}

static const struct file_ops ruleset_ops = {.read = ruleset_read, .write = ruleset_read, .release = ruleset_release};

SYSCALL(landlock_create_ruleset, const struct landlock_ruleset_attr *uattr, size_t size, unsigned int flags)
{
	struct landlock_ruleset_attr attr = {0};
	struct ruleset *r;
	struct file *f;
	u8 byte;

	if (flags)
		return flags == LANDLOCK_CREATE_RULESET_VERSION && !uattr && !size ? ABI_VERSION : -EINVAL;
	if (!uattr)
		return -EFAULT;
	if (size < sizeof(attr.handled_access_fs))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&attr, uattr, sizeof(attr.handled_access_fs)))
		return -EFAULT;
	/* What later versions added is to be zero. */
	for (size_t i = sizeof(attr.handled_access_fs); i < size; i++) {
		if (get_user(byte, (const u8 *)uattr + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	if (attr.handled_access_fs & ~ALL_RIGHTS)
		return -EINVAL;
	if (!attr.handled_access_fs)
		return -ENOMSG;
	r = kzalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	mutex_init(&r->lock, RANK_OBJECT);
	r->handled = attr.handled_access_fs;
	f = file_alloc_anon(&ruleset_ops, "anon_inode:[landlock-ruleset]", O_RDWR, r);
	if (!f) {
		ruleset_free(r);
		return -ENOMEM;
	}
	return fd_publish(f, true);
}

/* The file of a descriptor of a ruleset, referenced. */
static struct file *ruleset_get(int fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return ERR_PTR(-EBADF);
	if (f->ops == &ruleset_ops)
		return f;
	file_put(f);
	return ERR_PTR(-EBADFD);
}

static int rule_insert(struct ruleset *r, struct dentry *dentry, u64 allowed)
{
	u32 room = r->room ? r->room * 2 : 8;
	struct landlock_rule *rules;

	for (u32 i = 0; i < r->count; i++)
		if (r->rules[i].dentry == dentry) {
			r->rules[i].allowed |= allowed;
			return 0;
		}
	if (r->count == RULES_MAX)
		return -E2BIG;
	if (r->count == r->room) {
		rules = krealloc(r->rules, r->room * sizeof(*rules), room * sizeof(*rules));
		if (!rules)
			return -ENOMEM;
		r->rules = rules;
		r->room = room;
	}
	r->rules[r->count++] = (struct landlock_rule){dentry_get(dentry), allowed};
	return 0;
}

static long add_path(struct ruleset *r, const struct landlock_path_beneath_attr *a)
{
	struct file *f;
	long err = 0;

	if (!a->allowed_access)
		return -ENOMSG;
	if (a->allowed_access & ~r->handled)
		return -EINVAL;
	f = fd_get_any(a->parent_fd);
	if (!f)
		return -EBADF;
	if (!f->path.dentry || !f->path.mount || !f->path.dentry->inode)
		err = -EBADFD;
	else if (!S_ISDIR(f->path.dentry->inode->mode) && (a->allowed_access & ~OF_FILES))
		err = -EINVAL;
	if (!err) {
		mutex_lock(&r->lock);
		err = rule_insert(r, f->path.dentry, a->allowed_access);
		mutex_unlock(&r->lock);
	}
	file_put(f);
	return err;
}

SYSCALL(landlock_add_rule, int fd, unsigned int type, const void *uattr, unsigned int flags)
{
	struct landlock_path_beneath_attr a;
	struct file *f;
	long err;

	if (flags)
		return -EINVAL;
	f = ruleset_get(fd);
	if (IS_ERR(f))
		return PTR_ERR(f);
	if (type != LANDLOCK_RULE_PATH_BENEATH)
		err = -EINVAL;
	else if (copy_from_user(&a, uattr, sizeof(a)))
		err = -EFAULT;
	else
		err = add_path(f->priv, &a);
	file_put(f);
	return err;
}

/* --- domains --- */

static void domain_put(struct landlock_domain *d)
{
	while (d && ref_put(&d->refs)) {
		struct landlock_domain *outer = d->outer;

		for (u32 i = 0; i < d->count; i++)
			dentry_put(d->rules[i].dentry);
		kfree(d);
		d = outer;
	}
}

void landlock_inherit(struct thread *t, const struct thread *maker)
{
	t->landlock = maker->landlock;
	if (t->landlock)
		ref_get(&t->landlock->refs);
}

void landlock_forget(struct thread *t)
{
	domain_put(t->landlock);
	t->landlock = NULL;
}

/* A layer of what the ruleset is now, within the thread's own; takes that reference on success. */
static struct landlock_domain *domain_make(struct ruleset *r, struct landlock_domain *outer)
{
	struct landlock_domain *d;

	mutex_lock(&r->lock);
	d = kmalloc(sizeof(*d) + r->count * sizeof(d->rules[0]));
	if (d) {
		*d = (struct landlock_domain){.refs = 1, .outer = outer, .depth = outer ? outer->depth + 1 : 1, .handled = r->handled,
					      .count = r->count};
		for (u32 i = 0; i < r->count; i++) {
			d->rules[i] = r->rules[i];
			dentry_get(d->rules[i].dentry);
		}
	}
	mutex_unlock(&r->lock);
	return d;
}

SYSCALL(landlock_restrict_self, int fd, unsigned int flags)
{
	struct thread *t = current;
	struct landlock_domain *d;
	struct file *f;

	if (!t->process->cred.no_new_privs && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (flags)
		return -EINVAL;
	f = ruleset_get(fd);
	if (IS_ERR(f))
		return PTR_ERR(f);
	if (t->landlock && t->landlock->depth == LAYERS_MAX) {
		file_put(f);
		return -E2BIG;
	}
	d = domain_make(f->priv, t->landlock);
	file_put(f);
	if (!d)
		return -ENOMEM;
	t->landlock = d;
	return 0;
}
