"""The guest's side of names.py."""
import errno
import random
import socket
import struct
import sys
import time

SERVER = ("127.0.0.53", 53)


def question(name, kind, edns=0, id=None, flags=0x0100):
    q = struct.pack("!HHHHHH", random.randrange(65536) if id is None else id, flags, 1, 0, 0, 1 if edns else 0)
    for label in name.split(".") if name else ():
        q += bytes([len(label)]) + label.encode()
    q += b"\0" + struct.pack("!HH", kind, 1)
    if edns:
        q += b"\0" + struct.pack("!HHIH", 41, edns, 0, 0)
    return q


def read(q, m):
    """(code, truncated, addresses, ttls)"""
    id, flags, qd, an, ns, ar = struct.unpack("!HHHHHH", m[:12])
    assert id == struct.unpack("!H", q[:2])[0] and flags & 0x8000, (id, flags)
    at = 12
    while m[at]:
        at += m[at] + 1
    at += 5
    out, ttls = [], []
    for _ in range(an):
        _, kind, _, ttl, size = struct.unpack("!HHHIH", m[at:at + 12])
        data = m[at + 12:at + 12 + size]
        out.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data))
        ttls.append(ttl)
        at += 12 + size
    return flags & 15, bool(flags & 0x200), out, ttls


def ask(name, kind=1, edns=0, family=socket.AF_INET):
    q = question(name, kind, edns)
    u = socket.socket(family, socket.SOCK_DGRAM)
    u.settimeout(10)
    u.connect(SERVER if family == socket.AF_INET else ("::ffff:127.0.0.53", 53))
    u.send(q)
    m = u.recv(65536)
    u.close()
    return read(q, m)


def exactly(c, n):
    out = b""
    while len(out) < n:
        part = c.recv(n - len(out))
        assert part, "ended early"
        out += part
    return out


def ask_tcp(questions):
    c = socket.create_connection(SERVER, 10)
    assert c.getpeername() == SERVER
    sent = b"".join(struct.pack("!H", len(q)) + q for q in questions)
    for i in range(0, len(sent), 7):    # in pieces
        c.sendall(sent[i:i + 7])
    out = [read(q, exactly(c, struct.unpack("!H", exactly(c, 2))[0])) for q in questions]
    c.shutdown(socket.SHUT_WR)
    assert c.recv(10) == b""
    c.close()
    return out


def refused(address):
    s = socket.socket()
    s.settimeout(0.2)
    try:
        s.connect((address, 80))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def answers():
    code, cut, found, ttls = ask("good.test")
    assert (code, cut, found) == (0, False, ["198.51.100.7"]) and 200 < ttls[0] <= 300, (code, cut, found, ttls)
    assert ask("GOOD.test")[2] == ["198.51.100.7"]
    assert ask("good.test", 28)[2] == ["2001:db8::7"]
    assert sorted(ask("good.test", 255)[2]) == ["198.51.100.7", "2001:db8::7"]
    assert ask("good.test", 28, family=socket.AF_INET6)[2] == ["2001:db8::7"]
    assert ask("good.test", 16) [:3] == (0, False, [])      # of another type there is nothing
    assert ask("half.test")[2] == ["198.51.100.9"]
    assert 40 < ask("mixed.test")[3][0] <= 60               # at least a minute
    for name in ("other.test", "other.test", "test", "a.good.test", "xgood.test", "good.tes", "1.0.0.127.in-addr.arpa", "", "localhost.example",
                 "x" * 63 + ".test", "secret-payload." + "x" * 60 + ".tunnel.test"):
        assert ask(name)[:3] == (3, False, []), name
    # More than fit.
    code, cut, found, _ = ask("many.test")
    assert cut and 20 < len(found) < 31, (cut, len(found))
    code, cut, found, _ = ask("many.test", edns=4096)
    assert not cut and len(found) == 64, (cut, len(found))
    a, b, c = ask_tcp([question("many.test", 1), question("other.test", 1), question("good.test", 1, 1232)])
    assert (a[0], a[1], len(a[2])) == (0, False, 64) and b[0] == 3 and c[2] == ["198.51.100.7"]
    # Who sends nonsense hears little.
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.connect(SERVER)
    u.settimeout(10)
    for m in (b"", b"x", b"\0" * 11, b"\xff" * 600, question("good.test", 1, flags=0x8180)):
        u.send(m)
    u.send(b"\0" * 12)
    assert u.recv(100)[3] & 15 == 1
    u.send(question("good.test", 1)[:-3])
    assert u.recv(100)[3] & 15 == 1
    u.send(question("good.test", 1, flags=0x2800))
    assert u.recv(100)[3] & 15 == 4
    q = question("good.test", 1)
    for loop in (b"\xc0\x0c", b"\x3f", b"\x40" + b"x" * 64):
        u.send(q[:12] + loop + b"\0\1\0\1")
        assert u.recv(100)[3] & 15 == 1
    u.close()
    # A stream of questions whose answers nobody reads ends; so does a length that none has.
    c = socket.create_connection(SERVER, 10)
    try:
        for _ in range(20000):
            c.sendall(struct.pack("!H", len(q)) + q)
        sys.exit("nobody stops it")
    except OSError as e:
        assert e.errno in (errno.ECONNRESET, errno.EPIPE), e
    c.close()
    c = socket.create_connection(SERVER, 10)
    c.sendall(b"\xff\xff" + b"x" * 100)
    try:
        assert c.recv(10) == b""
    except ConnectionResetError:
        pass
    # What a guest binds there itself is what others find.
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(SERVER)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.sendto(b"mine", SERVER)
    assert own.recv(10) == b"mine"
    own.close()
    # The addresses are granted, and neighbours are not.  (Nobody answers at the former; a refusal comes at once.)
    assert not refused("198.51.100.7")
    for address in ("198.51.100.6", "127.0.0.1", "169.254.169.254"):
        assert refused(address), address
    # By the library.
    assert {a[4][0] for a in socket.getaddrinfo("good.test", 80, socket.AF_INET)} == {"198.51.100.7"}
    for name in ("other.test", "good.test.example"):
        try:
            socket.getaddrinfo(name, 80)
            sys.exit(name + " was found")
        except socket.gaierror as e:
            assert e.errno == socket.EAI_NONAME, e
    print("done")


def watch():
    last = None
    while True:
        found = ask("moves.test")[2]
        if found and found != last:
            print(found[0], flush=True)
            if last:
                assert not refused(last[0]), "the old address has gone before its time"
                return
            last = found
        time.sleep(0.5)


{"answers": answers, "watch": watch, "x": lambda: None}[sys.argv[1]]()
