/*
 * For tests of images: a temporary directory, running bartizan-image, files, tars made by hand.
 */
#ifndef TESTS_UNIT_IMAGE_SUPPORT_H
#define TESTS_UNIT_IMAGE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char temp_dir[64];

static inline int setup_dir(void **state)
{
	strcpy(temp_dir, "/tmp/bartizan-test-XXXXXX");
	if (!mkdtemp(temp_dir) || chmod(temp_dir, 0755) || chdir(temp_dir))
		return -1;
	setenv("HOME", temp_dir, 1);
	setenv("TMPDIR", temp_dir, 1);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("XDG_DATA_HOME");
	unsetenv("SOURCE_DATE_EPOCH");
	return 0;
}

static inline int teardown_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", temp_dir);
	return chdir("/") || system(command);
}

/* Runs a shell command in the temporary directory; $BI is bartizan-image.  Returns its exit status; what it
 * wrote to standard error is in last_error. */
static char last_error[4096];

static inline int sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int sh(const char *format, ...)
{
	char command[4096], whole[4300];
	va_list ap;
	int status, fd;
	ssize_t n;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	snprintf(whole, sizeof(whole), "{ %s\n} 2>%s/stderr", command, temp_dir);
	status = system(whole);
	fd = open("stderr", O_RDONLY);
	n = fd >= 0 ? read(fd, last_error, sizeof(last_error) - 1) : 0;
	last_error[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The command fails with 125, one line that has `text` in it, and leaves nothing behind. */
static inline void expect_error(const char *command, const char *text)
{
	int status = sh("%s", command);
	char *newline = strchr(last_error, '\n');

	if (status != 125 || !strstr(last_error, text) || !newline || newline[1])
		fail_msg("%s\n  exit %d, wanted 125; wanted \"%s\" in: %s", command, status, text,
			 last_error);
	assert_int_equal(sh("! /bin/ls -A | /bin/grep -q -e bartizan-build -e '[.]XXX' -e '^[.].*[.]img'"),
			 0);
}

static inline void write_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static inline void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

/* One ustar header, and data padded to 512 bytes. */
static inline void tar_entry(FILE *f, char type, const char *name, const char *link, const char *data)
{
	char h[512] = {0};
	unsigned int sum = 0;
	size_t n = data ? strlen(data) : 0;

	strncpy(h, name, 100);
	sprintf(h + 100, "%07o", type == '5' ? 0755 : 0644);
	sprintf(h + 108, "%07o", 0);
	sprintf(h + 116, "%07o", 0);
	sprintf(h + 124, "%011zo", n);
	sprintf(h + 136, "%011o", 1000000000);
	h[156] = type;
	if (link)
		strncpy(h + 157, link, 100);
	memcpy(h + 257, "ustar\00000", 8);
	sprintf(h + 329, "%07o", 1);
	sprintf(h + 337, "%07o", 3);
	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	sprintf(h + 148, "%06o", sum);
	fwrite(h, 512, 1, f);
	if (n)
		fwrite(data, n, 1, f);
	for (size_t i = n; i % 512; i++)
		fputc(0, f);
}

static inline void tar_end(FILE *f)
{
	static const char zeros[1024];

	fwrite(zeros, sizeof(zeros), 1, f);
	fclose(f);
}

#endif
