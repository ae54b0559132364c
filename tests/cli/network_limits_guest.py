"""The guest's side of network_limits.py."""
import errno
import os
import socket
import sys
import threading

HOST = "192.0.0.8"


def echo():
    s = socket.create_server(("0.0.0.0", 80))
    print("ready", flush=True)
    while True:
        c, _ = s.accept()
        threading.Thread(target=lambda c=c: (c.sendall(c.recv(100)), c.close()), daemon=True).start()


def flooded():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", 80))
    s.listen(128)   # who finds it full may believe to be connected, by a cookie, and never come again: more than are to be accepted
    print("listening", flush=True)
    sys.stdin.readline()
    s.settimeout(60)
    held = []
    try:
        while len(held) < 1000:
            held.append(s.accept()[0])
        print("no end", flush=True)
    except OSError as e:
        print(f"accepted {len(held)}, then {errno.errorcode[e.errno]}", flush=True)
    sys.stdin.readline()
    for c in held:
        c.close()
    print("again", flush=True)
    while True:
        c, _ = s.accept()
        try:
            c.settimeout(10)
            c.sendall(c.recv(100))
        except OSError:
            pass
        c.close()


def refused_at(address, port):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(20)
    try:
        s.connect((address, port))
    except OSError as e:
        assert e.errno in (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EINVAL), (address, port, e)
        s.close()
        return
    sys.exit(f"{address} port {port} was reached")


def outside(port, *own):
    port = int(port)
    socket.create_connection((HOST, port), 20).close()
    for q in (port - 1, port + 1):
        refused_at(HOST, q)
    for address in ("127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::127.0.0.1", "::2", "192.0.0.7",
                    "192.0.0.9", "192.0.0.170", "169.254.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16", "fe80::1", "ff02::1", "224.0.0.1",
                    "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2001:0:7f00:1::1", "fd00:ec2::254", "fd20:ce::254", *own):
        refused_at(address, port)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for address in (HOST, "127.0.0.1", "169.254.169.254", *[a for a in own if ":" not in a]):
        try:
            u.sendto(b"x", (address, port))
            assert address == "127.0.0.1", address     # the guest's own, where nobody is
        except OSError as e:
            assert e.errno in (errno.EPERM, errno.ECONNREFUSED), (address, e)


def refused():
    for i in range(10000):
        s = socket.socket()
        e = s.connect_ex((f"198.51.{i >> 8}.{i & 255}", 80))
        assert e == errno.ECONNREFUSED, e
        s.close()


def ephemeral():
    """All ports from 32768 to 60999, by two processes; then none is left, TCP has its own, and one that is given back is had again."""
    def take(n):
        socks = []
        for _ in range(n):
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                u.bind(("127.0.0.1", 0))
            except OSError as e:
                return socks, e.errno
            socks.append(u)
        return socks, 0

    mine, e = take(14000)
    assert e == 0, e
    r, w = os.pipe()
    r2, w2 = os.pipe()
    if (pid := os.fork()) == 0:
        for u in mine:
            u.close()   # they stay open in the parent
        more, e = take(18000)
        os.close(w2)
        os.write(w, b"%d %d" % (len(more), e))
        os.read(r2, 1)
        os._exit(0)
    os.close(w)
    n, e = map(int, os.read(r, 100).split())
    assert (n, e) == (60999 - 32768 + 1 - 14000, errno.EADDRINUSE), (n, errno.errorcode.get(e))
    l = socket.create_server(("127.0.0.1", 5000))
    c = socket.create_connection(("127.0.0.1", 5000))
    c.sendall(b"tcp")
    assert l.accept()[0].recv(10) == b"tcp"
    assert take(1)[1] == errno.EADDRINUSE
    port = mine.pop().getsockname()[1]
    socks, e = take(1)
    assert e == 0 and socks[0].getsockname()[1] == port, (e, port)
    os.write(w2, b"x")
    os.waitpid(pid, 0)
    assert take(1000)[1] == 0


{"echo": echo, "flooded": flooded, "outside": outside, "refused": refused, "ephemeral": ephemeral}[sys.argv[1]](*sys.argv[2:])
if sys.argv[1] in ("outside", "refused", "ephemeral"):
    print("done")
