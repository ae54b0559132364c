/*
 * /dev: a tmpfs with the nodes that programs expect, and the table of character devices.  Components register theirs by
 * INITCALL; devfs_lock protects the table.  Follows null(4), full(4), random(4), pts(4).
 */
#include "libos/kernel/syscall.h"
#include "libos/vfs/vfs.h"
#include <linux/random.h>

#define DEVICES_MAX 32
#define MKDEV(major, minor) ((u64)(major) << 8 | (minor))

struct chrdev {
	u32 major, minor, mode;
	const char *name;
	const struct file_ops *fops;
};

static struct chrdev devices[DEVICES_MAX];
static u32 device_count;
static struct super *devfs;
static struct mutex devfs_lock = MUTEX_INIT(RANK_OBJECT);

static void make_node(const struct chrdev *d)
{
	struct inode *inode;

	if (!devfs || !d->name)
		return;
	if (devfs->root->ops->create(devfs->root, d->name, strlen(d->name), S_IFCHR | d->mode,
				     MKDEV(d->major, d->minor), &inode))
		return;
	if (d->major == 5 && d->minor == 1 && (boot->flags & BZ_START_TTY))
		inode->uid = boot->user ? 0 : boot->uid; /* who logs in at the console owns it */
	inode_put(inode);
}

int chrdev_register(u32 major, u32 minor, const char *name, u32 mode, const struct file_ops *fops)
{
	struct chrdev *d;

	mutex_lock(&devfs_lock);
	if (device_count == DEVICES_MAX) {
		mutex_unlock(&devfs_lock);
		return -ENOSPC;
	}
	d = &devices[device_count++];
	*d = (struct chrdev){major, minor, mode, name, fops};
	mutex_unlock(&devfs_lock);
	make_node(d);
	return 0;
}

int chrdev_open(struct inode *inode, struct file *file)
{
	for (u32 i = 0; i < device_count; i++)
		if (MKDEV(devices[i].major, devices[i].minor) == inode->rdev ||
		    (devices[i].minor == CHRDEV_ANY_MINOR && devices[i].major == (inode->rdev >> 8 & 0xfff))) {
			file->ops = devices[i].fops;
			return file->ops->open ? file->ops->open(file) : 0;
		}
	return -ENXIO;
}

static ssize_t read_nothing(struct file *f, struct iov_iter *it, i64 *pos)
{
	return 0;
}

static ssize_t write_all(struct file *f, struct iov_iter *it, i64 *pos)
{
	size_t n = it->left;

	iov_advance(it, n);
	return n;
}

static ssize_t write_full(struct file *f, struct iov_iter *it, i64 *pos)
{
	return it->left ? -ENOSPC : 0;
}

static ssize_t read_zero(struct file *f, struct iov_iter *it, i64 *pos)
{
	size_t want = it->left, n = iov_zero(it, want);

	return n || !want ? (ssize_t)n : -EFAULT;
}

static ssize_t read_random(struct file *f, struct iov_iter *it, i64 *pos)
{
	u8 block[256];
	size_t done = 0;

	while (it->left) {
		size_t n = min(it->left, sizeof(block)), got;

		host->random_bytes(block, n);
		got = iov_copy_to(it, block, n);
		done += got;
		if (got < n)
			return done ? (ssize_t)done : -EFAULT;
	}
	return done;
}

static i64 seek_zero(struct file *f, i64 off, int whence)
{
	return f->pos = 0;
}

static u32 poll_ready(struct file *f, struct poll_table *pt)
{
	return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
}

/* RNDGETENTCNT is all that programs ask for. */
static long random_ioctl(struct file *f, u32 cmd, u64 arg)
{
	if (cmd == RNDGETENTCNT)
		return put_user(256, (int *)arg);
	return cmd == RNDADDTOENTCNT || cmd == RNDADDENTROPY ? -EPERM : -EINVAL;
}

/* A mapping of /dev/zero is anonymous memory (mem(4)): private memory of the host, all of it backed. */
static i64 zero_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 mapflags, u64 off)
{
	int err;

	if (mapflags & BZ_MAP_SHARED)
		return -ENODEV;
	err = host->mem_map(addr, len, prot, mapflags);
	return err ? err : (i64)len;
}

static const struct file_ops null_fops = {
	.read = read_nothing, .write = write_all, .llseek = seek_zero};
static const struct file_ops zero_fops = {
	.read = read_zero, .write = write_all, .llseek = seek_zero, .mmap = zero_mmap};
static const struct file_ops full_fops = {
	.read = read_zero, .write = write_full, .llseek = seek_zero};
/* Only /dev/random can be polled (drivers/char/random.c). */
static const struct file_ops random_fops = {
	.read = read_random, .write = write_all, .llseek = seek_zero, .poll = poll_ready, .ioctl = random_ioctl};
static const struct file_ops urandom_fops = {
	.read = read_random, .write = write_all, .llseek = seek_zero, .ioctl = random_ioctl};

static void devfs_init(void)
{
	chrdev_register(1, 3, "null", 0666, &null_fops);
	chrdev_register(1, 5, "zero", 0666, &zero_fops);
	chrdev_register(1, 7, "full", 0666, &full_fops);
	chrdev_register(1, 8, "random", 0666, &random_fops);
	chrdev_register(1, 9, "urandom", 0666, &urandom_fops);
}
INITCALL(INIT_CORE, devfs_init);

static void make_link(const char *name, const char *target)
{
	struct inode *inode;

	if (!devfs->root->ops->symlink(devfs->root, name, strlen(name), target, &inode))
		inode_put(inode);
}

static void make_dir(const char *name, u32 mode)
{
	struct inode *inode;

	if (!devfs->root->ops->create(devfs->root, name, strlen(name), S_IFDIR | mode, 0, &inode))
		inode_put(inode);
}

struct super *devfs_create(void)
{
	devfs = tmpfs_create(0, 0755);
	if (!devfs)
		return NULL;
	devfs->fstype = devfs->source = "devtmpfs";
	for (u32 i = 0; i < device_count; i++)
		make_node(&devices[i]);
	make_link("fd", "/proc/self/fd");
	make_link("stdin", "/proc/self/fd/0");
	make_link("stdout", "/proc/self/fd/1");
	make_link("stderr", "/proc/self/fd/2");
	make_dir("shm", 01777);
	make_dir("pts", 0755);
	make_dir("mqueue", 01777);
	return devfs;
}
