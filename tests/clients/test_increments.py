"""64 clients increment one key over three doors at once. Every value that any of them is told is told exactly once, the
sum is exact, and whoever names a bound never passes it.

First all doors add, memcached's clients too, who cannot name a bound: nobody comes near it. Then RESP and HTTP ask for
more than is left: exactly what is left is given."""

import multiprocessing
import os
import re
import socket
import unittest

import redis

import doors

PROCESSES, CLIENTS = 8, ("resp",) * 3 + ("memcached",) * 3 + ("http",) * 2
TOTAL = 1000000 if os.environ.get("ATRIUM_BUILD", "plain") == "plain" else 100000
KEY = "bounded"
BODY = b'{"max":%d}' % TOTAL


def http_request():
    return b"POST /v1/counters/%s/incr HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" \
           b"Content-Length: %d\r\n\r\n%s" % (KEY.encode(), len(BODY), BODY)


class Client:
    """One connection that sends increments in batches. `values` are those that were granted."""

    def __init__(self, port, request, batch, end, granted, refused):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.request, self.batch, self.end = request, batch, end
        self.granted, self.refused = granted, refused
        self.values, self.refusals, self.sent = [], 0, 0

    def send(self, left):
        self.sent = min(left, self.batch)
        self.socket.sendall(self.request * self.sent)
        return self.sent

    def receive(self):
        data, got = b"", 0
        while got < self.sent:
            more = self.socket.recv(1 << 20)
            if not more:
                raise RuntimeError("the connection closed")
            data += more
            got = len(self.end.findall(data))
        granted = [int(v) for v in self.granted.findall(data)]
        refused = len(self.refused.findall(data)) if self.refused else 0
        if len(granted) + refused != self.sent:
            raise RuntimeError("an answer that is neither yes nor no: %r" % data[-300:])
        self.values += granted
        self.refusals += refused


def connect(kind):
    if kind == "resp":
        return Client(doors.PORT, b"INCREX %s UBOUND %d\r\n" % (KEY.encode(), TOTAL), 200,
                      re.compile(rb"\*2\r\n:\d+\r\n:\d+\r\n"), re.compile(rb"\*2\r\n:(\d+)\r\n:1\r\n"),
                      re.compile(rb"\*2\r\n:\d+\r\n:0\r\n"))
    if kind == "memcached":
        return Client(doors.MEMCACHED_PORT, b"incr %s 1\r\n" % KEY.encode(), 200, re.compile(rb"\r\n"),
                      re.compile(rb"(\d+)\r\n"), None)
    return Client(doors.HTTP_PORT, http_request(), 16,
                  re.compile(rb'"ttl_ms":null(?:,"created":(?:true|false))?\}'),
                  re.compile(rb'"value":(\d+),"ttl_ms":null,"created"'), re.compile(rb'"status":409'))


def work(quotas, out):
    """8 clients, in turns, until each has asked as often as its door's quota says."""
    clients = [(connect(kind), kind) for kind in CLIENTS]
    left = [quotas.get(kind, 0) for kind in CLIENTS]
    while any(left):
        busy = [i for i in range(len(clients)) if left[i]]
        for i in busy:
            left[i] -= clients[i][0].send(left[i])
        for i in busy:
            clients[i][0].receive()
    out.put(([v for c, _ in clients for v in c.values], sum(c.refusals for c, _ in clients)))


def all_together(quotas):
    """(values granted, refusals) over all processes."""
    out = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(quotas, out)) for _ in range(PROCESSES)]
    for w in workers:
        w.start()
    results = [out.get(timeout=300) for _ in workers]
    for w in workers:
        w.join()
    return [v for values, _ in results for v in values], sum(r for _, r in results)


def per_client(kind, total):
    return total // (PROCESSES * CLIENTS.count(kind))


class Increments(unittest.TestCase):
    def test_64_clients_over_three_doors(self):
        server = redis.Redis(port=doors.PORT)
        server.set(KEY, 0)
        quotas = {"resp": per_client("resp", TOTAL * 60 // 100), "memcached": per_client("memcached", TOTAL * 25 // 100),
                  "http": per_client("http", TOTAL * 5 // 100)}
        first, refused = all_together(quotas)
        self.assertEqual(refused, 0)
        self.assertEqual(len(first), sum(n * PROCESSES * CLIENTS.count(kind) for kind, n in quotas.items()))
        self.assertEqual(int(server.get(KEY)), len(first))
        second, refused = all_together({"resp": per_client("resp", TOTAL * 12 // 100),
                                        "http": per_client("http", TOTAL * 4 // 100)})
        self.assertGreater(refused, 0)
        self.assertEqual(int(server.get(KEY)), TOTAL)
        self.assertEqual(len(first) + len(second), TOTAL)
        self.assertEqual(sorted(first + second), list(range(1, TOTAL + 1)))
