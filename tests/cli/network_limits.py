"""Guests that exhaust what a network has: connections that nobody accepts, descriptors, ephemeral ports, refusals without end; and
addresses just outside of what is granted.  Nothing else is disturbed by it: another sandbox goes on beside each."""
import os
import re
import socket
import subprocess
import sys
import threading
import time

from scene import check, finish

B = os.path.abspath(sys.argv[1])
INNER = os.path.abspath(os.path.join(os.path.dirname(__file__), "network_limits_guest.py"))
HOST = "host.bartizan.internal"


def command(*args, options=()):
    return [B, "run", "-v", INNER + ":" + INNER + ":ro", *options, "/usr/bin/python3", INNER, *[str(a) for a in args]]


def run(*args, options=(), timeout=150):
    return subprocess.run(command(*args, options=options), capture_output=True, text=True, timeout=timeout)


def free_port():
    s = socket.create_server(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


class Neighbour:
    """Another sandbox that serves; at the end it still does."""

    def __enter__(self):
        self.port = free_port()
        self.p = subprocess.Popen(command("echo", options=["-p", f"{self.port}:80"]), stdout=subprocess.PIPE, text=True)
        check("the neighbour serves", self.p.stdout.readline() == "ready\n")
        return self

    def talk(self, what):
        c = socket.create_connection(("127.0.0.1", self.port), 30)
        c.sendall(b"still there")
        check(f"the neighbour answers {what}", c.recv(100) == b"still there")
        c.close()

    def __exit__(self, *_):
        self.talk("at the end")
        self.p.kill()
        self.p.wait()


def accept_flood(neighbour):
    """More connections than the backlog, and than the guest may have descriptors: those that are accepted work, the others wait or end."""
    port = free_port()
    p = subprocess.Popen(command("flooded", options=["-p", f"{port}:80", "--ulimit", "nofile=64:64"]), stdout=subprocess.PIPE,
                         stdin=subprocess.PIPE, text=True)
    check("listens", p.stdout.readline() == "listening\n")
    flood = []
    for _ in range(600):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
        flood.append(s)
    neighbour.talk("in the flood")
    p.stdin.write("\n")
    p.stdin.flush()
    line = p.stdout.readline()
    check("descriptors are exhausted, and told so: " + line, re.fullmatch(r"accepted (\d+), then EMFILE\n", line) is not None)
    neighbour.talk("when descriptors are exhausted")
    for s in flood:
        s.close()
    p.stdin.write("\n")
    p.stdin.flush()
    check("goes on", p.stdout.readline() == "again\n")
    limit, out = time.monotonic() + 60, b""
    while time.monotonic() < limit and out != b"after the flood":
        c = socket.create_connection(("127.0.0.1", port), 30)
        c.settimeout(30)
        c.sendall(b"after the flood")
        try:
            out = c.recv(100)
        except ConnectionResetError:
            out = b""
        c.close()
    check(f"serves after the flood: {out}", out == b"after the flood")
    p.kill()
    p.wait()


def just_outside(neighbour):
    """Real listeners at what lies beside the grant: were it reached, it would answer."""
    while True:
        port = free_port()
        try:
            servers = [socket.create_server((a, q)) for a, q in (("127.0.0.1", port - 1), ("127.0.0.1", port), ("127.0.0.1", port + 1),
                                                                 ("127.0.0.2", port))]
            break
        except OSError:
            continue
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(("127.0.0.1", port))
    reached = []

    def serve(s, name):
        while True:
            c, _ = s.accept()
            reached.append(name)
            c.close()

    for s, name in zip(servers, ("before", "granted", "behind", "another")):
        threading.Thread(target=serve, args=(s, name), daemon=True).start()
    own = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    r = run("outside", port, *own, options=["--allow", f"{HOST}:{port}", "--allow", "0.0.0.0/0:1-65535", "--allow", "[::/0]:1-65535"])
    check("outside: " + r.stdout + r.stderr[-500:], r.returncode == 0 and r.stdout == "done\n")
    check(f"only what is granted: {reached}", set(reached) == {"granted"})
    u.setblocking(False)
    try:
        check(f"a datagram: {u.recv(100)}", False)
    except BlockingIOError:
        pass


def refusals(neighbour):
    """A guest that asks ten thousand times for what it has not: few lines for the operator."""
    r = run("refused", options=["--allow", "192.0.2.1:1"])
    check("refused: " + r.stdout + r.stderr[-300:], r.returncode == 0 and r.stdout == "done\n")
    check(f"{r.stderr.count('denied: ')} lines", 0 < r.stderr.count("denied: ") <= 20)


def ephemeral(neighbour):
    r = run("ephemeral", options=["--ulimit", "nofile=19000:19000"])
    check("ephemeral: " + r.stdout + r.stderr[-500:], r.returncode == 0 and r.stdout == "done\n")


with Neighbour() as n:
    for test in (accept_flood, just_outside, refusals, ephemeral):
        test(n)
        n.talk("behind " + test.__name__)
finish()
