"""A small SVG writer for one kind of chart: rows of dots with whiskers on a logarithmic axis, a reference line, a legend.

A chart is {"title", "unit", "reference", "rows": [(name, [(value, low, high) or None, a point a series])], "series": [name]}.
"""
import math
from xml.sax.saxutils import escape

COLOURS = ("#1f6feb", "#d1580b", "#5b6470")
INK, FAINT, GRID, PAPER, BAND = "#1f2328", "#59636e", "#dde2e7", "#ffffff", "#f5f7f9"
LABELS, PLOT, RIGHT, ROW, TOP, BOTTOM = 230, 520, 90, 22, 74, 44
WIDTH = LABELS + PLOT + RIGHT
FONT = "font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\""


def ticks(low, high):
    """More of each decade the fewer decades there are."""
    decades = math.log10(high / low)
    steps = (1, 1.5, 2, 3, 5, 7) if decades < 1.2 else (1, 2, 5) if decades < 3.3 else (1,)
    out = [step * 10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for step in steps]
    return [t for t in out if low * 0.999 <= t <= high * 1.001]


def axis(chart):
    points = [v for _, series in chart["rows"] for p in series if p for v in p if v > 0]
    points += [chart["reference"]] if chart.get("reference") else []
    low, high = min(points), max(points)
    return low / 10 ** (0.04 * math.log10(high / low) + 0.03), high * 10 ** (0.04 * math.log10(high / low) + 0.03)


def number(v):
    return f"{v:.0f}" if v >= 100 else f"{v:.3g}" if v >= 10 else f"{v:.2f}" if v >= 0.1 else f"{v:.3f}"


def tick(v):
    return f"{v:g}"


def text(x, y, words, size=12, colour=INK, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}" '
            f'{FONT}>{escape(words)}</text>')


def line(x1, y1, x2, y2, colour, width=1.0, dash=""):
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def legend(chart, out):
    x = LABELS
    for i, name in enumerate(chart["series"]):
        out.append(f'<circle cx="{x + 5}" cy="47" r="4.5" fill="{COLOURS[i]}"/>')
        out.append(text(x + 15, 51, name, 12, FAINT))
        x += 30 + 6.6 * len(name)


def draw(chart):
    low, high = axis(chart)
    height = TOP + ROW * len(chart["rows"]) + BOTTOM
    bottom = height - BOTTOM

    def at(v):
        return LABELS + PLOT * math.log(v / low) / math.log(high / low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
           f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{PAPER}"/>', text(20, 27, chart["title"], 15, weight="600")]
    legend(chart, out)
    for i in range(1, len(chart["rows"]), 2):
        out.append(f'<rect x="12" y="{TOP + ROW * i}" width="{WIDTH - 24}" height="{ROW}" fill="{BAND}"/>')
    for t in ticks(low, high):
        out.append(line(at(t), TOP - 6, at(t), bottom, GRID))
        out.append(text(at(t), bottom + 17, tick(t), 11, FAINT, "middle"))
    out.append(text(LABELS + PLOT / 2, bottom + 35, chart["unit"], 11, FAINT, "middle"))
    if chart.get("reference"):
        out.append(line(at(chart["reference"]), TOP - 6, at(chart["reference"]), bottom, INK, 1.2, "4 3"))
    for i, (name, series) in enumerate(chart["rows"]):
        y = TOP + ROW * i + ROW / 2
        ours = name == chart.get("ours")
        out.append(text(LABELS - 12, y + 4, name, 12, INK, "end", "600" if ours else "normal"))
        out += row(series, y, at)
    return "\n".join([*out, "</svg>", ""])


def row(series, y, at):
    out, shown = [], [(s, p) for s, p in enumerate(series) if p]
    offset = 4.5 if len(shown) > 1 else 0
    for k, (s, (value, low, high)) in enumerate(shown):
        here, colour = y + (k * 2 - 1) * offset if len(shown) > 1 else y, COLOURS[s]
        if high > low > 0:
            out.append(line(at(low), here, at(high), here, colour, 1.6))
            out += [line(at(v), here - 2.5, at(v), here + 2.5, colour, 1.3) for v in (low, high)]
        out.append(f'<circle cx="{at(value):.1f}" cy="{here:.1f}" r="3.8" fill="{colour}"/>')
    out.append(text(LABELS + PLOT + 10, y + 4, " · ".join(number(p[0]) for _, p in shown), 11, FAINT))
    return out
