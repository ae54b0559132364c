"""A conversation with a program on a terminal: what is typed, and what must be seen before the next is typed."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r|\x07|\x00")


class Session:
    def __init__(self, argv, cwd, env):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                # Whoever started the tests in the background had these ignored.
                for sig in (signal.SIGINT, signal.SIGQUIT):
                    signal.signal(sig, signal.SIG_DFL)
                os.execve(argv[0], argv, env)
            finally:
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))

    def read(self, seconds):
        """Takes in what comes within that time; False at the end of file."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if ready:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                return False
            self.seen += data
        return True

    def expect(self, pattern, seconds=20):
        """Waits for a pattern in the text without control sequences; True if it came."""
        limit = time.monotonic() + seconds
        while True:
            text = CONTROL.sub(b"", self.seen)
            if re.search(pattern, text):
                self.seen = b""
                return True
            if time.monotonic() > limit or not self.read(0.1):
                return bool(re.search(pattern, CONTROL.sub(b"", self.seen)))

    def end(self, seconds=20):
        """The exit code, after the program ended by itself; 'timeout' (and it is killed) if it does not."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if not self.read(0.05):
                time.sleep(0.02)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        return "timeout"


def converse(argv, cwd, env, steps):
    """Runs the steps (typed, pattern); returns (exit code, None), or (code, what was missing)."""
    session = Session(argv, cwd, env)
    missing = None
    for typed, pattern in steps:
        if typed[:1] in (b"\x03", b"\x1a", b"\x04"):
            time.sleep(0.2)  # as a person: programs look for signals between showing their prompt and waiting for input
        try:
            os.write(session.fd, typed)
        except OSError:
            missing = f"ended before {typed!r} was typed"
            break
        if pattern is not None and not session.expect(pattern):
            missing = f"after typing {typed!r} no {pattern!r} came, but {CONTROL.sub(b'', session.seen)[-200:]!r}"
            break
    code = session.end(seconds=20 if missing is None else 0.1)
    os.close(session.fd)
    return code, missing
