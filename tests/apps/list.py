"""The list of application tests: programs that must run, unmodified, with the same output as natively."""
import os
import re
import shutil

import whole

HERE = os.path.dirname(os.path.abspath(__file__))


class Test:
    def __init__(self, name, argv, needs=None, stdin=b"", prepare=None, normalise=None, codes=(0,), options=(),
                 timeout=120, slow=False, session=None, user=None):
        self.name, self.argv, self.stdin, self.prepare = name, argv, stdin, prepare
        self.needs = needs if needs is not None else [argv[0]]
        self.normalise, self.codes, self.options = normalise, codes, options
        self.timeout, self.slow = timeout, slow
        self.user = user  # uid to run as, if root runs the tests
        self.session = session  # steps on a terminal: (typed, pattern that must come)


def write(name, text, mode=0o644):
    def prepare(d):
        with open(f"{d}/{name}", "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(f"{d}/{name}", mode)
    return prepare


def big(name, size):
    """A file that compresses neither well nor badly, the same each time."""
    def prepare(d):
        line = b"".join(b"%d the quick brown fox %d\n" % (i * 7919 % 10007, i) for i in range(2000))
        with open(f"{d}/{name}", "wb") as f:
            left = size
            while left > 0:
                f.write(line[:left])
                left -= len(line)
    return prepare


LINES = "".join(f"{i * 37 % 101} line {i}\n" for i in range(500))

DEBUGGED = r'''#include <pthread.h>
#include <stdio.h>
int counter;
int add(int a, int b) { counter += a; return a + b; }
void *run(void *arg) { return arg; }
int main(void)
{
	pthread_t t;
	int sum = 0;
	for (int i = 1; i < 4; i++)
		sum = add(i, sum);
	pthread_create(&t, NULL, run, NULL);
	pthread_join(t, NULL);
	printf("%d %d\n", sum, counter);
	return 0;
}
'''

COREUTILS = [
    ("arch", []), ("base32", ["in"]), ("base64", ["in"]), ("basename", ["/a/b.c", ".c"]), ("cat", ["-n", "in"]),
    ("chmod", ["-v", "640", "in"]), ("cksum", ["in"]), ("comm", ["in", "in"]), ("cp", ["-v", "in", "copy"]),
    ("csplit", ["in", "100", "200"]), ("cut", ["-c1-5", "in"]), ("date", ["-u", "-d", "@0"]), ("dd", ["if=in", "of=out", "status=none"]),
    ("dir", []), ("dircolors", ["-b"]), ("dirname", ["/a/b"]), ("du", ["-b", "in"]), ("echo", ["hello"]), ("env", ["-i", "A=1"]),
    ("expand", ["in"]), ("expr", ["6", "*", "7"]), ("factor", ["1234567890"]), ("false", []), ("fmt", ["in"]),
    ("fold", ["-w10", "in"]), ("head", ["-3", "in"]), ("install", ["-m", "600", "in", "inst"]), ("join", ["in", "in"]),
    ("link", ["in", "hard"]), ("ln", ["-sv", "in", "soft"]), ("ls", ["-1"]), ("md5sum", ["in"]), ("mkdir", ["-vp", "x/y/z"]),
    ("mkfifo", ["--version"]), ("mktemp", ["-u", "-t", "aaXXXXXX"]), ("mv", ["-v", "in", "moved"]), ("nl", ["in"]), ("numfmt", ["--to=iec", "123456789"]),
    ("od", ["-c", "in"]), ("paste", ["in", "in"]), ("pathchk", ["a/b"]), ("pr", ["-t", "in"]), ("printf", ["%05d\\n", "42"]),
    ("ptx", ["in"]), ("pwd", []), ("readlink", ["-f", "."]), ("realpath", ["in"]), ("rm", ["-v", "in"]), ("rmdir", ["nothing"]),
    ("seq", ["1", "3", "20"]), ("sha1sum", ["in"]), ("sha224sum", ["in"]), ("sha256sum", ["in"]), ("sha384sum", ["in"]),
    ("sha512sum", ["in"]), ("shred", ["-u", "in"]), ("shuf", ["--random-source=in", "-i", "1-20"]), ("sleep", ["0.05"]), ("sort", ["-n", "in"]),
    ("split", ["-l", "100", "in"]), ("stat", ["-c", "%s %a %F", "in"]), ("sum", ["in"]), ("sync", []), ("tac", ["in"]), ("tail", ["-5", "in"]),
    ("tee", ["out"]), ("test", ["-f", "in"]), ("timeout", ["5", "echo", "in time"]), ("touch", ["-d", "@1000", "new"]), ("tr", ["a-z", "A-Z"]),
    ("true", []), ("truncate", ["-s", "10", "in"]), ("tsort", ["in"]), ("tty", []), ("uname", ["-s"]), ("unexpand", ["-a", "in"]), ("uniq", ["-c", "in"]),
    ("unlink", ["in"]), ("vdir", ["--time-style=+", "-o", "-g", "in"]), ("wc", ["in"]), ("whoami", []), ("yes", ["--version"]), ("id", ["-u"]),
    ("nproc", []), ("printenv", ["LANG"]), ("nice", []), ("groups", ["root"]), ("logname", ["--version"]), ("hostid", ["--version"]),
]

BUSYBOX = ["ash -c 'echo $((6*7)); for i in a b; do echo $i; done'", "awk 'BEGIN{print 6*7}'", "base64 in", "cal 1 2000", "cat in",
           "cmp in in", "cut -d' ' -f1 in", "dc -e '6 7 * p'", "diff in in", "expr 6 '*' 7", "fold -w8 in", "grep -c line in", "gzip -c in",
           "head -2 in", "hexdump -C in", "md5sum in", "od -x in", "printf '%x\\n' 255", "rev in", "sed -n 5p in", "seq 5", "sha256sum in",
           "sort -r in", "strings in", "tac in", "tail -2 in", "tr a-z A-Z", "uniq in", "uuencode in in", "wc in", "xxd in",
           "find . -name in", "stat -c %s in", "tar cf t.tar in", "ls -1", "bzip2 -kc in", "cpio --version", "ed -h"]

PYTHON = r"""
import json, hashlib, sqlite3, threading, zlib, re, os, struct, math, decimal, itertools, collections, tempfile, time
print(json.dumps({"a": [1, 2.5, None]}), hashlib.sha256(b"x").hexdigest(), zlib.crc32(b"hello"))
results = []
threads = [threading.Thread(target=lambda i=i: results.append(i * i)) for i in range(50)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(results)[-1], decimal.Decimal(1) / 7, math.pi)
db = sqlite3.connect("x.db"); db.execute("create table t(a)")
db.executemany("insert into t values(?)", ((i,) for i in range(20000))); db.commit()
print(db.execute("select sum(a), count(*) from t").fetchone())
with tempfile.TemporaryDirectory() as d:
    for i in range(100): open(os.path.join(d, str(i)), "w").write(str(i))
    print(len(os.listdir(d)), sum(int(open(os.path.join(d, f)).read()) for f in os.listdir(d)))
print(collections.Counter(re.findall(r"\w", "bartizan")).most_common(2), list(itertools.permutations("abc"))[3])
"""

JAVA = """
import java.util.*; import java.util.concurrent.*;
public class Hello { public static void main(String[] a) throws Exception {
  ExecutorService e = Executors.newFixedThreadPool(4); List<Future<Long>> fs = new ArrayList<>();
  for (int i = 0; i < 8; i++) { final int n = i; fs.add(e.submit(() -> { long s = 0; List<byte[]> l = new ArrayList<>();
    for (int k = 0; k < 2000; k++) { l.add(new byte[10000]); if (l.size() > 50) l.clear(); s += k * n; } return s; })); }
  long t = 0; for (Future<Long> f : fs) t += f.get(); System.gc(); e.shutdown(); System.out.println("sum " + t); } }
"""

JAVA_NULLS = """
public class Nulls { int x; static Nulls[] a = new Nulls[64]; static volatile boolean stop;
  static int get(Nulls n) { return n.x; }
  public static void main(String[] args) throws Exception {
    for (int i = 0; i < a.length; i++) a[i] = i % 7 == 3 ? null : new Nulls();
    Thread[] ts = new Thread[4]; long[] caught = new long[4];
    for (int t = 0; t < 4; t++) { final int me = t; ts[t] = new Thread(() -> { java.io.File f = new java.io.File("/usr/share");
      for (int i = 0; i < 40000; i++) { try { get(a[i & 63]); } catch (NullPointerException e) { caught[me]++; } if (i % 20 == 0) f.lastModified(); } }); ts[t].start(); }
    for (int i = 0; i < 20; i++) { System.gc(); Thread.sleep(2); }
    long n = 0; for (int t = 0; t < 4; t++) { ts[t].join(); n += caught[t]; } System.out.println(n + " null pointers"); } }
"""

GO = """package main
import ("fmt"; "os"; "sync"; "time")
func main() { var wg sync.WaitGroup; var mu sync.Mutex; n := 0
  for i := 0; i < 100; i++ { wg.Add(1); go func(i int) { defer wg.Done(); time.Sleep(time.Millisecond); mu.Lock(); n += i; mu.Unlock() }(i) }
  wg.Wait(); m := map[int]string{}; for i := 0; i < 10000; i++ { m[i] = fmt.Sprint(i) }
  os.WriteFile("go.txt", []byte("hi"), 0644); b, _ := os.ReadFile("go.txt"); fmt.Println(n, len(m), string(b)) }
"""

RUST = """use std::{thread, fs, collections::HashMap};
fn main() { let hs: Vec<_> = (0..8).map(|i| thread::spawn(move || (0..1000u64).map(|x| x * i).sum::<u64>())).collect();
  let s: u64 = hs.into_iter().map(|h| h.join().unwrap()).sum(); let mut m = HashMap::new();
  for i in 0..1000 { m.insert(i, i * 2); } fs::write("r.txt", "x").unwrap();
  println!("{} {} {}", s, m.len(), fs::read_to_string("r.txt").unwrap()); }
"""


def compiled(source_name, source, command):
    """Natively compiled in the test's folder first; the program itself is what is compared."""
    def prepare(d):
        import subprocess
        write(source_name, source)(d)
        subprocess.run(command, cwd=d, shell=True, check=True, capture_output=True,
                       env={"PATH": "/usr/bin:/bin", "HOME": d, "GOCACHE": d + "/cache", "GO111MODULE": "off"})
        shutil.rmtree(d + "/cache", ignore_errors=True)
    return prepare


def no_times(out):
    return re.sub(rb"\d+\.\d+s|[0-9.]+ ?[kKMG]?B?/s|\d+ \S+'s in [0-9.]+s", b"#", out)


# What a person does at Python's prompt: history, arrow keys, Ctrl-C (computing and sleeping), Ctrl-Z, Ctrl-D.
PYTHON_SESSION = [
    (b"", rb">>> $"), (b"6*7\r", rb"\n42\n>>> $"), (b"\x1b[A", rb"6\*7"), (b"\r", rb"\n42\n>>> $"),
    (b"print(15)\x1b[D\x1b[D\x7f\r", rb"\n5\n>>> $"), (b"\x1b[A\x1b[A\x1b[B\r", rb"\n5\n>>> $"),
    (b"import time; print('be' + 'gin'); time.sleep(100)\r", rb"\nbegin\n"), (b"\x03", rb"KeyboardInterrupt\n>>> $"),
    (b"print('spi' + 'n'); exec('while True: pass')\r", rb"\nspin\n"), (b"\x03", rb"KeyboardInterrupt\n>>> $"),
    (b"unfinished line", rb"unfinished line$"), (b"\x03", rb"KeyboardInterrupt\n>>> $"),
    (b"import os; os.get_terminal_size()\r", rb"columns=100, lines=40\)\n>>> $"),
    (b"\x1a", None), (b"\r1+1\r", rb"\n2\n>>> $"), (b"import sys; sys.exit(5)\r", None),
]

# Job control: Ctrl-Z stops what runs in the shell's foreground, fg goes on with it.
SHELL_SESSION = [
    (b"", rb"\$ $"), (b"/usr/bin/python3 -q\r", rb">>> $"), (b"x = 20 + 3\r", rb">>> $"), (b"\x1a", rb"Stopped.*\n\$ $"),
    (b"jobs\r", rb"Stopped"), (b"fg\r", rb"python3"), (b"\rx\r", rb"\n23\n>>> $"), (b"\x04", rb"\$ $"),
    (b"echo be''gin; sleep 100\r", rb"\nbegin\n"), (b"\x03", rb"\^C\n\$ $"), (b"exit 7\r", None),
]

def stressors(quick):
    with open(f"{HERE}/stressors.txt") as f:
        for line in f:
            words = line.split("#")[0].split()
            if words and not words[0].endswith(":") and (not quick or "*" in words):
                yield words[0], "*" in words


def python_modules(quick):
    with open(f"{HERE}/python_modules.txt") as f:
        for line in f:
            words = line.split("#")[0].split()
            if words and (not quick or "*" in words):
                yield words[0], " ".join(f"-i {word}" for word in words[1:] if word != "*")


def counts(out):
    """How many of Python's tests ran and how they ended, without the time that they took."""
    return b"\n".join(re.sub(rb" in [0-9.]+s", b"", line) for line in out.splitlines()
                      if re.match(rb"Ran \d|OK|FAILED|(ERROR|FAIL):", line))


def stress_result(out):
    return b"\n".join(sorted(re.sub(rb"^.*?\] | in [0-9.]+.*", b"", line) for line in out.splitlines()
                             if re.search(rb"successful run|unsuccessful|skipp|fail|error|killed", line) and b" exercised" not in line))


def tests(quick):
    infile = write("in", LINES)
    for name, args in COREUTILS:
        codes = {"false": (1,), "rmdir": (1,), "tsort": (0, 1), "tty": (0, 1), "logname": (0, 1)}.get(name, (0,))
        drop = (lambda out: b"") if name in ("mktemp", "nproc", "nice", "groups", "du") else None
        yield Test(f"coreutils-{name}", [f"/usr/bin/{name}", *args], prepare=infile, stdin=b"some text\n", codes=codes,
                   normalise=drop)
    for i, line in enumerate(BUSYBOX):
        yield Test(f"busybox-{line.split()[0]}-{i}", ["/bin/busybox", "sh", "-c", "busybox " + line], prepare=infile, stdin=b"text\n",
                   codes=(0, 1))
    size = 8 << 20 if quick else 100 << 20
    for tool in ("gzip", "bzip2", "xz", "zstd"):
        # gzip writes down the input's time (-n: it does not), and each of the two runs has made an input of its own.
        extra = {"xz": ["-T1", "-1"], "gzip": ["-n", "-1"]}.get(tool, ["-1"])
        yield Test(f"compress-{tool}", ["/bin/sh", "-c", f"{tool} {' '.join(extra)} -c big > out && {tool} -dc out | sha256sum && sha256sum out"],
                   needs=[f"/usr/bin/{tool}"], prepare=big("big", size), timeout=600)
    rows = 20000 if quick else 100000
    yield Test("sqlite3", ["/usr/bin/sqlite3", "test.db"], stdin=(
        f"create table t(a integer primary key, b text); with recursive c(x) as (select 1 union all select x+1 from c where x<{rows}) "
        "insert into t select x, hex(x) from c; create index i on t(b); select count(*), sum(a) from t; "
        "select b from t where a=777; delete from t where a%2; vacuum; select count(*) from t; pragma integrity_check;").encode())
    yield Test("python3", ["/usr/bin/python3", "-c", PYTHON])
    yield Test("python3-pyc", ["/usr/bin/python3", "-c", "import sys, this; print(len(sys.modules) > 10)"])
    yield Test("perl", ["/usr/bin/perl", "-e", 'my %h; $h{$_ % 7} += $_ for 1..1000; print "$_ $h{$_}\n" for sort keys %h; '
                        'open F, ">", "f"; print F "x" x 100; close F; print -s "f", "\n"; print join(",", sort map { $_ * 2 } 1..5), "\n";'])
    yield Test("lua5.4", ["/usr/bin/lua5.4", "-e", "local s = 0 for i = 1, 1e6 do s = s + i % 7 end print(s, ('x'):rep(5), os.getenv('LANG'))"])
    yield Test("ruby", ["/usr/bin/ruby", "-e", "puts (1..1000).sum; t = 4.times.map { |i| Thread.new { i * i } }; p t.map(&:value); "
                        "File.write('f', 'abc'); puts File.size('f')"])
    yield Test("php", ["/usr/bin/php", "-r", "echo array_sum(range(1, 1000)), ' ', md5('x'), \"\\n\";"])
    yield Test("node", ["/usr/bin/node", "-e", "const fs = require('fs'); fs.writeFileSync('f', 'abc'); console.log(fs.readFileSync('f', 'utf8'), "
                        "[...Array(100).keys()].reduce((a, b) => a + b))"])
    yield Test("node-worker", ["/usr/bin/node", "-e", "const { Worker } = require('worker_threads'); "
                               "new Worker('require(\"worker_threads\").parentPort.postMessage(6 * 7)', { eval: true }).on('message', m => console.log(m))"])
    yield Test("java", ["/usr/bin/java", "-cp", ".", "Hello"], needs=["/usr/bin/java", "/usr/bin/javac"],
               prepare=compiled("Hello.java", JAVA, "javac Hello.java"), slow=True)
    yield Test("go-static", ["./hello"], needs=["/usr/bin/go"], prepare=compiled("hello.go", GO, "CGO_ENABLED=0 go build -o hello hello.go"),
               slow=True)
    yield Test("rust", ["./hello"], needs=["/usr/bin/rustc"], prepare=compiled("hello.rs", RUST, "rustc -O hello.rs"), slow=True)
    yield Test("cc1-and-as", ["/bin/sh", "-c", "gcc -O2 -S -o t.s t.c && as -o t.o t.s && sha256sum t.s t.o"], needs=["/usr/bin/gcc"],
               prepare=write("t.c", "int f(int x) { int s = 0; for (int i = 0; i < x; i++) s += i * x; return s; }\n"))
    yield Test("gcc-and-run", ["/bin/sh", "-c", "gcc -O1 -o t t.c && ./t"], needs=["/usr/bin/gcc"],
               prepare=write("t.c", "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 6 * 7); return 0; }\n"))
    yield Test("openssl-speed", ["/usr/bin/openssl", "speed", "-seconds", "1", "-bytes", "1024", "-evp", "sha256"], normalise=lambda o: b"")
    yield Test("openssl-digest", ["/usr/bin/openssl", "dgst", "-sha3-256", "in"], prepare=infile)
    yield Test("imagemagick", ["/usr/bin/convert", "-size", "64x64", "gradient:", "-resize", "32x32", "ppm:-"], normalise=None)
    yield Test("shell-pipeline", ["/bin/sh", "-c", "cat in | sort -n | uniq -c | head -5; for i in 1 2 3; do (exit $i); echo $?; done; wait"],
               prepare=infile)
    yield Test("bash-jobs", ["/bin/bash", "-c", "sleep 0.1 & wait $!; echo $?; x=$(echo sub); echo $x; trap 'echo term' TERM; kill -TERM $$; "
                             "cat <(echo process substitution)"])
    yield Test("make", ["/usr/bin/make", "-s", "-j2"], prepare=lambda d: (write("Makefile", "all: a b\n\ncat a b\na:\n\techo a > a\nb:\n\techo b > b\n"
                                                                                .replace("\n\ncat", "\n\tcat"))(d)))
    yield Test("tar", ["/bin/sh", "-c", "mkdir d; cp in d/1; cp in d/2; tar cf t.tar d; rm -r d; tar xf t.tar; cat d/1 d/2 | md5sum"], prepare=infile)
    yield Test("awk-sed-grep", ["/bin/sh", "-c", "awk '{s+=$1} END {print s}' in; sed 's/line/LINE/' in | grep -c LINE"], prepare=infile)
    yield Test("ffmpeg", ["/bin/sh", "-c", "ffmpeg -v error -f lavfi -i testsrc=size=64x64:rate=1 -frames:v 1 -f rawvideo -threads 1 - "
                          "| sha256sum"], needs=["/usr/bin/ffmpeg"])
    # Debuggers inside: what they trace is a process of the same sandbox.
    yield Test("strace", ["/bin/sh", "-c", "strace -f -o log -e trace=execve,write,exit_group sh -c 'echo a; /bin/echo b; exit 3'; echo $?; "
                          "sed 's/^[0-9]* *//; s/0x[0-9a-f]* /P /; s/si_pid=[0-9]*/si_pid=N/; s/[0-9]* vars/vars/; s/  */ /g' log | sort"], needs=["/usr/bin/strace"])
    yield Test("gdb", ["/bin/sh", "-c", "gdb -q -batch -ex 'break add' -ex run -ex bt -ex finish -ex 'delete 1' -ex 'print add(3, 4)' -ex 'watch counter' "
                       "-ex continue -ex 'info registers eflags' -ex 'delete 2' -ex 'thread apply all bt' -ex continue ./debugged 2>&1"],
               needs=["/usr/bin/gdb", "/usr/bin/gcc"], prepare=compiled("debugged.c", DEBUGGED, "gcc -g -O0 -o debugged debugged.c -lpthread"),
               normalise=lambda o: re.sub(rb"(?m)^(\[|Using host|warning).*\n", b"", re.sub(rb"0x7f\w+|LWP \d+|process \d+", b"N", o)))
    # Null pointers found by SIGSEGV, beside collections that stop all threads.
    yield Test("java-nulls", ["/usr/bin/java", "-XX:-OmitStackTraceInFastThrow", "-cp", ".", "Nulls"],
               needs=["/usr/bin/java", "/usr/bin/javac"], prepare=compiled("Nulls.java", JAVA_NULLS, "javac Nulls.java"), slow=True)
    yield Test("java-version", ["/bin/sh", "-c", "/usr/bin/java -version 2>&1"], needs=["/usr/bin/java"])
    yield Test("pty-python3", ["/usr/bin/python3", "-q"], session=PYTHON_SESSION)
    yield Test("pty-bash-jobs", ["/bin/bash", "--norc", "--noprofile", "-i"], session=SHELL_SESSION)
    yield from whole.tests(Test, quick)
    for module, leave_out in python_modules(quick):
        yield Test(f"python-{module}", ["/bin/sh", "-c", f"/usr/bin/python3 -m test -v {leave_out} {module} 2>&1"],
                   needs=["/usr/bin/python3", "/usr/lib/python3.11/test/test_base64.py"], normalise=counts, codes=(0, 1),
                   timeout=900)
    # Those of the long mode as an ordinary user: as root some would do to the host what they do natively.
    for name, quickly in stressors(quick):
        yield Test(f"stress-{name}", ["/bin/sh", "-c", f"/usr/bin/stress-ng --{name} 1 --timeout 1 --temp-path . 2>&1"],
                   needs=["/usr/bin/stress-ng"], normalise=stress_result, user=None if quickly else 65534)
