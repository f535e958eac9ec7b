"""libmemcached's conformance test, memccapable as Debian calls it, against the memcached door."""

import os
import re
import subprocess
import unittest

import doors

ANSWER_S = 2 if os.environ.get("ATRIUM_BUILD", "plain") == "plain" else 10


class Memcapable(unittest.TestCase):
    def passes(self, protocol, tests):
        """It empties the server and sets its verbosity, so it has one of its own."""
        with doors.another() as ports:
            argv = ["memccapable", "-h", "127.0.0.1", "-p", str(ports[1]), "-t", str(ANSWER_S), protocol]
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        self.assertIn("All tests passed", text)
        self.assertEqual(len(re.findall(r"\[pass\]", text)), tests, text)

    def test_text(self):
        self.passes("-a", 27)
