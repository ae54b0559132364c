"""sqlite's speedtest1, from Debian's source package of sqlite3, against Debian's libsqlite3.  It is asked for as `apt-get
source` asks, with a source line made of this machine's own first Debian mirror; the source is kept in the user's cache."""
import glob
import os
import re
import subprocess

from .context import say

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bartizan-bench")


def mirror():
    """(URI, suite) of the first Debian source of binaries, in either format."""
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        with open(path) as f:
            text = f.read()
        uri, suite = re.search(r"^URIs:\s*(\S+/debian/?)\s*$", text, re.M), re.search(r"^Suites:\s*(\S+)", text, re.M)
        if uri and suite:
            return uri[1], suite[1]
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*.list"))]:
        if os.path.exists(path):
            with open(path) as f:
                found = re.search(r"^deb\s+(?:\[[^]]*\]\s*)?(\S+/debian/?)\s+(\S+)", f.read(), re.M)
            if found:
                return found[1], found[2]
    return None


def fetch(directory):
    source = mirror()
    if not source:
        return "no Debian source is configured"
    os.makedirs(f"{directory}/lists/partial", exist_ok=True)
    with open(f"{directory}/source.list", "w") as f:
        f.write(f"deb-src {source[0]} {source[1]} main\n")
    options = ["-o", f"Dir::Etc::sourcelist={directory}/source.list", "-o", "Dir::Etc::sourceparts=/dev/null",
               "-o", f"Dir::State::lists={directory}/lists"]
    for command in (["update"], ["source", "--download-only", "sqlite3"]):
        p = subprocess.run(["apt-get", "-qq", *options, *command], cwd=directory, text=True, capture_output=True)
        if p.returncode:
            return (p.stderr.strip().splitlines() or ["apt-get failed"])[-1]
    tars = [t for t in glob.glob(f"{directory}/sqlite3_*.orig.tar.*")]
    if not tars:
        return "the source package holds no tar"
    p = subprocess.run(["tar", "--strip-components=2", "--wildcards", "-xf", tars[0], "*/test/speedtest1.c"], cwd=directory,
                       text=True, capture_output=True)
    return None if p.returncode == 0 else p.stderr.strip()


def make_speedtest(ctx, directory):
    """Compiles it into `directory`; a reason (a string) if that cannot be."""
    source = f"{CACHE}/speedtest1.c"
    if not os.path.exists(source):
        say("fetching the source package of sqlite3")
        failed = fetch(CACHE)
        if failed:
            return f"no source of speedtest1: {failed}"
    p = subprocess.run(["cc", "-O2", "-w", "-o", f"{directory}/speedtest1", source, "-lsqlite3", "-lm"], text=True,
                       capture_output=True)
    return None if p.returncode == 0 else f"speedtest1 cannot be compiled ({p.stderr.strip().splitlines()[-1]}); libsqlite3-dev?"
