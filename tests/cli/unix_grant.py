"""Sockets of the host's that --unix grants: reached by path, in the guest's view; no other, and no descriptor passes."""
import array
import os
import socket
import subprocess
import sys
import tempfile
import threading

from scene import check, finish

B = os.path.abspath(sys.argv[1])
INNER = os.path.abspath(os.path.join(os.path.dirname(__file__), "unix_grant_guest.py"))


def run(*args, options=(), program=None):
    program = program or ["/usr/bin/python3", INNER, *args]
    return subprocess.run([B, "run", "-v", INNER + ":" + INNER + ":ro", *options, *program], capture_output=True, text=True, timeout=60)


d = tempfile.TemporaryDirectory(dir="/tmp")
os.chmod(d.name, 0o755)
path = d.name + "/served.sock"
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o666)
listener.listen(16)
secret = d.name + "/secret"
with open(secret, "w") as f:
    f.write("secret")


def one(c):
    try:
        with open(secret) as f:
            c.sendmsg([b"hello"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f.fileno()]))])
        while data := c.recv(65536):
            c.sendall(data.upper())
        c.sendall(b"bye")
    except OSError:
        pass    # the guest has gone
    c.close()


def serve():
    while True:
        c, _ = listener.accept()
        threading.Thread(target=one, args=(c,), daemon=True).start()


threading.Thread(target=serve, daemon=True).start()
r = run("/run/app/s", options=["--unix", path + ":/run/app/s"])
check("granted: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
r = run(path, options=["--unix", path])
check("under its own name: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
# A volume in which it lies is no grant of it.
r = run("closed", path, options=["-v", d.name + ":" + d.name])
check("not by a volume: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
policy = d.name + "/policy.json"
with open(policy, "w") as f:
    f.write('{"unix": ["%s:/s"]}' % path)
r = run("/s", options=["--policy", policy])
check("policy: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
for option, text in ((secret, "is no socket"), (d.name + "/none", "No such file"), ("relative", "both absolute"), (path + ":rel", "both absolute")):
    r = run(options=["--unix", option], program=["true"])
    check(f"{option}: {r.stderr}", r.returncode == 125 and text in r.stderr)
r = run(options=["--explain", "--unix", path + ":/s"], program=["true"])
check("explain: " + r.stdout, path + ": a socket of this host" in r.stdout)
idle = socket.socket(socket.AF_UNIX)
idle.bind(d.name + "/idle.sock")
r = run("refused", d.name + "/idle.sock", options=["--unix", d.name + "/idle.sock"])
check("nobody listens: " + r.stdout + r.stderr, r.returncode == 0 and r.stdout == "done\n")
finish()
