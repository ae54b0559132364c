#!/usr/bin/python3
"""What a sandbox notices of another one of the same user that takes all it can get.

usage: neighbour.py [--rounds N] [--seconds N] [--most RATIO] BARTIZAN REQUEST-LOOP EXHAUST

One sandbox runs request_loop.c: a request each millisecond, with its latency. Beside it, in turn, runs nobody and each
offender: a sandbox in which exhaust.c exhausts one thing again and again. The turns are interleaved; what is compared is the
median over the rounds of the 99th percentile, with and without offender. For comparison the same without sandboxes: the loop, and
the loop beside as many spinning processes in a session of their own.  With --most a larger ratio is a failure; without it, only a
neighbour or an offender that does not go on is one.
"""
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

AGAIN = 'while :; do "$0" "$1" "$2" || exit 9; done >/dev/null'
# name: what it is, options, mode, where
OFFENDERS = {
    "memory": (["-m", "256m", "--cpus", "1"], "heap", "/tmp"),
    "files in memory": (["-m", "256m", "--cpus", "1"], "disk", "/tmp"),
    "threads": (["--pids-limit", "500", "--cpus", "1"], "threads", "/tmp"),
    "processes": (["--pids-limit", "200", "--cpus", "1"], "forks", "/tmp"),
    "processor": (["--cpus", "1"], None, None),
    "all processors": ([], None, None),
    "disk": (["--cpus", "1"], "disk", "/volume"),
}
NATIVE, NATIVE_BUSY = "natively: none", "natively: all processors"
SPIN = "i=0; while [ $i -lt 8 ]; do (while :; do :; done) & i=$((i + 1)); done; wait"


def start_offender(bartizan, exhaust, name, volume):
    if name == NATIVE_BUSY:
        return subprocess.Popen(["/bin/sh", "-c", SPIN], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)
    options, mode, where = OFFENDERS[name]
    command = [bartizan, "run"] + options
    if mode is None:
        command += ["/bin/sh", "-c", SPIN]
    else:
        command += ["-v", f"{exhaust}:{exhaust}:ro", "--ulimit", "fsize=200000000"] if where == "/volume" else \
                   ["-v", f"{exhaust}:{exhaust}:ro"]
        command += ["-v", f"{volume}:/volume"] if where == "/volume" else []
        command += ["/bin/sh", "-c", AGAIN, exhaust, mode, where]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def end_offender(name, offender):
    if name == NATIVE_BUSY:
        os.killpg(offender.pid, signal.SIGKILL)
    offender.kill()
    offender.communicate()


def measure(bartizan, loop, seconds, natively):
    done = subprocess.run(([] if natively else [bartizan, "run"]) + [loop, str(seconds)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 + 10 * seconds)
    if done.returncode:
        raise RuntimeError(f"the neighbour ended with {done.returncode}: {done.stderr[-300:]}")
    return [int(x) for x in done.stdout.split()]


def main():
    arguments, settings = sys.argv[1:], {"--rounds": 1, "--seconds": 1, "--most": 0}
    while arguments[0] in settings:
        settings[arguments[0]] = float(arguments[1])
        arguments = arguments[2:]
    bartizan, loop, exhaust = map(os.path.realpath, arguments)
    figures = {name: [] for name in [None] + list(OFFENDERS) + [NATIVE, NATIVE_BUSY]}
    failed = False
    with tempfile.TemporaryDirectory() as volume:
        os.chmod(volume, 0o777)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=777", "none", volume],
                                 capture_output=True).returncode == 0
        try:
            for _ in range(int(settings["--rounds"])):
                for name in figures:
                    if name == "disk" and not mounted:
                        continue
                    offender = start_offender(bartizan, exhaust, name, volume) if name not in (None, NATIVE) else None
                    time.sleep(0.5 if offender else 0)
                    figures[name].append(measure(bartizan, loop, int(settings["--seconds"]),
                                                 name in (NATIVE, NATIVE_BUSY)))
                    if offender:
                        if offender.poll() is not None:
                            print(f"FAIL {name}: the offender ended with {offender.returncode}: {offender.stderr.read()[-300:]}")
                            failed = True
                        end_offender(name, offender)
        finally:
            if mounted:
                subprocess.run(["umount", "-l", volume])
    base = {natively: statistics.median(p99 for _, _, p99 in figures[NATIVE if natively else None])
            for natively in (False, True)}
    print("| offender | requests a second | median | 99th percentile | times |\n| --- | --- | --- | --- | --- |")
    for name, rounds in figures.items():
        if not rounds:
            continue
        alone = base[name in (NATIVE, NATIVE_BUSY)]
        count, median, p99 = (statistics.median(column) for column in zip(*rounds))
        print(f"| {name or 'none'} | {count / settings['--seconds']:.0f} | {median:.0f} us | {p99:.0f} us | {p99 / alone:.2f} |")
        if settings["--most"] and name not in (NATIVE, NATIVE_BUSY) and p99 / alone > settings["--most"]:
            print(f"FAIL {name}: more than {settings['--most']} times")
            failed = True
    sys.exit(failed)


main()
