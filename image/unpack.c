/*
 * Unpacking in a confined child, seen from the parent: it starts the child, shows progress, and reads the
 * child's report as the hostile input that it may be.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/confine.h"
#include "image/progress.h"
#include "image/rootwalk.h"
#include "image/unpacker.h"

#define REPORT_MAX (2ull << 30)

/* The child's descriptors. */
enum { FD_ARCHIVE = 3, FD_ROOT, FD_REPORT, FD_ERROR, FD_LAST = FD_ERROR };

static void place_fds(const int from[4])
{
	int high[4];

	for (int i = 0; i < 4; i++)
		high[i] = fcntl(from[i], F_DUPFD, 64);
	for (int i = 0; i < 4; i++)
		dup2(high[i], FD_ARCHIVE + i);
}

/* Never returns.  `oci`: the archive descriptor is a directory, an unpacked OCI or docker archive. */
static void child(const int fds[4], bool oci, int drop, const struct unpack_limits *limits, uint64_t *shown)
{
	struct image_error err = {""};
	struct unpacker u = {.root = FD_ROOT, .report = FD_REPORT, .limits = *limits, .shown = shown, .err = &err};
	struct unpack_record skipped = {.kind = UNPACK_SKIPPED}, end = {.kind = UNPACK_END};
	int ret, null = open("/dev/null", O_RDWR);

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	place_fds(fds);
	setlocale(LC_CTYPE, "C.UTF-8"); /* names are bytes or UTF-8, never the caller's locale */
	ret = confine(FD_ROOT, oci ? FD_ARCHIVE : -1, FD_LAST, drop,
		      limits->bytes < INT64_MAX ? limits->bytes : INT64_MAX, &err);
	if (!ret)
		ret = oci ? unpacker_oci(&u, FD_ARCHIVE) : unpacker_tar(&u, FD_ARCHIVE);
	skipped.mode = u.skipped;
	skipped.uid = u.skipped_xattrs;
	if (!ret)
		ret = unpacker_record(&u, &skipped, NULL, NULL);
	if (!ret)
		ret = unpacker_record(&u, &end, NULL, NULL);
	if (!ret)
		ret = unpacker_flush(&u);
	if (ret && write(FD_ERROR, err.text, strlen(err.text)) < 0)
		_exit(2);
	_exit(ret ? 1 : 0);
}

static int read_error(int fd, int status, struct image_error *err)
{
	struct image_error line;
	ssize_t n = read(fd, line.text, sizeof(line.text));

	if (WIFSIGNALED(status))
		return image_fail(err, -EINVAL,
				  "the archive's unpacker died of signal %d (%s); the archive is damaged "
				  "or hostile",
				  WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (n <= 0)
		return image_fail(err, -EINVAL, "the archive's unpacker failed");
	/* Escaped once already, but by a process that has parsed hostile bytes: let only what is printable
	 * pass. */
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)line.text[i] < 0x20 || line.text[i] == 0x7f)
			line.text[i] = '?';
	return image_fail(err, -EINVAL, "%.*s", (int)n, line.text);
}

/* Of an archive that cannot seek, what was unpacked is shown. */
static int wait_for(pid_t pid, int archive, uint64_t total, const uint64_t *unpacked, int *status)
{
	int pidfd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	while (pidfd >= 0 && poll(&p, 1, 100) == 0) {
		off_t at = lseek(archive, 0, SEEK_CUR); /* the child shares it */

		progress(at > 0 ? (uint64_t)at : __atomic_load_n(unpacked, __ATOMIC_RELAXED), at > 0 ? total : 0);
	}
	if (pidfd >= 0)
		close(pidfd);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Runs the child; *report is its memory file. */
static int run(struct stage *s, int archive, bool oci, uint64_t total, const struct unpack_limits *limits,
	       int *report, struct image_error *err)
{
	int fds[4] = {archive, s->root, memfd_create("report", MFD_CLOEXEC), -1}, pipefd[2], status, ret;
	/* Root's child becomes nobody, and the tree must be nobody's for that. */
	int drop = geteuid() == 0 && fchown(s->root, CONFINE_UID, CONFINE_UID) == 0;
	uint64_t *unpacked = mmap(NULL, sizeof(*unpacked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (unpacked == MAP_FAILED || fds[2] < 0 || pipe2(pipefd, O_CLOEXEC))
		return image_fail(err, -errno, "cannot start the unpacker: %s", strerror(errno));
	fds[3] = pipefd[1];
	pid = fork();
	if (pid == 0)
		child(fds, oci, drop, limits, unpacked);
	close(pipefd[1]);
	*report = fds[2];
	ret = pid < 0 ? -errno : wait_for(pid, archive, total, unpacked, &status);
	if (ret)
		ret = image_fail(err, ret, "cannot start the unpacker: %s", strerror(-ret));
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		ret = read_error(pipefd[0], status, err);
	close(pipefd[0]);
	s->bytes += *unpacked;
	munmap(unpacked, sizeof(*unpacked));
	return ret;
}

static int read_report(struct stage *s, struct draft *d, int fd, struct image_error *err)
{
	struct stat st;
	void *bytes = MAP_FAILED;
	int ret;

	if (fstat(fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size <= REPORT_MAX)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return image_fail(err, -EINVAL, "the archive's unpacker gave no report");
	ret = unpack_report(s, d, bytes, (size_t)st.st_size, err);
	munmap(bytes, (size_t)st.st_size);
	return ret;
}

/* As `docker save` and OCI layouts begin.  A root directory that has a file of such a name has more than
 * that. */
static bool is_container_archive(const struct stage *s)
{
	struct stat st;

	if (faccessat(s->root, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    faccessat(s->root, "index.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	return fstatat(s->root, "manifest.json", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       faccessat(s->root, "usr", F_OK, AT_SYMLINK_NOFOLLOW) &&
	       faccessat(s->root, "bin", F_OK, AT_SYMLINK_NOFOLLOW);
}

static int unpack_once(struct stage *s, struct draft *d, int archive, bool oci, uint64_t total,
		       const struct unpack_limits *limits, struct image_error *err)
{
	int report = -1, ret;

	ret = run(s, archive, oci, total, limits, &report, err);
	if (!ret)
		ret = read_report(s, d, report, err);
	if (report >= 0)
		close(report);
	return ret;
}

int unpack(struct stage *s, struct draft *d, int fd, uint64_t total, const struct unpack_limits *limits,
	   struct image_error *err)
{
	int layers, ret;

	progress_start("unpacking");
	ret = unpack_once(s, d, fd, false, total, limits, err);
	if (ret || !is_container_archive(s))
		return ret;
	ret = stage_put_aside(s, "archive", err);
	if (ret)
		return ret;
	layers = openat(s->dir, "archive", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (layers < 0)
		return image_fail(err, -errno, "cannot read the layers: %s", strerror(errno));
	progress_start("unpacking layers");
	ret = unpack_once(s, d, layers, true, 0, limits, err);
	close(layers);
	return ret;
}
