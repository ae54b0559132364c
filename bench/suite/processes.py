"""Processes: making them, two that wake each other, and rings of them."""
import os
import threading
import time

from .context import say
from .primitives import rows_of, three_places


def named(rows, suffix):
    for r in rows:
        r["name"] += suffix
    return rows


def family(root):
    """The threads of root's descendants: {thread: ns of processor time}."""
    found, todo = {}, [root]
    while todo:
        pid = todo.pop()
        try:
            for tid in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{tid}/children") as f:
                    todo += f.read().split()
                if pid != root:
                    with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                        found[int(tid)] = int(f.read().split()[0])
        except OSError:
            pass
    return found


class Apart(threading.Thread):
    """Keeps the two busiest threads of what is measured on a processor each.  From outside, natively and in a sandbox alike: in
    a sandbox nobody can bind a thread."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = False

    def run(self):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))  # before those that are measured
        except OSError:
            pass
        before = family(os.getpid())
        while not self.over:
            time.sleep(0.01)
            now = family(os.getpid())
            spent = sorted(((now[t] - before.get(t, 0), t) for t in now), reverse=True)[:2]
            before = now
            if len(spent) == 2 and spent[1][0] > 1e6:
                for cpu, tid in enumerate(sorted(t for _, t in spent)):
                    try:
                        os.sched_setaffinity(tid, {cpu})
                    except OSError:
                        pass


def apart(measure):
    pinner = Apart()
    pinner.start()
    try:
        return measure()
    finally:
        pinner.over = True
        pinner.join()


def measure(ctx):
    rounds = ctx.runs(5, 1)
    one = [*ctx.front, "taskset", "-c", "0"]
    say("processes: making them")
    rows = rows_of(ctx, three_places(ctx, ctx.guest("forks")), rounds)
    say("processes: waking each other")
    for name in ("ping_pong", "context_switch"):
        program = ctx.guest(name)
        places = {"native": [program], "host": ctx.run(program)}
        rows += named(rows_of(ctx, places, rounds, one), ", one processor")
        if name == "ping_pong":
            rows += named(apart(lambda p=places: rows_of(ctx, p, rounds)), ", a processor each")
        else:
            rows += named(rows_of(ctx, places, rounds), ", all processors")
    return rows
