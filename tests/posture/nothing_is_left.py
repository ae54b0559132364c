#!/usr/bin/python3
"""However a sandbox ends, within a second no host process of it is left and no file but its record.

usage: nothing_is_left.py BARTIZAN
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

bartizan = os.path.abspath(sys.argv[1])
GUEST = ("trap 'exit 3' USR1; for i in 1 2; do (while :; do sleep 1000; done) & done; (while :; do :; done) & "
         "echo ready >/tmp/ready; while :; do sleep 0.05; done")
# A machine that others load too is given longer: whether anything stays is the question then.
SECONDS = 1 if os.getloadavg()[0] < 2 * os.cpu_count() else 10
RECORD = {"json", "log", "denied"}


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in map(int, f.read().split()):
                    found += [child] + children(child)
    except OSError:
        pass
    return found


def alive(pid, start):
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return fields[0] not in "ZX" and fields[19] == start
    except OSError:
        return False


def start_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


class Sandbox:
    def __init__(self, state, detached):
        self.env = dict(os.environ, XDG_RUNTIME_DIR=state, XDG_DATA_HOME=state)
        self.dir = state + "/bartizan"
        self.command = None
        argv = [bartizan, "run", "--name", "v", *(["-d"] if detached else []), "bash", "-c", GUEST]
        if detached:
            subprocess.run(argv, env=self.env, stdout=subprocess.DEVNULL, check=True, timeout=60)
        else:
            self.errors = tempfile.TemporaryFile()
            self.command = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stderr=self.errors)
        end = time.monotonic() + 60
        while self.run("exec", "v", "test", "-e", "/tmp/ready").returncode and time.monotonic() < end:
            if self.command and self.command.poll() is not None:
                self.errors.seek(0)
                sys.exit(f"the sandbox ended by itself with {self.command.returncode}: {self.errors.read()!r}")
            time.sleep(0.05)
        with open(self.dir + "/v.json") as f:
            record = json.load(f)
        self.monitor, self.keeper = record["pid"], record["keeper"]
        # An exec with a stream and one without, so that these are to end too.
        self.execs = [subprocess.Popen([bartizan, "exec", *o, "v", "sleep", "1000"], env=self.env, stdin=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL) for o in ([], ["-i"])]
        while self.run("top", "--json", "v").stdout.count(b'"ppid": 0') < 3 and time.monotonic() < end:
            time.sleep(0.05)
        self.all = {p: start_of(p) for p in [self.monitor, self.keeper] + children(self.monitor)}

    def run(self, *words):
        return subprocess.run([bartizan, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def pico(self):
        return children(self.monitor)

    def left(self):
        end = time.monotonic() + SECONDS
        while True:
            processes = [p for p, start in self.all.items() if alive(p, start)]
            files = {f.split(".", 1)[-1] for f in os.listdir(self.dir)}
            if not processes and "sock" not in files or time.monotonic() > end:
                return processes, files
            time.sleep(0.01)


def ends(detached):
    template = lambda s: children(s.monitor)[0]
    kill = lambda pid: os.kill(pid, signal.SIGKILL)
    all_ends = {
        "exit": lambda s: s.run("kill", "-s", "USR1", "v"),
        "kill": lambda s: s.run("kill", "v"),
        "stop": lambda s: s.run("stop", "-t", "100ms", "v"),
        "monitor killed": lambda s: kill(s.monitor),
        "template killed": lambda s: kill(template(s)),
    }
    for i in range(1, 7):
        all_ends[f"picoprocess {i} killed"] = lambda s, i=i: kill(s.pico()[i])
    if not detached:
        all_ends["command killed"] = lambda s: kill(s.command.pid)
    return all_ends


failed = 0
for detached in (False, True):
    for name, end in ends(detached).items():
        with tempfile.TemporaryDirectory() as state:
            s = Sandbox(state, detached)
            end(s)
            if s.command:
                s.command.wait()
            processes, files = s.left()
            wrong = []
            if processes:
                wrong.append(f"{len(processes)} of {len(s.all)} processes are left")
                for p in processes:
                    os.kill(p, signal.SIGKILL)
            if name == "command killed":
                s.run("ps")  # nobody else was there to remove it
                files = {f.split(".", 1)[-1] for f in os.listdir(s.dir)}
            if files - (RECORD if detached else set()):
                wrong.append(f"files are left: {files}")
            codes = []
            for e in s.execs:
                try:
                    codes.append(e.wait(SECONDS))
                except subprocess.TimeoutExpired:
                    e.kill()
                    codes.append(e.wait())
                    wrong.append("an exec does not end")
            if any(c != 137 for c in codes):
                wrong.append(f"exec ended with {codes}")
            if detached:
                s.run("rm", "-f", "v")
                if os.listdir(s.dir):
                    wrong.append(f"after rm there are {os.listdir(s.dir)}")
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} {'detached, ' if detached else ''}{name}{': ' if wrong else ''}{'; '.join(wrong)}",
              flush=True)
sys.exit(failed != 0)
