"""Requests made out of the document, another seed for each build. By hand, on a running server:
node tests/http/contract/fuzz.mjs HTTP_PORT --seed N --count N"""

import os
import subprocess

from door import ROOT

RUNS = {"plain": ("1", "20000"), "asan": ("2", "20000"), "tsan": ("3", "5000")}  # seed and count


def test_answers_to_fuzzed_requests_are_in_the_document(door):
    seed, count = RUNS[os.environ.get("ATRIUM_BUILD", "plain")]
    done = subprocess.run(
        ["node", "http/contract/fuzz.mjs", str(door.http_port), "--seed", seed, "--count", count, "--seconds", "40"],
        cwd=os.path.join(ROOT, "tests"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")
    assert door.get("/healthz").status == 200
