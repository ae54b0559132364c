"""The console: -t makes a pty, the terminal is raw meanwhile and gets its modes back, sizes are passed on."""
import fcntl, os, pty, select, struct, sys, termios, time

bartizan = sys.argv[1]
failures = 0


def set_size(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))


class Terminal:
    def __init__(self, *args):
        self.master, self.slave = pty.openpty()
        set_size(self.master, 30, 100)
        self.before = termios.tcgetattr(self.slave)
        self.output = b''
        self.pid = os.fork()
        if not self.pid:
            os.login_tty(self.slave) if hasattr(os, 'login_tty') else self.login()
            os.execv(bartizan, [bartizan, 'run', *args])

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
sys.exit(failures != 0)
