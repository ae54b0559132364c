/* The core file's name: core(5), "Naming of core dump files".  Programs behind a pipe are not offered. */
#include "libos/coredump/coredump.h"
#include "libos/kernel/uts.h"
#include "libos/kernel/sysctl.h"
#include "libos/kernel/syscall.h"
#include "libos/vfs/namei.h"

#define NAME_MAX_CORE 512

char core_pattern[CORE_PATTERN_MAX] = "core";
i64 core_uses_pid;

static const struct sysctl settings[] = {{"kernel", "core_uses_pid", &core_uses_pid, 0, INT32_MAX}};

static void core_init(void)
{
	sysctl_register(settings, ARRAY_SIZE(settings));
}
INITCALL(INIT_CORE, core_init);

struct name {
	char text[NAME_MAX_CORE];
	size_t len;
};

static void add(struct name *n, const char *text)
{
	n->len += strlcpy(n->text + n->len, text, sizeof(n->text) - n->len);
	n->len = min(n->len, sizeof(n->text) - 1);
}

/* Of a guest's choosing: a slash in it would name a directory. */
static void add_escaped(struct name *n, const char *text)
{
	size_t from = n->len;

	add(n, text);
	if (n->text[from] == '.' && (!n->text[from + 1] || (n->text[from + 1] == '.' && !n->text[from + 2])))
		n->text[from] = '!';
	for (; n->text[from]; from++)
		if (n->text[from] == '/')
			n->text[from] = '!';
}

static void add_number(struct name *n, i64 v)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", (long)v);
	add(n, text);
}

static void expand(struct name *n, char c, const struct core_dump *core, const struct process *p)
{
	struct new_utsname uts;
	char one[2] = {c, 0};

	switch (c) {
	case 'p':
	case 'P':
		add_number(n, p->pid);
		break;
	case 'i':
	case 'I':
		add_number(n, current->tid);
		break;
	case 'u':
		add_number(n, p->cred.uid);
		break;
	case 'g':
		add_number(n, p->cred.gid);
		break;
	case 'd':
		add_number(n, p->dumpable);
		break;
	case 's':
		add_number(n, core->sig);
		break;
	case 't':
		add_number(n, now_real() / NSEC_PER_SEC);
		break;
	case 'c':
		add_number(n, rlimit_soft(RLIMIT_CORE));
		break;
	case 'h':
		uts_copy(&uts);
		add_escaped(n, uts.nodename);
		break;
	case 'e':
		add_escaped(n, current->comm);
		break;
	case 'E':
		add_escaped(n, p->exe_path ? p->exe_path : "unknown");
		break;
	case '%':
		add(n, one);
		break;
	}
}

static void make_name(struct name *n, const struct core_dump *core, const struct process *p)
{
	bool with_pid = false;

	n->len = 0;
	n->text[0] = 0;
	for (const char *c = core_pattern; *c; c++) {
		char one[2] = {*c, 0};

		if (*c != '%') {
			add(n, one);
		} else if (*++c) {
			with_pid |= *c == 'p';
			expand(n, *c, core, p);
		} else {
			break;
		}
	}
	if (!with_pid && core_uses_pid) {
		add(n, ".");
		add_number(n, p->pid);
	}
}

struct file *core_open(const struct core_dump *core, struct process *p)
{
	struct name *n = kmalloc(sizeof(*n));
	struct inode *inode;
	struct file *f;

	if (!n)
		return NULL;
	make_name(n, core, p);
	f = file_open(AT_FDCWD, n->text, O_CREAT | O_RDWR | O_NOFOLLOW | O_LARGEFILE, 0600);
	kfree(n);
	if (IS_ERR(f))
		return NULL;
	/* What is there may be somebody's trap (Linux's do_coredump). */
	inode = f->inode;
	if (inode && S_ISREG(inode->mode) && inode->nlink == 1 && inode->uid == p->cred.fsuid && !vfs_truncate(inode, f, 0))
		return f;
	file_put(f);
	return NULL;
}
