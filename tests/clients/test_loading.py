"""The doors while a file is loaded: what may run then does, all else is told to come again; progress; an early end."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import redis

import doors
import rdb_files as rdb

ZSETS, MEMBERS = {"plain": 60, "asan": 24, "tsan": 5}[os.environ["ATRIUM_BUILD"]], 40000
LOADING = "error: Redis is loading the dataset in memory"


def zset(seed):
    """In the plain form, which takes long to load for its bytes."""
    members = b"".join(b"\x07%07d" % (i * 7919 % 10000000) + b"\x06%06d" % (i * seed % 1000000) for i in range(MEMBERS))
    return b"\x03" + rdb.length(MEMBERS) + members


def error_of(client, *words):
    try:
        return client.execute_command(*words)
    except redis.RedisError as e:
        return "error: %s" % e


class Loading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="loading-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        body = zset(104729)
        with open(os.path.join(cls.folder, "dump.rdb"), "wb") as f:
            f.write(rdb.file([rdb.aux(b"used-mem", b"12345"), rdb.key(b"first", b"\x00\x01a")]
                             + [rdb.key(b"zset:%d" % i, body) for i in range(ZSETS)], summed=False))

    @contextlib.contextmanager
    def started(self):
        ports = [doors.free_port() for _ in range(3)]
        argv = [os.environ["ATRIUM_PROGRAM"], "--dir", self.folder, "--save", "3600 1"]
        for flag, port in zip(("--port", "--memcached-port", "--http-port"), ports):
            argv += [flag, str(port)]
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            doors.wait_for(ports[2])
            yield child, *ports
        finally:
            child.kill()
            child.wait()

    def http(self, port, path):
        words = ["curl", "-s", "-i", "localhost:%d%s" % (port, path)]
        return subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout.decode().lower()

    def memcached(self, port, line):
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.sendall(line)
            return s.recv(1000)

    def test_doors(self):
        with self.started() as (child, port, memcached, http):
            r = redis.Redis(port=port)
            about = r.info("persistence")
            self.assertEqual(about["loading"], 1, "the file was loaded too soon for this test")
            answers = [error_of(r, *words.split()) for words in ("PING", "GET first", "SET a 1", "DBSIZE", "BGSAVE", "SAVE")]
            refused = self.memcached(memcached, b"get first\r\n")
            ready, get, health = (self.http(http, path) for path in ("/readyz", "/v1/keys/first", "/healthz"))
            allowed = [error_of(r, *words.split()) for words in ("ECHO x", "TIME", "CONFIG GET save", "PUBLISH c m", "LASTSAVE")]
            self.assertEqual(r.info("persistence")["loading"], 1, "the file was loaded too soon for this test")
            self.assertEqual(answers, [LOADING] * 6)
            self.assertRegex(refused, rb"^SERVER_ERROR ")
            self.assertRegex(ready, r"^http/1.1 503 [^$]*retry-after: \d")
            self.assertRegex(get, r"^http/1.1 503 [^$]*retry-after: \d")
            self.assertIn("application/problem+json", get)
            self.assertRegex(health, "^http/1.1 200 ")
            self.assertFalse([a for a in allowed if str(a).startswith("error")])
            self.progress(r, about)
            self.assertEqual(r.dbsize(), ZSETS + 1)
            self.assertEqual(r.zcard("zset:%d" % (ZSETS - 1)), MEMBERS)
            self.assertRegex(self.http(http, "/readyz"), "^http/1.1 200 ")
            about = r.info("persistence")
            self.assertEqual((about["rdb_last_load_keys_loaded"], about["rdb_changes_since_last_save"]), (ZSETS + 1, 0))
            self.assertNotIn("loading_eta_seconds", about)

    def progress(self, r, about):
        size, seen = os.path.getsize(os.path.join(self.folder, "dump.rdb")), set()
        while about["loading"]:
            self.assertEqual(about["loading_total_bytes"], size)
            self.assertLessEqual(about["loading_loaded_bytes"], size)
            self.assertLessEqual(float(about["loading_loaded_perc"]), 100)
            self.assertLessEqual(about["loading_start_time"], time.time())
            self.assertGreaterEqual(about["loading_eta_seconds"], 0)
            self.assertEqual(about["loading_rdb_used_mem"], 12345)
            seen.add(about["loading_loaded_bytes"])
            time.sleep(0.02)
            about = r.info("persistence")
        self.assertGreater(len(seen), 1)

    @unittest.skipUnless(os.environ["ATRIUM_BUILD"] == "plain", "it is about speed")
    def test_beside_redis(self):
        """A million strings take less than 1.5 times redis-server's time for the same file."""
        folder, keys = tempfile.mkdtemp(prefix="loading-"), 1000000
        self.addCleanup(shutil.rmtree, folder, True)
        with open(os.path.join(folder, "dump.rdb"), "wb") as f:
            f.write(rdb.file([rdb.select(0), rdb.sizes(keys, 0)]
                             + [b"\x00\x10key:%012d\x40\x40value:%058d" % (i, i) for i in range(keys)], magic=b"REDIS0010", summed=False))

        def seconds(argv, pattern):
            port = doors.free_port()
            child = subprocess.Popen(argv + ["--port", str(port), "--dir", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for line in child.stdout:
                if found := re.search(pattern, line.decode()):
                    break
            child.kill()
            child.communicate()
            return float(found.group(1))
        for _ in range(3): # the machine may do other things meanwhile
            there = seconds(["redis-server", "--save", ""], r"DB loaded from disk: ([0-9.]+) seconds")
            here = seconds([os.environ["ATRIUM_PROGRAM"], "--memcached-port", "0", "--http-port", "0"],
                           r"loaded %d keys from dump.rdb in ([0-9.]+) seconds" % keys)
            print("\na million strings: %.3f s, redis-server %.3f s" % (here, there), flush=True)
            if here < 1.5 * there:
                return
        self.fail("it took too long")

    def test_an_early_end(self):
        """SIGTERM and SHUTDOWN end it at once, and what is half there does not take the place of the file."""
        before = os.stat(os.path.join(self.folder, "dump.rdb"))
        for by_signal in True, False:
            with self.started() as (child, port, _, _):
                r = redis.Redis(port=port)
                self.assertEqual(r.info("persistence")["loading"], 1)
                if by_signal:
                    child.send_signal(signal.SIGTERM)
                else:
                    r.shutdown()
                self.assertEqual(child.wait(10), 0)
            after = os.stat(os.path.join(self.folder, "dump.rdb"))
            self.assertEqual((after.st_ino, after.st_size), (before.st_ino, before.st_size))

    def test_what_turns_out_to_be_wrong_later(self):
        """The doors are open by then; the program ends, and says why."""
        whole = os.path.join(self.folder, "dump.rdb")
        folder = tempfile.mkdtemp(prefix="loading-")
        self.addCleanup(shutil.rmtree, folder, True)
        shutil.copy(whole, folder)
        with open(os.path.join(folder, "dump.rdb"), "r+b") as f:
            f.truncate(os.path.getsize(whole) - 100)
        argv = [os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--memcached-port", "0", "--http-port", "0", "--port"]
        done = subprocess.run(argv + [str(doors.free_port())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout.decode(), 'dump.rdb: a bad value .type 3. of key "zset:%d" at byte' % (ZSETS - 1))


if __name__ == "__main__":
    unittest.main()
