#!/usr/bin/python3
"""Pages in a browser: each *.mjs here but browser.mjs, which they share, is run and counts."""

import os
import re
import subprocess
import sys

FILE_S = 240
HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    passed = failed = 0
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".mjs") or name == "browser.mjs":
            continue
        command = ["timeout", "-k", "5", str(FILE_S), "node", os.path.join(HERE, name)] # a page that waits for ever fails
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = done.stdout.decode("utf-8", "replace")
        print("%s:\n%s" % (name, text))
        counts = re.findall(r"(\d+) passed, (\d+) failed", text) or [(0, 1)]
        passed += int(counts[-1][0])
        failed += max(int(counts[-1][1]), 1 if done.returncode else 0)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
