/*
 * Every host system call that a picoprocess may make once its filter is in force, with the reason for each.
 * This table is the only list: the host layer numbers its counters by it, the filter generator
 * (monitor/filter.c) takes its rules from it, and docs/host-calls.md explains it.
 */
#ifndef HOST_LINUX_CALLS_H
#define HOST_LINUX_CALLS_H

#include "abi/bartizan_abi.h"

/* X(name, number on x86-64, why it is there) */
#define HOST_CALLS(X)                                                                                        \
	X(close, 3, "give up a stream")                                                                      \
	X(mmap, 9, "private memory, streams and the arena at exact addresses")                               \
	X(mprotect, 10, "protections of guest memory")                                                       \
	X(munmap, 11, "unmap guest memory")                                                                  \
	X(rt_sigreturn, 15, "leave a fault or interrupt handler; set a new thread's alternate stack")        \
	X(pread64, 17, "data in at an offset: of files, and preadv2's vector costs a fifth of a short read")       \
	X(sched_yield, 24, "hand the processor over; a spin without it costs a time slice")                  \
	X(mremap, 25, "move pages instead of copying them")                                                  \
	X(madvise, 28, "give pages back, populate, punch the arena")                                         \
	X(recvmsg, 47, "replies of the monitor, with descriptors; on the control channel only")              \
	X(clone, 56, "threads and picoprocesses, by exact flag words")                                       \
	X(exit, 60, "end a thread, and the template")                                                        \
	X(futex, 202, "wait and wake")                                                                       \
	X(restart_syscall, 219, "the kernel resumes a timed wait with it after SIGSTOP and SIGCONT")         \
	X(clock_gettime, 228, "processor time of a thread or process of the sandbox; the vDSO has the rest")     \
	X(epoll_ctl, 233, "wait sets")                                                                       \
	X(tgkill, 234, "interrupt or probe a thread; end the calling picoprocess")                           \
	X(preadv2, 327, "data in, from descriptors that the monitor handed over")                            \
	X(pwritev2, 328, "data out, to descriptors that the monitor handed over, and requests to it")        \
	X(epoll_pwait2, 441, "wait for streams, with a deadline in nanoseconds")

/* Calls that a grant of the operator adds, or --no-userns. */
#define HOST_CALLS_GRANTED(X)                                                                                \
	X(prctl, 157, "without a pid namespace: SIGKILL when the template dies, and nothing else")           \
	X(accept4, 288, "connections of a published port")                                                   \
	X(shutdown, 48, "the end of a network stream's one direction, while the other goes on")                \
	X(sendto, 44, "urgent data, MSG_MORE and empty datagrams, which pwritev2 cannot say; without an address")  \
	X(recvfrom, 45, "to look at data without taking it, and urgent data; without an address")              \
	X(setsockopt, 54, "options of network streams by list: a request to the monitor, which keeps no socket, could not") \
	X(getsockopt, 55, "why a connection failed, and how it does (TCP_INFO)")

enum host_call {
#define HOST_CALL_INDEX(name, nr, why) HOST_CALL_##name,
	HOST_CALLS(HOST_CALL_INDEX) HOST_CALLS_GRANTED(HOST_CALL_INDEX)
#undef HOST_CALL_INDEX
	HOST_CALL_COUNT
};

enum host_call_number {
#define HOST_CALL_NUMBER(name, nr, why) HOST_NR_##name = nr,
	HOST_CALLS(HOST_CALL_NUMBER) HOST_CALLS_GRANTED(HOST_CALL_NUMBER)
#undef HOST_CALL_NUMBER
};

/* How many of each were made: at BZ_HOST_STATS_OFFSET in the arena, if BZ_BOOT_STATS is set. */
struct host_stats {
	uint64_t calls[HOST_CALL_COUNT];
};

/* Where the host layer's text lies (host.lds): the range in which the filter lets calls be made. */
#define HOST_TEXT_BASE BZ_RESERVED_LOW
#define HOST_TEXT_SIZE 0x20000ul

/*
 * The exact flag words of clone(2); no other passes the filter.  Exit signals are SIGCHLD, which the template
 * handles (SA_NOCLDWAIT), so that no zombie stays.  CHILD_SETTID tells the child its number, and with
 * CHILD_CLEARTID the kernel itself says when a thread's block may be used again.
 */
#define HOST_CLONE_THREAD 0x01250f00ul	/* VM FS FILES SIGHAND THREAD SYSVSEM CHILD_SETTID CHILD_CLEARTID */
#define HOST_CLONE_PROCESS 0x01208411ul /* PARENT FILES CHILD_SETTID CHILD_CLEARTID | SIGCHLD */
#define HOST_CLONE_CREATE 0x01200411ul	/* FILES CHILD_SETTID CHILD_CLEARTID | SIGCHLD: by the template */

/* The signals that threads of a sandbox send each other: SIGUSR1 is thread_interrupt's; SIGCHLD tells the template
 * that the word it watches was woken, as it does that a picoprocess ended. */
#define HOST_SIGNAL_INTERRUPT 10
#define HOST_SIGNAL_TEMPLATE 17

#endif
