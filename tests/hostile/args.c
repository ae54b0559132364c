/*
 * The argument checks of every listed call, made by guest code that jumps into the host layer's text: what is just within
 * passes the filter (whatever the kernel then says), what is one bit or one value beyond is stopped.
 */
#include "tests/hostile/guest.h"

#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>

#include "abi/bartizan_wire.h"
#include "host/linux/calls.h"

#define PROBES 4096

struct probe {
	struct call call;
	bool stopped; /* expected */
	char pad[7];
};
struct work {
	uint32_t *done;
	uint64_t gadget;
	struct probe *probes;
	uint64_t count;
};
static struct probe probes[PROBES];
static struct work work = {.done = &done, .probes = probes};

static void add(bool stopped, long nr, long a, long b, long c, long d, long e, long f)
{
	if (work.count == PROBES) {
		say("FAIL too many probes");
		return;
	}
	probes[work.count++] = (struct probe){{nr, {a, b, c, d, e, f}, 0}, stopped, {0}};
}

/* Each of 64 bits of argument `arg` is flipped in turn: a bit of `may` (or of the ignored high half of an int) passes. */
static void flip_bits(const struct call *c, int arg, uint64_t may, bool is_int)
{
	for (int bit = 0; bit < 64; bit++) {
		struct call f = *c;
		bool passes = (may >> bit & 1) || (is_int && bit >= 32);

		f.args[arg] ^= 1l << bit;
		add(!passes, f.nr, f.args[0], f.args[1], f.args[2], f.args[3], f.args[4], f.args[5]);
	}
}

static void add_and_flip(long nr, int arg, uint64_t may, bool is_int, long a, long b, long c, long d, long e, long f)
{
	struct call call = {nr, {a, b, c, d, e, f}, 0};

	add(false, nr, a, b, c, d, e, f);
	flip_bits(&call, arg, may, is_int);
}

static bool in_list(const int *list, size_t n, int v)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == v)
			return true;
	return false;
}
#define IN(list, v) in_list(list, sizeof(list) / sizeof((list)[0]), v)

static void memory_calls(void)
{
	const long anon = MAP_PRIVATE | MAP_ANONYMOUS;
	const uint64_t harmless = MAP_NORESERVE | MAP_POPULATE | MAP_STACK | MAP_FIXED | MAP_FIXED_NOREPLACE;
	static const int advices[] = {0, 1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 18, 19, 20, 21, 22, 23};

	/* Length 0: refused by the kernel behind the filter, so that nothing is mapped. */
	add_and_flip(HOST_NR_mmap, 2, 7, false, 0, 0, 0, anon, -1, 0);
	add_and_flip(HOST_NR_mmap, 3, harmless | MAP_ANONYMOUS, false, 0, 0, 3, anon, -1, 0);
	add_and_flip(HOST_NR_mmap, 3, harmless, false, 0, 0, 3, MAP_SHARED, 1, 0);
	add(true, HOST_NR_mmap, 0, 0, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	add(true, HOST_NR_mmap, 0, 0, 3, MAP_SHARED_VALIDATE, 1, 0);
	add(true, HOST_NR_mmap, 0, 0, 3, MAP_ANONYMOUS, -1, 0);
	add_and_flip(HOST_NR_mprotect, 2, 7, false, 0, 0, 0, 0, 0, 0);
	add_and_flip(HOST_NR_mremap, 3, 7, false, 0x1000, 0, 0, MREMAP_MAYMOVE, 0, 0);
	add(true, HOST_NR_mremap, 0x1000, 0, 0, 8, 0, 0);
	for (int advice = -1; advice < 120; advice++)
		add(!IN(advices, advice), HOST_NR_madvise, 1, 0, advice, 0, 0, 0);
}

static void thread_calls(void)
{
	static const unsigned long words[] = {HOST_CLONE_THREAD, HOST_CLONE_PROCESS, HOST_CLONE_CREATE};
	static const int signals[] = {0, 9, HOST_SIGNAL_INTERRUPT, HOST_SIGNAL_TEMPLATE};

	for (size_t i = 0; i < 3; i++) {
		add(false, HOST_NR_clone, words[i], 0, 0, 0, 0, 0);
		for (int bit = 0; bit < 64; bit++) {
			unsigned long flags = words[i] ^ 1ul << bit;

			if (flags != words[0] && flags != words[1] && flags != words[2])
				add(true, HOST_NR_clone, flags, 0, 0, 0, 0, 0);
		}
	}
	add(true, HOST_NR_clone, 17, 0, 0, 0, 0, 0);
	add(true, HOST_NR_clone, 0, 0, 0, 0, 0, 0);
	/* Thread group -1 does not exist: no one gets a signal. */
	for (int sig = -1; sig <= 65; sig++)
		add(!IN(signals, sig), HOST_NR_tgkill, -1, -1, sig, 0, 0, 0);
	/* Where there is no pid namespace; the boot block of this test names none. */
	add_and_flip(HOST_NR_prctl, 0, 0, true, PR_SET_PDEATHSIG, 9 /* SIGKILL */, 0, 0, 0, 0);
	add_and_flip(HOST_NR_prctl, 1, 0, false, PR_SET_PDEATHSIG, 9, 0, 0, 0, 0);
	for (int option = 0; option < 80; option++)
		add(true, HOST_NR_prctl, option, 2, HOST_TEXT_BASE, HOST_TEXT_SIZE, 0, 0);
}

static void wait_calls(void)
{
	for (int op = -1; op < 512; op++) {
		int cmd = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
		bool plain = cmd == FUTEX_WAIT || cmd == FUTEX_WAKE || cmd == FUTEX_CMP_REQUEUE ||
			     cmd == FUTEX_WAKE_BITSET;
		bool stopped = op < 0 || !(cmd == FUTEX_WAIT_BITSET || (plain && !(op & FUTEX_CLOCK_REALTIME)));

		/* At an odd address: refused behind the filter. */
		add(stopped, HOST_NR_futex, 1, op, 0, 0, 0, 0);
	}
	for (int op = -1; op < 8; op++)
		add(op < 1 || op > 3, HOST_NR_epoll_ctl, -1, op, -1, 0, 0, 0);
	add_and_flip(HOST_NR_epoll_pwait2, 4, 0, false, -1, 0, 1, 0, 0, 8);
	for (int clock = -1; clock < 20; clock++)
		add(clock != 2 && clock != 3, HOST_NR_clock_gettime, clock, 0, 0, 0, 0, 0);
	/* The processor time of other processes and threads: ~pid << 3 and the kind. */
	for (int pid = 0; pid < 8; pid++)
		for (int kind = 0; kind < 8; kind++)
			add(true, HOST_NR_clock_gettime, ~pid << 3 | kind, 0, 0, 0, 0, 0);
}

static void stream_calls(void)
{
	const int sync = RWF_SYNC | RWF_DSYNC | RWF_APPEND;

	/* Descriptor -1 does not exist. */
	for (int flags = -1; flags < 1024; flags++) {
		add(flags != 0, HOST_NR_preadv2, -1, 0, 0, 0, 0, flags);
		add(flags != 0 && flags != RWF_NOWAIT, HOST_NR_preadv2, -1, 0, 0, -1, 0, flags);
	}
	add(true, HOST_NR_preadv2, BZ_FD_IMAGE, 0, 0, -1, 0, RWF_NOWAIT);
	add(true, HOST_NR_preadv2, -1, 0, 0, -2, 0, RWF_NOWAIT);
	add(true, HOST_NR_preadv2, -1, 0, 0, 0xffffffff, 0, RWF_NOWAIT);
	for (int bit = 0; bit < 32; bit++) {
		bool listed = sync >> bit & 1;

		add(!listed, HOST_NR_pwritev2, -1, 0, 0, 0, 0, 1 << bit);
		add(!listed && 1 << bit != RWF_NOWAIT, HOST_NR_pwritev2, -1, 0, 0, -1, 0, 1 << bit);
		add(!listed && 1 << bit != RWF_NOWAIT, HOST_NR_pwritev2, -1, 0, 0, -1, 0, sync | 1 << bit);
	}
	for (int fd = -1; fd < 64; fd++)
		if (fd != BZ_FD_CONTROL)
			add(true, HOST_NR_recvmsg, fd, 0, 0, 0, 0, 0);
	for (int bit = 0; bit < 32; bit++)
		add(bit != 6 /* MSG_DONTWAIT */, HOST_NR_recvmsg, BZ_FD_CONTROL, 1, 1 << bit, 0, 0, 0);
}

/* Without a grant of the network none of them passes, with any argument that would do. */
static void no_network_calls(void)
{
	for (int fd = -1; fd < 16; fd++) {
		add(true, HOST_NR_accept4, fd, 0, 0, 0, 0, 0);
		add(true, HOST_NR_shutdown, fd, 1, 0, 0, 0, 0);
		add(true, HOST_NR_sendto, fd, 0, 0, 0, 0, 0);
		add(true, HOST_NR_recvfrom, fd, 0, 0, 0, 0, 0);
		add(true, HOST_NR_setsockopt, fd, 6, 1, 0, 4, 0);
		add(true, HOST_NR_getsockopt, fd, 6, 11, 0, 0, 0);
	}
}

/* With one: streams that were opened, no address, options by list.  Descriptor 99 does not exist. */
static void network_calls(void)
{
	const uint64_t send = 0xc041, receive = 0x63; /* OOB MORE DONTWAIT NOSIGNAL; OOB PEEK TRUNC DONTWAIT */

	for (int fd = 0; fd < 12; fd++) {
		add(fd <= BZ_FD_LIBOS, HOST_NR_shutdown, fd, 1, 0, 0, 0, 0);
		add(fd <= BZ_FD_LIBOS, HOST_NR_sendto, fd, 0, 0, 0x40, 0, 0);
		add(fd <= BZ_FD_LIBOS, HOST_NR_recvfrom, fd, 0, 0, 0x40, 0, 0);
		add(fd <= BZ_FD_LIBOS, HOST_NR_setsockopt, fd, 6, 1, 0, 4, 0);
		add(fd <= BZ_FD_LIBOS, HOST_NR_getsockopt, fd, 6, 11, 0, 0, 0);
	}
	add_and_flip(HOST_NR_accept4, 3, 0, true, 99, 0, 0, 0, 0, 0);
	add_and_flip(HOST_NR_shutdown, 1, 3, true, 99, 0, 0, 0, 0, 0);
	add_and_flip(HOST_NR_sendto, 3, send, true, 99, 0, 0, 0, 0, 0);
	add_and_flip(HOST_NR_sendto, 4, 0, false, 99, 0, 0, 0, 0, 0);
	add_and_flip(HOST_NR_recvfrom, 3, receive, true, 99, 0, 0, 0, 0, 0);
	add_and_flip(HOST_NR_recvfrom, 4, 0, false, 99, 0, 0, 0, 0, 0);
	for (int level = -1; level < 300; level++)
		for (int name = -1; name < (level == 1 || level == 6 || level == 0 || level == 41 ? 128 : 2); name++) {
			/* SO_SNDBUF RCVBUF KEEPALIVE OOBINLINE LINGER RCVLOWAT; see tcp(7); IP_TOS; IPV6_TCLASS */
			bool set = (level == 1 && (name == 7 || name == 8 || name == 9 || name == 10 || name == 13 || name == 18)) ||
				   (level == 6 && ((name >= 1 && name <= 6) || name == 9 || name == 10 || name == 12 || name == 18 ||
						   name == 25)) ||
				   (level == 0 && name == 1) || (level == 41 && name == 67);
			bool get = (level == 1 && (name == 4 || name == 7 || name == 8)) || (level == 6 && (name == 2 || name == 11));

			if (work.count + 2 > PROBES)
				return;
			add(!set, HOST_NR_setsockopt, 99, level, name, 0, 4, 0);
			add(!get, HOST_NR_getsockopt, 99, level, name, 0, 0, 0);
		}
}

GUEST static void guest(uint64_t arg)
{
	struct work *w = (struct work *)arg;
	struct call wake;

	for (uint64_t i = 0; i < w->count; i++) {
		struct call *c = &w->probes[i].call;

		/* A clone of an earlier probe that ends now interrupts the wait for the listener's answer: ask again. */
		do
			c->result = guest_call(w->gadget, c);
		while (c->result == -4 && w->probes[i].stopped);
	}
	*w->done = 1;
	wake.nr = 202;
	wake.args[0] = (long)w->done;
	wake.args[1] = 1;
	wake.args[2] = 1;
	guest_call(w->gadget, &wake);
	for (;;)
		;
}

void on_thread(void *arg, struct bz_context *ctx)
{
	guest_setup();
	guest_enter(ctx, guest, (uint64_t)&work, 0);
}

static void run(const char *group, void (*fill)(void))
{
	uint64_t passed = 0;

	work.count = 0;
	fill();
	EXPECT(host->process_create(NULL) > 0);
	await_done();
	for (uint64_t i = 0; i < work.count; i++) {
		const struct call *c = &probes[i].call;

		passed += c->result != STOPPED;
		if ((c->result == STOPPED) != probes[i].stopped)
			say("FAIL %s: call %d(%lx, %lx, %lx, %lx, %lx, %lx) gave %ld", group, (int)c->nr, c->args[0],
			    c->args[1], c->args[2], c->args[3], c->args[4], c->args[5], c->result);
	}
	say("%s: %ld calls, %ld passed", group, (long)work.count, (long)passed);
}

void test_main(void)
{
	work.gadget = find_gadget();
	run("memory", memory_calls);
	run("threads", thread_calls);
	run("waiting", wait_calls);
	run("streams", stream_calls);
	if (boot->memory_limit)
		run("network", network_calls);
	else
		run("no network", no_network_calls);
}
