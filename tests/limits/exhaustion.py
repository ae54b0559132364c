#!/usr/bin/python3
"""Guests that exhaust what there is: an errno where the library OS can tell, else the sandbox's end with 137.

usage: exhaustion.py [--long] BARTIZAN EXHAUST-PROGRAM [CASE...]

Each case runs exhaust.c in one mode under limits that are reached soon. It must end in time with the exit code that is
expected, say with which error it was refused, and go on afterwards (the program sees to both); nothing may be reported
as a fault of the library OS, and no process of the sandbox may be left on the host.
"""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SECONDS = 60
WENT_WRONG = re.compile(r"in the library OS|panic|assert|lock of rank|cannot go on|host layer", re.I)


class Case:
    def __init__(self, name, mode, where, options, errors, code=0, long=False, memory=None, end=True):
        self.name, self.mode, self.where, self.options = name, mode, where, options.split()
        self.errors, self.long, self.memory, self.end = errors.split(), long, memory, end
        self.codes = code if isinstance(code, tuple) else (code,)


SMALL = "-m 24m"
FEW = "--ulimit nofile=3000:3000"
CASES = [
    # Memory: by -m alone, which without a cgroup is RLIMIT_DATA a process and the sealed arena.
    Case("heap", "heap", "/tmp", "-m 64m", "ENOMEM"),
    Case("heaps", "heaps", "/tmp", "-m 64m", "ENOMEM"),
    Case("shared memory", "shared", "/tmp", "-m 64m", "ENOMEM"),
    Case("mappings", "mappings", "/tmp", "", "ENOMEM"),
    Case("address space", "address-space", "/tmp", "", "ENOMEM", end=False),
    # Memory without -m, where the host has less than the guest takes: as in a container of Docker's.
    Case("heap, host's limit", "heap", "/tmp", "", "", code=137, memory=192 << 20),
    Case("tmpfs, host's limit", "disk", "/tmp", "", "", code=137, memory=192 << 20),
    Case("heap, half of it", "heap", "/tmp", "-m 64m", "ENOMEM", memory=192 << 20),
    # Processes and threads.
    Case("forks", "forks", "/tmp", "--pids-limit 200", "EAGAIN"),
    Case("fork bomb", "fork-bomb", "/tmp", "--pids-limit 200", "EAGAIN"),
    Case("threads", "threads", "/tmp", "--pids-limit 200", "EAGAIN"),
    Case("threads, small memory", "threads", "/tmp", "-m 64m", "EAGAIN ENOMEM"),
    Case("forks, small memory", "forks", "/tmp", "-m 16m", "EAGAIN ENOMEM"),
    Case("forks, defaults", "forks", "/tmp", "", "EAGAIN ENOMEM", long=True),
    Case("threads, defaults", "threads", "/tmp", "", "EAGAIN ENOMEM", long=True),
    Case("fork bomb of 2000", "fork-bomb", "/tmp", "--pids-limit 2000", "EAGAIN", long=True),
    Case("fork bomb, defaults", "fork-bomb", "/tmp", "--timeout 10s", "EAGAIN", code=(0, 137), long=True),
    # Descriptors.
    Case("open /dev/null", "open-null", "/tmp", FEW, "EMFILE"),
    Case("open files", "open-file", "/tmp", FEW, "EMFILE"),
    Case("open files of a volume", "open-file", "volume", FEW, "EMFILE ENFILE"),
    Case("open pipes", "open-pipe", "/tmp", FEW, "EMFILE"),
    Case("open directories", "open-directory", "/tmp", FEW, "EMFILE"),
    Case("open memfds", "open-memfd", "/tmp", FEW, "EMFILE"),
    Case("members of an epoll", "epoll-members", "/tmp", FEW, "EMFILE"),
    Case("open files of a directory", "open-other", "directory", "", "EMFILE ENFILE"),
    Case("open pipes, memory", "open-pipe", "/tmp", SMALL, "EMFILE ENFILE ENOMEM"),
    Case("open eventfds, memory", "open-eventfd", "/tmp", SMALL, "EMFILE ENFILE ENOMEM"),
    Case("open timerfds, memory", "open-timerfd", "/tmp", SMALL, "EMFILE ENFILE ENOMEM"),
    Case("open inotifys, memory", "open-inotify", "/tmp", SMALL, "EMFILE ENFILE ENOMEM"),
    Case("open epolls, memory", "open-epoll", "/tmp", SMALL, "EMFILE ENFILE ENOMEM"),
    Case("open memfds, memory", "open-memfd", "/tmp", SMALL, "EMFILE ENFILE ENOMEM ENOSPC"),
    # By the hundred thousand.
    Case("timers", "timers", "/tmp", "", "EAGAIN 0"),
    Case("timers, memory", "timers", "/tmp", "-m 16m", "EAGAIN"),
    Case("queued signals", "queued-signals", "/tmp", "", "EAGAIN"),
    Case("queued signals, few", "queued-signals", "/tmp", "--ulimit sigpending=100:100", "EAGAIN"),
    Case("inotify watches", "watches", "/tmp", "-m 64m", "ENOSPC ENOMEM"),
    Case("inotify events", "inotify-queue", "/tmp", "-m 64m", "EAGAIN"),
    Case("record locks", "locks", "/tmp", "-m 64m", "0 ENOLCK ENOMEM"),
    Case("deep directories", "deep", "/tmp", "-m 64m", "0"),
    # Disk: an in-memory file system with and without a size, a volume, and an overlay on one.
    Case("tmpfs full", "disk", "/small", "--tmpfs /small:size=4m", "ENOSPC"),
    Case("tmpfs full by mapping", "disk-mapped", "/small", "--tmpfs /small:size=4m", "ENOSPC"),
    Case("tmpfs full by fallocate", "allocate", "/small", "--tmpfs /small:size=4m", "ENOSPC"),
    Case("tmpfs, memory", "disk", "/tmp", "-m 64m", "ENOSPC ENOMEM"),
    Case("tmpfs, memory, by mapping", "disk-mapped", "/tmp", "-m 64m", "ENOSPC"),
    Case("files, memory", "files", "/tmp", "-m 16m", "ENOSPC ENOMEM"),
    Case("links, memory", "links", "/tmp", "-m 16m", "ENOSPC ENOMEM"),
    Case("root full", "disk", "/", "-m 64m", "ENOSPC ENOMEM"),
    Case("file size", "file-size", "/tmp", "--ulimit fsize=1000000", "EFBIG"),
    Case("file size on a volume", "file-size", "volume", "--ulimit fsize=1000000", "EFBIG"),
] + [
    Case(f"{what} on {place}", mode, place, "", "ENOSPC")
    for place in ("volume", "overlay")
    for what, mode in (("disk", "disk"), ("mapping", "disk-mapped"), ("fallocate", "allocate"), ("files", "files"),
                       ("links", "links"), ("deep directories", "deep"))
]


def children_of(pid):
    """Processes that came from this one: we are the reaper of what the sandbox leaves behind."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    found += [int(child)] + children_of(child)
    except OSError:
        pass
    return found


def left_behind(seconds):
    until = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        left = children_of(os.getpid())
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.05)


def end_all():
    for _ in range(20):
        for pid in children_of(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not left_behind(1):
            return


class MemoryGroup:
    """A cgroup with a limit for one command; None in `path` where we may make none."""

    def __init__(self, limit):
        self.path = None
        for base, knob in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
            path = f"{base}/bartizan-limits-{os.getpid()}"
            try:
                os.mkdir(path)
            except OSError:
                continue
            try:
                with open(f"{path}/{knob}", "w") as f:
                    f.write(str(limit))
                self.path = path
                return
            except OSError:
                os.rmdir(path)

    def enter(self):
        with open(f"{self.path}/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))

    def remove(self):
        for _ in range(100):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.05)


class Place:
    """A directory on a file system of 4 MiB and 600 inodes."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="bartizan-limits-")
        os.chmod(self.path, 0o755)
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=600,mode=777", "none",
                                       self.path], capture_output=True).returncode == 0

    def empty(self):
        for name in os.listdir(self.path):
            path = os.path.join(self.path, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)

    def remove(self):
        if self.mounted:
            subprocess.run(["umount", self.path])
        os.rmdir(self.path)


def run(bartizan, program, case, place):
    command, where, group = [bartizan, "run"] + case.options, case.where, None
    if where == "/" and os.geteuid() != 0:
        return "skipped: the root is root's"
    if where == "directory":
        made = tempfile.TemporaryDirectory(prefix="bartizan-limits-")
        os.chmod(made.name, 0o777)
        command += ["-v", f"{made.name}:/directory"]
        where = "/directory"
    elif where in ("volume", "overlay"):
        if not place.mounted:
            return "skipped: no file system can be mounted"
        place.empty()
        command += ["-v", f"{place.path}:/volume"] if where == "volume" else ["--overlay", place.path]
        where = "/volume" if where == "volume" else "/"
    if case.memory:
        group = MemoryGroup(case.memory)
        if not group.path:
            return "skipped: no memory cgroup can be made"
    try:
        done = subprocess.run(command + [program, case.mode, where], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS, text=True, errors="replace", preexec_fn=group.enter if group else None)
    except subprocess.TimeoutExpired:
        end_all()
        return f"hangs: not ended after {SECONDS} s"
    finally:
        left = left_behind(5)
        if group:
            group.remove()
    said = done.stdout + done.stderr
    if left:
        return f"left processes behind: {left}"
    if done.returncode not in case.codes:
        return f"exit code {done.returncode}, none of {case.codes}: {said[-600:]}"
    if WENT_WRONG.search(done.stderr):
        return f"says {done.stderr[-600:]}"
    if done.returncode == 0:
        words = done.stdout.split()
        if len(words) < 3 or words[2] not in case.errors or (case.end and words[3:] != ["and", "goes", "on"]):
            return f"ended with {done.stdout!r}, not one of {case.errors}"
    return None


def main():
    arguments = sys.argv[1:]
    long = "--long" in arguments
    bartizan, program, *only = [a for a in arguments if a != "--long"]
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    place = Place()
    failed = 0
    try:
        for case in CASES:
            if (only and case.name not in only) or (not only and case.long != long):
                continue
            began = time.monotonic()
            wrong = run(os.path.realpath(bartizan), os.path.realpath(program), case, place)
            skipped = wrong is not None and wrong.startswith("skipped")
            print(f"{'ok  ' if not wrong else 'skip' if skipped else 'FAIL'} {case.name}"
                  f" ({time.monotonic() - began:.1f} s){': ' + wrong if wrong else ''}", flush=True)
            failed += wrong is not None and not skipped
    finally:
        place.remove()
    sys.exit(failed != 0)


main()
