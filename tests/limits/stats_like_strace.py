#!/usr/bin/python3
"""`--stats` counts the host system calls of the picoprocesses just as strace does, which looks on from outside.

usage: stats_like_strace.py BARTIZAN THREADS-PROGRAM

What strace -f -c would add up is added up here, since it has to be told apart: the command's and the monitor's calls, and
the template's before its filter was in force, are nobody's statistics, nor are calls of the guest's own, which trap (strace
sees them before the filter does): the host layer's are made in its text.  One call is special: the template's last `exit`,
counted before it is made, is not seen where the monitor's SIGKILL is quicker.
"""
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

LINE = re.compile(r"(\d+) +\[([0-9a-f?]+)\] (<\.\.\. )?(\w+)(.*)")
HOST_TEXT = range(0x200000000000, 0x200000020000)  # host/linux/calls.h
CLONED = re.compile(r" = \d+ /\* (\d+) in strace's PID NS \*/|\) += (\d+)$")
LISTED = re.compile(r"^\| `(\w+)` \|")


def read_trace(path):
    """Counts by name of all picoprocesses behind the filter, and the template's pid."""
    lines = []
    with open(path, errors="replace") as f:
        for line in f:
            match = LINE.match(line)
            if match:
                pid, at, *rest = match.groups()
                lines.append((pid, *rest, "?" not in at and int(at, 16) in HOST_TEXT))
    template, at = next((pid, i) for i, (pid, _, name, _, _) in enumerate(lines) if name == "execveat")
    family, behind, counts = {template}, False, collections.Counter()
    # Two walks: a child's first call may stand before the line that tells of its birth.
    for pid, resumed, name, rest, ours in lines[at + 1:]:
        behind |= pid == template and name == "seccomp"
        match = CLONED.search(rest) if name == "clone" and behind and pid in family else None
        if match:
            family.add(match.group(1) or match.group(2))
    behind = False
    for pid, resumed, name, rest, ours in lines[at + 1:]:
        if behind and pid in family and ours and not resumed:
            counts[name] += 1
        behind |= pid == template and name == "seccomp"
    return counts, template, lines


def compare(bartizan, command, allowed):
    with tempfile.TemporaryDirectory() as directory:
        trace, stats = f"{directory}/trace", f"{directory}/stats"
        done = subprocess.run(["strace", "-f", "-i", "-qq", "--decode-pids=pidns", "-e", "signal=none", "-o", trace, bartizan,
                               "run", f"--stats={stats}"] + command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=100, text=True)
        if done.returncode:
            return f"ended with {done.returncode}: {done.stderr[-300:]}"
        counted = collections.Counter(json.load(open(stats))["host_syscalls"])
        seen, template, lines = read_trace(trace)
    if not any(pid == template and name == "exit" and ours for pid, _, name, _, ours in lines):
        seen["exit"] += 1
    seen.pop("restart_syscall", None)  # the kernel's own doing
    if not seen["clone"] or not seen["pwritev2"]:
        return f"strace saw next to nothing: {dict(seen)}"
    differing = {name: (counted[name], seen[name]) for name in counted | seen if counted[name] != seen[name]}
    if differing:
        return f"counted and seen differ: {differing}"
    if not set(seen) <= allowed:
        return f"not among the {len(allowed)} calls of docs/host-calls.md: {set(seen) - allowed}"
    return None


def main():
    if not shutil.which("strace"):
        print("skipped: no strace")
        sys.exit(77)
    bartizan, threads = map(os.path.realpath, sys.argv[1:3])
    with open(f"{os.path.dirname(os.path.realpath(__file__))}/../../docs/host-calls.md") as f:
        always = f.read().split("\n| call |")[1]  # the second table is of those that come with grants
    allowed = {match.group(1) for match in map(LISTED.match, always.splitlines()) if match}
    failed = len(allowed) != 20
    if failed:
        print(f"FAIL docs/host-calls.md lists {len(allowed)} calls")
    for name, command in (("hello", ["/usr/bin/printf", "hello\\n"]),
                          ("python", ["/usr/bin/python3", "-c", "import json; print(json.dumps(list(range(10))))"]),
                          ("threads", [threads]),
                          ("forking shell", ["/bin/bash", "-c", "for i in 1 2 3; do ls / | wc -l; done; (exit 3); sleep 0.1 & wait"])):
        wrong = compare(bartizan, command, allowed)
        print(f"FAIL {name}: {wrong}" if wrong else f"ok   {name}", flush=True)
        failed |= wrong is not None
    sys.exit(failed)


main()
