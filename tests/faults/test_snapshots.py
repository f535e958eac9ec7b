"""Snapshots on a disk that is full, in a folder that takes none, cut short by a kill: an error that is told, writes that are
refused, reads that go on, and recovery without help. And how long others wait while one is written, in figures."""

import contextlib
import errno
import glob
import os
import pwd
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import redis

import doors
import rdb_files as rdb
from durable import Disk
from test_log_crash import cut_power

BUILD = os.environ["ATRIUM_BUILD"]
KEYS = 1000000 if BUILD == "plain" else 50000
WAIT_S, CUTS = 30, 20
LONGEST_WAIT_MS = 20


class Program:
    def __init__(self, folder, *flags, **how):
        self.port = doors.free_port()
        self.child = subprocess.Popen([os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", str(self.port), "--memcached-port",
                                       "0", "--http-port", "0", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
        doors.wait_for(self.port)
        self.redis = redis.Redis(port=self.port)

    def persistence(self):
        return self.redis.info("persistence")

    def wait_for_save(self):
        end = time.time() + WAIT_S
        while self.persistence()["rdb_bgsave_in_progress"]:
            if time.time() > end:
                raise AssertionError("the save does not end")
            time.sleep(0.02)
        return self.persistence()["rdb_last_bgsave_status"]


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="snapshots-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    @contextlib.contextmanager
    def running(self, *flags, **how):
        program = Program(self.folder, *flags, **how)
        try:
            yield program
        finally:
            program.child.kill()
            program.child.wait()

    def refuses_writes(self, p):
        with self.assertRaisesRegex(redis.ResponseError, "MISCONF|unable to persist"):
            p.redis.set("refused", 1)
        self.assertIsNone(p.redis.get("refused"))

    def recovers(self, p):
        end = time.time() + WAIT_S
        while p.persistence()["rdb_last_bgsave_status"] != "ok":
            self.assertLess(time.time(), end, "it did not recover")
            time.sleep(0.1)
        self.assertTrue(p.redis.set("taken", 1))

    def fail_and_recover(self, p, spoil, mend):
        p.redis.set("kept", "x" * 200000)
        p.redis.config_set("rdbcompression", "no")
        self.assertTrue(p.redis.bgsave())
        self.assertEqual(p.wait_for_save(), "ok")
        spoil()
        p.redis.append("kept", "y")
        self.assertTrue(p.redis.bgsave())
        self.assertEqual(p.wait_for_save(), "err")
        self.refuses_writes(p)
        self.assertEqual(p.redis.strlen("kept"), 200001)
        with self.assertRaises(redis.ResponseError):
            p.redis.save()
        self.assertEqual(os.listdir(self.folder), ["dump.rdb"]) # the one before
        mend()
        self.recovers(p)
        p.child.kill()
        p.child.wait()
        with self.running() as again:
            self.assertEqual(again.redis.strlen("kept"), 200001)

    def test_no_room(self):
        """A file that may not grow stands for a disk that is full."""
        with self.running("--save", "3600 1") as p:
            def limit(n):
                return lambda: resource.prlimit(p.child.pid, resource.RLIMIT_FSIZE, (n, resource.RLIM_INFINITY))
            self.fail_and_recover(p, limit(100000), limit(resource.RLIM_INFINITY))

    @unittest.skipIf(BUILD == "tsan", "two libraries before the C library")
    def test_a_disk_that_fails(self):
        """At each step, in a child and here: the file before stays, and nothing is left beside it."""
        disk = Disk(self.folder)
        self.addCleanup(disk.close)
        with self.running("--rdbcompression", "no", env=dict(os.environ, **disk.environment)) as p:
            p.redis.set("kept", "x" * 6000000) # more than is written between two syncs
            p.redis.save()
            for n, fault in enumerate(({"write": errno.EIO}, {"sync": errno.EIO}, {"open": errno.EROFS}, {"left": 3000000},
                                       {"write": errno.ENOSPC}, {"left": 0})):
                p.redis.append("kept", "y")
                disk.set(**fault)
                with self.assertRaisesRegex(redis.ResponseError, "cannot save dump.rdb: "):
                    p.redis.save()
                p.redis.bgsave()
                self.assertEqual(p.wait_for_save(), "err", fault)
                self.assertEqual(os.listdir(self.folder), ["dump.rdb"], fault)
                self.assertEqual(self.length_in_file(), 6000000 + n, fault)
                disk.set()
                p.redis.bgsave()
                self.assertEqual(p.wait_for_save(), "ok", fault)
                self.assertEqual(self.length_in_file(), 6000001 + n, fault)

    @unittest.skipIf(BUILD == "tsan", "two libraries before the C library")
    def test_power_cuts(self):
        """There is the snapshot that was acknowledged last, or the one after it; whole, and nothing beside it."""
        rng = random.Random(11)
        disk = Disk(self.folder)
        self.addCleanup(disk.close)
        acked, filler = 0, "x" * 300000
        for _ in range(CUTS):
            with self.running("--rdbcompression", "no", env=dict(os.environ, **disk.environment)) as p:
                found = int(p.redis.get("n") or 0)
                self.assertIn(found, (acked, acked + 1))
                acked = found
                self.assertEqual(p.redis.strlen("filler"), found and len(filler) + found)
                self.assertLessEqual(set(os.listdir(self.folder)), {"dump.rdb"})
                p.redis.mset({"n": acked + 1, "filler": filler + "y" * (acked + 1)})
                if rng.random() < 0.5:
                    p.redis.save()
                    acked += 1
                    p.redis.mset({"n": acked + 1, "filler": filler + "y" * (acked + 1)})
                threading.Thread(target=self.save_until_it_is_over, args=(p.port,), daemon=True).start()
                time.sleep(rng.random() * 0.02)
                p.child.kill()
                p.child.wait()
            cut_power(disk, rng)

    def save_until_it_is_over(self, port):
        with contextlib.suppress(redis.RedisError, OSError):
            redis.Redis(port=port).save()

    def length_in_file(self):
        """Of the one string there, by a check of the whole file."""
        done = subprocess.run([os.environ["ATRIUM_PROGRAM"], "check", os.path.join(self.folder, "dump.rdb")], stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stdout)
        return int(re.search(rb"strings: 1 keys, (\d+) bytes", done.stdout).group(1))

    def test_no_writing_in_the_folder(self):
        how = {}
        if os.geteuid() == 0: # whom no permission stops
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, -1)
            how["user"] = nobody.pw_uid
            reach = subprocess.run([os.environ["ATRIUM_PROGRAM"], "--version"], stdout=subprocess.DEVNULL, **how)
            self.assertEqual(reach.returncode, 0)
        with self.running("--save", "3600 1", **how) as p:
            def mend():
                os.chmod(self.folder, 0o755)
                p.redis.bgsave() # else it takes some seconds until it tries again, as above
            self.fail_and_recover(p, lambda: os.chmod(self.folder, 0o555), mend)

    def test_a_child_that_is_killed(self):
        with self.running("--save", "3600 1") as p:
            with p.redis.pipeline(transaction=False) as pipe:
                for i in range(20000):
                    pipe.set("key:%d" % i, os.urandom(1000))
                pipe.execute()
            p.redis.save()
            for _ in range(5):
                p.redis.bgsave()
                with contextlib.suppress(ProcessLookupError):
                    for pid in self.children_of(p.child.pid):
                        os.kill(pid, signal.SIGKILL)
                status = p.wait_for_save()
                self.assertEqual(os.listdir(self.folder), ["dump.rdb"])
                if status == "err":
                    self.refuses_writes(p)
            p.redis.bgsave()
            self.recovers(p)

    def children_of(self, pid):
        for path in glob.glob("/proc/%d/task/*/children" % pid):
            with contextlib.suppress(FileNotFoundError), open(path) as f:
                yield from map(int, f.read().split())

    def test_what_a_crash_left_is_removed(self):
        with self.running() as p:
            p.redis.set("a", 1)
            p.redis.save()
        gone = subprocess.Popen(["true"])
        gone.wait()
        with open(os.path.join(self.folder, "dump.rdb"), "rb") as f:
            half = f.read()[:-20]
        names = {"dump.rdb.%d.temp" % gone.pid: False, "dump.rdb.%d.temp" % os.getpid(): True, "dump.rdb.temp": True,
                 "other.rdb.%d.temp" % gone.pid: True, "dump.rdb.%dx.temp" % gone.pid: True}
        for name in names:
            with open(os.path.join(self.folder, name), "wb") as f:
                f.write(half)
        with self.running() as p:
            self.assertEqual(p.redis.get("a"), b"1")
            for name, stays in names.items():
                self.assertEqual(os.path.exists(os.path.join(self.folder, name)), stays, name)

    # ---- how long others wait --------------------------------------------------------------------------------------

    def waits(self, port, until):
        """Milliseconds of writes that are asked one after the other while others write."""
        found = []
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not until():
                began = time.perf_counter()
                s.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nprobe\r\n$1\r\n1\r\n")
                s.recv(100)
                found.append((time.perf_counter() - began) * 1000)
                time.sleep(0.0003)
        return sorted(found)

    def figures(self, found):
        return "%d writes, half of them within %.2f ms, 99%% %.2f, longest %.2f" % (
            len(found), found[len(found) // 2], found[len(found) * 99 // 100], found[-1])

    def test_others_hardly_wait(self):
        with open(os.path.join(self.folder, "dump.rdb"), "wb") as f:
            f.write(rdb.file([rdb.sizes(KEYS, 0)] + [rdb.key(b"key:%012d" % i, b"\x00\x40\x40" + b"x" * 64) for i in range(KEYS)],
                             summed=False))
        with self.running() as p:
            while p.persistence()["loading"]:
                time.sleep(0.1)
            self.assertEqual(p.redis.dbsize(), KEYS)
            self.assertTrue(any(self.hardly_waits(p) or BUILD != "plain" for _ in range(3)))

    def hardly_waits(self, p):
        """Does nobody wait for long in this try? The machine may do other things, too."""
        load = subprocess.Popen(["redis-benchmark", "-p", str(p.port), "-t", "set", "-r", str(KEYS), "-n", "100000000", "-c", "8",
                                 "-d", "64"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.time() + 1
            before = self.waits(p.port, lambda: time.time() > end)
            looked = [0]

            def is_over():
                looked[0] += 1
                return looked[0] % 100 == 0 and not p.persistence()["rdb_bgsave_in_progress"]
            self.assertTrue(p.redis.bgsave())
            during = self.waits(p.port, is_over)
        finally:
            load.kill()
            load.wait()
        self.assertEqual(p.wait_for_save(), "ok")
        fork_ms = p.redis.info("stats")["latest_fork_usec"] / 1000
        print("\na snapshot of %d keys, %s build: the fork took %.2f ms\n  before: %s\n  during: %s" % (
            KEYS, BUILD, fork_ms, self.figures(before), self.figures(during)), flush=True)
        return during[-1] < fork_ms + max(LONGEST_WAIT_MS, 2 * before[-1])


if __name__ == "__main__":
    unittest.main()
