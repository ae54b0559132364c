"""The console: -t makes a pty, the terminal is raw meanwhile and gets its modes back, sizes are passed on."""
import fcntl, os, pty, select, signal, struct, sys, termios, time

bartizan = sys.argv[1]
failures = 0


def set_size(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))


class Terminal:
    def __init__(self, *args, native=None):
        self.master, self.slave = pty.openpty()
        set_size(self.master, 30, 100)
        self.before = termios.tcgetattr(self.slave)
        self.output = b''
        self.pid = os.fork()
        if not self.pid:
            os.login_tty(self.slave) if hasattr(os, 'login_tty') else self.login()
            words = {True: args, False: (bartizan, 'run', '-it', *args), None: (bartizan, 'run', *args)}[native]
            for number in (signal.SIGINT, signal.SIGQUIT):  # ignored where the tests run in the background
                signal.signal(number, signal.SIG_DFL)
            os.execv(words[0], words)

    def login(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(self.slave, fd)

    def expect(self, what, seconds=10):
        end = time.time() + seconds
        while what not in self.output and time.time() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 4096)
        check(what in self.output, 'no %r in %r' % (what, self.output))

    def type(self, data):
        os.write(self.master, data)

    def end(self, code):
        _, status = os.waitpid(self.pid, 0)
        check(os.waitstatus_to_exitcode(status) == code, 'status %x, not exit code %d' % (status, code))
        check(termios.tcgetattr(self.slave) == self.before, 'the terminal did not get its modes back')
        os.close(self.master)
        os.close(self.slave)


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        print('FAILED:', message)


t = Terminal('-t', 'sh', '-c', 'read x; echo "got <$x>"; stty size; exit 4')
time.sleep(0.3)
t.type(b'heX\x7fllo\r')
t.expect(b'got <hello>')
t.expect(b'30 100')
t.end(4)

t = Terminal('-u', '1234:1234', '-t', 'tty')  # the console is theirs, whoever they are
t.expect(b'/dev/console')
t.end(0)

t = Terminal('-it', 'cat')
t.type(b'abc\r')
t.expect(b'abc\r\nabc\r\n')
t.type(b'\x03')
t.end(130)

t = Terminal('-it', 'cat')
t.type(b'abc\r')
t.expect(b'abc\r\nabc\r\n')
t.type(b'\x04')
t.end(0)

t = Terminal('-t', 'sh', '-c', 'trap "stty size; exit 3" WINCH; echo ready; while :; do sleep 0.1; done')
t.expect(b'ready')
set_size(t.master, 41, 121)
t.expect(b'41 121')
t.end(3)

# A command that is terminated gives the terminal back too.
t = Terminal('-t', 'sh', '-c', 'echo ready; exec sleep 60')
t.expect(b'ready')
os.kill(t.pid, 15)
t.end(143)

t = Terminal('-t', 'sh', '-c', 'seq 20000')
t.expect(b'\n20000\r\n', 30)
t.end(0)
check(t.output.count(b'\r\n') == 20000, 'output was lost: %d lines' % t.output.count(b'\r\n'))

t = Terminal('-t', '/nowhere/program')
t.expect(b'/nowhere/program')
t.end(127)

# What a program reads is what it would read at a terminal of the host's: each conversation natively, then in a sandbox.
READER = """
import array, fcntl, os, sys, termios, time, tty
def show(*what):
    print('=', *what, flush=True)
def mode(minimum, tenths):
    now = termios.tcgetattr(0)
    now[3] &= ~(termios.ICANON | termios.ECHO)
    now[6][termios.VMIN], now[6][termios.VTIME] = minimum, tenths
    termios.tcsetattr(0, termios.TCSANOW, now)
def waiting():
    n = array.array('i', [0])
    fcntl.ioctl(0, termios.FIONREAD, n)
    return n[0]
"""
CONVERSATIONS = {
    'a NUL is data': ("show('go'); show(os.read(0, 10))", [b'ab\x16\x00c\r']),
    'end of file within a line': ("show('go'); show(os.read(0, 10)); show('more'); show(os.read(0, 10))", [b'xy\x04', b'\x04']),
    'end of file behind a full buffer': ("show('go'); show(os.read(0, 2)); show('more'); show(os.read(0, 10))", [b'xy\x04', b'z\r']),
    'a line in two reads': ("show('go'); show(os.read(0, 2)); show('more'); show(os.read(0, 10))", [b'wxyz\r', b'']),
    'VMIN': ("mode(3, 0); show('go'); show(os.read(0, 10))", [b'abc']),
    'VMIN and VTIME': ("mode(5, 2); show('go'); show(os.read(0, 10))", [b'ab']),
    'VTIME alone': ("mode(0, 2); show(os.read(0, 10)); show('go'); time.sleep(0.3); show(os.read(0, 10))", [b'q']),
    'neither': ("mode(0, 0); show(os.read(0, 10))", []),
    'FIONREAD': ("show('go'); time.sleep(0.3); show(waiting()); show('more'); time.sleep(0.3); show(waiting()); show(os.read(0, 10))",
                 [b'abc', b'd\r']),
    'editing ends': ("show('go'); time.sleep(0.3); mode(1, 0); show(os.read(0, 10))", [b'half']),
    'erasing a word': ("show('go'); show(os.read(0, 20))", [b'one two\x17three\r']),
    'a background process changes modes': (
        "import signal, subprocess\n"
        "p = subprocess.Popen(['stty', '-echo'], process_group=0) if sys.version_info >= (3, 11) else None\n"
        "pid, status = os.waitpid(p.pid, os.WUNTRACED); show(os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTTOU)\n"
        "os.kill(pid, 9); os.waitpid(pid, 0)", []),
}


def converse(program, typed, native):
    t = Terminal('/usr/bin/python3', '-c', READER + program, native=native)
    for i, keys in enumerate(typed):
        t.expect(b'= more\r\n' if i else b'= go\r\n')
        t.type(keys)
    status = None
    while status is None or select.select([t.master], [], [], 0)[0]:
        if select.select([t.master], [], [], 0.05)[0]:
            t.output += os.read(t.master, 4096)
        elif status is None:
            pid, ended = os.waitpid(t.pid, os.WNOHANG)
            status = ended if pid else None
    os.close(t.master)
    os.close(t.slave)
    return [line for line in t.output.split(b'\n') if b'=' in line], os.waitstatus_to_exitcode(status)


for name, (program, typed) in CONVERSATIONS.items():
    natively, here = (converse(program, typed, native) for native in (True, False))
    check(natively == here, '%s: %r, natively %r' % (name, here, natively))

sys.exit(failures != 0)
