"""atrium check and atrium import: what they say, what is copied, and how a run that was ended goes on."""

import os
import pty
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import redis

import doors
import rdb_files as rdb
import test_dump
import test_snapshot

PROGRAM = os.environ["ATRIUM_PROGRAM"]


def tool(*words, folder=None):
    """(exit status, all that it says)"""
    done = subprocess.run([PROGRAM, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode()


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tools-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path


class Check(Folder):
    def test_rdb(self):
        s = b"\x00\x01a"
        parts = [rdb.aux(b"redis-ver", b"6.2.7"), rdb.FUNCTION, rdb.MODULE_AUX, rdb.key(b"a", s, rdb.SOON_MS),
                 rdb.key(b"b", s, rdb.NOW_MS - 1000), rdb.select(2)]
        parts += [rdb.key(name.encode(), body) for name, body in rdb.BY_HAND.items()]
        path = self.write("a.rdb", rdb.file(parts, magic=b"REDIS0012"))
        status, text = tool("check", path)
        self.assertEqual(status, 0, text)
        for line in ("RDB version 12", "written by redis 6.2.7", "db 0: 2 keys, 2 with a deadline, 1 of them past",
                     "db 2: %d keys, 0 with a deadline" % len(rdb.BY_HAND), "libraries of functions, not loaded: 1",
                     "modules' own data, not loaded: 1", "checksum: right", "  ok"):
            self.assertIn(line, text)
        for kind in "strings", "lists", "sets", "sorted sets", "hashes":
            self.assertRegex(text, r"  %s: \d+ keys, \d+ (bytes|elements)" % kind)
        status, text = tool("check", self.write("m.rdb", rdb.file([rdb.key(b"doc", rdb.MODULE_VALUE)])))
        self.assertEqual(status, 0)
        self.assertIn("keys of modules, which keep atrium from loading the file: 1 (the last of type ReJSON-RL)", text)
        status, text = tool("check", self.write("v.rdb", rdb.file([rdb.key(b"h", rdb.VALKEY_TIMED)], magic=b"VALKEY080")))
        self.assertEqual((status, "Valkey RDB version 80" in text), (0, True), text)

    def test_damaged(self):
        whole = rdb.file([rdb.key(b"a", b"\x00\x01a"), rdb.key(b"zset", rdb.BY_HAND["zset 2"])])
        for data, words in ((whole[:-1] + b"x", "wrong checksum"), (whole[:20], "at byte 20 of 20"), (b"hello", "not an RDB file"),
                            (whole[:30] + b"\xff" + whole[31:], 'DAMAGED: .* byte'),
                            (b"REDIS0099", "version")):
            status, text = tool("check", self.write("d.rdb", data))
            self.assertEqual(status, 1, text)
            self.assertRegex(text, words)
            self.assertIn("NOT OK", text)
        for end in range(len(whole)):
            self.assertEqual(tool("check", self.write("d.rdb", whole[:end]))[0], 1, end)

    def test_words(self):
        self.assertEqual(tool("check")[0], 2)
        self.assertEqual(tool("check", "--help")[0], 0)
        self.assertEqual(tool("check", os.path.join(self.folder, "none"))[0], 2)
        self.assertEqual(tool("check", self.folder)[0], 2)

    def test_log(self):
        port = doors.free_port()
        child = subprocess.Popen([PROGRAM, "--dir", self.folder, "--port", str(port), "--memcached-port", "0", "--http-port", "0",
                                  "--appendonly", "yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        doors.wait_for(port)
        client = redis.Redis(port=port)
        client.set("a", 1)
        with client.pipeline() as pipe:
            pipe.set("b", 1).set("c", 1).execute()
        client.rpush("l", *range(50))
        child.terminate()
        self.assertEqual(child.wait(20), 0)
        log = os.path.join(self.folder, "appendonlydir")
        status, text = tool("check", log)
        self.assertEqual(status, 0, text)
        self.assertIn("manifest of", text)
        self.assertIn("1 transactions", text)
        manifest = next(name for name in os.listdir(log) if name.endswith(".manifest"))
        self.assertEqual(tool("check", os.path.join(log, manifest))[0], 0)
        last = max((name for name in os.listdir(log) if "incr" in name), key=lambda name: os.path.getsize(os.path.join(log, name)))
        path = os.path.join(log, last)
        with open(path, "rb") as f:
            whole = f.read()
        for data, words in ((whole[:-1], "ends within a"), (whole[:20] + b"#" + whole[21:], "DAMAGED: .* at byte")):
            with open(path, "wb") as f:
                f.write(data)
            for target in log, path:
                status, text = tool("check", target)
                self.assertEqual(status, 1, text)
                self.assertRegex(text, words)
        os.unlink(path)
        self.assertEqual(tool("check", log)[0], 1)


class Import(Folder):
    @classmethod
    def setUpClass(cls):
        cls.reference = test_dump.Reference()
        cls.addClassCleanup(cls.reference.stop)
        cls.atrium = redis.Redis(port=doors.PORT)
        cls.source_url, cls.target = "redis://127.0.0.1:%d" % cls.reference.port, ("--to", "redis://localhost:%d" % doors.PORT)

    def setUp(self):
        super().setUp()
        self.source = redis.Redis(port=self.reference.port, single_connection_client=True)
        for client in self.source, self.atrium:
            client.flushall()

    def run_import(self, *words, source=None):
        return tool("import", source or self.source_url, *self.target, *words, folder=self.folder)

    def contents(self, port):
        return test_snapshot.Snapshot().contents(redis.Redis(port=port, single_connection_client=True))

    def test_every_type(self):
        test_snapshot.Snapshot().fill(self.source)
        self.source.set("bin\0ary\n\xff", b"\0\xff")
        before = self.contents(self.reference.port)
        status, text = self.run_import()
        self.assertEqual((status, text.splitlines()[-1]), (0, "%d keys copied" % len(before)), text)
        self.assertEqual(self.contents(doors.PORT), before)
        self.assertAlmostEqual(self.atrium.pttl("volatile"), self.source.pttl("volatile"), delta=1000)
        self.assertEqual(os.listdir(self.folder), [])
        status, text = self.run_import()
        self.assertIn("0 keys copied, %d were there already" % len(before), text)
        self.source.set("string:1", "changed")
        status, text = self.run_import("--replace")
        self.assertIn("%d keys copied" % len(before), text)
        self.assertEqual(self.atrium.get("string:1"), b"changed")

    def test_some(self):
        self.source.mset({"user:1": 1, "user:2": 2, "other": 3})
        self.source.execute_command("SELECT", 4)
        self.source.mset({"user:4": 1, "other": 3})
        self.assertEqual(self.run_import("--match", "user:*")[0], 0)
        self.assertEqual(sorted(self.contents(doors.PORT)), [(0, b"user:1"), (0, b"user:2"), (4, b"user:4")])
        self.atrium.flushall()
        self.assertEqual(self.run_import(source=self.source_url + "/4")[0], 0)
        self.assertEqual(sorted(self.contents(doors.PORT)), [(4, b"other"), (4, b"user:4")])
        self.atrium.flushall()
        words = ("import", self.source_url + "/4", "--to", self.target[1] + "/7")
        self.assertEqual(tool(*words, folder=self.folder)[0], 0)
        self.assertEqual(sorted(self.contents(doors.PORT)), [(7, b"other"), (7, b"user:4")])

    def test_it_goes_on(self):
        """Ended again and again, it copies every key, and no more than a batch of them twice."""
        with self.source.pipeline(transaction=False) as pipe:
            for i in range(60000):
                pipe.set("key:%d" % i, "x" * 100)
            pipe.execute()
        runs, copied = 0, 0
        while True:
            child = subprocess.Popen([PROGRAM, "import", self.source_url, *self.target], cwd=self.folder, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
            before = self.atrium.dbsize()
            until = time.time() + 20
            while runs < 3 and self.atrium.dbsize() < before + 2000 and child.poll() is None and time.time() < until:
                pass
            child.send_signal(signal.SIGINT if runs < 3 else 0)
            text = child.communicate(timeout=60)[0].decode()
            runs += 1
            copied = int(text.split(" keys copied")[0].split()[-1])
            if child.returncode == 0:
                break
            self.assertEqual(child.returncode, 1, text)
            self.assertIn("the same command goes on from here", text)
        self.assertGreater(runs, 1)
        self.assertEqual(self.atrium.dbsize(), 60000)
        self.assertIn("going on where an earlier run ended", text)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertEqual(copied, 60000)

    def test_a_file(self):
        parts = [rdb.sizes(3, 0), rdb.key(b"soon", b"\x00\x01a", rdb.SOON_MS), rdb.key(b"past", b"\x00\x01a", rdb.NOW_MS - 1000),
                 rdb.key(b"doc", rdb.MODULE_VALUE), rdb.select(3)]
        parts += [rdb.key(name.encode(), body) for name, body in rdb.BY_HAND.items()]
        path = self.write("a.rdb", rdb.file(parts, magic=b"REDIS0012"))
        status, text = tool("import", "--rdb", path, *self.target, folder=self.folder)
        self.assertEqual(status, 1)
        self.assertIn("left out: doc: a value of module type ReJSON-RL", text)
        self.assertIn("%d keys copied, 1 expired or were deleted meanwhile, 1 could not be copied" % (len(rdb.BY_HAND) + 1), text)
        self.assertEqual(self.atrium.execute_command("PEXPIRETIME", "soon"), rdb.SOON_MS)
        client = redis.Redis(port=doors.PORT, db=3)
        self.assertEqual(client.dbsize(), len(rdb.BY_HAND))
        for name, (_, value) in rdb.VALUES.items():
            self.assertEqual(test_dump.read(client, name), value, name)
        client.flushall()
        path = self.write("v.rdb", rdb.file([rdb.key(b"h", rdb.VALKEY_TIMED)], magic=b"VALKEY080"))
        self.assertEqual(tool("import", "--rdb", path, *self.target, folder=self.folder)[0], 0)
        self.assertEqual(self.atrium.execute_command("HPEXPIRETIME", "h", "FIELDS", 2, "f", "g"), [rdb.SOON_MS, -1])
        status, text = tool("import", "--rdb", self.write("d.rdb", rdb.file(parts)[:-50]), *self.target, folder=self.folder)
        self.assertEqual(status, 1)
        self.assertRegex(text, "d.rdb: .* at byte")

    def test_to_a_file(self):
        """For a program that is not started yet."""
        test_snapshot.Snapshot().fill(self.source)
        before = self.contents(self.reference.port)
        path = os.path.join(self.folder, "dump.rdb")
        status, text = tool("import", self.source_url, "--out", path, folder=self.folder)
        self.assertEqual((status, text.splitlines()[-1]), (0, "%d keys copied" % len(before)), text)
        self.assertEqual(os.listdir(self.folder), ["dump.rdb"])
        status, text = tool("check", path)
        self.assertEqual(status, 0, text)
        with test_snapshot.atrium(self.folder) as client:
            port = client.connection_pool.connection_kwargs["port"]
            self.assertEqual(self.contents(port), before)
            self.assertAlmostEqual(client.pttl("volatile"), self.source.pttl("volatile"), delta=1000)
        some = os.path.join(self.folder, "some.rdb")
        self.assertEqual(tool("import", "--rdb", path, "--out", some, "--match", "hash:*")[0], 0)
        self.assertIn("db 0: 4 keys", tool("check", some)[1])
        status, text = tool("import", self.source_url, "--out", os.path.join(self.folder, "no", "a.rdb"))
        self.assertEqual(status, 2)
        self.assertIn("No such file", text)

    def test_credentials(self):
        self.source.set("a", 1)
        self.source.config_set("requirepass", "p@ss:w/rd")
        self.addCleanup(self.source.config_set, "requirepass", "")
        place = self.source_url[len("redis://"):]
        self.assertEqual(self.run_import(source="redis://:p%40ss%3Aw%2frd@" + place)[0], 0)
        self.assertEqual(self.run_import("--replace", source="redis://default:p%40ss:w%2Frd@" + place)[0], 0)
        for url in "redis://" + place, "redis://:wrong@" + place:
            status, text = self.run_import(source=url)
            self.assertEqual(status, 2, text)
            self.assertRegex(text, "NOAUTH|WRONGPASS")
            self.assertNotIn("wrong@", text)

    def test_words(self):
        for words in ((), ("--rdb",), ("redis://",), ("http://a",), ("rediss://a",), ("redis://a:99999",), ("redis://a/x",),
                      ("redis://[::1",), ("a", "b"), ("redis://a", "--rdb", "f"), ("redis://a", "--no-such")):
            status, text = tool("import", *words, folder=self.folder)
            self.assertEqual(status, 2, words)
            self.assertIn("Usage: atrium import", text)
        status, text = self.run_import(source="redis://127.0.0.1:%d" % doors.free_port())
        self.assertEqual(status, 2)
        self.assertIn("cannot connect", text)

    def test_a_bar_on_a_terminal(self):
        with self.source.pipeline(transaction=False) as pipe:
            for i in range(20000):
                pipe.set("key:%d" % i, "x")
            pipe.execute()
        ours, theirs = pty.openpty()
        child = subprocess.Popen([PROGRAM, "import", self.source_url, *self.target], cwd=self.folder, stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while more := os.read(ours, 65536):
                text += more
        except OSError:
            pass
        self.assertEqual(child.wait(20), 0)
        os.close(ours)
        self.assertRegex(text.decode(), r"\r\[#{30}\] 20000 of 20000 keys, \d+ a second")


if __name__ == "__main__":
    unittest.main()
