#!/usr/bin/python3
"""Whoever kills a monitor ends its sandbox: no process of it is left, with and without namespaces, root or not.

usage: monitor_killed.py BARTIZAN
"""
import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from installed import installed

GUEST = "for i in 1 2 3; do (while :; do sleep 1000; done) & done; (while :; do :; done) & echo ready; wait"


def children_of(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    found += [int(child)] + children_of(int(child))
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
        time.sleep(0.02)


def run(bartizan, options, victim, nobody):
    def become_nobody():
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)

    with tempfile.TemporaryDirectory() as state:
        os.chmod(state, 0o777)
        command = subprocess.Popen([bartizan, "run"] + options + ["/bin/bash", "-c", GUEST], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=become_nobody if nobody else None,
                                   env=dict(os.environ, XDG_RUNTIME_DIR=state, XDG_DATA_HOME=state))
        if command.stdout.readline() != b"ready\n":
            return f"did not start: {command.stderr.read()}"
        below = children_of(command.pid)
        while len(below) < 7:  # monitor, template, shell, its four, and what these sleep with
            time.sleep(0.01)
            below = children_of(command.pid)
        monitor = below[0]
        with open(f"/proc/{monitor}/cmdline") as f:  # all that the others of its user can see of it
            name = f.read().rstrip("\0")
        if name != "bartizan: monitor":
            return f"process {monitor} is no monitor but {name}"
        os.kill({"monitor": monitor, "command": command.pid, "template": below[1]}[victim], signal.SIGKILL)
        code = command.wait()
    left = left_behind(5)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    said = command.stderr.read().decode()  # who is left would keep it open
    if left:
        return f"{len(left)} of {len(below)} processes are left"
    if victim != "command" and (code not in (125, 137) or not re.search(r"^bartizan: ", said, re.M)):
        return f"exit code {code}, {said!r}"
    return None


def main():
    bartizan = installed(sys.argv[1])
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    failed = False
    for nobody in [False] + ([True] if os.geteuid() == 0 else []):
        for options in ([], ["--no-userns"]):
            for victim in ("monitor", "template", "command"):
                wrong = run(bartizan, options, victim, nobody)
                failed |= wrong is not None
                print(f"{'FAIL' if wrong else 'ok  '} {'as nobody ' if nobody else ''}{' '.join(options)} {victim} killed"
                      f"{': ' + wrong if wrong else ''}", flush=True)
    sys.exit(failed)


main()
