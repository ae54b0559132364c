/* The inode operations of EROFS: everything that would change it is the caller's EROFS (SB_RDONLY). */
#include "libos/erofs/erofs.h"

static long link_read(struct inode *inode, char *buf, size_t size)
{
	if (inode->size > PATH_MAX)
		return -EIO;
	return erofs_read_kernel(inode, buf, size, 0);
}

const struct inode_ops erofs_dir_inode_ops = {
	.lookup = erofs_lookup, .getxattr = erofs_getxattr, .listxattr = erofs_listxattr};
const struct inode_ops erofs_file_inode_ops = {.getxattr = erofs_getxattr, .listxattr = erofs_listxattr};
const struct inode_ops erofs_link_inode_ops = {
	.readlink = link_read, .getxattr = erofs_getxattr, .listxattr = erofs_listxattr};
