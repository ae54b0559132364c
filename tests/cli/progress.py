"""What takes longer than a second shows a bar on a terminal, and wipes it; on anything else it does not."""
import io, os, pty, re, subprocess, sys, tarfile, tempfile, threading, time

bartizan = sys.argv[1]
failures = 0


def check(condition, message):
    global failures
    if not condition:
        failures += 1
        print('FAIL', message)


def archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        for number in range(40):
            member = tarfile.TarInfo(f'file{number}')
            member.size = 1 << 20
            tar.addfile(member, io.BytesIO(os.urandom(1 << 20)))
    return out.getvalue()


def build(data, stderr, image):
    """From a tar that comes slowly: the first half takes a second and a half."""
    process = subprocess.Popen([bartizan, 'build', '-o', image, '-'], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=stderr)
    half, steps = len(data) // 2, 15
    for step in range(steps):
        process.stdin.write(data[half * step // steps:half * (step + 1) // steps])
        process.stdin.flush()
        time.sleep(0.1)
    process.stdin.write(data[half:])
    process.stdin.close()
    check(process.wait() == 0, 'the build failed')


def on_a_terminal(data, image):
    master, slave = pty.openpty()
    seen = []

    def read():
        try:
            while piece := os.read(master, 4096):
                seen.append(piece)
        except OSError:
            pass
    reader = threading.Thread(target=read)
    reader.start()
    build(data, slave, image)
    os.close(slave)
    reader.join()
    return b''.join(seen).decode()


data = archive()
with tempfile.TemporaryDirectory() as tmp:
    shown = on_a_terminal(data, tmp + '/image')
    frames = shown.split('\r\033[K')
    check(any(re.fullmatch(r'[a-z ]+  [0-9.]+ MB', frame) for frame in frames), 'no count in %r' % shown)
    check(any(re.fullmatch(r'[a-z ]+  \[#*\.*\] +[0-9]+%  [0-9.]+ MB', frame) for frame in frames), 'no bar in %r' % shown)
    check(shown.rstrip('\r\n').endswith('\033[K') or '%' not in frames[-1], 'the last bar stayed: %r' % shown[-100:])
    with open(tmp + '/log', 'w+') as log:
        build(data, log, tmp + '/image')
        log.seek(0)
        text = log.read()
        check('\r' not in text and 'MB' not in text, 'a bar in a file: %r' % text)
sys.exit(failures != 0)
