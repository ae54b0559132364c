#!/usr/bin/python3
"""What the command knows and the guest was not given is nowhere in the sandbox's memory.

usage: canary.py BARTIZAN [nobody]

Random words stand in the command's environment, in its arguments, and in files that it reads into its heap. Then all memory
of every process of the running sandbox, template and picoprocesses, is read from outside, and none of the words may be
there: not by its first half (so not whole), nor by its second, nor as 16-bit characters. Words that the guest was given are looked for in
the same way, and have to be found: in its environment, its arguments and its heap.
"""
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

from installed import installed

GUEST = r"""
word=$(printf '%s%s' "$1" "$2")
: "$word"
(sleep 1000 & wait) &
echo ready
wait
"""


def word():
    return secrets.token_hex(16)


def forms(text):
    half = len(text) // 2
    return {"its first half": text[:half].encode(), "its second half": text[half:].encode(),
            "as 16-bit characters": text[:half].encode("utf-16-le")}


def children_of(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            for child in f.read().split():
                found += [int(child)] + children_of(int(child))
    return found


def memory(pid):
    """All that the process has mapped, a piece at a time (they overlap, lest a word be cut in two)."""
    overlap, size = 256, 1 << 22
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            at = start
            while at < end:
                try:
                    mem.seek(at)
                    data = mem.read(min(size, end - at))
                except (OSError, OverflowError, ValueError):
                    break  # the kernel's own pages, or behind a file's end
                if not data:
                    break
                yield data
                at += len(data) if at + len(data) >= end else max(len(data) - overlap, 1)


def search(pid, words):
    """Which of the words are there: {name: form}."""
    patterns = [(name, form, data) for name, text in words.items() for form, data in forms(text).items()]
    found, read = {}, 0
    any_of = re.compile(b"|".join(re.escape(data) for _, _, data in patterns))
    for piece in memory(pid):
        read += len(piece)
        for name, form, data in patterns if any_of.search(piece) else ():
            if data in piece:
                found.setdefault(name, set()).add(form)
    return found, read


def become_nobody():
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


def start(bartizan, directory, hidden, given, nobody):
    volume, policy = f"{directory}/{hidden['volume path']}", f"{directory}/{hidden['policy path']}"
    granted, env_file = f"{directory}/{hidden['path in the policy']}", f"{directory}/{hidden['env-file path']}"
    for path in (volume, granted):
        os.mkdir(path)
        os.chmod(path, 0o777)
    with open(env_file, "w") as f:
        f.write(f"# {hidden['comment in the env-file']}\nGIVEN_BY_FILE={given['env-file']}\n{hidden['name unset here']}\n")
    with open(policy, "w") as f:
        json.dump({"volumes": [f"{granted}:/granted:ro"], "env": {"GIVEN_BY_POLICY": given["policy"]}}, f)
    half = len(given["heap"]) // 2
    environment = dict(os.environ, CANARY=hidden["environment"], GIVEN_NOT=hidden["another variable"],
                       XDG_RUNTIME_DIR=f"{directory}/run", XDG_DATA_HOME=f"{directory}/data")
    os.mkdir(environment["XDG_RUNTIME_DIR"])
    os.chmod(environment["XDG_RUNTIME_DIR"], 0o777)
    return subprocess.Popen(
        [bartizan, "run", "-m", "64m", "--name", "n" + hidden["name"], "--env-file", env_file, "--policy", policy,
         "-v", f"{volume}:/volume", "-e", f"GIVEN={given['environment']}", "/bin/bash", "-c", GUEST, given["arguments"],
         given["heap"][:half], given["heap"][half:]],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=become_nobody if nobody else None)


def sandbox_of(command):
    """Template and picoprocesses: what the monitor has made."""
    for _ in range(200):
        below = children_of(command)
        inside = [pid for pid in below if re.search(r"^NSpid:\s+\d+\s+\d+", open(f"/proc/{pid}/status").read(), re.M)]
        if len(inside) >= 4:
            return inside
        time.sleep(0.02)
    return inside


def main():
    bartizan, nobody = installed(sys.argv[1]), "nobody" in sys.argv[2:]
    if os.geteuid() != 0:
        print("skipped: only root can look into a sandbox")
        sys.exit(77)
    hidden = {name: word() for name in (
        "environment", "another variable", "name", "env-file path", "comment in the env-file", "name unset here", "policy path",
        "path in the policy", "volume path")}
    given = {name: word() for name in ("environment", "arguments", "heap", "env-file", "policy")}
    directory = tempfile.mkdtemp(prefix="bartizan-canary-")
    os.chmod(directory, 0o777)
    failed, everywhere, command = 0, {}, None
    try:
        command = start(bartizan, directory, hidden, given, nobody)
        line = command.stdout.readline()
        if line != b"ready\n":
            print(f"FAIL the guest said {line!r}")
            sys.exit(1)
        own, _ = search(command.pid, hidden)
        if "environment" not in own or "volume path" not in own:
            print(f"FAIL the command itself holds only {sorted(own)}: nothing is proven")
            failed = 1
        inside = sandbox_of(command.pid)
        if len(inside) < 4:
            print(f"FAIL {len(inside)} processes in the sandbox, not a template, a shell, its child and a sleep")
            failed = 1
        for pid in inside:
            found, read = search(pid, hidden)
            if found or read < 1 << 20:
                print(f"FAIL process {pid} ({read} bytes read) holds {found}")
                failed = 1
            everywhere.update(search(pid, given)[0])
        if set(everywhere) != set(given):
            print(f"FAIL the search does not find what the guest was given: {set(given) - set(everywhere)}")
            failed = 1
        if not failed:
            print(f"ok   {len(hidden)} words are in none of {len(inside)} processes; {len(given)} that were given are found")
    finally:
        if command:
            command.kill()
            command.wait()
        shutil.rmtree(directory)
    sys.exit(failed)


main()
