#!/usr/bin/python3
"""The HTTP door by value: every route, every error, and input that is wrong in every way.

Each test_*.py holds functions test_*(door); one function is one test. Needs nothing beyond Python's own library.
`run.py WORD ...` runs the tests whose names contain a word. Without ATRIUM_HTTP_PORT it starts build/atrium."""

import importlib
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from door import Door, Program  # noqa: E402


def tests():
    for file in sorted(os.listdir(HERE), key=lambda name: ("openapi" in name, name)):
        if file.startswith("test_") and file.endswith(".py"):
            module = importlib.import_module(file[:-3])
            for name, value in list(vars(module).items()):
                if name.startswith("test_") and callable(value):
                    yield "%s.%s" % (file[5:-3], name[5:]), value


def run(test, name, door):
    try:
        door.flush()
        test(door)
        return True
    except Exception:
        print("FAIL %s" % name)
        traceback.print_exc(file=sys.stdout)
        return False


def main():
    words = sys.argv[1:]
    program = None
    if "ATRIUM_HTTP_PORT" not in os.environ:
        program = Program()
        door = program.door()
    else:
        door = Door(int(os.environ["ATRIUM_HTTP_PORT"]), int(os.environ["ATRIUM_PORT"]))
    started, counts = time.time(), [0, 0]
    for name, test in tests():
        if not words or any(w in name for w in words):
            counts[0 if run(test, name, door) else 1] += 1
    if program and program.end() != 0:
        print("FAIL the program did not end by itself with status 0")
        counts[1] += 1
    print("http: %.1f s" % (time.time() - started))
    print("%d passed, %d failed" % tuple(counts))
    return 1 if counts[1] or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
