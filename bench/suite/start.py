"""Start to exit: a static and a dynamic hello, and python3 that does nothing, from an image and as programs of the host;
and the static hello in the relatives."""
from . import relatives
from .context import say, which
from .measure import row, spawn_rounds

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
        rows.append(row(name, "us", batches(ctx, commands, runs, 100)))

    beside("hello, static", [hello], ctx.run(image), ctx.runs(300, 20))
    beside("hello, dynamic", [dynamic], ctx.run(dynamic_image), ctx.runs(100, 10))
    if python:
        library = ctx.image("--include", f"{PYTHON_LIBRARY}", python)
        beside("python3 -c pass", [python, "-c", "pass"], ctx.run(library, "-c", "pass"), ctx.runs(60, 6))
    say("start: the relatives")
    commands = {"native": [hello], "image": ctx.run(image)}
    for name in relatives.working(ctx):
        commands[name] = relatives.command(ctx, name, hello)
    rows.append(row("hello, static, beside the relatives", "us", batches(ctx, commands, ctx.runs(40, 5), 20)))
    return rows
