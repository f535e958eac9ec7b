"""memcached's meta commands: stampede protection among threads, one keyspace with the other doors, what survives a
restart, and what may be switched off. Byte for byte they are compared in tests/differential/memcached_meta.py."""

import os
import shutil
import socket
import tempfile
import threading
import unittest

import redis
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.serde import pickle_serde

import doors
import test_log


class Link:
    """A connection that asks line by line."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.lines = self.socket.makefile("rb")

    def ask(self, request):
        """The lines of the answer to one request, without their ends."""
        self.socket.sendall(request.encode() + b"\r\nmn\r\n")
        answer = []
        while not answer or answer[-1] != b"MN":
            answer.append(self.lines.readline().rstrip(b"\r\n"))
        return answer[:-1]

    def close(self):
        self.lines.close()
        self.socket.close()


class Meta(unittest.TestCase):
    def setUp(self):
        self.link = Link(doors.MEMCACHED_PORT)
        self.redis = redis.Redis(port=doors.PORT)
        self.redis.flushall()

    def tearDown(self):
        self.link.close()
        self.redis.close()

    def test_one_keyspace(self):
        self.assertEqual(self.link.ask("ms k 5 T100\r\nhello"), [b"HD"])
        self.assertEqual(self.redis.get("k"), b"hello")
        self.assertTrue(99 <= self.redis.ttl("k") <= 100)
        self.redis.set("r", "9", ex=50)
        self.assertEqual(self.link.ask("mg r v t f")[1], b"9")
        self.assertEqual(self.link.ask("ma r v"), [b"VA 2", b"10"])
        self.assertEqual(self.redis.get("r"), b"10")
        self.redis.hset("h", "f", "v")
        for request in ("mg h v", "ms h 1\r\n1", "ma h", "md h I", "me h"):
            self.assertIn(b"wrong kind of value", self.link.ask(request)[0], request)
        self.assertEqual(self.link.ask("md h"), [b"HD"])

    def test_keys_that_are_no_words(self):
        self.assertEqual(self.link.ask("ms YSBiDQo= 1 b\r\n1"), [b"HD"])
        self.assertEqual(self.redis.get(b"a b\r\n"), b"1")
        self.assertEqual(self.link.ask("mg YSBiDQo= b k v"), [b"VA 1 kYSBiDQo= b", b"1"])
        self.assertTrue(self.link.ask("me YSBiDQo= b")[0].startswith(b"ME YSBiDQo= exp=-1 "))

    def test_a_read_at_any_door_counts(self):
        self.link.ask("ms k 1\r\n1")
        self.assertEqual(self.link.ask("mg k h u"), [b"HD h0"])
        self.redis.get("k")
        self.assertEqual(self.link.ask("mg k h u"), [b"HD h1"])
        self.redis.set("k", "2")
        self.assertEqual(self.link.ask("mg k h u"), [b"HD h0"])

    def test_a_stale_value_is_not_replaced_by_who_read_it_fresh(self):
        self.link.ask("ms k 3\r\nold")
        before = self.link.ask("mg k c")[0][4:].decode()
        self.assertEqual(self.link.ask("md k I T30"), [b"HD"])
        self.assertEqual(self.link.ask("ms k 4 C%s\r\nlate" % before), [b"EX"])
        won, value = self.link.ask("mg k v c")
        self.assertTrue(won.endswith(b" X W"), won)
        self.assertEqual(value, b"old")
        now = won.split()[2][1:].decode()
        self.assertNotEqual(now, before)
        self.assertEqual(self.link.ask("ms k 4 C%s I\r\nlate" % before), [b"HD"])
        self.assertTrue(self.link.ask("mg k v")[0].endswith(b" X W"))

    def test_one_of_many_wins(self):
        self.link.ask("ms k 1 T600\r\n1")
        for request in ("mg k v R700", "mg new v N30", "mg k v"):
            if request == "mg k v":
                self.link.ask("md k I")
            winners, lock = [], threading.Lock()

            def work():
                link = Link(doors.MEMCACHED_PORT)
                for _ in range(50):
                    if b" W" in link.ask(request)[0] + b" ":
                        with lock:
                            winners.append(1)
                link.close()

            threads = [threading.Thread(target=work) for _ in range(6)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(len(winners), 1, request)

    def test_counters(self):
        self.assertEqual(self.link.ask("ma n N100 J5 v t"), [b"VA 1 t100", b"5"])
        self.assertEqual(self.link.ask("ma n v D10"), [b"VA 2", b"15"])
        self.assertEqual(self.link.ask("ma n v MD D99"), [b"VA 1", b"0"])
        self.assertEqual(self.link.ask("mg n v t")[1:], [b"0 "])

    def test_listing_keys(self):
        self.redis.mset({"a": "1", "b": "22", "no word": "3"})
        self.redis.lpush("list", "1")
        self.assertEqual(sorted(self.link.ask("stats cachedump 1 0")), [b"END", b"ITEM a [1 b; 0 s]", b"ITEM b [2 b; 0 s]"])
        self.assertEqual(len(self.link.ask("stats cachedump 1 1")), 2)

    def test_settings_are_atriums_own(self):
        self.assertEqual(self.link.ask("cache_memlimit 900"), [b"OK"])
        self.assertEqual(self.redis.config_get("maxmemory")["maxmemory"], str(900 << 20))
        self.assertEqual(self.link.ask("cache_memlimit 1"), [b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m"])
        self.redis.config_set("maxmemory", 0)
        self.assertEqual(self.link.ask("verbosity 1"), [b"OK"])
        self.assertEqual(self.redis.config_get("loglevel")["loglevel"], "verbose")
        self.redis.config_set("loglevel", "notice")

    def test_flush_all_may_be_switched_off(self):
        self.redis.config_set("memcached-flush-enabled", "no")
        self.addCleanup(self.redis.config_set, "memcached-flush-enabled", "yes")
        self.redis.set("k", "1")
        self.assertEqual(self.link.ask("flush_all"), [b"CLIENT_ERROR flush_all not allowed"])
        self.assertEqual(self.link.ask("flush_all 0"), [b"CLIENT_ERROR flush_all not allowed"])
        self.assertEqual(self.redis.get("k"), b"1")


class Clients(unittest.TestCase):
    """pymemcache's other client classes."""

    def setUp(self):
        redis.Redis(port=doors.PORT).flushall()

    def test_pooled_with_serde(self):
        client = PooledClient(("127.0.0.1", doors.MEMCACHED_PORT), max_pool_size=4, serde=pickle_serde, timeout=10)
        value = {"list": [1, 2.5, "é"], "none": None}
        self.assertTrue(client.set("k", value, expire=100, noreply=False))
        self.assertEqual(client.get("k"), value)
        self.assertEqual(client.set_many({"a": 1, "b": "two"}, noreply=False), [])
        self.assertEqual(client.get_many(["a", "b", "c"]), {"a": 1, "b": "two"})
        self.assertTrue(client.touch("a", 50, noreply=False))
        self.assertEqual(client.gets("a")[0], 1)
        self.assertTrue(client.delete("a", noreply=False))
        client.close()

    def test_hash_client(self):
        client = HashClient([("127.0.0.1", doors.MEMCACHED_PORT)], timeout=10, use_pooling=True)
        self.assertEqual(client.set_many({"k%d" % i: b"%d" % i for i in range(100)}, noreply=False), [])
        self.assertEqual(len(client.get_many(["k%d" % i for i in range(110)])), 100)
        self.assertEqual(client.incr("k7", 3), 10)
        self.assertTrue(client.delete_many(["k%d" % i for i in range(100)], noreply=False))
        client.close()

    def test_stats_and_version(self):
        client = Client(("127.0.0.1", doors.MEMCACHED_PORT), timeout=10)
        self.assertTrue(client.version().startswith(b"1.6"))
        self.assertIn(b"curr_items", client.stats())
        self.assertEqual(client.stats("settings")[b"flush_enabled"], b"yes")
        client.close()


class Restarts(unittest.TestCase):
    """memcached's flags survive a snapshot and the log."""

    def round(self, *flags, end):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)

        def program():
            port = doors.free_port()
            return port, test_log.running(lambda resp: [os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", str(resp), "--memcached-port", str(port),
                                                        "--http-port", "0", *flags], folder)

        port, running = program()
        with running as client:
            doors.wait_for(port)
            link = Link(port)
            self.assertEqual(link.ask("ms k 3 F4294967295 T1000\r\nabc"), [b"HD"])
            self.assertEqual(link.ask("ms n 1 F7\r\n1"), [b"HD"])
            self.assertEqual(link.ask("ma n v"), [b"VA 1", b"2"])
            self.assertEqual(link.ask("ma made N500 J3"), [b"HD"])
            self.assertEqual(link.ask("mg empty N500"), [b"HD W"])
            self.assertEqual(link.ask("mg n T900"), [b"HD"])
            self.assertEqual(link.ask("ms gone 1\r\n1") + link.ask("md gone"), [b"HD", b"HD"])
            self.assertEqual(link.ask("md k I T800"), [b"HD"])
            link.close()
            end(client)
        port, running = program()
        with running:
            doors.wait_for(port)
            link = Link(port)
            self.assertEqual(link.ask("mg k f v")[:2], [b"VA 3 f4294967295", b"abc"])
            self.assertTrue(790 <= int(link.ask("mg k t")[0][4:]) <= 800)
            self.assertEqual(link.ask("mg n f v")[:2], [b"VA 1 f7", b"2"])
            self.assertTrue(890 <= int(link.ask("mg n t")[0][4:]) <= 900)
            self.assertEqual(link.ask("mg made v")[1:], [b"3"])
            self.assertEqual(link.ask("mg empty v s"), [b"VA 0 s0", b""])
            self.assertEqual(link.ask("mg gone"), [b"EN"])
            link.close()

    def synced(self, client):
        client.set("last", "1")  # WAITAOF is about what its own connection wrote
        test_log.synced(client)

    def test_by_the_log(self):
        self.round("--appendonly", "yes", end=self.synced)

    def test_by_a_rewritten_log(self):
        self.round("--appendonly", "yes", end=lambda client: (test_log.rewrite(client), self.synced(client)))

    def test_by_a_snapshot(self):
        self.round(end=lambda client: client.save())


if __name__ == "__main__":
    unittest.main()
