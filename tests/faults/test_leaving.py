"""Peers that go away: in the middle of a request, of every kind of reply, while they wait, and without a word."""

import struct

from client import WebSocket
from faults import HTTP, MEMCACHED, RESP, WAYS, Fault, connect, http_get, leave_by_reset, resp

SMALL_BUFFER = 4096 # the reply cannot be under way whole when its reader leaves


class Leaving(Fault):
    def leave(self, port, request, read=0):
        """One client for each way to leave, after `read` bytes of the answer."""
        for way in WAYS:
            s = connect(port, SMALL_BUFFER)
            s.sendall(request)
            if read:
                s.recv(read)
            way(s)

    def leave_at_cuts(self, port, whole, step=1):
        for end in range(0, len(whole), step):
            self.leave(port, whole[:end])


class Resp(Leaving):
    REPLIES = (b"GET big", b"HGETALL hash", b"HSCAN hash 0 COUNT 2000", b"HRANDFIELD hash 2000 WITHVALUES",
               b"ZRANGE zset 0 -1 WITHSCORES", b"ZSCAN zset 0 COUNT 2000", b"LRANGE list 0 -1", b"SMEMBERS set",
               b"XRANGE stream - +", b"KEYS *", b"SCAN 0 COUNT 3000", b"COMMAND", b"COMMAND DOCS", b"CONFIG GET *",
               b"INFO everything", b"CLIENT LIST", b"MGET big big", b"GET missing", b"INCR k0", b"NOSUCH x")

    def fill(self):
        self.redis.set("big", b"x" * 2000000)
        self.redis.hset("hash", mapping={"f%d" % i: "v" * 50 for i in range(2000)})
        self.redis.zadd("zset", {"m%d" % i: i for i in range(2000)})
        self.redis.mset({"k%d" % i: "v" * 100 for i in range(2000)})
        commands = self.redis.command()
        if "lrange" in commands:
            self.redis.rpush("list", *("element%d" % i for i in range(2000)))
        if "smembers" in commands:
            self.redis.sadd("set", *("member%d" % i for i in range(2000)))
        if "xrange" in commands:
            for i in range(500):
                self.redis.xadd("stream", {"field": "value%d" % i})

    def test_in_the_middle_of_every_kind_of_reply(self):
        self.fill()

        def fault():
            for protocol in (b"2", b"3"):
                for words in self.REPLIES:
                    self.leave(RESP, resp(b"HELLO", protocol) + resp(*words.split()) * 20, read=100)
        self.leaves_nothing(fault, 1, warm_up=1)

    def test_in_the_middle_of_a_request(self):
        whole = resp(b"SET", b"cut", b"x" * 30) + resp(b"APPEND", b"cut", b"y")
        self.leaves_nothing(lambda: self.leave_at_cuts(RESP, whole, 3), 2)

    def test_in_the_middle_of_a_large_value(self):
        head = b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$100000000\r\n"
        self.leaves_nothing(lambda: self.leave(RESP, head + b"x" * 3000000), 3)
        self.assertFalse(self.redis.exists("large"))

    def test_behind_a_long_pipeline(self):
        self.leaves_nothing(lambda: self.leave(RESP, resp(b"INCR", b"n") * 20000), 3)

    def test_subscribers_while_messages_come(self):
        def fault():
            names = b" ".join(b"c%d" % i for i in range(50))
            for request in (b"SUBSCRIBE " + names, b"PSUBSCRIBE c* d*", b"SSUBSCRIBE c1"):
                self.leave(RESP, request + b"\r\n", read=20)
            s = connect(RESP, SMALL_BUFFER)
            s.sendall(b"SUBSCRIBE c1\r\n")
            s.recv(100)
            for _ in range(30):
                self.redis.publish("c1", b"x" * 20000)
            leave_by_reset(s)
            self.redis.publish("c1", b"x" * 20000)
        self.leaves_nothing(fault, 3)
        self.assertEqual(self.redis.pubsub_numsub("c1", "c49"), [(b"c1", 0), (b"c49", 0)])
        self.assertEqual(self.redis.pubsub_numpat(), 0)

    def test_monitors_while_commands_run(self):
        def fault():
            self.leave(RESP, b"MONITOR\r\n", read=5)
            self.redis.mset({"k%d" % i: "v" for i in range(100)})
        self.leaves_nothing(fault, 3)

    def test_in_the_middle_of_a_transaction(self):
        queued = b"MULTI\r\n" + resp(b"SET", b"half", b"x" * 10000) * 20
        for request in (queued, b"WATCH a b c\r\n" + queued, b"WATCH a b c\r\n", queued + b"EXE"):
            self.leaves_nothing(lambda: self.leave(RESP, request, read=5), 5)
        self.assertFalse(self.redis.exists("half"))
        self.assertTrue(self.redis.set("a", 1)) # a watched key without its watchers

    def test_while_they_wait_for_a_key(self):
        waits = [b"BZPOPMIN za zb 0\r\n", b"BZMPOP 0 2 za zb MIN\r\n", b"BLPOP la lb 0\r\n", b"BLMOVE la lb LEFT LEFT 0\r\n",
                 b"XREAD BLOCK 0 STREAMS sa $\r\n"]
        self.leaves_nothing(lambda: [self.leave(RESP, request) for request in waits], 10)
        self.redis.zadd("za", {"m": 1})
        self.assertEqual(self.redis.zcard("za"), 1) # nobody who is gone took it

    def test_without_a_word(self):
        def fault():
            idle = [connect(RESP) for _ in range(200)]
            for s in idle:
                s.sendall(b"*3\r\n$3\r\nSET\r\n$1")
            self.assertTrue(self.redis.set("k", "v"))
            for s in idle:
                leave_by_reset(s)
        self.leaves_nothing(fault, 1)


class Memcached(Leaving):
    def test_in_the_middle_of_every_kind_of_reply(self):
        self.redis.set("big", b"x" * 900000)

        def fault():
            for request in (b"get" + b" big" * 20 + b"\r\n", b"gets big\r\n" * 20, b"stats\r\n" * 200, b"incr big 1\r\n" * 1000,
                            b"gat 100 big\r\n" * 20):
                self.leave(MEMCACHED, request, read=100)
        self.leaves_nothing(fault, 2)
        self.assertEqual(self.redis.strlen("big"), 900000)

    def test_in_the_middle_of_a_request(self):
        whole = b"set cut 5 0 30\r\n" + b"x" * 30 + b"\r\nget cut\r\n"
        self.leaves_nothing(lambda: self.leave_at_cuts(MEMCACHED, whole, 3), 2)

    def test_in_the_middle_of_a_value(self):
        for n in (900000, 50000000): # the second one is too large and passed over
            self.leaves_nothing(lambda: self.leave(MEMCACHED, b"set large 0 0 %d\r\n" % n + b"x" * 500000), 3)
        self.assertFalse(self.redis.exists("large"))


class Http(Leaving):
    def test_in_the_middle_of_a_reply(self):
        self.redis.set("big", b"x" * 2000000)
        self.redis.hset("hash", mapping={"f%d" % i: "v" * 50 for i in range(2000)})

        def fault():
            for path in (b"/v1/keys/big", b"/v1/hashes/hash", b"/openapi.yaml", b"/nosuch"):
                self.leave(HTTP, http_get(path), read=100)
                self.leave(HTTP, http_get(path) * 20, read=100)
        self.leaves_nothing(fault, 2)

    def test_in_the_middle_of_a_head(self):
        self.leaves_nothing(lambda: self.leave_at_cuts(HTTP, http_get(b"/v1/keys/k"), 2), 2)

    def test_in_the_middle_of_a_body(self):
        put = b"PUT /v1/keys/body HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
        requests = (put + b"Content-Length: 100\r\n\r\nab", put + b"Content-Length: 1000000\r\n\r\n" + b"x" * 300000,
                    put + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe",
                    put + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                    put + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
        self.leaves_nothing(lambda: [self.leave(HTTP, request) for request in requests], 4)
        self.assertFalse(self.redis.exists("body"))

    def test_without_a_word(self):
        def fault():
            idle = [connect(HTTP) for _ in range(100)]
            for s in idle:
                s.sendall(b"GET /healthz HTTP/1.1\r\n")
            with connect(HTTP) as s:
                s.sendall(http_get(b"/healthz"))
                self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200 "))
            for s in idle[:50]:
                s.sendall(b"Host: x\r\n\r\n")
                self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200 "))
            for s in idle:
                leave_by_reset(s)
        self.leaves_nothing(fault, 1)


class Ws(Leaving):
    HANDSHAKE = (b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Protocol: atrium.v1.json\r\n\r\n")
    TEXT = b'{"id":1,"op":"command","argv":["PING"]}'
    MASK = b"\1\2\3\4"

    def frame(self, first, payload, length=None):
        """A frame whose head says `length`; the payload may be shorter."""
        masked = bytes(b ^ self.MASK[i & 3] for i, b in enumerate(payload))
        n = len(payload) if length is None else length
        size = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n)
        return bytes([first]) + size + self.MASK + masked

    def leave_ws(self, data):
        for way in WAYS:
            w = WebSocket(HTTP)
            w.sock.sendall(data)
            way(w.sock)

    def test_in_the_middle_of_the_handshake(self):
        self.leaves_nothing(lambda: self.leave_at_cuts(HTTP, self.HANDSHAKE, 7), 2)
        self.leaves_nothing(lambda: self.leave(HTTP, self.HANDSHAKE), 5)
        self.leaves_nothing(lambda: self.leave(HTTP, self.HANDSHAKE + self.frame(0x81, self.TEXT)[:9]), 5)

    def test_in_the_middle_of_a_frame(self):
        whole = self.frame(0x81, self.TEXT)
        self.leaves_nothing(lambda: [self.leave_ws(whole[:end]) for end in range(0, len(whole), 5)], 2)

    def test_behind_frames_that_have_no_end(self):
        frames = (self.frame(0x81, b"x" * 100, 60000), self.frame(0x81, b"x", 1 << 40), self.frame(0x01, b"{"),
                  self.frame(0x01, b"{") + self.frame(0x00, b'"a'), self.frame(0x01, b"{") + self.frame(0x89, b"ping"),
                  self.frame(0x88, b"\x03\xe8"), self.frame(0x88, b"\x03\xe8")[:3])
        self.leaves_nothing(lambda: [self.leave_ws(data) for data in frames], 3)

    def test_while_messages_come(self):
        def fault():
            for way in WAYS:
                w = WebSocket(HTTP)
                self.assertTrue(w.ask("subscribe", channel="m")["ok"])
                for n in range(20):
                    w.send({"id": n, "op": "publish", "channel": "m", "data": "x" * 1000})
                way(w.sock)
        self.leaves_nothing(fault, 5)
        self.assertEqual(self.redis.pubsub_numsub("m"), [(b"m", 0)])
