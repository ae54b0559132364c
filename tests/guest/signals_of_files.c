/* O_ASYNC, F_SETOWN and F_SETSIG of pipes, sockets and terminals; F_NOTIFY of directories. */
#include "check.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static volatile sig_atomic_t seen, seen_fd, seen_code;

static void heard(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	seen_fd = info->si_fd;
	seen_code = info->si_code;
	seen++;
}

static void expect(int count)
{
	for (int64_t end = now_ms() + 10000; seen < count && now_ms() < end;)
		sleep_ms(1);
	CHECK(seen >= count);
}

static void listen_to(int fd, int sig, pid_t owner)
{
	CHECK(!fcntl(fd, F_SETOWN, owner));
	CHECK(!fcntl(fd, F_SETSIG, sig));
	CHECK(!fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
	seen = 0;
}

static void input(int reader, int writer, const char *text)
{
	listen_to(reader, SIGRTMIN, getpid());
	CHECK(write(writer, text, strlen(text)) > 0);
	expect(1);
	CHECK_EQ(seen_fd, reader);
	CHECK_EQ(seen_code, POLL_IN);
	/* No more of it. */
	CHECK(!fcntl(reader, F_SETFL, fcntl(reader, F_GETFL) & ~O_ASYNC));
	seen = 0;
	CHECK(write(writer, text, strlen(text)) > 0);
	sleep_ms(50);
	CHECK_EQ(seen, 0);
}

static void owners(int fd)
{
	struct f_owner_ex o = {F_OWNER_TID, getpid()};

	CHECK(!fcntl(fd, F_SETOWN, getpid()));
	CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
	CHECK(!fcntl(fd, F_SETOWN, -getpgrp()));
	CHECK_EQ(fcntl(fd, F_GETOWN), -getpgrp());
	CHECK(!fcntl(fd, F_GETOWN_EX, &o));
	CHECK(o.type == F_OWNER_PGRP && o.pid == getpgrp());
	o = (struct f_owner_ex){F_OWNER_TID, getpid()};
	CHECK(!fcntl(fd, F_SETOWN_EX, &o));
	CHECK(!fcntl(fd, F_GETOWN_EX, &o));
	CHECK(o.type == F_OWNER_TID && o.pid == getpid());
	CHECK_ERRNO(fcntl(fd, F_SETOWN, 0x3ffffff), ESRCH);
	CHECK(!fcntl(fd, F_SETOWN, 0));
}

/* Without F_SETSIG it is a plain SIGIO, which a child hears as well as a parent. */
static void plain(void)
{
	int p[2], gate[2], status, on = 1;
	char byte;
	pid_t pid;

	CHECK(!pipe(p) && !pipe(gate));
	if (!(pid = fork())) {
		struct timespec patience = {10, 0};
		siginfo_t info;
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGIO);
		CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
		CHECK(!fcntl(p[0], F_SETOWN, getpid()));
		CHECK(!ioctl(p[0], FIOASYNC, &on));
		CHECK_EQ(write(gate[1], "x", 1), 1);
		CHECK_EQ(sigtimedwait(&set, &info, &patience), SIGIO);
		_exit(info.si_code == SI_KERNEL ? 17 : 1);
	}
	CHECK_EQ(read(gate[0], &byte, 1), 1);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 17);
}

static int watch(const char *name, unsigned long what)
{
	int fd = open(name, O_RDONLY | O_DIRECTORY);

	CHECK(fd >= 0);
	CHECK(!fcntl(fd, F_SETSIG, SIGRTMIN));
	if (fcntl(fd, F_NOTIFY, what) && errno == EINVAL)
		skip("a kernel without dnotify");
	seen = 0;
	return fd;
}

/* What is told comes with the call that did it. */
static void directories(void)
{
	char here[] = "/dev/shm/dnotify_XXXXXX";
	int fd, file;

	CHECK(mkdtemp(here) && !chdir(here));
	CHECK((file = open("file", O_CREAT | O_RDWR, 0600)) >= 0);
	CHECK_ERRNO(fcntl(file, F_NOTIFY, DN_CREATE), ENOTDIR);
	CHECK(!mkdir("dir", 0700));
	fd = watch(".", DN_CREATE | DN_DELETE | DN_MULTISHOT);
	CHECK(!close(creat("new", 0600)));
	CHECK_EQ(seen, 1);
	CHECK_EQ(seen_fd, fd);
	CHECK(!unlink("new"));
	CHECK_EQ(seen, 2);
	CHECK_EQ(write(file, "x", 1), 1);
	CHECK_EQ(seen, 2);
	CHECK(!fcntl(fd, F_NOTIFY, 0));
	CHECK(!close(creat("new", 0600)));
	CHECK_EQ(seen, 2);
	close(fd);
	fd = watch(".", DN_MODIFY);	/* once */
	CHECK_EQ(write(file, "x", 1), 1);
	CHECK_EQ(write(file, "x", 1), 1);
	CHECK_EQ(seen, 1);
	close(fd);
	fd = watch(".", DN_RENAME | DN_MULTISHOT);
	CHECK(!rename("new", "dir/new"));
	CHECK_EQ(seen, 0);
	CHECK(!rename("file", "other"));
	CHECK_EQ(seen, 1);
	close(fd);
	fd = watch("dir", DN_ATTRIB);	/* the directory itself */
	CHECK(!chmod("dir", 0755));
	CHECK_EQ(seen, 1);
	close(fd);
	CHECK(!unlink("dir/new") && !rmdir("dir") && !unlink("other") && !rmdir(here));
}

int main(void)
{
	int p[2], s[2], master, slave;

	on_siginfo(SIGRTMIN, heard, 0);
	/* A group of its own: one that began outside of the process's namespace is 0 there, which owns nothing. */
	CHECK(!setpgid(0, 0) || getpgrp() == getpid());
	CHECK(!pipe(p));
	owners(p[0]);
	input(p[0], p[1], "pipe");
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	input(s[0], s[1], "socket");
	CHECK(!openpty(&master, &slave, NULL, NULL, NULL));
	input(slave, master, "line\n");
	plain();
	directories();
	return 0;
}
