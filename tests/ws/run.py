#!/usr/bin/python3
"""The WebSocket door against plain sockets: ATRIUM_PORT and ATRIUM_HTTP_PORT name a running, empty atrium.

Every function named test_* is one test. Limits are set by CONFIG SET and put back after each test."""

import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from client import BINARY, CLOSE, PING, PONG, TEXT, Closed, Refused, Resp, WebSocket, bearer
import client
import test_abuse
import test_binary
import test_channels
import test_deflate
import test_frames
import test_resp3
import test_stalled
import test_tickets
from contract import Contract

PORT = int(os.environ["ATRIUM_PORT"])
HTTP = int(os.environ["ATRIUM_HTTP_PORT"])
DEFAULTS = {
    "ws-origins": "", "ws-max-message": "65536", "ws-json-depth": "16", "ws-max-channels": "128", "ws-max-name": "255",
    "ws-ops-per-second": "0", "ws-queue-bytes": "1048576", "ws-queue-messages": "1024", "ws-ping-seconds": "25",
    "ws-pong-seconds": "10", "ws-max-connections-per-address": "0", "ws-deflate": "no", "ws-deflate-ratio": "10",
    "ws-auth-seconds": "10", "requirepass": "", "maxclients": "10000",
}


def ws(**options):
    return WebSocket(HTTP, **options)


def resp():
    return Resp(PORT)


def config(r, **directives):
    for name, value in directives.items():
        answer = r.run("CONFIG", "SET", name.replace("_", "-"), value)
        assert answer == b"+OK", (name, value, answer)


def error(reply):
    assert reply["ok"] is False, reply
    assert set(reply["error"]) >= {"code", "message", "retryable"}, reply
    return reply["error"]["code"]


def ok(reply):
    assert reply["ok"] is True, reply
    return reply


def wait_until(condition, seconds=5):
    until = time.time() + seconds
    while not condition():
        assert time.time() < until, "in vain"
        time.sleep(0.02)


# ---- handshake ------------------------------------------------------------------------------------------------


def refused(status, **options):
    try:
        ws(**options).close()
    except Refused as answer:
        assert answer.status == status, answer.head
        body = json.loads(answer.body)
        assert body["status"] == status and body["detail"], body
        return answer
    raise AssertionError("accepted")


def test_handshake_names_the_subprotocol():
    with ws() as a, ws(protocols=("other", "atrium.v1.json")) as b:
        assert a.protocol == b.protocol == "atrium.v1.json"
        ok(a.ask("ping")), ok(b.ask("ping"))


def test_handshake_without_subprotocol():
    with ws(protocols=()) as a:
        assert a.protocol is None
        ok(a.ask("ping"))


def test_handshake_refusals():
    refused(400, protocols=("other",))
    refused(426, version="8")
    for key in ("", "short"):
        raw = WebSocket.__new__(WebSocket)
        raw.sock = socket.create_connection(("127.0.0.1", HTTP), 5)
        raw.sock.sendall((f"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        assert b" 400 " in raw.read_to_end().split(b"\r\n")[0]
    refused(404, path="/v1/other")


def test_handshake_beyond_maxclients():
    with resp() as r:
        config(r, maxclients=2)
        refused(503)
        config(r, maxclients=10000)
        ws().close()


def test_handshake_in_pieces():
    s = socket.create_connection(("127.0.0.1", HTTP), 5)
    head = (f"GET /v1/ws?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{HTTP}\r\nUpgrade: WebSocket\r\n"
            "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n").encode()
    for i in range(0, len(head), 7):
        s.sendall(head[i:i + 7])
        time.sleep(0.002)
    assert s.recv(4096).startswith(b"HTTP/1.1 101 ")
    s.close()


def test_frames_right_behind_the_head():
    s = socket.create_connection(("127.0.0.1", HTTP), 5)
    text = b'{"id":1,"op":"ping"}'
    frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
    s.sendall((f"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode() + frame)
    data = b""
    while b"pong" not in data:
        more = s.recv(4096)
        assert more, data
        data += more
    s.close()


def test_origins():
    def origin(value):
        return {"headers": [f"Origin: {value}"]}
    ws(**origin(f"http://127.0.0.1:{HTTP}")).close()
    ws(**origin(f"https://127.0.0.1:{HTTP}")).close()
    for other in ("http://evil.example", "null", "http://127.0.0.1", f"http://127.0.0.1:{HTTP}.evil.example", "http://"):
        refused(403, **origin(other))
    with resp() as r:
        config(r, ws_origins="https://a.example http://b.example:8000")
        ws(**origin("https://a.example")).close()
        ws(**origin("http://B.example:8000")).close()
        refused(403, **origin("http://a.example"))
        refused(403, **origin("https://a.example.evil"))
        config(r, ws_origins="*")
        ws(**origin("null")).close()


# ---- passwords ------------------------------------------------------------------------------------------------


def test_bearer_in_the_handshake():
    with resp() as r:
        config(r, requirepass="geh?eim~1")
        with ws(protocols=("atrium.v1.json", bearer("geh?eim~1"))) as a:
            assert a.protocol == "atrium.v1.json"
            ok(a.ask("subscribe", channel="c"))
        refused(401, protocols=("atrium.v1.json", bearer("wrong")))
        refused(401, protocols=("atrium.v1.json", "atrium.bearer.!!!"))


def test_auth_as_first_op():
    with resp() as r:
        config(r, requirepass="secret")
        with ws() as a:
            for op, fields in (("subscribe", {"channel": "c"}), ("psubscribe", {"pattern": "c"}),
                               ("unsubscribe", {"channel": "c"}), ("publish", {"channel": "c", "data": ""}),
                               ("command", {"args": ["GET", "k"]})):
                assert error(a.ask(op, **fields)) == "unauthenticated"
            ok(a.ask("ping"))
            reply = ok(a.ask("auth", token="secret"))
            assert reply["user"] == "default" and reply["session"] > 0
            assert reply["limits"]["message_bytes"] == 65536 and reply["limits"]["channels"] == 128
            ok(a.ask("subscribe", channel="c"))
            ok(a.ask("auth", token="secret"))


def test_wrong_token_closes():
    with resp() as r:
        config(r, requirepass="secret")
        for token in ("wrong", "", "secret\0", "secre"):
            with ws() as a:
                assert error(a.ask("auth", token=token)) == "wrong-credentials"
                assert a.close_code() == 4001
        with ws() as a:
            assert error(a.ask("auth")) == error(a.ask("auth", user="ann")) == "unauthenticated"
            assert error(a.ask("auth", token=5)) == "bad-arguments"
            ok(a.ask("auth", token="secret"))


def test_no_auth_in_time():
    with resp() as r:
        config(r, requirepass="secret", ws_auth_seconds=1)
        with ws() as a:
            assert a.close_code() == 4001


def test_auth_without_a_password():
    with ws() as a:
        ok(a.ask("auth", token="anything"))


# ---- channels -------------------------------------------------------------------------------------------------


def test_messages_from_resp():
    with ws() as a, resp() as r:
        reply = ok(a.ask("subscribe", channel="room"))
        assert reply["channel"] == "room" and set(reply) == {"id", "ok", "channel"}
        before = time.time() * 1000
        assert r.run("PUBLISH", "room", "h\u00e9llo \"\\\n\0") == 1
        push = a.push()
        assert push["op"] == "message" and push["channel"] == "room" and push["data"] == "h\u00e9llo \"\\\n\0"
        assert before - 1 <= push["time_ms"] <= time.time() * 1000 + 1
        assert r.run("PUBLISH", "other", "x") == 0
        assert a.quiet()


def test_messages_to_resp():
    with ws() as a, resp() as r:
        r.run("SUBSCRIBE", "room")
        assert ok(a.ask("publish", channel="room", data="hi"))["receivers"] == 1
        assert r.read() == [b"message", b"room", b"hi"]
        assert ok(a.ask("publish", channel="room", data={"b64": "AP8="}))["receivers"] == 1
        assert r.read() == [b"message", b"room", b"\x00\xff"]
        assert ok(a.ask("publish", channel="none", data=""))["receivers"] == 0


def test_bytes_that_are_no_text():
    with ws() as a, resp() as r:
        ok(a.ask("subscribe", channel={"b64": "/w=="}))
        assert r.run("PUBLISH", b"\xff", b"\xfe\x00") == 1
        push = a.push()
        assert push["channel"] == {"b64": "/w=="} and push["data"] == {"b64": "/gA="}
        ok(a.ask("unsubscribe", channel={"b64": "/w=="}))
        assert r.run("PUBLISH", b"\xff", "x") == 0


def test_patterns():
    with ws() as a, resp() as r:
        assert ok(a.ask("psubscribe", pattern="room:*"))["pattern"] == "room:*"
        ok(a.ask("subscribe", channel="room:1"))
        assert r.run("PUBLISH", "room:1", "x") == 2
        pushes = sorted((a.push() for _ in range(2)), key=len)
        assert "pattern" not in pushes[0] and pushes[1]["pattern"] == "room:*"
        assert pushes[1]["channel"] == pushes[0]["channel"] == "room:1"
        assert r.run("PUBSUB", "NUMPAT") == 1
        ok(a.ask("unsubscribe", pattern="room:*"))
        assert r.run("PUBLISH", "room:1", "y") == 1
        assert r.run("PUBSUB", "NUMPAT") == 0


def test_own_message_before_the_reply():
    with ws() as a:
        ok(a.ask("subscribe", channel="c"))
        assert ok(a.ask("publish", channel="c", data="mine"))["receivers"] == 1
        assert [p["data"] for p in a.pushes] == ["mine"]


def test_subscribing_twice_counts_once():
    with ws() as a, resp() as r:
        ok(a.ask("subscribe", channel="c"))
        ok(a.ask("subscribe", channel="c"))
        assert r.run("PUBLISH", "c", "x") == 1
        assert a.push()["data"] == "x" and a.quiet()
        assert ok(a.ask("unsubscribe", channel="c"))["was_subscribed"] is True
        assert ok(a.ask("unsubscribe", channel="c"))["was_subscribed"] is False


def test_leaving_ends_subscriptions():
    with resp() as r:
        for closing in (lambda a: a.send_frame(CLOSE, struct.pack(">H", 1000)), lambda a: None):
            a = ws()
            ok(a.ask("subscribe", channel="gone"))
            ok(a.ask("psubscribe", pattern="gone*"))
            closing(a)
            a.close()
            wait_until(lambda: r.run("PUBSUB", "NUMSUB", "gone") == [b"gone", 0] and r.run("PUBSUB", "NUMPAT") == 0)


def test_many_receivers_in_order():
    everyone = [ws() for _ in range(30)]
    try:
        for a in everyone:
            ok(a.ask("subscribe", channel="all"))
        with resp() as r:
            for start in range(0, 3000, 300):
                numbers = [str(i) for i in range(start, start + 300)]
                r.sock.sendall(b"".join(b"*3\r\n$7\r\nPUBLISH\r\n$3\r\nall\r\n$%d\r\n%s\r\n" % (len(i), i.encode())
                                        for i in numbers))
                for a in everyone:
                    assert [a.push()["data"] for _ in numbers] == numbers
                assert [r.read() for _ in numbers] == [30] * 300
    finally:
        for a in everyone:
            a.close()


def test_a_large_message_to_many():
    with ws() as a, ws() as b, resp() as r:
        for w in (a, b):
            ok(w.ask("subscribe", channel="big"))
        for n in (125, 126, 65535 - 80, 65536, 500000):
            assert r.run("PUBLISH", "big", "x" * n) == 2
            assert a.push()["data"] == b.push()["data"] == "x" * n


def test_keyspace_events():
    with ws() as a, resp() as r:
        config(r, notify_keyspace_events="KEA")
        ok(a.ask("psubscribe", pattern="__key*__:*"))
        ok(a.ask("command", args=["SET", "ws:key", "v"]))
        got = {(p["channel"], p["data"]) for p in (a.push(), a.push())}
        config(r, notify_keyspace_events="")
        r.run("DEL", "ws:key")
        assert got >= {("__keyspace@0__:ws:key", "set"), ("__keyevent@0__:set", "ws:key")}, got


# ---- commands -------------------------------------------------------------------------------------------------


def test_commands():
    with ws() as a, resp() as r:
        assert ok(a.ask("command", args=["SET", "ws:k", {"b64": "AAE="}]))["result"] == "OK"
        assert r.run("GET", "ws:k") == b"\x00\x01"
        assert ok(a.ask("command", args=["GET", "ws:k"]))["result"] == "\x00\x01"
        assert ok(a.ask("command", args=["GET", "ws:none"]))["result"] is None
        assert ok(a.ask("command", args=["INCRBY", "ws:n", 9007199254740993]))["result"] == "9007199254740993"
        assert ok(a.ask("command", args=["INCRBY", "ws:n", -9007199254740992]))["result"] == 1
        assert ok(a.ask("command", args=["MGET", "ws:n", "ws:none"]))["result"] == ["1", None]
        assert ok(a.ask("command", args=["DEL", "ws:k", "ws:n"]))["result"] == 2


def test_vectors_by_command():
    with ws() as a:
        for name, x, y in (("east", 1, 0), ("north", 0, 1), ("northeast", 1, 1)):
            assert ok(a.ask("command", args=["VADD", "ws:v", "VALUES", 2, x, y, name, "SETATTR", '{"x":%d}' % x]))["result"] in (1, True)
        nearest = ok(a.ask("command", args=["VSIM", "ws:v", "VALUES", 2, "0.9", "0.1", "COUNT", 2, "WITHSCORES"]))["result"]
        assert list(nearest)[:1] == ["east"] or nearest[0] == "east", nearest
        assert ok(a.ask("command", args=["VSIM", "ws:v", "ELE", "north", "FILTER", ".x == 0"]))["result"] == ["north"]
        assert ok(a.ask("command", args=["VCARD", "ws:v"]))["result"] == 3
        assert error(a.ask("command", args=["VADD", "ws:v", "VALUES", 3, 1, 2, 3, "far"]))
        assert ok(a.ask("command", args=["DEL", "ws:v"]))["result"] == 1


def test_commands_that_fail():
    with ws() as a:
        ok(a.ask("command", args=["SET", "ws:s", "x"]))
        reply = a.ask("command", args=["INCR", "ws:s"])
        assert error(reply) == "not-a-number" and reply["error"]["engine"] == "ERR"
        assert error(a.ask("command", args=["HGET", "ws:s", "f"])) == "wrong-type"
        assert error(a.ask("command", args=["NOSUCH"])) == "unknown-command"
        assert error(a.ask("command", args=["GET"])) == "bad-arguments"
        for args in (None, [], "GET", {}, [None], [["GET"]], [True]):
            assert error(a.ask("command", args=args)) == "bad-arguments", args
        ok(a.ask("command", args=["DEL", "ws:s"]))


def test_commands_of_a_connection_are_refused():
    with ws() as a, resp() as r:
        for args in (["SUBSCRIBE", "c"], ["PSUBSCRIBE", "c"], ["SSUBSCRIBE", "c"], ["UNSUBSCRIBE"],
                     ["HELLO", "3"], ["SELECT", "1"], ["CLIENT", "REPLY", "OFF"], ["RESET"], ["QUIT"]):
            code = error(a.ask("command", args=args))
            assert code == "command-not-allowed", (args, code)
        assert r.run("PUBSUB", "NUMSUB", "c") == [b"c", 0]
        ok(a.ask("ping"))


# ---- messages that are wrong ----------------------------------------------------------------------------------


def test_ids():
    with ws() as a:
        for wanted in (1, -5, 0, 9007199254740993, "a", "", "\u00e9\"\\", "x" * 64):
            a.send({"id": wanted, "op": "ping"})
            assert a.read()["id"] == wanted
        for odd in (None, 1.5, True, [], {}, "x" * 65, 1e300):
            a.send({"id": odd, "op": "ping"})
            assert a.read()["id"] is None
        a.send({"op": "ping"})
        reply = a.read()
        assert reply["id"] is None and reply["ok"] is True and reply["op"] == "pong"


def test_bad_json():
    with ws() as a:
        for text in ("", " ", "{", "{}x", "nul", "{'op':1}", '{"op":"ping",}', '{"op":"ping"} {}', "\ufeff{}", '"\\x"', '{"a":01}'):
            a.send(text)
            reply = a.read()
            assert reply["id"] is None and error(reply) == "bad-json", (text, reply)
        ok(a.ask("ping"))


def test_messages_without_sense():
    with ws() as a:
        for text in ("[]", "5", "null", '"ping"', "{}", '{"op":5}', '{"op":null}'):
            a.send(text)
            assert error(a.read()) == "bad-arguments", text
        for op in ("nosuch", "PING", "", "History", "ping\0"):
            assert error(a.ask(op)) == "unknown-op"


def test_fields_that_are_wrong():
    with ws() as a:
        for name in (None, 5, "", [], {}, {"b64": "x"}, {"b64": 5}, {"b64": ""}):
            assert error(a.ask("subscribe", channel=name)) == "bad-arguments", name
            assert error(a.ask("psubscribe", pattern=name)) == "bad-arguments", name
            assert error(a.ask("unsubscribe", channel=name)) == "bad-arguments", name
            assert error(a.ask("publish", channel=name, data="x")) == "bad-arguments", name
        for data in (None, 5, [], {}, {"b64": "x"}, True):
            assert error(a.ask("publish", channel="c", data=data)) == "bad-arguments", data
        assert error(a.ask("publish", channel="c")) == "bad-arguments"
        assert error(a.ask("unsubscribe", channel="c", pattern="c")) == "bad-arguments"


def test_broken_frames_close():
    for opcode, payload, options in ((3, b"", {}), (TEXT, b"\xff", {}), (PING, b"x" * 126, {}), (PING, b"", {"final": False})):
        with ws() as a:
            a.send_frame(opcode, payload, **options)
            code = a.close_code()
            assert code in (None, 1002, 1007), (opcode, payload, code)


def test_fragments_and_control_frames_between():
    with ws() as a:
        text = json.dumps({"id": 1, "op": "publish", "channel": "c", "data": "\u00e9" * 20000}, ensure_ascii=False).encode()
        for i in range(0, len(text), 9999):
            a.send_frame(TEXT if i == 0 else 0, text[i:i + 9999], final=i + 9999 >= len(text))
            a.send_frame(PING, b"between")
        a.sock.settimeout(5)
        seen = []
        while TEXT not in seen:
            opcode, payload = a.read_frame()
            seen.append(opcode)
            if opcode == TEXT:
                assert json.loads(payload)["ok"] is True
            else:
                assert (opcode, payload) == (PONG, b"between")


# ---- limits ---------------------------------------------------------------------------------------------------


def test_longest_message():
    def message(n):
        frame = '{"id":1,"op":"publish","channel":"c","data":"%s"}'
        return frame % ("x" * (n - len(frame) + 2))
    with ws() as a:
        a.send(message(65536))
        ok(a.read())
        a.send(message(65537))
        assert a.close_code() == 1009
    with ws() as a, resp() as r:
        config(r, ws_max_message=300)
        a.send(message(300))
        ok(a.read())
        a.send_frame(TEXT, b"x" * 200, final=False)
        a.send_frame(0, b"x" * 200, final=False)
        assert a.close_code() == 1009


def test_json_depth():
    def nested(n):
        return '{"id":1,"op":"ping","x":' + "[" * (n - 1) + "]" * (n - 1) + "}"
    with ws() as a:
        a.send(nested(16))
        ok(a.read())
        a.send(nested(17))
        assert error(a.read()) == "too-large"
        a.send(nested(20000))
        assert error(a.read()) == "too-large"


def test_channels_and_names():
    with ws() as a, resp() as r:
        config(r, ws_max_channels=3, ws_max_name=10)
        for name in "abc":
            ok(a.ask("subscribe", channel=name))
        ok(a.ask("subscribe", channel="a"))
        assert error(a.ask("subscribe", channel="d")) == "too-many-channels"
        assert error(a.ask("psubscribe", pattern="d")) == "too-many-channels"
        assert r.run("PUBSUB", "NUMSUB", "d") == [b"d", 0]
        ok(a.ask("unsubscribe", channel="a"))
        ok(a.ask("psubscribe", pattern="d"))
        assert error(a.ask("publish", channel="x" * 11, data="")) == "bad-arguments"
        ok(a.ask("publish", channel="x" * 10, data=""))
        config(r, ws_max_name=255)
        ok(a.ask("publish", channel="x" * 255, data=""))
        assert error(a.ask("publish", channel="x" * 256, data="")) == "bad-arguments"


def test_ops_per_second():
    with ws() as a, resp() as r:
        config(r, ws_ops_per_second=20)
        with ws() as b:
            replies = [b.ask("ping") for _ in range(60)]
            assert all(reply["ok"] for reply in replies[:20])
            late = [reply for reply in replies if not reply["ok"]]
            assert late and error(late[0]) == "too-many-requests" and late[0]["error"]["retryable"] is True
            time.sleep(0.3)
            ok(b.ask("ping"))
            for i in range(400):
                try:
                    b.send({"id": i, "op": "ping"})
                except OSError:
                    break
            assert b.close_code() == 4129
        ok(a.ask("ping"))


def test_a_slow_reader_is_closed():
    with ws() as slow, ws() as quick, resp() as r:
        for a in (slow, quick):
            ok(a.ask("subscribe", channel="flood"))
        until = time.time() + 60 # the kernel's buffers first, then the door's queue, then the close
        while r.run("PUBLISH", "flood", "x" * 30000) == 2:
            assert quick.push()["data"][:1] == "x"
            assert time.time() < until, "never too slow"
        assert quick.push()["data"][:1] == "x"
        assert r.run("PUBLISH", "flood", "end") == 1
        assert quick.push()["data"] == "end"
        assert slow.close_code(10) in (4108, None)


def test_no_pong():
    with resp() as r:
        config(r, ws_ping_seconds=1, ws_pong_seconds=1)
        with ws() as a:
            started = time.time()
            assert a.close_code(8, answer_pings=False) == 4110
            assert 1.5 < time.time() - started < 6
        with ws() as b:
            until = time.time() + 3.5
            while time.time() < until:
                try:
                    b.read(0.5)
                except TimeoutError:
                    pass
            ok(b.ask("ping"))


# ---- operators ------------------------------------------------------------------------------------------------


def session_id(a):
    return ok(a.ask("auth", token=""))["session"]


def test_client_list_and_kill():
    with ws() as a, resp() as r:
        mine = session_id(a)
        ok(a.ask("subscribe", channel="c"))
        line = next(l for l in r.run("CLIENT", "LIST").decode().splitlines() if l.startswith(f"id={mine} "))
        assert "sub=1" in line and f"laddr=127.0.0.1:{HTTP}" in line, line
        assert len(r.run("CLIENT", "LIST").splitlines()) == 3, "the operator, this one, the WebSocket"
        assert r.run("CLIENT", "KILL", "ID", mine) == 1
        assert a.close_code() == 4100
        wait_until(lambda: r.run("PUBSUB", "NUMSUB", "c") == [b"c", 0])


def test_chat_page():
    c = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=5)
    c.request("GET", "/chat", headers={"Accept": "text/html,*/*;q=0.8"})
    answer = c.getresponse()
    page = answer.read().decode()
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for name in ("room", "name", "join", "messages", "text", "send"):
        assert page.count(f' id="{name}"') == 1, name
    assert "innerHTML" not in page


def test_the_contract_names_what_is_served():
    contract = read_contract()
    follow(contract, contract)
    asked = contract["operations"]["ask"]["messages"]
    named = {contract["channels"]["socket"]["messages"][m["$ref"].split("/")[-1]]["$ref"].split("/")[-1] for m in asked}
    with ws() as a:
        assert named - {"binaryPublish"} == set(a.ask("")["error"]["message"].removeprefix("ops are ").split(", "))


def test_the_contract_is_asyncapi():
    if os.environ.get("ATRIUM_BUILD", "plain") != "plain":
        return # once is enough
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(["node", os.path.join(here, "asyncapi.mjs")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


def follow(contract, part):
    """Every reference leads somewhere."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        if key == "$ref":
            target = contract
            for step in value.removeprefix("#/").split("/"):
                target = target[step]
        elif isinstance(value, (dict, list)):
            follow(contract, value)


def test_http_goes_on_beside():
    with ws() as a:
        c = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=5)
        c.request("GET", "/healthz")
        assert c.getresponse().read()
        c.request("GET", "/v1/ws")
        assert c.getresponse().status == 426
        ok(a.ask("ping"))


def test_threads_of_all_doors():
    """RESP publishers and WebSocket publishers at once: every subscriber gets every message."""
    with ws() as a, ws() as b:
        for w in (a, b):
            ok(w.ask("subscribe", channel="mix"))

        def by_resp():
            with resp() as r:
                for i in range(300):
                    assert r.run("PUBLISH", "mix", f"r{i}") == 2

        def by_ws():
            with ws() as w:
                for i in range(300):
                    assert ok(w.ask("publish", channel="mix", data=f"w{i}"))["receivers"] == 2
        threads = [threading.Thread(target=f) for f in (by_resp, by_ws)]
        for t in threads:
            t.start()
        for w in (a, b):
            got = [w.push()["data"] for _ in range(600)]
            for letter in "rw":
                assert [d for d in got if d[0] == letter] == [f"{letter}{i}" for i in range(300)]
        for t in threads:
            t.join()


# ---- the runner -----------------------------------------------------------------------------------------------


def put_back(r):
    config(r, **{name.replace("-", "_"): value for name, value in DEFAULTS.items()})


def read_contract():
    c = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=5)
    c.request("GET", "/asyncapi.yaml")
    return yaml.safe_load(c.getresponse().read())


MODULES = [globals()] + [vars(module) for module in (test_abuse, test_binary, test_channels, test_deflate, test_frames, test_resp3, test_stalled,
                                                       test_tickets)]


def main():
    client.contract = Contract(read_contract())
    only = sys.argv[1:]
    tests = [(name, f) for module in MODULES for name, f in sorted(module.items())
             if name.startswith("test_") and callable(f)]
    passed = failed = 0
    with resp() as operator:
        for name, test in tests:
            if only and not any(word in name for word in only):
                continue
            put_back(operator)
            try:
                test()
                passed += 1
            except Exception:
                failed += 1
                print(f"FAILED {name}")
                traceback.print_exc(file=sys.stdout)
        put_back(operator)
        config(operator, ws_ops_per_second=100)
    if not only:
        unseen = client.contract.unseen()
        passed, failed = passed + (not unseen), failed + bool(unseen)
        print("never sent: " + ", ".join(unseen) if unseen else "every message of the contract was seen")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
