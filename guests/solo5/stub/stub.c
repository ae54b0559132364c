/*
 * The loader of Solo5 guests: executed as a sandbox's first process where a library OS would have the host layer.  It
 * lays the guest out in an address space that it empties first, loads the filter, and goes without a trace: when the
 * guest's first instruction runs, nothing else is mapped and no descriptor is open but the guest's own.
 *
 * Its input (struct solo5_start) was checked outside.  It reads no byte of the guest's.  The filter's listener, which a
 * filtered process cannot send, is sent by a thread that helps: it sends, waits for the monitor's go, closes what the guest
 * shall not have, and ends.  The filtered process waits for that by means that its filter has:
 * it sleeps in its own epoll set on its own timer.
 */
#include <asm/fcntl.h>
#include <asm/unistd_64.h>
#include <linux/eventpoll.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/time_types.h>

#include "guests/solo5/stub/stub.h"
#include "host/linux/message.h"

#define PAGE 4096ul
#define PAGE_DOWN(x) ((x) & -PAGE)
#define PAGE_UP(x) PAGE_DOWN((x) + PAGE - 1)
#define HUGE_PAGE (2ul << 20)
#define ADDRESSES_END 0x7ffffffff000ul /* of 47-bit address spaces */
#define HELPER_FLAGS 0x00350f00ul      /* VM FS FILES SIGHAND THREAD SYSVSEM PARENT_SETTID CHILD_CLEARTID */
#define HELPER_STACK 4096
#define SOL_SOCKET_LEVEL 1
#define SCM_RIGHTS_TYPE 1
#define TIMER_NONBLOCK 04000
#define STANDARD_CLOCK 1 /* CLOCK_MONOTONIC */
#define FIRST_POLL_NS 20000
#define LISTENER_NONE (-1)

long stub_call(long nr, long a, long b, long c, long d, long e, long f);
long stub_clone(unsigned long flags, void *stack, uint32_t *child_tid);
void stub_leave(uint64_t entry, uint64_t leave, uint64_t stack, uint64_t base, uint64_t size) __attribute__((noreturn));
void stub_main(void) __attribute__((noreturn));
void stub_helper(void) __attribute__((noreturn));

#define PICK(_1, _2, _3, _4, _5, _6, name, ...) name
#define CALL(...) CALL6(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL6(name, a, b, c, d, e, f, ...)                                                                             \
	stub_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

void *memcpy(void *to, const void *from, size_t n)
{
	void *ret = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return ret;
}

void *memset(void *to, int byte, size_t n)
{
	void *ret = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
	return ret;
}

static const struct bz_boot *const boot = (void *)SOLO5_STUB_START;
static const struct solo5_start *start;

/* What the monitor takes instead of BZ_HELLO (process.h). */
static void die(long error, const char *what) __attribute__((noreturn));
static void die(long error, const char *what)
{
	struct {
		struct bz_request head;
		char what[64];
	} report;
	size_t n = 0;

	memset(&report, 0, sizeof(report));
	report.head.mode = -error;
	while (what[n] && n < sizeof(report.what) - 1)
		n++;
	memcpy(report.what, what, n);
	CALL(write, BZ_FD_CONTROL, &report, sizeof(report));
	for (;;)
		CALL(exit_group, 125);
}

static void must(long result, const char *what)
{
	if (result < 0)
		die(result, what);
}

/* --- Memory -------------------------------------------------------------------------------------------- */

static void clear_address_space(void)
{
	must(CALL(munmap, PAGE, SOLO5_STUB_BASE - PAGE), "emptying the address space");
	must(CALL(munmap, SOLO5_STUB_BASE + SOLO5_STUB_SIZE, ADDRESSES_END - SOLO5_STUB_BASE - SOLO5_STUB_SIZE),
	     "emptying the address space");
}

static void map_start(void)
{
	must(CALL(mmap, SOLO5_STUB_START, SOLO5_STUB_START_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, BZ_FD_ARENA,
		  BZ_BOOT_OFFSET),
	     "mapping what the guest is made of");
	if (boot->magic != BZ_BOOT_MAGIC || boot->start_offset > SOLO5_STUB_START_SIZE - sizeof(*start))
		die(-22, "reading what the guest is made of");
	start = (const void *)((const char *)boot + boot->start_offset);
}

/* A huge page for the first byte of a stack or of a small image would be most of a guest's memory. */
static void small_pages(uint64_t from, uint64_t to)
{
	CALL(madvise, from, to - from, MADV_NOHUGEPAGE); /* a kernel that knows no huge pages refuses */
}

static void map_memory(void)
{
	const uint64_t size = start->memory_size, kernel = (start->kernel_end + HUGE_PAGE - 1) & -HUGE_PAGE,
		       stack = (size - 1) & -HUGE_PAGE;

	must(CALL(mmap, SOLO5_MEMORY_BASE, size - SOLO5_MEMORY_BASE, start->heap_prot,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0),
	     "mapping its memory (is vm.mmap_min_addr above 65536?)");
	small_pages(SOLO5_MEMORY_BASE, kernel < size ? kernel : size);
	if (stack > kernel)
		small_pages(stack, size);
}

static void read_all(const struct solo5_segment *s)
{
	uint64_t done = 0;
	long n;

	while (done < s->file_size) {
		n = CALL(pread64, BZ_FD_LIBOS, s->address + done, s->file_size - done,
			 boot->libos_offset + s->offset + done);
		if (n == -4)
			continue;
		if (n <= 0)
			die(n ? n : -5, "reading the image");
		done += n;
	}
}

/* Instances share the pages of the image that none writes to.  False: copy it. */
static bool map_file(const struct solo5_segment *s)
{
	const uint64_t from = PAGE_DOWN(s->address), end = s->address + s->file_size, to = PAGE_UP(end);

	if ((s->address ^ s->offset) & (PAGE - 1))
		return false;
	if (CALL(mmap, from, to - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, BZ_FD_LIBOS,
		 boot->libos_offset + PAGE_DOWN(s->offset)) < 0)
		return false;
	memset((void *)from, 0, s->address - from);
	memset((void *)end, 0, to - end);
	return true;
}

static void load_segment(const struct solo5_segment *s)
{
	static const uint8_t leave[] = SOLO5_LEAVE;

	if (!map_file(s)) {
		must(CALL(mprotect, s->begin, s->end - s->begin, PROT_READ | PROT_WRITE), "making room for the image");
		read_all(s);
	}
	if (start->leave >= s->begin && start->leave < s->end)
		memcpy((void *)start->leave, leave, sizeof(leave));
	must(CALL(mprotect, s->begin, s->end - s->begin, s->prot), "protecting the image");
}

/* --- Descriptors --------------------------------------------------------------------------------------- */

/* In order, each in its place (bartizan_wire.h); what keeps the number of one that is missing goes. */
static void take_equipment(void)
{
	struct bz_equipment equipment;
	struct {
		uint64_t len;
		int32_t level, type;
		int32_t fd[SOLO5_FD_DEVICES + SOLO5_ENTRIES_MAX];
	} rights;
	struct bz_iov in = {&equipment, sizeof(equipment)};
	struct host_msghdr message = {.iov = &in, .iov_len = 1, .control = &rights, .control_len = sizeof(rights)};
	long n;

	memset(&rights, 0, sizeof(rights));
	do
		n = CALL(recvmsg, BZ_FD_CONTROL, &message, 0);
	while (n == -4);
	if (n != sizeof(equipment) || equipment.count < BZ_FD_LIBOS || rights.len != 16 + equipment.count * sizeof(int32_t))
		die(-71, "taking its descriptors");
	for (uint32_t i = 0; i < equipment.count; i++)
		if (rights.fd[i] != (int32_t)i + 1)
			die(-71, "placing its descriptors");
	for (int fd = 1; fd <= BZ_FD_LIBOS; fd++)
		if (equipment.absent >> fd & 1)
			CALL(close, fd);
}

static void move(long fd, int to, const char *what)
{
	must(fd, what);
	must(CALL(dup2, fd, to), what);
	if (fd != to)
		CALL(close, fd);
}

static void watch(int fd, uint64_t data)
{
	struct epoll_event event = {.events = EPOLLIN, .data = data};

	must(CALL(epoll_ctl, SOLO5_FD_EPOLL, EPOLL_CTL_ADD, fd, &event), "watching a device");
}

static void make_table(void)
{
	/* For now a bell where the console will be: to write there is what the filter lets us do.  The boot file, which was
	 * there, is mapped. */
	move(CALL(eventfd2, 0, 0), SOLO5_FD_CONSOLE, "making a bell");
	move(CALL(epoll_create1, 0), SOLO5_FD_EPOLL, "making the epoll set");
	move(CALL(timerfd_create, STANDARD_CLOCK, TIMER_NONBLOCK), SOLO5_FD_TIMER, "making the timer");
	watch(SOLO5_FD_TIMER, SOLO5_TIMER_EVENT);
}

/* Late: the bell has rung, and what arrives earlier on a network would wake who waits for the helper. */
static void finish_table(void)
{
	if (CALL(fcntl, BZ_STREAM_STDOUT, F_GETFD) >= 0)
		must(CALL(dup2, BZ_STREAM_STDOUT, SOLO5_FD_CONSOLE), "placing the console");
	else
		CALL(close, SOLO5_FD_CONSOLE);
	for (uint32_t i = 0; i < start->device_count; i++)
		if (start->handles[i] >= 0)
			watch(SOLO5_FD_DEVICES + i, start->handles[i]);
}

static void close_range(long first, long last)
{
	must(CALL(close_range, first, last, 0), "closing descriptors");
}

/* --- The filter ---------------------------------------------------------------------------------------- */

static int32_t listener = LISTENER_NONE;
static uint32_t helper_alive;
static _Alignas(16) char helper_stack[HELPER_STACK];

struct cmsg_fd {
	uint64_t len;
	int32_t level, type;
	int32_t fd, pad;
};

static void timer_set(uint64_t ns)
{
	struct __kernel_itimerspec time = {.it_value = {.tv_nsec = ns}};

	CALL(timerfd_settime, SOLO5_FD_TIMER, 0, &time, 0);
}

/* Outside the filter. */
void stub_helper(void)
{
	struct bz_request hello;
	struct bz_reply go;
	uint64_t rung;
	struct bz_iov out = {&hello, sizeof(hello)};
	struct cmsg_fd rights = {20, SOL_SOCKET_LEVEL, SCM_RIGHTS_TYPE, -1, 0};
	struct host_msghdr message = {.iov = &out, .iov_len = 1};

	memset(&hello, 0, sizeof(hello));
	memset(&go, 0, sizeof(go));
	hello.op = BZ_HELLO;
	while (CALL(read, SOLO5_FD_CONSOLE, &rung, sizeof(rung)) == -4)
		;
	rights.fd = __atomic_load_n(&listener, __ATOMIC_SEQ_CST);
	if (rights.fd >= 0) {
		message.control = &rights;
		message.control_len = sizeof(rights);
	}
	CALL(sendmsg, BZ_FD_CONTROL, &message, 0);
	while (CALL(read, BZ_FD_CONTROL, &go, sizeof(go)) == -4)
		;
	if (go.result != BZ_GO)
		CALL(exit_group, 125); /* the monitor has gone */
	finish_table();
	close_range(0, 0);
	close_range(SOLO5_FD_TIMER + 1, SOLO5_FD_DEVICES - 1);
	close_range(SOLO5_FD_DEVICES + start->device_count, -1l);
	timer_set(1);
	for (;;)
		CALL(exit, 0);
}

static void filter_load(void)
{
	struct sock_fprog program = {boot->filter_count, (struct sock_filter *)((char *)boot + boot->filter_offset)};
	const bool notify = boot->flags & BZ_BOOT_NOTIFY;
	const uint64_t ring = 1;
	long fd;

	must(stub_clone(HELPER_FLAGS, helper_stack + HELPER_STACK, &helper_alive), "making a helper");
	must(CALL(prctl, PR_SET_NO_NEW_PRIVS, 1), "setting no_new_privs");
	fd = CALL(seccomp, SECCOMP_SET_MODE_FILTER, notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
	must(fd, "loading the filter");
	__atomic_store_n(&listener, notify ? (int32_t)fd : LISTENER_NONE, __ATOMIC_SEQ_CST);
	CALL(write, SOLO5_FD_CONSOLE, &ring, sizeof(ring));
}

/* Within the filter: its only calls are the guest's. */
static void await_helper(void)
{
	struct epoll_event event;

	while (__atomic_load_n(&helper_alive, __ATOMIC_SEQ_CST)) {
		CALL(epoll_pwait, SOLO5_FD_EPOLL, &event, 1, -1);
		if (!__atomic_load_n(&helper_alive, __ATOMIC_SEQ_CST))
			break;
		timer_set(FIRST_POLL_NS); /* it has only to end */
	}
	timer_set(0);
}

void stub_main(void)
{
	clear_address_space();
	take_equipment();
	map_start();
	map_memory();
	for (uint32_t i = 0; i < start->segment_count; i++)
		load_segment(&start->segments[i]);
	memcpy((void *)SOLO5_BOOT_BASE, start->boot, start->boot_size);
	make_table();
	filter_load();
	await_helper();
	stub_leave(start->entry, start->leave, start->memory_size - 8, SOLO5_STUB_BASE, SOLO5_STUB_SIZE);
}
