/*
 * What the guest programs share: checks that say file, line and both values, and end the program with 1.
 * A program runs natively first, then in a sandbox, in an empty directory of its own that it may fill;
 * 0 is success, 77 means skipped (the reason is on standard error), everything else is a failure.
 */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 3, 4), unused)) static void check_failed(const char *file, int line,
										 const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(1);
}

__attribute__((noreturn, unused)) static void skip(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	fflush(stderr);
	_exit(77);
}

/* Everything that must hold; prints errno, which the last call that failed has set. */
#define CHECK(condition)                                                                                  \
	do {                                                                                              \
		if (!(condition))                                                                         \
			check_failed(__FILE__, __LINE__, "%s is false (errno %d, %s)", #condition, errno, \
				     strerror(errno));                                                    \
	} while (0)

/* Two integers; both are printed. */
#define CHECK_EQ(left, right)                                                                               \
	do {                                                                                                \
		long long check_left = (long long)(left), check_error = errno;                              \
		long long check_right = (long long)(right);                                                 \
		if (check_left != check_right)                                                              \
			check_failed(__FILE__, __LINE__, "%s is %lld (%#llx), not %s = %lld (errno %d)",    \
				     #left, check_left, check_left, #right, check_right, (int)check_error); \
	} while (0)

/* Two strings. */
#define CHECK_STR(left, right)                                                          \
	do {                                                                            \
		const char *check_left = (left), *check_right = (right);                \
		if (!check_left || strcmp(check_left, check_right))                     \
			check_failed(__FILE__, __LINE__, "%s is '%s', not '%s'", #left, \
				     check_left ? check_left : "(null)", check_right);  \
	} while (0)

/* A call that fails: returns -1 (or MAP_FAILED, which is -1 too) with just this errno. */
#define CHECK_ERRNO(call, expected)                                                                         \
	do {                                                                                                \
		errno = 0;                                                                                  \
		long long check_result = (long long)(call);                                                 \
		int check_error = errno;                                                                    \
		if (check_result != -1 || check_error != (expected))                                        \
			check_failed(__FILE__, __LINE__, "%s gives %lld, errno %d (%s), not -1, %s", #call, \
				     check_result, check_error, strerror(check_error), #expected);          \
	} while (0)

/* pthread and posix_ functions return their error. */
#define CHECK_OK(call)                                                                                  \
	do {                                                                                            \
		int check_error = (call);                                                               \
		if (check_error)                                                                        \
			check_failed(__FILE__, __LINE__, "%s fails: %s", #call, strerror(check_error)); \
	} while (0)

/* Monotonic time in milliseconds. */
__attribute__((unused)) static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

__attribute__((unused)) static void sleep_ms(long ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* A new file with this content, open for reading and writing, at offset 0. */
__attribute__((unused)) static int file_with(const char *name, const void *data, size_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		check_failed(__FILE__, __LINE__, "cannot make the file %s: %s", name, strerror(errno));
	return fd;
}

__attribute__((unused)) static off_t file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : -1;
}

__attribute__((unused)) static void on_signal(int signo, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	if (sigaction(signo, &action, NULL) != 0)
		check_failed(__FILE__, __LINE__, "sigaction %d: %s", signo, strerror(errno));
}

__attribute__((unused)) static void on_siginfo(int signo, void (*handler)(int, siginfo_t *, void *),
					       int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};

	if (sigaction(signo, &action, NULL) != 0)
		check_failed(__FILE__, __LINE__, "sigaction %d: %s", signo, strerror(errno));
}

/* The wait status of a child that runs f. */
__attribute__((unused)) static int status_of_child(void (*f)(void))
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		f();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* True when the process sleeps in a call. */
__attribute__((unused)) static int asleep(pid_t pid)
{
	char path[64], text[512] = "", *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		check_failed(__FILE__, __LINE__, "%s cannot be read: %s", path, strerror(errno));
	close(fd);
	at = strrchr(text, ')');
	return at && at[1] == ' ' && at[2] == 'S';
}

/* Waits (up to ten seconds) for what another thread or the kernel brings about; `condition` may have side
 * effects. */
#define WAIT_FOR(condition)                                                                            \
	do {                                                                                           \
		int64_t check_limit = now_ms() + 10000;                                                \
		while (!(condition)) {                                                                 \
			if (now_ms() > check_limit)                                                    \
				check_failed(__FILE__, __LINE__, "waited in vain for %s", #condition); \
			sleep_ms(1);                                                                   \
		}                                                                                      \
	} while (0)

#endif
