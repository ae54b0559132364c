/*
 * What the upper layer says beside its files: "this name is deleted" (whiteout), "the lower directory does not shine
 * through" (opaque).  In the arena a whiteout is a character device 0/0, as overlayfs has it, and an opaque directory has
 * a flag; on a volume, where no device can be made, they are what overlayfs reads as user.overlay. attributes.
 */
#include "libos/overlay/overlay.h"

#define XATTR_WHITEOUT "user.overlay.whiteout"
#define XATTR_OPAQUE "user.overlay.opaque"
#define PRIVATE_PREFIX "user.overlay."
#define FLAG_OPAQUE 0x80000000u	/* of an upper inode in the arena */

bool is_private_xattr(const char *name)
{
	return !strncmp(name, PRIVATE_PREFIX, sizeof(PRIVATE_PREFIX) - 1);
}

bool is_whiteout(const struct overlay *o, struct inode *inode)
{
	char value[4];

	if (!o->on_disk)
		return S_ISCHR(inode->mode) && !inode->rdev;
	return S_ISREG(inode->mode) && !inode->size && inode->ops->getxattr &&
	       inode->ops->getxattr(inode, XATTR_WHITEOUT, value, sizeof(value)) > 0;
}

bool is_opaque(const struct overlay *o, struct inode *dir)
{
	char value[4];

	if (!o->on_disk)
		return dir->flags & FLAG_OPAQUE;
	return dir->ops->getxattr && dir->ops->getxattr(dir, XATTR_OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

int whiteout_make(struct overlay *o, struct inode *dir, const char *name, u32 len)
{
	struct inode *inode;
	int err = dir->ops->create(dir, name, len, o->on_disk ? S_IFREG : S_IFCHR, 0, &inode);

	if (err)
		return err;
	if (o->on_disk) {
		err = inode->ops->setxattr(inode, XATTR_WHITEOUT, "y", 1, 0);
		if (err)
			dir->ops->unlink(dir, name, len, inode);
	}
	inode_put(inode);
	return err;
}

int opaque_set(struct overlay *o, struct inode *dir)
{
	if (o->on_disk)
		return dir->ops->setxattr(dir, XATTR_OPAQUE, "y", 1, 0);
	dir->flags |= FLAG_OPAQUE;
	return 0;
}
