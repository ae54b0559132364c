"""What a sandbox may send as a tar: nothing of it reaches out of the destination, crashes or goes on without end."""
import io, os, subprocess, sys, tarfile, tempfile

unpack = sys.argv[1]
failed = 0


def entry(name, kind=tarfile.REGTYPE, data=b'', link='', mode=0o644, size=None):
    t = tarfile.TarInfo(name)
    t.type, t.linkname, t.mode = kind, link, mode
    t.size = len(data) if size is None else size
    return t, data


def tar(*entries, end=True):
    out = b''
    for t, data in entries:
        out += t.tobuf(tarfile.GNU_FORMAT, 'utf-8', 'surrogateescape') + data + b'\0' * (-len(data) % 512)
    return out + (b'\0' * 1024 if end else b'')


def check(what, data, ok=False, first='d', top='d', look=None):
    global failed
    with tempfile.TemporaryDirectory() as outside:
        inside = os.path.join(outside, 'in')
        os.mkdir(inside)
        with open(os.path.join(outside, 'victim'), 'w') as f:
            f.write('untouched')
        os.chmod(os.path.join(outside, 'victim'), 0o600)
        p = subprocess.run([unpack, inside, first, top], input=data, capture_output=True, timeout=20)
        errors = []
        if p.returncode != (0 if ok else 125):
            errors.append('exit code %d' % p.returncode)
        if sorted(os.listdir(outside)) != ['in', 'victim'] or open(outside + '/victim').read() != 'untouched' or \
           os.stat(outside + '/victim').st_mode & 0o777 != 0o600:
            errors.append('it reached outside: %s' % os.listdir(outside))
        if any(c < 32 and c != 10 or c > 126 for c in p.stderr):
            errors.append('raw text on the terminal: %r' % p.stderr)
        if look and not errors:
            error = look(inside)
            if error:
                errors.append(error)
        if errors:
            failed += 1
            print('FAILED: %s: %s: %s' % (what, '; '.join(errors), p.stderr.decode(errors='replace')))


D = entry('d', tarfile.DIRTYPE, mode=0o755)
good = tar(D, entry('d/f', data=b'x' * 1000), entry('d/l', tarfile.SYMTYPE, link='f'), D)
check('a good one', good, ok=True, look=lambda d: None if os.path.getsize(d + '/d/l') == 1000 else 'no file')
check('under another name', good, ok=True, top='e', look=lambda d: None if os.listdir(d) == ['e'] else 'no e')
check('its content alone', good, ok=True, top='.', look=lambda d: None if sorted(os.listdir(d)) == ['f', 'l'] else 'no')
check('a long name', tar(D, entry('d/' + 'n' * 200, data=b'y')), ok=True,
      look=lambda d: None if os.path.exists(d + '/d/' + 'n' * 200) else 'missing')
for name in ('../victim', '/etc/passwd', 'd/../../victim', 'd/..', 'd//x', 'd/./x', 'x', 'dd', '', 'd/', '.', 'd/' + 'n' * 300,
             'd' + '/d' * 200, 'd/\x1b[2J/../x'):
    check('the name %r' % name, tar(D, entry(name, data=b'evil')))
check('through a link', tar(D, entry('d/l', tarfile.SYMTYPE, link='../..'), entry('d/l/victim', data=b'evil')))
check('through an absolute link', tar(D, entry('d/l', tarfile.SYMTYPE, link='/'), entry('d/l/tmp', tarfile.DIRTYPE)))
check('a directory that is a link', tar(D, entry('d/l', tarfile.SYMTYPE, link='../..'), entry('d/l', tarfile.DIRTYPE)))
check('into a link', tar(D, entry('d/l', tarfile.SYMTYPE, link='../../victim'), entry('d/l', data=b'evil')), ok=True,
      look=lambda d: None if not os.path.islink(d + '/d/l') else 'the link stayed')
check('the top as a link', tar(entry('d', tarfile.SYMTYPE, link='..'), entry('d/victim', data=b'evil')))
check('a hard link', tar(D, entry('d/h', tarfile.LNKTYPE, link='../victim')))
check('a device', tar(D, entry('d/n', tarfile.CHRTYPE)))
check('a FIFO', tar(D, entry('d/p', tarfile.FIFOTYPE)))
check('pax', tar(D, entry('d/x', b'x', data=b'11 path=/x\n')))
check('rights at execution', tar(D, entry('d/s', data=b'x', mode=0o6755)), ok=True,
      look=lambda d: None if os.stat(d + '/d/s').st_mode & 0o6000 == 0 else 'it is setuid')
check('cut short', good[:1500])
check('no end', tar(D, end=False))
check('an endless size', tar(D, entry('d/f', size=1 << 40)))
check('the largest size', tar(D, entry('d/f', size=(1 << 63) - 1)))
check('data of a link', tar(D, entry('d/l', tarfile.SYMTYPE, link='x', data=b'x' * 512)))
check('a long name without end', tar(entry('././@LongLink', b'L', size=1 << 20)))
check('a long name that is a path out', tar(entry('././@LongLink', b'L', data=b'd/../../victim\0'), entry('d/x', data=b'evil')))
check('no tar', b'x' * 4096)
check('nothing', b'')
for i in set(range(512)) - {155}:  # which is a blank behind the checksum
    data = bytearray(good)
    data[1024 - 512 + i] ^= 0xff  # the header of the file: its checksum tells
    check('byte %d flipped' % i, bytes(data))
sys.exit(failed != 0)
