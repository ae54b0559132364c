/*
 * Lines of the trace.  A line belongs to its thread (thread->trace) and is sent when the call returns, or before, if it
 * waits (lines.c).  All that a guest chose is escaped to printable ASCII here and bounded by the line; the monitor looks again.
 */
#include "libos/kernel/dispatch.h"
#include "libos/trace/internal.h"

#define RESULT_COLUMN 39

void trace_add(struct trace *tr, const char *fmt, ...)
{
	u32 room = TRACE_LINE - tr->len;
	va_list ap;

	va_start(ap, fmt);
	tr->len += min((u32)vsnprintf(tr->text + tr->len, room, fmt, ap), room - 1);
	va_end(ap);
}

static void add_byte(struct trace *tr, u8 c, bool digit_follows)
{
	static const char named[] = "tnvfr";	/* from 9 on */

	if (c >= 9 && c <= 13)
		trace_add(tr, "\\%c", named[c - 9]);
	else if (c == '"' || c == '\\')
		trace_add(tr, "\\%c", c);
	else if (c >= 0x20 && c < 0x7f)
		trace_add(tr, "%c", c);
	else
		trace_add(tr, digit_follows ? "\\%03o" : "\\%o", c);
}

void trace_bytes(struct trace *tr, const char *bytes, size_t n)
{
	trace_add(tr, "\"");
	for (size_t i = 0; i < n; i++)
		add_byte(tr, bytes[i], i + 1 < n && bytes[i + 1] >= '0' && bytes[i + 1] <= '7');
	trace_add(tr, "\"");
}

static bool several_threads(void)
{
	struct process *p;
	u32 n = 0;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		n += p->thread_count;
	mutex_unlock(&tasklist_lock);
	return n > 1;
}

static void begin(struct trace *tr, struct thread *t)
{
	tr->len = 0;
	if (several_threads())
		trace_add(tr, "[pid %5d] ", t->tid);
}

void trace_send(struct trace *tr)
{
	host->debug_log(BZ_LOG_TRACE, tr->text, tr->len);
}

/* The length of the format's next word. */
static u32 word_len(const char *s)
{
	u32 n = 0;

	while (s[n] && s[n] != ' ')
		n++;
	return n;
}

static const struct trace_kind *kind_find(const char *word, u32 n)
{
	const struct { const struct trace_kind *list; u32 count; } all[] = {
		{trace_kinds, trace_kind_count}, {trace_structs, trace_struct_count}, {trace_sockets, trace_socket_count},
	};

	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		for (u32 k = 0; k < all[i].count; k++)
			if (!strncmp(all[i].list[k].word, word, n) && !all[i].list[k].word[n])
				return &all[i].list[k];
	return NULL;
}

/* A word that ends with ? belongs to an argument that may be absent, whose printer sees to its own comma. */
static void print_arg(struct trace *tr, const char *word, u32 n, const struct trace_kind *k)
{
	u64 v = tr->args[tr->arg];

	if (tr->arg && word[n - 1] != '?' && !tr->resumed)
		trace_add(tr, ", ");
	tr->resumed = false;
	if (!k)
		trace_names_print(tr, trace_names_find(word, n), v);
	else if (k->out && !k->always && (!v || tr->ret < 0))
		trace_address(tr, v);
	else
		k->print(tr, v, tr->arg);
	if (k && k->after) {
		tr->after = k;
		tr->after_arg = tr->arg;
	}
}

/* Prints up to the first argument that the call fills, or, behind the call, the rest. */
static void print_args(struct trace *tr, bool done)
{
	while (*tr->format && *tr->format != '=' && tr->arg < 6) {
		u32 n = word_len(tr->format);
		const struct trace_kind *k = kind_find(tr->format, n);

		if (k && k->out && !done)
			return;
		print_arg(tr, tr->format, n, k);
		tr->arg++;
		tr->format += n;
		while (*tr->format == ' ')
			tr->format++;
	}
}

/* Behind the call, what it overwrote is gone. */
static void look_before(struct trace *tr)
{
	const char *word = tr->format;

	for (u32 arg = 0; *word && *word != '=' && arg < 6; arg++) {
		u32 n = word_len(word);
		const struct trace_kind *k = kind_find(word, n);

		if (k && k->before)
			k->before(tr, tr->args[arg], arg);
		word += n;
		while (*word == ' ')
			word++;
	}
}

void trace_enter(struct thread *t, u64 nr, const struct syscall_entry *e, const u64 args[6])
{
	struct trace *tr = trace_line_of(t);
	const struct trace_call *call = trace_call_find(nr);

	if (!tr)
		return;
	begin(tr, t);
	tr->entry = e;
	tr->ret = 0;
	tr->arg = 0;
	tr->after = NULL;
	tr->resumed = false;
	memcpy(tr->args, args, sizeof(tr->args));
	tr->format = call ? call->format : "";
	tr->name = call ? call->name : e ? e->name : "syscall";
	if (call || e)
		trace_add(tr, "%s(", tr->name);
	look_before(tr);
	if (call)
		print_args(tr, false);
	else if (e)
		trace_prototype(tr);
	else
		trace_add(tr, "syscall_%#lx(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx", (unsigned long)nr,
			  (unsigned long)args[0], (unsigned long)args[1], (unsigned long)args[2], (unsigned long)args[3],
			  (unsigned long)args[4], (unsigned long)args[5]);
	trace_line_open(tr);
}

/* A comma stands before an argument that is to come, unless that is one which may be absent. */
static bool comma_pending(const struct trace *tr)
{
	return tr->arg && *tr->format && *tr->format != '=' && tr->format[word_len(tr->format) - 1] != '?';
}

void trace_unfinished(struct trace *tr)
{
	trace_add(tr, "%s <unfinished ...>", comma_pending(tr) ? ", " : "");
}

static void resume(struct trace *tr, struct thread *t)
{
	tr->resumed = comma_pending(tr);
	begin(tr, t);
	trace_add(tr, "<... %s resumed>", tr->name);
}

static void close_args(struct trace *tr)
{
	trace_add(tr, ")");
	while (tr->len < RESULT_COLUMN)
		trace_add(tr, " ");
	trace_add(tr, " = ");
}

static void add_result(struct trace *tr, long ret)
{
	const char *as = tr->format;

	if (ret < 0 && ret > -4096 && errno_restarts(-ret))
		trace_add(tr, "? %s (%s)", errno_name(-ret), errno_text(-ret));
	else if (ret < 0 && ret > -4096)
		trace_add(tr, "-1 %s (%s)", errno_name(-ret), errno_text(-ret));
	else if (!strcmp(as, "=hex"))
		trace_address(tr, ret);
	else if (!strcmp(as, "=oct"))
		trace_add(tr, "%#03lo", (unsigned long)ret);
	else
		trace_add(tr, "%ld", ret);
}

void trace_leave(struct thread *t, long ret)
{
	struct trace *tr = t->trace;
	bool told;

	if (!tr || !trace_line_close(tr, &told))
		return;
	if (told)
		resume(tr, t);
	tr->ret = ret;
	print_args(tr, true);
	close_args(tr);
	/* A kind whose word begins with @ prints the result itself. */
	if (!tr->after || tr->after->word[0] != '@' || ret < 0)
		add_result(tr, ret);
	if (tr->after && ret >= 0)
		tr->after->after(tr, tr->args[tr->after_arg], tr->after_arg);
	trace_send(tr);
}

void trace_signal(struct thread *t, const struct siginfo_kernel *info)
{
	struct trace *tr = trace_line_of(t);

	if (!tr)
		return;
	begin(tr, t);
	trace_add(tr, "--- ");
	trace_signal_name(tr, info->si_signo);
	trace_add(tr, " ");
	trace_siginfo(tr, info);
	trace_add(tr, " ---");
	trace_send(tr);
}

void trace_exit(struct thread *t, u32 code)
{
	struct trace *tr = trace_line_of(t);
	bool told;

	if (!tr)
		return;
	if (trace_line_close(tr, &told)) {
		if (told)
			resume(tr, t);
		close_args(tr);
		trace_add(tr, "?");
		trace_send(tr);
	}
	begin(tr, t);
	if (code & 0x7f) {
		trace_add(tr, "+++ killed by ");
		trace_signal_name(tr, code & 0x7f);
		trace_add(tr, " +++");
	} else {
		trace_add(tr, "+++ exited with %u +++", code >> 8 & 0xff);
	}
	trace_send(tr);
	trace_line_free(t);
}
