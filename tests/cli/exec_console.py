"""exec -t: a terminal of its own in a running sandbox, with job control, sizes and hang-up."""
import fcntl, os, pty, select, signal, struct, subprocess, sys, tempfile, termios, time

bartizan = sys.argv[1]
failures = 0
state = tempfile.mkdtemp()
os.environ['XDG_RUNTIME_DIR'] = state


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        print('FAILED:', message)


def run(*args):
    return subprocess.run([bartizan, *args], capture_output=True, text=True, timeout=60)


class Terminal:
    def __init__(self, *args):
        self.master, self.slave = pty.openpty()
        self.size(30, 100)
        self.before = termios.tcgetattr(self.slave)
        self.output = b''
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            for number in (signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)
            os.execv(bartizan, (bartizan, 'exec', '-it', *args))

    def size(self, rows, cols):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))

    def expect(self, what, seconds=20):
        end = time.time() + seconds
        while what not in self.output and time.time() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 4096)
        check(what in self.output, 'no %r in %r' % (what, self.output))
        self.output = self.output.split(what, 1)[-1]

    def type(self, data):
        os.write(self.master, data)

    def end(self, code):
        _, status = os.waitpid(self.pid, 0)
        check(os.waitstatus_to_exitcode(status) == code, 'status %x, not exit code %d' % (status, code))
        check(termios.tcgetattr(self.slave) == self.before, 'the terminal did not get its modes back')


name = 'box%d' % os.getpid()
check(run('run', '-d', '--name', name, 'sleep', '600').returncode == 0, 'the sandbox was not started')

t = Terminal(name, 'bash', '--norc')
t.type(b'PS1="$ "; tty; stty size; echo TERM=$TERM\r')
t.expect(b'/dev/pts/0\r\n')
t.expect(b'30 100\r\n')
t.size(40, 90)
t.type(b'trap "stty size" WINCH; read x\r')
time.sleep(0.3)
os.kill(t.pid, signal.SIGWINCH)
t.type(b'\r')
t.type(b'stty size\r')
t.expect(b'40 90\r\n')
t.type(b"""bash -c 'trap "echo ba""ck" CONT; echo g""o; while :; do sleep 0.1; done'\r""")
t.expect(b'go\r\n')
t.type(b'\x1a')
t.expect(b'Stopped')
t.type(b'jobs; fg\r')
t.expect(b'while :')
t.expect(b'back\r\n')
t.type(b'\x03')
t.expect(b'$ ')
t.type(b'echo co""de $?\r')
t.expect(b'code 130')
second = Terminal(name, 'tty')  # another one beside it
second.expect(b'/dev/pts/1\r\n')
second.end(0)
t.type(b'yes | head -n 20000; exit 5\r')  # all of it arrives before the end
end = time.time() + 20
lines = b''
while time.time() < end and not os.waitid(os.P_PID, t.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
    if select.select([t.master], [], [], 0.1)[0]:
        lines += os.read(t.master, 65536)
while select.select([t.master], [], [], 0.1)[0]:
    lines += os.read(t.master, 65536)
check(lines.count(b'y\r\n') >= 20000, 'of 20000 lines came %d' % lines.count(b'y\r\n'))
t.end(5)

# A command that is killed hangs its terminal up; the number is free again.
t = Terminal(name, 'bash', '--norc', '-c', 'trap "echo hung >/tmp/hung; exit" HUP; echo up; while :; do sleep 0.1; done')
t.expect(b'up\r\n')
os.kill(t.pid, signal.SIGKILL)
os.waitpid(t.pid, 0)
end = time.time() + 20
while time.time() < end and run('exec', name, 'cat', '/tmp/hung').stdout != 'hung\n':
    time.sleep(0.1)
check(run('exec', name, 'cat', '/tmp/hung').stdout == 'hung\n', 'no SIGHUP')
end = time.time() + 20
while time.time() < end and run('exec', name, 'ls', '/dev/pts').stdout != 'ptmx\n':
    time.sleep(0.1)
check(run('exec', name, 'ls', '/dev/pts').stdout == 'ptmx\n', 'a terminal is left: ' + run('exec', name, 'ls', '/dev/pts').stdout)

# top, live: q leaves, and the terminal is as before.
t = Terminal.__new__(Terminal)
t.master, t.slave = pty.openpty()
t.output = b''
t.before = termios.tcgetattr(t.slave)
t.size(24, 80)
t.pid = os.fork()
if not t.pid:
    os.setsid()
    fcntl.ioctl(t.slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(t.slave, fd)
    os.execv(bartizan, (bartizan, 'top', name))
t.expect(b'sleep 600')
t.expect(b'sleep 600')
t.type(b'q')
t.end(0)

run('rm', '-f', name)
os.system('rm -rf ' + state)
sys.exit(failures != 0)
