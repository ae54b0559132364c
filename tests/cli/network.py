"""Grants of the network from outside: -p, --allow, --add-host, their refusals, and what stays closed.  All traffic is on loopback."""
import errno
import os
import select
import socket
import subprocess
import sys
import threading
import time

from scene import check, finish

B = os.path.abspath(sys.argv[1])
INNER = os.path.abspath(os.path.join(os.path.dirname(__file__), "network_guest.py"))


def bartizan(*args, timeout=60):
    return subprocess.run([B, *args], capture_output=True, text=True, timeout=timeout)


def guest(*args, options=()):
    return [B, "run", "-v", INNER + ":" + INNER + ":ro", *options, "/usr/bin/python3", INNER, *[str(a) for a in args]]


def serve(address):
    """An echo server that greets and ends with `bye`; its port."""
    s = socket.socket()
    s.bind((address, 0))
    s.listen(64)

    def one(c):
        c.sendall(b"hello")
        while data := c.recv(65536):
            c.sendall(data)
        c.sendall(b"bye")
        c.close()

    def loop():
        while True:
            c, _ = s.accept()
            threading.Thread(target=one, args=(c,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    return s.getsockname()[1]


def serve_udp():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(("127.0.0.1", 0))

    def loop():
        while True:
            data, peer = u.recvfrom(70000)
            u.sendto(data.upper(), peer)

    threading.Thread(target=loop, daemon=True).start()
    return u.getsockname()[1]


def free_port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def outbound():
    port, udp = serve("127.0.0.1"), serve_udp()
    host = "host.bartizan.internal"
    r = subprocess.run(guest("outbound", port, udp, options=["--allow", f"{host}:{port}", "--allow", f"{host}:{udp}/udp"]),
                       capture_output=True, text=True, timeout=60)
    check("outbound: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
    check("one line for each refusal: " + r.stderr, r.stderr.count("denied: connect to 192.0.2.77:80: ") == 1)
    check("the grant that is missing is named", f"--allow {host}:1" in r.stderr)
    # Without a grant nothing is asked of the monitor, and nothing is reached.
    r = subprocess.run(guest("closed", port), capture_output=True, text=True, timeout=60)
    check("closed: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
    # A rule for all addresses is none for this host.
    r = subprocess.run(guest("closed", port, options=["--allow", "*:*"]), capture_output=True, text=True, timeout=60)
    check("wide: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")


def talk(port, data=b"x"):
    """What a published server says; None: refused."""
    try:
        c = socket.create_connection(("127.0.0.1", port), 20)
    except ConnectionRefusedError:
        return None
    c.sendall(data)
    c.shutdown(socket.SHUT_WR)
    out = b""
    while part := c.recv(65536):
        out += part
    c.close()
    return out


def wait_talk(port, data):
    limit = time.monotonic() + 20
    while (out := talk(port, data)) is None and time.monotonic() < limit:
        time.sleep(0.02)
    return out


def published():
    port = free_port()
    p = subprocess.Popen(guest("server", options=["-p", f"{port}:80"]), stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    check("ready", p.stdout.readline() == "bound\n")
    check("bound is not listening", talk(port) is None)
    p.stdin.write("\n")
    p.stdin.flush()
    check("listening", p.stdout.readline() == "listening\n")
    check("small", talk(port, b"abc") == b"3 abc")
    check("large", talk(port, b"y" * 3000000) == b"3000000 yyy")
    check("inside and outside", p.stdout.readline() == "inside 2 ins\n")
    p.stdin.write("\n")
    p.stdin.flush()
    check("closed", p.stdout.readline() == "closed\n")
    check("closed is refused", talk(port) is None)
    p.stdin.write("\n")
    p.stdin.flush()
    check("listens again", wait_talk(port, b"again") == b"5 aga")
    check("ends", p.wait(20) == 0)
    check("gone", talk(port) is None)


def owned():
    l = socket.create_server(("127.0.0.1", 0))
    port = l.getsockname()[1]

    def serve():
        while True:
            c, _ = l.accept()
            while data := c.recv(5):
                if data == b"async":
                    c.sendall(data)
                else:
                    c.send(data, socket.MSG_OOB)
                    c.sendall(b"-")
            c.close()

    threading.Thread(target=serve, daemon=True).start()
    r = subprocess.run(guest("owned", port, options=["--allow", f"host.bartizan.internal:{port}"]), capture_output=True, text=True, timeout=120)
    check("signals of a connection: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")


def files():
    port = free_port()
    p = subprocess.Popen(guest("files", options=["-p", f"{port}:80"]), stdout=subprocess.PIPE, text=True)
    check("files", p.stdout.readline() == "listening\n")
    with open("/usr/bin/python3", "rb") as f:
        want = f.read()[1000:]
    for n in range(4):
        check(f"file {n}", talk(port, b"") == want)
    c = socket.create_connection(("127.0.0.1", port), 20)
    c.close()
    check("done", p.stdout.readline() == "done\n" and p.wait(20) == 0)


def published_by_processes():
    """Several processes accept from one listener, as nginx's workers do, each woken by epoll."""
    port = free_port()
    p = subprocess.Popen(guest("workers", options=["-p", f"{port}:8080"]), stdout=subprocess.PIPE, text=True)
    check("workers", p.stdout.readline() == "listening\n")
    answers = [talk(port, b"q") for _ in range(50)]
    check("each is answered: %s" % answers[:3], all(a and a.startswith(b"1 q") for a in answers))
    check("stop", talk(port, b"stop") is not None)
    check("ends", p.wait(20) == 0)


def options():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(1)
    port = s.getsockname()[1]
    for args, text in (
        (["-p", f"{port}:80"], "in use; choose another port"),
        (["-p", "80"], "is not [ADDRESS:]HOSTPORT:GUESTPORT"),
        (["-p", "x:80"], "'x' is no port"),
        (["-p", "1.2.3:80:80"], "'1.2.3' is no address"),
        (["-p", f"{port}:53/tcp"], "'53/tcp' is no port"),
        (["--dns", "name.example"], "is no address of a name server"),
        (["--allow", "10.0.0.0/8"], "is not HOST:PORT"),
        (["--allow", "10.0.0.1/8:80"], "bits behind the prefix are set"),
        (["--allow", "10.0.0.0/33:80"], "'/33' is no prefix length"),
        (["--allow", "10.0.0.0/8:0"], "'0' is no port"),
        (["--allow", "10.0.0.0/8:9-1"], "the range begins behind its end"),
        (["--allow", "a b:80"], "is neither an address"),
        (["--allow", "localhost:80"], "none of its addresses may be granted by a name"),
        (["--add-host", "x"], "is not NAME:ADDRESS"),
    ):
        r = bartizan("run", *args, "true")
        check(f"{args}: {r.stderr}", r.returncode == 125 and text in r.stderr)
    r = bartizan("run", "--add-host", "db:10.9.8.7", "cat", "/etc/hosts")
    check("hosts: " + r.stdout, "10.9.8.7\tdb\n" in r.stdout and "127.0.0.1\tlocalhost\n" in r.stdout)
    r = bartizan("run", "--explain", "-p", "8088:80", "--allow", "[2001:db8::/32]:1-9/udp", "true")
    check("explain: " + r.stdout, "127.0.0.1:8088 leads to the guest's port 80" in r.stdout and
          "connect to [2001:db8::/32]:1-9/udp" in r.stdout and "accept4 and five of sockets by -p" in r.stdout)
    r = bartizan("run", "--explain", "true")
    check("explain nothing", "network                      none\n" in r.stdout)


def published_udp():
    """Datagrams of many peers, in both ways, by one port; more peers than the monitor has sockets for."""
    port = free_port()
    p = subprocess.Popen(guest("udp_server", options=["-p", f"{port}:5300/udp"]), stdout=subprocess.PIPE, text=True)
    check("bound", p.stdout.readline() == "bound\n")
    peers = []
    for i in range(100):
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.settimeout(20)
        u.connect(("127.0.0.1", port))
        peers.append(u)
    for turn in range(3):
        for i, u in enumerate(peers):
            u.send(b"%d %d" % (turn, i))
            got = u.recv(100)
            check(f"peer {i}: {got}", got == b"%d %d from 192.0.0.8:%d" % (turn, i, u.getsockname()[1]))
    u = peers[0]
    for n in (0, 1, 1400, 9000, 60000):
        u.send(b"big" + b"x" * n)
        got = u.recv(65536)
        check(f"large: {len(got)}", got.startswith(b"big" + b"x" * n + b" from"))
    u.send(b"")
    check("empty", u.recv(100) == b" from 192.0.0.8:%d" % u.getsockname()[1])
    u.send(b"empty")
    check("an empty answer", u.recv(100) == b"")
    # Several at once: each gets its own.
    for i, v in enumerate(peers[:20]):
        for k in range(3):
            v.send(b"burst %d" % k)
    for i, v in enumerate(peers[:20]):
        got = {v.recv(100) for _ in range(3)}
        check(f"burst {i}: {got}", got == {b"burst %d from 192.0.0.8:%d" % (k, v.getsockname()[1]) for k in range(3)})
    # Nobody else can share the port while it is published, nor is it published while another has it.
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("127.0.0.1", port))
        check("the port was shared", False)
    except OSError as e:
        check("in use", e.errno == errno.EADDRINUSE)
    r = bartizan("run", "-p", f"{port}:80/udp", "true")
    check("taken: " + r.stderr, r.returncode == 125 and "choose another port" in r.stderr)
    u.send(b"stop")
    check("ends", p.wait(20) == 0)
    r = bartizan("run", "--explain", "-p", "8053:53/udp", "true")
    check("explain udp: " + r.stdout, "127.0.0.1:8053 leads to the guest's port 53/udp" in r.stdout)


def flags():
    """What MSG_ flags and socket options do on a stream of the host's, seen from the other end."""
    l = socket.create_server(("127.0.0.1", 0))
    port = l.getsockname()[1]
    p = subprocess.Popen(guest("flags", port, options=["--allow", f"host.bartizan.internal:{port}"]), stdout=subprocess.PIPE, text=True)
    c, _ = l.accept()
    c.settimeout(20)
    c.sendall(b"abc")
    c.send(b"u", socket.MSG_OOB)
    got = b""
    while not got.endswith(b"end"):
        got += c.recv(100)
    check(f"sent: {got}", got == b"more" + b"x" * 200 + b"end")
    c.settimeout(None)
    check("urgent is told", select.select([], [], [c], 20)[2] == [c])
    check("urgent from the guest", c.recv(1, socket.MSG_OOB) == b"!")
    c.sendall(b"go")
    try:
        check(f"a reset: {c.recv(10)}", False)
    except ConnectionResetError:
        pass
    idle = [l.accept()[0] for _ in range(2)]
    c, _ = l.accept()
    closing = p.stdout.readline().split()
    check(f"lingers: {closing}", closing[:1] == ["closing"])
    got = 0
    while part := c.recv(1 << 20):
        got += len(part)
    check(f"all came: {got}", got == int(closing[1]) and p.stdout.readline() == "closed\n")
    check("done: " + str(p.stdout.readline()), p.wait(20) == 0)
    del idle


outbound()
published()
published_udp()
files()
owned()
flags()
published_by_processes()
options()
finish()
