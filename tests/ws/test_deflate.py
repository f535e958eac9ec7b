"""permessage-deflate (RFC 7692). Run by run.py."""

import json
import random
import zlib

from client import BINARY, FLUSH_TAIL, PING, PONG, TEXT, Closed, WebSocket
from test_channels import HTTP, error, ok, resp, room

OFFER = ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)
RSV1 = 4


def deflating(r, offer=OFFER):
    assert r.run("CONFIG", "SET", "ws-deflate", "yes", "ws-ops-per-second", "0") == b"+OK"
    return WebSocket(HTTP, headers=offer)


class Compressor:
    """A client's: with takeover each message refers to those before it."""

    def __init__(self, takeover=True, level=6):
        self.takeover, self.level = takeover, level
        self.fresh()

    def fresh(self):
        self.z = zlib.compressobj(self.level, zlib.DEFLATED, -15)

    def __call__(self, text):
        if not self.takeover:
            self.fresh()
        data = self.z.compress(text) + self.z.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(FLUSH_TAIL)
        return data[:-4]


def noise(n):
    return random.Random(n).randbytes(n).hex()[:n]


def test_deflate_is_off_unless_asked_for():
    with WebSocket(HTTP, headers=OFFER) as a:
        assert a.extensions is None
        a.send_frame(TEXT, Compressor()(b'{"op":"ping"}'), reserved=RSV1)
        assert a.close_code() == 1002
    with resp() as r, deflating(r, ()) as a:
        assert a.extensions is None, "the client did not offer it"


def test_deflate_negotiation():
    with resp() as r:
        for offer, agreed in (("permessage-deflate", True), ("permessage-deflate; server_no_context_takeover", True),
                              ("x-other, permessage-deflate", True), ("x-webkit-deflate-frame", False),
                              ("permessage-deflate;client_max_window_bits=12; client_no_context_takeover", True),
                              ("permessage-deflate; server_max_window_bits=10", False),
                              ("permessage-deflate; nonsense", False), ("permessage-deflate; server_no_context_takeover=1", False)):
            with deflating(r, ("Sec-WebSocket-Extensions: " + offer,)) as a:
                assert bool(a.extensions) == agreed, (offer, a.extensions)
                assert not agreed or a.extensions.startswith("permessage-deflate"), a.extensions
                ok(a.ask("ping"))


def test_deflated_messages_are_understood():
    with resp() as r:
        for takeover in (True, False):
            for level in (0, 1, 9):
                with deflating(r) as a:
                    squeeze = Compressor(takeover, level)
                    for n in (0, 1, 10, 200, 1000, 16000, 40000, 60000, 3):
                        text = json.dumps({"id": n, "op": "ping", "pad": noise(n)})
                        a.send_frame(TEXT, squeeze(text.encode()), reserved=RSV1)
                        assert ok(a.reply(n))["op"] == "pong", n
                    assert ok(a.ask("ping", pad=noise(60000)))["op"] == "pong", "an uncompressed one among them"


def test_deflated_messages_in_fragments_and_pieces():
    draw = random.Random(7)
    with resp() as r, deflating(r) as a:
        squeeze = Compressor()
        for i in range(150):
            n = draw.choice((0, 5, 100, 3000, 15000))
            whole = squeeze(json.dumps({"id": i, "op": "ping", "pad": noise(n)}).encode())
            cuts = sorted(draw.randrange(len(whole) + 1) for _ in range(draw.randrange(4)))
            parts = [whole[x:y] for x, y in zip([0] + cuts, cuts + [len(whole)])]
            for at, part in enumerate(parts):
                a.send_frame(0 if at else TEXT, part, final=at == len(parts) - 1, reserved=0 if at else RSV1)
                if draw.random() < 0.3:
                    a.send_frame(PING, b"between")
            reply = a.reply(i)
            assert ok(reply)["op"] == "pong"


def test_what_goes_out_is_deflated_once_it_is_worth_it():
    name = room()
    with resp() as r, deflating(r) as a, WebSocket(HTTP) as b:
        ok(a.ask("subscribe", channel=name))
        ok(a.ask("subscribe", channel=name + "b", binary=True))
        ok(b.ask("subscribe", channel=name))
        for data, squeezed in (("x" * 100, 0), ("x" * 5000, 1), ("y" * 200000, 1), ("", 0)):
            before = a.deflated
            r.run("PUBLISH", name, data)
            assert a.push()["data"] == data and b.push()["data"] == data
            assert a.deflated - before == squeezed, (data[:9], a.deflated - before)
        before = a.deflated
        r.run("PUBLISH", name + "b", b"\xff" * 3000)
        r.run("PUBLISH", name + "b", random.Random(5).randbytes(3000))
        assert a.push()["data"] == b"\xff" * 3000 and a.deflated == before + 1
        assert len(a.push()["data"]) == 3000 and a.deflated == before + 1, "what does not shrink goes as it is"
        r.run("SET", name, "z" * 20000)
        assert ok(a.ask("command", args=["GET", name]))["result"] == "z" * 20000 and a.deflated == before + 2
        assert b.deflated == 0


def test_deflated_text_must_be_utf_8():
    with resp() as r, deflating(r) as a:
        a.send_frame(TEXT, Compressor()(b'{"op":"\xff"}'), reserved=RSV1)
        assert a.close_code() == 1007


def test_deflate_that_is_none():
    with resp() as r:
        for wrong in (b"\xff\xff\xff\xff\xff", b"\x07junkjunkjunk"):
            with deflating(r) as a:
                a.send_frame(TEXT, wrong, reserved=RSV1)
                assert a.close_code() == 1007, wrong
        with deflating(r) as a:
            for rsv in (2, 1, 7):
                with deflating(r) as b:
                    b.send_frame(TEXT, b"{}", reserved=rsv)
                    assert b.close_code() == 1002, rsv
            ok(a.ask("ping"))


def test_deflate_bombs_close():
    """A few bytes that become many: ended at ws-deflate-ratio, long before ws-max-message."""
    with resp() as r:
        assert r.run("CONFIG", "SET", "ws-max-message", "67108864") == b"+OK"
        for size, code in ((60000, None), (40 << 20, 1009)):
            text = b'{"id":1,"op":"ping","pad":"' + b"a" * size + b'"}'
            for pieces in (1, 3):
                with deflating(r) as a:
                    whole = Compressor()(text)
                    step = len(whole) // pieces + 1
                    try:
                        for at in range(0, len(whole), step):
                            a.send_frame(0 if at else TEXT, whole[at:at + step], final=at + step >= len(whole),
                                         reserved=0 if at else RSV1)
                    except ConnectionError:
                        assert code
                    if code is None:
                        ok(a.reply(1))
                    else:
                        assert a.close_code() == code
        assert r.run("CONFIG", "SET", "ws-deflate-ratio", "1024") == b"+OK"
        with deflating(r) as a: # the ratio's other side
            text = b'{"id":1,"op":"ping","pad":"' + b"a" * 300000 + b'"}'
            a.send_frame(TEXT, Compressor()(text), reserved=RSV1)
            ok(a.reply(1))


def test_a_deflated_message_may_be_too_large():
    with resp() as r, deflating(r) as a:
        a.send_frame(TEXT, Compressor()(b'{"op":"ping","pad":"' + noise(70000).encode() + b'"}'), reserved=RSV1)
        assert a.close_code() == 1009


def test_deflated_binary_messages():
    name = room()
    text = b'{"id":3,"op":"publish","channel":"%s"}' % name.encode()
    data = bytes(range(256)) * 20
    with resp() as r, deflating(r) as a:
        ok(a.ask("subscribe", channel=name, binary=True))
        a.send_frame(BINARY, Compressor()(len(text).to_bytes(4, "big") + text + data), reserved=RSV1)
        assert a.push()["data"] == data
        ok(a.reply(3))


def test_a_close_is_told_while_pings_come():
    """The reason's bytes are not those of a ping that comes meanwhile."""
    with resp() as r:
        for _ in range(20):
            with deflating(r) as a:
                a.send_frame(PING, b"between")
                a.send_frame(TEXT, Compressor()(b'{"op":"ping","pad":"' + b"a" * 300000 + b'"}'), reserved=RSV1)
                a.send_frame(PING, b"between")
                a.send_frame(PING, b"again")
                assert a.close_code() == 1009
