/* A vfork's child on its parent's host thread. */
#ifndef LIBOS_PROC_VFORK_H
#define LIBOS_PROC_VFORK_H

#include "libos/proc/proc.h"

struct jump {
	u64 rbx, rbp, r12, r13, r14, r15, rsp, rip;
};
int jump_mark(struct jump *to) __attribute__((returns_twice));
void jump_back(const struct jump *to) __noreturn;

/* What the parent, which is `thread`, finds as it left it. */
struct vfork {
	struct thread *thread;
	struct jump jump;	/* of the upcall that the child is in: there the parent goes on */
	struct bz_context ctx;
	u64 fs;
	i64 cpu;		/* processor time of the host thread when the child began */
	void *extended;		/* vector registers */
};

/* Memory for it; null: there is none. */
struct vfork *vfork_new(void);
void vfork_free(struct vfork *v);
/* The calling thread becomes `child`, which shares its memory; `result` is what it itself gets in the end. */
void vfork_begin(struct vfork *v, struct thread *child, long result);
/* The child's thread is gone: the parent goes on. */
void vfork_end(struct vfork *v) __noreturn;
/* The current thread, a vfork's child, goes on with `img` in a picoprocess of its own, and the parent here.  Returns an error alone. */
struct exec_image;
int vfork_exec(struct exec_image *img);

#endif
