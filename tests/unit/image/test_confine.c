/*
 * The confinement of the archive parser, from inside: what must work works, everything else is denied or
 * deadly.
 */
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "support.h"
#include "image/confine.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { ROOT = 3, KILLED = 1000 };

/* Runs fn confined to the directory `root`; its result, or KILLED if the filter ended it. */
static int confined(int (*fn)(void))
{
	int root = open("root", O_RDONLY | O_DIRECTORY), status;
	int drop = geteuid() == 0 && fchown(root, CONFINE_UID, CONFINE_UID) == 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct image_error err;

		dup2(root, ROOT);
		if (confine(ROOT, -1, ROOT, drop, 1 << 20, &err)) {
			fprintf(stderr, "%s\n", err.text);
			_exit(99);
		}
		_exit(fn());
	}
	close(root);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int setup(void **state)
{
	return setup_dir(state) || mkdir("root", 0755);
}

static int make_things(void)
{
	int fd = openat(ROOT, "file", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || mkdirat(ROOT, "dir", 0700) || symlinkat("/", ROOT, "link") ||
	    linkat(ROOT, "file", ROOT, "dir/hard", 0) || mknodat(ROOT, "fifo", S_IFIFO | 0600, 0))
		return 1;
	return fsetxattr(fd, "user.a", "b", 1, 0) && errno != ENOTSUP;
}

static void what_is_needed_works(void **state)
{
	assert_int_equal(confined(make_things), 0);
}

static int open_outside(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/root", temp_dir);
	if (openat(AT_FDCWD, "/etc/passwd", O_RDONLY) >= 0 || openat(AT_FDCWD, path, O_RDONLY) >= 0)
		return 1;
	/* With a root of its own `..` is the root; without, Landlock refuses. */
	return openat(ROOT, "../../etc/passwd", O_RDONLY) >= 0 ||
	       openat(ROOT, "link/etc/passwd", O_RDONLY) >= 0;
}

static void nothing_outside_is_there(void **state)
{
	assert_int_equal(confined(open_outside), 0);
}

static int too_large(void)
{
	int fd = openat(ROOT, "large", O_RDWR | O_CREAT, 0600);

	return ftruncate(fd, 2 << 20) == 0;
}

static void files_are_bounded(void **state)
{
	assert_int_equal(confined(too_large), 128 + SIGXFSZ);
}

static int change_root(void)
{
	return chroot(".") == 0;
}

static int make_device(void)
{
	return mknodat(ROOT, "null", S_IFCHR | 0600, 259) == 0;
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static int make_process(void)
{
	return fork() >= 0;
}

static int run_program(void)
{
	char *argv[] = {"sh", NULL};

	return execv("/bin/sh", argv);
}

static int reach_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static int new_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static void everything_else_is_deadly(void **state)
{
	int (*const deeds[])(void) = {change_root, make_device,	 make_socket,  make_process,
				      run_program, reach_parent, new_namespace};

	if (SANITIZED) /* the sanitizers' own system calls are not those of the list */
		skip();
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (confined(deeds[i]) != KILLED)
			fail_msg("deed %zu was not punished", i);
}

/* The same as an ordinary user. */
static void as_ordinary_user(void **state)
{
	pid_t pid;
	int status;

	if (geteuid())
		skip();
	assert_int_equal(sh("rm -rf root"), 0);
	assert_int_equal(chmod(temp_dir, 0777), 0);
	pid = fork();
	if (pid == 0) {
		if (setresgid(54321, 54321, 54321) || setresuid(54321, 54321, 54321) || mkdir("root", 0755))
			_exit(98);
		_exit(confined(make_things) ? 1 : confined(open_outside) ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_needed_works), cmocka_unit_test(nothing_outside_is_there),
	    cmocka_unit_test(files_are_bounded),    cmocka_unit_test(everything_else_is_deadly),
	    cmocka_unit_test(as_ordinary_user),
	};

	return cmocka_run_group_tests(tests, setup, teardown_dir);
}
