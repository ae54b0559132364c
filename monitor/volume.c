/*
 * Volumes: what the monitor does in granted trees on behalf of a sandbox.
 *
 * Every name is resolved by openat2 from the grant's own descriptor, beneath it, through no symbolic link of
 * any kind. A descriptor with O_PATH comes first: it opens nothing, so that a FIFO or a device cannot act;
 * only what proves to be a regular file or a directory is opened then, through /proc/self/fd, which leads to
 * the very same inode. Nothing is served from file systems that are interfaces of the kernel.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "monitor/server.h"

#define RESOLVE_FLAGS (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define NOBODY 65534u
#define OPEN_TRIES 8

/* f_type of file systems that are interfaces of the kernel, from <linux/magic.h> and their sources. */
static const uint32_t refused_types[] = {
    0x00009fa0 /* proc */, 0x62656572 /* sysfs */, 0x0027e0eb /* cgroup */, 0x63677270 /* cgroup2 */,
    0x64626720 /* debugfs */, 0x74726163 /* tracefs */, 0xcafe4a11 /* bpf */, 0x00001cd1 /* devpts */,
    0x73636673 /* securityfs */, 0xf97cff8c /* selinuxfs */, 0x43415d53 /* smackfs */,
    0x5a3c69f0 /* apparmorfs */, 0x6165676c /* pstore */, 0xde5e81e4 /* efivarfs */,
    0x62656570 /* configfs */, 0x65735543 /* fusectl */, 0x19800202 /* mqueue */,
    0x42494e4d /* binfmt_misc */, 0x67596969 /* rpc_pipefs */, 0x6e667364 /* nfsd */, 0x6e736673 /* nsfs */,
    0x50494446 /* pidfs */, 0x6c6f6f70 /* binder */, 0xabba1974 /* xenfs */, 0x07655821 /* resctrl */,
    0x09041934 /* anonymous inodes */,
};

static int openat2_(int dir, const char *path, uint64_t flags, uint64_t mode)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_FLAGS};
	int fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

int filesystem_check(struct server *server, int fd, dev_t dev)
{
	struct statfs fs;
	bool refused = server->dev_refused && dev == server->dev_refused;

	for (uint32_t i = 0; i < server->device_count; i++)
		if (server->devices[i].dev == dev)
			return server->devices[i].refused ? -EACCES : 0;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(refused_types) / sizeof(refused_types[0]); i++)
		refused |= (uint32_t)fs.f_type == refused_types[i];
	if (server->device_count < SERVER_DEVICES_MAX) {
		server->devices[server->device_count].dev = dev;
		server->devices[server->device_count++].refused = refused;
	}
	return refused ? -EACCES : 0;
}

int place_find(struct server *server, const struct place *place, struct stat *st)
{
	struct volume *volume = place->volume;
	int fd, error;

	if (volume->is_file) {
		if (place->path[0])
			return -ENOTDIR;
		fd = fcntl(volume->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	} else {
		fd = openat2_(volume->fd, place->path[0] ? place->path : ".", O_PATH | O_NOFOLLOW, 0);
		if (fd < 0)
			return fd;
	}
	error = fstat(fd, st) < 0 ? -errno : filesystem_check(server, fd, st->st_dev);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/* An O_PATH descriptor of the directory that holds the last component, which *last points to. */
static int place_parent(struct server *server, const struct place *place, const char **last)
{
	char dir[BZ_PATH_MAX + 1];
	const char *slash = strrchr(place->path, '/');
	struct stat st;
	int fd, error;

	if (place->volume->is_file || !place->path[0])
		return -EBUSY;
	if (place->volume->readonly)
		return -EROFS;
	*last = slash ? slash + 1 : place->path;
	if (slash) {
		memcpy(dir, place->path, slash - place->path);
		dir[slash - place->path] = 0;
	} else {
		strcpy(dir, ".");
	}
	/* Not O_NOFOLLOW: a link here shall give ELOOP like every other on the way, not ENOTDIR. */
	fd = openat2_(place->volume->fd, dir, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	error = fstat(fd, &st) < 0 ? -errno : filesystem_check(server, fd, st.st_dev);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/* Open for real what an O_PATH descriptor of a regular file or directory stands for. */
static int reopen(struct server *server, int path_fd, int flags)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", path_fd);
	fd = openat(server->proc_fd, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* --- Attributes ---------------------------------------------------------------------------------------- */

static int64_t nanoseconds(struct statx_timestamp t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* The monitor's own user is the guest's first user; whoever else happens to have that number is nobody. */
static uint32_t id_to_guest(uint32_t id, uint32_t host, uint32_t guest)
{
	if (id == host)
		return guest;
	return id == guest ? NOBODY : id;
}

static void attr_of_statx(struct server *server, const struct statx *sx, struct bz_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->valid = BZ_ATTR_BASIC | BZ_ATTR_MODE | BZ_ATTR_OWNER | BZ_ATTR_ATIME | BZ_ATTR_MTIME;
	attr->kind = (sx->stx_mode & S_IFMT) >> 12;
	attr->mode = sx->stx_mode & 07777;
	attr->uid = id_to_guest(sx->stx_uid, server->host_uid, server->guest_uid);
	attr->gid = id_to_guest(sx->stx_gid, server->host_gid, server->guest_gid);
	attr->nlink = sx->stx_nlink;
	attr->size = sx->stx_size;
	attr->blocks = sx->stx_blocks;
	attr->dev = makedev(sx->stx_dev_major, sx->stx_dev_minor);
	attr->ino = sx->stx_ino;
	attr->atime = nanoseconds(sx->stx_atime);
	attr->mtime = nanoseconds(sx->stx_mtime);
	attr->ctime = nanoseconds(sx->stx_ctime);
	attr->btime = sx->stx_mask & STATX_BTIME ? nanoseconds(sx->stx_btime) : 0;
}

static int attr_of_filesystem(int fd, struct bz_attr *attr)
{
	struct statfs fs;
	uint64_t unit;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	unit = fs.f_bsize ? fs.f_bsize : 4096;
	attr->fs_blocks = (unsigned __int128)fs.f_blocks * unit / 4096;
	attr->fs_free = (unsigned __int128)fs.f_bavail * unit / 4096;
	attr->fs_files = fs.f_files;
	attr->fs_files_free = fs.f_ffree;
	attr->valid |= BZ_ATTR_FS;
	return 0;
}

int attr_of_fd(struct server *server, int fd, uint32_t what, struct bz_attr *attr)
{
	struct statx sx;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &sx) < 0)
		return -errno;
	attr_of_statx(server, &sx, attr);
	return what & BZ_ATTR_FS ? attr_of_filesystem(fd, attr) : 0;
}

static struct timespec time_to_set(int64_t ns, bool set)
{
	struct timespec t = {.tv_nsec = UTIME_OMIT};

	if (!set)
		return t;
	t.tv_sec = ns / 1000000000ll;
	t.tv_nsec = ns % 1000000000ll;
	if (t.tv_nsec < 0) {
		t.tv_nsec += 1000000000l;
		t.tv_sec--;
	}
	return t;
}

/* The owner can be "changed" to what it is; the group to one that the host lets the invoking user give. */
static int set_owner(struct server *server, int fd, uint32_t uid, uint32_t gid)
{
	struct bz_attr now;
	int error = attr_of_fd(server, fd, 0, &now);

	if (error)
		return error;
	if (uid != (uint32_t)-1 && uid != now.uid)
		return -EPERM;
	if (gid == (uint32_t)-1 || gid == now.gid)
		return 0;
	if (gid == server->guest_gid)
		gid = server->host_gid;
	return fchownat(fd, "", -1, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* No setuid and setgid bits are made on volumes: they are left out, as on a volume mounted elsewhere by
 * nobody. */
static int set_mode(struct server *server, int fd, uint32_t mode)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", fd);
	return fchmodat(server->proc_fd, name, mode & 01777, 0) < 0 ? -errno : 0;
}

int attr_set_fd(struct server *server, int fd, const struct bz_attr *attr)
{
	const uint32_t known = BZ_ATTR_MODE | BZ_ATTR_OWNER | BZ_ATTR_ATIME | BZ_ATTR_MTIME;
	struct timespec times[2];
	int error;

	if (attr->valid & ~known)
		return -EINVAL;
	if (attr->valid & BZ_ATTR_OWNER) {
		error = set_owner(server, fd, attr->uid, attr->gid);
		if (error)
			return error;
	}
	if (attr->valid & BZ_ATTR_MODE) {
		error = set_mode(server, fd, attr->mode);
		if (error)
			return error;
	}
	if (attr->valid & (BZ_ATTR_ATIME | BZ_ATTR_MTIME)) {
		times[0] = time_to_set(attr->atime, attr->valid & BZ_ATTR_ATIME);
		times[1] = time_to_set(attr->mtime, attr->valid & BZ_ATTR_MTIME);
		if (utimensat(fd, "", times, AT_EMPTY_PATH) < 0)
			return -errno;
	}
	return 0;
}

int volume_getattr(struct server *server, const struct place *place, uint32_t what, struct bz_attr *attr)
{
	struct stat st;
	int fd = place_find(server, place, &st), error;

	if (fd < 0)
		return fd;
	error = attr_of_fd(server, fd, what, attr);
	close(fd);
	return error;
}

int volume_setattr(struct server *server, const struct place *place, const struct bz_attr *attr)
{
	struct stat st;
	int fd, error;

	if (place->volume->readonly)
		return -EROFS;
	fd = place_find(server, place, &st);
	if (fd < 0)
		return fd;
	/* Devices are shown, never changed. */
	error = S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode) ? -EACCES : 0;
	if (!error)
		error = attr_set_fd(server, fd, attr);
	close(fd);
	return error;
}

/* --- Opening and creating ------------------------------------------------------------------------------ */

static int open_access(uint32_t flags)
{
	int access = flags & BZ_OPEN_WRITE ? (flags & BZ_OPEN_READ ? O_RDWR : O_WRONLY) : O_RDONLY;

	if (flags & BZ_OPEN_APPEND)
		access |= O_APPEND;
	return access;
}

/* A directory, a FIFO or a socket, or a symbolic link if there is a target.  Nothing is opened. */
static int make_name(struct server *server, const struct place *place, uint32_t mode, const char *target)
{
	const char *last;
	int parent = place_parent(server, place, &last), n;

	if (parent < 0)
		return parent == -EBUSY ? -EEXIST : parent; /* the root of a volume is there */
	n = target ? symlinkat(target, parent, last)
	  : S_ISDIR(mode) ? mkdirat(parent, last, mode & 01777)
			  : mknodat(parent, last, mode & (S_IFMT | 0777), 0);
	n = n < 0 ? -errno : 0;
	close(parent);
	return n;
}

/* O_EXCL makes a new regular file or fails: it never opens what is there. */
static int open_create(struct server *server, const struct place *place, uint32_t flags, uint32_t mode)
{
	const char *last;
	int parent = place_parent(server, place, &last), fd;

	if (parent < 0)
		return parent;
	fd = openat2_(parent, last, O_CREAT | O_EXCL | O_NOFOLLOW | open_access(flags), mode & 0777);
	close(parent);
	return fd;
}

static int open_unnamed(struct server *server, const struct place *place, uint32_t flags, uint32_t mode)
{
	struct stat st;
	char name[16];
	int dir, fd;

	if (place->volume->readonly)
		return -EROFS;
	if (!(flags & BZ_OPEN_WRITE))
		return -EINVAL;
	dir = place_find(server, place, &st);
	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%d", dir);
	fd = S_ISDIR(st.st_mode)
		 ? openat(server->proc_fd, name, O_TMPFILE | O_CLOEXEC | open_access(flags), mode & 0777)
		 : (errno = ENOTDIR, -1);
	if (fd < 0)
		fd = -errno;
	close(dir);
	return fd;
}

static int open_existing(struct server *server, const struct place *place, uint32_t flags)
{
	const uint32_t mutating = BZ_OPEN_WRITE | BZ_OPEN_TRUNC;
	struct stat st;
	int path_fd = place_find(server, place, &st), fd;

	if (path_fd < 0)
		return path_fd;
	if ((flags & BZ_OPEN_CREATE) && (flags & BZ_OPEN_EXCL))
		fd = -EEXIST;
	else if (S_ISLNK(st.st_mode))
		fd = -ELOOP;
	else if (S_ISDIR(st.st_mode))
		fd = (flags & BZ_OPEN_DIRECTORY) && !(flags & mutating)
			 ? reopen(server, path_fd, O_RDONLY | O_DIRECTORY)
			 : -EISDIR;
	else if (flags & BZ_OPEN_DIRECTORY)
		fd = -ENOTDIR;
	else if (!S_ISREG(st.st_mode))
		fd = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ? -ENXIO : -EACCES; /* known by name only */
	else if ((flags & mutating) && place->volume->readonly)
		fd = -EROFS;
	else
		fd = reopen(server, path_fd, open_access(flags) | (flags & BZ_OPEN_TRUNC ? O_TRUNC : 0));
	close(path_fd);
	return fd;
}

/* Open what is there, or create it: whoever else works in this tree may come in between, so try a few times.
 */
static int open_file(struct server *server, const struct place *place, uint32_t flags, uint32_t mode)
{
	int fd = -EAGAIN;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = open_existing(server, place, flags);
		if (fd != -ENOENT || !(flags & BZ_OPEN_CREATE))
			return fd;
		fd = open_create(server, place, flags, mode);
		if (fd != -EEXIST)
			return fd;
	}
	return fd;
}

int volume_open(struct server *server, const struct place *place, const struct bz_request *request,
		const char *target, struct answer *answer)
{
	uint32_t flags = request->flags;
	int fd, error;

	if ((flags & BZ_OPEN_TRUNC) && !(flags & BZ_OPEN_WRITE))
		return -EINVAL;
	if ((flags & BZ_OPEN_CREATE) && (flags & BZ_OPEN_DIRECTORY))
		return make_name(server, place, S_IFDIR | (request->mode & 07777), NULL);
	if ((flags & BZ_OPEN_CREATE) && (flags & BZ_OPEN_NODE))
		return S_ISFIFO(request->mode) || S_ISSOCK(request->mode)
			   ? make_name(server, place, request->mode, NULL)
			   : -EPERM;
	if ((flags & BZ_OPEN_CREATE) && (flags & BZ_OPEN_SYMLINK))
		return make_name(server, place, 0, target); /* the kernel refuses an empty one */
	if (flags & (BZ_OPEN_SYMLINK | BZ_OPEN_NODE))
		return -EINVAL;
	fd = flags & BZ_OPEN_UNNAMED ? open_unnamed(server, place, flags, request->mode)
				     : open_file(server, place, flags, request->mode);
	if (fd < 0)
		return fd;
	error = attr_of_fd(server, fd, 0, &answer->reply.attr);
	/* Kept: what is written may be flushed or resized later, and a directory is nothing but a handle. */
	if (!error && (flags & (BZ_OPEN_WRITE | BZ_OPEN_KEEP | BZ_OPEN_DIRECTORY))) {
		error = handle_add(server, fd, place->volume - server->volumes, &answer->reply.handle);
		answer->keep = !error;
	}
	if (error) {
		close(fd);
		return error;
	}
	if (!(flags & BZ_OPEN_DIRECTORY))
		answer->fd = fd;
	return 0;
}

/* --- Names --------------------------------------------------------------------------------------------- */

/* Rename or link: both parents are found before anything is done. */
static int act_on_two(struct server *server, const struct place *from, const struct place *to, bool link,
		      int flags)
{
	const char *last_from, *last_to;
	int dir_from = place_parent(server, from, &last_from), dir_to, n;

	if (dir_from < 0)
		return dir_from;
	dir_to = place_parent(server, to, &last_to);
	if (dir_to < 0) {
		close(dir_from);
		return dir_to;
	}
	/* Without AT_SYMLINK_FOLLOW a symbolic link is linked, not followed.  libc's renameat2 without flags makes another
	 * call, which the filter does not know. */
	n = link ? linkat(dir_from, last_from, dir_to, last_to, 0)
		 : syscall(SYS_renameat2, dir_from, last_from, dir_to, last_to, flags);
	n = n < 0 ? -errno : 0;
	close(dir_to);
	close(dir_from);
	return n;
}

int volume_rename(struct server *server, const struct place *from, const struct place *to, uint32_t flags)
{
	static const int linux_flags[] = {0, RENAME_NOREPLACE, RENAME_EXCHANGE};

	return flags > 2 ? -EINVAL : act_on_two(server, from, to, false, linux_flags[flags]);
}

int volume_link(struct server *server, const struct place *from, const struct place *to)
{
	return act_on_two(server, from, to, true, 0);
}

/* The first name of an unnamed file.  No file that has names gets another so: whoever moved one out of the granted
 * tree wants it out. */
int volume_link_unnamed(struct server *server, const struct handle *handle, const struct place *to)
{
	struct stat st;
	const char *last;
	char name[16];
	int dir, error;

	if (&server->volumes[handle->volume] != to->volume)
		return -EXDEV;
	if (fstat(handle->fd, &st) < 0 || st.st_nlink)
		return -ENOENT;
	dir = place_parent(server, to, &last);
	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%d", handle->fd);
	/* Through /proc/self/fd, since AT_EMPTY_PATH asks for a capability. */
	error = linkat(server->proc_fd, name, dir, last, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	close(dir);
	return error;
}

int volume_remove(struct server *server, const struct place *place, bool directory)
{
	const char *last;
	int parent = place_parent(server, place, &last), error;

	if (parent < 0)
		return parent;
	error = unlinkat(parent, last, directory ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
	close(parent);
	return error;
}

int volume_readlink(struct server *server, const struct place *place, struct answer *answer)
{
	struct stat st;
	int fd = place_find(server, place, &st);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (!S_ISLNK(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	n = readlinkat(fd, "", answer->payload, BZ_PATH_MAX + 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n > 0)
		answer->reply.payload_len = n;
	return n;
}

int volume_open_xattr(struct server *server, const struct place *place, bool write)
{
	struct stat st;
	int path_fd, fd;

	if (write && place->volume->readonly)
		return -EROFS;
	path_fd = place_find(server, place, &st);
	if (path_fd < 0)
		return path_fd;
	/* user.* exists on these two kinds only. */
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		fd = reopen(server, path_fd, O_RDONLY);
		if (fd == -EACCES && S_ISREG(st.st_mode))
			fd = reopen(server, path_fd, O_WRONLY);
	} else {
		fd = write ? -EPERM : -ENODATA;
	}
	close(path_fd);
	return fd;
}

/* --- Directories --------------------------------------------------------------------------------------- */

struct linux_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* Append one entry.  Returns its size, 0 if it vanished, -ENOSPC if there is no room. */
static int enumerate_one(struct server *server, int dir, const struct linux_dirent *entry, char *to,
			 uint64_t room)
{
	size_t name_len = strlen(entry->name);
	size_t size = (sizeof(struct bz_dirent) + name_len + 7) & ~7ul;
	struct bz_dirent *out = (struct bz_dirent *)to;
	struct statx sx;

	if (size > room)
		return -ENOSPC;
	if (syscall(SYS_statx, dir, entry->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME,
		  &sx) < 0)
		return 0;
	memset(out, 0, size);
	out->size = size;
	out->name_len = name_len;
	out->cookie = entry->off;
	attr_of_statx(server, &sx, &out->attr);
	memcpy(out->name, entry->name, name_len);
	return size;
}

static int enumerate_fill(struct server *server, int dir, uint64_t room, struct answer *answer)
{
	static char buffer[32768] __attribute__((aligned(8)));
	uint64_t used = 0;
	long n, step;

	while ((n = syscall(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < n; at += ((struct linux_dirent *)(buffer + at))->reclen) {
			const struct linux_dirent *entry = (const struct linux_dirent *)(buffer + at);

			if (!strcmp(entry->name, ".") || !strcmp(entry->name, ".."))
				continue;
			step = enumerate_one(server, dir, entry, answer->payload + used, room - used);
			if (step < 0)
				goto full; /* the rest is asked for with the last entry's cookie */
			used += step;
		}
	}
	if (n < 0 && !used)
		return -errno;
full:
	answer->reply.payload_len = used;
	return used;
}

int volume_enumerate(struct server *server, const struct place *place, uint64_t cookie, uint64_t room,
		     struct answer *answer)
{
	struct stat st;
	int path_fd, dir, result;

	/* Room for one entry with the longest name, or an honest caller would take "no room" for "no more".
	 */
	if (room > BZ_PAYLOAD_MAX || room < sizeof(struct bz_dirent) + 256 + 8)
		return -EINVAL;
	path_fd = place_find(server, place, &st);
	if (path_fd < 0)
		return path_fd;
	dir = S_ISDIR(st.st_mode) ? reopen(server, path_fd, O_RDONLY | O_DIRECTORY) : -ENOTDIR;
	close(path_fd);
	if (dir < 0)
		return dir;
	if (cookie && lseek(dir, cookie, SEEK_SET) < 0)
		result = -EINVAL;
	else
		result = enumerate_fill(server, dir, room, answer);
	close(dir);
	return result;
}
