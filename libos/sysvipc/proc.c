/* /proc/sysvipc: what ipcs(1) reads, a line an object; see proc(5). */
#include "libos/sysvipc/ipc.h"
#include "libos/procfs/procfs.h"

static int show_all(struct seq *s, struct ipc_ids *ids)
{
	struct ipc_object *o;
	u32 index = 0;

	while ((o = ipc_next(ids, &index))) {
		mutex_lock(&o->lock);
		if (!o->removed)
			ids->show(s, o);
		mutex_unlock(&o->lock);
		ipc_put(ids, o);
	}
	return 0;
}

static int shm_text(struct seq *s, const struct pnode *n)
{
	seq_puts(s, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
		    "      atime      dtime      ctime                   rss                  swap\n");
	return show_all(s, &shm_ids);
}

static int sem_text(struct seq *s, const struct pnode *n)
{
	seq_puts(s, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
	return show_all(s, &sem_ids);
}

static int msg_text(struct seq *s, const struct pnode *n)
{
	seq_puts(s, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
		    "      stime      rtime      ctime\n");
	return show_all(s, &msg_ids);
}

static const struct pseudo_entry entries[] = {
	{.name = "msg", .mode = S_IFREG | 0444, .show = msg_text},
	{.name = "sem", .mode = S_IFREG | 0444, .show = sem_text},
	{.name = "shm", .mode = S_IFREG | 0444, .show = shm_text},
	{0}};
static const struct pseudo_entry directory = {.name = "sysvipc", .mode = S_IFDIR | 0555, .children = entries};

static void sysvipc_init(void)
{
	proc_register(&directory);
}
INITCALL(INIT_DEV, sysvipc_init);
