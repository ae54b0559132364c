#!/usr/bin/python3
"""Stopping and continuing a sandbox's processes from outside changes nothing, whatever they wait in.

usage: stop_and_continue.py [--rounds N] BARTIZAN BLOCKING-CALLS-PROGRAM

The program (blocking_calls.c) runs natively, in a sandbox, and then in sandboxes whose processes get SIGSTOP and SIGCONT at
random times: every picoprocess, the template, the monitor. The output has to be the same each time.
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

SECONDS = 30


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


def feed(program):
    """A byte for each line `feed 0`, a while later; returns what was said."""
    said = []
    for line in program.stdout:
        said.append(line)
        if line == b"feed 0\n":
            time.sleep(0.1)
            program.stdin.write(b"x")
            program.stdin.flush()
    return b"".join(said).decode(errors="replace")


def disturb(program, stopped):
    """Stop one or all below the command for a moment, again and again, until it ends.  Natively: below nobody."""
    while program.poll() is None:
        all_below = children_of(program.pid)
        if all_below:
            chosen = all_below if random.random() < 0.2 else [random.choice(all_below)]
            for sig, longest in ((signal.SIGSTOP, 0.06), (signal.SIGCONT, 0.02)):
                for pid in chosen:
                    try:
                        os.kill(pid, sig)
                        stopped[0] += sig == signal.SIGSTOP
                    except ProcessLookupError:
                        pass
                time.sleep(random.uniform(0, longest))
        else:
            time.sleep(0.01)


def run(command, directory, disturbed):
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=directory)
    stopped = [0]
    threads = [threading.Timer(SECONDS, program.kill)]
    if disturbed:
        threads.append(threading.Thread(target=disturb, args=(program, stopped)))
    for thread in threads:
        thread.start()
    said = feed(program)
    said += program.stderr.read().decode(errors="replace") + f"exit code {program.wait()}\n"
    threads[0].cancel()
    for thread in threads[1:]:
        thread.join()
    return said, stopped[0]


def main():
    arguments = sys.argv[1:]
    rounds = 2
    if arguments[0] == "--rounds":
        rounds, arguments = int(arguments[1]), arguments[2:]
    bartizan, program = map(os.path.realpath, arguments)
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        sandboxed = [bartizan, "run", "-i", "-v", f"{directory}:/volume", "-w", "/tmp", program, "/volume"]
        expected, _ = run([program, directory], directory, False)
        for i in range(rounds + 1):
            began = time.monotonic()
            seed = random.randrange(1 << 32)
            random.seed(seed)
            said, stopped = run(sandboxed, directory, i > 0)
            wrong = said != expected or not said.endswith("done\nexit code 0\n") or (i > 0 and stopped < 20)
            failed |= wrong
            print(f"{'FAIL' if wrong else 'ok  '} stopped {stopped} times, {time.monotonic() - began:.1f} s, seed {seed}", flush=True)
            if wrong:
                print(f"--- natively\n{expected}--- in the sandbox\n{said}")
    sys.exit(failed)


main()
