"""Idle memory: many instances of a program that waits, natively, in a sandbox and in the relatives.

PSS is the proportional set size of an instance's process tree, the waiting command included (the median over all
instances); `system` is what MemAvailable lost, divided by the instances, which counts page tables and the kernel's own, and
whatever else the machine did meanwhile: the places take turns, and the median over the turns is shown.
"""
import os
import select
import subprocess
import time

from . import relatives
from .context import say
from .measure import summary

MANY, FEW = 200, 10
PATIENCE = 20     # seconds for an instance to be there


def descendants(pid):
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        for task in os.listdir(f"/proc/{p}/task") if os.path.isdir(f"/proc/{p}/task") else []:
            try:
                with open(f"/proc/{p}/task/{task}/children") as f:
                    todo += [int(c) for c in f.read().split()]
            except OSError:
                pass
    return out


def pss_kib(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def available_kib():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("MemAvailable:"))


def start(command):
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if select.select([p.stdout], [], [], PATIENCE)[0] and p.stdout.readline() == b"ready\n":
        return p
    p.kill()
    p.wait()
    return None


def end(processes):
    for p in processes:
        p.terminate()
    for p in processes:
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def many_at_once(command, count):
    """(PSS of each of `count` instances, what MemAvailable lost for each), or None if they do not start."""
    warm = start(command("warm"))      # what the first one loads is shared by all
    processes, before = [], available_kib()
    for i in range(count):
        p = start(command(str(i)))
        if not p:
            break
        processes.append(p)
    time.sleep(0.5)
    lost = before - available_kib()
    pss = [pss_kib(descendants(p.pid)) for p in processes]
    end(processes + ([warm] if warm else []))
    return (pss, lost / len(processes)) if processes else None


def measure(ctx):
    idle = ctx.guest("idle")
    image = ctx.image(idle)
    many, few = ctx.runs(MANY, 20), ctx.runs(FEW, 3)
    places = {"native": (lambda i: [idle], many), "bartizan": (lambda i: ctx.run(image), many)}
    for name in relatives.working(ctx):
        def command(i, name=name):
            return relatives.command(ctx, name, idle, f"bench-{os.getpid()}-{i}")
        places[name] = (command, few if name in ("runc", "runsc") else many)
    pss, lost = {}, {}
    for turn in range(ctx.runs(3, 1)):
        say(f"memory: turn {turn + 1}")
        for name, (command, count) in places.items():
            found = many_at_once(command, count)
            if found:
                pss.setdefault(name, []).extend(found[0])
                lost.setdefault(name, []).append(found[1])
    return [{"name": name, "instances": places[name][1], "pss_kib": summary(pss[name], 0), "system_kib": summary(lost[name], 0)}
            for name in pss]
