"""Clients that leave in the middle, never end their handshake, send wrong ones or monsters: bounded and clean. Descriptors,
clients, subscriptions and memory must come back to what they were. Run by run.py.

ATRIUM_WS_LEAVERS: how many clients leave in the middle of something; 10000 is the long form, the default fits `make test`."""

import base64
import json
import os
import random
import re
import socket
import struct
import threading
import time

from client import BINARY, CLOSE, PING, TEXT, Closed, Resp, WebSocket, frame

PORT = int(os.environ["ATRIUM_PORT"])
HTTP = int(os.environ["ATRIUM_HTTP_PORT"])
BUILD = os.environ.get("ATRIUM_BUILD", "plain")
SANITIZED = BUILD in ("asan", "tsan")
LEAVERS = int(os.environ.get("ATRIUM_WS_LEAVERS", 4000 if BUILD == "tsan" else 10000))
MEMORY_MAX = 8 << 20 # of growth that is the allocator's
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="


def config(r, **directives):
    for name, value in directives.items():
        assert r.run("CONFIG", "SET", name.replace("_", "-"), value) == b"+OK", name


def info(r, field):
    return re.search(rb"^%s:(.*?)\r?$" % field.encode(), r.run("INFO", "everything"), re.M).group(1).decode()


class Baseline:
    """What the server holds must, a while after the block, be what it held before it."""

    def __init__(self, grown_max=MEMORY_MAX):
        self.grown_max = grown_max
        self.r = Resp(PORT)
        self.pid = int(info(self.r, "process_id"))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def resident(self):
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def now(self):
        clients = len(self.r.run("CLIENT", "LIST").splitlines())
        return self.descriptors(), clients, self.r.run("PUBSUB", "CHANNELS"), self.r.run("PUBSUB", "NUMPAT")

    def __enter__(self):
        time.sleep(0.05) # connections that were made just now are taken in
        self.before, self.bytes = self.now(), self.resident()
        return self

    def __exit__(self, kind, *_):
        if kind:
            return
        until = time.time() + 20
        while self.now() != self.before:
            assert time.time() < until, (self.now(), self.before)
            time.sleep(0.05)
        while not SANITIZED and self.resident() - self.bytes >= self.grown_max: # the allocator gives back by and by
            assert time.time() < until, "%d KiB more than before" % ((self.resident() - self.bytes) >> 10)
            time.sleep(0.2)


def head(**changes):
    """A right handshake, with some of its fields replaced; None takes one out."""
    fields = {"Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY,
              "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "atrium.v1.json"}
    line = changes.pop("line", "GET /v1/ws HTTP/1.1")
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [line] + ["%s: %s" % f for f in fields.items() if f[1] is not None]
    return "\r\n".join(lines + ["", ""]).encode("latin-1")


def text(**op):
    return frame(TEXT, json.dumps(op).encode())


def dial():
    s = socket.create_connection(("127.0.0.1", HTTP), 10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


# ---- leaving --------------------------------------------------------------------------------------------------------

OPS = [
    text(id=1, op="auth", user="ann"),
    text(id=1, op="subscribe", channel="chat:leave", history=100, presence=True),
    text(id=1, op="subscribe", channel="leave", on_slow="drop"),
    text(id=1, op="subscribe", channel="chat:leave", recover={"epoch": "0" * 16, "offset": 3}),
    text(id=1, op="psubscribe", pattern="lea*"),
    text(id=1, op="unsubscribe", channel="leave"),
    text(id=1, op="publish", channel="chat:leave", data="x" * 3000, idempotency_key="k"),
    text(id=1, op="publish", channel="leave", data={"b64": "AAEC"}),
    text(id=1, op="history", channel="chat:leave", limit=100),
    text(id=1, op="presence", channel="chat:leave"),
    text(id=1, op="command", args=["SET", "leave", "x" * 3000, "PX", "1000"]),
    text(id=1, op="command", args=["LRANGE", "leave:list", 0, -1]),
    text(id=1, op="ping"),
    frame(TEXT, b'{"id":1,"op":"pi', final=False) + frame(PING, b"x") + frame(0, b'ng"}'),
    frame(PING, b"x" * 125),
    frame(CLOSE, struct.pack(">H", 1000)),
]


def resp_of(*words):
    return frame(BINARY, b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))


# The same under atrium.v1.resp3: a client leaves while it waits, listens, queues.
RESP3 = [
    resp_of(b"HELLO", b"3"),
    resp_of(b"SET", b"leave", b"x" * 3000, b"PX", b"1000"),
    resp_of(b"LRANGE", b"leave:list", b"0", b"-1"),
    resp_of(b"BLPOP", b"leave:none", b"0"),
    resp_of(b"SUBSCRIBE", b"leave", b"chat:leave"),
    resp_of(b"PSUBSCRIBE", b"lea*"),
    resp_of(b"MULTI") + resp_of(b"INCR", b"leave:n"),
    resp_of(b"WATCH", b"leave"),
    frame(BINARY, b"*2\r\n$3\r\nGE"),
]


def leave(rng):
    """One client: a handshake, perhaps some ops, the last one perhaps not whole, and it goes: by FIN, by half a FIN or by RST."""
    plain = rng.random() < 0.2
    ops = RESP3 if plain else OPS
    opened = head(Sec_WebSocket_Protocol="atrium.v1.resp3") if plain else head()
    data = opened + b"".join(rng.choice(ops) for _ in range(rng.randrange(4)))
    last = rng.choice(ops)
    data += last[:rng.randrange(len(last) + 1)]
    if rng.random() < 0.1:
        data = data[:rng.randrange(len(data))]
    s = dial()
    try:
        if rng.random() < 0.3:
            cut = rng.randrange(len(data) + 1)
            s.sendall(data[:cut])
            s.sendall(data[cut:])
        else:
            s.sendall(data)
        if rng.random() < 0.5:
            s.settimeout(0.002 if rng.random() < 0.9 else 0.02)
            s.recv(rng.choice((1, 100, 65536)))
    except OSError:
        pass
    how = rng.random()
    if how < 0.5:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how < 0.6:
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    s.close()


def leave_many(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        leave(rng)


def in_threads(n, work):
    wrong = []

    def guarded(i):
        try:
            work(i)
        except Exception as e:
            wrong.append(e)
    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong


def test_leaving_in_the_middle_of_every_op():
    stop = threading.Event()

    def publish():
        with Resp(PORT) as r:
            while not stop.is_set():
                r.run("PUBLISH", "leave", "y" * 2000)
                r.run("PUBLISH", "chat:leave", "y" * 500)

    with Resp(PORT) as r:
        r.run("RPUSH", "leave:list", *["z" * 1000] * 200)
        config(r, ws_ops_per_second=0)
        leave_many("warm", LEAVERS // 10)
        publisher = threading.Thread(target=publish)
        with Baseline():
            publisher.start()
            try:
                in_threads(4, lambda i: leave_many(i, LEAVERS // 4))
            finally:
                stop.set()
                publisher.join()
        r.run("DEL", "leave:list", "leave", "leave:n")


def test_leaving_at_every_byte():
    """One of each op, cut at each byte of it."""
    with Baseline():
        for opened, op in [(head(), op) for op in OPS] + [(head(Sec_WebSocket_Protocol="atrium.v1.resp3"), op) for op in RESP3]:
            step = 1 if len(op) < 200 and not SANITIZED else max(1, len(op) // 50)
            for cut in range(0, len(op), step):
                s = dial()
                s.sendall(opened + op[:cut])
                s.close()


# ---- handshakes -----------------------------------------------------------------------------------------------------


def test_slow_handshakes_end_and_delay_nobody():
    """Two hundred clients that send a byte now and then; they are closed after http-request-seconds, whatever they send."""
    bytes_of = head()
    with Resp(PORT) as r, Baseline(), WebSocket(HTTP) as healthy:
        config(r, http_request_seconds=2)
        started = time.time()
        slow = [dial() for _ in range(200)]
        open_ones, sent, worst = list(slow), 0, 0
        while open_ones and time.time() - started < 20:
            for s in open_ones:
                try:
                    s.sendall(bytes_of[sent:sent + 1])
                except OSError:
                    pass
            sent += 1
            assert sent < len(bytes_of) - 1
            before = time.time()
            assert healthy.ask("ping")["ok"]
            with WebSocket(HTTP) as fresh:
                assert fresh.ask("ping")["ok"]
            worst = max(worst, time.time() - before)
            open_ones = [s for s in open_ones if not ended(s)]
            time.sleep(0.1)
        took = time.time() - started
        for s in slow:
            s.close()
        config(r, http_request_seconds=30)
        assert not open_ones and 1.9 < took < 15, (len(open_ones), took)
        assert worst < 2, worst


def ended(s):
    """Has the server closed?"""
    s.setblocking(False)
    try:
        return s.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


WRONG = [
    ("400", dict(Sec_WebSocket_Key=None)),
    ("400", dict(Sec_WebSocket_Key="short")),
    ("400", dict(Sec_WebSocket_Protocol="soap")),
    ("400", dict(Sec_WebSocket_Protocol="atrium.v1.jso, atrium.v1.json2")),
    ("401", dict(Sec_WebSocket_Protocol="atrium.v1.json, atrium.bearer.!")),
    ("401", dict(line="GET /v1/ws?ticket=none HTTP/1.1")),
    ("400", dict(line="GET /v1/ws HTTP/1.0")),
    ("403", dict(Origin="http://evil.example")),
    ("403", dict(Origin="null")),
    ("404", dict(line="GET /v1/wss HTTP/1.1")),
    ("404", dict(line="GET /v1/ws/ HTTP/1.1")),
    ("405", dict(line="POST /v1/ws HTTP/1.1", Content_Length="0")),
    ("426", dict(Sec_WebSocket_Version="8")),
    ("426", dict(Sec_WebSocket_Version=None)),
    ("426", dict(Upgrade="h2c")),
    ("426", dict(Connection="close")),
]
GARBAGE = [b"\0" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 200, b"GET\r\n\r\n", b"GET /v1/ws\r\n\r\n",
           head(Host=None), head(line="GET /v1/ws"), head(line="GET  HTTP/1.1"), head(X="y" * 20000), head(line="GET /" + "a" * 20000 + " HTTP/1.1"),
           b"GET /v1/ws HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n", b"\r\n\r\n\r\n", b"\xff\xfe\xfd" * 50]


def answer_to(data):
    """What the server says before it closes, or within a short while."""
    s = dial()
    said = b""
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        while more := s.recv(65536):
            said += more
    except OSError:
        pass
    s.close()
    return said


def test_wrong_handshakes():
    """A thousand of them: the right refusal for each, and for garbage never a 101."""
    def wrong(seed):
        rng = random.Random(seed)
        for i in range(250):
            status, changes = WRONG[i % len(WRONG)]
            if i % 5 == 4:
                data = bytearray(rng.choice(GARBAGE))
                data[rng.randrange(min(len(data), 40))] = rng.randrange(256)
                answer_to(bytes(data))
                continue
            said = answer_to(head(**changes))
            assert said.startswith(b"HTTP/1.1 %s " % status.encode()), (status, changes, said[:200])

    answer_to(head(**WRONG[0][1]))
    with Baseline():
        for data in GARBAGE:
            said = answer_to(data)
            assert b" 101 " not in said[:20], (data[:80], said[:200])
        in_threads(4, wrong)


# ---- monsters -------------------------------------------------------------------------------------------------------


def refusal(a, data):
    """The code of the error that a text gets, or the close code."""
    try:
        a.sock.sendall(frame(TEXT, data))
        reply = a.read(20)
        return reply["error"]["code"] if not reply["ok"] else "ok"
    except (Closed, ConnectionError) as e:
        return getattr(e, "code", None)


def test_monsters_in_json():
    deep = [
        b"[" * 10000 + b"]" * 10000,
        b'{"a":' * 10000 + b"1" + b"}" * 10000,
        b'[{"a":' * 7000 + b"1" + b"}]" * 7000,
        b'{"op":"ping","x":' + b"[" * 10000 + b"]" * 10000 + b"}",
        b"[" * 60000,
        b'{"":' * 15000,
    ]
    wide = [
        b'{"op":"command","args":[' + b"0," * 30000 + b"0]}",
        b'{"op":"ping",' + b'"a":1,' * 9990 + b'"b":2}',
        b'{"op":"ping","x":' + b"9" * 60000 + b"}",
        b'{"op":"ping","x":1e' + b"9" * 60000 + b"}",
        b'{"op":"ping","x":"' + b"\\ud83d\\ude00" * 5000 + b'"}',
        b'{"op":"ping","x":"' + b"\\u" * 30000 + b'"}',
        b'{"op":"psubscribe","pattern":"' + b"*a" * 30000 + b'"}',
        b'{"op":"publish","channel":"c","data":{"b64":"' + b"AAAA" * 15000 + b'"}}',
        b'{"op":"publish","channel":"c","data":{"b64":"' + b"AAA" * 20000 + b'A=="}}',
    ]
    with Resp(PORT) as r, Baseline(), WebSocket(HTTP) as a:
        for depth in (16, 512):
            config(r, ws_json_depth=depth)
            for data in deep:
                assert refusal(a, data) == "too-large", data[:30]
        for data in wide:
            started = time.time()
            assert refusal(a, data) in ("ok", "bad-json", "bad-arguments", "too-large"), data[:40]
            assert time.time() - started < 5, data[:40]
        assert a.ask("ping")["ok"]


def test_monsters_of_16_mib():
    def send_them():
        for data in (b"[" * (1 << 24), b'{"a":' * 3000000, b'"' + b"\\u0000" * 2000000 + b'"', b"[" + b"1," * 8000000 + b"1]",
                     b'{"op":"command","args":["SET","k","' + b"x" * 16000000 + b'"]}'):
            with WebSocket(HTTP) as a:
                assert refusal(a, data[:1 << 24]) in ("too-large", "bad-json", "bad-arguments", "ok"), data[:20]
        r.run("DEL", "k")

    with Resp(PORT) as r:
        config(r, ws_max_message="16mb")
        send_them() # what a thread keeps for the next one
        with Baseline(32 << 20): # of 160 MiB that pass through
            send_them()
            send_them()
        config(r, ws_max_message="65536")


def test_frames_beyond_the_limit():
    with Baseline():
        for _ in range(20):
            with WebSocket(HTTP) as a:
                try:
                    a.sock.sendall(frame(TEXT, b"x" * 1000000))
                except OSError:
                    pass
                try:
                    a.close_code()
                except ConnectionError:
                    pass
