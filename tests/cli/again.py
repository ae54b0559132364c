"""What a run held is free when its command has ended: its name, its ports, its volumes, and no process is left."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile

BARTIZAN = os.path.abspath(sys.argv[1])
ROUNDS = 15
NO_MOUNT = "--no-mount"

if os.geteuid() == 0 and NO_MOUNT not in sys.argv and "mounts" not in sys.argv:
    # A mount table of our own; where that is refused, nothing is mounted.
    able = subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    argv = [sys.executable, *sys.argv, "mounts" if able else NO_MOUNT]
    os.execvp("unshare" if able else argv[0], (["unshare", "-m"] if able else []) + argv)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            found += f.read().split()
    return found


def check(ok, what):
    if not ok:
        raise SystemExit(f"FAIL {what}")


def once(tree, port, mounted):
    if mounted:
        subprocess.run(["mount", "-t", "tmpfs", "none", tree], check=True)
    p = subprocess.run([BARTIZAN, "run", "--name", "again", "-p", f"127.0.0.1:{port}:80", "-v", f"{tree}:/v", "--",
                        "/bin/sh", "-c", "echo x > /v/x"], capture_output=True, text=True)
    check(p.returncode == 0 and not p.stderr, f"exit code {p.returncode}: {p.stderr}")
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
    check(os.path.exists(f"{tree}/x"), "the volume has not what was written")
    if mounted:
        p = subprocess.run(["umount", tree], capture_output=True, text=True)
        check(p.returncode == 0, f"umount: {p.stderr}")
    check(not children(os.getpid()), f"processes are left: {children(os.getpid())}")
    check(not os.listdir(f"{os.environ['XDG_RUNTIME_DIR']}/bartizan"), "a record is left")


work = tempfile.mkdtemp(prefix="again-")
os.chmod(work, 0o755)
os.environ["XDG_RUNTIME_DIR"] = work
os.mkdir(f"{work}/tree")
os.chmod(f"{work}/tree", 0o777)
try:
    port = free_port()
    for n in range(ROUNDS):
        once(f"{work}/tree", port, "mounts" in sys.argv)
finally:
    subprocess.run(["umount", "-l", f"{work}/tree"], capture_output=True)
    shutil.rmtree(work, ignore_errors=True)
print(f"{ROUNDS} runs, each began where the one before it had ended")
