"""What a measurement is: samples by place (native, host, image, ...), taken in turn, and what is said of them.

A row is {"name", "unit", "places": {place: summary}, "ratios": {place: summary}}.  A ratio is taken round by round, between
neighbours in time, so that what slows the machine for a while slows both; its median and quartiles are over the rounds.  Where
a round has several batches, their lower quartile stands for it.
"""
import os
import signal
import subprocess


class Failed(Exception):
    """A measured command failed: its row is left out, and said to be."""


def quantile(ordered, q):
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(values, digits=1):
    ordered = sorted(values)
    figures = {"median": quantile(ordered, 0.5), "q1": quantile(ordered, 0.25), "q3": quantile(ordered, 0.75),
               "min": ordered[0], "p90": quantile(ordered, 0.9)}
    return {**{k: round(v, digits) for k, v in figures.items()}, "n": len(ordered)}


def representative(values):
    """Of a round's batches: the lower quartile, since whatever disturbs a batch makes it longer."""
    return quantile(sorted(values), 0.25)


def row(name, unit, rounds, base="native"):
    """`rounds`: {place: a list, by round, of lists of values}."""
    places = {place: summary([v for values in by_round for v in values]) for place, by_round in rounds.items()}
    each = {place: [representative(values) for values in by_round] for place, by_round in rounds.items()}
    ratios = {}
    for place, values in each.items():
        if place != base and base in each:
            ratios[place] = summary([v / n for v, n in zip(values, each[base])], 4)
    return {"name": name, "unit": unit, "places": places, "ratios": ratios}


def capture(argv, timeout):
    """(exit code, standard output, standard error); what does not end in time is killed with all that it started."""
    p = subprocess.Popen(argv, text=True, env={**os.environ, "BENCH_STDERR": "1"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         start_new_session=True)
    try:
        out, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.communicate()
        raise Failed(f"{os.path.basename(argv[0])} did not end within {timeout} s") from None
    return p.returncode, out, err


def last_line(text):
    return (text.strip().splitlines() or ["no output"])[-1][:200]


def spawn_rounds(spawn, front, commands, runs, warm_ups=1, timeout=300):
    """Start to exit of whole commands, in turn, in microseconds: {place: [[us], ...]}."""
    argv = [*front, spawn, str(warm_ups), str(runs)]
    for at, (place, command) in enumerate(commands.items()):
        argv += (["--"] if at else []) + [place, *command]
    code, out, err = capture(argv, timeout)
    if code:
        raise Failed(last_line(err))
    rounds = {}
    for line in out.splitlines():
        place, status, *values = line.split()
        if int(status):
            raise Failed(f"{place} ended with {status}: {last_line(err)}")
        rounds[place] = [[float(v)] for v in values]
    return rounds


def reported(text):
    """What a program says of itself: lines NAME NANOSECONDS..., a number a batch; others are its output."""
    values, output = {}, []
    for line in text.splitlines():
        words = line.split()
        try:
            numbers = [float(w) for w in words[1:]]
        except ValueError:
            numbers = []
        if numbers and words[0].replace("_", "").isalnum():
            values[words[0]] = numbers
        else:
            output.append(line)
    return values, "\n".join(output)


def reported_rounds(front, places, rounds, timeout=300):
    """Programs that measure themselves, in turn: {name: {place: [[ns, ...], ...]}}, and the last output of each place."""
    found, outputs = {}, {}
    for _ in range(rounds):
        for place, command in places.items():
            code, out, err = capture([*front, *command], timeout)
            if code:
                raise Failed(f"{place} ended with {code}: {last_line(err)}")
            values, outputs[place] = reported(out)
            for name, numbers in values.items():
                found.setdefault(name, {}).setdefault(place, []).append(numbers)
    return found, outputs
