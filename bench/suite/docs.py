"""Rewrites what the suite measured in docs/benchmarks.md, between marks `<!-- bench:KEY -->` and `<!-- bench:end -->`, and the
charts in docs/benchmarks/.  The words around them are people's."""
import os
import re

from . import charts, report


def machine(m):
    traced = " A tracer of system calls was on meanwhile, which slows native ones: read none of this." if m["tracers"] else ""
    return (f"Measured {m['date']} on a shared virtual machine with {m['cpus']} cores ({m['model']}, {m['memory_mib'] / 1024:.0f} GiB, "
            f"kernel {'.'.join(m['kernel'].split('.')[:2])}, no hardware virtualization), "
            f"scheduling {'`SCHED_FIFO`' if m['priority'] != 'normal' else 'as usual'}, load average {m['load']:.1f} at the beginning "
            f"and {m['load_at_end']:.1f} at the end.{traced}")


def sizes(s):
    return (f"Library OS {s['libos_kib']} KiB and host layer {s['host_kib']} KiB, stripped; the goal is 1 MiB together. Monitor with the "
            f"filter generator: {s['monitor_lines']:,} lines, of at most 5,000.")


def rewrite(result, root):
    path = f"{root}/docs/benchmarks.md"
    with open(path) as f:
        text = f.read()
    parts = {key: report.markdown(*table) for key, _, table in report.tables(result)}
    if "machine" in result:
        parts["machine"] = machine(result["machine"])
        parts["sizes"] = sizes(result["machine"]["sizes"])
    for key, body in parts.items():
        text = re.sub(rf"(<!-- bench:{key} -->\n).*?(\n<!-- bench:end -->)", lambda m, b=body: m[1] + b + m[2], text, flags=re.S)
    with open(path, "w") as f:
        f.write(text)
    charts.write(result, os.path.join(root, "docs", "benchmarks"))
