#!/usr/bin/python3
"""Connections and disks that misbehave: every test_*.py of this folder. The last line counts.

    run.py [MODULE[.Class[.test]] ...]

test_input.py: bytes that are no request. test_leaving.py: peers that go away in the middle of everything. test_slow.py:
peers that do not read, or send a byte at a time. test_snapshots.py: no room, no folder, a save that is cut short; and
how long others wait meanwhile. test_log_crash.py: SIGKILL and power cuts under load with a log of writes.
test_log_disk.py: a disk that is full or fails (bad_disk.c). After each fault of a connection all doors answer, and
connections, file descriptors
and memory are what they were (faults.py)."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
# Where the doors are (doors.py) and the WebSocket client (client.py) are those of the suites that they belong to.
sys.path[:0] = [HERE, os.path.join(HERE, "..", "clients"), os.path.join(HERE, "..", "ws")]


def main():
    loader = unittest.defaultTestLoader
    names = sys.argv[1:]
    tests = loader.loadTestsFromNames(names) if names else loader.discover(HERE, "test_*.py")
    result = unittest.TextTestRunner(sys.stdout, verbosity=1).run(tests)
    failed = len({str(test) for test, _ in result.failures + result.errors})
    print("%d passed, %d failed" % (max(result.testsRun - failed, 0), failed))
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
