#!/usr/bin/env python3
"""Servers in a sandbox with clients outside, and clients in a sandbox with servers outside, as the operator grants them: -p, --allow.

usage: servers.py BARTIZAN [NAME...]     all of them, or those named; what is not installed is skipped, by name

Each is a function that raises where something is not as it would be natively.  The programs are Debian's, unmodified."""
import http.server
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

B = os.path.abspath(sys.argv[1])
HOST = "host.bartizan.internal"
CASES = []
LIMIT = int(os.environ.get("SERVERS_LIMIT", "120"))


def case(*needs):
    def add(f):
        CASES.append((f.__name__, needs, f))
        return f
    return add


def free_port():
    """One that neither TCP nor UDP has, and that nobody gets by asking for any (ip_local_port_range begins behind these)."""
    while True:
        port = random.randrange(15000, 32000)
        try:
            for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("127.0.0.1", port))
            return port
        except OSError:
            pass


def until(what, f, limit=LIMIT):
    end = time.monotonic() + limit
    while True:
        try:
            if (r := f()) is not None:
                return r
        except (OSError, subprocess.CalledProcessError, AssertionError):
            pass
        if time.monotonic() > end:
            raise AssertionError("never: " + what)
        time.sleep(0.05)


def path(program):
    return shutil.which(program, path="/usr/lib/postgresql/15/bin:/usr/bin:/bin:/usr/sbin:/sbin")


def run(*args, limit=LIMIT, input=None, check=True, cwd=None):
    r = subprocess.run(args, capture_output=True, text=True, timeout=limit, input=input, cwd=cwd)
    if check and r.returncode:
        raise AssertionError(f"{' '.join(args)}: {r.returncode}: {r.stdout[-1500:]}{r.stderr[-1500:]}")
    return r.stdout + ("" if check else r.stderr)


def sandboxed(d, options, *program, **more):
    return run(B, "run", "-v", f"{d}:{d}", "-w", d, *options, *program, **more)


class Server:
    """A server in a sandbox, which can write to its directory."""

    def __init__(self, d, options, *program):
        self.log = open(f"{d}/server.log", "w+")
        self.p = subprocess.Popen([B, "run", "-v", f"{d}:{d}", "-w", d, *options, *program], stdout=self.log, stderr=self.log,
                                  stdin=subprocess.DEVNULL, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        died = self.p.poll()
        self.p.terminate()
        try:
            self.p.wait(20)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
        self.log.seek(0)
        text = self.log.read()[-3000:]
        self.log.close()
        if kind or died is not None:
            print(f"  the server{'' if died is None else f' ended by itself ({died})'}: {text}")
        if not kind and died is not None:
            raise AssertionError("the server ended by itself")


def accepts(port):
    return until(f"port {port}", lambda: socket.create_connection(("127.0.0.1", port), 5).close() or True)


def host_files(d):
    """A web server of the host's for that directory; its port."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *a):
            super().__init__(*a, directory=d)

        def log_message(self, *a):
            pass

    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    s.handle_error = lambda *a: None  # a client that goes away, as health checks do
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s.server_address[1]


def write(name, text):
    with open(name, "w") as f:
        f.write(text)
    return name


def get(port, what="/", *options):
    return until(what, lambda: run("curl", "-sS", "--max-time", "30", *options, f"http://127.0.0.1:{port}{what}"))


# --- servers ---------------------------------------------------------------------------------------------------------


@case("redis-server", "redis-benchmark")
def redis(d):
    port = free_port()
    with Server(d, ["-p", f"{port}:6379"], path("redis-server"), "--save", "", "--bind", "0.0.0.0", "--protected-mode", "no"):
        accepts(port)
        out = run("redis-benchmark", "-p", str(port), "-n", "3000", "-c", "50", "-q", "-t", "set,get,lpush,mset")
        assert out.count("requests per second") == 4, out
        out = run("redis-benchmark", "-p", str(port), "-n", "20000", "-c", "50", "-P", "16", "-q", "-t", "set,get")
        assert out.count("requests per second") == 2, out


NGINX = """daemon off; worker_processes 2; pid /tmp/pid; error_log {d}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  keepalive_requests 1000000; sendfile on; tcp_nopush on; gzip off;
  server {{ listen 80; {tls} root {d}/www; location /proxied/ {{ proxy_pass http://127.0.0.1:81/; }} }}
  server {{ listen 127.0.0.1:81; root {d}/www; }} }}
"""


@case("nginx", "curl", "openssl")
def nginx(d):
    port, tls = free_port(), free_port()
    os.mkdir(d + "/www")
    write(d + "/www/index.html", "hello\n")
    write(d + "/www/large", "0123456789abcdef" * 65536)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", d + "/key", "-out", d + "/cert", "-subj", "/CN=localhost")
    write(d + "/conf", NGINX.format(d=d, tls=f"listen 443 ssl http2; ssl_certificate {d}/cert; ssl_certificate_key {d}/key;"))
    with Server(d, ["-p", f"{port}:80", "-p", f"{tls}:443"], path("nginx"), "-c", d + "/conf", "-e", d + "/error.log"):
        assert get(port) == "hello\n"
        assert len(get(port, "/large")) == 1 << 20
        assert get(port, "/proxied/") == "hello\n"
        assert run("curl", "-sS", "-I", f"http://127.0.0.1:{port}/none").startswith("HTTP/1.1 404")
        out = run("curl", "-sS", "-k", "--http2", "-w", " %{http_version} %{size_download}", "-o", d + "/got", f"https://127.0.0.1:{tls}/large")
        assert out == " 2 1048576", out
        assert run("curl", "-sS", "-k", *["--next", "-k", "-sS", f"https://127.0.0.1:{tls}/"] * 1, f"https://127.0.0.1:{tls}/").count("hello") >= 1
        if path("wrk"):
            out = run("wrk", "-t", "2", "-c", "200", "-d", "3s", f"http://127.0.0.1:{port}/")
            assert "Socket errors" not in out and "Non-2xx" not in out and "requests in" in out, out


@case("nginx", "wrk")
def nginx_10000(d):
    """Ten thousand connections that are kept, of which all ask now and then."""
    port = free_port()
    os.mkdir(d + "/www")
    write(d + "/www/index.html", "hello\n")
    write(d + "/conf", NGINX.format(d=d, tls="").replace("4096", "16000").replace("daemon off;", "daemon off; worker_rlimit_nofile 16000;"))
    with Server(d, ["-p", f"{port}:80"], path("nginx"), "-c", d + "/conf", "-e", d + "/error.log"):
        accepts(port)
        out = run("sh", "-c", f"ulimit -n 20000 && exec wrk -t 2 -c 10000 -d 10s --timeout 30s http://127.0.0.1:{port}/")
        assert "Non-2xx" not in out and "requests in" in out, out
        m = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
        assert not m or m.groups()[:3] == ("0", "0", "0"), out


@case("nginx", "curl", "wrk", "openssl")
def nginx_before_another(d):
    """TLS and HTTP/2 in one sandbox, which passes on to a server in a second one, by connections that it keeps and by one each."""
    back, tls = free_port(), free_port()
    for name in ("back", "front"):
        os.mkdir(f"{d}/{name}")
    os.mkdir(d + "/back/www")
    write(d + "/back/www/index.html", "from the second\n")
    write(d + "/back/www/large", "0123456789abcdef" * 65536)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", d + "/front/key", "-out", d + "/front/cert", "-subj", "/CN=localhost")
    temporary = "access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;"
    write(d + "/back/conf", NGINX.format(d=d + "/back", tls=""))
    write(d + "/front/conf", f"""daemon off; worker_processes 2; pid /tmp/pid; error_log {d}/front/error.log; events {{ worker_connections 1024; }}
http {{ {temporary}
  upstream second {{ server {HOST}:{back}; keepalive 16; }}
  server {{ listen 443 ssl http2; ssl_certificate {d}/front/cert; ssl_certificate_key {d}/front/key; proxy_http_version 1.1; proxy_set_header Connection "";
    location / {{ proxy_pass http://second; }} location /each/ {{ proxy_pass http://{HOST}:{back}/; }} }} }}
""")
    with Server(d + "/back", ["-p", f"{back}:80"], path("nginx"), "-c", d + "/back/conf", "-e", d + "/back/error.log"):
        assert get(back) == "from the second\n"
        with Server(d + "/front", ["-p", f"{tls}:443", "--allow", f"{HOST}:{back}"], path("nginx"), "-c", d + "/front/conf", "-e", d + "/front/error.log"):
            curl = ["curl", "-sS", "-k", "--http2"]
            at = f"https://127.0.0.1:{tls}"
            until("the first", lambda: run(*curl, at) == "from the second\n" or None)
            assert run(*curl, at + "/each/") == "from the second\n"
            out = run(*curl, "-Z", "-o", d + "/got#1", "-w", "%{http_version} %{size_download}\n", at + "/large?[1-8]")
            assert out == "2 1048576\n" * 8, out
            for where in ("/", "/each/"):
                out = run("wrk", "-t", "1", "-c", "50", "-d", "2s", "--timeout", "30s", at + where)
                assert "Socket errors" not in out and "Non-2xx" not in out and "requests in" in out, out


@case("memcached")
def memcached(d):
    port = free_port()
    with Server(d, ["-p", f"{port}:11211"], path("memcached"), "-u", "root", "-l", "0.0.0.0", "-t", "4", "-U", "0"):
        accepts(port)

        def work(n, bad):
            s = socket.create_connection(("127.0.0.1", port), 30)
            f = s.makefile("rwb")
            for i in range(300):
                value = b"v%d-%d" % (n, i) * 20
                f.write(b"set k%d 0 0 %d\r\n%s\r\nget k%d\r\n" % (n, len(value), value, n))
                f.flush()
                got = [f.readline() for _ in range(4)]
                if got != [b"STORED\r\n", b"VALUE k%d 0 %d\r\n" % (n, len(value)), value + b"\r\n", b"END\r\n"]:
                    bad.append(got)
            s.close()

        bad = []
        threads = [threading.Thread(target=work, args=(n, bad)) for n in range(16)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert not bad, bad[:2]


@case("haproxy", "curl")
def haproxy(d):
    """A proxy whose servers are outside, as --allow grants them."""
    port = free_port()
    write(d + "/index.html", "from outside\n")
    write(d + "/large", "x" * 3000000)
    back = host_files(d)
    write(d + "/conf", f"""defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend f
  bind 0.0.0.0:80
  default_backend b
backend b
  server one {HOST}:{back} check inter 500ms
""")
    with Server(d, ["-p", f"{port}:80", "--allow", f"{HOST}:{back}"], path("haproxy"), "-db", "-f", d + "/conf"):
        until("backend up", lambda: get(port) == "from outside\n" or None)
        assert len(get(port, "/large")) == 3000000


@case("node", "curl")
def node(d):
    port = free_port()
    write(d + "/s.js", """const http = require('http');
http.createServer((q, r) => { let n = 0; q.on('data', d => n += d.length); q.on('end', () => r.end(q.method + ' ' + n + '\\n')); }).listen(80);
""")
    with Server(d, ["-p", f"{port}:80"], path("node"), d + "/s.js"):
        assert get(port) == "GET 0\n"
        write(d + "/body", "y" * 2000000)
        assert get(port, "/", "--data-binary", "@" + d + "/body") == "POST 2000000\n"
        assert get(port, "/[1-50]") == "GET 0\n" * 50


GO = """package main
import ("fmt"; "io"; "net"; "net/http"; "os")
func main() {
	if len(os.Args) > 1 {
		a, err := net.LookupHost(os.Args[1]); fmt.Println(a, err)
		r, err := http.Get("http://" + os.Args[1] + ":" + os.Args[2] + "/index.html")
		if err != nil { fmt.Println(err); os.Exit(1) }
		b, _ := io.ReadAll(r.Body); fmt.Print(string(b)); return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { n, _ := io.Copy(io.Discard, r.Body); fmt.Fprintln(w, r.Method, n) })
	fmt.Println(http.ListenAndServe(":80", nil))
}
"""


@case("go", "curl")
def go(d):
    port = free_port()
    write(d + "/s.go", GO)
    subprocess.run(["go", "build", "-o", d + "/s", d + "/s.go"], check=True, env={**os.environ, "CGO_ENABLED": "0", "GOCACHE": d + "/cache",
                                                                                 "GO111MODULE": "off"}, timeout=400)
    with Server(d, ["-p", f"{port}:80"], d + "/s"):
        assert get(port) == "GET 0\n"
        write(d + "/body", "y" * 2000000)
        assert get(port, "/", "--data-binary", "@" + d + "/body") == "POST 2000000\n"
        assert get(port, "/[1-50]") == "GET 0\n" * 50
    write(d + "/index.html", "outside\n")
    back = host_files(d)
    out = sandboxed(d, ["--allow", f"{HOST}:{back}"], d + "/s", HOST, str(back))
    assert out == "[192.0.0.8] <nil>\noutside\n", out
    out = sandboxed(d, ["--allow", f"{HOST}:{back}"], d + "/s", "other.example", "80", check=False)
    assert "no such host" in out, out


@case("java", "curl")
def java(d):
    port = free_port()
    write(d + "/S.java", """import com.sun.net.httpserver.*; import java.net.*; import java.util.concurrent.*;
public class S { public static void main(String[] a) throws Exception {
  HttpServer s = HttpServer.create(new InetSocketAddress(80), 50);
  s.createContext("/", x -> { int n = x.getRequestBody().readAllBytes().length; byte[] b = (x.getRequestMethod() + " " + n + "\\n").getBytes();
    x.sendResponseHeaders(200, b.length); x.getResponseBody().write(b); x.close(); });
  s.setExecutor(Executors.newFixedThreadPool(4)); s.start(); } }
""")
    with Server(d, ["-p", f"{port}:80"], path("java"), d + "/S.java"):
        assert get(port) == "GET 0\n"
        write(d + "/body", "y" * 2000000)
        assert get(port, "/", "--data-binary", "@" + d + "/body") == "POST 2000000\n"


@case("curl", "wget")
def python_servers(d):
    port, aport = free_port(), free_port()
    write(d + "/index.html", "python\n")
    write(d + "/large", "z" * 5000000)
    write(d + "/a.py", """import asyncio
async def one(r, w):
    while data := await r.readline():
        w.write(data.upper()); await w.drain()
    w.close()
async def main():
    async with await asyncio.start_server(one, '0.0.0.0', 7000) as s: await s.serve_forever()
asyncio.run(main())
""")
    with Server(d, ["-p", f"{port}:8000"], "/usr/bin/python3", "-m", "http.server", "8000"):
        assert get(port, "/index.html") == "python\n"
        run("wget", "-q", "-O", d + "/got", f"http://127.0.0.1:{port}/large")
        assert os.path.getsize(d + "/got") == 5000000
    with Server(d, ["-p", f"{aport}:7000"], "/usr/bin/python3", d + "/a.py"):
        accepts(aport)
        socks = [socket.create_connection(("127.0.0.1", aport), 30) for _ in range(100)]
        for i, s in enumerate(socks):
            s.sendall(b"line %d\n" % i)
        for i, s in enumerate(socks):
            assert s.recv(100) == b"LINE %d\n" % i
            s.close()


@case("dnsmasq", "dig")
def dnsmasq(d):
    port = free_port()
    with Server(d, ["-p", f"{port}:53/udp", "-p", f"{port}:53"], path("dnsmasq"), "-k", "-u", "root", "-R", "-h", "-C", "/dev/null", "--log-facility=-",
                "--listen-address=0.0.0.0", "--bind-interfaces", "--no-ping", "--pid-file=" + d + "/pid",
                *[f"--address=/n{i}.test/198.51.100.{i}" for i in range(1, 101)]):
        dig = ["dig", "@127.0.0.1", "-p", str(port), "+short", "+tries=1", "+time=5"]
        until("an answer", lambda: run(*dig, "n1.test", check=False).strip() == "198.51.100.1" or None)
        for i in range(1, 101):
            out = run(*dig, f"n{i}.test").strip()
            assert out == f"198.51.100.{i}", out
        assert run(*dig, "+tcp", "n7.test").strip() == "198.51.100.7"


@case("iperf3")
def iperf3(d):
    port, back = free_port(), free_port()
    with Server(d, ["-p", f"{port}:5201", "-p", f"{port}:5201/udp"], path("iperf3"), "-s"):
        accepts(port)
        for more in ([], ["-R"], ["-P", "4"], ["--bidir"], ["-u", "-b", "20M"]):
            out = until("iperf3 " + " ".join(more), lambda: run("iperf3", "-c", "127.0.0.1", "-p", str(port), "-t", "1", "-f", "m", *more))
            assert "receiver" in out and re.search(r"[1-9][0-9.]* Mbits/sec", out), out
    host = subprocess.Popen(["iperf3", "-s", "-p", str(back)], stdout=subprocess.DEVNULL)
    try:
        accepts(back)
        for more in ([], ["-R"]):
            out = until("iperf3 client", lambda: sandboxed(d, ["--allow", f"{HOST}:{back}"], path("iperf3"), "-c", HOST, "-p", str(back), "-t", "1", *more))
            assert "receiver" in out, out
    finally:
        host.kill()
        host.wait()


@case("sshd", "scp", "ssh-keygen")
def sshd(d):
    port = free_port()
    os.chmod(d, 0o700)
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{d}/{name}")
    shutil.copy(d + "/user.pub", d + "/authorized")
    write(d + "/conf", f"""Port 2222
HostKey {d}/host
PidFile {d}/pid
AuthorizedKeysFile {d}/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
""")
    write(d + "/passwd", "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n")
    write(d + "/shadow", "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n")
    with Server(d, ["-p", f"{port}:2222", "-v", f"{d}/passwd:/etc/passwd:ro", "-v", f"{d}/shadow:/etc/shadow:ro", "--tmpfs", "/run/sshd:mode=0755", "--tmpfs", "/root", "-u", "0"], path("sshd"), "-D", "-e", "-f", d + "/conf"):
        accepts(port)
        how = ["-q", "-i", d + "/user", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]
        assert run("ssh", *how, "-p", str(port), "root@127.0.0.1", "echo $((6 * 7))") == "42\n"
        write(d + "/sent", "s" * 3000000)
        run("scp", *how, "-P", str(port), d + "/sent", "root@127.0.0.1:/root/there")
        run("scp", *how, "-P", str(port), "root@127.0.0.1:/root/there", d + "/back")
        assert os.path.getsize(d + "/back") == 3000000


@case("initdb", "postgres", "pgbench")
def postgresql(d):
    port = free_port()
    os.chmod(d, 0o777)
    bin = os.path.dirname(path("initdb"))
    write(d + "/start.sh", f"""set -e
{bin}/initdb -D {d}/data -A trust --no-sync -U me >{d}/init.log 2>&1 || {{ cat {d}/init.log; exit 1; }}
echo 'host all all all trust' >>{d}/data/pg_hba.conf
exec {bin}/postgres -D {d}/data -c listen_addresses='*' -c unix_socket_directories=''
""")
    user = ["-u", "1000:1000"] if os.getuid() == 0 else []
    with Server(d, ["-p", f"{port}:5432", *user], "/bin/sh", d + "/start.sh"):
        at = ["-h", "127.0.0.1", "-p", str(port), "-U", "me"]
        until("postgres", lambda: run("psql", *at, "-d", "postgres", "-Atc", "select 1") == "1\n" or None)
        run("pgbench", *at, "-i", "-s", "1", "-q", "postgres")
        out = run("pgbench", *at, "-n", "-c", "8", "-j", "2", "-t", "50", "postgres")
        assert "400/400" in out, out
        out = run("pgbench", *at, "-n", "-S", "-C", "-c", "4", "-t", "25", "postgres")  # a connection each
        assert "100/100" in out, out


@case("mariadbd", "mariadb-install-db", "mariadb-slap")
def mariadb(d):
    port = free_port()
    write(d + "/start.sh", f"""set -e
mariadb-install-db --no-defaults --force --user=root --datadir={d}/data --auth-root-authentication-method=normal --skip-test-db >{d}/install.log 2>&1
cat >{d}/init.sql <<'E'
create user me@'%';
grant all on *.* to me@'%';
E
exec mariadbd --no-defaults --user=root --datadir={d}/data --socket={d}/s --port=3306 --bind-address=0.0.0.0 --skip-name-resolve \
  --innodb-buffer-pool-size=32M --init-file={d}/init.sql
""")
    with Server(d, ["-p", f"{port}:3306", "-u", "0"], "/bin/sh", d + "/start.sh"):
        at = ["--no-defaults", "-h", "127.0.0.1", "-P", str(port), "-u", "me", "--protocol=tcp"]
        until("mariadb", lambda: run("mariadb", *at, "-N", "-e", "select 6*7") == "42\n" or None)
        out = run("mariadb-slap", *at, "--auto-generate-sql", "--concurrency=8", "--number-of-queries=400", "--engine=innodb")
        assert "Average number of seconds" in out, out


# --- clients ---------------------------------------------------------------------------------------------------------


@case("curl", "wget", "git")
def clients(d):
    os.mkdir(d + "/out")
    write(d + "/out/index.html", "outside\n")
    write(d + "/out/large", "q" * 4000000)
    run("git", "init", "-q", d + "/out/repo")
    git = ["git", "-C", d + "/out/repo", "-c", "user.name=a", "-c", "user.email=a@b"]
    for i in range(30):
        write(f"{d}/out/repo/f{i}", f"{i}\n" * 100)
        run(*git, "add", ".")
        run(*git, "commit", "-qm", f"c{i}")
    run(*git, "update-server-info")
    port = host_files(d + "/out")
    allow = ["--allow", f"{HOST}:{port}"]
    url = f"http://{HOST}:{port}"
    assert sandboxed(d, allow, path("curl"), "-sS", url + "/index.html") == "outside\n"
    sandboxed(d, allow, path("curl"), "-sS", "-Z", "-o", "l#1", url + "/large?[1-8]")
    assert all(os.path.getsize(f"{d}/l{i}") == 4000000 for i in range(1, 9))
    sandboxed(d, allow, path("wget"), "-q", "-O", "w", url + "/large")
    assert os.path.getsize(d + "/w") == 4000000
    sandboxed(d, allow, path("git"), "clone", "-q", url + "/repo/.git", "clone")
    assert run("git", "-C", d + "/clone", "rev-list", "--count", "HEAD") == "30\n"
    out = sandboxed(d, [], path("curl"), "-sS", url, check=False)
    assert "Could not resolve host" in out, out
    out = sandboxed(d, allow, path("curl"), "-sS", f"http://{HOST}:{port + 1 if port < 65535 else 1}/", check=False)
    assert "denied: connect to" in out, out


def main():
    wanted, failed = sys.argv[2:], 0
    for name, needs, f in CASES:
        if wanted and name not in wanted:
            continue
        lacks = [n for n in needs if not path(n)]
        if lacks:
            print(f"{name}: skipped, not installed: {' '.join(lacks)}", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="servers.", ignore_cleanup_errors=True) as d:
            os.chmod(d, 0o755)
            began = time.monotonic()
            try:
                f(d)
                print(f"{name}: ok, {time.monotonic() - began:.1f} s", flush=True)
            except Exception:
                failed += 1
                print(f"{name}: FAILED\n{traceback.format_exc()[-3000:]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
