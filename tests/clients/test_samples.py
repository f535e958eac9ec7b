"""The jobs that caches are used for, done as their client libraries' own guides do them: a page cache, a counter with a
rate limit, a hash whose one field expires, a leaderboard. redis-py, pymemcache, redis-cli and curl; the last step of
each job looks through another door. What ioredis and browsers do stands in the .mjs files beside this one."""

import json
import multiprocessing
import os
import subprocess
import time
import unittest

import redis
from pymemcache.client.base import Client

import doors

HERE = os.path.dirname(os.path.abspath(__file__))
HTML = "<html><body>Willkommen \N{SNOWMAN}</body></html>"


def run(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60).stdout.decode()


def cli(*words):
    return run("redis-cli", "-p", str(doors.PORT), *words).rstrip("\n")


def curl(path, *flags):
    """(status, decoded body)"""
    body, status = run("curl", "-sS", "-w", "\n%{http_code}", *flags,
                       "http://127.0.0.1:%d%s" % (doors.HTTP_PORT, path)).rsplit("\n", 1)
    try:
        return int(status), json.loads(body)
    except ValueError:
        return int(status), body


def post(path, body, method="POST"):
    return curl(path, "-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body))


class Job(unittest.TestCase):
    def setUp(self):
        self.redis = redis.Redis(port=doors.PORT, decode_responses=True)
        self.memcached = Client(("localhost", doors.MEMCACHED_PORT), timeout=10)
        self.redis.flushall()

    def tearDown(self):
        self.redis.close()
        self.memcached.close()


class PageCache(Job):
    def test_memcached(self):
        self.assertTrue(self.memcached.set("page:home", HTML.encode(), expire=60))
        self.assertEqual(self.memcached.get("page:home").decode(), HTML)
        self.assertTrue(58 <= self.redis.ttl("page:home") <= 60)
        self.assertTrue(self.memcached.delete("page:home", noreply=False))
        self.assertIsNone(self.memcached.get("page:home"))

    def test_redis(self):
        self.assertTrue(self.redis.set("page:home", HTML, ex=60))
        self.assertEqual(self.redis.get("page:home"), HTML)
        self.assertEqual(self.memcached.get("page:home").decode(), HTML)
        self.assertEqual(self.redis.delete("page:home"), 1)
        self.assertIsNone(self.redis.get("page:home"))

    def test_it_ends_on_time_at_every_door(self):
        self.redis.set("page:home", HTML, px=300)
        self.assertEqual(curl("/v1/keys/page:home")[1]["value"], HTML)
        time.sleep(0.35)
        self.assertIsNone(self.redis.get("page:home"))
        self.assertIsNone(self.memcached.get("page:home"))
        self.assertEqual(curl("/v1/keys/page:home")[0], 404)

    def test_rest(self):
        status, _ = curl("/v1/keys/page:home?ttl_ms=60000", "-X", "PUT", "-H", "Content-Type: application/octet-stream",
                         "--data-binary", HTML)
        self.assertEqual(status, 201)
        self.assertEqual(self.redis.get("page:home"), HTML)
        self.assertEqual(self.memcached.get("page:home").decode(), HTML)
        self.assertEqual(cli("TTL", "page:home") in ("59", "60"), True)
        self.assertEqual(curl("/v1/keys/page:home", "-X", "DELETE")[0], 204)
        self.assertEqual(cli("EXISTS", "page:home"), "0")


def hit(count):
    """So many requests of one visitor by the classic recipe; how many were let in."""
    r, allowed = redis.Redis(port=doors.PORT), 0
    for _ in range(count):
        n = r.incr("hits:visitor")
        if n == 1:
            r.expire("hits:visitor", 60)
        allowed += n <= 100
    return allowed


class RateLimit(Job):
    def test_memcached(self):
        self.assertIsNone(self.memcached.incr("rate:1.2.3.4", 1))
        self.assertTrue(self.memcached.add("rate:1.2.3.4", b"1", expire=60, noreply=False))
        self.assertFalse(self.memcached.add("rate:1.2.3.4", b"1", expire=60, noreply=False))
        self.assertEqual(self.memcached.incr("rate:1.2.3.4", 1), 2)
        self.assertEqual(self.redis.get("rate:1.2.3.4"), "2")
        self.assertTrue(58 <= self.redis.ttl("rate:1.2.3.4") <= 60)

    def test_redis_by_64_clients(self):
        with multiprocessing.Pool(8) as pool:
            allowed = pool.map(hit, [10] * 64, chunksize=1)
        self.assertEqual(sum(allowed), 100)
        self.assertEqual(self.redis.get("hits:visitor"), "640")
        self.assertTrue(50 <= self.redis.ttl("hits:visitor") <= 60)

    def test_one_command(self):
        answers = [self.redis.execute_command("INCREX", "hits:v", "UBOUND", 3, "EX", 60, "ENX") for _ in range(5)]
        self.assertEqual(answers, [[1, 1], [2, 1], [3, 1], [3, 0], [3, 0]])
        self.assertTrue(58 <= self.redis.ttl("hits:v") <= 60)

    def test_rest(self):
        for n in (1, 2, 3):
            status, body = post("/v1/counters/hits:v/incr", {"max": 3, "ttl_ms": 60000, "ttl_mode": "if_new"})
            self.assertEqual((status, body["value"], body["created"]), (200, n, n == 1))
        status, body = post("/v1/counters/hits:v/incr", {"max": 3, "ttl_ms": 60000, "ttl_mode": "if_new"})
        self.assertEqual((status, body["code"]), (409, "out-of-bounds"))
        self.assertEqual(cli("GET", "hits:v"), "3")
        allowed = [post("/v1/ratelimits/login/ada", {"limit": 5, "window_ms": 60000})[1]["allowed"] for _ in range(7)]
        self.assertEqual(allowed.count(True), 5)


class FieldWithItsOwnTtl(Job):
    def test_redis(self):
        self.assertEqual(self.redis.hset("user:123", mapping={"name": "Ada", "email": "ada@x.com", "auth_token": "tok"}), 3)
        self.assertEqual(self.redis.execute_command("HEXPIRE", "user:123", 900, "FIELDS", 1, "auth_token"), [1])
        ttl = self.redis.execute_command("HTTL", "user:123", "FIELDS", 3, "auth_token", "name", "none")
        self.assertTrue(898 <= ttl[0] <= 900)
        self.assertEqual(ttl[1:], [-1, -2])
        self.assertEqual(self.redis.execute_command("HPEXPIRE", "user:123", 200, "FIELDS", 1, "auth_token"), [1])
        self.assertEqual(self.redis.hget("user:123", "auth_token"), "tok")
        time.sleep(0.25)
        self.assertEqual(self.redis.hgetall("user:123"), {"name": "Ada", "email": "ada@x.com"})
        self.assertEqual(self.redis.hlen("user:123"), 2)

    def test_cli(self):
        self.assertEqual(cli("HSET", "user:123", "name", "Ada", "email", "ada@x.com", "auth_token", "tok"), "3")
        self.assertEqual(cli("HEXPIRE", "user:123", "900", "FIELDS", "1", "auth_token"), "1")
        self.assertIn(cli("HTTL", "user:123", "FIELDS", "1", "auth_token"), ("899", "900"))
        items = {i["field"]: i for i in curl("/v1/hashes/user:123")[1]["items"]}
        self.assertEqual({f: i["value"] for f, i in items.items()}, {"name": "Ada", "email": "ada@x.com", "auth_token": "tok"})
        self.assertIsNone(items["name"]["ttl_ms"])
        self.assertTrue(895000 < items["auth_token"]["ttl_ms"] <= 900000)


class Leaderboard(Job):
    def setUp(self):
        super().setUp()
        self.assertEqual(self.redis.zadd("leaderboard", {"player1": 1500, "player2": 2200, "player3": 1800}), 3)

    def test_redis(self):
        self.assertEqual(self.redis.zrevrange("leaderboard", 0, 9, withscores=True),
                         [("player2", 2200.0), ("player3", 1800.0), ("player1", 1500.0)])
        self.assertEqual(self.redis.zrevrank("leaderboard", "player1"), 2)
        self.assertEqual(self.redis.zincrby("leaderboard", 1000, "player1"), 2500.0)
        self.assertEqual(self.redis.zrevrank("leaderboard", "player1"), 0)

    def test_cli(self):
        self.assertEqual(cli("ZREVRANGE", "leaderboard", "0", "9", "WITHSCORES").split("\n"),
                         ["player2", "2200", "player3", "1800", "player1", "1500"])
        self.assertEqual(cli("-3", "ZREVRANK", "leaderboard", "player1", "WITHSCORE"), "2\n1500")

    def test_rest(self):
        status, body = curl("/v1/leaderboards/leaderboard?limit=10")
        self.assertEqual(status, 200)
        self.assertEqual([(i["rank"], i["member"], i["score"]) for i in body["items"]],
                         [(1, "player2", 2200), (2, "player3", 1800), (3, "player1", 1500)])
        status, body = post("/v1/leaderboards/leaderboard/members/player1", {"score": 3000}, "PUT")
        self.assertEqual((status, body["rank"], body["previous_rank"]), (200, 1, 3))
        self.assertEqual(self.redis.zscore("leaderboard", "player1"), 3000.0)

    def test_memcached_has_no_word_for_it(self):
        with self.assertRaisesRegex(Exception, "WRONGTYPE|wrong kind"):
            self.memcached.get("leaderboard")
        self.assertEqual(self.redis.zcard("leaderboard"), 3)


class Node(unittest.TestCase):
    """Each script asserts by itself and says which step it was at."""

    def script(self, name):
        done = subprocess.run(["node", os.path.join(HERE, name)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_ioredis_samples(self):
        self.script("samples.mjs")

    def test_channels_through_three_doors(self):
        self.script("channels.mjs")


class AcrossTheDoors(Job):
    def test_flags_and_ttl_of_memcached(self):
        raw = Client(("localhost", doors.MEMCACHED_PORT), serde=WithFlags(), timeout=10)
        raw.set("k", b"v", expire=100, flags=7, noreply=False)
        self.assertEqual(self.redis.get("k"), "v")
        self.assertTrue(98 <= self.redis.ttl("k") <= 100)
        self.redis.expire("k", 50)
        self.redis.append("k", "w")
        self.assertEqual(raw.get("k"), (b"vw", 7))
        status, body = curl("/v1/keys/k")
        self.assertEqual((status, body["value"]), (200, "vw"))
        self.assertTrue(40000 < body["ttl_ms"] <= 50000)
        raw.close()

    def test_a_key_by_each_door_is_read_by_each(self):
        raw = Client(("localhost", doors.MEMCACHED_PORT), serde=WithFlags(), timeout=10)
        self.redis.set("by:resp", "1")
        raw.set("by:memcached", b"2", noreply=False)
        self.assertEqual(post("/v1/keys/by:http", {"value": "3"}, "PUT")[0], 201)
        keys = ["by:resp", "by:memcached", "by:http"]
        self.assertEqual(self.redis.mget(keys), ["1", "2", "3"])
        self.assertEqual(raw.get_many(keys), {k: (v, 0) for k, v in zip(keys, (b"1", b"2", b"3"))})
        self.assertEqual([curl("/v1/keys/" + k)[1]["value"] for k in keys], ["1", "2", "3"])
        self.assertEqual(sorted(cli("KEYS", "by:*").split()), sorted(keys))
        raw.close()

    def test_conditions_hold_across_doors(self):
        _, before = curl("/v1/keys/k"), self.redis.set("k", "one")
        etag = curl("/v1/keys/k")[1]["etag"]
        value, cas = self.memcached.gets("k")
        self.redis.set("k", "two")
        self.assertFalse(self.memcached.cas("k", b"three", cas, noreply=False))
        status, _ = curl("/v1/keys/k", "-X", "PUT", "-H", "If-Match: " + quoted(etag), "-H",
                         "Content-Type: application/octet-stream", "--data-binary", "three")
        self.assertEqual((value, before, status), (b"one", True, 412))
        self.assertEqual(self.redis.get("k"), "two")

    def test_counters(self):
        self.memcached.set("n", b"5", noreply=False)
        self.assertEqual(self.redis.incr("n"), 6)
        self.assertEqual(post("/v1/counters/n/incr", {"by": 4})[1]["value"], 10)
        self.assertEqual(self.memcached.incr("n", 1), 11)
        self.assertEqual(cli("GET", "n"), "11")


def quoted(etag):
    return etag if etag.startswith('"') else '"%s"' % etag


class WithFlags:
    """Hands pymemcache's flags through, which its client otherwise keeps to itself."""

    def serialize(self, key, value):
        return value, 0

    def deserialize(self, key, value, flags):
        return value, flags
