"""SAVE, BGSAVE and loading at the start: what is saved here, redis-check-rdb finds well formed and redis-server loads; what
redis-server saves is loaded here; values, times, databases. A damaged file keeps the program from starting."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import redis

import doors
import test_dump


@contextlib.contextmanager
def server(argv, folder):
    """A server with that folder on a free port, ended with SIGKILL: what is to stay has been saved."""
    port = doors.free_port()
    child = subprocess.Popen(argv(port), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        doors.wait_for(port)
        client = redis.Redis(port=port)
        while True:
            try:
                client.ping()
                break
            except redis.exceptions.BusyLoadingError:
                time.sleep(0.05)
        yield client
    finally:
        child.kill()
        child.wait()


def atrium(folder):
    return server(lambda port: [os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", str(port),
                                "--memcached-port", "0", "--http-port", "0"], folder)


def reference(folder):
    return server(lambda port: ["redis-server", "--port", str(port), "--dir", folder, "--save", ""], folder)


class Snapshot(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="snapshot-")
        self.file = os.path.join(self.folder, "dump.rdb")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def fill(self, client):
        filler = test_dump.Dump()
        filler.redis = filler.atrium = client
        client.flushall()
        filler.words(client)
        client.set("volatile", "v", ex=1000)
        client.set("gone", "v", px=1)
        client.execute_command("SELECT", 5)
        client.set("elsewhere", "5")
        client.execute_command("SELECT", 0)
        time.sleep(0.01)

    def contents(self, client):
        found = {}
        for db in range(16):
            client.execute_command("SELECT", db)
            for key in client.scan_iter(count=1000):
                found[db, key] = test_dump.read(client, key)
        client.execute_command("SELECT", 0)
        return found

    def check(self, fill_in, load_in, save):
        with fill_in(self.folder) as client:
            client = redis.Redis(port=client.connection_pool.connection_kwargs["port"], single_connection_client=True)
            self.fill(client)
            before = self.contents(client)
            save(client)
        checked = subprocess.run(["redis-check-rdb", self.file], stdout=subprocess.PIPE)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        with load_in(self.folder) as client:
            client = redis.Redis(port=client.connection_pool.connection_kwargs["port"], single_connection_client=True)
            after = self.contents(client)
            self.assertEqual(after.keys(), before.keys())
            for key in before:
                self.assertEqual(after[key], before[key], key)
            self.assertGreater(len(before), 40)
            self.assertAlmostEqual(client.pttl("volatile"), 1000000, delta=30000)

    def bgsave(self, client):
        self.assertTrue(client.bgsave())
        for _ in range(600):
            if not client.info("persistence")["rdb_bgsave_in_progress"]:
                break
            time.sleep(0.05)
        self.assertEqual(client.info("persistence")["rdb_last_bgsave_status"], "ok")

    def test_here_and_here(self):
        self.check(atrium, atrium, lambda client: client.save())

    def test_in_the_background(self):
        self.check(atrium, atrium, self.bgsave)
        self.assertEqual(os.listdir(self.folder), ["dump.rdb"])

    def test_here_then_redis(self):
        self.check(atrium, reference, lambda client: client.save())

    def test_redis_then_here(self):
        self.check(reference, atrium, lambda client: client.save())

    def test_point_in_time(self):
        """What is written after the fork is not in the file, and writes go on meanwhile."""
        with atrium(self.folder) as client:
            with client.pipeline(transaction=False) as pipe:
                for i in range(200000):
                    pipe.set("key:%d" % i, "before")
                pipe.execute()
            self.assertTrue(client.bgsave())
            self.assertIn("in progress", str(test_dump.error_of(client, "SAVE")))
            self.assertEqual(test_dump.error_of(client, "BGSAVE"), "error: Background save already in progress")
            for i in range(0, 200000, 997):
                client.set("key:%d" % i, "after")
            while client.info("persistence")["rdb_bgsave_in_progress"]:
                time.sleep(0.02)
        with atrium(self.folder) as client:
            self.assertEqual(client.dbsize(), 200000)
            for i in range(0, 200000, 997):
                self.assertEqual(client.get("key:%d" % i), b"before")

    def test_in_a_transaction(self):
        """All of it is in the file, also what comes after BGSAVE."""
        with atrium(self.folder) as client:
            with client.pipeline() as pipe:
                pipe.set("a", 1).execute_command("BGSAVE")
                pipe.set("b", 2)
                self.assertEqual(pipe.execute(), [True, True, True])
            while not os.path.exists(self.file):
                time.sleep(0.02)
        with atrium(self.folder) as client:
            self.assertEqual(client.mget("a", "b"), [b"1", b"2"])

    def test_what_redis_has_not(self):
        with atrium(self.folder) as client:
            client.hset("h", mapping={"a": 1, "b": 2})
            client.execute_command("HPEXPIRE", "h", 500000, "FIELDS", 1, "a")
            client.shutdown(save=True)
        with open(self.file, "rb") as f:
            self.assertEqual(f.read(9), b"REDIS0012")
        with atrium(self.folder) as client:
            left = client.execute_command("HPTTL", "h", "FIELDS", 2, "a", "b")
            self.assertAlmostEqual(left[0], 500000, delta=30000)
            self.assertEqual(left[1], -1)
            self.assertEqual(client.hgetall("h"), {b"a": b"1", b"b": b"2"})

    def test_damaged(self):
        with atrium(self.folder) as client:
            client.set("a", "1" * 1000)
            client.rpush("l", *range(100))
            before = client.lastsave()
            client.save()
            self.assertGreaterEqual(client.lastsave(), before)
        with open(self.file, "rb") as f:
            whole = f.read()
        argv = [os.environ["ATRIUM_PROGRAM"], "--dir", self.folder, "--memcached-port", "0", "--http-port", "0", "--port"]
        for damaged in b"", whole[:5], whole[:-1], whole[:-9], whole[:100] + b"~" + whole[101:], b"REDIS0099" + whole[9:]:
            with open(self.file, "wb") as f:
                f.write(damaged)
            done = subprocess.run(argv + [str(doors.free_port())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(b"dump.rdb: ", done.stdout)


if __name__ == "__main__":
    unittest.main()
