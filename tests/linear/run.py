#!/usr/bin/python3
"""Linearisability: concurrent clients at the RESP and memcached doors, and a checker of what they were answered.

    run.py [--seconds N] [--seed N] [--clients N] [--only TEXT]

--seconds is for each scenario. The work is done by build/linear (the C files of this folder): scenario.c has what is
asked, model.c what the commands mean, check.c the search, selftest.c histories that the checker must refuse. A history
that has no order is printed whole, with its times in microseconds. The seed is in the output: the questions are drawn
from it, the interleaving is chance."""

import argparse
import os
import random
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    argv = [os.path.join(ROOT, "build", "linear"), "--port", os.environ["ATRIUM_PORT"],
            "--memcached-port", os.environ["ATRIUM_MEMCACHED_PORT"], "--seconds", str(args.seconds),
            "--seed", str(args.seed), "--clients", str(args.clients)]
    return subprocess.run(argv + (["--only", args.only] if args.only else [])).returncode


if __name__ == "__main__":
    sys.exit(main())
