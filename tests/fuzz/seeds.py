#!/usr/bin/env python3
"""Writes small seeds for the fuzz targets of images.  usage: seeds.py CORPUS (makes CORPUS/image, manifest, unpack, elfdeps)"""
import hashlib
import os
import struct
import sys


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


main()
