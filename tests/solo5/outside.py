"""A running Solo5 guest as the host sees it: what is mapped, which descriptors are open, what the process may do.

outside.py BARTIZAN FOLDER
"""
import json
import os
import subprocess
import sys
import tempfile
import time

bartizan, guests = map(os.path.realpath, sys.argv[1:3])
top = tempfile.mkdtemp()
os.chmod(top, 0o755)
env = dict(os.environ, XDG_RUNTIME_DIR=top)
fails = 0


def check(holds, what):
    global fails
    if not holds:
        fails += 1
        print("FAILED:", what)


def run(*args):
    return subprocess.run([bartizan, *args], env=env, capture_output=True, text=True, timeout=60)


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def read(path):
    with open(path) as file:
        return file.read()


def look(name, image, memory, devices, options, arguments):
    started = run("run", "-d", "--name", name, "--mem", str(memory), *options, os.path.join(guests, image), *arguments)
    check(started.returncode == 0, started.stderr)
    check(until(lambda: run("logs", name).stdout), "it says something")
    monitor = json.loads(run("inspect", name).stdout)["pid"]
    with open(f"/proc/{monitor}/task/{monitor}/children") as file:
        pids = file.read().split()
    check(len(pids) == 1, f"the monitor has one child: {pids}")
    proc = f"/proc/{pids[0]}"

    for line in read(f"{proc}/maps").splitlines():
        end = int(line.split()[0].split("-")[1], 16)
        begin = int(line.split("-")[0], 16)
        check("[vsyscall]" in line or (begin >= 0x10000 and end <= memory << 20), f"mapped: {line}")
        check("wx" not in line, f"writable and executable: {line}")
        check("[stack]" not in line and "[vdso]" not in line and "[vvar]" not in line, f"mapped: {line}")
    status = dict(line.split(":\t", 1) for line in read(f"{proc}/status").splitlines() if ":\t" in line)
    check(status["Threads"] == "1", f"threads: {status['Threads']}")
    check(status["Seccomp"] == "2", f"Seccomp: {status['Seccomp']}")
    check(status["NoNewPrivs"] == "1", "no_new_privs")
    for cap in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
        if cap != "CapBnd" or os.geteuid() == 0:
            check(int(status[cap], 16) == 0, f"{cap}: {status[cap]}")
    check(status["Uid"].split()[0] != "0", "never uid 0")
    fds = {int(n): os.readlink(f"{proc}/fd/{n}") for n in os.listdir(f"{proc}/fd")}
    check(sorted(fds) == [1, 2, 3] + [9 + i for i in range(devices)], f"descriptors: {fds}")
    check("eventpoll" in fds.get(2, "") and "timerfd" in fds.get(3, ""), f"descriptors: {fds}")
    check(read(f"{proc}/cmdline").strip("\0") == "", "no arguments of ours")
    check(read(f"{proc}/environ") == "", "no environment")
    pss = sum(int(line.split()[1]) for line in read(f"{proc}/smaps_rollup").splitlines() if line.startswith("Pss:"))
    print(f"{image}: {pss} KB in the guest's process")
    check(os.readlink(f"{proc}/exe").startswith("/memfd:"), "its loader came from a sealed memfd")
    stopped = run("stop", name)
    check(stopped.returncode == 0, stopped.stderr)
    check(run("wait", name).stdout.split()[-1] == "143", "it ended by SIGTERM")
    check(not os.path.exists(proc), "it is gone")
    run("rm", name)


disk = os.path.join(top, "disk")
with open(disk, "wb") as file:
    file.truncate(65536)
look("spinner", "hostile.spt", 64, 1, ["--block", f"disk={disk}"], ["spin"])
look("sleeper", "time.spt", 128, 0, [], ["sleep", "60000"])
look("unconfined", "time.spt", 128, 0, ["--no-userns"], ["sleep", "60000"])
sys.exit(fails > 0)
