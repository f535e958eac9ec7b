"""Peers that do not read what they asked for, and peers that send a byte at a time: the server keeps little for them,
serves the others meanwhile, and cuts nothing off."""

import socket
import time

from client import WebSocket
from faults import HTTP, MEMCACHED, RESP, Fault, connect, http_get, leave_in_order, resp

BIG = 1000000
ASKED = 100 # times BIG: far more than the kernel's buffers hold
KEPT_BYTES = 24 * 1000000


def drain(s, want):
    """Reads `want` bytes, or to the end."""
    n = 0
    while n < want:
        got = len(s.recv(1 << 20))
        if not got:
            break
        n += got
    return n


class Readers(Fault):
    def slow(self, port, request, reply_bytes):
        """One that asks a hundred times for a large reply, and reads when all has been said."""
        self.redis.set("big", b"x" * BIG)
        before = self.settled()[2]
        s = connect(port, 4096)
        s.sendall(request * ASKED)
        time.sleep(0.2)
        began = time.time()
        self.assertTrue(self.redis.set("other", 1))
        self.assertLess(time.time() - began, 1)
        self.assertLess(self.settled()[2] - before, KEPT_BYTES)
        return s, reply_bytes * ASKED

    def test_of_large_replies_over_resp(self):
        s, want = self.slow(RESP, resp(b"GET", b"big"), BIG + len("$1000000\r\n\r\n"))
        self.assertEqual(drain(s, want), want)
        s.sendall(b"PING\r\n")
        self.assertEqual(s.recv(100), b"+PONG\r\n")
        s.close()

    def test_of_large_replies_over_memcached(self):
        s, want = self.slow(MEMCACHED, b"get big\r\n", BIG + len("VALUE big 0 1000000\r\n\r\nEND\r\n"))
        self.assertEqual(drain(s, want), want)
        s.sendall(b"get missing\r\n")
        self.assertEqual(s.recv(100), b"END\r\n")
        s.close()

    def test_of_large_replies_over_http(self):
        s, _ = self.slow(HTTP, http_get(b"/v1/keys/big"), 0)
        s.shutdown(socket.SHUT_WR)
        self.assertGreaterEqual(drain(s, 1 << 40), ASKED * BIG)
        s.close()

    def test_who_leave_without_reading(self):
        for port, request in ((RESP, resp(b"GET", b"big")), (MEMCACHED, b"get big\r\n"), (HTTP, http_get(b"/v1/keys/big"))):
            with self.subTest(port=port):
                self.leaves_nothing(lambda: leave_in_order(self.slow(port, request, 0)[0]), 3)

    def test_of_messages_over_resp(self):
        self.redis.config_set("client-output-buffer-limit", "pubsub 4mb 1mb 60")

        def fault():
            slow, quick = connect(RESP, 4096), connect(RESP)
            for s in (slow, quick):
                s.sendall(b"SUBSCRIBE flood\r\n")
                s.recv(100)
            until = time.time() + 20
            while self.redis.publish("flood", b"x" * 100000) == 2:
                drain(quick, 100000 + len("*3\r\n$7\r\nmessage\r\n$5\r\nflood\r\n$100000\r\n\r\n"))
                self.assertLess(time.time(), until, "never too slow")
            self.assertEqual(self.redis.publish("flood", b"end"), 1)
            slow.close()
            quick.close()
        try:
            self.leaves_nothing(fault, 2)
        finally:
            self.redis.config_set("client-output-buffer-limit", "pubsub 32mb 8mb 60")

    def test_of_messages_over_a_websocket(self):
        def fault():
            with WebSocket(HTTP) as slow:
                slow.ask("subscribe", channel="flood")
                until = time.time() + 20
                while self.redis.publish("flood", b"x" * 100000):
                    self.assertLess(time.time(), until, "never too slow")
        self.leaves_nothing(fault, 2)


class Writers(Fault):
    REQUESTS = (
        (RESP, resp(b"SET", b"slow", b"value") + resp(b"GET", b"slow"), b"+OK\r\n$5\r\nvalue\r\n"),
        (MEMCACHED, b"set slow 0 0 5\r\nvalue\r\nget slow\r\n", b"STORED\r\nVALUE slow 0 5\r\nvalue\r\nEND\r\n"),
        (HTTP, b"PUT /v1/keys/slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nvalue", b"HTTP/1.1 20"),
    )

    def test_a_byte_at_a_time_at_all_doors(self):
        peers = [(connect(port), request, answer) for port, request, answer in self.REQUESTS for _ in range(10)]
        for i in range(max(len(request) for _, request, _ in peers)):
            for s, request, _ in peers:
                s.sendall(request[i:i + 1])
            if i % 20 == 0:
                self.assertTrue(self.redis.ping())
        for s, request, answer in peers:
            got = b""
            while len(got) < len(answer):
                more = s.recv(1000)
                self.assertTrue(more, got)
                got += more
            self.assertEqual(got[:len(answer)], answer)
            s.close()
        self.assertEqual(self.redis.get("slow"), b"value")

    def test_a_frame_a_byte_at_a_time(self):
        with WebSocket(HTTP) as w:
            whole = []
            sock, w.sock = w.sock, None

            class Keep:
                sendall = staticmethod(whole.append)
            w.sock = Keep
            w.send({"id": 1, "op": "ping"})
            w.sock = sock
            for b in b"".join(whole):
                sock.sendall(bytes([b]))
            self.assertTrue(w.reply(1)["ok"])
