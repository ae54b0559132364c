"""The guest's side of unix_grant.py."""
import array
import errno
import fcntl
import os
import select
import socket
import stat
import sys
import termios
import threading


def read_all(s):
    out = b""
    while part := s.recv(65536):
        out += part
    return out


def granted(path):
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    s = socket.socket(socket.AF_UNIX)
    ep = select.epoll()
    s.connect(path)
    ep.register(s, select.EPOLLIN)
    assert ep.poll(20) == [(s.fileno(), select.EPOLLIN)]
    assert s.recv(3, socket.MSG_PEEK) == b"hel"
    n = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, n)
    assert n[0] == 5, n
    # What the peer passed does not arrive.
    before = set(os.listdir("/proc/self/fd"))
    data, control, flags, _ = s.recvmsg(100, 1000)
    assert (data, control) == (b"hello", []), (data, control)
    assert set(os.listdir("/proc/self/fd")) == before
    # Nor can anything be passed there.
    try:
        s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
        sys.exit("a descriptor was passed")
    except PermissionError:
        pass
    threading.Thread(target=lambda: (s.sendall(b"z" * 1000000), s.shutdown(socket.SHUT_WR))).start()
    assert read_all(s) == b"Z" * 1000000 + b"bye"
    s.close()
    # Several, without blocking; a timeout; poll.
    many = []
    for i in range(20):
        c = socket.socket(socket.AF_UNIX)
        c.setblocking(False)
        while (e := c.connect_ex(path)) == errno.EAGAIN:
            select.select([], [], [], 0.01)
        assert e == 0, e
        many.append(c)
    for i, c in enumerate(many):
        assert select.select([c], [], [], 20)[0]
        assert c.recv(100) == b"hello"
        c.send(b"x%d" % i)
    for i, c in enumerate(many):
        c.settimeout(20)
        assert c.recv(100) == b"X%d" % i
    many[0].settimeout(0.05)
    try:
        many[0].recv(1)
        sys.exit("no timeout")
    except TimeoutError:
        pass
    many[0].setblocking(True)
    assert many[0].connect_ex(path) == errno.EISCONN
    # Of another kind it is not.
    d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    assert d.connect_ex(path) in (errno.ECONNREFUSED, errno.EPROTOTYPE)
    # A child goes on with it.
    if (pid := os.fork()) == 0:
        many[1].sendall(b"child")
        os._exit(many[1].recv(5) != b"CHILD")
    assert os.waitpid(pid, 0)[1] == 0


def closed(path):
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    e = socket.socket(socket.AF_UNIX).connect_ex(path)
    assert e == errno.ECONNREFUSED, e


{"closed": lambda: closed(sys.argv[2]), "refused": lambda: closed(sys.argv[2])}.get(sys.argv[1], lambda: granted(sys.argv[1]))()
print("done")
