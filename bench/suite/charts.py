"""Which charts are made of the figures; svg.py draws them.  Dots are medians, whiskers the quartiles."""
import os

from .report import SCALE, split_relatives
from .svg import draw

SHOWN = {"image": "bartizan, image", "bartizan": "bartizan, image"}


def point(summary, scale=1.0):
    return summary["median"] * scale, summary["q1"] * scale, summary["q3"] * scale


def ratios(rows, title):
    series = ["program of the host", "from an image"]
    made = [(r["name"], [point(r["ratios"][place]) if place in r["ratios"] else None for place in ("host", "image")]) for r in rows]
    return {"title": title, "unit": "× native (logarithmic); left of the line is faster than native", "reference": 1.0,
            "series": series, "rows": [r for r in made if any(r[1])]}


def by_ratio(row):
    return (row["ratios"].get("image") or row["ratios"]["host"])["median"]


def systems(row, title, unit, scale):
    made = [(SHOWN.get(place, place), [point(s, scale)]) for place, s in row["places"].items()]
    return {"title": title, "unit": unit, "series": ["median and quartiles"], "ours": SHOWN["image"], "rows": sorted(made, key=lambda r: r[1][0][0])}


def beside(result, part, title, unit, scale):
    rows = split_relatives(result.get(part, []))[1]
    return systems(rows[0], title, unit, scale * SCALE[rows[0]["unit"]]) if rows else None


def memory(rows):
    def lost(r):
        return point(r["system_kib"], 1 / 1024) if r["system_kib"]["q1"] > 0 else None
    made = [(SHOWN.get(r["name"], r["name"]), [point(r["pss_kib"], 1 / 1024), lost(r)]) for r in rows]
    return {"title": "Memory of an idle instance", "unit": "MiB (logarithmic)", "ours": SHOWN["image"],
            "series": ["proportional set size", "lost to the system"], "rows": sorted(made, key=lambda r: r[1][0][0])}


def charts(result):
    made = {"start": beside(result, "start", "Start to exit of a static hello", "ms (logarithmic)", 1e-6),
            "getpid": beside(result, "primitives", "getpid", "ns (logarithmic)", 1.0)}
    if result.get("memory"):
        made["memory"] = memory(result["memory"])
    if result.get("primitives"):
        rows = [r for r in split_relatives(result["primitives"])[0] if r["ratios"]]
        made["primitives"] = ratios(sorted(rows, key=by_ratio), "Primitive operations")
    if result.get("applications"):
        rows = [r for r in result["applications"] if r.get("ratios") and r["name"] == r["app"]]
        made["applications"] = ratios(sorted(rows, key=by_ratio), "Applications")
    return {name: chart for name, chart in made.items() if chart and chart["rows"]}


def write(result, directory):
    os.makedirs(directory, exist_ok=True)
    for name, chart in charts(result).items():
        with open(f"{directory}/{name}.svg", "w") as f:
            f.write(draw(chart))
