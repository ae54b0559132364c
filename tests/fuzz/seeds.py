#!/usr/bin/env python3
"""Writes small seeds for the fuzz targets of images.  usage: seeds.py CORPUS (makes CORPUS/image, manifest, unpack,
elfdeps, elf, erofs, untar, dns, notes)"""
import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import tempfile


def put(folder, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), 'wb') as f:
        f.write(data)


def manifest(strings, entrypoint=(), volumes=()):
    pool, at = b'\0', {}
    for s in strings:
        at[s] = len(pool)
        pool += s.encode() + b'\0'
    lists, body, head = [], b'', 152
    for group, item in ((entrypoint, 4), ((), 4), ((), 4), ((), 4), ((), 4), (volumes, 16), ((), 16), ((), 16)):
        lists.append((head + len(body) if group else 0, len(group)))
        for s in group:
            body += struct.pack('<I', at[s]) if item == 4 else struct.pack('<IIII', at[s], 0, 0, 1)
    offset = head + len(body)
    data = b'BZMANIF1' + struct.pack('<IIII', 1, offset + len(pool), offset, len(pool)) + struct.pack('<IIII', 0, 0, 0, 0)
    for pair in lists:
        data += struct.pack('<II', *pair)
    data += struct.pack('<QQQQ', 1 << 26, 0, 0, 0) + struct.pack('<IIII', 10, 1500, 0, 0)
    assert len(data) == head
    return data + body + pool


MAGIC = b'\x89BZIMG\r\n'


def image(m, libos=b''):
    size = 4096
    parts = [(1, None)] + ([(2, libos)] if libos else []) + [(4, m)]
    sections, data, at = [], bytearray(4096), 4096
    for kind, content in parts[1:]:
        at = (at + 4095) & ~4095
        data += bytes(at - len(data)) + content
        sections.append([kind, at, len(content), content])
        at += len(content)
    at = (at + 63) & ~63
    data += bytes(at - len(data))
    size = at + 64 * len(parts) + 256
    data[0:32] = MAGIC + struct.pack('<IIQQ', 1, 0, size, 0)
    sections.insert(0, [1, 0, 4096, bytes(data[:4096])])
    table = b''.join(struct.pack('<IIQQ', k, 0, o, n) + hashlib.sha256(c).digest() + bytes(8) for k, o, n, c in sections)
    footer = MAGIC + struct.pack('<IIQQQ', 1, len(parts), at, size, 0) + hashlib.sha256(table).digest() + bytes(96 + 56)
    return bytes(data) + table + footer + hashlib.sha256(footer).digest()


def elf():
    names = b'\0libc.so.6\0$ORIGIN/lib\0libx.so\0'
    dyn = [(5, 64 + 56 * 3), (10, len(names)), (1, 1), (29, 11), (14, 23), (0, 0)]
    strings_at = 64 + 56 * 3
    interp_at = strings_at + len(names)
    interp = b'/lib64/ld-linux-x86-64.so.2\0'
    dyn_at = interp_at + len(interp)
    dynamic = b''.join(struct.pack('<QQ', *d) for d in dyn)
    size = dyn_at + len(dynamic)
    head = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 3, 62, 1, 0, 64, 0, 0, 64, 56, 3, 64, 0, 0)
    ph = struct.pack('<IIQQQQQQ', 1, 5, 0, 0, 0, size, size, 4096)
    ph += struct.pack('<IIQQQQQQ', 3, 4, interp_at, interp_at, 0, len(interp), len(interp), 1)
    ph += struct.pack('<IIQQQQQQ', 2, 6, dyn_at, dyn_at, 0, len(dynamic), len(dynamic), 8)
    return head + ph + names + interp + dynamic


def cache():
    strings = b'libc.so.6\0/lib/x86_64-linux-gnu/libc.so.6\0'
    base = 48 + 24 * 2
    entries = struct.pack('<iIIIQ', 0x303, base, base + 10, 0, 1 << 62) + struct.pack('<iIIIQ', 0x303, base, base + 10, 0, 0)
    return b'glibc-ld.so.cache1.1' + struct.pack('<II', 2, len(strings)) + bytes(20) + entries + strings


def record(kind, path=b'', xattrs=b'', mode=0o644):
    return struct.pack('<IIIIIIIxxxxq', kind, len(path), len(xattrs), mode, 1000, 1000, 5, 1 << 30) + path + xattrs


def program(kind, segments, interp=b'', entry=0x1000):
    """An ELF file of PT_LOADs: (flags, offset, address, bytes in the file, bytes in memory)."""
    phnum = len(segments) + 1 + bool(interp)
    at = 64 + 56 * phnum
    head = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', kind, 62, 1, entry, 64, 0, 0, 64, 56, phnum, 64, 0, 0)
    ph = struct.pack('<IIQQQQQQ', 3, 4, at, at, 0, len(interp), len(interp), 1) if interp else b''
    for flags, offset, address, filesz, memsz in segments:
        ph += struct.pack('<IIQQQQQQ', 1, flags, offset, address, 0, filesz, memsz, 4096)
    return head + ph + struct.pack('<IIQQQQQQ', 0x6474e551, 6, 0, 0, 0, 0, 0, 16) + interp


def programs():
    """What fuzz_elf.c reads: flags, which allocation fails, the program's length, the program, the interpreter."""
    loader = program(3, [(5, 0, 0, 400, 400), (6, 0x123, 0x2123, 100, 5000)])
    fixed = program(2, [(5, 0, 0x400000, 300, 300), (6, 0, 0x402000, 8, 0x3000)], entry=0x400100)
    moved = program(3, [(4, 0, 0, 400, 400), (5, 0x1000, 0x1000, 50, 50), (6, 0x10, 0x3010, 10, 9000)], b'/lib/ld.so\0')
    for flags, fails, first, second in ((0, 0, fixed, b''), (1, 0, moved, loader), (0, 0, moved, fixed), (3, 0, moved, b''),
                                        (0, 2, moved, loader), (1, 0, loader, b''), (1, 0, program(3, [(5, 0, 0x1000, 0, 0)]), b'')):
        yield struct.pack('<BBH', flags, fails, len(first)) + first + second


def tars():
    """Behind a byte that says how it is read: a tree, a long name, a way through a link."""
    def tree(*members):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode='w', format=tarfile.GNU_FORMAT) as tar:
            for name, kind, rest in members:
                member = tarfile.TarInfo(name)
                member.type = kind
                if kind == tarfile.REGTYPE:
                    member.size = len(rest)
                else:
                    member.linkname = rest
                member.mode = 0o6755
                tar.addfile(member, io.BytesIO(rest.encode()))
        return out.getvalue()
    file, folder, link = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE
    for data in (tree(('a', folder, ''), ('a/b', file, 'text'), ('a/l', link, '/etc'), ('a', folder, '')),
                 tree(('a', folder, ''), ('a/' + 'n' * 150, file, 'x' * 600), ('a/k', link, 'm' * 200)),
                 tree(('a', folder, ''), ('a/link/x', file, 'y'), ('a/l', link, '../..'), ('a/l/x', file, 'z')),
                 tree(('a', file, 'only'))):
        end = (len(data.rstrip(b'\0')) + 511) // 512 * 512 + 1024
        yield b'\0' + data[:end]
        yield b'\3' + data[:end]


def erofs():
    with tempfile.TemporaryDirectory() as d:
        os.makedirs(d + '/tree/sub')
        os.symlink('../a', d + '/tree/sub/link')
        for name, data in (('a', b'x' * 40), ('sub/b', b'y' * 5000), ('empty', b'')):
            with open(f'{d}/tree/{name}', 'wb') as f:
                f.write(data)
        os.setxattr(d + '/tree/a', 'user.note', b'value')
        for options in (['-Enoinline_data'], []):
            subprocess.run(['mkfs.erofs', '-T0', '-U00000000-0000-0000-0000-000000000000', *options, d + '/i', d + '/tree'],
                           check=True, stdout=subprocess.DEVNULL)
            with open(d + '/i', 'rb') as f:
                yield f.read()
            os.unlink(d + '/i')


def noted():
    """A library OS with both its notes, and lines of passwd and group."""
    notes = struct.pack('<III', 9, 8, 1) + b'Bartizan\0\0\0\0' + bytes(range(8))
    notes += struct.pack('<III', 4, 20, 3) + b'GNU\0' + bytes(range(20))
    head = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    yield head + struct.pack('<IIQQQQQQ', 4, 4, 120, 120, 0, len(notes), len(notes), 4) + notes
    yield b'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/:/bin/sh\n'
    yield b'app:x:1000:\nstaff:x:50:app\nx:x:4294967295:0\n'


def main():
    corpus = sys.argv[1]
    plain, full = manifest([]), manifest(['/bin/app', '-x', '/data'], ['/bin/app', '-x'], ['/data'])
    for m in (plain, full):
        put(corpus + '/manifest', m)
        put(corpus + '/image', image(m))
    put(corpus + '/image', image(full, elf()))
    for text in ('{}', '{"entrypoint": ["/bin/app"], "cmd": ["-x"], "env": {"A": "1"}, "workdir": "/", "user": "1:2"}',
                 '{"grants": {"volumes": [{"path": "/data", "access": "rw", "why": "x"}], "ports": [{"port": 80, '
                 '"protocol": "udp"}], "outbound": [{"host": "a.b", "port": 1}]}}',
                 '{"limits": {"memory": "1.5G", "pids": 3, "cpus": 0.5, "nofile": 9, "stack": "8M"}, "labels": ["a=b"]}',
                 '{"entrypont": 1}', '{"hostname": "box", "stop_signal": "SIGINT", "components": ["inet"]}'):
        put(corpus + '/manifest', text.encode())
    put(corpus + '/unpack', record(1, b'etc/passwd') + record(1, b'bin/ping', b'scapability\0') + record(2, full) +
        record(3) + record(4))
    put(corpus + '/elfdeps', elf())
    put(corpus + '/elfdeps', cache())
    for data in programs():
        put(corpus + '/elf', data)
    for data in erofs():
        put(corpus + '/erofs', data)
    for data in tars():
        put(corpus + '/untar', data)
    for data in noted():
        put(corpus + '/notes', data)
    for records in (b'', b'\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01', b'\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0c',
                    b'\x01a\0\0\x1c\0\x01\0\0\0\x3c\0\x10' + bytes(16)):
        put(corpus + '/dns', b'\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x01a\x07example\x03org\0\0\x01\0\x01' + 3 * records)


main()
