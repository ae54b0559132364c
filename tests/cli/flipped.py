"""Each byte of a small image in turn is flipped: the image is refused in a line, nothing of it is executed."""
import os
import subprocess
import sys
import tempfile

bartizan, program = (os.path.realpath(arg) for arg in sys.argv[1:3])
failures = 0

with tempfile.TemporaryDirectory() as place:
    env = dict(os.environ, XDG_RUNTIME_DIR=place, XDG_DATA_HOME=place, XDG_CACHE_HOME=place)
    image = os.path.join(place, 'image')
    subprocess.run([bartizan, 'build', '--no-libos', '-o', image, program], env=env, check=True, stderr=subprocess.DEVNULL)

    def run():
        done = subprocess.run([bartizan, 'run', image], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    whole = run()
    if whole[0] or not whole[1]:
        sys.exit('the image itself does not run: %s' % (whole,))
    with open(image, 'r+b', buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for i in range(size):
            byte = os.pread(file.fileno(), 1, i)
            os.pwrite(file.fileno(), bytes([byte[0] ^ (1 << i % 8)]), i)
            code, out, err = run()
            os.pwrite(file.fileno(), byte, i)
            # What is no image any more is an ELF file or none, and says so with Docker's codes.
            if code not in (125, 126, 127) or out or err.count(b'\n') != 1 or not err.startswith(b'bartizan: '):
                failures += 1
                print('byte %d: exit code %d, output %r, errors %r' % (i, code, out[:80], err[:200]))
    if run() != whole:
        sys.exit('the image does not run any more, whole as it is')
print('%d bytes flipped, %d failures' % (size, failures))
sys.exit(failures != 0)
