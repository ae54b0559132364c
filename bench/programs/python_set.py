"""Small programs on Python's standard library, each timed in batches.  Prints a line each, NAME and nanoseconds, and at the
end `result: DIGEST` of all that was computed, which must be the same everywhere."""
import collections
import csv
import decimal
import difflib
import hashlib
import io
import itertools
import json
import logging
import os
import pickle
import random
import re
import sqlite3
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
import zlib

BATCHES = 5
RANDOM = random.Random(7)
WORDS = ["".join(RANDOM.choices("abcdefghij", k=RANDOM.randint(3, 9))) for _ in range(2000)]
RECORDS = [{"id": i, "name": WORDS[i], "tags": WORDS[i:i + 4], "weight": i / 7, "nested": {"on": i % 3 == 0, "none": None}}
           for i in range(400)]
TEXT = " ".join(WORDS)


def orbits():
    bodies = [[1.0 * i, 0.5 * i, 0.1 * i, 0.01, -0.02 * i, 0.03, 1.0 + i] for i in range(1, 6)]
    for _ in range(300):
        for a, b in itertools.combinations(bodies, 2):
            dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            pull = 0.001 / (dx * dx + dy * dy + dz * dz) ** 1.5
            for k, d in enumerate((dx, dy, dz)):
                a[3 + k] -= d * b[6] * pull
                b[3 + k] += d * a[6] * pull
        for body in bodies:
            for k in range(3):
                body[k] += 0.001 * body[3 + k]
    return sum(body[0] for body in bodies)


def queens():
    def place(row, columns, up, down):
        if row == 7:
            return 1
        return sum(place(row + 1, columns | {c}, up | {row + c}, down | {row - c}) for c in range(7)
                   if c not in columns and row + c not in up and row - c not in down)
    return place(0, frozenset(), frozenset(), frozenset())


class Account:
    def __init__(self, owner):
        self.owner, self.balance, self.log = owner, 0, []

    def move(self, amount):
        self.balance += amount
        self.log.append((self.owner, amount))


def objects():
    accounts = [Account(w) for w in WORDS[:200]]
    for step in range(20000):
        accounts[step * 7 % 200].move(step % 11 - 5)
    return sum(a.balance * len(a.log) for a in accounts)


def json_text():
    text = json.dumps(RECORDS, sort_keys=True)
    return len(json.dumps(json.loads(text), indent=1))


def pickles():
    return sum(len(pickle.dumps(pickle.loads(pickle.dumps(RECORDS)))) for _ in range(6))


def regular_expressions():
    found = [len(re.findall(p, TEXT)) for p in (r"\b[a-e]+\b", r"(\w)\1", r"a.*?j", r"[^aeiou ]{4,}", r"\b(?:ab|ba)\w*")]
    return found, len(re.sub(r"(\w+) (\w+)", r"\2 \1", TEXT))


def counting():
    counts = collections.Counter()
    for _ in range(15):
        counts.update(WORDS)
        counts.update(w[::-1] for w in WORDS)
    return counts.most_common(5), len(counts)


def sorting():
    return [sorted(WORDS, key=lambda w: (len(w), w[::-1], i))[100] for i in range(12)]


def decimals():
    with decimal.localcontext() as context:
        context.prec = 120
        total = decimal.Decimal(0)
        for k in range(110):
            total += (decimal.Decimal(4) / (8 * k + 1) - decimal.Decimal(2) / (8 * k + 4) - decimal.Decimal(1) / (8 * k + 5)
                      - decimal.Decimal(1) / (8 * k + 6)) / 16 ** k
        return [str(+total) for _ in range(20)][0]


def big_integers():
    a, b = 0, 1
    for _ in range(12000):
        a, b = b, a + b
    return pow(a, 65537, (1 << 512) - 569) % 1000003, len(str(b))


def digests():
    data = TEXT.encode() * 20
    return hashlib.sha256(data).hexdigest(), hashlib.blake2b(data).hexdigest(), zlib.crc32(zlib.compress(data, 6))


def tables():
    out = io.StringIO()
    csv.writer(out).writerows([r["id"], r["name"], r["weight"], "a,b\n"] for r in RECORDS * 5)
    return sum(len(row[1]) for row in csv.reader(io.StringIO(out.getvalue())))


def xml():
    root = ElementTree.Element("records")
    for r in RECORDS:
        e = ElementTree.SubElement(root, "record", id=str(r["id"]))
        e.text = r["name"]
    tree = ElementTree.fromstring(ElementTree.tostring(root))
    return len(tree.findall(".//record[@id]")), sum(len(e.text) for e in tree.iter("record"))


def differences():
    return sum(len(line) for line in difflib.unified_diff(WORDS[:500], sorted(WORDS[:500])[:250] + WORDS[250:500]))


def logs():
    out = io.StringIO()
    log = logging.Logger("bench")
    log.addHandler(logging.StreamHandler(out))
    for i in range(1000):
        log.warning("%d: %s took %.3f", i, WORDS[i], i / 3)
    return len(out.getvalue())


def sql_in_memory():
    db = sqlite3.connect(":memory:")
    db.execute("create table t(id integer primary key, name text, weight real)")
    db.executemany("insert into t values(?, ?, ?)", ((i, w, i / 3) for i, w in enumerate(WORDS)))
    db.execute("create index by_name on t(name)")
    return db.execute("select name, count(*), sum(weight) from t group by name order by 2 desc, 1 limit 3").fetchall()


def small_files():
    total = 0
    with tempfile.TemporaryDirectory() as d:
        for i in range(100):
            with open(f"{d}/{i}", "w") as f:
                f.write(WORDS[i] * 50)
        for name in sorted(os.listdir(d)):
            with open(f"{d}/{name}") as f:
                total += len(f.read())
            os.stat(f"{d}/{name}")
    return total


def threads():
    done = []

    def work(n):
        done.append(sum(range(n)))
    for _ in range(8):
        running = [threading.Thread(target=work, args=(500,)) for _ in range(5)]
        for t in running:
            t.start()
        for t in running:
            t.join()
    return sum(done)


PROGRAMS = (orbits, queens, objects, json_text, pickles, regular_expressions, counting, sorting, decimals, big_integers, digests,
            tables, xml, differences, logs, sql_in_memory, small_files, threads)


def main():
    digest = hashlib.sha256()
    for program in PROGRAMS:
        digest.update(repr(program()).encode())
        times = []
        for _ in range(BATCHES):
            start = time.perf_counter_ns()
            program()
            times.append(time.perf_counter_ns() - start)
        print(program.__name__, *times)
    print(f"result: {digest.hexdigest()}")


if __name__ == "__main__":
    sys.exit(main())
