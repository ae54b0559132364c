"""Start to exit: a static and a dynamic hello, and python3 that does nothing, from an image and as programs of the host;
and the static hello in the relatives."""
from . import relatives
from .context import say, which
from .measure import Failed, row, spawn_rounds

PYTHON_LIBRARY = "/usr/lib/python3.11"


def batches(ctx, commands, runs, batch):
    """Many runs in several calls, so that none holds a real-time priority for long."""
    rounds = {}
    while runs > 0:
        for place, values in spawn_rounds(ctx.spawn, ctx.front, commands, min(runs, batch)).items():
            rounds.setdefault(place, []).extend(values)
        runs -= batch
    return rounds


def measure(ctx):
    hello, dynamic, python = ctx.guest("hello"), ctx.guest("hello", False), which("python3")
    image, dynamic_image = ctx.image(hello), ctx.image(dynamic)
    rows = []

    def beside(name, native, image, runs):
        say(f"start: {name}")
        commands = {"native": native, "host": ctx.run(*native), "image": image}
        try:
            rows.append(row(name, "us", batches(ctx, commands, runs, 100)))
        except Failed as e:
            say(f"start: {name}: left out, {e}")

    beside("hello, static", [hello], ctx.run(image), ctx.runs(300, 20))
    beside("hello, dynamic", [dynamic], ctx.run(dynamic_image), ctx.runs(100, 10))
    if python:
        library = ctx.image("--include", f"{PYTHON_LIBRARY}", python)
        beside("python3 -c pass", [python, "-c", "pass"], ctx.run(library, "-c", "pass"), ctx.runs(60, 6))
    rows.append(beside_relatives(ctx, hello, ctx.run(image)))
    return rows


def beside_relatives(ctx, hello, sandbox):
    """One row: each relative in turn with the native run and the sandbox, a few runs a call.  A runtime that once does not end
    loses these runs, and its place if it does so again and again."""
    native, samples, figures = [], [], {}
    for name in relatives.working(ctx):
        say(f"start: {name}")
        commands = {"native": [hello], "image": sandbox, name: relatives.command(ctx, name, hello)}
        rounds, patience = {}, 3
        for _ in range(ctx.runs(8, 1)):
            try:
                for place, values in spawn_rounds(ctx.spawn, relatives.front(ctx, name), commands, 5, 1, 20).items():
                    rounds.setdefault(place, []).extend(values)
            except Failed as e:
                say(f"start: {name}: {e}")
                patience -= 1
                if not patience:
                    break
        if rounds and patience:
            figures[name] = row(name, "us", rounds)
            if relatives.front(ctx, name) == ctx.front:
                native += rounds["native"]
                samples += rounds["image"]
    made = row("hello, static, beside the relatives", "us", {"native": native, "image": samples})
    made["image_beside"] = {}      # the sandbox's ratio in the same runs
    for name, r in figures.items():
        made["places"][name], made["ratios"][name] = r["places"][name], r["ratios"][name]
        made["image_beside"][name] = r["ratios"]["image"]
    return made
