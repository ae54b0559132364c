"""The relatives: bubblewrap, crun, runc and runsc, each with one static program, as its own users would run it.

Some hosts need a mount namespace whose /sys/fs/cgroup is an empty cgroup2 tree: crun refuses a hybrid tree, and runc cannot
put a process of real-time priority into a group of cgroup v1's `cpu` controller (EINVAL).  The whole suite enters one, so
that nothing of this is in anybody's time or memory.
"""
import json
import os
import shutil
import sys

from .context import say
from .measure import Failed, capture, last_line

PREFIX = ["unshare", "-m", "sh", "-c",
          'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup; exec "$@"', "sh"]
NAMES = ("bwrap", "crun", "runc", "runsc")


def front(ctx, name):
    """runsc's processes spin while they wait for each other: at a real-time priority they take the processors from the one
    that is waited for, and from everybody else."""
    return [] if name == "runsc" else ctx.front


def enter_private_cgroups():
    if os.geteuid() == 0 and os.path.isdir("/sys/fs/cgroup/unified") and "BENCH_INSIDE" not in os.environ:
        os.environ["BENCH_INSIDE"] = "1"
        os.execvp(PREFIX[0], [*PREFIX, sys.executable, *sys.argv])


def bundle(directory, program):
    """A minimal OCI bundle around one static program."""
    for d in ("proc", "dev", "sys"):
        os.makedirs(f"{directory}/rootfs/{d}", exist_ok=True)
    shutil.copy(program, f"{directory}/rootfs/prog")
    spaces = [{"type": t} for t in ("pid", "mount", "ipc", "uts", "network")]
    config = {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/prog"], "cwd": "/",
                    "env": ["PATH=/"], "noNewPrivileges": True,
                    "capabilities": {k: [] for k in ("bounding", "effective", "permitted", "inheritable")}},
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "bench",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": spaces},
    }
    with open(f"{directory}/config.json", "w") as f:
        json.dump(config, f)
    return directory


def command(ctx, name, program, identity="@RUN@"):
    """What runs `program` in the relative; `identity` tells containers that live at once apart."""
    if name == "bwrap":
        return ["bwrap", "--unshare-all", "--ro-bind", program, "/prog", "/prog"]
    made = f"{ctx.work}/{name}-{os.path.basename(program)}"
    if not os.path.isdir(made):
        bundle(made, program)
    options = {"crun": ["--cgroup-manager=disabled"], "runc": [],
               "runsc": ["--platform=ptrace", "--network=none", "--ignore-cgroups"]}[name]
    return [name, *options, "run", "--bundle", made, identity]


def runs(ctx, name, program):
    """None if it runs `program` here, else why not.  Asked twice: a runtime that once did not end may do so again."""
    for attempt in (1, 2):
        try:
            code, out, err = capture([*front(ctx, name), *command(ctx, name, program, f"try-{os.getpid()}-{attempt}")], 20)
        except Failed as e:
            why = str(e)
            continue
        if code == 0 and out:
            return None
        why = last_line(err)
    return why


def working(ctx):
    """The names of those that are installed and run here; says why another does not."""
    if ctx.relatives is None:
        ctx.relatives = []
        for name in NAMES:
            why = runs(ctx, name, ctx.guest("hello")) if shutil.which(name) else "it is not installed"
            if why is None:
                ctx.relatives.append(name)
            else:
                say(f"{name} does not run here: {why}")
    return ctx.relatives
