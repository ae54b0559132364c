/*
 * The virtual file system as an ordinary program: a host whose volumes are served by the monitor's own code, and stubs for
 * what file systems need of processes and signals.  System calls are made by number, as the guest makes them.
 */
#ifndef VFS_HOST_H
#define VFS_HOST_H

#include <stddef.h>
#include <stdint.h>

struct vfs_host_mount {
	const char *dir;	/* of the host; null: a tmpfs */
	const char *guest;
	uint32_t flags;		/* BZ_MOUNT_* */
};

/* Boots the file systems with these mounts, and an image if `image` is not null. */
void vfs_host_boot(const struct vfs_host_mount *mounts, int n, const char *image, size_t arena);
/* As overlay mounts of the operator: lower and upper are both host directories. */
void vfs_host_overlay(const char *lower, const char *upper, const char *guest);
long libos_call(long nr, long a, long b, long c, long d, long e, long f);
/* The calling thread becomes a further one of the guest's process; tid: above 1, its own. */
void vfs_host_thread(int tid);
/* The guest goes on as this user, without capabilities. */
void vfs_host_setuid(unsigned int uid);
/* Requests that the monitor served so far. */
unsigned long vfs_host_requests(void);

#endif
