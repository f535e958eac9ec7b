"""The memcached door by pymemcache, and what it wrote by redis-py, both ways."""

import socket
import time
import unittest

import redis
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError, MemcacheUnknownCommandError

import doors


class Memcached(unittest.TestCase):
    def setUp(self):
        self.mc = Client(("127.0.0.1", doors.MEMCACHED_PORT), default_noreply=False, timeout=10)
        self.redis = redis.Redis(port=doors.PORT)
        self.redis.flushall()

    def tearDown(self):
        self.mc.close()
        self.redis.close()

    def line(self, request):
        """The first line of the answer, for what the client library does not have."""
        with socket.create_connection(("127.0.0.1", doors.MEMCACHED_PORT), 10) as s:
            s.sendall(request.encode() + b"\r\n")
            return s.makefile("rb").readline().rstrip(b"\r\n")

    def flags_of(self, key):
        return self.line("get " + key).split()[2]


class Values(Memcached):
    def test_every_byte(self):
        value = bytes(range(256)) * 5
        self.assertTrue(self.mc.set("k", value))
        self.assertEqual(self.mc.get("k"), value)
        self.assertEqual(self.redis.get("k"), value)

    def test_lengths(self):
        for n in (0, 1, 44, 45, 254, 255, 512, 513, 70000, 1 << 20):
            self.assertTrue(self.mc.set("k", b"v" * n))
            self.assertEqual(len(self.mc.get("k")), n)
        with self.assertRaisesRegex(MemcacheServerError, "object too large for cache"):
            self.mc.set("k", b"v" * ((1 << 20) + 1))
        self.assertIsNone(self.mc.get("k"))

    def test_keys(self):
        key = "k" * 250
        self.assertTrue(self.mc.set(key, b"1"))
        self.assertEqual(self.redis.get(key), b"1")
        self.assertEqual(self.line("get %s1" % key), b"CLIENT_ERROR bad command line format")

    def test_many_keys(self):
        values = {"k%d" % i: b"v%d" % i for i in range(2000)}
        self.assertEqual(self.mc.set_many(values), [])
        self.assertEqual(self.mc.get_many([*values, "missing"]), values)
        self.assertEqual(self.redis.dbsize(), 2000)
        self.assertTrue(self.mc.delete_many(list(values)))
        self.assertEqual(self.redis.dbsize(), 0)

    def test_conditions(self):
        self.assertFalse(self.mc.replace("k", b"0"))
        self.assertFalse(self.mc.append("k", b"0"))
        self.assertTrue(self.mc.add("k", b"b"))
        self.assertFalse(self.mc.add("k", b"x"))
        self.assertTrue(self.mc.append("k", b"c"))
        self.assertTrue(self.mc.prepend("k", b"a"))
        self.assertEqual(self.mc.get("k"), b"abc")
        self.assertTrue(self.mc.replace("k", b"r"))
        self.assertTrue(self.mc.delete("k"))
        self.assertFalse(self.mc.delete("k"))

    def test_flags(self):
        self.mc.set("k", b"1", flags=4294967295)
        self.assertEqual(self.flags_of("k"), b"4294967295")
        self.mc.incr("k", 1)
        self.mc.append("k", b"0", flags=3)
        self.mc.touch("k", 100)
        self.redis.expire("k", 50)
        self.redis.rename("k", "l")
        self.redis.copy("l", "m")
        self.assertEqual([self.flags_of(k) for k in "lm"], [b"4294967295"] * 2)
        self.redis.set("l", "2")
        self.assertEqual(self.flags_of("l"), b"0")

    def test_cas(self):
        self.assertIsNone(self.mc.cas("k", b"1", b"5"))
        self.mc.set("k", b"1")
        value, unique = self.mc.gets("k")
        self.assertEqual((value, int(unique)), (b"1", int(self.redis.execute_command("DIGEST", "k"), 16)))
        self.assertTrue(self.mc.cas("k", b"2", unique))
        self.assertFalse(self.mc.cas("k", b"3", unique))
        unique = self.mc.gets("k")[1]
        self.redis.set("k", "9")
        self.assertFalse(self.mc.cas("k", b"3", unique))

    def test_noreply(self):
        self.mc.set("k", b"1", noreply=True)
        self.mc.incr("k", 5, noreply=True)
        self.mc.touch("k", 10, noreply=True)
        self.assertEqual(self.mc.get("k"), b"6")
        self.mc.delete("k", noreply=True)
        self.assertIsNone(self.mc.get("k"))


class Numbers(Memcached):
    def test_incr_and_decr(self):
        self.assertIsNone(self.mc.incr("n", 1))
        self.mc.set("n", b"10")
        self.assertEqual(self.mc.incr("n", 5), 15)
        self.assertEqual(self.mc.decr("n", 6), 9)
        self.assertEqual(self.mc.get("n"), b"9 ")
        self.assertEqual(self.mc.decr("n", 100), 0)
        self.mc.set("n", b"18446744073709551615")
        self.assertEqual(self.mc.incr("n", 2), 1)

    def test_shared_with_redis(self):
        self.redis.set("n", 41)
        self.assertEqual(self.mc.get("n"), b"41")
        self.assertEqual(self.mc.incr("n", 1), 42)
        self.assertEqual(self.redis.incr("n"), 43)
        self.assertEqual(self.redis.object("ENCODING", "n"), b"int")
        self.redis.append("n", "0")
        self.assertEqual(self.mc.incr("n", 1), 431)

    def test_text_is_refused(self):
        self.mc.set("n", b"ten")
        with self.assertRaisesRegex(MemcacheClientError, "cannot increment or decrement non-numeric value"):
            self.mc.incr("n", 1)


class Times(Memcached):
    def test_relative_and_absolute(self):
        self.mc.set("k", b"1", expire=100)
        self.assertTrue(99 <= self.redis.ttl("k") <= 100)
        self.mc.touch("k", int(time.time()) + 1000)
        self.assertTrue(998 <= self.redis.ttl("k") <= 1000)
        self.assertEqual(self.line("gat 0 k"), b"VALUE k 0 1")
        self.assertEqual(self.redis.ttl("k"), -1)
        self.mc.set("k", b"1", expire=2592000)
        self.assertTrue(2591990 <= self.redis.ttl("k") <= 2592000)

    def test_over_at_once(self):
        for expire in (-1, 2592001):
            self.mc.set("k", b"1")
            self.assertTrue(self.mc.set("k", b"2", expire=expire))
            self.assertIsNone(self.mc.get("k"))
            self.assertEqual(self.redis.exists("k"), 0)

    def test_expires(self):
        self.mc.set("k", b"1", expire=1)
        self.assertEqual(self.mc.get("k"), b"1")
        time.sleep(1.05)
        self.assertIsNone(self.mc.get("k"))

    def test_flush_all(self):
        self.mc.set("k", b"1")
        self.mc.flush_all(delay=1)
        self.assertEqual(self.mc.get("k"), b"1")
        time.sleep(1.3)
        self.assertIsNone(self.mc.get("k"))
        self.redis.set("k", "1")
        self.redis.select(3)
        self.redis.set("other", "1")
        self.mc.flush_all()
        self.assertEqual(self.redis.exists("other"), 1)
        self.redis.select(0)
        self.assertEqual(self.redis.dbsize(), 0)


class OtherTypes(Memcached):
    def test_are_refused(self):
        reason = "Operation against a key holding the wrong kind of value"
        self.redis.hset("h", "f", "v")
        calls = (
            lambda: self.mc.get("h"),
            lambda: self.mc.gets("h"),
            lambda: self.mc.set("h", b"1"),
            lambda: self.mc.append("h", b"1"),
            lambda: self.mc.cas("h", b"1", b"1"),
            lambda: self.mc.incr("h", 1),
            lambda: self.mc.get_many(["a", "h"]),
        )
        self.mc.set("a", b"1")
        for call in calls:
            with self.assertRaisesRegex(MemcacheServerError, reason):
                call()
        self.assertEqual(self.redis.hgetall("h"), {b"f": b"v"})
        self.assertEqual(self.mc.get("a"), b"1")

    def test_may_go(self):
        self.redis.hset("h", "f", "v")
        self.assertTrue(self.mc.touch("h", 100))
        self.assertTrue(99 <= self.redis.ttl("h") <= 100)
        self.assertTrue(self.mc.delete("h"))


class Server(Memcached):
    def test_stats(self):
        before = self.mc.stats()
        self.mc.set("k", b"1")
        self.mc.get("k")
        self.mc.get("missing")
        self.mc.incr("missing", 1)
        after = self.mc.stats()

        def grown(name):
            return int(after[name]) - int(before[name])

        names = (b"cmd_get", b"get_hits", b"get_misses", b"cmd_set", b"incr_misses", b"curr_items")
        self.assertEqual([grown(n) for n in names], [2, 1, 1, 1, 1, 1])
        self.assertGreaterEqual(int(after[b"curr_connections"]), 1)
        self.assertEqual(self.mc.stats("settings")[b"item_size_max"], 1 << 20)

    def test_unknown(self):
        with self.assertRaises(MemcacheUnknownCommandError):
            self.mc.stats("nosuch")
        self.assertTrue(self.mc.version().startswith(b"1.6"))

    def test_commands_are_the_door_s_own(self):
        with self.assertRaisesRegex(redis.ResponseError, "unknown command"):
            self.redis.execute_command("ATR.MC.GET", "k")

    def test_item_size(self):
        with doors.another("--memcached-max-item-size", "2kb") as (_, port, _http):
            mc = Client(("127.0.0.1", port), default_noreply=False, timeout=10)
            self.assertTrue(mc.set("k", b"v" * 2048))
            self.assertFalse(mc.append("k", b"v"))
            with self.assertRaisesRegex(MemcacheServerError, "too large"):
                mc.set("k", b"v" * 2049)
            mc.close()

    def test_password(self):
        with doors.another("--requirepass", "sesame") as (_, port, _http):
            mc = Client(("127.0.0.1", port), default_noreply=False, timeout=10)
            with self.assertRaisesRegex(MemcacheClientError, "unauthenticated"):
                mc.get("k")
            with self.assertRaisesRegex(MemcacheClientError, "authentication failure"):
                mc.set("any", b"default wrong")
            with self.assertRaisesRegex(MemcacheClientError, "bad authentication token format"):
                mc.set("any", b"sesame")
            self.assertTrue(mc.set("any", b"default sesame"))
            self.assertIsNone(mc.get("any"))
            mc.close()


if __name__ == "__main__":
    unittest.main()
