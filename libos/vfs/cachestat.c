/*
 * cachestat(2), of Linux 6.5: which of a file's pages are in memory.  In-memory files are there as far as they have data;
 * what the host has in memory of files on volumes and in the image is not told to a guest, so that of those nothing is.
 */
#include "libos/kernel/syscall.h"
#include "libos/tmpfs/tmpfs.h"
#include "libos/vfs/fdtable.h"

struct cachestat_range_layout {
	u64 off, len;
};

struct cachestat_layout {
	u64 cache, dirty, writeback, evicted, recently_evicted;
};

SYSCALL(cachestat, unsigned int fd, const struct cachestat_range_layout *urange, struct cachestat_layout *ustat, unsigned int flags)
{
	struct cachestat_layout stat = {0};
	struct cachestat_range_layout r;
	struct fd_use use = fd_use(fd);
	u64 end;
	long ret = 0;

	if (!use.file)
		return -EBADF;
	if (get_user(r, urange)) {
		ret = -EFAULT;
	} else if (flags) {
		ret = -EINVAL;
	} else {
		r.off &= PAGE_MASK;
		end = r.len && r.off + r.len >= r.off ? r.off + r.len : ~0ull & PAGE_MASK;
		if (use.file->ops == &tmpfs_file_fops)
			stat.cache = stat.dirty = tmpfs_file_pages(use.file->inode, r.off, end);
		if (put_user(stat, ustat))
			ret = -EFAULT;
	}
	fd_unuse(use);
	return ret;
}
