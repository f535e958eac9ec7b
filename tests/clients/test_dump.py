"""DUMP and RESTORE beside redis-server: what either dumps, the other restores to the same value, whatever the encoding
there; payloads that are cut or changed are refused or harmless; errors have the same words."""

import random
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest

import redis

import doors

POLYNOMIAL = 0x95AC9329AC4BC9B5


def crc_table():
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
        yield crc


TABLE = list(crc_table())


def crc64(data):
    crc = 0
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc


def envelope(body, version=10):
    body += struct.pack("<H", version)
    return body + struct.pack("<Q", crc64(body))


def length(n):
    return bytes([n]) if n < 64 else struct.pack(">H", 0x4000 | n) if n < 16384 else b"\x80" + struct.pack(">I", n)


def string(s):
    return length(len(s)) + s


def ziplist(items):
    """As Redis 2 to 6 packed short values."""
    body, before = b"", 0
    for item in items:
        head = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
        if isinstance(item, int):
            if 0 <= item <= 12:
                value = bytes([0xF1 + item])
            elif -128 <= item < 128:
                value = b"\xfe" + struct.pack("<b", item)
            elif -(1 << 15) <= item < 1 << 15:
                value = b"\xc0" + struct.pack("<h", item)
            elif -(1 << 23) <= item < 1 << 23:
                value = b"\xf0" + struct.pack("<i", item)[:3]
            elif -(1 << 31) <= item < 1 << 31:
                value = b"\xd0" + struct.pack("<i", item)
            else:
                value = b"\xe0" + struct.pack("<q", item)
        elif len(item) < 64:
            value = bytes([len(item)]) + item
        elif len(item) < 16384:
            value = struct.pack(">H", 0x4000 | len(item)) + item
        else:
            value = b"\x80" + struct.pack(">I", len(item)) + item
        body += head + value
        before = len(head + value)
    return struct.pack("<IIH", len(body) + 11, 10 + len(body) - before, len(items)) + body + b"\xff"


def zipmap(pairs):
    def part(s, free):
        return (bytes([len(s)]) if len(s) < 254 else b"\xfe" + struct.pack("<I", len(s))) + free + s

    return bytes([min(len(pairs), 254)]) + b"".join(part(f, b"") + part(v, b"\0") for f, v in pairs) + b"\xff"


OLD_NUMBERS = [0, 1, 12, 13, -1, 127, -128, 128, -129, 32767, 40000, -40000, 8388607, 1 << 24, -(1 << 31), 1 << 40, -(1 << 63)]
OLD_WORDS = [b"a", b"x" * 63, b"y" * 64, b"z" * 300, b"", b"w" * 16384]

# What earlier versions wrote, by hand.
OLD = {
    "list": b"\x01" + length(3) + string(b"a") + b"\xc0\x05" + string(b"c" * 30),
    "list ziplist": b"\x0a" + string(ziplist(OLD_NUMBERS + OLD_WORDS)),
    "quicklist": b"\x0e" + length(2) + string(ziplist(OLD_WORDS)) + string(ziplist(OLD_NUMBERS)),
    "zset": b"\x03" + length(4) + string(b"a") + b"\x031.5" + string(b"b") + b"\xfe" + string(b"c") + b"\xff"
            + string(b"d") + b"\x02-3",
    "zset ziplist": b"\x0c" + string(ziplist([b"a", -5, b"b", b"1.25", 77, 1000])),
    "hash ziplist": b"\x0d" + string(ziplist([b"f", b"v", 12, 34, b"long" * 30, -70000])),
    "zipmap": b"\x09" + string(zipmap([(b"a", b"1"), (b"b" * 253, b"c" * 254), (b"", b"")])),
}


def read(client, key):
    kind = client.type(key)
    if kind == b"string":
        return client.get(key)
    if kind == b"hash":
        return client.hgetall(key)
    if kind == b"list":
        return client.lrange(key, 0, -1)
    if kind == b"set":
        return client.smembers(key)
    if kind == b"zset":
        return client.zrange(key, 0, -1, withscores=True)
    if kind == b"stream":
        return read_stream(client, key)
    return kind


def read_stream(client, key):
    """All that can be asked about a stream, without times."""
    about = client.xinfo_stream(key)
    parts = [client.xrange(key), [about[k] for k in ("length", "last-generated-id", "max-deleted-entry-id",
                                                      "entries-added", "recorded-first-entry-id", "groups")]]
    for group in client.xinfo_groups(key):
        parts.append(sorted(group.items()))
        for consumer in client.xinfo_consumers(key, group["name"]):
            parts.append((consumer["name"], consumer["pending"]))
        for p in client.xpending_range(key, group["name"], "-", "+", 10000):
            parts.append((p["message_id"], p["consumer"], p["times_delivered"]))
    return parts


def error_of(client, *words):
    try:
        return client.execute_command(*words)
    except redis.ResponseError as e:
        return "error: %s" % e


class Reference:
    """A redis-server of this test's own."""

    def __init__(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.folder = tempfile.mkdtemp(prefix="dump-")
        self.child = subprocess.Popen(["redis-server", "--port", str(self.port), "--save", "", "--dir", self.folder],
                                      stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port)
        for _ in range(200):
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
        raise RuntimeError("redis-server did not start")

    def stop(self):
        self.child.terminate()
        self.child.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


class Dump(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reference = Reference()
        cls.redis, cls.atrium = cls.reference.client, redis.Redis(port=doors.PORT)

    @classmethod
    def tearDownClass(cls):
        cls.reference.stop()

    def setUp(self):
        self.atrium.flushall()
        self.redis.flushall()

    def fill(self):
        """Values of every encoding, the same on both sides."""
        for c in self.redis, self.atrium:
            self.words(c)
        return sorted(self.redis.keys())

    def words(self, c):
        rng = random.Random(7)
        words = [b"w%d" % i for i in range(400)] + [bytes(rng.randbytes(rng.randrange(200))) for _ in range(100)]
        noise = rng.randbytes(50000)
        for i, s in enumerate([b"", b"a", b"12", b"-129", b"70000", b"2147483648", b"-9223372036854775808", b"007",
                               b"x" * 20, b"x" * 21, b"x" * 100000, noise]):
            c.set("string:%d" % i, s)
        for n in 1, 5, 100, 500:
            c.rpush("list:%d" % n, *words[:n])
            c.sadd("set:%d" % n, *words[:n])
            c.sadd("ints:%d" % n, *range(-3, n))
            c.sadd("wide:%d" % n, *(i << 40 for i in range(n)))
            c.hset("hash:%d" % n, mapping={w: w + b"!" for w in words[:n]})
            c.zadd("zset:%d" % n, {w: i / 4 - 10 for i, w in enumerate(words[:n])})
        c.rpush("list:big", b"e" * 20000, b"small", b"e" * 9000)
        c.sadd("ints:many", *range(2000))
        self.fill_streams(c)
        c.zadd("zset:ends", {"a": "inf", "b": "-inf", "c": 1e300, "d": 0.1, "e": -0.0, "f": 1 << 52})

    def fill_streams(self, c):
        for n in 1, 90, 400:
            key = "stream:%d" % n
            for i in range(n):
                fields = {"f": i, "g": "x" * (i % 50)} if i % 7 else {"other%d" % i: "", "binary": b"\0\xff"}
                c.xadd(key, fields, id="%d-%d" % (1000 + i // 3, i % 3))
            c.xgroup_create(key, "all", "0")
            c.xgroup_create(key, "none", "$")
            for consumer in "one", "two":
                c.xgroup_createconsumer(key, "all", consumer)
                c.xreadgroup("all", consumer, {key: ">"}, count=n // 3 + 1)
                c.xgroup_createconsumer(key, "none", consumer)
            c.xack(key, "all", "1000-0", "1001-1")
            c.xdel(key, "1000-1", "1002-2")
        c.xadd("stream:empty", {"a": 1}, id="5-5")
        c.xdel("stream:empty", "5-5")

    def test_both_ways(self):
        keys = self.fill()
        self.assertEqual(sorted(self.atrium.keys()), keys)
        for key in keys:
            there, here = self.redis.dump(key), self.atrium.dump(key)
            value = read(self.redis, key)
            self.atrium.restore(key, 0, there, replace=True)
            self.assertEqual(read(self.atrium, key), value, key)
            self.assertEqual(error_of(self.redis, "RESTORE", key, 0, here, "REPLACE"), b"OK", (key, here[:200]))
            self.assertEqual(read(self.redis, key), value, key)
            self.redis.restore(key, 0, self.atrium.dump(key), replace=True)
            self.assertEqual(read(self.redis, key), value, key)

    def test_same_bytes(self):
        """Where there is one way to write a value, it is Redis's."""
        self.redis.config_set("rdbcompression", "yes")
        for key in self.fill():
            if key.startswith(b"string") or self.atrium.object("encoding", key) in (b"intset", b"listpack") and \
                    key.startswith((b"ints", b"wide", b"hash", b"zset:1", b"zset:5")):
                self.assertEqual(self.atrium.dump(key), self.redis.dump(key), key)

    def test_old_encodings(self):
        for name, body in OLD.items():
            payload = envelope(body, 6)
            for c in self.redis, self.atrium:
                c.restore(name, 0, payload)
            self.assertEqual(read(self.atrium, name), read(self.redis, name), name)

    def test_streams_of_other_versions(self):
        """Redis 5 wrote no counters, 7.2 writes a time more a consumer."""
        body, block = None, self.redis_stream_block()
        head = b"\x0f" + length(1) + string(struct.pack(">QQ", 7, 1)) + string(block) + length(2) + length(7) + length(2)
        pending = length(1) + struct.pack(">QQ", 7, 1) + struct.pack("<Q", 1234) + length(3)
        seen = struct.pack("<Q", int(time.time() * 1000) - 5000)
        group = string(b"g") + length(7) + length(1)
        owner = string(b"c") + seen
        body = head + length(1) + group + pending + length(1) + owner + length(1) + struct.pack(">QQ", 7, 1)
        for c in self.redis, self.atrium:
            c.restore("s", 0, envelope(body, 9))
        self.assertEqual(read(self.atrium, "s"), read(self.redis, "s"))
        head = b"\x15" + head[1:] + length(7) + length(1) + length(0) + length(0) + length(5)
        group += length(1)
        owner += struct.pack("<q", -1)
        body = head + length(1) + group + pending + length(1) + owner + length(1) + struct.pack(">QQ", 7, 1)
        self.atrium.restore("s", 0, envelope(body, 11), replace=True)
        self.assertEqual(self.atrium.xinfo_stream("s")["entries-added"], 5)
        self.assertEqual(self.atrium.xpending("s", "g")["pending"], 1)

    def redis_stream_block(self):
        """The listpack of two entries, cut out of a payload."""
        self.redis.config_set("rdbcompression", "no")
        self.redis.xadd("block", {"f": "v"}, id="7-1")
        self.redis.xadd("block", {"f": "w"}, id="7-2")
        payload = self.redis.dump("block")
        self.redis.config_set("rdbcompression", "yes")
        self.assertEqual(payload[1:3], b"\1\x10")
        return payload[20:20 + payload[19]]

    def test_newer_encodings(self):
        """Redis 7.2's set listpack, 7.4's hashes with deadlines: there is no 7.4 here to compare with."""
        pack = b"\x0f\0\0\0\x02\0\x81a\x02\x83bcd\x04\xff"
        pack = struct.pack("<I", len(pack)) + pack[4:]
        self.atrium.restore("set", 0, envelope(b"\x14" + string(pack), 11))
        self.assertEqual(self.atrium.smembers("set"), {b"a", b"bcd"})
        until = int(time.time() * 1000) + 100000
        fields = length(2) + length(5) + string(b"f") + string(b"v") + length(0) + string(b"g") + string(b"w")
        self.atrium.restore("hash", 0, envelope(b"\x18" + struct.pack("<Q", until) + fields, 12))
        self.assertEqual(self.atrium.execute_command("HPEXPIRETIME", "hash", "FIELDS", 2, "f", "g"), [until + 4, -1])

    def test_field_deadlines(self):
        for n in 3, 1000:
            self.atrium.hset("h", mapping={"f%d" % i: i for i in range(n)})
            self.atrium.execute_command("HPEXPIRE", "h", 100000, "FIELDS", 2, "f0", "f2")
            payload = self.atrium.dump("h")
            self.assertEqual(struct.unpack("<H", payload[-10:-8]), (12,))
            self.atrium.restore("copy", 0, payload, replace=True)
            self.assertEqual(self.atrium.hgetall("copy"), self.atrium.hgetall("h"))
            ask = ("FIELDS", 3, "f0", "f1", "f2")
            self.assertEqual(self.atrium.execute_command("HPEXPIRETIME", "copy", *ask),
                             self.atrium.execute_command("HPEXPIRETIME", "h", *ask))
            self.atrium.delete("h")

    def test_due_fields(self):
        """Fields that are past their deadlines are not there; a hash of nothing else is no key."""
        body = b"\x18" + struct.pack("<Q", 1000) + length(2)
        some = body + length(1) + string(b"f") + string(b"v") + length(0) + string(b"g") + string(b"w")
        none = body + length(1) + string(b"f") + string(b"v") + length(2) + string(b"g") + string(b"w")
        self.assertEqual(self.atrium.restore("h", 0, envelope(some, 12)), b"OK")
        self.assertEqual(self.atrium.hgetall("h"), {b"g": b"w"})
        self.assertEqual(self.atrium.restore("h", 0, envelope(none, 12), replace=True), b"OK")
        self.assertEqual(self.atrium.exists("h"), 0)

    def test_answers(self):
        payload, soon = envelope(b"\x00\x01a"), int(time.time() * 1000) + 100000
        for c in self.redis, self.atrium:
            c.set("taken", "1")
        cases = [(words, payload) for words in (
            (), ("REPLACE",), ("ABSTTL", "REPLACE"), ("IDLETIME",), ("IDLETIME", "-1"), ("IDLETIME", "x"),
            ("IDLETIME", "5", "FREQ", "5"), ("FREQ", "256"), ("FREQ", "-1"), ("FREQ", "9", "REPLACE"), ("FREQ", "x"),
            ("NOSUCH",), ("REPLACE", "REPLACE", "IDLETIME", "1", "IDLETIME", "2"))]
        cases += [((), p) for p in (b"", b"short", payload[:-1], payload[:-1] + b"x", envelope(b"\x00\x01a", 80),
                                    envelope(b""), envelope(b"\x63"), envelope(b"\x02\x00"), envelope(b"\x00\x20a"),
                                    envelope(b"\x00\x01a", 6), envelope(b"\x00\x01atail"))]
        for key in "taken", "free":
            for ttl in "0", "-1", "x", "100000", str(soon):
                for words, data in cases:
                    line = ("RESTORE", key, ttl, data) + words
                    with self.subTest(line=line):
                        there, here = error_of(self.redis, *line), error_of(self.atrium, *line)
                        self.assertEqual(here, there)
                        self.assertEqual(self.atrium.get(key), self.redis.get(key))
                        self.assertAlmostEqual(self.atrium.pttl(key), self.redis.pttl(key), delta=2000)
                        if here == b"OK" and key == "free":
                            self.redis.delete(key)
                            self.atrium.delete(key)

    def test_times(self):
        payload = envelope(b"\x00\x01a")
        self.assertEqual(self.atrium.restore("k", 1, payload, absttl=True), b"OK")
        self.assertEqual(self.atrium.exists("k"), 0)
        self.atrium.set("k", "old")
        self.assertEqual(self.atrium.restore("k", 1, payload, absttl=True, replace=True), b"OK")
        self.assertEqual(self.atrium.exists("k"), 0)
        self.atrium.restore("k", 0, payload, idletime=1000)
        self.assertAlmostEqual(self.atrium.object("idletime", "k"), 1000, delta=2)
        self.assertIsNone(self.atrium.dump("missing"))

    def test_damaged(self):
        """Changed bytes under a right checksum: what is taken can be read here, and dumped for Redis to read."""
        rng = random.Random(11)
        payloads = [self.atrium.dump(k)[:-10] for k in self.fill()] + list(OLD.values())
        payloads = [p for p in payloads if len(p) < 20000]
        taken = 0
        for _ in range(4000):
            body = bytearray(rng.choice(payloads))
            if rng.random() < 0.2:
                del body[rng.randrange(len(body)):]
            for _ in range(rng.randrange(1, 4)):
                if body:
                    body[rng.randrange(min(len(body), rng.choice((12, 100, 20000))))] = rng.choice(
                        (0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            answer = error_of(self.atrium, "RESTORE", "damaged", 0, envelope(bytes(body), 12), "REPLACE")
            if answer != b"OK":
                self.assertEqual(answer, "error: Bad data format")
                continue
            taken += 1
            value = read(self.atrium, "damaged")
            if self.atrium.execute_command("TYPE", "damaged") != b"hash" or value:
                self.redis.restore("damaged", 0, self.atrium.dump("damaged"), replace=True)
                self.assertEqual(read(self.redis, "damaged"), value)
        self.assertGreater(taken, 100)
        self.assertTrue(self.atrium.ping())


if __name__ == "__main__":
    unittest.main()
