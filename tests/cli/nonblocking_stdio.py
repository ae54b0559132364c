#!/usr/bin/python3
"""A guest that asks its standard input, a socket or a pipe of the host, not to make it wait.

usage: nonblocking_stdio.py BARTIZAN
"""
import os
import socket
import subprocess
import sys

PROGRAM = """
import os, select
os.set_blocking(0, False)
try:
    print("read", os.read(0, 10))
except BlockingIOError:
    print("nothing yet", flush=True)
select.select([0], [], [])
print("read", os.read(0, 10), flush=True)
os.set_blocking(0, True)
print("read", os.read(0, 10), flush=True)
"""
WANTED = ["nothing yet", "read b'first'", "read b'second'"]


def run(kind, command):
    if kind == "socket":
        ours, theirs = socket.socketpair()
        write, closing = ours.sendall, [ours]
    else:
        theirs, end = os.pipe()
        write, closing = lambda data: os.write(end, data), [os.fdopen(end, "wb", 0)]
    got = []
    child = subprocess.Popen(command + ["/usr/bin/python3", "-c", PROGRAM], stdin=theirs, stdout=subprocess.PIPE, text=True)
    for send in (b"first", b"second", None):
        got.append(child.stdout.readline().strip())
        if send:
            write(send)
    for end in closing:
        end.close()
    child.wait(30)
    return got


failed = 0
for kind in ("socket", "pipe"):
    for where, command in (("natively", []), ("in a sandbox", [sys.argv[1], "run", "-i"])):
        got = run(kind, command)
        if got != WANTED:
            print(f"FAILED: {kind}, {where}: {got}")
            failed = 1
sys.exit(failed)
