"""Names that --allow grants: the resolver's child, the guest's name server, what it answers, and how long that holds."""
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

from scene import check, finish

B = os.path.abspath(sys.argv[1])
INNER = os.path.abspath(os.path.join(os.path.dirname(__file__), "names_guest.py"))


class Server:
    """A name server on loopback.  `table`: name -> (ttl, addresses); what is not there does not exist."""

    def __init__(self, table):
        self.table = table
        self.asked = []
        self.mangle = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            q, peer = self.socket.recvfrom(4096)
            at, labels = 12, []
            while q[at]:
                labels.append(q[at + 1:at + 1 + q[at]].decode())
                at += q[at] + 1
            kind = struct.unpack("!H", q[at + 1:at + 3])[0]
            name = ".".join(labels)
            self.asked.append((name, kind))
            if self.mangle:
                self.mangle(self.socket, peer, q[:at + 5])
                continue
            known = self.table.get(name.lower())
            records = b""
            n = 0
            for address in known[1] if known else ():
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                if kind != (28 if family == socket.AF_INET6 else 1):
                    continue
                data = socket.inet_pton(family, address)
                records += struct.pack("!HHHIH", 0xc00c, kind, 1, known[0], len(data)) + data
                n += 1
            flags = 0x8180 if known else 0x8183
            self.socket.sendto(q[:2] + struct.pack("!HHHHH", flags, 1, n, 0, 0) + q[12:at + 5] + records, peer)


def run(server, *args, options=(), timeout=60, program=None):
    program = program or ["/usr/bin/python3", INNER, *[str(a) for a in args]]
    return subprocess.run([B, "run", "-v", INNER + ":" + INNER + ":ro", "--dns", f"127.0.0.1:{server.port}", *options, *program],
                          capture_output=True, text=True, timeout=timeout)


def answers():
    many = [f"203.0.113.{i}" for i in range(1, 101)]
    s = Server({"good.test": (300, ["198.51.100.7", "2001:db8::7"]), "Mixed.Test".lower(): (1, ["198.51.100.8"]),
                "many.test": (30, many), "bad.test": (30, ["127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0"]),
                "half.test": (30, ["127.0.0.1", "198.51.100.9"])})
    options = [x for n in ("good.test", "Mixed.test", "many.test", "half.test") for x in ("--allow", n + ":80")]
    r = run(s, "answers", options=options)
    check("answers: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
    check("what was left out is said", "half.test is 127.0.0.1, which a name does not grant" in r.stderr)
    check("a name that is refused is said once: " + r.stderr,
          r.stderr.count("denied: resolve other.test: no grant covers it (--allow other.test:PORT)") == 1)
    check("questions stay inside", {n for n, _ in s.asked} == {"good.test", "mixed.test", "many.test", "half.test"} or
          {n.lower() for n, _ in s.asked} == {"good.test", "mixed.test", "many.test", "half.test"})
    r = run(s, "x", options=["--allow", "bad.test:80"])
    check("special alone: " + r.stderr, r.returncode == 125 and "none of its addresses may be granted by a name" in r.stderr)
    r = run(s, "x", options=["--allow", "none.test:80"])
    check("none: " + r.stderr, r.returncode == 125 and "there is no such name" in r.stderr)
    r = run(s, options=["--explain", "--allow", "good.test:80,90"])
    check("explain: " + r.stdout, "connect to port 80 of good.test, now 198.51.100.7, [2001:db8::7]" in r.stdout.replace("now 2001:db8::7", "") or
          re.search(r"port 90 of good\.test, now .*198\.51\.100\.7", r.stdout) is not None)
    r = run(s, program=["cat", "/etc/hosts", "/etc/resolv.conf"], options=["--allow", "good.test:80", "--add-host", "db:10.9.8.7"])
    check("files: " + r.stdout, "good.test" not in r.stdout and "10.9.8.7\tdb\n" in r.stdout and "nameserver 127.0.0.53\n" in r.stdout)


def hostile_server():
    """Whatever a server sends, the resolver's child says no more than addresses, and never too many."""
    s = Server({})

    def mangle(sock, peer, q):
        head = lambda flags, n: q[:2] + struct.pack("!HHHHH", flags, 1, n, 0, 0) + q[12:]
        for m in (b"", b"\0" * 11, q[:2], q[:12], head(0x8180, 65535), head(0x8180, 1) + b"\xc0", head(0x8180, 1) + b"\x3f" * 70,
                  head(0x8180, 1) + b"\xc0\x0c\0\1\0\1\0\0\0\1\xff\xff" + b"\1" * 9, os.urandom(600), q[:2] + b"\x81\x80" + os.urandom(500),
                  head(0x8180, 2) + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\5" + b"\1" * 5 + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + b"\xc6\x33\x64\x01"):
            sock.sendto(m, peer)

    s.mangle = mangle
    r = run(s, options=["--allow", "mangled.test:80"], program=["true"])
    check("mangled: " + r.stderr, r.returncode in (0, 125))
    s.mangle = lambda sock, peer, q: sock.sendto(q[:2] + struct.pack("!HHHHH", 0x8182, 1, 0, 0, 0) + q[12:], peer)
    r = run(s, options=["--allow", "fails.test:80"], program=["true"])
    check("server failure: " + r.stderr, r.returncode == 125 and "no answer from the name servers" in r.stderr)


def confined():
    """The child that asks has a filter, no rights and nothing but its sockets."""
    s = Server({})
    s.mangle = lambda sock, peer, q: None
    p = subprocess.Popen([B, "run", "--dns", f"127.0.0.1:{s.port}", "--allow", "slow.test:80", "true"], stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 20
    status = ""
    while "Seccomp:\t2" not in status and time.monotonic() < limit and p.poll() is None:
        try:
            child = open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()
            status = open(f"/proc/{child[0]}/status").read() if child else ""
        except (FileNotFoundError, ProcessLookupError):
            status = ""
        time.sleep(0.01)
    p.kill()
    p.wait()
    for line in ("Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000" if os.getuid() == 0 else ""):
        check(f"the resolver's child has {line}: {status}", line in status)
    if os.getuid() == 0:
        check("its uid", "Uid:\t65534\t65534" in status)


def policy():
    s = Server({"p.test": (60, ["198.51.100.7"])})
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"names-policy-{os.getpid()}.json")
    with open(path, "w") as f:
        f.write('{"allow": ["p.test:80"], "dns": ["127.0.0.1:%d"]}' % s.port)
    r = subprocess.run([B, "run", "--policy", path, "getent", "ahosts", "p.test"], capture_output=True, text=True, timeout=60)
    os.unlink(path)
    check("policy: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout.startswith("198.51.100.7"))


def clients():
    """What programs resolve names with."""
    s = Server({"good.test": (300, ["198.51.100.7"])})
    found = lambda text: "198.51.100.7" in text
    for program in (["getent", "ahosts"], ["dig", "+short"], ["dig", "+tcp", "+short"], ["host"],
                    ["node", "-e", "require('dns').resolve4(process.argv[1], (e, a) => console.log(e ? e.code : a[0]))"],
                    ["node", "-e", "require('dns').lookup(process.argv[1], (e, a) => console.log(e ? e.code : a))"],
                    ["perl", "-MSocket", "-e", "print inet_ntoa(inet_aton($ARGV[0]) // exit 1)"],
                    ["busybox", "nslookup"]):
        path = subprocess.run(["which", program[0]], capture_output=True, text=True).stdout.strip()
        if not path:
            print("skipped, not installed:", program[0])
            continue
        program = [path, *program[1:]]
        r = run(s, options=["--allow", "good.test:80"], program=[*program, "good.test"])
        check(f"{program} finds: {r.stdout}{r.stderr}", r.returncode == 0 and found(r.stdout))
        t = time.monotonic()
        r = run(s, options=["--allow", "good.test:80"], program=[*program, "other.test"])
        check(f"{program} does not find: {r.stdout}{r.stderr}", not found(r.stdout) and "198.51" not in r.stdout)
        check(f"{program} is told so at once: {time.monotonic() - t}", time.monotonic() - t < 4.5)


def refresh():
    """Addresses change with the answers; an old one stays for its own time, which is at least a minute.  (Long: --long.)"""
    s = Server({"moves.test": (1, ["198.51.100.1"])})
    p = subprocess.Popen([B, "run", "-v", INNER + ":" + INNER + ":ro", "--dns", f"127.0.0.1:{s.port}", "--allow", "moves.test:80",
                          "/usr/bin/python3", INNER, "watch"], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    check("first", p.stdout.readline() == "198.51.100.1\n")
    began = time.monotonic()
    s.table["moves.test"] = (1, ["198.51.100.2"])
    check("second", p.stdout.readline() == "198.51.100.2\n")
    check(f"held for a minute: {time.monotonic() - began}", 50 < time.monotonic() - began < 75)
    p.stdin.close()
    check("ends", p.wait(20) == 0)


if "--long" in sys.argv:
    refresh()
else:
    answers()
    hostile_server()
    confined()
    policy()
    clients()
finish()
