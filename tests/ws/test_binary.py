"""Binary messages, both ways. Run by run.py."""

import base64
import os
import struct

from client import BINARY, Resp, WebSocket
from test_channels import HTTP, PORT, error, ok, resp, room, ws

EVERY_BYTE = bytes(range(256))


def test_binary_data_comes_as_it_is():
    name = room()
    with ws() as a, ws() as b, resp() as r:
        ok(a.ask("subscribe", channel=name, binary=True))
        ok(b.ask("subscribe", channel=name))
        for data in (b"", b"plain", EVERY_BYTE, b"x" * 70000, os.urandom(3000)):
            r.run("PUBLISH", name, data)
            push, text = a.push(), b.push()
            assert push["data"] == data and push["channel"] == name and push["op"] == "message", push
            assert {k: v for k, v in push.items() if k != "data"} == {k: v for k, v in text.items() if k != "data"}
            plain = text["data"]
            assert (plain.encode() if isinstance(plain, str) else base64.b64decode(plain["b64"])) == data


def test_binary_publish_reaches_every_door():
    name = room()
    with ws() as a, ws() as b, Resp(PORT) as r:
        r.run("SUBSCRIBE", name)
        ok(b.ask("subscribe", channel=name, binary=True))
        ok(a.ask("auth", user="ann"))
        for data in (b"", b"\x00", EVERY_BYTE, b"text"):
            reply = ok(a.ask_binary("publish", data, channel=name, echo=False))
            assert reply["receivers"] == 2, reply
            assert r.read() == [b"message", name.encode(), data]
            push = b.push()
            assert push["data"] == data and push["from"] == "ann" and push["offset"] == reply["offset"], push


def test_binary_patterns_and_history():
    name = room()
    with ws() as a, ws() as b:
        ok(a.ask("psubscribe", pattern=name + "*", binary=True))
        ok(b.ask_binary("publish", EVERY_BYTE, channel=name))
        assert a.push()["pattern"] == name + "*"
        page = ok(a.ask("history", channel=name))["messages"]
        assert base64.b64decode(page[0]["data"]["b64"]) == EVERY_BYTE, "replies are text"
        reply = ok(a.ask("subscribe", channel=name, binary=True, history=1))
        assert base64.b64decode(reply["messages"][0]["data"]["b64"]) == EVERY_BYTE


def test_binary_and_text_subscriptions_of_one_client():
    one, two = room(), room()
    with ws() as a, resp() as r:
        ok(a.ask("subscribe", channel=one, binary=True))
        ok(a.ask("subscribe", channel=two))
        r.run("PUBLISH", one, "1")
        r.run("PUBLISH", two, "2")
        assert (a.push()["data"], a.push()["data"]) == (b"1", "2")


def test_binary_messages_that_are_wrong():
    with ws() as a:
        def ask(payload):
            a.send_frame(BINARY, payload)
            return error(a.read())

        for payload in (b"", b"\0\0\0", b"\0\0\0\x01", b"\xff\xff\xff\xff", b"\0\0\0\x03{}"):
            assert ask(payload) == "bad-binary", payload
        assert ask(b"\0\0\0\0") == "bad-json"
        assert ask(b'\0\0\0\x02{]') == "bad-json"
        assert error(a.ask_binary("ping", b"x")) == "bad-arguments", "no op but publish takes data"
        ok(a.ask_binary("ping", b""))
        assert ask(b'\0\0\0\x29{"op":"publish","channel":"c","data":"x"}x') == "bad-arguments", "data twice"
        assert error(a.ask("subscribe", channel="c", binary="yes")) == "bad-arguments"
        assert error(a.ask("psubscribe", pattern="c", binary=1)) == "bad-arguments"


def test_binary_messages_in_fragments():
    name = room()
    text = b'{"id":7,"op":"publish","channel":"%s"}' % name.encode()
    with ws() as a, ws() as b:
        ok(b.ask("subscribe", channel=name, binary=True))
        whole = struct.pack(">I", len(text)) + text + EVERY_BYTE
        for cut in (1, 3, 4, 5, 4 + len(text), len(whole) - 1):
            a.send_frame(BINARY, whole[:cut], final=False)
            a.send_frame(0, whole[cut:])
            ok(a.read())
            assert b.push()["data"] == EVERY_BYTE


def test_binary_messages_of_slow_clients_are_gaps():
    name = room()
    with ws() as a, resp() as r:
        ok(a.ask("subscribe", channel=name, binary=True, on_slow="drop"))
        for i in range(400):
            r.run("PUBLISH", name, b"%d:" % i + b"\xff" * 100000)
        seen = dropped = 0
        while seen + dropped < 400:
            push = a.push()
            if push["op"] == "gap":
                dropped += push["dropped"]
            else:
                assert int(push["data"].split(b":")[0]) >= seen
                seen += 1
        assert dropped > 0 and seen > 0, (dropped, seen)
