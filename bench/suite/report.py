"""The figures as tables: text for a terminal, Markdown for docs/benchmarks.md, from the same columns."""

SCALE = {"ns": 1, "us": 1000, "x": 1}
NAMES = {"native": "native", "host": "program", "image": "image"}


def duration(value, unit):
    """Three digits that matter, with a unit that a person reads."""
    ns = value * SCALE[unit]
    for size, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if ns >= size:
            return f"{ns / size:.3g} {name}" if ns < 1000 * size else f"{ns / size:.0f} {name}"
    return f"{ns:.0f} ns"


def spread(s):
    return f"{s['q1']:.2f}–{s['q3']:.2f}"


def timing_columns(rows, places):
    """Heads and cells: of each place the median, its quartiles, and of those beside native the ratio with its quartiles."""
    heads = ["", "native", "quartiles"]
    for place in places[1:]:
        heads += [NAMES.get(place, place), "quartiles", "× native", "quartiles"]
    cells = []
    for r in rows:
        line = [r["name"]]
        for place in places:
            if place in r["places"]:
                s = r["places"][place]
                line += [duration(s["median"], r["unit"]), quartiles(s, r["unit"])]
            else:
                line += ["", ""]
            if place != "native":
                ratio = r["ratios"].get(place)
                line += [f"{ratio['median']:.2f}", spread(ratio)] if ratio else ["", ""]
        cells.append(line)
    return heads, cells


def quartiles(s, unit):
    low, high = duration(s["q1"], unit).split(), duration(s["q3"], unit).split()
    return f"{low[0]}–{high[0]}" if low[1] == high[1] else f"{' '.join(low)}–{' '.join(high)}"


def relatives_columns(row):
    heads = ["", "median", "quartiles", "least", "90 %", "× native", "quartiles"]
    cells = []
    for place, s in row["places"].items():
        ratio = row["ratios"].get(place)
        cells.append([{"image": "bartizan, image"}.get(place, place), duration(s["median"], row["unit"]), quartiles(s, row["unit"]),
                      duration(s["min"], row["unit"]), duration(s["p90"], row["unit"]),
                      *([f"{ratio['median']:.2f}", spread(ratio)] if ratio else ["1", ""])])
    return heads, cells


def memory_columns(rows):
    heads = ["", "instances", "PSS KiB", "quartiles", "system KiB", "quartiles"]

    def cells(s):
        return [f"{s['median']:.0f}", f"{s['q1']:.0f}–{s['q3']:.0f}"]
    return heads, [[r["name"], str(r["instances"]), *cells(r["pss_kib"]), *cells(r["system_kib"])] for r in rows]


def share_columns(rows):
    heads = ["", "program: patched", "trapped", "share", "image: patched", "trapped", "share"]
    cells = []
    for r in rows:
        line = [r["app"]]
        for place in ("host", "image"):
            s = r["stats"].get(place)
            line += [str(s["patched"]), str(s["trapped"]), percent(s["share"])] if s else ["", "", ""]
        cells.append(line)
    return heads, cells


def percent(share):
    return "" if share is None else f"{share * 100:.2f} %"


def goal_columns(results):
    heads = ["goal", "bound", "measured", ""]
    return heads, [[g["name"], g["bound"], g["measured"], "met" if g["met"] else "missed"] for g in results]


def text(heads, cells):
    widths = [max(len(row[i]) for row in [heads, *cells]) for i in range(len(heads))]
    lines = []
    for row in [heads, *cells]:
        lines.append("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip())
    return "\n".join(lines)


def markdown(heads, cells):
    rule = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, rule, *cells])


def split_relatives(rows):
    plain = [r for r in rows if "beside the relatives" not in r["name"]]
    return plain, [r for r in rows if "beside the relatives" in r["name"]]


def tables(result):
    """[(key, title, (heads, cells))] of all that was measured."""
    made = []
    three = ("native", "host", "image")
    for part, title in (("start", "Start to exit"), ("primitives", "Primitive operations")):
        if part in result:
            plain, beside = split_relatives(result[part])
            made.append((part, title, timing_columns(plain, three)))
            made += [(f"{part}-relatives", r["name"], relatives_columns(r)) for r in beside]
    if "memory" in result:
        made.append(("memory", "Idle memory of an instance", memory_columns(result["memory"])))
    if "processes" in result:
        one = [r for r in result["processes"] if "image" in r["places"]]
        two = [r for r in result["processes"] if "ping pong" in r["name"]]
        rings = [r for r in result["processes"] if "context switch" in r["name"]]
        made.append(("processes", "Making processes", timing_columns(one, three)))
        made.append(("wakeups", "Two processes that wake each other", timing_columns(two, ("native", "host"))))
        made.append(("rings", "Context switches in rings of processes", timing_columns(rings, ("native", "host"))))
    if "network" in result:
        made.append(("network", "Servers with clients outside", timing_columns(result["network"], ("native", "host"))))
        made.append(("network-calls", "Host system calls a request", (["", "native", "host"], [
            [r["name"], f"{r['calls']['native']:.2f}", f"{r['calls']['host']:.2f}"] for r in result["network"] if r.get("calls")])))
    if "applications" in result:
        rows = [r for r in result["applications"] if "failed" not in r]
        made.append(("applications", "Applications", timing_columns(rows, three)))
        made.append(("share", "System calls that were function calls", share_columns([r for r in rows if "stats" in r])))
        failed = [[r["name"], r["failed"]] for r in result["applications"] if "failed" in r]
        if failed:
            made.append(("failed", "Left out", (["", "why"], failed)))
    if result.get("goals"):
        made.append(("goals", "Goals", goal_columns(result["goals"])))
    return made
