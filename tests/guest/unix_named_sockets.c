/* Names in a directory, abstract names and those that the kernel gives; listening, connecting, datagrams by name. */
#include "check.h"
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct sockaddr_un addr;
static char buf[1000];

static socklen_t name(const char *text)
{
	memset(&addr, 0, sizeof addr);
	addr.sun_family = AF_UNIX;
	if (text[0] == '@') {
		memcpy(addr.sun_path + 1, text + 1, strlen(text) - 1);
		return offsetof(struct sockaddr_un, sun_path) + strlen(text);
	}
	strcpy(addr.sun_path, text);
	return sizeof addr;
}

static int try_bind(int fd, const char *text)
{
	socklen_t len = name(text);

	return bind(fd, (struct sockaddr *)&addr, len);
}

static int try_connect(int fd, const char *text)
{
	socklen_t len = name(text);

	return connect(fd, (struct sockaddr *)&addr, len);
}

static int new(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	CHECK(fd >= 0);
	return fd;
}

static void connections(const char *text, int type)
{
	int listener = new(type), client = new(type), other = new(type), server;
	struct ucred cred;
	socklen_t len = sizeof addr;

	CHECK_ERRNO(try_connect(client, text), text[0] == '@' ? ECONNREFUSED : ENOENT);
	CHECK_EQ(try_bind(listener, text), 0);
	CHECK_ERRNO(try_bind(listener, "another"), EINVAL);
	CHECK_ERRNO(try_bind(other, text), EADDRINUSE);
	CHECK_ERRNO(try_connect(client, text), ECONNREFUSED);
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(try_connect(client, text), 0);
	CHECK_ERRNO(try_connect(client, text), EISCONN);
	CHECK_EQ(write(client, "early", 5), 5);
	struct pollfd p = {.fd = listener, .events = POLLIN | POLLOUT};
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	server = accept4(listener, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC);
	CHECK(server >= 0);
	CHECK_EQ(len, sizeof(sa_family_t));
	CHECK_EQ(read(server, buf, 100), 5);
	len = sizeof addr;
	CHECK_EQ(getsockname(server, (struct sockaddr *)&addr, &len), 0);
	CHECK_EQ(len, offsetof(struct sockaddr_un, sun_path) + strlen(text) + (text[0] != '@'));
	len = sizeof addr;
	CHECK_EQ(getpeername(client, (struct sockaddr *)&addr, &len), 0);
	CHECK_EQ(memcmp(addr.sun_path + 1, text + 1, strlen(text) - 1), 0);
	len = sizeof cred;
	CHECK_EQ(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	CHECK_EQ(cred.pid, getpid());
	/* Of a backlog of 1, two wait, the third is refused or has to. */
	CHECK_EQ(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
	int waiting[3];
	for (int i = 0; i < 3; i++) {
		waiting[i] = new(type | SOCK_NONBLOCK);
		if (i < 2)
			CHECK_EQ(try_connect(waiting[i], text), 0);
	}
	CHECK_ERRNO(try_connect(waiting[2], text), EAGAIN);
	CHECK_EQ(close(listener), 0);
	CHECK_ERRNO(read(waiting[0], buf, 1), ECONNRESET);
	CHECK_ERRNO(try_connect(other, text), ECONNREFUSED);
	CHECK_EQ(write(server, "still", 5), 5);
	CHECK_EQ(read(client, buf, 100), 5);
	for (int i = 0; i < 3; i++)
		close(waiting[i]);
	close(server);
	close(client);
	close(other);
}

/* One that cannot be connected to for its type is there as before, however often somebody tries. */
static void types_differ(void)
{
	int datagrams = new(SOCK_DGRAM), stream = new(SOCK_STREAM), sender = new(SOCK_DGRAM);
	char byte;

	CHECK_EQ(try_bind(datagrams, "datagrams"), 0);
	for (int i = 0; i < 5; i++)
		CHECK_ERRNO(try_connect(stream, "datagrams"), EPROTOTYPE);
	CHECK_EQ(try_connect(sender, "datagrams"), 0);
	CHECK_EQ(write(sender, "x", 1), 1);
	CHECK_EQ(read(datagrams, &byte, 1), 1);
	close(datagrams);
	close(stream);
	close(sender);
}

static void files_are_names(void)
{
	int fd = new(SOCK_STREAM), other = new(SOCK_DGRAM);
	struct stat st;

	umask(022);
	CHECK_EQ(mkdir("dir", 0755), 0);
	CHECK_EQ(try_bind(fd, "dir/name"), 0);
	CHECK_EQ(lstat("dir/name", &st), 0);
	CHECK_EQ(st.st_mode, S_IFSOCK | 0755);
	CHECK_ERRNO(open("dir/name", O_RDWR), ENXIO);
	CHECK_EQ(listen(fd, 5), 0);
	CHECK_ERRNO(try_connect(other, "dir/name"), EPROTOTYPE);
	CHECK_EQ(rename("dir/name", "moved"), 0);
	CHECK_EQ(link("moved", "linked"), 0);
	CHECK_EQ(symlink("moved", "pointer"), 0);
	int a = new(SOCK_STREAM), b = new(SOCK_STREAM);
	CHECK_EQ(try_connect(a, "linked"), 0);
	CHECK_EQ(try_connect(b, "pointer"), 0);
	CHECK_EQ(unlink("linked"), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_ERRNO(try_connect(fd = new(SOCK_STREAM), "moved"), ECONNREFUSED);
	CHECK_ERRNO(try_bind(fd, "moved"), EADDRINUSE);
	CHECK_ERRNO(try_bind(fd, "no/where"), ENOENT);
	CHECK_EQ(unlink("moved"), 0);
	CHECK_EQ(try_bind(fd, "moved"), 0);
	CHECK_EQ(close(file_with("plain", "", 0)), 0);
	CHECK_ERRNO(try_connect(new(SOCK_STREAM), "plain"), ECONNREFUSED);
	if (getuid() == 0) {
		CHECK_EQ(listen(fd, 1), 0);
		CHECK_EQ(chmod("moved", 0644), 0);
		pid_t child = fork();
		if (!child) {
			CHECK_EQ(setuid(1234), 0);
			CHECK_ERRNO(try_connect(new(SOCK_STREAM), "moved"), EACCES);
			_exit(0);
		}
		int status;
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}
}

static void datagrams(void)
{
	int to = new(SOCK_DGRAM), from = new(SOCK_DGRAM | SOCK_NONBLOCK), n = 0;
	socklen_t len = name("@unix-datagrams-here");

	CHECK_EQ(bind(to, (struct sockaddr *)&addr, len), 0);
	CHECK_ERRNO(send(from, "x", 1, 0), ENOTCONN);
	CHECK_EQ(sendto(from, "first", 5, 0, (struct sockaddr *)&addr, len), 5);
	CHECK_EQ(sendto(from, "second", 6, 0, (struct sockaddr *)&addr, len), 6);
	CHECK_EQ(sendto(from, "", 0, 0, (struct sockaddr *)&addr, len), 0);
	CHECK_EQ(bind(from, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX}, 2), 0);
	socklen_t got = sizeof addr;
	CHECK_EQ(recvfrom(to, buf, 3, MSG_TRUNC, (struct sockaddr *)&addr, &got), 5);
	CHECK_EQ(got, 8); /* the name that the sender has by now */
	got = sizeof addr;
	CHECK_EQ(recvfrom(to, buf, 100, 0, (struct sockaddr *)&addr, &got), 6);
	CHECK_EQ(got, 2 + 6);
	CHECK_EQ(addr.sun_path[0], 0);
	CHECK_EQ(recv(to, buf, 100, 0), 0);
	CHECK_EQ(try_connect(from, "@unix-datagrams-here"), 0);
	struct pollfd p = {.fd = from, .events = POLLOUT};
	CHECK_EQ(poll(&p, 1, 0), 1);
	while (send(from, "one", 3, 0) == 3)
		n++;
	CHECK_EQ(errno, EAGAIN);
	printf("datagrams that fit: %d\n", n);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(recv(to, buf, 100, 0), 3);
	CHECK_EQ(poll(&p, 1, 0), 1);
	static char big[212992];
	CHECK_ERRNO(send(from, big, 212992 - 31, 0), EMSGSIZE);
	CHECK_EQ(close(to), 0);
	CHECK_ERRNO(send(from, "x", 1, 0), ECONNREFUSED);
	CHECK_ERRNO(send(from, "x", 1, 0), ENOTCONN);
	close(from);
}

static void packets(void)
{
	int s[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
	CHECK_EQ(write(s[0], "one", 3), 3);
	CHECK_EQ(write(s[0], "three", 5), 5);
	struct iovec iov = {buf, 2};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	CHECK_EQ(recvmsg(s[1], &m, 0), 2);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(read(s[1], buf, 100), 5);
	struct mmsghdr many[3] = {{.msg_hdr = m}, {.msg_hdr = m}, {.msg_hdr = m}};
	CHECK_EQ(sendmmsg(s[0], many, 3, 0), 3);
	CHECK_EQ(recvmmsg(s[1], many, 3, MSG_DONTWAIT, NULL), 3);
	CHECK_EQ(many[2].msg_len, 2);
	CHECK_EQ(close(s[0]), 0);
	CHECK_EQ(read(s[1], buf, 100), 0);
	CHECK_ERRNO(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(s[1]);
}

static void *connect_later(void *fd)
{
	sleep_ms(30);
	CHECK_EQ(try_connect((int)(intptr_t)fd, "@unix-accept-waits"), 0);
	return NULL;
}

static void accept_waits(void)
{
	int listener = new(SOCK_STREAM), client = new(SOCK_STREAM), fd;
	pthread_t t;

	CHECK_EQ(try_bind(listener, "@unix-accept-waits"), 0);
	CHECK_EQ(listen(listener, 0), 0);
	CHECK_OK(pthread_create(&t, NULL, connect_later, (void *)(intptr_t)client));
	CHECK((fd = accept(listener, NULL, NULL)) >= 0);
	CHECK_OK(pthread_join(t, NULL));
	/* A connect that has to wait for accept: a backlog of 0 holds one. */
	int first = new(SOCK_STREAM), second = new(SOCK_STREAM);
	CHECK_EQ(try_connect(first, "@unix-accept-waits"), 0);
	CHECK_OK(pthread_create(&t, NULL, connect_later, (void *)(intptr_t)second));
	sleep_ms(60);
	CHECK(accept(listener, NULL, NULL) >= 0);
	CHECK_OK(pthread_join(t, NULL));
	CHECK(accept(listener, NULL, NULL) >= 0);
}

static void listed(void)
{
	int fd = new(SOCK_DGRAM);
	char line[300];
	int found = 0;

	CHECK_EQ(try_bind(fd, "@unix-listed-here"), 0);
	FILE *f = fopen("/proc/net/unix", "r");
	CHECK(f);
	while (fgets(line, sizeof line, f))
		found += strstr(line, "0002 01") && strstr(line, " @unix-listed-here\n");
	CHECK_EQ(found, 1);
	fclose(f);
	close(fd);
}

int main(void)
{
	connections("@unix-named-sockets", SOCK_STREAM);
	connections("@unix-named-packets", SOCK_SEQPACKET);
	connections("name", SOCK_STREAM);
	types_differ();
	files_are_names();
	datagrams();
	packets();
	accept_waits();
	listed();
	return 0;
}
