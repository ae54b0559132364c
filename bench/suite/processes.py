"""Processes: making them, and two that wake each other, on one processor and wherever the host puts them."""
from .context import say
from .primitives import rows_of, three_places


def named(rows, suffix):
    for r in rows:
        r["name"] += suffix
    return rows


def measure(ctx):
    rounds = ctx.runs(5, 1)
    say("processes: making them")
    rows = rows_of(ctx, three_places(ctx, ctx.guest("forks")), rounds)
    say("processes: waking each other")
    program = ctx.guest("ping_pong")
    places = {"native": [program], "host": ctx.run(program)}
    rows += named(rows_of(ctx, places, rounds, [*ctx.front, "taskset", "-c", "0"]), ", one processor")
    return rows + named(rows_of(ctx, places, rounds), ", all processors")
