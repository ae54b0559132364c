"""What all parts of the suite share: where things are, compiling and building images, and how a program runs in each place.

Places: `native`; `host`, a program of the host in a sandbox; `image`, one from an image.  Inputs of a program lie in memory
(a tmpfs) natively, come as a read-only volume to `host`, and are part of an `image`.  What a program writes natively goes to
a tmpfs too, as it goes to the arena in a sandbox.
"""
import glob
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
INPUTS = "/bench"     # where a sandbox sees the inputs


def sh(*argv, **kw):
    p = subprocess.run(argv, text=True, capture_output=True, **kw)
    if p.returncode:
        raise SystemExit(f"bench: {' '.join(argv[:4])} ...: {(p.stderr.strip().splitlines() or ['failed'])[-1][:300]}")
    return p.stdout


def which(program):
    return program if program.startswith("/") else shutil.which(program, path=PATH)


def tracers():
    """Tracing instances that watch system calls: even one that records nothing makes each call of the whole machine slower,
    by as much as the call itself."""
    top, watching = "/sys/kernel/tracing", []
    for instance in [top, *glob.glob(f"{top}/instances/*")]:
        for group in ("raw_syscalls", "syscalls"):
            try:
                with open(f"{instance}/events/{group}/enable") as f:
                    if f.read().strip() != "0":
                        watching.append(f"{instance}/events/{group}")
            except OSError:
                pass
    return watching


def say(text):
    """Progress, to standard error; results go to standard output."""
    print(f"# {text}", file=sys.stderr, flush=True)


class Context:
    def __init__(self, bartizan, quick):
        self.bartizan, self.quick = os.path.abspath(bartizan), quick
        self.work = tempfile.mkdtemp(prefix="bench-")
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else self.work
        self.memory = tempfile.mkdtemp(prefix="bench-", dir=memory)
        self.out = f"{self.memory}/out"
        os.makedirs(self.out)
        for d in (self.work, self.memory):
            os.chmod(d, 0o755)
        os.chmod(self.out, 0o1777)
        self.images, self.inputs, self.relatives = {}, {}, None
        # Above what else runs here, where that is allowed.
        allowed = subprocess.run(["chrt", "-f", "10", "true"], capture_output=True).returncode == 0
        self.front = ["chrt", "-f", "10"] if allowed else []
        self.spawn = self.compile(f"{ROOT}/bench/spawn.c", static=False)
        os.environ.update(PATH=PATH, LANG="C.UTF-8", TMPDIR=self.out, PYTHONDONTWRITEBYTECODE="1")

    def close(self):
        for d in (self.work, self.memory):
            shutil.rmtree(d, ignore_errors=True)

    def runs(self, full, quick):
        return quick if self.quick else full

    def compile(self, source, static=True, name=None, flags=()):
        name = name or os.path.splitext(os.path.basename(source))[0] + ("-static" if static else "")
        out = f"{self.work}/{name}"
        if not os.path.exists(out):
            sh("cc", "-O2", "-pthread", *(["-static"] if static else []), "-o", out, source, *flags)
        return out

    def guest(self, name, static=True):
        return self.compile(f"{ROOT}/bench/guest/{name}.c", static)

    def clear_out(self):
        for name in os.listdir(self.out):
            path = f"{self.out}/{name}"
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)

    def image(self, *build):
        """An image made by `bartizan build`; the same arguments give the same one.  It is past the age (two seconds) below
        which it would be verified at each start, and was verified."""
        key = hashlib.sha256("\0".join(build).encode()).hexdigest()[:12]
        if key not in self.images:
            path = f"{self.work}/{key}.img"
            sh(self.bartizan, "build", "-o", path, *build)
            self.images[key] = path
            time.sleep(2.2)
        return self.images[key]

    def run(self, *argv):
        return [self.bartizan, "run", *argv]

    def sizes(self):
        """Of what a sandbox brings along, stripped, and of the monitor's sources."""
        build, found = os.path.dirname(self.bartizan), {}
        for name, path in (("libos_kib", "libos/bartizan-libos.elf"), ("host_kib", "host/linux/bartizan-host.elf")):
            if os.path.exists(f"{build}/{path}"):
                sh("strip", "-o", f"{self.work}/stripped", f"{build}/{path}")
                found[name] = os.path.getsize(f"{self.work}/stripped") >> 10
        sources = glob.glob(f"{ROOT}/monitor/*.[ch]")
        found["monitor_lines"] = sum(open(path).read().count("\n") for path in sources)
        return found

    def machine(self):
        model = "unknown"
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("model name"):
                    model = line.split(":", 1)[1].strip()
                    break
        with open("/proc/meminfo") as f:
            memory = int(f.readline().split()[1]) >> 10
        version = subprocess.run([self.bartizan, "--version"], text=True, capture_output=True).stdout.strip()
        return {"date": time.strftime("%Y-%m-%d"), "kernel": platform.release(), "cpus": os.cpu_count(), "model": model,
                "memory_mib": memory, "bartizan": version, "priority": "FIFO 10" if self.front else "normal",
                "load": os.getloadavg()[0], "tracers": tracers(),
                "sizes": self.sizes()}
