"""What a sandbox may answer to exec and top: whatever it is, the command ends, soon, without a raw byte on the terminal."""
import array, json, os, socket, struct, subprocess, sys, tempfile, threading

bartizan = sys.argv[1]
failures = 0
ASK, MSG = 4096, 24
EXEC, STREAM, TOP = 3, 4, 5


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        print('FAILED:', message)


def start_time(pid):
    return int(open('/proc/%d/stat' % pid).read().rsplit(')', 1)[1].split()[19])


class Sandbox:
    """A monitor that is none: it passes what it is asked to `serve`, which plays the library OS."""

    def __init__(self, serve):
        self.dir = tempfile.mkdtemp()
        os.mkdir(self.dir + '/bartizan', 0o700)
        base = self.dir + '/bartizan/fake'
        json.dump({'state': 'running', 'pid': os.getpid(), 'pid_start': start_time(os.getpid()), 'keeper': os.getpid(),
                   'keeper_start': start_time(os.getpid())}, open(base + '.json', 'w'))
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(base + '.sock')
        self.listener.listen(8)
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.client, args=(client,), daemon=True).start()

    def client(self, client):
        while True:
            data, anc, _, _ = client.recvmsg(4096, socket.CMSG_SPACE(4))
            if not data:
                return
            for level, kind, fds in anc:
                fd = array.array('i', fds[:4])[0]
                threading.Thread(target=self.talk, args=(socket.socket(fileno=fd),), daemon=True).start()

    def talk(self, stream):
        try:
            ask = stream.recv(ASK, socket.MSG_WAITALL)
            self.serve(stream, struct.unpack('I', ask[:4])[0])
        except (BrokenPipeError, ConnectionResetError):
            pass
        stream.close()

    def run(self, *args):
        p = subprocess.run([bartizan, *args], capture_output=True, timeout=30, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, XDG_RUNTIME_DIR=self.dir))
        text = p.stdout if args[0] == 'top' else b''
        check(not any(c < 32 and c != 10 or c == 127 for c in text + p.stderr), 'raw text: %r %r' % (p.stdout, p.stderr))
        check(p.returncode >= 0, '%s: died of signal %d' % (args, -p.returncode))
        return p


def answer(error, mode):
    return struct.pack('iI', error, mode)


def process(pid=1, name=b'\x1b[31mx\n', command=b'\x9b\xff\x7f"\\'):
    return struct.pack('iiiiIIIIiIqQQQ16s256s', pid, -1, 0, 0, 0, 2**32 - 1, 7, 0, -2**31, 0x1b, 2**62, 2**64 - 1, 2**64 - 1,
                       2**64 - 1, (name * 16)[:16], (command * 256)[:256])


top = struct.pack('qQQIIII', -1, 2**64 - 1, 0, 1, 1, 1, 1)
answers = {
    'nothing': b'', 'half an answer': b'\0\0\0', 'an error': answer(-2, 0), 'no error number': answer(77, 0),
    'an absurd error': answer(-2**31, 0), 'too many': answer(0, 2**32 - 1), 'a cut head': answer(0, 1) + top[:9],
    'a cut list': answer(0, 2) + top + process(), 'none': answer(0, 0) + top,
    'hostile names': answer(0, 3) + top + process() + process(-5) + process(2, b'\0', b'\0'),
}
for what, data in answers.items():
    box = Sandbox(lambda stream, op: stream.sendall(data))
    for args in (('top', 'fake'), ('top', '--json', 'fake')):
        p = box.run(*args)
        good = what in ('none', 'hostile names')
        check((p.returncode == 0) == good, '%s: exit code %d' % (what, p.returncode))
        if good and '--json' in args:
            json.loads(p.stdout.decode())


def play(ends, opening=answer(0, 5), stream_answer=answer(0, 0)):
    def serve(stream, op):
        if op == EXEC:
            head = struct.unpack('IIIIIHH', stream.recv(24, socket.MSG_WAITALL))
            stream.recv(head[0], socket.MSG_WAITALL)
            stream.sendall(opening)
            if len(opening) < 8:
                return
            stream.recv(12, socket.MSG_WAITALL)
            stream.sendall(ends)
        elif op == STREAM:
            stream.sendall(stream_answer)
            if stream_answer:
                stream.recv(1)
    return serve


end = lambda error, status, text: struct.pack('iI256s', error, status, text)
for what, ends, code in (('exit', end(0, 3 << 8, b''), 3), ('signal', end(0, 9, b''), 137), ('no end', b'', 137),
                         ('half an end', b'\0' * 7, 137), ('hostile words', end(-2, 127 << 8, b'\x1b]0;x\x07\r' * 25), 127),
                         ('absurd status', end(5, 0xffffffff, b'\xff' * 256), None)):
    p = Sandbox(play(ends)).run('exec', 'fake', 'x')
    check(code is None or p.returncode == code, '%s: exit code %d' % (what, p.returncode))
check(Sandbox(play(b'', answer(-3, 0))).run('exec', '-u', 'x', 'fake', 'x').returncode == 125, 'a refused user')
check(Sandbox(play(b'', b'')).run('exec', 'fake', 'x').returncode == 125, 'no answer')
check(Sandbox(play(b'', answer(0, 1), b'')).run('exec', 'fake', 'x').returncode == 125, 'no stream')
sys.exit(failures != 0)
