/* Semaphore sets, between the operations (sem.c) and the control calls (semctl.c). */
#ifndef LIBOS_SEM_H
#define LIBOS_SEM_H

#include "libos/sysvipc/ipc.h"
#include <linux/sem.h>

struct sem {
	i32 value;
	i32 pid;		/* who changed it last */
};

/* What a process's end gives back (SEM_UNDO). */
struct sem_undo {
	struct list node;	/* set->undos */
	struct process *process; /* not referenced: it takes its undos with it */
	i16 adjust[];		/* a number a semaphore */
};

struct sem_set {
	struct ipc_object ipc;	/* its lock protects all of it */
	u32 count;
	u64 otime, ctime;
	struct list waiting;	/* struct sem_wait, in the order of arrival */
	struct list undos;
	struct sem sems[];
};

/* A list of operations that are made all at once, or not at all. */
struct sem_request {
	const struct sembuf *ops;
	u32 count;
	i32 pid;
	bool alters;		/* not only waits for zero */
	struct sem_undo *undo;	/* null: nothing in it asks for it */
	const struct sembuf *blocked; /* what it waits for */
};

struct sem_wait {
	struct turn turn;
	struct sem_request req;
	struct sembuf ops[];
};

static inline struct sem_set *sem_set(struct ipc_object *o)
{
	return container_of(o, struct sem_set, ipc);
}
/* Values have changed: make the operations that wait and now can be made.  Set locked. */
void sem_update(struct sem_set *s, struct turn_wakes *wakes);

#endif
