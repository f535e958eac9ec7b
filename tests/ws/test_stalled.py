"""Readers that stall beside 500 that read: the server's memory stays bounded, the one is closed with 4108, the other is told
its gap, /metrics shows both, and the healthy ones get every message. How long theirs took is printed beside what it was
without the stalled ones. Run by run.py."""

import http.client
import json
import os
import re
import selectors
import socket
import time

from client import TEXT, Resp, WebSocket, frame
from test_abuse import SANITIZED, Baseline, config

PORT = int(os.environ["ATRIUM_PORT"])
HTTP = int(os.environ["ATRIUM_HTTP_PORT"])
HEALTHY, SAMPLED = (100, 10) if SANITIZED else (500, 25)
ROUNDS, PER_ROUND = 100, 4 # messages of a measurement: so many at once, so many times
GROWN_MAX = 48 << 20       # the queues of two stalled ones are 2 MiB


class Crowd:
    """Subscribers to a channel: all count their bytes, some look at when each message was sent."""

    def __init__(self, channel):
        self.poll = selectors.DefaultSelector()
        self.socks, self.bytes, self.times = [], {}, []
        for i in range(HEALTHY):
            a = WebSocket(HTTP)
            assert a.ask("subscribe", channel=channel)["ok"]
            a.sock.setblocking(False)
            self.socks.append(a)
            self.bytes[i] = 0
            self.poll.register(a.sock, selectors.EVENT_READ, i)

    def read(self, until, each=None):
        """Reads until all have as many bytes, or for `each` seconds."""
        stop = time.perf_counter() + (each or 30)
        while time.perf_counter() < stop and (each or min(self.bytes.values()) < until):
            for key, _ in self.poll.select(0.0005 if each else 0.1):
                data = key.fileobj.recv(1 << 20)
                assert data, "a healthy one was closed"
                self.bytes[key.data] += len(data)
                if key.data < SAMPLED:
                    now = time.perf_counter_ns()
                    self.times += [now - int(sent) for sent in re.findall(rb'"data":"(\d{20})', data)]

    def close(self):
        for a in self.socks:
            a.close()


def publish(r, channel, n, pad=""):
    """Pipelined; how many subscriptions got each."""
    for _ in range(n):
        r.send("PUBLISH", channel, "%020d%s" % (time.perf_counter_ns(), pad))
    return [r.read() for _ in range(n)]


def measure(crowd, r, between):
    """p99 in ms of messages to the crowd, of which each must get all. `between` runs once a round."""
    crowd.times = []
    before, one = dict(crowd.bytes), None
    for _ in range(ROUNDS):
        publish(r, "stall:fan", PER_ROUND)
        between()
        crowd.read(0, each=0.01)
    for _ in range(500):
        if len(crowd.times) >= SAMPLED * ROUNDS * PER_ROUND:
            break
        crowd.read(0, each=0.01)
    crowd.read(max(crowd.bytes.values()))
    got = {crowd.bytes[i] - before[i] for i in before}
    assert len(got) == 1, "some miss messages: %s" % got
    assert len(crowd.times) == SAMPLED * ROUNDS * PER_ROUND, len(crowd.times)
    return sorted(crowd.times)[len(crowd.times) * 99 // 100] / 1e6


def metric(name):
    c = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=5)
    c.request("GET", "/metrics")
    return int(re.search(r"^%s (\d+)$" % name, c.getresponse().read().decode(), re.M).group(1))


def stalled(**how):
    a = WebSocket.__new__(WebSocket)
    a.sock = socket.socket()
    a.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    a.sock.connect(("127.0.0.1", HTTP))
    a.sock.settimeout(5)
    a.rest, a.ids, a.pushes = b"", 0, []
    a.handshake(HTTP, "/v1/ws", ("atrium.v1.json",), (), "13")
    for channel in ("stall:fan", "stall:much"):
        assert a.ask("subscribe", channel=channel, **how)["ok"]
    return a


def test_stalled_readers_beside_the_healthy():
    names = ("atrium_slow_clients_closed_total", "atrium_websocket_messages_dropped_total")
    counted = [metric(name) for name in names]
    with Resp(PORT) as r, Baseline() as server:
        most = 0

        def flood():
            nonlocal most
            publish(r, "stall:much", 10, "x" * 20000)
            most = max(most, server.resident())

        crowd = Crowd("stall:fan")
        measure(crowd, r, flood)
        alone = measure(crowd, r, flood)
        closed, told = stalled(), stalled(on_slow="drop")
        before, most = server.resident(), 0
        beside = measure(crowd, r, flood)
        print("%d healthy readers: p99 %.2f ms alone, %.2f ms beside two stalled ones; %d KiB more resident memory" % (
            HEALTHY, alone, beside, (most - before) >> 10))
        assert most - before < GROWN_MAX or SANITIZED, "%d KiB more" % ((most - before) >> 10)
        assert [metric(name) - n > 0 for name, n in zip(names, counted)] == [True, True]
        assert closed.close_code(10) in (4108, None)
        gaps, got = gap_and_messages(told)
        assert gaps > 0 and got + gaps == ROUNDS * (PER_ROUND + 10), (gaps, got)
        crowd.close()
        closed.close()
        told.close()


def gap_and_messages(a):
    """What was left out for the reader, and what it got, once it reads again."""
    a.sock.sendall(frame(TEXT, json.dumps({"id": "end", "op": "ping"}).encode()))
    gaps = got = 0
    while True:
        m = a.pushes.pop(0) if a.pushes else a.read(10)
        if m.get("id") == "end":
            return gaps, got
        if m["op"] == "gap":
            gaps += m["dropped"]
        else:
            got += 1
