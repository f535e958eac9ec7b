"""Vector sets: the published examples, every command's shapes under RESP2 and RESP3, filters, life as a key like any
other, threads, restarts."""

import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import redis

import doors
import test_dump

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "differential"))
import resp  # noqa: E402


class Three:
    """A connection of RESP3, which Debian's client library does not speak."""

    def __init__(self):
        self.socket, self.data = socket.create_connection(("127.0.0.1", doors.PORT)), b""
        self.execute_command("HELLO", 3)

    def execute_command(self, *argv):
        self.socket.sendall(resp.encode([a if isinstance(a, bytes) else str(a).encode() for a in argv]))
        while True:
            try:
                reply, end = resp.parse(self.data)
                break
            except resp.Incomplete:
                self.data += self.socket.recv(65536)
        self.data = self.data[end:]
        return self.plain(reply)

    def plain(self, reply):
        kind, value = reply
        if kind in "*~":
            return [self.plain(v) for v in value]
        if kind == "%":
            items = [self.plain(v) for v in value]
            return dict(zip(items[::2], items[1::2]))
        return {"_": lambda v: None, "#": lambda v: v == b"t", ",": float, ":": int}.get(kind, lambda v: v)(value)

    def close(self):
        self.socket.close()


def client(port=doors.PORT, **more):
    return redis.Redis(port=port, **more)


def f32(values):
    return struct.pack("<%df" % len(values), *values)


class Case(unittest.TestCase):
    def setUp(self):
        self.two, self.three = client(), Three()
        self.addCleanup(self.three.close)
        self.do = self.two.execute_command
        self.key = "vectors:" + self.id()
        self.two.delete(self.key)

    def add(self, name, values, *more):
        return self.do("VADD", self.key, "FP32", f32(values), name, *more)

    def refuse(self, text, *argv):
        with self.assertRaises(redis.ResponseError) as caught:
            self.do(*argv)
        self.assertEqual(str(caught.exception), text)


class Examples(Case):
    def test_as_published_with_and_without_the_count(self):
        for count in ([], ["3"]):
            self.two.delete(self.key)
            for name, values in (("product:101", "0.1 0.9 0.3"), ("product:102", "0.8 0.2 0.6"),
                                 ("product:103", "0.15 0.85 0.35")):
                self.assertEqual(self.do("VADD", self.key, "VALUES", *count, *values.split(), name), 1)
            found = self.do("VSIM", self.key, "VALUES", *count, "0.12", "0.88", "0.32", "COUNT", "2")
            self.assertEqual(found, [b"product:101", b"product:103"])

    def test_wrong_vectors(self):
        wrong = "invalid vector specification"
        self.add("a", [1, 2])
        for spec in (["FP32", b"abc"], ["FP32", b""], ["FP32", f32([1, float("nan")])], ["FP32", f32([float("inf"), 1])],
                     ["VALUES", "2", "nan", "1"], ["VALUES", "2", "1e300", "1"], ["VALUES", "x", "1"], ["ODD", "1", "2"],
                     ["REDUCE", "0", "VALUES", "2", "1", "1"], ["REDUCE", "3", "VALUES", "2", "1", "1"]):
            self.refuse(wrong, "VADD", self.key, *spec, "element")
        self.refuse("Vector dimension mismatch - got 3 but set has 2", "VADD", self.key, "VALUES", 3, 1, 2, 3, "b")
        self.refuse("Vector dimension mismatch - got 1 but set has 2", "VSIM", self.key, "FP32", f32([1]))
        self.refuse("asked quantization mismatch with existing vector set", "VADD", self.key, "VALUES", 2, 1, 2, "b", "BIN")
        self.refuse("asked M value mismatch with existing vector set", "VADD", self.key, "VALUES", 2, 1, 2, "b", "M", 8)
        for name in ("EF", "M"):
            for value in (0, -1, 1000001, "x"):
                self.refuse("invalid " + name, "VADD", self.key, "VALUES", 2, 1, 2, "b", name, value)
        self.refuse("invalid option after element", "VADD", self.key, "VALUES", 2, 1, 2, "b", "ODD")
        self.assertEqual(self.do("VCARD", self.key), 1)

    def test_wrong_searches(self):
        self.add("a", [1, 2])
        for name in ("COUNT", "EF", "EPSILON", "FILTER-EF"):
            for value in (0, -1, "x"):
                self.refuse("invalid " + name, "VSIM", self.key, "ELE", "a", name, value)
        self.refuse("invalid EF", "VSIM", self.key, "ELE", "a", "EF", 1000001)
        self.refuse("syntax error in FILTER expression near: ) 1", "VSIM", self.key, "ELE", "a", "FILTER", ".x ) 1")
        self.refuse("syntax error in VSIM command", "VSIM", self.key, "ELE", "a", "ODD")
        self.refuse("element not found in set", "VSIM", self.key, "ELE", "nobody")
        self.two.set(self.key, "text")
        with self.assertRaisesRegex(redis.ResponseError, "WRONGTYPE"):
            self.do("VSIM", self.key, "ELE", "a")

    def test_missing_keys(self):
        self.assertEqual(self.do("VSIM", self.key, "ELE", "a"), [])
        self.assertEqual(self.do("VCARD", self.key), 0)
        self.refuse("key does not exist", "VDIM", self.key)
        for argv in (["VEMB", "a"], ["VLINKS", "a"], ["VGETATTR", "a"], ["VINFO"], ["VRANDMEMBER"]):
            self.assertIsNone(self.do(argv[0], self.key, *argv[1:]))
        for argv in (["VREM", "a"], ["VISMEMBER", "a"], ["VSETATTR", "a", "{}"]):
            self.assertEqual(self.do(argv[0], self.key, *argv[1:]), 0)
        self.assertEqual(self.do("VRANDMEMBER", self.key, 3), [])
        self.assertEqual(self.do("VRANGE", self.key, "-", "+"), [])


class Shapes(Case):
    def test_search_replies(self):
        self.add("a", [1, 0], "SETATTR", '{"n":1}')
        self.add("b", [0, 1])
        ask = ["VSIM", self.key, "FP32", f32([1, 0])]
        self.assertEqual(self.do(*ask), [b"a", b"b"])
        name, score, other, far = self.do(*ask, "WITHSCORES")
        self.assertEqual((name, other), (b"a", b"b"))
        self.assertAlmostEqual(float(score), 1, 2)
        self.assertAlmostEqual(float(far), 0.5, 2)
        self.assertEqual(self.do(*ask, "WITHATTRIBS"), [b"a", b'{"n":1}', b"b", None])
        self.assertEqual(len(self.do(*ask, "WITHATTRIBS", "WITHSCORES")), 6)
        three = self.three.execute_command
        self.assertEqual(three(*ask), [b"a", b"b"])
        self.assertEqual(list(three(*ask, "WITHSCORES")), [b"a", b"b"])
        self.assertIsInstance(three(*ask, "WITHSCORES")[b"a"], float)
        self.assertEqual(three(*ask, "WITHATTRIBS"), {b"a": b'{"n":1}', b"b": None})
        both = three(*ask, "WITHSCORES", "WITHATTRIBS")
        self.assertEqual([pair[1] for pair in both.values()], [b'{"n":1}', None])

    def test_booleans_by_protocol(self):
        three = self.three.execute_command
        self.assertIs(three("VADD", self.key, "FP32", f32([1, 2]), "a"), True)
        self.assertIs(three("VADD", self.key, "FP32", f32([2, 1]), "a"), False)
        self.assertIs(three("VISMEMBER", self.key, "a"), True)
        self.assertIs(three("VSETATTR", self.key, "a", "{}"), True)
        self.assertIs(three("VREM", self.key, "a"), True)
        self.assertEqual(self.two.exists(self.key), 0)

    def test_embeddings_come_back(self):
        values = [3.0, -4.0, 0.5]
        for form, name, places, size in (("NOQUANT", b"f32", 5, 12), ("Q8", b"int8", 1, 3), ("BIN", b"bin", None, 8)):
            self.two.delete(self.key)
            self.add("a", values, form)
            back = [float(v) for v in self.do("VEMB", self.key, "a")]
            if places is None:
                self.assertEqual(back, [1, -1, 1])
            else:
                for got, want in zip(back, values):
                    self.assertAlmostEqual(got, want, places)
            raw = self.do("VEMB", self.key, "a", "RAW")
            self.assertEqual((raw[0], len(raw[1]), len(raw)), (name, size, 4 if form == "Q8" else 3))
            self.assertAlmostEqual(float(raw[2]), 5.02494, 4)
            self.assertEqual(self.three.execute_command("VINFO", self.key)[b"quant-type"], name)

    def test_links_and_info(self):
        for i in range(30):
            self.add("e%02d" % i, [random.random() + 0.1, random.random()])
        levels = self.do("VLINKS", self.key, "e03")
        self.assertGreater(len(levels[-1]), 0)
        scored = self.three.execute_command("VLINKS", self.key, "e03", "WITHSCORES")[-1]
        self.assertEqual(set(scored), set(levels[-1]))
        info = self.three.execute_command("VINFO", self.key)
        self.assertEqual((info[b"vector-dim"], info[b"size"], info[b"hnsw-m"], info[b"projection-input-dim"]), (2, 30, 16, 0))
        names = [b"e%02d" % i for i in range(30)]
        self.assertEqual(self.do("VRANGE", self.key, "-", "+"), names)
        self.assertEqual(self.do("VRANGE", self.key, "(e03", "[e07"), names[4:8])
        self.assertEqual(self.do("VRANGE", self.key, "[e03", "(e07", 2), names[3:5])
        self.assertEqual(self.do("VRANGE", self.key, "[e2", "+", -1), names[20:])
        self.refuse("invalid start range format", "VRANGE", self.key, "e", "+")
        self.refuse("invalid end range format", "VRANGE", self.key, "-", "e")
        self.refuse("'-' can only be used as first argument, '+' only as second", "VRANGE", self.key, "+", "-")
        self.assertEqual(len(set(self.do("VRANDMEMBER", self.key, 20))), 20)
        self.assertEqual(sorted(self.do("VRANDMEMBER", self.key, 99)), names)
        self.assertEqual(len(self.do("VRANDMEMBER", self.key, -99)), 99)

    def test_projection(self):
        self.do("VADD", self.key, "REDUCE", 8, "FP32", f32([1.0] * 50), "ones")
        self.do("VADD", self.key, "REDUCE", 8, "FP32", f32([1.0, -1.0] * 25), "waves")
        self.assertEqual(self.do("VDIM", self.key), 8)
        self.assertEqual(self.do("VSIM", self.key, "FP32", f32([0.9] * 50), "COUNT", 1), [b"ones"])
        self.refuse("Input dimension mismatch for projection - got 49 but projection expects 50",
                    "VSIM", self.key, "FP32", f32([1.0] * 49))
        self.two.delete(self.key)
        self.add("a", [1, 2])
        self.refuse("cannot add projection to existing set without projection",
                    "VADD", self.key, "REDUCE", 1, "FP32", f32([1, 2]), "b")


class Filters(Case):
    def setUp(self):
        super().setUp()
        for i in range(20):
            self.add("m%d" % i, [1, i / 20], "SETATTR",
                     '{"year":%d,"genre":"%s","tags":["t%d","all"],"seen":%s,"none":null,"deep":{"x":1}}' %
                     (1980 + i, "noir" if i % 2 else "drama", i, "true" if i < 5 else "false"))
        self.add("plain", [1, 0.5])

    def found(self, expression, *more):
        names = self.do("VSIM", self.key, "FP32", f32([1, 0]), "COUNT", 50, "FILTER", expression, *more)
        return sorted(int(n[1:]) for n in names)

    def test_expressions(self):
        for expression, want in (
                (".year >= 1995", range(15, 20)), (".year<1982 or .year>1997", [0, 1, 18, 19]),
                ('.genre == "noir" and .year < 1984', [1, 3]), ("not .seen", range(5, 20)), ("!.seen && .year % 10 == 9", [9, 19]),
                ('"t7" in .tags', [7]), ('.genre in ["noir", \'other\']', range(1, 20, 2)), ('"dra" in .genre', range(0, 20, 2)),
                ("(.year - 1980) * 2 == 8", [4]), (".year - 1980 * 2 == 8", []), ("2 ** 3 ** 0 + .year == 1983", [1]),
                (".none == null", range(20)), (".missing == 1 or .year > 0", []), (".deep", []), (".genre != 'noir'", range(0, 20, 2)),
                (".year/2==995", [10]), ("true", range(20)), ("false or .year==1985", [5])):
            self.assertEqual(self.found(expression), list(want), expression)
            self.assertEqual(self.found(expression, "TRUTH"), list(want), expression)

    def test_a_bound_on_the_effort(self):
        self.assertLessEqual(len(self.found(".year > 0", "FILTER-EF", 3)), 3)

    def test_attributes_change(self):
        self.assertEqual(self.do("VSETATTR", self.key, "m3", '{"year":1}'), 1)
        self.assertEqual(self.found(".year == 1"), [3])
        self.assertEqual(self.do("VSETATTR", self.key, "m3", ""), 1)
        self.assertIsNone(self.do("VGETATTR", self.key, "m3"))
        self.add("m4", [1, 0.1])
        self.assertIsNotNone(self.do("VGETATTR", self.key, "m4"))
        self.assertEqual(self.three.execute_command("VINFO", self.key)[b"attributes-count"], 19)


class Keys(Case):
    def fill(self, n=300, dim=16, *more):
        rng = random.Random(5)
        for i in range(n):
            self.add("e%d" % i, [rng.gauss(0, 1) for _ in range(dim)], *more)

    def same(self, key):
        for command in (["VCARD"], ["VDIM"], ["VRANGE", "-", "+"], ["VEMB", "e7", "RAW"], ["VGETATTR", "e7"], ["VLINKS", "e7"]):
            a, b = (self.do(command[0], k, *command[1:]) for k in (self.key, key))
            if command[0] == "VLINKS":
                a, b = [sorted(l) for l in a], [sorted(l) for l in b]
            self.assertEqual(a, b, command)

    def test_copies(self):
        other = self.key + ":copy"
        for more in ([], ["NOQUANT"], ["BIN"]):
            self.two.delete(self.key, other)
            self.fill(300, 16, *more)
            self.do("VSETATTR", self.key, "e7", '{"n":7}')
            self.assertEqual(self.do("COPY", self.key, other), 1)
            self.same(other)
            self.two.restore(other, 0, self.two.dump(self.key), replace=True)
            self.same(other)
            self.two.restore(other, 0, self.two.dump(other), replace=True)
            self.same(other)
        self.two.rename(other, other + "2")
        self.same(other + "2")
        self.two.delete(other + "2")

    def test_broken_payloads(self):
        self.fill(40, 4)
        dump = bytearray(self.two.dump(self.key))
        rng = random.Random(1)
        for _ in range(400):
            broken = bytearray(dump[:-10])
            for _ in range(rng.randrange(1, 4)):
                broken[rng.randrange(1, len(broken))] = rng.randrange(256)
            try:
                self.two.restore(self.key + ":b", 0, test_dump.envelope(bytes(broken)), replace=True)
                self.do("VSIM", self.key + ":b", "FP32", f32([1, 2, 3, 4]))
            except redis.ResponseError:
                pass
        self.two.delete(self.key + ":b")

    def test_a_key_like_any_other(self):
        self.fill(10)
        self.assertEqual(self.two.type(self.key), b"vectorset")
        self.assertEqual(self.two.object("ENCODING", self.key), b"raw")
        self.assertGreater(self.two.memory_usage(self.key), 1000)
        self.assertIn(self.key.encode(), list(self.two.scan_iter(match=self.key, _type="vectorset", count=1000)))
        self.two.pexpire(self.key, 60)
        time.sleep(0.15)
        self.assertEqual(self.do("VCARD", self.key), 0)

    def test_transactions(self):
        self.fill(10)
        pipe = self.two.pipeline()
        pipe.execute_command("VADD", self.key, "FP32", f32([1] * 16), "new")
        pipe.execute_command("VSIM", self.key, "ELE", "new", "COUNT", 1)
        pipe.execute_command("VREM", self.key, "new")
        pipe.execute_command("VSETATTR", self.key, "e1", "{}")
        self.assertEqual(pipe.execute(), [1, [b"new"], 1, 1])

    def test_events(self):
        self.two.config_set("notify-keyspace-events", "Kd")
        listener = client().pubsub()
        listener.subscribe("__keyspace@0__:" + self.key)
        listener.get_message(timeout=5)
        self.add("a", [1, 2])
        self.do("VSETATTR", self.key, "a", "{}")
        self.do("VREM", self.key, "a")
        seen, end = [], time.time() + 5
        while len(seen) < 3 and time.time() < end:
            message = listener.get_message(ignore_subscribe_messages=True, timeout=1)
            if message:
                seen.append(message["data"])
        self.two.config_set("notify-keyspace-events", "")
        self.assertEqual(seen, [b"vadd", b"vsetattr", b"vrem"])

    def test_memory_of_an_element(self):
        rng = random.Random(7)
        for form, most in (("Q8", 480), ("BIN", 220)):
            self.two.delete(self.key)
            pipe, n = self.two.pipeline(False), 3000
            for i in range(n):
                pipe.execute_command("VADD", self.key, "FP32", f32([rng.random() for _ in range(300)]), "%08d" % i, form, "EF", 20)
            pipe.execute()
            each = self.two.memory_usage(self.key, samples=0) / n
            # a chunk of nodes is whole, so that so few pay for room to spare; the name's block is 16 bytes
            self.assertLess(each, most * 1.4 + 16 + 64, form)


class Threads(Case):
    def work(self, seed, failures):
        rng, redis_client = random.Random(seed), client()
        do = redis_client.execute_command
        try:
            for i in range(150):
                vector = f32([rng.gauss(0, 1) for _ in range(8)])
                name = "e%d" % rng.randrange(60)
                what = rng.randrange(10)
                if what < 4:
                    do("VADD", self.key, "FP32", vector, name, "SETATTR", '{"n":%d}' % i)
                elif what < 6:
                    do("VREM", self.key, name)
                elif what < 9:
                    names = do("VSIM", self.key, "FP32", vector, "FILTER", ".n > 10")
                    assert len(names) == len(set(names)) <= 10
                elif what == 9 and rng.randrange(5) == 0:
                    redis_client.delete(self.key)
                else:
                    do("VSETATTR", self.key, name, '{"n":-1}')
                redis_client.set("beside:%d" % seed, i)
        except Exception as e:  # shown by the test
            failures.append(e)

    def test_all_at_once(self):
        failures = []
        threads = [threading.Thread(target=self.work, args=(i, failures)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        names = self.do("VRANGE", self.key, "-", "+")
        self.assertEqual(len(names), self.do("VCARD", self.key))
        if names:
            self.assertEqual(sorted(self.do("VSIM", self.key, "ELE", names[0], "COUNT", 100, "TRUTH")), names)


class Moves(Case):
    """A connection goes to another thread with its first search, whatever else it was doing."""

    def test_pipelines_around_the_move(self):
        self.add("a", [1, 0])
        for depth in (1, 10, 500):
            with client() as r:
                pipe = r.pipeline(False)
                for i in range(depth):
                    pipe.set("beside", i).get("beside")
                    pipe.execute_command("VSIM", self.key, "ELE", "a")
                    pipe.incr("beside")
                self.assertEqual(pipe.execute(), [v for i in range(depth) for v in (True, b"%d" % i, [b"a"], i + 1)])

    def test_one_that_is_killed_on_its_way(self):
        self.add("a", [1, 0])
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", doors.PORT)) as s:
                s.sendall(resp.encode([b"CLIENT", b"ID"]))
                number = int(s.recv(100)[1:])
                s.sendall(resp.encode([b"VSIM", self.key.encode(), b"ELE", b"a"]) * 50)
                self.two.execute_command("CLIENT", "KILL", "ID", number)
                s.settimeout(5)
                while True:
                    try:
                        if not s.recv(65536):
                            break
                    except ConnectionResetError:
                        break

    def test_one_that_leaves_on_its_way(self):
        self.add("a", [1, 0])
        for _ in range(200):
            with socket.create_connection(("127.0.0.1", doors.PORT)) as s:
                s.sendall(resp.encode([b"VSIM", self.key.encode(), b"ELE", b"a"]) * 3)
        self.assertTrue(self.two.ping())

    def test_subscribers_stay_and_still_get_messages(self):
        self.add("a", [1, 0])
        three = self.three.execute_command
        self.three.socket.sendall(resp.encode([b"SUBSCRIBE", b"moves"]))
        time.sleep(0.1)
        self.three.data += self.three.socket.recv(1000)
        (kind, _), end = resp.parse(self.three.data)
        self.assertEqual(kind, ">")
        self.three.data = self.three.data[end:]
        self.assertEqual(three("VSIM", self.key, "ELE", "a"), [b"a"])
        self.two.publish("moves", "one")
        time.sleep(0.1)
        self.assertIn(b"one", self.three.socket.recv(1000))


class Restarts(unittest.TestCase):
    def test_saved_and_logged(self):
        with tempfile.TemporaryDirectory() as folder:
            for flags in (["--appendonly", "no"], ["--appendonly", "yes", "--appendfsync", "no"]):
                port = doors.free_port()
                argv = [os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", str(port), "--memcached-port", "0",
                        "--http-port", "0", *flags]
                found = []
                for turn in range(2):
                    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    doors.wait_for(port)
                    with client(port) as r:
                        while r.info("persistence")["loading"]:
                            time.sleep(0.05)
                        if turn == 0:
                            r.flushall()
                            for i in range(100):
                                r.execute_command("VADD", "v", "VALUES", 3, i + 1, i % 7, 1, "e%d" % i, "SETATTR", '{"i":%d}' % i)
                            r.execute_command("VREM", "v", "e5")
                            if flags[1] == "no":
                                r.save()
                        found.append((r.execute_command("VRANGE", "v", "-", "+"), r.execute_command("VEMB", "v", "e9"),
                                      r.execute_command("VGETATTR", "v", "e9"),
                                      r.execute_command("VSIM", "v", "ELE", "e9", "FILTER", ".i > 20", "COUNT", 3)))
                    child.terminate()
                    self.assertEqual(child.wait(10), 0)
                self.assertEqual(found[0], found[1], flags)


if __name__ == "__main__":
    unittest.main()
