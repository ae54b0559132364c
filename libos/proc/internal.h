/* What the parts of proc/ share. */
#ifndef LIBOS_PROC_INTERNAL_H
#define LIBOS_PROC_INTERNAL_H

#include "libos/kernel/syscall.h"
#include "libos/proc/proc.h"
#include "libos/vfs/vfs.h"

struct mm;
struct clone_args;
struct exec_image;
/* On the tables, as a child of `parent`, or with CLONE_PARENT its sibling; false: a signal came for the current thread. */
bool process_attach(struct process *p, struct thread *t, struct process *parent, u64 flags);
void process_unattach(struct process *p, struct thread *t);

/* tenants.c: p, whose first thread is t, begins beside its maker in the same memory.  0 or -errno. */
int tenants_begin(struct process *p, struct thread *t, struct process *parent, const struct clone_args *a);
bool tenants_others(const struct mm *mm);	/* other processes than the current one live in it */
/* exec of a process with others beside it: goes on in a picoprocess of its own.  Returns an error alone. */
int tenants_exec(struct exec_image *img);
struct tenants;
/* The last act of a process's last thread: `all` is what its memory map had. */
void tenants_leave(struct tenants *all) __noreturn;

struct siginfo_kernel;
void process_end_info(struct siginfo_kernel *info, const struct process *p);
/* Its parent hears that it has ended; true: nobody waits for it, and the tree's reference is the caller's.  Tasklist locked. */
bool process_tell_end(struct process *p);
struct process *process_lookup(i32 pid);	/* tasklist locked; no reference */
bool threads_full(void);	/* no thread more can be had just now */
bool process_publish(struct process *p, struct thread *t, struct process *parent, const struct thread *maker);
void process_unhash(struct process *p);
void process_undo(struct process *p);	/* gives back the parts of one that never ran */
void thread_become_leader(struct thread *t);	/* exec: its tid becomes the pid */
void thread_unhash(struct thread *t);		/* tasklist locked */
/* End all threads of the current process but this one, and wait until they are gone (exec).  -EINTR: another was first. */
int process_single_thread(void);
void process_wait_leaving(struct process *p); /* threads of p that are counted no more have given back their last lock */
/* Execute inode from now on (null: none), instead of what was executed before: ETXTBSY for writers. */
void process_hold_exe(struct process *p, struct inode *inode);
int pidfd_create(struct process *p, u32 flags);	/* takes the reference on success */
struct process *pidfd_process(int fd, u32 *flags); /* referenced, or an ERR_PTR; its O_* flags, if not null */
/* The parent of a vfork goes on. */
void vfork_release(struct process *p);

void process_exit_session(struct process *p);	/* a session leader's terminal hangs up */

/* Strings of an exec, in the arena: arguments, then the environment, each with its NUL. */
struct exec_args {
	char *buf;
	size_t len, size;
	int argc, envc;
	size_t argv_len;	/* bytes of buf that are arguments */
};
void exec_args_free(struct exec_args *a);
int exec_args_add(struct exec_args *a, const char *s, bool env);
int exec_args_prepend(struct exec_args *a, const char *const *strings, int n, bool drop_first);

struct exec_image {
	struct file *file, *interp;
	const char *filename;	/* as AT_EXECFN tells it; owned */
	char interp_name[256];	/* of the script that was followed last */
	char *lacks;		/* an interpreter that cannot be opened is told here, if not null */
	bool first;		/* the operator's own program */
	bool path_inaccessible;	/* filename is /dev/fd/N of a descriptor that exec closes */
	struct exec_args args;
	u8 head[256];		/* the file's first bytes, zero-filled */
	u64 entry, phdr, phnum, base, exec_entry;
	u64 start_code, end_code, start_data, end_data, brk;
	bool exec_stack, is_dyn, secure;
	u64 sp;
};
/* Which interpreter cannot be opened. */
static inline void exec_image_lacks(struct exec_image *img, const char *interp)
{
	if (img->lacks)
		strlcpy(img->lacks, interp, sizeof(((struct launch *)0)->lacks));
}
#define STATUS_NOT_EXECUTABLE (126u << 8) /* wait status of a first program that cannot be run */
struct exec_image *exec_image_new(const char *filename);
void exec_image_free(struct exec_image *img);
int exec_image_check(struct exec_image *img);	/* it can be run; -errno */
/* Of an image that was checked: consumes it, enters it by ctx; what fails ends the process. */
void exec_image_start(struct exec_image *img, struct bz_context *ctx);
/* Open a file to be executed: regular, executable, not being written.  A file or an ERR_PTR. */
struct file *exec_open(int dirfd, const char *name, u32 lookup);
int elf_check(struct exec_image *img);	/* before the point of no return: headers, interpreter; -errno */
int elf_load(struct exec_image *img);	/* behind it; the current process's memory is empty */
int stack_build(struct exec_image *img); /* arguments, environment, auxiliary vector; sets img->sp */
u64 vdso_map(u64 stack_top, u64 hint);			/* address of its ELF header, or 0 */

void sched_reset(struct thread *t);	/* sched.c */

#endif
