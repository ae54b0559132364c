"""Servers natively and in a sandbox (-p), both running all the while, asked in turn by the same client outside: the time of a request.
For each also the host's system calls a request: those that --stats counts, beside those that strace -c counts of the native server."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from .context import ROOT, say, which
from .measure import Failed, capture, last_line, row

BATCHES = 3


def free_port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def await_port(port, p):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if p.poll() is not None:
                break
            time.sleep(0.05)
    raise Failed("a server does not answer")


def start(command):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def stop(p, what=signal.SIGTERM):
    os.killpg(p.pid, what)
    try:
        p.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()


class Work:
    """`server(port)`: the native command; inside a sandbox it listens at `guest`.  `client(port, n)`: a command of n requests, of whose
    output `read` makes microseconds a request."""

    def __init__(self, name, server, client, read, n, guest, options=()):
        self.name, self.server, self.client, self.read, self.n, self.guest, self.options = name, server, client, read, n, guest, options


def redis_rate(which_test):
    def read(text):
        m = re.search(rf'"{which_test}","([0-9.]+)"', text)
        if not m:
            raise Failed("redis-benchmark says nothing of " + which_test)
        return [1e6 / float(m.group(1))]
    return read


def wrk_rate(text):
    m = re.search(r"Requests/sec:\s+([0-9.]+)", text)
    if not m or "Non-2xx" in text:
        raise Failed("wrk: " + last_line(text))
    return [1e6 / float(m.group(1))]


def reported(name):
    def read(text):
        m = re.search(rf"^{name} (.*)$", text, re.M)
        if not m:
            raise Failed(last_line(text))
        return [float(v) / 1000 for v in m.group(1).split()]
    return read


def iperf_rate(text):
    m = re.findall(r"([0-9.]+) Mbits/sec.*receiver", text)
    if not m:
        raise Failed("iperf3: " + last_line(text))
    return [8e6 / float(m[-1]) / 1e0 * 1.048576 / 1]


def works(ctx):
    d = f"{ctx.memory}/net"
    os.makedirs(d + "/www", exist_ok=True)
    with open(d + "/www/1k", "wb") as f:
        f.write(b"x" * 1024)
    with open(d + "/www/1m", "wb") as f:
        f.write(b"x" * (1 << 20))
    shutil.copy(ctx.compile(f"{ROOT}/bench/programs/net.c", flags=["-pthread"]), d + "/net")
    found = []
    if which("redis-server"):
        def server(port):
            return [which("redis-server"), "--port", str(port), "--save", "", "--bind", "0.0.0.0", "--protected-mode", "no"]

        for test in ("GET", "SET"):
            for pipeline, n in ((1, 20000), (16, 200000)):
                n = ctx.runs(n, n // 20)
                found.append(Work(f"redis {test}" + (", pipelines of 16" if pipeline > 1 else ""), server, lambda port, n, t=test, k=pipeline: [
                    "redis-benchmark", "-p", str(port), "-c", "50", "-n", str(n), "-P", str(k), "-t", t.lower(), "--csv"], redis_rate(test), n, 6379))
    if which("nginx") and which("wrk"):
        def conf(port):
            path = f"{d}/nginx{port}.conf"
            with open(path, "w") as f:
                f.write(f"daemon off; worker_processes 1; pid /tmp/p{port}; error_log /dev/null; events {{ worker_connections 2048; }}\n"
                        f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; client_body_temp_path /tmp/b{port}; "
                        f"proxy_temp_path /tmp/x{port}; fastcgi_temp_path /tmp/f{port}; uwsgi_temp_path /tmp/u{port}; scgi_temp_path /tmp/s{port};\n"
                        f"server {{ listen {port}; root {d}/www; }} }}\n")
            return [which("nginx"), "-c", path, "-e", "/dev/null"]

        def ask(what, close=False):
            return lambda port, n: ["wrk", "-t", "1", "-c", "20", "-d", f"{ctx.runs(3, 1)}s", *(["-H", "Connection: close"] if close else []),
                                    f"http://127.0.0.1:{port}/{what}"]
        for name, client in (("nginx, 1 KB", ask("1k")), ("nginx, 1 MB", ask("1m")), ("nginx, 1 KB, a connection each", ask("1k", True))):
            found.append(Work(name, conf, client, wrk_rate, 0, 8080))
    if which("memcached"):
        found.append(Work("memcached get and set", lambda port: [which("memcached"), "-u", "root", "-l", "0.0.0.0", "-p", str(port), "-U", "0", "-t", "1"],
                          lambda port, n: ["/usr/bin/python3", f"{ROOT}/bench/programs/memcached_client.py", str(port), str(n)], reported("memcached"),
                          ctx.runs(5000, 500), 11211))
    for name, n in (("rtt", 5000), ("connect", 1000)):
        found.append(Work({"rtt": "TCP round trip, 64 bytes", "connect": "TCP connection, a round trip, close"}[name],
                          lambda port: [d + "/net", "serve", str(port)], lambda port, n, k=name: [d + "/net", k, str(port), str(n), str(BATCHES)],
                          reported(name), ctx.runs(n, n // 10), 7000))
    if which("iperf3"):
        for name, more in (("iperf3, to the server, a megabyte", []), ("iperf3, from the server, a megabyte", ["-R"])):
            found.append(Work(name, lambda port: [which("iperf3"), "-s", "-p", str(port)], lambda port, n, m=more: [
                "iperf3", "-c", "127.0.0.1", "-p", str(port), "-t", str(ctx.runs(2, 1)), "-f", "m", *m], iperf_rate, 0, 5201))
    return d, found


def sandbox(ctx, d, work, port, stats=None):
    return ctx.run(*([f"--stats={stats}"] if stats else []), "-v", f"{d}:{d}:ro", "-p", f"{port}:{work.guest}", *work.options, *work.server(work.guest))


def timed(ctx, d, work):
    ports = {"native": free_port(), "host": free_port()}
    servers = {}
    rounds = {place: [] for place in ports}
    try:
        servers["native"] = start([*ctx.front, *work.server(ports["native"])])
        servers["host"] = start([*ctx.front, *sandbox(ctx, d, work, ports["host"])])
        for place, p in servers.items():
            await_port(ports[place], p)
        for turn in range(ctx.runs(9, 2) + 1):
            for place in ports:
                code, out, err = capture([*ctx.front, *work.client(ports[place], work.n)], 120)
                if code:
                    raise Failed(f"the client of {place}: {last_line(err or out)}")
                if turn:  # the first warms up
                    rounds[place].append(work.read(out))
    finally:
        for p in servers.values():
            stop(p)
    return row(work.name, "us", rounds)


def calls_of(ctx, d, work, n):
    """Host system calls for n requests, natively and in a sandbox."""
    counts = {}
    path = f"{ctx.work}/calls"
    for place in ("native", "host"):
        port = free_port()
        command = ["strace", "-f", "-c", "-o", path, *work.server(port)] if place == "native" else sandbox(ctx, d, work, port, path)
        p = start(command)
        try:
            await_port(port, p)
            code, out, err = capture(work.client(port, n), 300)
            if code:
                raise Failed(f"the client: {last_line(err or out)}")
        finally:
            stop(p, signal.SIGINT if place == "native" else signal.SIGTERM)
        with open(path) as f:
            text = f.read()
        if place == "native":
            counts[place] = int(re.findall(r"(\d+)(?:\s+\d+)?\s+total$", text, re.M)[-1])
        else:
            counts[place] = sum(json.loads(text)["host_syscalls"].values())
    return counts


def calls_a_request(ctx, d, work):
    """The difference of a long and a short run, so that start and end do not count."""
    if not work.n or not which("strace"):
        return None
    few, many = max(work.n // 20, 50), max(work.n // 4, 200)
    a, b = calls_of(ctx, d, work, few), calls_of(ctx, d, work, many)
    each = BATCHES if work.guest == 7000 else 1
    return {place: round((b[place] - a[place]) / (many - few) / each, 3) for place in a}


def inside(ctx, d):
    """Loopback within a sandbox, beside the kernel's: a megabyte."""
    rounds = {"native": [], "host": []}
    for turn in range(ctx.runs(9, 2)):
        for place, command in (("native", [d + "/net"]), ("host", ctx.run("-v", f"{d}:{d}:ro", d + "/net"))):
            code, out, err = capture([*ctx.front, *command, "loop", str(ctx.runs(200, 20)), "3"], 120)
            if code:
                raise Failed(f"loopback, {place}: {last_line(err)}")
            rounds[place].append(reported("loopback_mb")(out))
    return row("loopback within the sandbox, a megabyte", "us", rounds)


# A server, and its own client beside it, by TCP on loopback: `NAME MICROSECONDS` a request.
REDIS_WITHIN = """set -e
redis-server --port 6380 --save '' >/dev/null &
tries=0
until redis-cli -p 6380 ping >/dev/null 2>&1; do tries=$((tries + 1)); [ $tries -lt 400 ]; sleep 0.05; done
for pipeline in 1 16; do
	redis-benchmark -p 6380 -c 50 -n $(($1 * pipeline)) -P $pipeline -t get,set --csv | awk -F '"' -v p=$pipeline 'NR > 1 { printf "%s-%s %.3f\\n", $2, p, 1e6 / $4 }'
done
redis-cli -p 6380 shutdown nosave
wait
"""


def redis_within(ctx):
    rounds = {}
    for turn in range(ctx.runs(7, 2)):
        for place in ("native", "host"):
            command = ["/bin/sh", "-c", REDIS_WITHIN, "sh", str(ctx.runs(20000, 2000))]
            code, out, err = capture([*ctx.front, *(command if place == "native" else ctx.run(*command))], 120)
            found = dict(line.split() for line in out.splitlines() if "-" in line)
            if code or len(found) != 4:
                raise Failed(f"redis within, {place}: {last_line(err or out)}")
            for name, value in found.items():
                rounds.setdefault(name, {"native": [], "host": []})[place].append([float(value)])
    return [row(f"redis {name.split('-')[0]}{', pipelines of 16' if name.endswith('16') else ''}, both ends within", "us", r) for name, r in sorted(rounds.items())]


def measure(ctx):
    d, found = works(ctx)
    rows = []
    for work in found:
        try:
            r = timed(ctx, d, work)
            r["calls"] = calls_a_request(ctx, d, work)
            rows.append(r)
            say(f"{work.name}: {r['ratios']['host']['median']} of native's time, host calls {r['calls']}")
        except Failed as e:
            say(f"{work.name}: left out, {e}")
    if which("redis-server"):
        try:
            rows.extend(redis_within(ctx))
        except Failed as e:
            say(f"redis within: left out, {e}")
    rows.append(inside(ctx, d))
    return rows
