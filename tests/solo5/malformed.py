"""Damaged images: each is refused in a line, or runs as the damage allows; the command never dies and never hangs.

malformed.py BARTIZAN FOLDER
"""
import os
import random
import struct
import subprocess
import sys
import tempfile

bartizan, guests = map(os.path.realpath, sys.argv[1:3])
top = tempfile.mkdtemp()
image = os.path.join(top, "image.spt")
with open(os.path.join(guests, "hello.spt"), "rb") as file:
    good = file.read()
fails = 0
HEAD = struct.Struct("<IIQQQQQQ")  # of a segment
LOAD, NOTE = 1, 4
headers = [list(HEAD.unpack_from(good, 64 + 56 * i)) for i in range(struct.unpack_from("<H", good, 56)[0])]
abi = good.index(struct.pack("<III6s", 6, 16, 0x31494241, b"Solo5"))
manifest = good.index(struct.pack("<I6s", 0x3154464D, b"Solo5")) - 8


def run(data):
    with open(image, "wb") as file:
        file.write(data)
    return subprocess.run([bartizan, "run", "--mem", "16", "--timeout", "10s", image, "x"], capture_output=True, timeout=60)


def check(data, words, code=126):
    global fails
    result = run(data)
    if result.returncode != code or words.encode() not in result.stderr + result.stdout:
        fails += 1
        print(f"FAILED: not {code} with '{words}': {result}")


def patch(at, form, *values):
    data = bytearray(good)
    struct.pack_into(form, data, at, *values)
    return bytes(data)


def segment(kind, n, field, value):
    """`field` of the n-th segment of a kind: 1 flags, 2 offset, 3 address, 5 bytes in the file, 6 in memory, 7 alignment."""
    i = [k for k, h in enumerate(headers) if h[0] == kind][n]
    head = list(headers[i])
    head[field] = value
    return patch(64 + 56 * i, HEAD.format, *head)


check(good, "hello", 0)

# Notes.
for length in (0, 15, 17, 0x7FFFFFFF, 0xFFFFFFFF):
    check(patch(abi + 4, "<I", length), "malformed")
    check(patch(manifest + 4, "<I", length), "malformed")
check(patch(abi, "<I", 0xFFFFFFFF), "malformed")
check(patch(abi, "<I", 5), "no Solo5 note that names its target")
check(patch(abi + 12, "6s", b"Solo6\0"), "no Solo5 note that names its target")
check(patch(abi + 8, "<I", 1), "no Solo5 note that names its target")
check(patch(manifest + 8, "<I", 1), "no Solo5 manifest")
check(patch(abi + 20, "<I", 99), "target unknown")
check(patch(abi + 24, "<I", 0), "version 0 of spt")
check(patch(abi + 24, "<I", 0xFFFFFFFF), "version 4294967295 of spt")
check(patch(abi + 28, "<I", 1), "malformed")
for count in (0, 2, 65, 0xFFFFFFFF):
    check(patch(manifest + 28, "<I", count), "malformed")
check(patch(manifest + 24, "<I", 2), "malformed")
check(patch(manifest + 32, "B", 65), "does not begin with the reserved entry")
check(patch(manifest + 32 + 67, "B", 65), "has no proper name")
check(patch(manifest + 32 + 68, "<I", 1), "does not begin with the reserved entry")
check(patch(manifest + 32 + 96, "B", 1), "claims to be attached")
check(segment(NOTE, 0, 5, 1 << 40), "malformed")
check(segment(NOTE, 1, 2, 1 << 63), "malformed")

# Segments.
check(segment(LOAD, 0, 1, 7), "both writable and executable")
check(segment(LOAD, 1, 1, 3), "both writable and executable")
check(segment(LOAD, 0, 3, 0xFF000), "below 0x100000")
check(segment(LOAD, 0, 3, 0), "below 0x100000")
check(segment(LOAD, 1, 3, headers[[h[0] for h in headers].index(LOAD)][3]), "overlap")
check(segment(LOAD, 2, 3, 0x100000), "overlap")
check(segment(LOAD, 2, 3, 0xFFFFFFFFFFFFF000), "does not fit")
check(segment(LOAD, 0, 6, 1 << 24), "does not fit")
check(segment(LOAD, 0, 6, 0xFFFFFFFFFFFFFFFF), "does not fit")
check(segment(LOAD, 0, 6, 1), "longer than the file")
check(segment(LOAD, 0, 2, 1 << 62), "longer than the file")
check(segment(LOAD, 0, 7, 3), "alignment")
check(segment(LOAD, 0, 7, 0), "alignment")
check(segment(LOAD, 0, 7, 1 << 63), "alignment")
check(patch(24, "<Q", 0), "outside its memory")
check(patch(24, "<Q", 1 << 24), "outside its memory")
check(patch(24, "<Q", 0x7FFFFFFFF000), "outside its memory")
check(patch(24, "<Q", headers[[h[0] for h in headers].index(LOAD)][3] + (8 << 20)), "SIGSEGV", 139)  # in data

# Whatever the damage: an end that is one of the guest's or ours, within its time.
seed = int.from_bytes(os.urandom(4), "little")
rng = random.Random(seed)
interesting = list(range(64 + 56 * len(headers))) + list(range(abi, abi + 36)) + list(range(manifest, manifest + 136))
for _ in range(150):
    data = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        data[rng.choice(interesting)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)):]
    result = run(bytes(data))
    if result.returncode < 0 or b"monitor died" in result.stderr or b"Sanitizer" in result.stderr:
        fails += 1
        print(f"FAILED (seed {seed}): {result}")
sys.exit(fails > 0)
