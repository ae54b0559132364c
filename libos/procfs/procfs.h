/* What the parts of procfs share: process lookups of a node, and the tables of each part. */
#ifndef LIBOS_PROCFS_H
#define LIBOS_PROCFS_H

#include "libos/procfs/pseudo.h"
#include "libos/mm/mm.h"

extern const struct pseudo_entry proc_pid_dir;		/* pid.c: /proc/PID */
extern const struct pseudo_entry proc_sys_entries[];	/* sys.c: /proc/sys */
extern const struct pseudo_entry proc_net_entries[];	/* net.c: /proc/net */

/* Another component's entry in /proc; called at start. */
void proc_register(const struct pseudo_entry *e);

/* The live process or thread that a node is about: referenced, or null. */
struct process *pnode_process(const struct pnode *n);
struct thread *pnode_thread(const struct pnode *n);
bool pnode_alive(const struct pnode *n);

int proc_maps_show(struct seq *s, const struct pnode *n);	/* maps.c */
long proc_maps_ioctl(const struct pnode *n, u32 cmd, u64 arg);
int proc_smaps_show(struct seq *s, const struct pnode *n);
int proc_smaps_rollup_show(struct seq *s, const struct pnode *n);
int proc_numa_maps_show(struct seq *s, const struct pnode *n);
extern const struct file_ops proc_mem_fops, proc_pagemap_fops;

/* caches.c: what is in /sys/devices/system/cpu/cpuN/cache */
int sys_cache_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child);
int sys_cache_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg);

int proc_mounts_show(struct seq *s, const struct pnode *n);	/* mounts.c */
int proc_mountinfo_show(struct seq *s, const struct pnode *n);
int proc_mountstats_show(struct seq *s, const struct pnode *n);

/* fd.c: /proc/PID/fd and fdinfo */
int proc_fd_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child);
int proc_fd_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg);
int proc_fdinfo_find(const struct pnode *dir, const char *name, u32 len, struct pnode *child);
int proc_fdinfo_list(const struct pnode *dir, i64 *pos, pseudo_emit emit, void *arg);

/* Decimal names: the number, or -1. */
i32 proc_parse_number(const char *name, u32 len);
/* A path as text in fresh memory, or null. */
char *proc_path_text(const struct path *p);

#endif
