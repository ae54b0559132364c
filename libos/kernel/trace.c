/*
 * --trace: a line a system call, in strace's manner, from the text of the handler's prototype.  A parameter's type
 * says how it is printed: `const char *` a string, other pointers an address, sizes decimal, flags hexadecimal.
 */
#include "libos/kernel/dispatch.h"
#include "libos/proc/proc.h"

#define LINE 480
#define STRING_MAX 64

struct line {
	char text[LINE];
	u32 len;
};

static void add_text(struct line *l, const char *s, u32 n)
{
	n = min(n, (u32)LINE - 1 - l->len);
	memcpy(l->text + l->len, s, n);
	l->len += n;
	l->text[l->len] = 0;
}

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	l->len += min((u32)vsnprintf(l->text + l->len, LINE - l->len, fmt, ap), (u32)LINE - 1 - l->len);
	va_end(ap);
}

static void add_quoted(struct line *l, u64 addr, size_t max, bool counted)
{
	char buf[STRING_MAX + 1];
	long n;

	if (!addr) {
		add(l, "NULL");
		return;
	}
	max = min(max, (size_t)STRING_MAX);
	if (counted) {
		n = copy_from_user(buf, (void *)addr, max) ? -EFAULT : (long)max;
	} else {
		n = strncpy_from_user(buf, (char *)addr, sizeof(buf));
		if (n == -ENAMETOOLONG)
			n = STRING_MAX;
	}
	if (n < 0) {
		add(l, "%#lx", (unsigned long)addr);
		return;
	}
	add(l, "\"");
	for (long i = 0; i < n; i++) {
		u8 c = buf[i];

		if (c == '\n')
			add(l, "\\n");
		else if (c == '"' || c == '\\')
			add(l, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			add(l, "%c", c);
		else
			add(l, "\\%o", c);
	}
	add(l, n == STRING_MAX ? "\"..." : "\"");
}

static bool contains(const char *s, u32 n, const char *word)
{
	u32 w = strlen(word);

	for (u32 i = 0; i + w <= n; i++)
		if (!strncmp(s + i, word, w))
			return true;
	return false;
}

static void add_arg(struct line *l, const char *decl, u32 n, const u64 args[6], u32 i, long ret)
{
	u64 v = args[i];

	if (contains(decl, n, "char *") && contains(decl, n, "const"))
		add_quoted(l, v, STRING_MAX, false);
	else if (contains(decl, n, "void *buf") && i < 5)
		add_quoted(l, v, contains(decl, n, "const") ? args[i + 1] : ret > 0 ? (u64)ret : 0, true);
	else if (contains(decl, n, "*") || contains(decl, n, "flags") || contains(decl, n, "prot") ||
		 contains(decl, n, "addr"))
		add(l, v ? "%#lx" : "NULL", (unsigned long)v);
	else if (contains(decl, n, "mode"))
		add(l, "%#o", (unsigned int)v);
	else if (contains(decl, n, "dirfd") && (int)v == -100)
		add(l, "AT_FDCWD");
	else if (contains(decl, n, "int "))
		add(l, "%d", (int)v);
	else
		add(l, "%ld", (long)v);
}

void trace_call(struct thread *t, const struct syscall_entry *e, const u64 args[6], long ret)
{
	struct line *l = kmalloc(sizeof(*l));
	const char *p = e->prototype;

	if (!l)
		return;
	l->len = 0;
	if (e->name)
		add(l, "[%d] %s(", t->tid, e->name);
	else
		add(l, "[%d] syscall_%u(", t->tid, e->nr);
	for (u32 i = 0; i < 6 && *p && strcmp(p, "void"); i++) {
		u32 n = 0;

		while (p[n] && p[n] != ',')
			n++;
		if (i)
			add(l, ", ");
		add_arg(l, p, n, args, i, ret);
		p += n;
		while (*p == ',' || *p == ' ')
			p++;
	}
	if (ret < 0 && ret > -4096)
		add(l, ") = -1 %s", errno_name(-ret));
	else if (ret >= 0x10000)
		add(l, ") = %#lx", (unsigned long)ret);
	else
		add(l, ") = %ld", ret);
	add_text(l, "", 0);
	host->debug_log(BZ_LOG_TRACE, l->text, l->len);
	kfree(l);
}
