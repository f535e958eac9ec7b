#!/usr/bin/python3
"""The fuzz targets (fuzz_*.c, libFuzzer with ASan and UBSan), two at a time. The last line counts.

    run.py [--seconds N] [--jobs N] [TARGET ...]

Each target starts from seeds/TARGET, and from what earlier runs have found worth keeping in build/fuzz/corpus/TARGET.
An input that crashes is kept in build/fuzz/findings: play it again with build/fuzz/TARGET FILE, and write the unit test
that shows the same. Part of `make test`, once: the targets are a build of their own."""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "fuzz")
IN_TESTS_S = 60
LIMITS = ["-max_len=4096", "-timeout=30", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"]


def targets():
    return sorted(name[:-2] for name in os.listdir(HERE) if re.fullmatch(r"fuzz_\w+\.c", name))


def run(target, seconds):
    """(target, was all well, what it said)"""
    corpus, seeds = os.path.join(BUILD, "corpus", target), os.path.join(HERE, "seeds", target)
    findings = os.path.join(BUILD, "findings", target + "-")
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(os.path.dirname(findings), exist_ok=True)
    argv = [os.path.join(BUILD, target), corpus, seeds, "-max_total_time=%d" % seconds, "-artifact_prefix=" + findings]
    try:
        done = subprocess.run(argv + LIMITS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=seconds + 60)
        return target, done.returncode == 0, done.stdout.decode("utf-8", "replace")
    except OSError as e:
        return target, False, "%s: is it built (make fuzz)?" % e
    except subprocess.TimeoutExpired as e:
        return target, False, (e.stdout or b"").decode("utf-8", "replace") + "\ndid not end"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=IN_TESTS_S)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("targets", nargs="*", default=targets())
    args = parser.parse_args()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for target, well, text in pool.map(lambda t: run(t, args.seconds), args.targets):
            units = re.search(r"number_of_executed_units: (\d+)", text)
            print("%s %s: %s inputs" % ("ok  " if well else "FAIL", target, units.group(1) if units else "no"), flush=True)
            if not well:
                failed += 1
                print(text[-6000:], flush=True)
    print("%d passed, %d failed" % (len(args.targets) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
