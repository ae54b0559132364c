/*
 * EXEC: a process more, which the operator started.  Its standard streams are the operator's, or a terminal's whose other end
 * is; it has no parent in the sandbox, and its end is told on the stream that it was asked for on.  Owns struct session and
 * the table of them (sessions_lock).
 */
#include "libos/ask/ask.h"
#include "libos/proc/identity.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"
#include "libos/stdio/stdio.h"
#include "libos/tty/tty.h"
#include <asm/fcntl.h>
#include <asm/siginfo.h>

#define SESSIONS_MAX 16
#define STRINGS_MAX 4096 /* arguments and environment together */

struct session {
	struct launched launched; /* first */
	ref_t refs;		/* of the thread that serves it, and of the process until its end */
	u32 number;		/* 1 + its place in the table */
	struct mutex lock;	/* the next lines */
	bz_stream control;	/* -1: the operator went away */
	bool ended;
	struct process *process; /* referenced */

	struct bz_exec wish;
	bz_stream stream[3];	/* handed over, not the guest's yet; -1.  sessions_lock until it has started */
	bool started;		/* sessions_lock */
	struct tty *tty;
	struct service reader;	/* of the terminal's stream */
	struct identity identity;
	struct launch launch;
	char cwd[4096];
	char home[300];		/* HOME=... */
	char *text;
	const char **strings;	/* the arguments, then the environment */
};

static struct session *sessions[SESSIONS_MAX];
static struct mutex sessions_lock = MUTEX_INIT(RANK_OBJECT);

static void session_put(struct session *s)
{
	if (!ref_put(&s->refs))
		return;
	for (u32 i = 0; i < 3; i++)
		if (s->stream[i] >= 0)
			host->stream_close(s->stream[i], 0);
	if (s->process)
		process_put(s->process);
	if (s->tty)
		tty_put(s->tty);
	kfree(s->text);
	kfree(s->strings);
	kfree(s);
}

static struct session *session_new(bz_stream control)
{
	struct session *s = kzalloc(sizeof(*s));
	u32 i = 0;

	if (!s)
		return NULL;
	s->refs = 1;
	mutex_init(&s->lock, RANK_OBJECT);
	s->control = control;
	s->stream[0] = s->stream[1] = s->stream[2] = -1;
	mutex_lock(&sessions_lock);
	while (i < SESSIONS_MAX && sessions[i])
		i++;
	if (i < SESSIONS_MAX)
		sessions[i] = s;
	mutex_unlock(&sessions_lock);
	if (i == SESSIONS_MAX) {
		kfree(s);
		return NULL;
	}
	s->number = i + 1;
	return s;
}

/* No stream joins it any more. */
static void session_close(struct session *s)
{
	mutex_lock(&sessions_lock);
	sessions[s->number - 1] = NULL;
	mutex_unlock(&sessions_lock);
}

/* The answer is sent with the lock held: who has it may say START at once, and that is to find the stream in its place. */
void ask_stream(struct ask *a)
{
	u32 i = (a->what.flags >> 2) - 1, n = a->what.flags & 3;
	struct session *s;
	bool ok;

	mutex_lock(&sessions_lock);
	s = i < SESSIONS_MAX ? sessions[i] : NULL;
	ok = s && !s->started && n < 3 && (s->wish.streams & 1u << n) && s->stream[n] < 0;
	if (!ask_answer(a, ok ? 0 : -EINVAL, 0) && ok) {
		s->stream[n] = a->stream;
		a->stream = -1;
	}
	mutex_unlock(&sessions_lock);
}

/* No further stream joins it; false if one that it was to have is not there. */
static bool streams_complete(struct session *s)
{
	bool complete = true;

	mutex_lock(&sessions_lock);
	s->started = true;
	for (u32 i = 0; i < 3; i++)
		if ((s->wish.streams & 1u << i) && s->stream[i] < 0)
			complete = false;
	mutex_unlock(&sessions_lock);
	return complete;
}

/* --- what it is to be --- */

static bool cut_strings(struct session *s, const char **user)
{
	u32 n = s->wish.argc + s->wish.envc, own, at = 0;
	const char *p = s->text, *end = p + s->wish.size;

	if (!s->wish.argc || s->wish.argc > STRINGS_MAX || s->wish.envc > STRINGS_MAX || n > STRINGS_MAX)
		return false;
	s->strings = kmalloc((n + boot->envc + 1ul) * sizeof(char *));
	if (!s->strings)
		return false;
	*user = p;
	for (u32 i = 0; i <= n; i++) {
		if (p == end)
			return false;
		if (i == s->wish.argc + 1) {
			own = boot_environment(s->strings + at, boot->envc);
			at += own;
		}
		if (i)
			s->strings[at++] = p;
		p += strlen(p) + 1; /* the last byte is a NUL */
	}
	if (!s->wish.envc)
		at += boot_environment(s->strings + at, boot->envc);
	s->launch.argc = s->wish.argc;
	s->launch.argv = s->strings;
	s->launch.envp = s->strings + s->wish.argc;
	s->launch.envc = at - s->wish.argc;
	return true;
}

/* Of two settings of one variable the later counts. */
static void drop_overridden(struct session *s)
{
	const char **v = s->strings + s->wish.argc;
	u32 kept = 0;

	for (u32 i = 0; i < s->launch.envc; i++) {
		const char *equals = strchr(v[i], '=');
		size_t n = equals ? equals - v[i] + 1 : strlen(v[i]) + 1;
		bool later = false;

		for (u32 k = i + 1; k < s->launch.envc && !later; k++)
			later = !strncmp(v[i], v[k], n);
		if (!later)
			v[kept++] = v[i];
	}
	s->launch.envc = kept;
}

static int take_identity(struct session *s, const char *user)
{
	struct launch *l = &s->launch;
	const char **v = s->strings + s->wish.argc;
	int err;

	if (!*user)
		return 0;
	err = identity_find(&s->identity, user);
	if (err)
		return err;
	l->uid = s->identity.uid;
	l->gid = s->identity.gid;
	l->ngroups = s->identity.ngroups;
	l->groups = s->identity.groups;
	if (!*s->identity.home)
		return 0;
	snprintf(s->home, sizeof(s->home), "HOME=%s", s->identity.home);
	for (u32 i = 0; i < l->envc - s->wish.envc; i++) /* the operator's own comes behind */
		if (!strncmp(v[i], "HOME=", 5))
			v[i] = s->home;
	return 0;
}

static int take_wish(struct session *s, struct ask *a)
{
	const char *user;

	if (ask_read(a, &s->wish, sizeof(s->wish)))
		return ASK_BROKEN;
	if (!s->wish.size || s->wish.size > BZ_EXEC_MAX || s->wish.streams > 7)
		return -EINVAL;
	s->text = kmalloc(s->wish.size);
	if (!s->text)
		return -ENOMEM;
	if (ask_read(a, s->text, s->wish.size))
		return ASK_BROKEN;
	if (s->text[s->wish.size - 1])
		return -EINVAL;
	launch_from_boot(&s->launch);
	strlcpy(s->cwd, a->what.path, sizeof(s->cwd));
	if (*s->cwd)
		s->launch.cwd = s->cwd;
	if (!cut_strings(s, &user))
		return -EINVAL;
	s->launch.program = s->strings[0];
	if (take_identity(s, user))
		return -ESRCH;
	drop_overridden(s);
	return 0;
}

/* --- its descriptors; `current` is its first thread --- */

static int attach_terminal(struct session *s)
{
	char name[32];
	struct file *f;
	int fd;

	s->tty = tty_create_wired(s->stream[0], s->wish.rows, s->wish.cols);
	if (IS_ERR(s->tty)) {
		int err = PTR_ERR(s->tty);

		s->tty = NULL;
		return err;
	}
	s->stream[0] = -1;
	snprintf(name, sizeof(name), "/dev/pts/%u", tty_wired_index(s->tty));
	for (u32 i = 0; i < 3; i++) {
		f = file_open(AT_FDCWD, name, O_RDWR, 0); /* the first one makes it the controlling terminal */
		if (IS_ERR(f))
			return PTR_ERR(f);
		fd = fd_install_at(i, f, false);
		if (fd < 0)
			return fd;
	}
	return 0;
}

static int attach(struct process *p, void *arg)
{
	struct session *s = arg;

	if (s->wish.flags & BZ_EXEC_TTY)
		return attach_terminal(s);
	for (u32 i = 0; i < 3; i++) {
		struct file *f = s->stream[i] < 0 ? file_open(AT_FDCWD, "/dev/null", O_RDWR, 0) :
						    stdio_from_stream(s->stream[i], i ? O_WRONLY : O_RDONLY);
		int fd;

		if (IS_ERR(f))
			return PTR_ERR(f);
		s->stream[i] = -1;
		fd = fd_install_at(i, f, false);
		if (fd < 0)
			return fd;
	}
	return 0;
}

/* --- its life --- */

static void tell_end(struct session *s, const struct bz_exec_end *end)
{
	struct bz_iov iov = {(void *)end, sizeof(*end)};

	mutex_lock(&s->lock);
	/* There is room: it is all that is sent.  A signal that this thread will not take any more does not keep it from going. */
	do
		WRITE_ONCE(current_tcb()->interrupted, 0);
	while (s->control >= 0 && host->stream_write(s->control, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT) == -EINTR);
	s->ended = true;
	mutex_unlock(&s->lock);
}

/* The end is told when all that the terminal showed is on its way, however long the operator takes to read it: what comes last
 * is what the command waits for. */
static void ended(struct launched *l, struct process *p)
{
	struct session *s = (struct session *)l;
	struct bz_exec_end end = {.status = p->exit_code};

	if (s->tty)
		tty_drain_wired(s->tty);
	if (!(s->wish.flags & BZ_EXEC_DETACH))
		tell_end(s, &end);
	session_put(s);
}

static void read_terminal(void *arg)
{
	struct session *s = arg;

	ref_get(&s->tty->refs);
	tty_serve_wired(s->tty);
	session_put(s);
	host->thread_exit(NULL);
}

static void not_run(struct session *s, int err)
{
	struct bz_exec_end end = {.error = err};

	end.status = launch_explain(&s->launch, err, end.text, sizeof(end.text));
	tell_end(s, &end);
}

static void start(struct session *s)
{
	struct thread *t;
	int err;

	if (!streams_complete(s)) {
		not_run(s, -EPROTO);
		return;
	}
	s->launch.attach = attach;
	s->launch.arg = s;
	s->launch.launched = &s->launched;
	s->launched.ended = ended;
	t = launch(&s->launch);
	if (IS_ERR(t)) {
		not_run(s, PTR_ERR(t));
		return;
	}
	s->process = t->process;
	ref_get(&s->process->refs);
	ref_get(&s->refs);
	err = template_begin(t, false);
	if (err) {
		launch_undo(t);
		session_put(s);
		not_run(s, err);
		return;
	}
	if (s->wish.flags & BZ_EXEC_DETACH)
		tell_end(s, &(struct bz_exec_end){0});
	if (!s->tty)
		return;
	ref_get(&s->refs);
	s->reader = (struct service){.magic = SERVICE_MAGIC, .run = read_terminal, .arg = s};
	if (host->thread_create(&s->reader) < 0) {
		tty_hangup(s->tty);
		session_put(s);
	}
}

static void signal_process(struct session *s, int sig)
{
	struct siginfo_kernel info = {.si_signo = sig, .si_code = SI_USER};

	if (sig >= 1 && sig <= NSIG_MAX && s->process && !READ_ONCE(s->ended))
		signal_send_process(s->process, sig, &info);
}

static void take_tell(struct session *s, const struct bz_exec_tell *tell)
{
	struct winsize_kernel size = {.rows = tell->rows, .cols = tell->cols};

	if (tell->kind == BZ_EXEC_START && !s->started)
		start(s);
	else if (tell->kind == BZ_EXEC_SIGNAL)
		signal_process(s, tell->arg);
	else if (tell->kind == BZ_EXEC_WINSIZE && s->tty)
		tty_resize(s->tty, &size);
}

void ask_exec(struct ask *a)
{
	struct session *s = session_new(a->stream);
	struct bz_exec_tell tell;
	int err = s ? take_wish(s, a) : -EAGAIN;

	ask_answer(a, err, s ? s->number : 0);
	if (!s)
		return;
	while (!err && !ask_read(a, &tell, sizeof(tell)))
		take_tell(s, &tell);
	session_close(s);
	mutex_lock(&s->lock);
	s->control = -1;
	mutex_unlock(&s->lock);
	if (s->process && !(s->wish.flags & BZ_EXEC_DETACH))
		signal_process(s, SIGHUP); /* its operator went away */
	session_put(s);
}
