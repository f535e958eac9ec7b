"""atrium.v1.resp3: a RESP3 connection in binary messages. Run by run.py."""

import json
import os
import random
import threading
import time
import urllib.request

from client import BINARY, CLOSE, PING, PONG, TEXT, Closed, Refused, Resp, WebSocket, bearer
from test_abuse import Baseline
from test_channels import HTTP, PORT, resp, room

PROTOCOL = "atrium.v1.resp3"
PASSWORD = "open sesame"


class Tunnel(WebSocket):
    """The stream of a RESP3 connection."""

    def __init__(self, **options):
        super().__init__(HTTP, **{"protocols": (PROTOCOL,), **options})
        self.stream = b""

    def write(self, data):
        self.send_frame(BINARY, data)

    def more(self):
        while True:
            opcode, payload = self.read_frame()
            if opcode == BINARY:
                self.stream += payload
                return
            if opcode == PING:
                self.send_frame(PONG, payload)
            if opcode == CLOSE:
                raise Closed(int.from_bytes(payload[:2], "big"), payload[2:].decode())

    def take(self, n):
        while len(self.stream) < n:
            self.more()
        data, self.stream = self.stream[:n], self.stream[n:]
        return data

    def line(self):
        while b"\r\n" not in self.stream:
            self.more()
        line, self.stream = self.stream.split(b"\r\n", 1)
        return line

    def reply(self, *_):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind in b"$=":
            return self.take(int(rest) + 2)[:-2]
        if kind in b"*~>":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"%":
            return {self.reply(): self.reply() for _ in range(int(rest))}
        return None if kind == b"_" else int(rest) if kind == b":" else line

    def run(self, *args):
        self.write(command(*args))
        return self.reply()


def command(*args):
    words = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def ended(t):
    try:
        while True:
            t.more()
    except Closed as closed:
        return closed.code


def refused(status, **options):
    try:
        Tunnel(**options).close()
    except Refused as answer:
        assert answer.status == status and json.loads(answer.body)["status"] == status, answer.head
        return
    raise AssertionError("accepted")


def test_resp3_runs_every_kind_of_command():
    name = room()
    with Tunnel() as t, resp() as r:
        assert t.protocol == PROTOCOL
        assert t.run("HSET", name, "a", "1", "b", "2") == 2
        assert t.run("HGETALL", name) == {b"a": b"1", b"b": b"2"}, "a map: it begins in RESP3"
        assert r.run("HGET", name, "b") == b"2"
        assert t.run("GET", name).startswith(b"-WRONGTYPE")
        assert t.run("GET", name + "none") is None
        assert [t.run(*c) for c in (("MULTI",), ("INCR", name + "n"), ("EXEC",))] == [b"+OK", b"+QUEUED", [1]]
        assert t.run("HELLO", "2")[:2] == [b"server", b"redis"]
        t.write(b"PING\r\n*1\r\n$4\r\nPING\r\n" + command("ECHO", b"\x00\xff"))
        assert [t.reply() for _ in range(3)] == [b"+PONG", b"+PONG", b"\x00\xff"]


def test_resp3_in_pieces():
    draw = random.Random(3)
    with Tunnel() as t:
        whole = b"".join(command("ECHO", "%d:%s" % (i, "x" * draw.randrange(50))) for i in range(60))
        at = 0
        while at < len(whole):
            n = draw.choice((0, 1, 1, 2, 5, 30))
            if draw.random() < 0.2:
                t.send_frame(BINARY, whole[at:at + n], final=False)
                t.send_frame(0, b"")
            else:
                t.write(whole[at:at + n])
            at += n
        assert [int(t.reply().split(b":")[0]) for _ in range(60)] == list(range(60))


def test_resp3_large_values_both_ways():
    name = room()
    value = random.Random(1).randbytes(9 << 20)
    with Tunnel() as t, resp() as r:
        t.sock.settimeout(30)
        sender = threading.Thread(target=t.write, args=(command("SET", name, value),))
        sender.start()
        assert t.reply() == b"+OK"
        sender.join()
        assert t.run("GET", name) == value
        assert r.run("STRLEN", name) == len(value)


def test_resp3_blocks_and_is_woken():
    name = room()
    with Tunnel() as t, resp() as r:
        t.write(command("BLPOP", name, 0) + command("PING"))
        time.sleep(0.1)
        assert r.run("RPUSH", name, "x") == 1
        assert t.reply() == [name.encode(), b"x"] and t.reply() == b"+PONG"
        assert t.run("BLPOP", name, "0.05") is None


def test_resp3_subscribes_and_runs_commands():
    name = room()
    with Tunnel() as t, WebSocket(HTTP) as a:
        assert t.run("SUBSCRIBE", name) == [b"subscribe", name.encode(), 1]
        for i in range(50):
            assert a.ask("publish", channel=name, data=str(i))["receivers"] == 1
        assert [t.reply()[2] for _ in range(50)] == [b"%d" % i for i in range(50)]
        assert t.run("PUBLISH", name, "own") == [b"message", name.encode(), b"own"] and t.reply() == 1


def test_resp3_is_one_client_with_its_address():
    with resp() as r, Baseline():
        before = len(r.run("CLIENT", "LIST").splitlines())
        with Tunnel() as t:
            number = t.run("CLIENT", "ID")
            lines = r.run("CLIENT", "LIST").decode().splitlines()
            assert len(lines) == before + 1, lines
            mine = next(line for line in lines if "id=%d " % number in line)
            assert "addr=127.0.0.1:%d " % t.sock.getsockname()[1] in mine and "resp=3" in mine, mine
            assert r.run("CLIENT", "KILL", "ID", number) == 1
            assert ended(t) == 4100
        with Tunnel() as t:
            assert t.run("QUIT") == b"+OK" and ended(t) == 4100


def test_resp3_leaves_in_the_middle():
    name = room()
    with resp() as r, Baseline():
        r.run("SET", name, b"v" * 100000)
        for i in range(60):
            t = Tunnel()
            t.write((command("BLPOP", name + "q", 0), command("GET", name) * 50, command("SET", name + "x", "1")[:20],
                     command("SUBSCRIBE", name))[i % 4])
            if i % 3 == 0:
                t.sock.settimeout(5)
                if i % 4 in (1, 3):
                    t.more()
            t.close()


def test_resp3_takes_binary_messages_alone():
    with Tunnel() as t:
        t.send_frame(TEXT, b"PING\r\n")
        assert ended(t) == 4008
    with Tunnel() as t:
        t.write(b"*1\r\n!garbage\r\n")
        assert t.reply().startswith(b"-ERR Protocol error") and ended(t) == 4100


def test_resp3_needs_the_password_with_the_handshake():
    with resp() as r:
        with resp() as other:
            body = json.dumps({"channels": ["c"]}).encode()
            asked = urllib.request.Request("http://127.0.0.1:%d/v1/tickets" % HTTP, body, {"Content-Type": "application/json"})
            ticket = json.load(urllib.request.urlopen(asked))["ticket"]
            refused(403, path="/v1/ws?ticket=" + ticket)
        assert r.run("CONFIG", "SET", "requirepass", PASSWORD) == b"+OK"
        refused(401)
        refused(401, protocols=(PROTOCOL, bearer("wrong")))
        with Tunnel(protocols=(PROTOCOL, bearer(PASSWORD))) as t:
            assert t.run("PING") == b"+PONG"
        assert r.run("CONFIG", "SET", "requirepass", "") == b"+OK"


def test_resp3_and_json_where_both_are_named():
    with WebSocket(HTTP, protocols=("other", PROTOCOL, "atrium.v1.json")) as a, \
            WebSocket(HTTP, protocols=("atrium.v1.json", PROTOCOL)) as b:
        assert a.protocol == PROTOCOL and b.protocol == "atrium.v1.json"
    for name in (",pair", "pair", "atrium.v1"):
        refused(400, protocols=(name,))


def test_resp3_of_a_client_that_does_not_read():
    """What it asked for is not made before it reads: neither side's memory grows."""
    name = room()
    with resp() as r, Tunnel() as t:
        baseline = Baseline()
        r.run("SET", name, b"v" * 1000000)
        before = baseline.resident()
        t.write(command("GET", name) * 200)
        time.sleep(0.5)
        assert baseline.resident() - before < 64 << 20, baseline.resident() - before
        t.sock.settimeout(20)
        for _ in range(200):
            assert len(t.reply()) == 1000000
        baseline.r.sock.close()


def test_resp3_is_not_compressed():
    with resp() as r:
        r.run("CONFIG", "SET", "ws-deflate", "yes")
        with Tunnel(headers=("Sec-WebSocket-Extensions: permessage-deflate",)) as t:
            assert t.extensions is None and t.run("PING") == b"+PONG"
