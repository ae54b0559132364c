/*
 * The host layer's rules, and the generator.  The program looks at the architecture, then from where the call comes: one that
 * is not made in the host layer's text is a guest's, and traps.  Then it finds the call's number in a balanced tree, and
 * checks arguments.
 */
#include "monitor/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/eventpoll.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "abi/bartizan_wire.h"
#include "host/linux/calls.h"

#define X32_BIT 0x40000000u

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
#define MAP_HARMLESS (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE | MAP_POPULATE | MAP_STACK)

static const int advices[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE,
			       MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
			       MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ,
			       MADV_POPULATE_WRITE, -1 };

#define BOTH(op) op, op | FUTEX_PRIVATE_FLAG
static const int futex_ops[] = { BOTH(FUTEX_WAIT), BOTH(FUTEX_WAKE), BOTH(FUTEX_CMP_REQUEUE),
				 BOTH(FUTEX_WAIT_BITSET), BOTH(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME),
				 BOTH(FUTEX_WAKE_BITSET), -1 };

static const int signals[] = { 0, 9 /* SIGKILL */, HOST_SIGNAL_INTERRUPT, HOST_SIGNAL_TEMPLATE, -1 };
static const int clocks[] = { BZ_CLOCK_PROCESS_CPU, BZ_CLOCK_THREAD_CPU, -1 };
static const int hows[] = { 0, 1, 2, -1 };
/* host/linux/options.c names them; what they are set to cannot do harm. */
static const int socket_options[] = { SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_LINGER, SO_RCVLOWAT, -1 };
static const int tcp_options[] = { TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_DEFER_ACCEPT,
				   TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_USER_TIMEOUT, TCP_NOTSENT_LOWAT, -1 };
static const int asked_of_socket[] = { SO_ERROR, SO_SNDBUF, SO_RCVBUF, -1 };
static const int asked_of_tcp[] = { TCP_INFO, TCP_MAXSEG, -1 };
#define OPENED { INT_ABOVE, 0, BZ_FD_LIBOS }
static const int epoll_ops[] = { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, -1 };

/* Sorted by number. */
static const struct filter_rule base[] = {
	{ HOST_NR_close, .words = NULL },
	{ HOST_NR_mmap, .words = "private: no lock, no huge pages, no growing stack",
	  .checks = { { LONG_SUBSET, 2, PROT_ALL },
		      { LONG_SUBSET, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HARMLESS },
		      { LONG_BITS, 3, MAP_PRIVATE, MAP_TYPE } } },
	{ HOST_NR_mmap, .words = "or shared, of a descriptor: never shared and anonymous",
	  .checks = { { LONG_SUBSET, 2, PROT_ALL },
		      { LONG_SUBSET, 3, MAP_SHARED | MAP_HARMLESS },
		      { LONG_BITS, 3, MAP_SHARED, MAP_TYPE } } },
	{ HOST_NR_mprotect, .words = "read, write, execute and nothing else", .checks = { { LONG_SUBSET, 2, PROT_ALL } } },
	{ HOST_NR_munmap, .words = NULL },
	{ HOST_NR_rt_sigreturn, .words = NULL },
	{ HOST_NR_pread64, .words = NULL },
	{ HOST_NR_sched_yield, .words = NULL },
	{ HOST_NR_mremap, .words = "MAYMOVE, FIXED, DONTUNMAP",
	  .checks = { { LONG_SUBSET, 3, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP } } },
	{ HOST_NR_madvise, .words = "advice by list: never MERGEABLE, HWPOISON, SOFT_OFFLINE, COLLAPSE",
	  .checks = { { INT_ONE_OF, 2, .list = advices } } },
	{ HOST_NR_sendto, .network = true, .words = "of streams that were opened; no address, OOB, MORE, DONTWAIT, NOSIGNAL: never FASTOPEN",
	  .checks = { OPENED, { INT_SUBSET, 3, MSG_OOB | MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL }, { LONG_EQ, 4, 0 } } },
	{ HOST_NR_recvfrom, .network = true, .words = "of streams that were opened; no address, OOB, PEEK, TRUNC, DONTWAIT",
	  .checks = { OPENED, { INT_SUBSET, 3, MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT }, { LONG_EQ, 4, 0 } } },
	{ HOST_NR_recvmsg, .words = "the control channel alone, no flags or DONTWAIT",
	  .checks = { { INT_EQ, 0, BZ_FD_CONTROL }, { INT_SUBSET, 2, MSG_DONTWAIT } } },
	{ HOST_NR_shutdown, .network = true, .words = "of streams that were opened, not of those that every sandbox has",
	  .checks = { { INT_ABOVE, 0, BZ_FD_LIBOS }, { INT_ONE_OF, 1, .list = hows } } },
	{ HOST_NR_setsockopt, .network = true, .words = "of streams that were opened: buffers, KEEPALIVE, OOBINLINE, LINGER, RCVLOWAT",
	  .checks = { OPENED, { INT_EQ, 1, SOL_SOCKET }, { INT_ONE_OF, 2, .list = socket_options } } },
	{ HOST_NR_setsockopt, .network = true, .words = "or options of TCP by list: never ULP, CONGESTION, REPAIR, MD5SIG, FASTOPEN",
	  .checks = { OPENED, { INT_EQ, 1, IPPROTO_TCP }, { INT_ONE_OF, 2, .list = tcp_options } } },
	{ HOST_NR_setsockopt, .network = true, .words = "or IP_TOS",
	  .checks = { OPENED, { INT_EQ, 1, IPPROTO_IP }, { INT_EQ, 2, IP_TOS } } },
	{ HOST_NR_setsockopt, .network = true, .words = "or IPV6_TCLASS",
	  .checks = { OPENED, { INT_EQ, 1, IPPROTO_IPV6 }, { INT_EQ, 2, IPV6_TCLASS } } },
	{ HOST_NR_getsockopt, .network = true, .words = "of streams that were opened: ERROR, SNDBUF, RCVBUF",
	  .checks = { OPENED, { INT_EQ, 1, SOL_SOCKET }, { INT_ONE_OF, 2, .list = asked_of_socket } } },
	{ HOST_NR_getsockopt, .network = true, .words = "or TCP_INFO, TCP_MAXSEG",
	  .checks = { OPENED, { INT_EQ, 1, IPPROTO_TCP }, { INT_ONE_OF, 2, .list = asked_of_tcp } } },
	{ HOST_NR_clone, .words = "exact flags: a thread", .checks = { { LONG_EQ, 0, HOST_CLONE_THREAD } } },
	{ HOST_NR_clone, .words = "or a picoprocess cloned by another", .checks = { { LONG_EQ, 0, HOST_CLONE_PROCESS } } },
	{ HOST_NR_clone, .words = "or one cloned by the template", .checks = { { LONG_EQ, 0, HOST_CLONE_CREATE } } },
	{ HOST_NR_exit, .words = NULL },
	{ HOST_NR_prctl, .orphans = true, .words = "SIGKILL when the template dies",
	  .checks = { { INT_EQ, 0, PR_SET_PDEATHSIG }, { LONG_EQ, 1, SIGKILL } } },
	{ HOST_NR_futex, .words = "WAIT, WAKE, their BITSET forms, CMP_REQUEUE",
	  .checks = { { INT_ONE_OF, 1, .list = futex_ops } } },
	{ HOST_NR_restart_syscall, .words = NULL },
	{ HOST_NR_clock_gettime, .words = "the caller's own processor time",
	  .checks = { { INT_ONE_OF, 0, .list = clocks } } },
	{ HOST_NR_clock_gettime, .namespace = true, .words = "or that of another process of the sandbox",
	  .checks = { { LONG_BITS, 0, 0x80000002, 0x80000007 } } },
	{ HOST_NR_epoll_ctl, .words = "add, remove, change", .checks = { { INT_ONE_OF, 1, .list = epoll_ops } } },
	{ HOST_NR_tgkill, .words = "no signal (a probe), SIGUSR1 (interrupt), SIGCHLD (wake the template), SIGKILL",
	  .checks = { { INT_ONE_OF, 2, .list = signals } } },
	{ HOST_NR_accept4, .accept = true, .words = "no flags", .checks = { { INT_EQ, 3, 0 } } },
	{ HOST_NR_preadv2, .words = "no flags", .checks = { { INT_EQ, 5, 0 } } },
	{ HOST_NR_preadv2, .words = "or NOWAIT, without an offset and not on the image (it tells what is cached)",
	  .checks = { { INT_EQ, 5, RWF_NOWAIT }, { LONG_EQ, 3, ~0ull }, { INT_NE, 0, BZ_FD_IMAGE } } },
	{ HOST_NR_pwritev2, .words = "DSYNC, SYNC, APPEND", .checks = { { INT_SUBSET, 5, RWF_DSYNC | RWF_SYNC | RWF_APPEND } } },
	{ HOST_NR_pwritev2, .words = "and NOWAIT without an offset",
	  .checks = { { INT_SUBSET, 5, RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOWAIT }, { LONG_EQ, 3, ~0ull } } },
	{ HOST_NR_epoll_pwait2, .words = "no signal mask", .checks = { { LONG_EQ, 4, 0 } } },
};
#define RULES (sizeof(base) / sizeof(base[0]))

/* ------------------------------------------------------------------------------------------------------
 * Code
 */
struct program {
	const struct filter_options *options;
	const struct filter_rule *rules;
	size_t rule_count;
	struct sock_filter *code;
	size_t n, max;
	bool full;
};

static void emit(struct program *p, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->n == p->max) {
		p->full = true;
		return;
	}
	p->code[p->n++] = (struct sock_filter){ op, jt, jf, k };
}

static void emit_return(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

static void emit_load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static size_t arg_low(int arg)
{
	return offsetof(struct seccomp_data, args) + 8 * arg;
}

static uint32_t unlisted(const struct program *p)
{
	return p->options->notify ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_KILL_PROCESS;
}

/* Marks of jumps whose target, the rule's end, is not known yet. */
#define TO_NEXT 255

static void emit_high_zero_or(struct program *p, int arg, uint32_t value)
{
	emit_load(p, arg_low(arg) + 4);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, TO_NEXT);
}

/* Goes on if the check holds, else to the next rule. */
static void emit_check(struct program *p, const struct filter_check *c)
{
	int n = 0;

	switch (c->op) {
	case CHECK_END:
		return;
	case INT_EQ:
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->value, 0, TO_NEXT);
		return;
	case INT_NE:
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->value, TO_NEXT, 0);
		return;
	case INT_ABOVE:
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JGT | BPF_K, c->value, 0, TO_NEXT);
		return;
	case INT_SUBSET:
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JSET | BPF_K, ~(uint32_t)c->value, TO_NEXT, 0);
		return;
	case INT_ONE_OF:
		emit_load(p, arg_low(c->arg));
		while (c->list[n] >= 0)
			n++;
		for (int i = 0; i < n; i++)
			emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->list[i], n - 1 - i, i == n - 1 ? TO_NEXT : 0);
		return;
	case LONG_EQ:
		emit_high_zero_or(p, c->arg, c->value >> 32);
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->value, 0, TO_NEXT);
		return;
	case LONG_SUBSET:
		emit_high_zero_or(p, c->arg, 0);
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JSET | BPF_K, ~(uint32_t)c->value, TO_NEXT, 0);
		return;
	case INT_LE:
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JGT | BPF_K, c->value, TO_NEXT, 0);
		return;
	case LONG_LE:
		emit_load(p, arg_low(c->arg) + 4);
		emit(p, BPF_JMP | BPF_JGT | BPF_K, c->value >> 32, TO_NEXT, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->value >> 32, 0, 2);
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_JMP | BPF_JGT | BPF_K, c->value, TO_NEXT, 0);
		return;
	case LONG_BITS:
		emit_load(p, arg_low(c->arg));
		emit(p, BPF_ALU | BPF_AND | BPF_K, c->mask, 0, 0);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, c->value, 0, TO_NEXT);
		return;
	}
}

static void emit_rule(struct program *p, const struct filter_rule *rule)
{
	size_t start = p->n, end;

	for (int i = 0; i < FILTER_CHECKS_MAX && rule->checks[i].op != CHECK_END; i++)
		emit_check(p, &rule->checks[i]);
	emit_return(p, rule->action ? rule->action : SECCOMP_RET_ALLOW);
	end = p->n;
	for (size_t i = start; i < end; i++) {
		struct sock_filter *f = &p->code[i];

		if (BPF_CLASS(f->code) != BPF_JMP)
			continue;
		if (f->jt == TO_NEXT)
			f->jt = end - i - 1;
		if (f->jf == TO_NEXT)
			f->jf = end - i - 1;
	}
}

static bool rule_in_force(const struct filter_options *options, const struct filter_rule *rule)
{
	return (!rule->accept || options->accept) && (!rule->network || options->network) &&
	       (!rule->orphans || options->orphans) && (!rule->namespace || !options->orphans);
}

/* The rules from `first` on that are for one call: the index of the last. */
static size_t group_end(const struct filter_rule *rules, size_t count, size_t first)
{
	while (first + 1 < count && rules[first + 1].nr == rules[first].nr)
		first++;
	return first;
}

static void emit_leaf(struct program *p, size_t first)
{
	const size_t last = group_end(p->rules, p->rule_count, first);
	const struct filter_rule *rules = p->rules;

	emit(p, BPF_JMP | BPF_JEQ | BPF_K, rules[first].nr, 1, 0);
	emit_return(p, unlisted(p));
	for (size_t i = first; i <= last; i++)
		if (rule_in_force(p->options, &rules[i]))
			emit_rule(p, &rules[i]);
	if (rules[last].checks[0].op != CHECK_END || !rule_in_force(p->options, &rules[last]))
		emit_return(p, unlisted(p));
}

/* A balanced tree over `count` calls: `starts` has the first rule of each. */
static void emit_tree(struct program *p, const size_t *starts, size_t count)
{
	size_t half = count / 2, node = p->n, left;

	if (count == 1) {
		emit_leaf(p, starts[0]);
		return;
	}
	emit(p, BPF_JMP | BPF_JGE | BPF_K, p->rules[starts[half]].nr, 0, 1);
	emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_tree(p, starts, half);
	left = p->n;
	emit_tree(p, starts + half, count - half);
	if (!p->full)
		p->code[node + 1].k = left - (node + 1) - 1;
}

_Static_assert((uint32_t)HOST_TEXT_BASE == 0 && !(HOST_TEXT_SIZE & (HOST_TEXT_SIZE - 1)), "emit_caller");

/* The guest's own `syscall` instructions, and the vsyscall page, are the library OS's business. */
static void emit_caller(struct program *p)
{
	const size_t ip = offsetof(struct seccomp_data, instruction_pointer);

	emit_load(p, ip + 4);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, HOST_TEXT_BASE >> 32, 0, 2);
	emit_load(p, ip);
	emit(p, BPF_JMP | BPF_JGE | BPF_K, HOST_TEXT_SIZE, 0, 1);
	emit_return(p, SECCOMP_RET_TRAP);
}

int filter_build(const struct filter_options *options, struct sock_filter *out, size_t max)
{
	const bool own = options->rules != NULL;
	struct program p = { .options = options, .code = out, .max = max,
			     .rules = own ? options->rules : base, .rule_count = own ? options->rule_count : RULES };
	size_t starts[FILTER_CALLS_MAX], count = 0;

	for (size_t i = 0; i < p.rule_count; i = group_end(p.rules, p.rule_count, i) + 1) {
		if (count == FILTER_CALLS_MAX)
			return -ENOSPC;
		starts[count++] = i;
	}
	/* int 0x80 and sysenter: the host layer makes a SIGSEGV for the guest of it. */
	emit_load(&p, offsetof(struct seccomp_data, arch));
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit_return(&p, own ? unlisted(&p) : SECCOMP_RET_TRAP);
	if (!own)
		emit_caller(&p);
	emit_load(&p, offsetof(struct seccomp_data, nr));
	emit(&p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	emit_return(&p, own ? unlisted(&p) : SECCOMP_RET_ERRNO | ENOSYS);
	emit_tree(&p, starts, count);
	return p.full ? -ENOSPC : (int)p.n;
}
