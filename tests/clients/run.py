#!/usr/bin/python3
"""Stock clients against the doors: every test_*.py of this folder. The last line counts.

    run.py [MODULE ...]"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def load(names):
    loader = unittest.defaultTestLoader
    return loader.loadTestsFromNames(names) if names else loader.discover(HERE, "test_*.py")


def main():
    sys.path.insert(0, HERE)
    result = unittest.TextTestRunner(sys.stdout, verbosity=1).run(load(sys.argv[1:]))
    failed = len({str(test) for test, _ in result.failures + result.errors})
    print("%d passed, %d failed" % (result.testsRun - failed, failed))
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
