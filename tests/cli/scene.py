"""What tests of the command share: saying what was expected and is not so, and ending with that."""
import sys

failed = 0


def check(what, ok):
    global failed
    if not ok:
        failed += 1
        print("not ok:", what)


def finish():
    sys.exit(1 if failed else 0)
