/*
 * Who a name is inside the sandbox.  Uids there are compatibility, not a boundary.
 */
#ifndef LIBOS_IDENTITY_H
#define LIBOS_IDENTITY_H

#include "libos/kernel/kernel.h"

/* Whom a process is to be: USER[:GROUP], names or numbers, by the guest's own /etc/passwd and /etc/group. */
struct identity {
	u32 uid, gid, ngroups, groups[64];
	char home[256];		/* "": not known */
};
int identity_find(struct identity *id, const char *text);

/* The first process's, where the operator said it by boot->user; it is looked up once.  The caller can look names up. */
int identity_first(const struct identity **id);

struct identity_watch {
	struct identity_watch *next;
	void (*known)(struct identity_watch *w);
};
void identity_watch(struct identity_watch *w);	/* `known` is called once it was found; during the mounts, by the template alone */

/* Owners on volumes: as the guest sees what the host tells, and back.  BZ_ID_USER stays until it is known who that is. */
u32 identity_uid(u32 uid);
u32 identity_gid(u32 gid);
u32 identity_host_uid(u32 uid);
u32 identity_host_gid(u32 gid);

#endif
