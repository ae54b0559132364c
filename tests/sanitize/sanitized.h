/*
 * Builds with -Db_sanitize only; force-included into the monitor there.  A sanitizer's runtime lives in the monitor's
 * process and makes system calls of its own, which the monitor's filter has to let through: such a monitor is confined
 * less well, and the command says so each time that it runs.
 */
#ifndef SANITIZED_H
#define SANITIZED_H

/* Memory and locks of the runtime, and what writing a report takes. */
#define SANITIZER_CALLS                                                                                      \
	SYS_mmap, SYS_munmap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_futex, SYS_sched_yield, SYS_sigaltstack, \
	    SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_getpid, SYS_gettid, SYS_read, SYS_write, SYS_writev,     \
	    SYS_pread64, SYS_open, SYS_openat, SYS_stat, SYS_fstat, SYS_newfstatat, SYS_readlink, SYS_pipe,    \
	    SYS_mincore, SYS_getrlimit, SYS_prlimit64, SYS_prctl

/* A descriptor for this process's reports, in the folder that BARTIZAN_REPORTS names; -1: none is wanted. */
int sanitizer_report_open(void);
/* From now on reports go there, and the runtime does what it cannot do behind the confinement. */
void sanitizer_report_to(int fd);

#endif
