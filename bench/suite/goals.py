"""What the project has set itself, checked against what was measured.  A goal is a bound on a ratio to native, unless it says
otherwise; the figure is the median over the rounds."""

PRIMITIVES_HALF = {"pread 4k": "read of 4 KiB from an image file", "stat": "stat", "open close": "open + close",
                   "pipe round trip": "pipe round trip in one process", "eventfd": "eventfd"}
# The goal for primitives as a whole leaves these out: fork-like ones, and the delivery of a fault to a handler.
APART = {"fault handler", "thread create join"}
MOST_PRIMITIVE = 1.2
FORKS = ("fork exit", "fork exit 1 mib written", "fork exit 64 mib written", "fork exit 512 mib written")
MOST_FORK = 1.5
# Two ends in the arena: faster than natively where they share a processor, no slower where they do not.
IN_ARENA = ("pipe ping pong", "AF UNIX ping pong", "semop ping pong", "msgsnd ping pong", "mq ping pong")
MOST_TIME = 1.11      # 0.9 of native throughput


def find(result, part, name):
    return next((r for r in result.get(part, []) if r["name"] == name and "failed" not in r), None)


def at_most(name, row, place, bound, measured=None):
    ratio = row and row["ratios"].get(place)
    if not ratio:
        return []
    return [{"name": name, "bound": f"≤ {bound}", "measured": measured or f"{ratio['median']:.2f}",
             "met": ratio["median"] <= bound}]


def primitives(result):
    made = []

    def one(name, bound, title=None):
        made.extend(at_most(title or name, find(result, "primitives", name), "image", bound))
    one("getpid", 0.1)
    one("clock gettime", 1.1, "clock_gettime, to the vDSO's own")
    for name, title in PRIMITIVES_HALF.items():
        one(name, 0.5, title)
    one("mmap munmap", 1.15, "mmap + munmap")
    one("page fault", 1.05, "page fault: native")
    rows = [r for r in result.get("primitives", []) if "image" in r["ratios"] and r["name"] not in APART
            and "beside" not in r["name"]]
    above = sorted((r for r in rows if r["ratios"]["image"]["median"] > MOST_PRIMITIVE),
                   key=lambda r: -r["ratios"]["image"]["median"])
    if rows:
        named = ", ".join(f"{r['name']} {r['ratios']['image']['median']:.2f}" for r in above)
        made.append({"name": f"no primitive of {len(rows)} above {MOST_PRIMITIVE} (of an image)", "bound": "0 above",
                     "measured": f"{len(above)}: {named}" if above else "0", "met": not above})
    return made


def start(result):
    made = at_most("start to exit of a static hello, image", find(result, "start", "hello, static"), "image", 3.0)
    made += at_most("python3 -c pass, image", find(result, "start", "python3 -c pass"), "image", 1.15)
    beside = find(result, "start", "hello, static, beside the relatives")
    for name, times in (("crun", 5), ("runc", 10), ("runsc", 50)):
        if beside and name in beside["ratios"]:
            faster = beside["ratios"][name]["median"] / beside["image_beside"][name]["median"]
            made.append({"name": f"start, times faster than {name}", "bound": f"≥ {times}", "measured": f"{faster:.1f}",
                         "met": faster >= times})
    return made


def memory(result):
    mine = next((r for r in result.get("memory", []) if r["name"] == "bartizan"), None)
    if not mine:
        return []
    pss = mine["pss_kib"]["median"] / 1024
    return [{"name": "PSS of an idle sandbox, monitor and command included", "bound": "≤ 2 MiB", "measured": f"{pss:.2f} MiB",
             "met": pss <= 2}]


def applications(result):
    made = []
    for name in ("sqlite speedtest1", "cc1 compiling C", "10,000 files in memory", "10,000 files, read-only"):
        made += at_most(name, find(result, "applications", name), "image", 1.0)
    for row in result.get("applications", []):
        if row.get("app") == "processor alone" and row["name"] != "processor alone":
            made += at_most(row["name"], row, "image", 1.01, f"{row['ratios']['image']['median']:.3f}" if "image" in row["ratios"] else None)
    made += at_most("openssl speed", find(result, "applications", "openssl speed"), "image", 1.01)
    shares = [(r["stats"][place]["share"], f"{r['app']} ({place})") for r in result.get("applications", []) if "stats" in r
              for place in ("host", "image") if r["stats"].get(place, {}).get("share") is not None]
    for place, title in (("(host)", "programs of the host"), ("(image)", "images")):
        least = sorted(s for s in shares if s[1].endswith(place))
        if least:
            below = [s for s in least if s[0] < 0.999]
            made.append({"name": f"patched share of each application, {title}", "bound": "≥ 99.9 %",
                         "measured": f"least {least[0][0] * 100:.2f} % ({least[0][1].split(' (')[0]}); {len(below)} of {len(least)} below",
                         "met": not below})
    return made


def worst(rows, place):
    ratios = [(r["ratios"][place]["median"], r["name"]) for r in rows if place in r["ratios"]]
    return max(ratios) if ratios else None


def all_at_most(name, rows, place, bound):
    """One line for several rows: the worst of them."""
    found = worst(rows, place)
    if not found:
        return []
    above = [r["name"] for r in rows if r["ratios"][place]["median"] > bound]
    return [{"name": name, "bound": f"≤ {bound}", "measured": f"{found[0]:.2f} ({found[1]})" + (f"; {len(above)} of {len(rows)} above" if above else ""),
             "met": not above}]


def processes(result):
    rows = {r["name"]: r for r in result.get("processes", [])}
    made = []
    for place, title in (("host", "program"), ("image", "image")):
        made += all_at_most(f"fork, exit and wait with 0, 1, 64 and 512 MiB written, {title}", [rows[n] for n in FORKS if n in rows], place, MOST_FORK)
    for suffix, title in (("one processor", "on one processor"), ("a processor each", "on a processor each")):
        made += all_at_most(f"ping-pong in the arena, {title}", [rows[f"{n}, {suffix}"] for n in IN_ARENA if f"{n}, {suffix}" in rows], "host", 1.0)
    for suffix in ("one processor", "all processors"):
        made += all_at_most(f"context switch among 2, 8 and 32, {suffix}",
                            [r for n, r in rows.items() if n.startswith("context switch") and n.endswith(suffix)], "host", 1.0)
    for name in ("hackbench, pipes", "hackbench, sockets"):
        made += at_most(name, find(result, "applications", name), "host", 1.0)
    pgbench = [r for r in result.get("applications", []) if r["name"].startswith("PostgreSQL: ")]
    made += all_at_most("pgbench with 1, 8 and 32 clients: time of a transaction (0.9 of native throughput)", pgbench, "host", MOST_TIME)
    for place, title in (("host", "program"), ("image", "image")):
        made += at_most(f"make -j2: time (0.9 of native throughput), {title}", find(result, "applications", "make -j2"), place, MOST_TIME)
    return made


def network(result):
    rows = result.get("network", [])
    made = []
    for name, first in (("redis, client outside: time of a request", "redis "), ("nginx: time of a request", "nginx"), ("memcached: time of a request", "memcached"),
                        ("iperf3: time of a megabyte", "iperf3")):
        made += all_at_most(name + " (0.95 of native throughput)", [r for r in rows if r["name"].startswith(first) and "within" not in r["name"]], "host", 1.053)
    made += all_at_most("redis, both ends within a sandbox", [r for r in rows if r["name"].startswith("redis") and "within" in r["name"]], "host", 1.0)
    made += at_most("TCP round trip", find(result, "network", "TCP round trip, 64 bytes"), "host", 1.1)
    made += at_most("TCP connections: time of one (0.8 a second of native)", find(result, "network", "TCP connection, a round trip, close"), "host", 1.25)
    made += at_most("loopback within a sandbox: time of a megabyte (3 times the kernel's throughput)",
                    find(result, "network", "loopback within the sandbox, a megabyte"), "host", 0.333)
    calls = [r for r in rows if r.get("calls")]
    # Who is slowed down by strace finds more of his events at once: a tenth is no difference.
    above = [f"{r['name']} {r['calls']['host']:.2f} for {r['calls']['native']:.2f}" for r in calls if r["calls"]["host"] > r["calls"]["native"] * 1.1]
    if calls:
        made.append({"name": "host system calls a request, of servers with clients outside", "bound": "≤ native's",
                     "measured": "; ".join(above) if above else "none above", "met": not above})
    return made


def check(result):
    return start(result) + memory(result) + primitives(result) + processes(result) + applications(result) + network(result)
