"""The applications: a table that is easy to extend.  How they are run is in applications.py.

In `argv`, {in} is the directory of the inputs and {out} an empty directory in memory.  `image` is what `bartizan build` is
given; an application without one is measured as a program of the host alone.  A program that measures itself prints lines
NAME NANOSECONDS... (measure.reported); of any other the time from start to exit is taken.  What else it prints must be the
same everywhere, before anything is timed.
"""
import dataclasses
import glob
import os
import re
import shutil
import typing

from .context import ROOT, sh, which
from .speedtest import make_speedtest

PROGRAMS = f"{ROOT}/bench/programs"
GCC = "/usr/lib/gcc/x86_64-linux-gnu/12"
MULTIARCH = ["-imultiarch", "x86_64-linux-gnu"]
JAVA = "/usr/lib/jvm/java-17-openjdk-amd64"
POSTGRES = "/usr/lib/postgresql/15"

CPU, FILES, PROCESSES = "processor", "files", "processes"


@dataclasses.dataclass
class App:
    name: str
    kind: str                                     # what bounds it natively
    argv: list
    image: typing.Optional[list] = None
    prepare: typing.Optional[typing.Callable] = None   # (ctx, directory) -> None: makes the inputs; None returned: none
    reports: bool = False                         # it measures itself
    rounds: int = 7
    user: typing.Optional[int] = None             # run as this user, when root
    parse: typing.Optional[typing.Callable] = None     # its output -> what is compared, and lines NAME NANOSECONDS


def copies(*names):
    def prepare(ctx, directory):
        for name in names:
            shutil.copy(f"{PROGRAMS}/{name}", directory)
    return prepare


def guest(name):
    def prepare(ctx, directory):
        shutil.copy(ctx.guest(name), f"{directory}/{name}")
    return prepare


def make_tree(ctx, directory):
    shutil.copy(f"{PROGRAMS}/walk.py", directory)
    sh("/usr/bin/python3", f"{PROGRAMS}/walk.py", "make", f"{directory}/tree")


def java_class(ctx, directory):
    sh("javac", "-d", directory, f"{PROGRAMS}/JavaSet.java")


def compressible(ctx, directory):
    """64 MiB of text and machine code: what is in /usr/bin, in order."""
    left = 64 << 20
    with open(f"{directory}/data", "wb") as out:
        for path in sorted(glob.glob("/usr/bin/*")):
            if left and os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    left -= out.write(f.read(min(left, 1 << 20)))
    sh("zstd", "-q", "-3", "-o", f"{directory}/data.zst", f"{directory}/data")


def c_source(ctx, directory):
    for name in ("primitives.c", "batches.h"):
        shutil.copy(f"{ROOT}/bench/guest/{name}", directory)
    shutil.copy(f"{PROGRAMS}/compiled.cc", directory)


def openssl_rates(text):
    """`openssl speed -mr` prints +F:NUMBER:NAME:BYTES-A-SECOND of 16 KiB blocks: nanoseconds of a block."""
    fields = [line.split(":") for line in text.splitlines()]
    return "\n".join(f"{f[2].replace('-', '_')} {16384e9 / float(f[3]):.1f}" for f in fields if f[0] == "+F")


def hackbench_time(name):
    """`hackbench` prints `Time: SECONDS`, after what it does."""
    return lambda text: re.sub(r"^Time: *([0-9.]+)$", lambda m: f"{name} {float(m[1]) * 1e9:.0f}", text, flags=re.M)


def without_seconds(text):
    """speedtest1 prints how long each test took."""
    return re.sub(r"\.+ +[0-9.]+s$", "", text, flags=re.M)


PYTHON = ["--include", "/usr/lib/python3.11", "/usr/bin/python3"]
COMPILERS = ["--include", "/usr/include", "--include", GCC + "/cc1", "--include", GCC + "/include", "--include", GCC + "/cc1plus"]
COREUTILS = [w for p in ("mktemp", "mkdir", "wc", "rm", "cat", "sleep") for w in ("--include", f"/usr/bin/{p}")]
# Names that are links, and what they lead to, whose libraries come along only if it is named itself.
TOOLCHAIN = [w for p in ("gcc", "as", "ld", "make") for path in {f"/usr/bin/{p}", os.path.realpath(f"/usr/bin/{p}")}
             for w in ("--include", path)]
LINKING = [w for p in sorted(glob.glob(f"{GCC}/*.[oa]") + glob.glob("/usr/lib/x86_64-linux-gnu/*crt*.o")
                             + glob.glob("/usr/lib/x86_64-linux-gnu/libc*.[ao]") + [f"{GCC}/collect2", f"{GCC}/liblto_plugin.so", f"{GCC}/lto-wrapper", f"{GCC}/libgcc_s.so",
                             "/usr/lib/x86_64-linux-gnu/libc.so", "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1"])
           if os.path.exists(p) for w in ("--include", p)]

APPS = [
    App("processor alone", CPU, ["{in}/cpu"], [], guest("cpu"), reports=True, rounds=9),
    App("openssl speed", CPU, ["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "16384", "-evp", "sha256"],
        ["/usr/bin/openssl"], reports=True, parse=openssl_rates, rounds=5),
    App("python set", CPU, ["python3", "-s", "{in}/python_set.py"], PYTHON, copies("python_set.py"), reports=True, rounds=5),
    App("node set", CPU, ["node", "{in}/node_set.js"], ["/usr/bin/node"], copies("node_set.js"), reports=True, rounds=5),
    App("java set", CPU, [f"{JAVA}/bin/java", "-XX:-UsePerfData", "-Djava.io.tmpdir={out}", "-cp", "{in}", "JavaSet"],
        ["--include", JAVA, "--include", "/etc/java-17-openjdk", f"{JAVA}/bin/java"], java_class, reports=True, rounds=5),
    App("sqlite speedtest1", FILES, ["{in}/speedtest1", "--verify", "--size", "25", "{out}/test.db"], [], make_speedtest,
        parse=without_seconds),
    App("cc1 compiling C", FILES, [f"{GCC}/cc1", "-quiet", *MULTIARCH, "-O2", "{in}/primitives.c", "-o", "{out}/c.s"],
        [*COMPILERS, f"{GCC}/cc1"], c_source),
    App("cc1plus compiling C++", FILES, [f"{GCC}/cc1plus", "-quiet", *MULTIARCH, "-D_GNU_SOURCE", "-O1", "{in}/compiled.cc", "-o", "{out}/cc.s"],
        [*COMPILERS, f"{GCC}/cc1"], c_source, rounds=5),
    App("zstd compressing", FILES, ["zstd", "-q", "-f", "-3", "{in}/data", "-o", "{out}/data.zst"], ["/usr/bin/zstd"], compressible),
    App("zstd expanding", FILES, ["zstd", "-q", "-f", "-d", "{in}/data.zst", "-o", "{out}/data"], ["/usr/bin/zstd"], compressible,
        rounds=15),
    App("openssl sha256", FILES, ["openssl", "dgst", "-sha256", "{in}/data"], ["/usr/bin/openssl"], compressible),
    App("openssl enc", FILES, ["openssl", "enc", "-aes-256-cbc", "-K", "00" * 32, "-iv", "00" * 16, "-in", "{in}/data", "-out",
                               "{out}/enc"], ["/usr/bin/openssl"], compressible),
    App("10,000 files in memory", FILES, ["python3", "-s", "{in}/walk.py", "both", "{out}"], PYTHON, make_tree, reports=True, rounds=5),
    App("10,000 files, read-only", FILES, ["python3", "-s", "{in}/walk.py", "read", "{in}/tree"], PYTHON, make_tree, reports=True,
        rounds=5),
    App("node start", FILES, ["node", "-e", "console.log(1)"], ["/usr/bin/node"], rounds=15),
    App("java start", FILES, [f"{JAVA}/bin/java", "-XX:-UsePerfData", "-version"],
        ["--include", JAVA, "--include", "/etc/java-17-openjdk", f"{JAVA}/bin/java"], rounds=9),
    App("git", PROCESSES, ["sh", "{in}/git.sh", "{out}"],
        ["--include", "/usr/bin/git", "--include", "/usr/lib/git-core", "--include", "/usr/share/git-core", *COREUTILS, "/bin/sh"],
        copies("git.sh")),
    App("make -j2", PROCESSES, ["sh", "{in}/make.sh", "{out}"], [*COMPILERS, *LINKING, *COREUTILS, *TOOLCHAIN, "/bin/sh"],
        copies("make.sh")),
    # Two groups of 20 processes that write to each of 20 others.
    App("hackbench, pipes", PROCESSES, ["hackbench", "-P", "-p", "-g", "2", "-l", "100"], ["/usr/bin/hackbench"], reports=True,
        parse=hackbench_time("pipes")),
    App("hackbench, sockets", PROCESSES, ["hackbench", "-P", "-g", "2", "-l", "100"], ["/usr/bin/hackbench"], reports=True,
        parse=hackbench_time("sockets")),
    App("redis", PROCESSES, ["sh", "{in}/redis.sh", "{out}"], None, copies("redis.sh"), reports=True, rounds=5),
    App("PostgreSQL", PROCESSES, ["sh", "{in}/postgres.sh", "{out}", f"{POSTGRES}/bin"], None, copies("postgres.sh"), reports=True,
        rounds=3, user=65534),
]

NEEDS = {"openssl": "openssl", "node": "node", "java": "java", "redis": "redis-server", "PostgreSQL": f"{POSTGRES}/bin/postgres", "hackbench,": "hackbench",
         "git": "git", "make": "make", "cc1": f"{GCC}/cc1", "cc1plus": f"{GCC}/cc1plus", "zstd": "zstd", "python": "python3"}


def missing(app):
    """The program that `app` needs and this machine has not, or None."""
    program = NEEDS.get(app.name.split()[0])
    return None if program is None or (which(program) and os.path.exists(which(program))) else program
