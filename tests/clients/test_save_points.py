"""Save points: snapshots that are taken unasked, at the end of the program, and what becomes of writes where they fail."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import pymemcache
import redis

import doors
from test_dump import error_of

WAIT_S = 20


class Program:
    """An atrium in a folder, which is ended by the test."""

    def __init__(self, folder, *flags):
        self.port, self.memcached, self.http = (doors.free_port() for _ in range(3))
        self.child = subprocess.Popen([os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", str(self.port),
                                       "--memcached-port", str(self.memcached), "--http-port", str(self.http), *flags],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        doors.wait_for(self.http)
        self.redis = redis.Redis(port=self.port)

    def persistence(self):
        return self.redis.info("persistence")

    def end(self, by=signal.SIGTERM):
        self.child.send_signal(by)
        return self.child.wait(WAIT_S)


class SavePoints(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="save-points-")
        self.file = os.path.join(self.folder, "dump.rdb")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.running = []
        self.addCleanup(lambda: [(p.child.kill(), p.child.wait()) for p in self.running])

    def start(self, *flags):
        program = Program(self.folder, *flags)
        self.running.append(program)
        return program

    def until(self, holds, what):
        end = time.time() + WAIT_S
        while not holds():
            self.assertLess(time.time(), end, what)
            time.sleep(0.05)

    def http(self, program, method, path, body=None):
        words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "localhost:%d%s" % (program.http, path)]
        return subprocess.run(words + (["-d", body] if body else []), stdout=subprocess.PIPE, check=True).stdout.decode()

    def test_a_point_is_reached(self):
        p = self.start("--save", "3600", "1", "1", "10")
        self.assertEqual(p.redis.config_get("save"), {"save": "3600 1 1 10"})
        p.redis.mset({"k%d" % i: i for i in range(9)})
        self.assertEqual(p.persistence()["rdb_changes_since_last_save"], 9)
        time.sleep(2.5)
        self.assertFalse(os.path.exists(self.file))
        p.redis.incr("k0")
        self.until(lambda: p.persistence()["rdb_saves"] == 1, "no snapshot was taken")
        found = p.persistence()
        self.assertEqual((found["rdb_changes_since_last_save"], found["rdb_last_bgsave_status"]), (0, "ok"))
        self.assertGreaterEqual(found["rdb_last_bgsave_time_sec"], 0)
        self.assertGreater(p.redis.info("stats")["latest_fork_usec"], 0)
        self.assertEqual(p.end(signal.SIGKILL), -signal.SIGKILL)
        p = self.start()
        self.assertEqual((p.redis.dbsize(), p.redis.get("k0")), (9, b"1"))
        self.assertEqual(p.persistence()["rdb_last_load_keys_loaded"], 9)

    def test_changes_are_counted(self):
        p = self.start()
        r = p.redis

        def changes(*words):
            before = p.persistence()["rdb_changes_since_last_save"]
            r.execute_command(*words)
            return p.persistence()["rdb_changes_since_last_save"] - before
        self.assertEqual(changes("SET", "a", 1), 1)
        self.assertEqual(changes("GET", "a"), 0)
        self.assertEqual(changes("DEL", "none"), 0)
        self.assertEqual(changes("SWAPDB", 0, 1), 1)
        self.assertEqual(changes("FLUSHALL"), 1)
        with r.pipeline() as pipe:
            pipe.set("a", 1).set("b", 2)
            pipe.execute()
        self.assertEqual(p.persistence()["rdb_changes_since_last_save"], 5)
        with contextlib.closing(pymemcache.Client(("localhost", p.memcached))) as m:
            m.set("c", "3", noreply=False)
        self.assertEqual(p.persistence()["rdb_changes_since_last_save"], 6)
        self.assertTrue(r.save())
        self.assertEqual(p.persistence()["rdb_changes_since_last_save"], 0)

    def test_the_end_is_a_save_point_too(self):
        p = self.start("--save", "3600 1")
        p.redis.set("a", "1")
        self.assertEqual(p.end(), 0)
        p = self.start("--save", "3600 1")
        self.assertEqual(p.redis.get("a"), b"1")
        p.redis.set("a", "2")
        p.redis.shutdown()
        self.assertEqual(p.child.wait(WAIT_S), 0)
        p = self.start("--save", "3600 1")
        self.assertEqual(p.redis.get("a"), b"2")
        p.redis.set("a", "3")
        p.redis.shutdown(nosave=True)
        self.assertEqual(p.child.wait(WAIT_S), 0)
        p = self.start("--save", "")
        self.assertEqual(p.redis.get("a"), b"2")
        p.redis.set("a", "4")
        self.assertEqual(p.end(), 0)
        p = self.start()
        self.assertEqual(p.redis.get("a"), b"2")

    def test_no_acknowledged_write_is_missing_at_the_end(self):
        p = self.start("--save", "3600 1")
        child = subprocess.Popen(["redis-cli", "-p", str(p.port), "-r", "1000000", "INCR", "n"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        self.until(lambda: int(p.redis.get("n") or 0) > 500, "no writes")
        self.assertEqual(p.end(), 0)
        child.kill()
        told = [int(line) for line in child.communicate()[0].split() if line.isdigit()]
        self.assertGreaterEqual(int(self.start().redis.get("n")), told[-1])

    def test_where_it_fails(self):
        """Writes are refused at each door, reads are not; it recovers with the next snapshot that succeeds."""
        p = self.start("--save", "3600 1")
        p.redis.set("a", "1")
        os.mkdir(self.file) # nothing can be renamed to that
        self.assertTrue(p.redis.bgsave())
        self.until(lambda: p.persistence()["rdb_last_bgsave_status"] == "err", "it did not fail")
        self.assertEqual(os.listdir(self.folder), ["dump.rdb"])
        refused = error_of(p.redis, "SET", "a", "2")
        self.assertIn("Redis is configured to save RDB snapshots, but it's currently unable to persist to disk", refused)
        self.assertIn("MISCONF", error_of(p.redis, "PING"))
        self.assertEqual(p.redis.get("a"), b"1")
        with p.redis.pipeline() as pipe, self.assertRaises(redis.exceptions.RedisError):
            pipe.set("b", 1)
            pipe.execute()
        self.assertEqual(self.http(p, "PUT", "/v1/keys/a", "2"), "503")
        self.assertEqual(self.http(p, "GET", "/v1/keys/a"), "200")
        with contextlib.closing(pymemcache.Client(("localhost", p.memcached))) as m:
            with self.assertRaises(pymemcache.exceptions.MemcacheServerError):
                m.set("a", "2", noreply=False)
            self.assertEqual(m.get("a"), b"1")
        self.assertIn("Errors trying to SHUTDOWN. Check logs.", error_of(p.redis, "SHUTDOWN"))
        p.child.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertIsNone(p.child.poll())
        p.redis.config_set("stop-writes-on-bgsave-error", "no")
        self.assertTrue(p.redis.set("a", "3"))
        p.redis.config_set("stop-writes-on-bgsave-error", "yes")
        self.assertIn("MISCONF", error_of(p.redis, "SET", "a", "4"))
        os.rmdir(self.file)
        self.until(lambda: p.redis.bgsave() and time.sleep(0.2) is None and
                   p.persistence()["rdb_last_bgsave_status"] == "ok", "it did not recover")
        self.assertTrue(p.redis.set("a", "5"))
        self.assertEqual(p.end(), 0)
        self.assertEqual(self.start().redis.get("a"), b"5")

    def test_forms(self):
        p = self.start("--rdbcompression", "no", "--rdbchecksum", "no", "--dbfilename", "other.rdb")
        p.redis.set("a", "x" * 10000)
        self.assertTrue(p.redis.save())
        with open(os.path.join(self.folder, "other.rdb"), "rb") as f:
            whole = f.read()
        self.assertIn(b"x" * 10000, whole)
        self.assertEqual(whole[-8:], bytes(8))
        p.redis.config_set("rdbcompression", "yes")
        self.assertTrue(p.redis.save())
        self.assertLess(os.path.getsize(os.path.join(self.folder, "other.rdb")), 1000)
        self.assertIn("can't set protected config", error_of(p.redis, "CONFIG", "SET", "dbfilename", "x"))
        self.assertIn("Invalid save parameters", error_of(p.redis, "CONFIG", "SET", "save", "1"))
        self.assertIn("syntax error", error_of(p.redis, "BGSAVE", "NOW"))

    def test_flushall(self):
        """With save points, no older snapshot is left behind for long."""
        p = self.start("--save", "3600 1")
        p.redis.set("a", "1")
        self.assertTrue(p.redis.save())
        p.redis.flushall()
        self.until(lambda: p.persistence()["rdb_saves"] == 2, "no snapshot was taken")
        p.end(signal.SIGKILL)
        self.assertEqual(self.start().redis.dbsize(), 0)


if __name__ == "__main__":
    unittest.main()
