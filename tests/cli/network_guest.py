"""The guest's side of network.py."""
import errno
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

HOST = "192.0.0.8"


def refused(address, kind=socket.SOCK_STREAM, want=errno.ECONNREFUSED):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    s = socket.socket(family, kind)
    s.settimeout(10)
    try:
        if kind == socket.SOCK_STREAM:
            s.connect(address)
        else:
            s.sendto(b"x", address)
    except OSError as e:
        if e.errno not in (want, errno.ENETUNREACH):
            sys.exit(f"{address}: {e}")
        return
    finally:
        s.close()
    sys.exit(f"{address} was reached")


def read_all(s):
    out = b""
    while part := s.recv(65536):
        out += part
    return out


def outbound(port, udp):
    # By name; both ends of the connection have a name of their own.
    s = socket.create_connection(("host.bartizan.internal", port), 10)
    assert s.getpeername() == (HOST, port), s.getpeername()
    assert s.getsockname()[0] == HOST
    s.settimeout(None)
    assert s.recv(5) == b"hello"
    threading.Thread(target=lambda: (s.sendall(b"z" * 2000000), s.shutdown(socket.SHUT_WR))).start()
    assert read_all(s) == b"z" * 2000000 + b"bye"
    s.close()

    # Many pieces at once: what is there comes by one call, since who is told of edges waits for the next otherwise.
    s = socket.create_connection((HOST, port), 10)
    assert s.recv(5, socket.MSG_WAITALL) == b"hello"
    s.sendall(b"p" * 5000)
    limit = time.monotonic() + 20
    while len(s.recv(5000, socket.MSG_PEEK)) < 5000 and time.monotonic() < limit:
        time.sleep(0.01)
    assert s.recvmsg_into([bytearray(100) for _ in range(40)])[0] == 4000
    assert s.recvmsg_into([bytearray(100) for _ in range(40)])[0] == 1000
    s.close()

    # Without blocking; peeking; epoll, level and edge.
    s = socket.socket()
    s.setblocking(False)
    assert s.connect_ex((HOST, port)) == errno.EINPROGRESS
    assert select.select([], [s], [], 10)[1]
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert select.select([s], [], [], 10)[0]
    assert s.recv(3, socket.MSG_PEEK) == b"hel"
    assert s.recv(100) == b"hello"
    try:
        s.recv(1)
        sys.exit("a read that should wait did not")
    except BlockingIOError:
        pass
    ep = select.epoll()
    ep.register(s.fileno(), select.EPOLLIN | select.EPOLLET)
    assert ep.poll(0) == []
    s.send(b"abc")
    assert ep.poll(10) == [(s.fileno(), select.EPOLLIN)]
    assert s.recv(2) == b"ab" and ep.poll(0) == []
    s.send(b"d")
    assert ep.poll(10) == [(s.fileno(), select.EPOLLIN)]
    s.setblocking(True)
    assert s.recv(2, socket.MSG_WAITALL) == b"cd"
    s.settimeout(0.05)
    try:
        s.recv(1)
        sys.exit("no timeout")
    except TimeoutError:
        pass
    # A poll sees what another thread's shutdown brings about.
    threading.Timer(0.05, lambda: s.shutdown(socket.SHUT_WR)).start()
    s.settimeout(10)
    assert read_all(s) == b"bye"
    s.close()

    # Nobody listens there, though it is granted: the kernel's own refusal is tested by `port` alone, the others are ours.
    refused((HOST, 1))
    for _ in range(3):
        refused(("192.0.2.77", 80))
    refused((HOST, udp))
    refused((HOST, port), socket.SOCK_DGRAM, errno.EPERM)
    closed(port)

    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.settimeout(10)
    u.connect((HOST, udp))
    u.send(b"ping")
    assert u.recv(100) == b"PING"
    u.send(b"y" * 30000)
    assert u.recv(65536) == b"Y" * 30000
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.settimeout(10)
    u.sendto(b"six", ("::ffff:" + HOST, udp))
    assert u.recvfrom(100)[0] == b"SIX"

    # In a set before anything is known of where it will send.
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.setblocking(False)
    ep = select.epoll()
    ep.register(u.fileno(), select.EPOLLIN)
    assert ep.poll(0) == []
    u.sendto(b"late", (HOST, udp))
    assert ep.poll(10) == [(u.fileno(), select.EPOLLIN)]
    assert u.recvfrom(100) == (b"LATE", (HOST, udp))
    u.sendto(b"", (HOST, udp))
    assert select.select([u], [], [], 10)[0] and u.recv(100) == b""
    assert select.select([u], [], [], 0.05)[0] == []


def closed(port):
    """This host's own port by every name that it has."""
    for address in ("127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "169.254.169.254",
                    "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "fe80::1", "192.0.0.9"):
        refused((address, port))
    for address in ("127.0.0.1", "169.254.169.254"):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            s.connect((address, port))
            s.send(b"x")
        except OSError as e:
            assert e.errno in (errno.EPERM, errno.ECONNREFUSED), e
        s.close()


def answer(c):
    data = read_all(c)
    c.sendall(b"%d %s" % (len(data), data[:3]))
    c.close()
    return data


def server():
    s = socket.socket()
    s.bind(("0.0.0.0", 80))
    print("bound", flush=True)
    sys.stdin.readline()
    s.listen(16)
    print("listening", flush=True)
    for _ in range(2):
        c, peer = s.accept()
        assert peer[0] == HOST, peer    # not 127.0.0.1, which is the guest's own
        answer(c)
    # From inside the same listener is reached without the host.
    c = socket.create_connection(("127.0.0.1", 80))
    c.sendall(b"in")
    t = threading.Thread(target=lambda: answer(s.accept()[0]))
    t.start()
    c.sendall(b"s"[:0])
    c.shutdown(socket.SHUT_WR)
    out = read_all(c).decode()
    t.join()
    print("inside", out + "s", flush=True)
    sys.stdin.readline()
    s.close()
    print("closed", flush=True)
    sys.stdin.readline()
    s = socket.socket()
    s.bind(("0.0.0.0", 80))
    s.listen(16)
    answer(s.accept()[0])


def files():
    """Whole files by sendfile: by calls that wait, by calls that do not; of a volume, and of the guest's own."""
    source = "/usr/bin/python3"
    with open(source, "rb") as f, open("/tmp/own", "wb") as own:
        own.write(f.read())
    s = socket.create_server(("0.0.0.0", 80))
    print("listening", flush=True)
    for path in (source, "/tmp/own"):
        for timeout in (None, 20):
            c, _ = s.accept()
            c.settimeout(timeout)
            with open(path, "rb") as f:
                f.seek(1000)
                c.sendfile(f, 1000)
                assert f.tell() == os.path.getsize(path), f.tell()
            c.close()
    # Who has gone is told.
    c, _ = s.accept()
    read_all(c)
    with open(source, "rb") as f:
        try:
            while True:
                os.sendfile(c.fileno(), f.fileno(), 0, 1 << 20)
        except (BrokenPipeError, ConnectionResetError):
            pass
    print("done", flush=True)


def workers():
    s = socket.create_server(("0.0.0.0", 8080))
    s.setblocking(False)
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            ep = select.epoll()
            ep.register(s.fileno(), select.EPOLLIN)
            while True:
                ep.poll()
                try:
                    c, _ = s.accept()
                except BlockingIOError:
                    continue
                c.setblocking(True)
                if answer(c) == b"stop":
                    os.kill(os.getppid(), 10)
        pids.append(pid)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    print("listening", flush=True)
    signal.sigwait([signal.SIGUSR1])
    for pid in pids:
        os.kill(pid, 9)


def udp_server():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(("0.0.0.0", 5300))
    u.setblocking(False)
    ep = select.epoll()
    ep.register(u.fileno(), select.EPOLLIN)
    print("bound", flush=True)
    while True:
        ep.poll()
        try:
            data, peer = u.recvfrom(65536)
        except BlockingIOError:
            continue
        if data == b"stop":
            return
        answer = b"" if data == b"empty" else data + b" from %s:%d" % (peer[0].encode(), peer[1])
        u.sendto(answer[:65000], peer)


def linger(port):
    """A close that waits: for two seconds where nobody reads, until a signal, and until the other end has it all."""
    def full(seconds):
        s = socket.create_connection((HOST, port), 20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))
        s.setblocking(False)
        sent = 0
        try:
            while True:
                sent += s.send(b"z" * 65536)
        except BlockingIOError:
            return s, sent

    s, _ = full(2)
    began = time.monotonic()
    s.close()
    assert 1.9 < time.monotonic() - began < 15, time.monotonic() - began
    s, _ = full(60)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    began = time.monotonic()
    s.close()
    assert 0.4 < time.monotonic() - began < 30, time.monotonic() - began
    s, sent = full(60)
    print("closing", sent, flush=True)
    s.close()
    print("closed", flush=True)


def owned(port):
    """SIGURG for who owns a connection, before and after it is made, and SIGIO."""
    import fcntl
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG, signal.SIGIO])

    def told(which):
        info = signal.sigtimedwait([which], 30)
        assert info and info.si_signo == which, (which, info)

    for before in (True, False):
        s = socket.socket()
        if before:
            fcntl.fcntl(s, fcntl.F_SETOWN, os.getpid())
        s.connect((HOST, port))
        if not before:
            fcntl.fcntl(s, fcntl.F_SETOWN, os.getpid())
        for n in (b"1", b"2"):
            s.sendall(n)
            told(signal.SIGURG)
            limit = time.monotonic() + 20
            while time.monotonic() < limit:     # it may be told of before it is there
                try:
                    assert s.recv(1, socket.MSG_OOB) == n
                    break
                except BlockingIOError:
                    time.sleep(0.01)
            assert s.recv(1) == b"-"
        assert signal.sigtimedwait([signal.SIGURG], 0) is None
        fcntl.fcntl(s, fcntl.F_SETFL, fcntl.fcntl(s, fcntl.F_GETFL) | os.O_ASYNC)
        while signal.sigtimedwait([signal.SIGIO], 0.2):
            pass    # there is room to write
        s.sendall(b"async")
        told(signal.SIGIO)
        assert s.recv(5, socket.MSG_WAITALL) == b"async"
        s.close()
    print("done", flush=True)


def flags(port):
    import array
    import fcntl
    import termios
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 60000)
    s.connect((HOST, port))
    s.settimeout(20)
    for level, name, value in ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 0),
                               (socket.IPPROTO_TCP, socket.TCP_CORK, 1), (socket.IPPROTO_TCP, socket.TCP_CORK, 0),
                               (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5), (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30000),
                               (socket.SOL_SOCKET, socket.SO_OOBINLINE, 0), (socket.IPPROTO_IP, socket.IP_TOS, 16)):
        s.setsockopt(level, name, value)
        assert s.getsockopt(level, name) == value, (level, name)
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    assert info[0] == 1 and len(info) == 104
    rtt = struct.unpack("I", info[68:72])[0]
    assert 0 < rtt < 10000000, rtt
    assert 0 < s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) < 70000
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    # Urgent data is apart, and tells itself.
    po = select.poll()
    po.register(s, select.POLLPRI)
    assert po.poll(20000) == [(s.fileno(), select.POLLPRI)]
    ep = select.epoll()
    ep.register(s, select.EPOLLPRI)
    assert ep.poll(20) == [(s.fileno(), select.EPOLLPRI)]
    assert s.recv(1, socket.MSG_OOB) == b"u"
    n = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, n)
    assert n[0] == 3, n
    assert s.recv(2, socket.MSG_PEEK) == b"ab" and s.recv(10, socket.MSG_PEEK) == b"abc"
    assert s.recv_into(bytearray(1), 1, socket.MSG_TRUNC) == 1      # thrown away
    assert s.recv(10) == b"bc"
    fcntl.ioctl(s, termios.FIONREAD, n)
    assert n[0] == 0
    s.settimeout(None)
    try:
        s.recv(1, socket.MSG_OOB)
        sys.exit("urgent data again")
    except OSError as e:
        assert e.errno == errno.EINVAL, e
    s.send(b"more", socket.MSG_MORE)
    s.sendmsg([b"x" * 10] * 20, [], socket.MSG_MORE)
    s.send(b"end")
    s.send(b"!", socket.MSG_OOB)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert s.recv(2) == b"go"   # what was sent has been read
    s.close()
    linger(port)
    print("done", flush=True)


{"owned": owned, "files": files, "udp_server": udp_server, "flags": flags, "outbound": outbound, "closed": closed, "server": server, "workers": workers}[sys.argv[1]](*map(int, sys.argv[2:]))
if sys.argv[1] in ("outbound", "closed"):
    print("done")
