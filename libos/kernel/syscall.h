/*
 * System calls register themselves: SYSCALL(read, int fd, void *buf, size_t n) { ... } defines the handler of
 * __NR_read and puts it in the linker section that syscall_table is built from, so an image that leaves a component
 * out leaves its calls out (ENOSYS).  A handler returns a value or -errno.  The prototype's text is what --trace
 * prints by.  Guest pointers are declared with their types but MUST be used through usercopy only.
 */
#ifndef LIBOS_SYSCALL_H
#define LIBOS_SYSCALL_H

#include "libos/kernel/kernel.h"
#include <asm/unistd_64.h>

/* Of later kernels than the headers': offered as a distribution's kernel offers what it took over; uname tells the version all the same. */
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef __NR_file_getattr
#define __NR_file_getattr 468
#define __NR_file_setattr 469
#endif

typedef long (*syscall_fn)(u64, u64, u64, u64, u64, u64);

struct syscall_entry {
	u32 nr;
	const char *name;
	const char *prototype;
	syscall_fn fn;
};

#define SYSCALL(name, ...)                                                                                   \
	static long sys_##name(__VA_ARGS__);                                                                 \
	static const struct syscall_entry __attribute__((used, section(".syscalls"), aligned(8)))            \
	syscall_entry_##name = {__NR_##name, #name, #__VA_ARGS__, (syscall_fn)(void (*)(void))sys_##name};   \
	static long sys_##name(__VA_ARGS__)

#define SYSCALL0(name) SYSCALL(name, void)

/* Components with something to set up at start: INITCALL(order, function).  Lower orders first. */
struct initcall {
	u32 order;
	void (*fn)(void);
};
#define INITCALL(ord, f)                                                                                     \
	static const struct initcall __attribute__((used, section(".initcalls"), aligned(8)))                \
	initcall_##f = {ord, f}
enum { INIT_CORE = 10, INIT_MM = 20, INIT_VFS = 30, INIT_FS = 40, INIT_DEV = 50, INIT_LATE = 90 };

/* A thread's registers while the library OS works for it are thread->ctx (struct bz_context). */

#endif
