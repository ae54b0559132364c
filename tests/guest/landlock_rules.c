/* Landlock: what a process forbids itself among files, layer by layer; what is refused; children and programs inherit it. */
#include "check.h"
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ALL ((LANDLOCK_ACCESS_FS_REFER << 1) - 1)

static int create(uint64_t handled)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = handled};

	return syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
}

static long add(int fd, uint64_t allowed, int parent)
{
	struct landlock_path_beneath_attr attr = {.allowed_access = allowed, .parent_fd = parent};

	return syscall(__NR_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &attr, 0);
}

static void allow(int fd, uint64_t allowed, const char *name)
{
	int parent = open(name, O_PATH | O_CLOEXEC);

	CHECK(parent >= 0);
	CHECK_EQ(add(fd, allowed, parent), 0);
	close(parent);
}

static long restrict_self(int fd)
{
	return syscall(__NR_landlock_restrict_self, fd, 0);
}

static void enforce(int fd)
{
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK_EQ(restrict_self(fd), 0);
	close(fd);
}

static void child(void (*f)(void))
{
	CHECK_EQ(status_of_child(f), 0);
}

static int can_open(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void arguments(void)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE};
	struct landlock_path_beneath_attr beneath = {.allowed_access = LANDLOCK_ACCESS_FS_EXECUTE};
	char large[8192] = {1};
	int fd, file = open("tree/file", O_RDONLY), dir = open("tree", O_PATH), ends[2];

	CHECK(file >= 0 && dir >= 0 && !pipe(ends));
	CHECK(syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2);
	CHECK_ERRNO(syscall(__NR_landlock_create_ruleset, &attr, 8, LANDLOCK_CREATE_RULESET_VERSION), EINVAL);
	CHECK_ERRNO(syscall(__NR_landlock_create_ruleset, &attr, 8, 1u << 31), EINVAL);
	CHECK_ERRNO(syscall(__NR_landlock_create_ruleset, &attr, 7, 0), EINVAL);
	CHECK_ERRNO(syscall(__NR_landlock_create_ruleset, NULL, 8, 0), EFAULT);
	CHECK_ERRNO(syscall(__NR_landlock_create_ruleset, large, sizeof(large), 0), E2BIG);
	large[0] = 0;
	large[100] = 1;
	CHECK_ERRNO(syscall(__NR_landlock_create_ruleset, large, 200, 0), E2BIG);
	CHECK_ERRNO(create(0), ENOMSG);
	CHECK_ERRNO(create(1ull << 60), EINVAL);
	fd = create(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_DIR);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	beneath.parent_fd = dir;
	CHECK_ERRNO(syscall(__NR_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 1), EINVAL);
	CHECK_ERRNO(syscall(__NR_landlock_add_rule, fd, 77, &beneath, 0), EINVAL);
	CHECK_ERRNO(syscall(__NR_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, NULL, 0), EFAULT);
	CHECK_ERRNO(syscall(__NR_landlock_add_rule, -1, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0), EBADF);
	CHECK_ERRNO(syscall(__NR_landlock_add_rule, file, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0), EBADFD);
	CHECK_ERRNO(syscall(__NR_landlock_add_rule, dir, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0), EBADF);
	CHECK_ERRNO(add(fd, 0, dir), ENOMSG);
	CHECK_ERRNO(add(fd, LANDLOCK_ACCESS_FS_WRITE_FILE, dir), EINVAL);
	CHECK_ERRNO(add(fd, LANDLOCK_ACCESS_FS_EXECUTE, -1), EBADF);
	CHECK_ERRNO(add(fd, LANDLOCK_ACCESS_FS_EXECUTE, fd), EBADFD);
	CHECK_ERRNO(add(fd, LANDLOCK_ACCESS_FS_EXECUTE, ends[0]), EBADFD);
	CHECK_ERRNO(add(fd, LANDLOCK_ACCESS_FS_READ_DIR, file), EINVAL);
	CHECK_EQ(add(fd, LANDLOCK_ACCESS_FS_EXECUTE, file), 0);
	CHECK_EQ(add(fd, LANDLOCK_ACCESS_FS_READ_DIR, dir), 0);
	if (geteuid() == 0)
		CHECK(!syscall(__NR_setresuid, 65534, 65534, 65534));
	CHECK_ERRNO(restrict_self(fd), EPERM);
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK_ERRNO(restrict_self(-1), EBADF);
	CHECK_ERRNO(restrict_self(file), EBADFD);
	CHECK_ERRNO(syscall(__NR_landlock_restrict_self, fd, 1u << 31), EINVAL);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(restrict_self(fd), 0);
	CHECK_ERRNO(restrict_self(fd), E2BIG);
}

static void reading(void)
{
	int fd = create(READ | LANDLOCK_ACCESS_FS_WRITE_FILE), before = open("other/file", O_RDWR);
	char c;

	allow(fd, READ, "tree");
	allow(fd, LANDLOCK_ACCESS_FS_WRITE_FILE, "tree/sub");
	allow(fd, LANDLOCK_ACCESS_FS_READ_FILE, "other/file");
	enforce(fd);
	CHECK_EQ(can_open("tree/file", O_RDONLY), 0);
	CHECK_EQ(can_open("tree", O_RDONLY | O_DIRECTORY), 0);
	CHECK_EQ(can_open("tree/file", O_RDWR), -EACCES);
	CHECK_EQ(can_open("tree/file", O_WRONLY), -EACCES);
	CHECK_EQ(can_open("tree/sub/file", O_RDWR), 0);
	CHECK_EQ(can_open("tree/sub/../file", O_WRONLY | O_TRUNC), -EACCES);
	CHECK_EQ(can_open("other/link/file", O_RDWR), 0); /* to tree/sub */
	CHECK_EQ(can_open("other/file", O_RDONLY), 0);
	CHECK_EQ(can_open("other/file", O_WRONLY), -EACCES);
	CHECK_EQ(can_open("other", O_RDONLY), -EACCES);
	CHECK_EQ(can_open("other", O_PATH), 0);
	CHECK_EQ(can_open(".", O_RDONLY), -EACCES);
	CHECK_EQ(can_open("/dev/null", O_RDONLY), -EACCES);
	CHECK_EQ(can_open("/proc/self/status", O_RDONLY), -EACCES);
	CHECK_EQ(can_open("tree/none", O_RDONLY), -ENOENT);
	CHECK(read(before, &c, 1) == 1 && pwrite(before, &c, 1, 0) == 1);
	CHECK_EQ(can_open("tree/sub/new", O_CREAT | O_RDWR), 0); /* making is not handled here */
	CHECK(!unlink("tree/sub/new"));
}

static void layers(void)
{
	int first = create(READ), second = create(LANDLOCK_ACCESS_FS_READ_FILE);

	allow(first, READ, "tree");
	allow(second, LANDLOCK_ACCESS_FS_READ_FILE, "tree/sub");
	allow(second, LANDLOCK_ACCESS_FS_READ_FILE, "other");
	enforce(first);
	CHECK_EQ(can_open("tree/file", O_RDONLY), 0);
	enforce(second);
	CHECK_EQ(can_open("tree/sub/file", O_RDONLY), 0);
	CHECK_EQ(can_open("tree/file", O_RDONLY), -EACCES);
	CHECK_EQ(can_open("other/file", O_RDONLY), -EACCES);
	CHECK_EQ(can_open("tree", O_RDONLY | O_DIRECTORY), 0);
}

static void making_and_removing(void)
{
	struct sockaddr_un name = {AF_UNIX, "tree/socket"};
	int fd = create(ALL & ~(READ | LANDLOCK_ACCESS_FS_EXECUTE));

	allow(fd, LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE, "tree/sub");
	allow(fd, LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_SYM, "tree/sub2");
	enforce(fd);
	CHECK_EQ(can_open("tree/new", O_CREAT | O_RDWR), -EACCES);
	CHECK_EQ(can_open("tree/sub/new", O_CREAT | O_RDWR), 0);
	CHECK_EQ(can_open("tree/sub2/file", O_CREAT | O_RDONLY), 0);
	CHECK_EQ(can_open("tree/sub2/file", O_CREAT | O_EXCL | O_RDONLY), -EEXIST);
	CHECK_ERRNO(mkdir("tree/d", 0700), EACCES);
	CHECK_ERRNO(mkdir("tree/sub", 0700), EEXIST);
	CHECK_EQ(mkdir("tree/sub/d", 0700), 0);
	CHECK_ERRNO(rmdir("tree/sub/d"), EACCES);
	CHECK_ERRNO(unlink("tree/sub/new"), EACCES);
	CHECK_ERRNO(unlink("tree/sub/none"), ENOENT);
	CHECK_ERRNO(symlink("x", "tree/sub/l"), EACCES);
	CHECK_EQ(symlink("x", "tree/sub2/l"), 0);
	CHECK_EQ(unlink("tree/sub2/l"), 0);
	CHECK_ERRNO(mkfifo("tree/sub/p", 0600), EACCES);
	CHECK_ERRNO(mknod("tree/sub2/r", S_IFREG | 0600, 0), EACCES);
	CHECK_EQ(mknod("tree/sub/r", S_IFREG | 0600, 0), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERRNO(bind(fd, (struct sockaddr *)&name, sizeof(name)), EACCES);
	/* In one directory: what goes and what comes. */
	CHECK_ERRNO(rename("tree/sub/new", "tree/sub/newer"), EACCES);
	CHECK_ERRNO(link("tree/sub2/file", "tree/sub2/file2"), EACCES);
	CHECK_EQ(link("tree/sub/r", "tree/sub/r2"), 0);
}

static void clean(void)
{
	CHECK(!unlink("tree/sub/new") && !rmdir("tree/sub/d") && !unlink("tree/sub/r") && !unlink("tree/sub/r2"));
}

static void moving(void)
{
	uint64_t change = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
			  LANDLOCK_ACCESS_FS_REMOVE_DIR;
	int fd = create(change | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_READ_FILE);

	allow(fd, change, "tree");
	allow(fd, change | LANDLOCK_ACCESS_FS_REFER, "other");
	allow(fd, LANDLOCK_ACCESS_FS_REFER, "tree/sub");
	allow(fd, LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_READ_FILE, "tree/sub2");
	enforce(fd);
	CHECK_EQ(rename("tree/file", "tree/moved"), 0);
	CHECK_EQ(rename("tree/moved", "tree/file"), 0);
	CHECK_ERRNO(rename("tree/file", "tree/sub/moved"), EXDEV);  /* no REFER where it comes from */
	CHECK_ERRNO(rename("tree/sub/file", "tree/moved"), EXDEV);  /* nor where it would go */
	CHECK_EQ(rename("tree/sub/file", "other/moved"), 0);
	CHECK_EQ(rename("other/moved", "tree/sub/file"), 0);
	CHECK_ERRNO(rename("tree/sub/file", "tree/sub2/moved"), EXDEV); /* it could be read there */
	CHECK_EQ(rename("tree/sub2/file", "tree/sub/moved"), 0);	/* and here no more */
	CHECK_ERRNO(rename("tree/sub/moved", "tree/sub2/file"), EXDEV);
	CHECK_ERRNO(link("tree/sub/file", "tree/sub2/linked"), EXDEV);
	CHECK_EQ(link("tree/sub/file", "other/linked"), 0);
	CHECK_EQ(unlink("other/linked"), 0);
	CHECK_ERRNO(rename("tree/sub/file", "file"), EACCES);
	CHECK_EQ(renameat2(AT_FDCWD, "tree/sub/file", AT_FDCWD, "other/file", RENAME_EXCHANGE), 0);
}

static void moving_unhandled(void)
{
	int fd = create(LANDLOCK_ACCESS_FS_READ_FILE);

	allow(fd, LANDLOCK_ACCESS_FS_READ_FILE, ".");
	enforce(fd);
	CHECK_ERRNO(rename("tree/file", "other/moved"), EXDEV);
	CHECK_ERRNO(link("tree/file", "other/moved"), EXDEV);
	CHECK_EQ(rename("tree/file", "tree/moved"), 0);
	CHECK_EQ(rename("tree/moved", "tree/file"), 0);
}

static void *thread(void *arg)
{
	CHECK_EQ(can_open("tree/file", O_RDONLY), -EACCES);
	return arg;
}

static void inheriting(void)
{
	int fd = create(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE), status;
	pthread_t t;

	allow(fd, LANDLOCK_ACCESS_FS_READ_FILE, "/");
	enforce(fd);
	fd = create(LANDLOCK_ACCESS_FS_READ_FILE);
	enforce(fd);
	CHECK_OK(pthread_create(&t, NULL, thread, NULL));
	CHECK_OK(pthread_join(t, NULL));
	if (!fork()) {
		CHECK_EQ(can_open("tree/file", O_RDONLY), -EACCES);
		CHECK_ERRNO(execl("/proc/self/exe", "x", NULL), EACCES);
		_exit(0);
	}
	CHECK(wait(&status) > 0 && !status);
}

static void executing(void)
{
	int fd = create(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE), status;

	allow(fd, LANDLOCK_ACCESS_FS_EXECUTE, "/");
	enforce(fd);
	if (!fork()) {
		execl("/proc/self/exe", "landlock_rules", "restricted", NULL);
		_exit(9);
	}
	CHECK(wait(&status) > 0);
	CHECK_EQ(status, 0);
}

static void fill(const char *name)
{
	close(file_with(name, "some", 4));
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		CHECK_STR(argv[1], "restricted");
		CHECK_EQ(can_open("tree/file", O_RDONLY), 0);
		CHECK_EQ(can_open("tree/file", O_WRONLY), -EACCES);
		return 0;
	}
	if (syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 2)
		skip("Landlock is not there, or its first version");
	CHECK(!mkdir("tree", 0755) && !mkdir("tree/sub", 0755) && !mkdir("tree/sub2", 0755) && !mkdir("other", 0755));
	fill("file");
	fill("tree/file");
	fill("tree/sub/file");
	fill("tree/sub2/file");
	fill("other/file");
	CHECK(!symlink("../tree/sub", "other/link"));
	child(arguments);
	child(reading);
	child(layers);
	child(making_and_removing);
	clean();
	child(moving_unhandled);
	child(moving);
	child(inheriting);
	child(executing);
	return 0;
}
