/*
 * What a program of the host sees: /usr read-only, a small /etc, a private /tmp, its own file, and nothing of
 * /home, /root, /var, /run, /sys or the host's /proc.  A start is counted in microseconds, so this makes
 * about two system calls a mount and reads one file of the host, /etc/passwd.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/view.h"

/* /usr and what the host keeps beside it; programs may write there, and only they see it. */
#define HOST_TREE (BZ_MOUNT_READONLY | BZ_MOUNT_OVERLAY)

static char *link_text(int dir, const char *name)
{
	char text[BZ_PATH_MAX + 1];
	ssize_t len = readlinkat(dir, name, text, sizeof(text) - 1);

	if (len < 0)
		return NULL;
	text[len] = 0;
	return must_dup(text);
}

/* The host's links /bin and the like; directories on a host whose /usr is not merged. */
static void add_top(struct view *v, const char *path)
{
	char *text = link_text(AT_FDCWD, path);
	int fd;

	if (text) {
		view_link(v, path, text);
		return;
	}
	if (errno != EINVAL)
		return;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		view_volume(v, path, path, fd, HOST_TREE, false);
}

static bool leads_to_usr(const char *text)
{
	while (!strncmp(text, "../", 3))
		text += 3;
	return !strncmp(text, "/usr/", 5) || !strncmp(text, "usr/", 4);
}

/* A file or directory of /etc that all may read. */
static void add_etc(struct view *v, const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		text = link_text(fd, "");
		close(fd);
		if (text && leads_to_usr(text)) {
			view_link(v, path, text);
			return;
		}
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd < 0)
			return;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IROTH) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		view_volume(v, path, path, fd, BZ_MOUNT_READONLY, S_ISREG(st.st_mode));
	else
		close(fd);
}

/* The line of /etc/passwd or group with this number: its name, in `name`.  By hand: this binary is static. */
static bool name_of(const char *file, uint32_t id, char name[64])
{
	FILE *f = fopen(file, "re");
	char line[1024];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *password = strchr(line, ':'), *number = password ? strchr(password + 1, ':') : NULL;

		if (!number || password - line > 63 || strtoul(number + 1, NULL, 10) != id)
			continue;
		*password = 0;
		strcpy(name, line);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static void add_accounts(struct view *v, uint32_t uid, uint32_t gid)
{
	char user[64] = "user", group[64] = "user", *users = NULL, *groups = NULL;

	if (uid && name_of("/etc/passwd", uid, user))
		users = must_format("%s:x:%u:%u::/tmp:/bin/sh\n", user, uid, gid);
	else if (uid)
		users = must_format("user:x:%u:%u::/tmp:/bin/sh\n", uid, gid);
	if (gid) {
		name_of("/etc/group", gid, group);
		groups = must_format("%s:x:%u:\n", group, gid);
	}
	view_text(v, "/etc/passwd",
		  must_format("root:x:0:0:root:/tmp:/bin/sh\n%snobody:x:65534:65534:nobody:/nonexistent:/usr/"
			      "sbin/nologin\n",
			      users ? users : ""));
	view_text(v, "/etc/group", must_format("root:x:0:\n%snogroup:x:65534:\n", groups ? groups : ""));
}

void view_host(struct view *v, const struct run_options *o, const struct program *p, uint32_t uid,
	       uint32_t gid)
{
	static const char *const tops[] = {"/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin"};
	static const char *const etc[] = {
	    "/etc/ld.so.cache", "/etc/alternatives", "/etc/nsswitch.conf", "/etc/services",
	    "/etc/protocols",	"/etc/localtime",    "/etc/mime.types",	   "/etc/inputrc",
	    "/etc/terminfo",	"/etc/fonts",	     "/etc/ssl/certs",	   "/etc/ssl/openssl.cnf",
	};
	int fd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail(EXIT_BARTIZAN, "/usr: %s", strerror(errno));
	view_volume(v, "/usr", "/usr", fd, HOST_TREE, false);
	if (!o->usr_local)
		view_tmpfs(v, "/usr/local", 0, 0755, 0);
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
		add_top(v, tops[i]);
	for (size_t i = 0; i < sizeof(etc) / sizeof(etc[0]); i++)
		add_etc(v, etc[i]);
	view_etc_links(v, add_etc);
	add_accounts(v, uid, gid);
	view_tmpfs(v, "/tmp", 0, 01777, 0);
	if (p->outside_usr)
		view_grant(v, "run", p->host_path, p->exe, BZ_MOUNT_READONLY);
}
