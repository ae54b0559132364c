"""Primitive operations: one program, natively, as one of the host, and of an image, whose files it then reads and opens;
and getpid in the relatives."""
import os
import shutil

from . import relatives
from .context import say
from .measure import Failed, reported_rounds, row


def in_image(ctx, program):
    """An image of a tree with `program` in it, for programs that open themselves."""
    name = os.path.basename(program)
    tree = f"{ctx.work}/{name}-tree"
    os.makedirs(tree + "/bin", exist_ok=True)
    shutil.copy(program, tree + "/bin")
    return ctx.run(ctx.image(tree), f"/bin/{name}")


def rows_of(ctx, places, rounds, front=None):
    found, _ = reported_rounds(ctx.front if front is None else front, places, rounds)
    return [row(name.replace("_", " "), "ns", by_place) for name, by_place in found.items()]


def three_places(ctx, program):
    return {"native": [program], "host": ctx.run(program), "image": in_image(ctx, program)}


def measure(ctx):
    program = ctx.guest("primitives")
    say("primitives")
    rows = rows_of(ctx, three_places(ctx, program), ctx.runs(5, 1))
    say("primitives: getpid in the relatives")
    getpid = ctx.guest("getpid")
    places = {"native": [getpid], "image": ctx.run(ctx.image(getpid))}
    found = {}
    for name in relatives.working(ctx):
        places[name] = relatives.command(ctx, name, getpid)
    for serial in range(ctx.runs(5, 1)):
        for place, command in list(places.items()):
            once = [f"run-{os.getpid()}-{serial}" if w == "@RUN@" else w for w in command]
            try:
                numbers = reported_rounds(relatives.front(ctx, place), {place: once}, 1, 30)[0]["getpid"][place]
                found.setdefault(place, []).extend(numbers)
            except Failed as e:
                say(f"primitives: getpid: {e}")
                del places[place]
    return rows + [row("getpid, beside the relatives", "ns", {place: found[place] for place in places})]
