#!/usr/bin/python3
"""A process that is ended by another thread than its first, which is gone already, is gone from the host too.

usage: dead_leader.py BARTIZAN DEAD-LEADER-PROGRAM
"""
import os
import subprocess
import sys
import time

SECONDS = 30


def below(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    found += [int(child)] + below(int(child))
    except OSError:
        pass
    return found


def headless(pid):
    """Its first thread is a zombie, and others are not."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z" and len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def run(command):
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said = p.stdout.readline()
    if said != b"ended 8\n":
        sys.exit(f"{command[0]}: {said!r}")
    deadline = time.monotonic() + SECONDS
    left = below(p.pid)
    while any(headless(pid) for pid in left):
        if time.monotonic() > deadline:
            sys.exit(f"{command[0]}: processes without a first thread are still there after {SECONDS} s")
        time.sleep(0.1)
        left = below(p.pid)
    p.stdin.close()
    if p.wait(SECONDS):
        sys.exit(f"{command[0]}: exit code {p.returncode}")


bartizan, program = sys.argv[1:3]
run([program])
run([bartizan, "run", "-i", program])
