/* Words for the operator: messages on BZ_FD_LOG, one byte of level and then text.  The monitor escapes them. */
#include "host/linux/host.h"

#include <asm/signal.h>

#define LOG_MAX 32768u

void debug_log(uint32_t level, const char *text, size_t len)
{
	uint8_t byte = level;
	struct bz_iov iov[2] = {{&byte, 1}, {(void *)text, len < LOG_MAX ? len : LOG_MAX}};
	long ret;

	if (level > BZ_LOG_STOPPED)
		return;
	do
		ret = SYS(pwritev2, BZ_FD_LOG, iov, 2, -1, 0, 0);
	while (ret == -BZ_EINTR);
}

static char *append(char *p, const char *text)
{
	while (*text)
		*p++ = *text++;
	return p;
}

static char *append_number(char *p, uint64_t n)
{
	char digits[20];
	int i = 0;

	do
		digits[i++] = '0' + n % 10;
	while (n /= 10);
	while (i)
		*p++ = digits[--i];
	return p;
}

/* Lines "host NAME COUNT", with the last message that this sandbox sends. */
void log_stats(void)
{
	static const char *const names[] = {
#define NAME(name, nr, why) #name,
		HOST_CALLS(NAME) HOST_CALLS_GRANTED(NAME)
#undef NAME
	};
	char text[HOST_CALL_COUNT * 48], *p = text;

	if (!host_stats)
		return;
	/* What is still to come: this message, BZ_REQ_EXIT, the template's end. */
	host_stats->calls[HOST_CALL_pwritev2] += 2;
	host_stats->calls[HOST_CALL_exit]++;
	for (int i = 0; i < HOST_CALL_COUNT; i++) {
		if (!host_stats->calls[i])
			continue;
		p = append(p, "host ");
		p = append(p, names[i]);
		p = append(p, " ");
		p = append_number(p, host_stats->calls[i]);
		p = append(p, "\n");
	}
	debug_log(BZ_LOG_STATS, text, p - text);
}

void host_die(const char *text)
{
	control_equip(); /* the way to say it is among that */
	debug_log(BZ_LOG_PANIC, text, strlen(text));
	if (host.start && !host.is_template) {
		__atomic_store_n(&sandbox->broken, 1, __ATOMIC_SEQ_CST);
		SYS(tgkill, sandbox->template_tid, sandbox->template_tid, HOST_SIGNAL_TEMPLATE);
	}
	/* The template cannot be killed from inside its own pid namespace, but it has one thread and can end. */
	for (;;) {
		if (host.pid && !host.is_template)
			SYS(tgkill, host.pid, host.pid, SIGKILL);
		SYS(exit, 125);
	}
}
