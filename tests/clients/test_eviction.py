"""maxmemory: policies, refusals at every door, events, the hit ratio beside redis-server's on the same trace."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import redis

import doors

VALUE = b"v" * 200


def used(r):
    return r.info("memory")["used_memory"]


@contextlib.contextmanager
def limited(policy, megabytes=8, *flags):
    """A program of its own, and a client, with that much room beyond what it takes when it is empty."""
    with doors.another(*flags) as ports:
        with redis.Redis(port=ports[0]) as r:
            r.config_set("maxmemory-policy", policy)
            r.config_set("maxmemory", used(r) + (megabytes << 20))
            yield r, ports


def fill(r, n, ttl=None, prefix="k"):
    for first in range(0, n, 500):
        pipe = r.pipeline(False)
        for i in range(first, min(first + 500, n)):
            pipe.set("%s:%d" % (prefix, i), VALUE, px=ttl and ttl(i))
        pipe.execute()


class Policies(unittest.TestCase):
    def check_within(self, r):
        limit = int(r.config_get("maxmemory")["maxmemory"])
        end = time.time() + 10
        while used(r) > limit + 65536 and time.time() < end:
            time.sleep(0.05)
        self.assertLessEqual(used(r), limit + 65536)  # what the question itself takes

    def test_all_keys(self):
        for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random"):
            with self.subTest(policy), limited(policy, 4) as (r, _):
                fill(r, 60000)
                self.check_within(r)
                self.assertGreater(r.info("stats")["evicted_keys"], 1000)
                self.assertGreater(r.dbsize(), 1000)
                self.assertEqual(r.info("memory")["maxmemory_policy"], policy)

    def test_only_those_with_a_deadline(self):
        for policy in ("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"):
            with self.subTest(policy), limited(policy, 6) as (r, _):
                fill(r, 4000, None, "kept")
                fill(r, 60000, lambda i: 1000000 + i)
                self.check_within(r)
                self.assertEqual(sum(1 for _ in r.scan_iter("kept:*", 1000)), 4000)

    def test_the_nearest_deadline_goes_first(self):
        with limited("volatile-ttl", 4) as (r, _):
            fill(r, 30000, lambda i: 1000000 + 1000 * (i * 7919 % 30000))
            self.check_within(r)
            left = [int(key.split(b":")[1]) * 7919 % 30000 for key in r.scan_iter("*", 1000)]
            gone = 30000 - len(left)
            self.assertGreater(gone, 3000)
            # not in the order of their coming: those with early deadlines are nearly all gone
            self.assertLess(sum(1 for rank in left if rank < gone * 0.8), gone * 0.05)

    def test_frequency(self):
        with limited("allkeys-lfu", 4, "--lfu-log-factor", "1") as (r, _):
            fill(r, 2000, None, "hot")
            for _ in range(20):
                pipe = r.pipeline(False)
                for i in range(2000):
                    pipe.get("hot:%d" % i)
                pipe.execute()
            uses = sum(r.object("FREQ", "hot:%d" % i) for i in range(200)) / 200  # each is a matter of chance
            self.assertGreater(uses, 9)
            self.assertLess(uses, 14)
            with self.assertRaisesRegex(redis.ResponseError, "An LFU maxmemory policy is selected"):
                r.object("IDLETIME", "hot:7")
            fill(r, 60000)
            self.assertGreater(sum(1 for _ in r.scan_iter("hot:*", 1000)), 1900)
            r.config_set("maxmemory-policy", "allkeys-lru")
            with self.assertRaisesRegex(redis.ResponseError, "An LFU maxmemory policy is not selected"):
                r.object("FREQ", "hot:7")

    def test_a_lower_limit_takes_effect_by_itself(self):
        with limited("allkeys-lru", 16) as (r, _):
            fill(r, 30000)
            before = r.dbsize()
            r.config_set("maxmemory", used(r) - (4 << 20))
            self.check_within(r)
            self.assertLess(r.dbsize(), before)

    def test_events_and_watched_keys(self):
        with limited("allkeys-lru", 4, "--notify-keyspace-events", "Ee", "--threads", "1") as (r, ports):
            listener = redis.Redis(port=ports[0]).pubsub()
            listener.subscribe("__keyevent@0__:evicted")
            listener.get_message(timeout=5)
            while not r.info("stats")["evicted_keys"]:  # no more than that: events that wait take memory, too
                fill(r, 100, None, "k:%d" % r.dbsize())
            message = listener.get_message(timeout=5)
            self.assertEqual(message["type"], "message")
            self.assertTrue(message["data"].startswith(b"k:"))
            listener.close()

    def test_threads(self):
        with limited("allkeys-lru", 8, "--threads", "8") as (r, ports):
            def work(seed):
                with redis.Redis(port=ports[0]) as mine:
                    fill(mine, 15000, None, "t%d" % seed)
            threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.check_within(r)
            counts, end = (1, 0), time.time() + 5  # the timer may still be at it
            while counts[0] != counts[1] and time.time() < end:
                counts = r.dbsize(), sum(1 for _ in r.scan_iter("*", 1000))
            self.assertEqual(*counts)


class Refusals(unittest.TestCase):
    def test_every_door_says_so(self):
        with limited("noeviction", 1) as (r, ports):
            with self.assertRaisesRegex(redis.ResponseError, "OOM command not allowed when used memory > 'maxmemory'."):
                fill(r, 100000)
            r.get("k:1")
            r.delete("k:2") if r.exists("k:2") else None
            r.config_set("maxmemory", 1)
            with self.assertRaisesRegex(redis.ResponseError, "OOM"):
                r.set("more", "x")
            pipe = r.pipeline(True)
            pipe.set("more", "x")
            with self.assertRaises(redis.ResponseError):
                pipe.execute()
            request = urllib.request.Request("http://127.0.0.1:%d/v1/keys/more" % ports[2], b"x", method="PUT",
                                             headers={"Content-Type": "application/octet-stream"})
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            self.assertEqual(caught.exception.code, 507)
            self.assertEqual(json.loads(caught.exception.read())["type"], "/problems/out-of-memory")
            with socket.create_connection(("127.0.0.1", ports[1])) as s:
                s.sendall(b"set more 0 0 1\r\nx\r\n")
                self.assertEqual(s.recv(100), b"SERVER_ERROR out of memory storing object\r\n")
            self.assertIsNone(r.get("more"))
            r.config_set("maxmemory", 0)
            self.assertTrue(r.set("more", "x"))

    def test_nothing_with_a_deadline(self):
        with limited("volatile-lru", 1) as (r, _):
            with self.assertRaisesRegex(redis.ResponseError, "OOM"):
                fill(r, 100000)


def zipf(n, draws, seed):
    rng, weights = random.Random(seed), [1 / (i + 1) ** 0.9 for i in range(n)]
    return rng.choices(range(n), weights, k=draws)


def hit_ratio(r, trace):
    hits = 0
    for first in range(0, len(trace), 100):
        some = trace[first:first + 100]
        found = r.mget(["k:%d" % i for i in some])
        pipe = r.pipeline(False)
        for i, value in zip(some, found):
            if value is None:
                pipe.set("k:%d" % i, VALUE)
        pipe.execute()
        hits += sum(v is not None for v in found)
    return hits / len(trace)


class HitRatio(unittest.TestCase):
    """Twice the limit is in the trace. The limit is the same number of bytes beyond an empty server."""

    KEYS, DRAWS, ROOM = 40000, 120000, 3 << 20

    @contextlib.contextmanager
    def peer(self):
        with tempfile.TemporaryDirectory() as folder:
            port = doors.free_port()
            child = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--dir", folder],
                                     stdout=subprocess.DEVNULL)
            try:
                doors.wait_for(port)
                with redis.Redis(port=port) as r:
                    yield r
            finally:
                child.terminate()
                child.wait(5)

    def ratio(self, r, policy, trace):
        r.flushall()
        r.config_set("maxmemory", 0)
        r.config_set("maxmemory-policy", policy)
        r.config_set("maxmemory", used(r) + self.ROOM)
        return hit_ratio(r, trace)

    @unittest.skipUnless(shutil.which("redis-server"), "no peer")
    @unittest.skipIf(os.environ.get("ATRIUM_BUILD", "plain") != "plain", "a sanitizer's memory is another")
    def test_no_worse_than_redis(self):
        trace = zipf(self.KEYS, self.DRAWS, 20261123)
        with doors.another() as ports, redis.Redis(port=ports[0]) as ours, self.peer() as theirs:
            for policy in ("allkeys-lru", "allkeys-lfu"):
                a, b = self.ratio(ours, policy, trace), self.ratio(theirs, policy, trace)
                if os.environ.get("SHOW"):
                    print("%s: hit ratio %.4f, redis-server's %.4f" % (policy, a, b))
                self.assertGreaterEqual(a, b - 0.005, policy)


if __name__ == "__main__":
    unittest.main()
