"""Stock clients of memcached's binary protocol, and libmemcached's own judge of servers, memccapable. What they are
asked here holds at a real memcached too: the last class shows it, once."""

import contextlib
import os
import re
import subprocess
import unittest

import doors

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*argv):
    """Exit status and all that was said."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.returncode, done.stdout.decode()


@contextlib.contextmanager
def a_memcached():
    port = doors.free_port()
    child = subprocess.Popen(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-U", "0"])
    try:
        doors.wait_for(port)
        yield port
    finally:
        child.terminate()
        child.wait(10)


class Tools(unittest.TestCase):
    def memccapable(self, port, protocol):
        """Each of its tests says [pass]; how many there are."""
        status, said = run("memccapable", "-h", "127.0.0.1", "-p", str(port), "-t", "20", "-v", protocol)
        self.assertEqual(status, 0, said)
        self.assertIn("All tests passed", said)
        self.assertNotRegex(said, r"(?i)\[fail|\[not supp")
        self.assertEqual(len(re.findall(r"\[pass\]", said)), 27, said)

    def node(self, script, *argv):
        status, said = run("node", os.path.join(HERE, script), *map(str, argv))
        self.assertEqual(status, 0, said)


class Atrium(Tools):
    def test_memccapable_text(self):
        self.memccapable(doors.MEMCACHED_PORT, "-a")

    def test_memccapable_binary(self):
        self.memccapable(doors.MEMCACHED_PORT, "-b")

    def test_memjs(self):
        self.node("memjs.mjs", doors.MEMCACHED_PORT, doors.PORT)

    def test_memjs_with_a_password(self):
        with doors.another("--requirepass", "sesame") as (_, port, _http):
            self.node("memjs_password.mjs", port, "default", "sesame")


@unittest.skipUnless(os.environ.get("ATRIUM_BUILD", "plain") == "plain", "memcached is the same in every build")
class Memcached(Tools):
    def test_the_same(self):
        with a_memcached() as port:
            for protocol in ("-a", "-b"):
                self.memccapable(port, protocol)
            self.node("memjs.mjs", port)


if __name__ == "__main__":
    unittest.main()
