/*
 * Locks, in the arena, shared by all picoprocesses of a sandbox.  The word holds the owner's host tid, so that
 * a waiter can probe whether the owner still lives; a dead owner ends the sandbox with a clear message.
 *
 * Order (a lock is taken only while holding locks above it; equal rank only where noted; debug.h checks it):
 *
 *   RANK_FILE      file->lock (offset)
 *   RANK_TEXT      inode->lock of a file of /proc, whose text is made under it
 *   RANK_MM        mm->lock (memory map of an address space; held across host memory calls and fork)
 *   RANK_RENAME    sb->rename_lock
 *   RANK_INODE     inode->lock (parent before child; two directories by address)
 *   RANK_LOCKS     locks of a file on a volume, while the host is asked (vfs/locks.c)
 *   RANK_EPOLLS    what relates several epoll sets
 *   RANK_EPOLL     an epoll set (what is in it is polled meanwhile; a set in it after it)
 *   RANK_WATCH     changes to volumes that the host tells (hostfs/watch.c)
 *   RANK_OBJECT    pipe, eventfd, socket, tty, timer objects (two of a kind: by address, a listener before what it accepts)
 *   RANK_TASKLIST  tasklist (process tree, groups, sessions)
 *   RANK_PROCESS   process->lock (threads, files table, credentials, rlimits; several under the tasklist lock)
 *   RANK_SIGHAND   sighand->lock (actions, pending queues)
 *   RANK_DCACHE    dentry hash and LRU, and other tables of names and numbers that call nothing
 *   RANK_WAITQ     waitq->lock (an epoll set's after that of what is in it)
 *   RANK_ALLOC     allocator of objects
 *   RANK_PAGES     allocator of pages
 *
 * No lock is held when the guest is entered, or when a thread sleeps for an unbounded time.  Guest memory may
 * fault (EFAULT by fixup) but never blocks on a lock, so usercopy under a lock is allowed.
 */
#ifndef LIBOS_LOCK_H
#define LIBOS_LOCK_H

#include "libos/kernel/types.h"

enum lock_rank { RANK_NONE, RANK_FILE, RANK_TEXT, RANK_MM, RANK_RENAME, RANK_INODE, RANK_LOCKS, RANK_EPOLLS, RANK_EPOLL,
		 RANK_WATCH, RANK_OBJECT, RANK_TASKLIST, RANK_PROCESS, RANK_SIGHAND, RANK_DCACHE, RANK_WAITQ, RANK_ALLOC,
		 RANK_PAGES };

struct mutex {
	u32 word;	/* owner's host tid; bit 31: somebody waits */
	u8 rank;
};

#define MUTEX_INIT(r) { 0, r }
void mutex_init(struct mutex *m, u8 rank);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_mine(const struct mutex *m);

#endif
