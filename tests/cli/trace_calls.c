/*
 * What the trace test traces: calls whose lines must look as strace's.  Between two marks (getppid) nothing depends on
 * where it runs but addresses and process numbers.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void handler(int sig)
{
}

static void files(int fds[2])
{
	struct stat st;
	char text[100];
	int fd;

	pipe2(fds, O_CLOEXEC | O_NONBLOCK);
	write(fds[1], "a\"\\\n\t\1\0009\0017\x7f\xff\033[0m", 16);
	read(fds[0], text, sizeof(text));
	read(fds[0], text, sizeof(text));
	write(fds[1], "0123456789012345678901234567890123456789", 40);
	read(fds[0], text, sizeof(text));
	stat("/dev/null", &st);
	fstatat(AT_FDCWD, "/tmp", &st, AT_SYMLINK_NOFOLLOW);
	lstat("/nonexistent\033[31m\n\\x\"", &st);
	lseek(fds[0], 0, SEEK_END);
	fd = open("/tmp/bartizan-trace", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0640);
	pwrite(fd, "xyz", 3, 5);
	pread(fd, text, 100, 6);
	ftruncate(fd, 2);
	fstat(fd, &st);
	fchmod(fd, 0600);
	lseek(fd, 1, SEEK_SET);
	fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_GETFD);
	close(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10});
	fcntl(99, F_GETFL);
	dup2(fd, 30);
	dup3(fd, 31, O_CLOEXEC);
	close(fd);
	close(fd);
	rename("/tmp/bartizan-trace", "/tmp/bartizan-trace2");
	unlink("/tmp/bartizan-trace2");
	access("/tmp", R_OK | W_OK);
	mkdir("/tmp", 0777);
	symlink("a", "/tmp");
	readlink("/proc/self/fd/30x", text, 100);
	utimensat(AT_FDCWD, "/nonexistent", NULL, 0);
	umask(022);
}

static void waits(const int fds[2])
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = 7};
	struct pollfd f = {.fd = fds[0], .events = POLLIN | POLLPRI};
	struct iovec v[2] = {{"hello", 5}, {"world\n", 6}};
	char text[20];
	int e;

	poll(&f, 1, 0);
	write(fds[1], "x", 1);
	poll(&f, 1, -1);
	e = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(e, EPOLL_CTL_ADD, fds[0], &ev);
	epoll_wait(e, &ev, 1, 100);
	epoll_ctl(e, EPOLL_CTL_DEL, fds[0], NULL);
	writev(fds[1], v, 2);
	v[0].iov_base = text;
	v[1].iov_base = text + 5;
	readv(fds[0], v, 2);
	nanosleep(&(struct timespec){0, 1000}, NULL);
}

static void numbers(void)
{
	struct itimerval it = {.it_value = {1, 5}};
	struct rlimit limit;
	sigset_t set;
	void *m;

	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	mprotect(m, 4096, PROT_NONE);
	madvise(m, 4096, MADV_DONTNEED);
	munmap(m, 4096);
	mmap((void *)1, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, 99, 0x1000);
	setitimer(ITIMER_REAL, &it, NULL);
	alarm(0);
	getrlimit(RLIMIT_CORE, &limit);
	getrlimit(99, &limit);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGUSR1, handler);
	kill(getpid(), SIGUSR1);
	syscall(9999, 1, 2, 3, 4, 5, 6);
	wait4(-1, NULL, WNOHANG, NULL);
}

int main(int argc, char **argv)
{
	int fds[2], status;

	getppid();
	files(fds);
	waits(fds);
	numbers();
	getppid();
	if (argc > 1) {
		if (!fork()) {
			execl("/nonexistent", "name", "argument \"\\\033", (char *)NULL);
			_exit(3);
		}
		wait(&status);
		kill(getpid(), SIGTERM);
	}
	return 5;
}
