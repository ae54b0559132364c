/* Control messages of AF_UNIX: files (SCM_RIGHTS) and credentials (SCM_CREDENTIALS), and counting the files in flight. */
#include "libos/unix/internal.h"
#include <linux/capability.h>

#define RIGHTS_MAX 253u		/* files a message */

struct list unix_in_flight = LIST_INIT(unix_in_flight);
static u32 files_in_flight;	/* unix_lock */

void unix_rights_free(struct unix_rights *r)
{
	for (u32 i = 0; i < r->count; i++)
		file_put(r->file[i]);
	kfree(r);
}

struct unix_rights *unix_rights_copy(const struct unix_rights *r)
{
	struct unix_rights *copy = kmalloc(sizeof(*r) + r->count * sizeof(r->file[0]));

	if (!copy)
		return NULL;
	copy->count = r->count;
	for (u32 i = 0; i < r->count; i++) {
		copy->file[i] = r->file[i];
		file_get(r->file[i]);
	}
	return copy;
}

/* --- in flight --- */

static struct unix_sock *sock_of(const struct file *f)
{
	struct socket *s = file_socket(f);

	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

/* All users are one here. */
int unix_rights_limit(const struct unix_rights *r)
{
	if (READ_ONCE(files_in_flight) > rlimit_soft(RLIMIT_NOFILE) && !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN))
		return -ETOOMANYREFS;
	return 0;
}

void unix_rights_fly(struct unix_rights *r)
{
	files_in_flight += r->count;
	for (u32 i = 0; i < r->count; i++) {
		struct unix_sock *u = sock_of(r->file[i]);

		if (u && !u->flights++)
			list_add_tail(&u->in_flight, &unix_in_flight);
	}
}

void unix_rights_land(struct unix_rights *r)
{
	files_in_flight -= r->count;
	for (u32 i = 0; i < r->count; i++) {
		struct unix_sock *u = sock_of(r->file[i]);

		if (u && !--u->flights)
			list_del(&u->in_flight);
	}
}

/* --- from the guest --- */

static int take_files(struct unix_control *c, const int *fds, u32 n)
{
	if (!c->rights) {
		c->rights = kzalloc(sizeof(*c->rights) + RIGHTS_MAX * sizeof(c->rights->file[0]));
		if (!c->rights)
			return -ENOMEM;
	}
	if (c->rights->count + n > RIGHTS_MAX)
		return -EINVAL;
	for (u32 i = 0; i < n; i++) {
		struct file *f = fds[i] < 0 ? NULL : fd_get_any(fds[i]);

		if (!f)
			return -EBADF;
		c->rights->file[c->rights->count++] = f;
	}
	return 0;
}

/* One's own numbers, or those that a capability lets one claim. */
static int check_cred(const struct ucred *c)
{
	const struct cred *my = &current->process->cred;
	struct process *p;

	if (c->pid != current->process->pid && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (c->uid != my->uid && c->uid != my->euid && c->uid != my->suid && !capable(CAP_SETUID))
		return -EPERM;
	if (c->gid != my->gid && c->gid != my->egid && c->gid != my->sgid && !capable(CAP_SETGID))
		return -EPERM;
	if (c->pid == current->process->pid)
		return 0;
	p = process_find(c->pid);
	if (!p)
		return -ESRCH;
	process_put(p);
	return 0;
}

static int take_one(void *arg, const struct cmsghdr *h, u64 n)
{
	struct unix_control *c = arg;

	if (h->level != SOL_SOCKET)
		return 0;
	if (h->type == SCM_RIGHTS)
		return n / sizeof(int) ? take_files(c, (const int *)(h + 1), min(n / sizeof(int), (u64)RIGHTS_MAX + 1)) : 0;
	if (h->type != SCM_CREDENTIALS || n != sizeof(c->cred))
		return -EINVAL;
	memcpy(&c->cred, h + 1, sizeof(c->cred));
	c->has_cred = true;
	return check_cred(&c->cred);
}

int unix_control_in(struct socket_msg *m, struct unix_control *c)
{
	int err = socket_each_control(m, take_one, c);

	if (err && c->rights) {
		unix_rights_free(c->rights);
		c->rights = NULL;
	}
	return err;
}

/* --- to the guest --- */

static int give_file(struct file *f, int *to, bool cloexec)
{
	int fd;

	file_get(f);
	fd = fd_alloc(f, 0, cloexec);
	if (fd < 0) {
		file_put(f);
		return fd;
	}
	if (put_user(fd, to)) {
		fd_close(fd);
		return -EFAULT;
	}
	return 0;
}

/* As many as there is room for, in the buffer and in the table; the others are closed. */
void unix_rights_out(struct socket_msg *m, const struct unix_rights *r)
{
	u64 head = sizeof(struct cmsghdr);
	u32 room = m->control && m->control_len > head ? (m->control_len - head) / sizeof(int) : 0, n = 0;
	int *to = (int *)(m->control + m->control_used + head);

	while (n < min(r->count, room) && !give_file(r->file[n], to + n, m->flags & MSG_CMSG_CLOEXEC))
		n++;
	if (n)
		socket_put_header(m, SOL_SOCKET, SCM_RIGHTS, n * sizeof(int));
	if (n < r->count)
		m->out_flags |= MSG_CTRUNC;
}
