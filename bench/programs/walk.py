"""Walks a tree of 10,000 small files and reads each: `walk.py make DIR` makes one, `walk.py read DIR` walks an existing one,
`walk.py both DIR` does both.  Prints the nanoseconds of each walk, and what was read."""
import os
import sys
import time
import zlib

DIRECTORIES, FILES, BATCHES = 100, 100, 5


def make(top):
    for d in range(DIRECTORIES):
        os.makedirs(f"{top}/{d:02}")
        for f in range(FILES):
            with open(f"{top}/{d:02}/{f:02}.txt", "wb") as out:
                out.write(b"%d of %d\n" % (f, d) * (1 + (d * 31 + f * 17) % 120))


def walk(top):
    count = size = crc = 0
    for path, directories, files in os.walk(top):
        directories.sort()
        for name in sorted(files):
            with open(os.path.join(path, name), "rb") as f:
                data = f.read()
            count, size, crc = count + 1, size + len(data), zlib.crc32(data, crc)
    return count, size, crc


def main():
    what, top = sys.argv[1:3]
    if what == "both":
        top = f"{top}/tree-{os.getpid()}"
    if what in ("make", "both"):
        make(top)
    if what == "make":
        return
    found, times = walk(top), []
    for _ in range(BATCHES):
        start = time.perf_counter_ns()
        found = walk(top)
        times.append(time.perf_counter_ns() - start)
    print("walk_and_read", *times)
    print("result:", *found)


main()
