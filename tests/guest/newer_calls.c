/* Calls that came after Linux 6.1 and that are offered all the same: fchmodat2, cachestat, PROCMAP_QUERY, file handles to compare. */
#include "check.h"
#include <sys/ioctl.h>

#define NR_CACHESTAT 451
#define NR_FCHMODAT2 452
#define HANDLE_FID 0x200
#define HANDLE_CONNECTABLE 2

static long calls_of(long number)
{
	long ret = syscall(number, -1, 0, 0, 0);

	if (ret == -1 && errno == ENOSYS)
		skip("this kernel is older than the call");
	return ret;
}

static void modes(void)
{
	struct stat st;
	int fd;

	calls_of(NR_FCHMODAT2);
	CHECK((fd = open("file", O_CREAT | O_RDWR, 0600)) >= 0);
	CHECK(!symlink("file", "link"));
	CHECK(!syscall(NR_FCHMODAT2, AT_FDCWD, "file", 0640, 0));
	CHECK(!stat("file", &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_ERRNO(syscall(NR_FCHMODAT2, AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	CHECK(!syscall(NR_FCHMODAT2, fd, "", 0604, AT_EMPTY_PATH));
	CHECK(!stat("link", &st));
	CHECK_EQ(st.st_mode & 07777, 0604);
	CHECK_ERRNO(syscall(NR_FCHMODAT2, AT_FDCWD, "file", 0640, 1), EINVAL);
	CHECK_ERRNO(syscall(NR_FCHMODAT2, -1, "file", 0640, 0), EBADF);
	close(fd);
}

static void pages_in_memory(void)
{
	struct { uint64_t off, len; } range = {0, 0};
	struct { uint64_t cache, dirty, writeback, evicted, recently; } stat;
	char page[4096] = "data";
	int fd;

	calls_of(NR_CACHESTAT);
	CHECK((fd = memfd_create("pages", 0)) >= 0);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(pwrite(fd, page, sizeof(page), i * 8192), 4096);
	CHECK(!syscall(NR_CACHESTAT, fd, &range, &stat, 0));
	CHECK_EQ(stat.cache + stat.evicted, 5);
	range.off = 8192, range.len = 4097 + 4096;
	CHECK(!syscall(NR_CACHESTAT, fd, &range, &stat, 0));
	CHECK_EQ(stat.cache + stat.evicted, 2);
	CHECK_ERRNO(syscall(NR_CACHESTAT, fd, &range, &stat, 1), EINVAL);
	CHECK_ERRNO(syscall(NR_CACHESTAT, fd, (void *)8, &stat, 0), EFAULT);
	CHECK_ERRNO(syscall(NR_CACHESTAT, -1, &range, &stat, 0), EBADF);
	close(fd);
}

struct query {
	uint64_t size, flags, addr, start, end, vma_flags, page_size, offset, inode;
	uint32_t major, minor, name_size, build_id_size;
	uint64_t name_addr, build_id_addr;
};
#define QUERY _IOWR('f', 17, struct query)

static void mappings(void)
{
	struct query q = {.size = sizeof(q)};
	char name[256], exe[256];
	char *p = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/maps", O_RDONLY);
	ssize_t n;

	CHECK(p != MAP_FAILED && fd >= 0);
	CHECK(!mprotect(p, 4096, PROT_READ | PROT_WRITE));
	CHECK(!munmap(p + 2 * 4096, 4096));
	q.addr = (uint64_t)p + 100;
	if (ioctl(fd, QUERY, &q) == -1 && errno == ENOTTY)
		return;	/* older than 6.11 */
	CHECK_EQ(q.end, (uint64_t)p + 4096);
	CHECK_EQ(q.vma_flags, 3);
	CHECK_EQ(q.page_size, 4096);
	q.flags = 2;	/* that can be written; the second page cannot */
	q.addr = (uint64_t)p + 4096;
	CHECK_ERRNO(ioctl(fd, QUERY, &q), ENOENT);
	q.flags = 0;
	q.addr = (uint64_t)p + 2 * 4096;
	CHECK_ERRNO(ioctl(fd, QUERY, &q), ENOENT);
	q.flags = 16;	/* or the next */
	CHECK(!ioctl(fd, QUERY, &q));
	CHECK(q.start > (uint64_t)p + 4096);
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	CHECK(n > 0);
	exe[n] = 0;
	q = (struct query){.size = sizeof(q), .addr = (uint64_t)mappings, .name_addr = (uint64_t)name, .name_size = sizeof(name)};
	CHECK(!ioctl(fd, QUERY, &q));
	CHECK_STR(name, exe);
	CHECK_EQ(q.name_size, strlen(exe) + 1);
	CHECK(q.inode);
	q.name_size = 3;
	CHECK_ERRNO(ioctl(fd, QUERY, &q), ENAMETOOLONG);
	q.size = 8;
	CHECK_ERRNO(ioctl(fd, QUERY, &q), EINVAL);
	close(fd);
}

static void handles(void)
{
	struct file_handle *h = malloc(sizeof(*h) + MAX_HANDLE_SZ);
	int mount;

	h->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(-1, ".", NULL, NULL, HANDLE_CONNECTABLE) == -1 && errno == EINVAL)
		return;	/* older than 6.13 */
	CHECK(!name_to_handle_at(AT_FDCWD, "/proc/filesystems", h, &mount, HANDLE_FID));
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "/proc/filesystems", h, &mount, HANDLE_FID | HANDLE_CONNECTABLE), EINVAL);
}

int main(void)
{
	modes();
	pages_in_memory();
	mappings();
	handles();
	return 0;
}
