/* Signals: sending, delivery on the way to the guest, frames.  Follows signal(7) and Linux's x86-64 frames. */
#ifndef LIBOS_SIGNAL_H
#define LIBOS_SIGNAL_H

#include "libos/proc/proc.h"
#include <asm/signal.h>
#include <asm/siginfo.h>

struct posix_timer;
/* A timer's signal counts towards RLIMIT_SIGPENDING from timer_create to timer_delete. */
bool sigqueue_reserve(u64 limit);
void sigqueue_release(void);

/* Send to one thread or to a process (any thread that does not block it).  info null: kernel-made, SI_KERNEL. */
int signal_send_thread(struct thread *t, int sig, const struct siginfo_kernel *info);
int signal_pipe_broken(void);	/* SIGPIPE to the current thread: it wrote where nobody reads; -EPIPE */
int signal_send_process(struct process *p, int sig, const struct siginfo_kernel *info);
/* Both of them; timer: the POSIX timer that sends, or null.  1: ignored (a timer then goes on by itself). */
int signal_post(struct process *p, struct thread *t, int sig, const struct siginfo_kernel *info, struct posix_timer *timer);
int signal_send_pgrp(i32 pgrp, int sig, const struct siginfo_kernel *info);
/* A fault of the current thread: cannot be blocked or ignored (then it kills). */
/* Vector registers in the library OS's own memory. */
void *extended_state_alloc(void);
void extended_state_free(void *area);
void extended_state_save(void *area);
void extended_state_restore(void *area);
int extended_state_set(void *area);		/* the same, of what may be wrong: -EFAULT */
void *extended_state_area(void *area);		/* as XSAVE laid it out */
u32 extended_state_size(void);
u64 extended_state_features(void);
void signal_force(int sig, const struct siginfo_kernel *info);
/* The current process ends by it, as if it were its default action, with a core file where that is due. */
void signal_die(int sig, const struct siginfo_kernel *info) __noreturn;

/* On the way back to the guest: restart or EINTR of the interrupted call, then frames for what is pending; stops and
 * ends as actions say.  `ret` in ctx->rax.  Called with no lock held, whenever current->signal_pending. */
void signal_deliver(struct bz_context *ctx);
/* True if the current thread has an unblocked signal (or the end of its process) to handle. */
static inline bool signal_is_pending(void)
{
	return READ_ONCE(current->signal_pending) != 0;
}
/* For calls that signals interrupt but that never restart: serve what else made the thread look (mm/remote.c), look again. */
bool signal_still_pending(void);
void signal_recalc(struct thread *t);			/* after blocked or pending changed; sighand locked */
void signal_set_blocked(sigset_kernel set);		/* of the current thread */
/* Dequeue one of `set` for the current thread (signalfd, sigtimedwait): signal number or 0. */
int signal_dequeue(sigset_kernel set, struct siginfo_kernel *info);
/* For ppoll and friends: install a temporary mask from guest memory; after the call signal code restores it. */
int signal_temp_mask(const void *uset, size_t size);
void signal_temp_mask_done(bool keep_for_handler);
struct sighand *sighand_create(void);
struct sighand *sighand_copy(struct sighand *s);	/* fork */
void sighand_put(struct sighand *s);
int sighand_unshare(struct process *p);			/* of the current process: nobody else's from now on; -ENOMEM */
void sighand_exec(struct process *p);			/* handlers become defaults */
void sigpending_init(struct sigpending *p);
void sigpending_flush(struct sigpending *p);
bool signal_ignored(struct process *p, int sig);
/* Who waits for a signalfd: one queue for all, since a signalfd reads the signals of whoever asks (signalfd(2)). */
extern struct waitq signalfd_waitq;

#endif
