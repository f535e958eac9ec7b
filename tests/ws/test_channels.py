"""What channels keep, over WebSocket: history, resumption, presence, keys, tickets, slow readers, the end of the server.
Run by run.py."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

from client import CLOSE, TEXT, Closed, Refused, Resp, WebSocket

PORT = int(os.environ["ATRIUM_PORT"])
HTTP = int(os.environ["ATRIUM_HTTP_PORT"])
names = iter(range(1 << 30))
START = "%x" % int(time.time() * 1000)


def room():
    return "chat:%s:%d" % (START, next(names))


def ws(**options):
    return WebSocket(HTTP, **options)


def resp():
    return Resp(PORT)


def error(reply):
    assert reply["ok"] is False, reply
    return reply["error"]["code"]


def ok(reply):
    assert reply["ok"] is True, reply
    return reply


def data_of(reply):
    return [m["data"] for m in reply["messages"]]


# ---- history ------------------------------------------------------------------------------------------------------


def test_history_pages():
    c = room()
    with ws() as a:
        for i in range(1, 131):
            reply = ok(a.ask("publish", channel=c, data=str(i)))
            assert reply["offset"] == i, reply
        epoch = reply["epoch"]
        page = ok(a.ask("history", channel=c))
        assert data_of(page) == [str(i) for i in range(31, 131)] and page["epoch"] == epoch and page["offset"] == 130
        assert page["complete"] is True and "time_ms" in page["messages"][0]
        assert data_of(a.ask("history", channel=c, limit=2, reverse=True)) == ["130", "129"]
        assert data_of(a.ask("history", channel=c, since=127)) == ["128", "129", "130"]
        assert data_of(a.ask("history", channel=c, since={"epoch": epoch, "offset": 33}, reverse=True)) == ["32", "31"]
        gone = ok(a.ask("history", channel=c, since={"epoch": "0" * 15 + "1", "offset": 33}))
        assert gone["messages"] == [] and gone["complete"] is False
        assert ok(a.ask("history", channel=c, since=5))["complete"] is False
        assert error(a.ask("history", channel="plain")) == "not-kept"
        for fields in ({"limit": 0}, {"limit": 301}, {"since": -1}, {"since": "x"}, {"since": {}}, {"reverse": 1}):
            assert error(a.ask("history", channel=c, **fields)) == "bad-arguments", fields


def test_history_holds_any_bytes_from_any_door():
    c = room()
    with ws() as a, resp() as r:
        assert r.run("PUBLISH", c, b"\xff\x00") == 0
        ok(a.ask("auth", user="ann"))
        ok(a.ask("publish", channel=c, data={"b64": "AAE="}))
        page = ok(a.ask("subscribe", channel=c, history=10))
        assert [(m["data"], m.get("from")) for m in page["messages"]] == [({"b64": "/wA="}, None), ("\x00\x01", "ann")]


# ---- resumption -----------------------------------------------------------------------------------------------------


def test_resume():
    c = room()
    with ws() as a, ws() as b:
        at = ok(a.ask("subscribe", channel=c))
        assert at["offset"] == 0 and "recovered" not in at and at["messages"] == []
        ok(a.ask("unsubscribe", channel=c))
        for i in range(3):
            ok(b.ask("publish", channel=c, data=str(i)))
        here = {"epoch": at["epoch"], "offset": at["offset"]}
        reply = ok(a.ask("subscribe", channel=c, recover=here))
        assert reply["recovered"] is True and data_of(reply) == ["0", "1", "2"] and reply["offset"] == 3
        ok(b.ask("publish", channel=c, data="3"))
        push = a.push()
        assert push["data"] == "3" and push["offset"] == 4
        assert error(a.ask("subscribe", channel=c, recover=here)) == "already-subscribed"
        ok(a.ask("unsubscribe", channel=c))
        for wrong in ({"epoch": "f" * 16, "offset": 1}, {"epoch": "?", "offset": 1}, {"epoch": at["epoch"], "offset": 99}):
            reply = ok(a.ask("subscribe", channel=c, recover=wrong))
            assert reply["recovered"] is False and reply["messages"] == [] and reply["offset"] == 4, reply
            ok(a.ask("unsubscribe", channel=c))
        for wrong in (True, 5, {}, {"epoch": at["epoch"]}, {"offset": 1}, {"epoch": 5, "offset": 1},
                      {"epoch": at["epoch"], "offset": -1}):
            assert error(a.ask("subscribe", channel=c, recover=wrong)) == "bad-arguments", wrong
        reply = ok(a.ask("subscribe", channel="plain", recover=here))
        assert reply["recovered"] is False and "epoch" not in reply


def test_cut_again_and_again():
    """Numbered messages, a reader that is cut 20 times: none missing, none twice, or said so."""
    c, total, got, lost = room(), 10000, [], 0

    def publish():
        with resp() as r:
            for i in range(total):
                r.run("PUBLISH", c, str(i))

    publisher = threading.Thread(target=publish)
    with ws() as a:
        where = ok(a.ask("subscribe", channel=c))
    publisher.start()
    at = {"epoch": where["epoch"], "offset": where["offset"]}
    cut = 0
    while cut < 20 or publisher.is_alive():
        cut += 1
        a = ws()
        reply = ok(a.ask("subscribe", channel=c, recover=at))
        if not reply["recovered"]:
            lost += 1
            got.append(None)
        for m in reply["messages"]:
            got.append(int(m["data"]))
        at["offset"] = reply["offset"]
        until = time.time() + 0.02
        try:
            while time.time() < until:
                push = a.pushes.pop(0) if a.pushes else a.read(timeout=0.01)
                assert push["offset"] == at["offset"] + 1, (push, at)
                got.append(int(push["data"]))
                at["offset"] = push["offset"]
        except (TimeoutError, socket.timeout):
            pass
        a.sock.close()
    publisher.join()
    with ws() as a:
        reply = ok(a.ask("subscribe", channel=c, recover=at))
        got += [int(m["data"]) for m in reply["messages"]] if reply["recovered"] else [None]
    seen = [n for n in got if n is not None]
    assert seen == sorted(set(seen)), "twice, or out of order"
    for before, after in zip(got, got[1:]):
        assert before is None or after is None or after == before + 1, (before, after)
    assert at["offset"] > 0 and reply["offset"] == total


# ---- presence -------------------------------------------------------------------------------------------------------


def test_presence():
    c = room()
    with ws() as a, ws() as b, resp() as r:
        ok(a.ask("auth", user="ann"))
        ok(b.ask("auth", user="bob"))
        reply = ok(a.ask("subscribe", channel=c, presence=True))
        assert (reply["clients"], reply["users"]) == (1, 1) and reply["members"][0]["user"] == "ann"
        ok(b.ask("subscribe", channel=c))
        push = a.push()
        assert (push["op"], push["user"], push["clients"], push["users"]) == ("join", "bob", 2, 2), push
        with ws() as again:
            ok(again.ask("auth", user="ann"))
            ok(again.ask("subscribe", channel=c))
            push = a.push()
            assert (push["op"], push["user"], push["clients"], push["users"]) == ("join", "ann", 3, 2), push
        push = a.push()
        assert (push["op"], push["user"], push["clients"], push["users"]) == ("leave", "ann", 2, 2), push
        reply = ok(b.ask("presence", channel=c))
        assert {m["user"] for m in reply["members"]} == {"ann", "bob"} and reply["clients"] == 2
        ok(b.ask("unsubscribe", channel=c))
        assert a.push()["op"] == "leave"
        assert not b.pushes, "who did not ask is not told"
        assert error(a.ask("presence", channel="plain")) == "not-kept"
        assert error(a.ask("subscribe", channel="plain", presence=True)) == "not-kept"
        for user in ("", 5, "x" * 256, []):
            assert error(a.ask("auth", user=user)) == "bad-arguments", user


# ---- publishing -----------------------------------------------------------------------------------------------------


def test_echo():
    c = room()
    with ws() as a, ws() as b:
        ok(a.ask("subscribe", channel=c))
        ok(b.ask("subscribe", channel=c))
        ok(a.ask("publish", channel=c, data="1", echo=False))
        ok(a.ask("publish", channel=c, data="2", echo=True))
        assert a.push()["data"] == "2" and [b.push()["data"] for _ in "12"] == ["1", "2"]
        assert error(a.ask("publish", channel=c, data="1", echo=1)) == "bad-arguments"


def test_idempotency_key():
    c = room()
    with ws() as a, ws() as b:
        ok(b.ask("subscribe", channel=c))
        first = ok(a.ask("publish", channel=c, data="1", idempotency_key="k"))
        again = ok(a.ask("publish", channel=c, data="1", idempotency_key="k"))
        assert again["offset"] == first["offset"] == 1 and again["repeated"] is True and "repeated" not in first
        assert error(a.ask("publish", channel=c, data="2", idempotency_key="k")) == "idempotency-key-reused"
        ok(a.ask("publish", channel=c, data="2"))
        assert [b.push()["data"] for _ in "12"] == ["1", "2"]
        for key in ("", 5, "x" * 257):
            assert error(a.ask("publish", channel=c, data="1", idempotency_key=key)) == "bad-arguments"


# ---- slow readers ---------------------------------------------------------------------------------------------------


def test_slow_reader_is_told_its_gap():
    c = room()
    with ws() as slow, ws() as a, resp() as r:
        ok(slow.ask("subscribe", channel=c, on_slow="drop"))
        r.run("CONFIG", "SET", "ws-queue-messages", "64")
        for i in range(1500):
            r.run("PUBLISH", c, b"%05d" % i + b"x" * 16000)
        got, gaps, offset = [], 0, 0
        slow.send({"id": "end", "op": "ping"})
        while True:
            m = slow.read()
            if m.get("id") == "end":
                break
            if m["op"] == "gap":
                gaps += m["dropped"]
                assert m["channel"] == c and m["offset"] == offset, (m, offset)
                offset += m["dropped"]
                continue
            got.append(m["offset"])
            assert m["offset"] == offset + 1, (m["offset"], offset)
            offset = m["offset"]
        assert gaps > 0 and len(got) + gaps == 1500, (len(got), gaps)
        assert error(a.ask("subscribe", channel=c, on_slow="wait")) == "bad-arguments"


# ---- the end of the server --------------------------------------------------------------------------------------------


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


class Server:
    """An atrium of its own, with more directives."""

    def __init__(self, *more):
        self.port, self.http = free_ports(2)
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [os.environ["ATRIUM_PROGRAM"], "--dir", self.folder.name, "--port", str(self.port), "--http-port",
             str(self.http), "--memcached-port", "0", *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.time() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.http), 1).close()
                return
            except OSError:
                assert time.time() < until and self.process.poll() is None
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def test_the_end_is_announced():
    with Server() as s:
        many = [WebSocket(s.http) for _ in range(100)]
        with many[0] as a:
            at = ok(a.ask("subscribe", channel="chat:x"))
        s.process.send_signal(signal.SIGTERM)
        started = time.time()
        for w in many[1:]:
            try:
                w.read()
                raise AssertionError("a message?")
            except Closed as end:
                assert end.code == 4100 and "retry_after_ms=" in end.reason, (end.code, end.reason)
            w.send_frame(CLOSE, b"\x10\x04")
        assert s.process.wait(5) == 0
        assert 0.3 < time.time() - started < 4
    with Server() as s, WebSocket(s.http) as a:
        reply = ok(a.ask("subscribe", channel="chat:x", recover={"epoch": at["epoch"], "offset": at["offset"]}))
        assert reply["recovered"] is False and reply["epoch"] != at["epoch"]


def test_readyz_says_that_the_server_drains():
    """503 from the first moment on, while commands are answered still."""
    with Server() as s:
        many = [WebSocket(s.http) for _ in range(150)]
        with Resp(s.port) as r:
            s.process.send_signal(signal.SIGTERM)
            many[-1].sock.settimeout(5)
            many[-1].read_frame() # its close frame: the end has begun
            c = http.client.HTTPConnection("127.0.0.1", s.http, timeout=5)
            c.request("GET", "/readyz")
            assert c.getresponse().status == 503
            assert r.run("PING") == b"+PONG"
            assert refused_while_ending(s.http) == 503
        for w in many:
            w.close()
        assert s.process.wait(10) == 0


def refused_while_ending(port):
    try:
        WebSocket(port).close()
    except Refused as answer:
        return answer.status
    except (ConnectionError, Closed):
        return 503 # the door is shut
    return 101


def test_namespaces_say_who_may():
    rules = ("--channel-namespace", "news: ws_publish=no history_size=5 vip: ws_subscribe=no")
    with Server(*rules) as s, WebSocket(s.http) as a, Resp(s.port) as r:
        assert error(a.ask("publish", channel="news:1", data="x")) == "forbidden"
        assert error(a.ask("subscribe", channel="vip:1")) == "forbidden"
        assert error(a.ask("history", channel="vip:1")) == "forbidden"
        ok(a.ask("psubscribe", pattern="*"))
        r.run("PUBLISH", "vip:1", "secret")
        r.run("PUBLISH", "news:1", "open")
        assert a.push()["data"] == "open"
    for wrong in (("news: colour=red",), ("a: presence=yes a: history_size=1",)):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", "0", "--http-port", "0",
                                   "--memcached-port", "0", "--channel-namespace", *wrong], capture_output=True, timeout=10)
            assert done.returncode == 1 and b"channel-namespace" in done.stderr, done
