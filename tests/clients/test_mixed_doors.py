"""Eight clients at once on the same keys, two at each of four doors: RESP, memcached's text, its binary protocol and
REST. No answer may hold a torn value, counters lose nothing, and who says that its cas or its WATCH held is right."""

import http.client
import json
import random
import socket
import struct
import threading
import time
import unittest
import zlib

import redis

import doors

SECONDS, PIPELINE = 3, 40
KEYS, COUNTERS = ["mixed:%d" % i for i in range(12)], ["count:%d" % i for i in range(3)]
GUARDED = "guarded"  # goes up by one, and only by cas or WATCH
HEAD = struct.Struct(">BBHBBHIIQ")
GET, SET, DELETE, INCR, NOOP, APPEND, TOUCH, GAT = 0x00, 0x01, 0x04, 0x05, 0x0A, 0x0E, 0x1C, 0x1D


def value(rng):
    """Text that tells whether it is whole."""
    body = "%06x" % rng.getrandbits(24) * rng.choice((1, 5, 100, 2000))
    return "%08x%s" % (zlib.crc32(body.encode()), body)


class Client:
    """One of the eight: makes rounds at its door until the time is over."""

    def __init__(self, seed):
        self.rng, self.counted, self.won, self.wrong = random.Random(seed), 0, 0, []

    def see(self, text):
        text = text.decode() if isinstance(text, bytes) else text
        if text[:8] != "%08x" % zlib.crc32(text[8:].encode()):
            self.wrong.append("torn: %r" % text[:60])

    def key(self):
        return self.rng.choice(KEYS)

    def run(self, until):
        try:
            while time.monotonic() < until and not self.wrong:
                self.round()
                self.guard()
        except Exception as why:  # told by the test, not by a thread that is gone
            self.wrong.append(repr(why))
        self.close()


class Resp(Client):
    def __init__(self, seed):
        super().__init__(seed)
        self.redis = redis.Redis(port=doors.PORT, decode_responses=True)

    def round(self):
        pipeline, asked = self.redis.pipeline(transaction=self.rng.random() < 0.3), []
        for _ in range(PIPELINE):
            kind, key = self.rng.choice(("get", "get", "set", "delete", "expire", "incr", "mget")), self.key()
            asked.append(kind)
            if kind == "set":
                pipeline.set(key, value(self.rng), ex=self.rng.choice((None, 1, 100)))
            elif kind == "expire":
                pipeline.expire(key, 100)
            elif kind == "incr":
                pipeline.incrby(self.rng.choice(COUNTERS), 1)
            elif kind == "mget":
                pipeline.mget(KEYS)
            else:
                getattr(pipeline, kind)(key)
        for kind, reply in zip(asked, pipeline.execute()):
            self.counted += kind == "incr"
            for text in reply if kind == "mget" else [reply] if kind == "get" else []:
                if text is not None:
                    self.see(text)

    def guard(self):
        with self.redis.pipeline() as pipeline:
            try:
                pipeline.watch(GUARDED)
                now = int(pipeline.get(GUARDED))
                pipeline.multi()
                pipeline.set(GUARDED, now + 1)
                pipeline.execute()
                self.won += 1
            except redis.WatchError:
                pass

    def close(self):
        self.redis.close()


class Text(Client):
    def __init__(self, seed):
        super().__init__(seed)
        self.socket = socket.create_connection(("127.0.0.1", doors.MEMCACHED_PORT), 30)
        self.stream = self.socket.makefile("rb")

    def ask(self, requests):
        """The answers' lines up to mn's; a value stands behind its line."""
        self.socket.sendall("".join(requests + ["mn\r\n"]).encode())
        lines = []
        while not lines or lines[-1][0] != ["MN"]:
            words = self.stream.readline().decode().split()
            n = {"VALUE": 3, "VA": 1}.get(words[0])
            data = self.stream.read(int(words[n]) + 2)[:-2] if n else None
            lines.append((words, data))
        return lines[:-1]

    def round(self):
        requests = []
        for _ in range(PIPELINE):
            key, data = self.key(), value(self.rng)
            requests.append(self.rng.choice((
                "get %s\r\n" % " ".join(KEYS), "get %s\r\n" % key, "mg %s v t f\r\n" % key, "gat 100 %s\r\n" % key, "delete %s\r\n" % key,
                "set %s 7 %d %d\r\n%s\r\n" % (key, self.rng.choice((0, 1, 100)), len(data), data), "ms %s %d T100\r\n%s\r\n" % (key, len(data), data),
                "md %s\r\n" % key, "touch %s 100\r\n" % key, "incr %s 1\r\n" % self.rng.choice(COUNTERS), "ma %s O1\r\n" % self.rng.choice(COUNTERS),
            )))  # fmt: skip
        for words, data in self.ask(requests):
            self.counted += words[0].isdigit() or words == ["HD", "O1"]
            if data is not None:
                self.see(data)

    def guard(self):
        (words, now), _ = self.ask(["gets %s\r\n" % GUARDED])
        after = str(int(now) + 1)
        self.won += self.ask(["cas %s 0 0 %d %s\r\n%s\r\n" % (GUARDED, len(after), words[4], after)])[0][0] == ["STORED"]

    def close(self):
        self.stream.close()
        self.socket.close()


class Binary(Client):
    def __init__(self, seed):
        super().__init__(seed)
        self.socket = socket.create_connection(("127.0.0.1", doors.MEMCACHED_PORT), 30)
        self.stream = self.socket.makefile("rb")

    @staticmethod
    def frame(opcode, key="", extras=b"", data="", cas=0):
        body = extras + key.encode() + data.encode()
        return HEAD.pack(0x80, opcode, len(key), len(extras), 0, 0, len(body), 0, cas) + body

    def ask(self, requests):
        """Opcode, status, cas and value of each answer."""
        self.socket.sendall(b"".join(requests) + self.frame(NOOP))
        answers = []
        while not answers or answers[-1][0] != NOOP:
            _, opcode, nkey, nextras, _, status, nbody, _, cas = HEAD.unpack(self.stream.read(HEAD.size))
            answers.append((opcode, status, cas, self.stream.read(nbody)[nkey + nextras :]))
        return answers[:-1]

    def request(self):
        opcode, key, exptime = self.rng.choice((GET, GET, GAT, SET, DELETE, TOUCH, INCR)), self.key(), self.rng.choice((0, 1, 100))
        if opcode == SET:
            return self.frame(SET, key, struct.pack(">II", 9, exptime), value(self.rng))
        if opcode == INCR:
            return self.frame(INCR, self.rng.choice(COUNTERS), struct.pack(">QQI", 1, 0, 0xFFFFFFFF))
        return self.frame(opcode, key, struct.pack(">I", exptime) if opcode in (TOUCH, GAT) else b"")

    def round(self):
        for opcode, status, _, data in self.ask([self.request() for _ in range(PIPELINE)]):
            self.counted += opcode == INCR and status == 0
            if opcode in (GET, GAT) and status == 0:
                self.see(data)

    def guard(self):
        (_, _, cas, now), = self.ask([self.frame(GET, GUARDED)])
        (_, status, _, _), = self.ask([self.frame(SET, GUARDED, bytes(8), str(int(now) + 1), cas)])
        self.won += status == 0

    def close(self):
        self.stream.close()
        self.socket.close()


class Rest(Client):
    def __init__(self, seed):
        super().__init__(seed)
        self.http = http.client.HTTPConnection("127.0.0.1", doors.HTTP_PORT, timeout=30)

    def ask(self, method, path, body=None):
        self.http.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"} if body else {})
        response = self.http.getresponse()
        return response.status, response.read()

    def round(self):
        for _ in range(PIPELINE // 4):
            kind, path = self.rng.choice(("GET", "GET", "PUT", "DELETE", "POST")), "/v1/keys/" + self.key()
            if kind == "POST":
                status, _ = self.ask("POST", "/v1/counters/%s/incr" % self.rng.choice(COUNTERS), {"by": 1})
                self.counted += status == 200
                continue
            status, body = self.ask(kind, path, {"value": value(self.rng)} if kind == "PUT" else None)
            if status not in (200, 201, 204, 404):
                self.wrong.append("%s: %d %r" % (kind, status, body[:200]))
            if kind == "GET" and status == 200:
                self.see(json.loads(body)["value"])

    def guard(self):
        pass  # its own guards are tested in tests/http

    def close(self):
        self.http.close()


class MixedDoors(unittest.TestCase):
    def test_eight_clients_at_four_doors(self):
        with redis.Redis(port=doors.PORT, decode_responses=True) as r:
            r.flushall()
            r.mset({name: 0 for name in (*COUNTERS, GUARDED)})
            clients = [kind(i) for i, kind in enumerate((Resp, Text, Binary, Rest) * 2)]
            until = time.monotonic() + SECONDS
            threads = [threading.Thread(target=c.run, args=(until,)) for c in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([c.wrong for c in clients], [[]] * len(clients))
            self.assertEqual(sum(int(n) for n in r.mget(COUNTERS)), sum(c.counted for c in clients))
            self.assertEqual(int(r.get(GUARDED)), sum(c.won for c in clients))
            for c in clients:  # each came to its turn
                self.assertGreater(c.counted, 0, type(c).__name__)
            self.assertGreater(min(sum(c.won for c in clients if isinstance(c, kind)) for kind in (Resp, Text, Binary)), 0)


if __name__ == "__main__":
    unittest.main()
