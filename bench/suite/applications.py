"""Runs the applications of apps.py: first once in each place, to see that output and exit code are the same and what share
of the executed system calls were function calls; then in turn, timed."""
import json
import math
import os

from .apps import APPS, missing
from .context import INPUTS, say, which
from .measure import Failed, capture, last_line, reported, row, spawn_rounds

TIMEOUT = 300


def inputs_of(ctx, app):
    """The directory of the inputs, which applications with the same preparation share."""
    if app.prepare not in ctx.inputs:
        directory = f"{ctx.memory}/in/{len(ctx.inputs)}"
        os.makedirs(directory)
        refused = app.prepare(ctx, directory) if app.prepare else None
        ctx.inputs[app.prepare] = Failed(refused) if refused else directory
    return ctx.inputs[app.prepare]


def commands(ctx, app):
    """{place: command} of an application, its inputs made; a string if it cannot run here."""
    absent = missing(app)
    if absent:
        return f"{absent} is not installed"
    inputs = inputs_of(ctx, app)
    if isinstance(inputs, Failed):
        return str(inputs)
    there = [w.format(**{"in": INPUTS, "out": "/tmp"}) for w in app.argv]
    native = [w.format(**{"in": inputs, "out": ctx.out}) for w in app.argv]
    as_user, user = [], []
    if app.user is not None and os.geteuid() == 0:
        as_user = ["setpriv", f"--reuid={app.user}", f"--regid={app.user}", "--clear-groups"]
        user = ["-u", f"{app.user}:{app.user}"]
    if not there[0].startswith("/"):
        native[0] = there[0] = which(there[0])
    found = {"native": [*as_user, *native], "host": ctx.run(*user, "-v", f"{inputs}:{INPUTS}:ro", native[0], *there[1:])}
    if app.image is not None:
        include = ["--include", f"{inputs}:{INPUTS}"] if app.prepare else []
        program = app.image[-1:] or [native[0]]
        found["image"] = ctx.run(*user, "--entrypoint", there[0], ctx.image(*include, *app.image[:-1], *program), *there[1:])
    return found


def with_stats(command, path):
    """`bartizan run` with --stats."""
    return [*command[:2], f"--stats={path}", *command[2:]]


def verify(ctx, app, places):
    """{place: what --stats counted}; raises Failed where output or exit code differ."""
    stats, expected = {}, None
    for place, command in places.items():
        path = f"{ctx.work}/stats.json"
        if place != "native":
            command = with_stats(command, path)
        if place == "host":  # the first run has its text looked through, for those that follow
            capture(command, TIMEOUT)
            ctx.clear_out()
        code, out, err = capture(command, TIMEOUT)
        ctx.clear_out()
        text = (app.parse or str)(out).replace(f"{inputs_of(ctx, app)}/", f"{INPUTS}/")
        got = code, reported(text)[1] if app.reports else text
        if code:
            raise Failed(f"{place} ended with {code}: {last_line(err)}")
        if expected is None:
            expected = got
        if got != expected:
            raise Failed(f"{place} printed {got[1][:100]!r}, natively {expected[1][:100]!r}")
        if place != "native":
            with open(path) as f:
                counted = json.load(f)
            calls = counted["trapped_calls"] + counted["patched_calls"]
            stats[place] = {"trapped": counted["trapped_calls"], "patched": counted["patched_calls"],
                            "share": round(counted["patched_calls"] / calls, 6) if calls else None,
                            "host_calls": sum(counted["host_syscalls"].values()), "requests": counted["monitor_requests"],
                            "peak_memory_bytes": counted["peak_memory_bytes"]}
    return stats


def reported_by_round(ctx, app, places, rounds):
    found = {}
    for _ in range(rounds):
        for place, command in places.items():
            _, out, _ = capture([*ctx.front, *command], TIMEOUT)
            ctx.clear_out()
            values, _ = reported(app.parse(out) if app.parse else out)
            for name, numbers in values.items():
                found.setdefault(name, {}).setdefault(place, []).append(numbers)
    return [row(f"{app.name}: {name.replace('_', ' ')}" if len(found) > 1 else app.name, "ns", by_place)
            for name, by_place in found.items()]


def timed(ctx, app, places, rounds):
    """Start to exit, a few runs a call, so that what is written natively does not pile up."""
    by_place = {}
    for _ in range(rounds):
        for place, values in spawn_rounds(ctx.spawn, ctx.front, places, 1, 0).items():
            by_place.setdefault(place, []).extend(values)
        ctx.clear_out()
    return [row(app.name, "us", by_place)]


def measure_app(ctx, app):
    places = commands(ctx, app)
    if isinstance(places, str):
        say(f"applications: {app.name}: left out, {places}")
        return []
    say(f"applications: {app.name}")
    try:
        stats = verify(ctx, app, places)
        rows = (reported_by_round if app.reports else timed)(ctx, app, places, ctx.runs(app.rounds, 1))
    except Failed as e:
        say(f"applications: {app.name}: left out, {e}")
        return [{"name": app.name, "app": app.name, "failed": str(e)}]
    for r in rows:
        r.update(app=app.name, kind=app.kind)
    rows[0]["stats"] = stats
    if len(rows) > 1:
        rows.append(together(app, rows))
    return rows


def together(app, rows):
    """The geometric mean of the ratios of an application that reports several: what is said of it in short."""
    mean = {"name": app.name, "app": app.name, "kind": app.kind, "unit": "x", "places": {}, "ratios": {}, "mean_of": len(rows)}
    for place in rows[0]["ratios"]:
        figures = {k: round(math.exp(sum(math.log(r["ratios"][place][k]) for r in rows) / len(rows)), 4)
                   for k in ("median", "q1", "q3", "min", "p90")}
        mean["ratios"][place] = {**figures, "n": rows[0]["ratios"][place]["n"]}
    return mean


def measure(ctx, only=None):
    rows = []
    for app in APPS:
        if not only or any(word in app.name for word in only):
            rows += measure_app(ctx, app)
    return rows
