"""RFC 6455 frame by frame, by hand-made frames: lengths, control frames, reserved bits and opcodes, fragments, UTF-8, the
close handshake, sizes up to 16 MiB. The sections are those of the Autobahn test suite, whose echo is a channel here.
Run by run.py."""

import json
import os
import socket
import struct
import time

from client import BINARY, CLOSE, MORE, PING, PONG, TEXT, Closed, Resp, WebSocket, frame

PORT = int(os.environ["ATRIUM_PORT"])
HTTP = int(os.environ["ATRIUM_HTTP_PORT"])
LIMIT = 65536 # ws-max-message


def ws():
    return WebSocket(HTTP)


def message(n, fill="x"):
    """A ping op of exactly n bytes."""
    head, tail = b'{"id":1,"op":"ping","x":"', b'"}'
    return head + (fill * n).encode()[:n - len(head) - len(tail)] + tail


SHORTEST = len(message(27))


def pong_op(a):
    """The reply of a ping op, whatever control frames come before it."""
    reply = a.read()
    assert reply["ok"] is True and reply["op"] == "pong", reply


def next_frame(a, timeout=5):
    a.sock.settimeout(timeout)
    return a.read_frame()


def close_of(a):
    """The code that the server closes with; nothing may come behind its close frame."""
    code = a.close_code()
    assert a.rest == b"", "bytes behind the close frame"
    return code


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def refuses(want, *frames, chop=0):
    """The frames make the server close with `want`. Bytes behind what was wrong may reset the connection."""
    with ws() as a:
        send(a, b"".join(frames), chop)
        code = close_of(a)
        assert code in (want if isinstance(want, tuple) else (want,)) or chop and code is None, (frames, code)


def send(a, data, chop=0):
    """As one write, or `chop` bytes at a time."""
    try:
        for i in range(0, len(data), chop or len(data) or 1):
            a.sock.sendall(data[i:i + (chop or len(data))])
    except ConnectionError:
        pass # it may close before the last byte


# ---- 1: framing -----------------------------------------------------------------------------------------------------


def test_1_text_of_every_length_class():
    with ws() as a:
        for n in (SHORTEST, 125, 126, 127, 128, 255, 4096, 16383, 16384, 16385, 65535, 65536):
            send(a, frame(TEXT, message(n)))
            pong_op(a)
        a.send("")
        assert a.read()["error"]["code"] == "bad-json"


def test_1_text_in_small_writes():
    with ws() as a:
        for n, chop in ((125, 1), (126, 1), (128, 1), (65536, 997), (65536, 16384), (65536, 16385)):
            send(a, frame(TEXT, message(n)), chop)
            pong_op(a)


def test_1_lengths_that_lie():
    """A frame that is longer than any message may be is refused by its head, or when the limit is passed."""
    for head in (b"\x81\xff" + struct.pack(">Q", 1 << 63), b"\x81\xff" + b"\xff" * 8, b"\x81\xff" + struct.pack(">Q", 1 << 40)):
        with ws() as a:
            send(a, head + b"\0\0\0\0" + b" " * (LIMIT + 16384), 16384)
            assert close_of(a) in (1002, 1009, None), head


def test_1_the_mask_with_zeroes():
    with ws() as a:
        text = message(50)
        send(a, bytes([0x81, 0x80 | 50, 0, 0, 0, 0]) + text)
        pong_op(a)


def test_1_every_length_of_echoed_data():
    """What goes in comes out: data of each length class, as pushes of the server."""
    with ws() as a:
        a.ask("subscribe", channel="echo")
        for n in (0, 1, 60, 61, 62, 63, 64, 65, 125, 126, 127, 128, 65000):
            a.ask("publish", channel="echo", data="*" * n)
            assert a.push()["data"] == "*" * n


# ---- 2: pings and pongs ---------------------------------------------------------------------------------------------


def test_2_pings_are_answered_with_their_payload():
    with ws() as a:
        for payload in (b"", b"hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
            for chop in (0, 1):
                send(a, frame(PING, payload), chop)
                assert next_frame(a) == (PONG, payload), (payload, chop)


def test_2_a_long_ping_is_refused():
    for n in (126, 127, 65536):
        refuses((1002, None), frame(PING, b"\xfe" * n))
        refuses((1002, None), frame(PONG, b"\xfe" * n))


def test_2_pongs_that_nobody_asked_for():
    with ws() as a:
        for payload in (b"", b"unsolicited", b"x" * 125):
            send(a, frame(PONG, payload))
        send(a, frame(PONG, b"before") + frame(PING, b"mine"))
        assert next_frame(a) == (PONG, b"mine")


def test_2_many_pings_in_one_write():
    """A ping that comes while a pong waits may get none; the pongs that come are the pings' in their order."""
    for chop in (0, 1):
        with ws() as a:
            pings = [b"payload-%d" % i for i in range(10)]
            send(a, b"".join(frame(PING, p) for p in pings) + frame(TEXT, message(50)), chop)
            pongs = []
            while (found := next_frame(a))[0] == PONG:
                pongs.append(found[1])
            assert found[0] == TEXT and pongs and pongs == [p for p in pings if p in pongs], pongs
            send(a, frame(PING, b"again"))
            assert (PONG, b"again") in [next_frame(a)], "it goes on"


# ---- 3: reserved bits -----------------------------------------------------------------------------------------------


def test_3_reserved_bits():
    for bits in range(1, 8):
        for opcode, payload in ((TEXT, message(50)), (BINARY, b"\0" * 8), (PING, b"x"), (PONG, b""), (CLOSE, b"\x03\xe8")):
            refuses((1002, None), frame(opcode, payload, reserved=bits))
        refuses((1002, None), frame(TEXT, message(50), reserved=bits), chop=1)


def test_3_what_came_before_is_answered():
    with ws() as a:
        send(a, frame(TEXT, message(50)))
        pong_op(a)
        send(a, frame(TEXT, message(50), reserved=4) + frame(PING, b"never answered"))
        assert close_of(a) in (1002, None)


# ---- 4: opcodes -----------------------------------------------------------------------------------------------------


def test_4_reserved_opcodes():
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for payload in (b"", b"x", message(50)):
            refuses((1002, None), frame(opcode, payload))
        refuses((1002, None), frame(opcode, b"x"), frame(PING))
        refuses((1002, None), frame(TEXT, message(50)[:20], final=False), frame(opcode, b"x"))


# ---- 5: fragmentation -----------------------------------------------------------------------------------------------


def fragments(payload, cuts, opcode=TEXT):
    """The message cut at the given offsets."""
    edges = [0, *cuts, len(payload)]
    parts = list(zip(edges, edges[1:]))
    return [frame(opcode if i == 0 else MORE, payload[a:b], final=i == len(parts) - 1) for i, (a, b) in enumerate(parts)]


def test_5_control_frames_are_not_fragmented():
    for opcode in (PING, PONG, CLOSE):
        refuses((1002, None), frame(opcode, b"\x03\xe8", final=False), frame(MORE, b"x"))


def test_5_text_in_fragments():
    text = message(60)
    for cuts in ((30,), (0,), (60,), (0, 0, 60), (1, 2, 3), range(1, 60)):
        for chop in (0, 1):
            with ws() as a:
                send(a, b"".join(fragments(text, cuts)), chop)
                pong_op(a)


def test_5_pings_between_fragments():
    text = message(64)
    with ws() as a:
        for i, part in enumerate(fragments(text, range(8, 64, 8))[:-1]):
            send(a, part + frame(PING, b"%d" % i), chop=i % 3)
            assert next_frame(a) == (PONG, b"%d" % i)
        send(a, fragments(text, range(8, 64, 8))[-1])
        pong_op(a)


def test_5_a_continuation_of_nothing():
    for final in (True, False):
        for chop in (0, 1):
            refuses((1002, None), frame(MORE, b"x", final=final), frame(TEXT, message(50)), chop=chop)
    with ws() as a:
        send(a, frame(TEXT, message(50)))
        pong_op(a)
        send(a, frame(MORE, b"x"))
        assert close_of(a) in (1002, None)


def test_5_a_message_within_a_message():
    refuses((1002, None), frame(TEXT, b"{", final=False), frame(TEXT, b"}"))
    refuses((1002, None), frame(TEXT, b"{", final=False), frame(BINARY, b"}"))


# ---- 6: UTF-8 -------------------------------------------------------------------------------------------------------

GOOD = ["\u03ba\u1f79\u03c3\u03bc\u03b5", "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff", "\ud7ff", "\ue000",
        "\ufffd", "\ufffe", "\U0001f600\u00e9x", "\u0001\u007f"]
BAD = [b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf",
       b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80\xed\xb0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
       b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff", b"\xfe\xfe\xff\xff", b"\xce\xba\xe1\xbd\xb9\xcf\xed\xa0\x80",
       b"\xc3x", b"\xe2\x82x", b"\xf0\x9f\x98x", b"\xe2\xe2", b"\xc3\xc3\xa9"]
CUT_SHORT = [b"\xc3", b"\xe2", b"\xe2\x82", b"\xf0", b"\xf0\x9f", b"\xf0\x9f\x98"]


def test_6_text_that_is_utf8():
    with ws() as a:
        a.ask("subscribe", channel="echo")
        for text in GOOD:
            a.send(json.dumps({"id": 1, "op": "publish", "channel": "echo", "data": text}, ensure_ascii=False))
            a.reply(1)
            assert a.push()["data"] == text


def test_6_sequences_split_between_fragments_and_writes():
    with ws() as a:
        a.ask("subscribe", channel="echo")
        for text in GOOD:
            data = json.dumps({"id": 1, "op": "publish", "channel": "echo", "data": text}, ensure_ascii=False).encode()
            at = data.index(b'"data": "') + 9
            for cut in range(at, len(data) - 2):
                send(a, b"".join(fragments(data, (cut, cut, cut + 1))))
                a.reply(1)
                assert a.push()["data"] == text
            send(a, b"".join(fragments(data, range(1, len(data)))), 1)
            a.reply(1)
            assert a.push()["data"] == text


def test_6_text_that_is_no_utf8():
    head = b'{"id":1,"op":"ping","x":"'
    for bad in BAD:
        data = head + bad + b'"}'
        refuses(1007, frame(TEXT, data))
        refuses(1007, frame(TEXT, data), chop=1)
        refuses(1007, frame(TEXT, bad))
        for cut in range(len(head), len(data)):
            refuses(1007, *fragments(data, (cut,)))
        refuses(1007, *fragments(data, range(1, len(data))))


def test_6_text_that_ends_within_a_sequence():
    for end in CUT_SHORT:
        refuses(1007, frame(TEXT, b"x" + end))
        refuses(1007, *fragments(b"x" + end, range(1, 1 + len(end))))
        refuses(1007, *fragments(b"x" + end, (1 + len(end),)))
        with ws() as a:
            send(a, frame(TEXT, b"x" + end, final=False) + frame(PING, b"between") + frame(MORE, b""))
            assert close_of(a) == 1007


# ---- 7: the close handshake -----------------------------------------------------------------------------------------


def test_7_codes_that_are_answered():
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        refuses(code, close_frame(code))
    refuses(1000, close_frame(1000, b"bye"))
    refuses(1000, close_frame(1000, b"x" * 123))
    refuses(1000, close_frame(1000, "\u00e9\u2603".encode()), chop=1)
    refuses((1000, None), frame(CLOSE))


def test_7_codes_that_nobody_may_send():
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        refuses(1002, close_frame(code))
        refuses(1002, close_frame(code, b"why"))


def test_7_close_frames_that_are_wrong():
    refuses(1002, frame(CLOSE, b"\x03"))
    refuses((1002, None), close_frame(1000, b"x" * 124))
    for bad in BAD + CUT_SHORT:
        refuses((1007, None), close_frame(1000, bad))


def test_7_what_comes_behind_a_close():
    for behind in (frame(TEXT, message(50)), frame(PING), close_frame(1001), frame(MORE, b"x"), b"\xff" * 100):
        refuses((1000, None), close_frame(1000) + behind)
    with ws() as a:
        send(a, frame(TEXT, b"{", final=False) + close_frame(1000) + frame(MORE, b"}"))
        assert close_of(a) == 1000


def test_7_the_op_before_a_close_is_answered():
    with ws() as a:
        send(a, frame(TEXT, message(50)) + close_frame(1000))
        pong_op(a)
        assert close_of(a) == 1000


def ends_within(a, seconds):
    """The server ends the connection, whether or not its close frame is answered."""
    a.sock.settimeout(seconds)
    try:
        while a.sock.recv(65536):
            pass
    except ConnectionError:
        pass


def test_7_the_connection_ends_though_the_client_stays():
    wrong = [close_frame(1000), frame(CLOSE), close_frame(5000), frame(TEXT, b"\xff"), frame(3), frame(PING, b"x" * 126),
             frame(TEXT, b"{}", reserved=1), frame(MORE, b"x"), frame(TEXT, message(LIMIT + 1)), frame(PING, final=False)]
    everyone = [ws() for _ in wrong]
    for a, data in zip(everyone, wrong):
        send(a, data)
    until = time.time() + 8
    for a in everyone:
        ends_within(a, max(until - time.time(), 0.01))
        a.close()


# ---- 9, 10: sizes ---------------------------------------------------------------------------------------------------


class Limits:
    """Messages of 16 MiB; what was before comes back."""

    WIDE = {"ws-max-message": "16mb", "ws-queue-bytes": "64mb"}
    BEFORE = {"ws-max-message": "65536", "ws-queue-bytes": "1048576"}

    def set(self, directives):
        with Resp(PORT) as r:
            for name, value in directives.items():
                assert r.run("CONFIG", "SET", name, value) == b"+OK"

    def __enter__(self):
        self.set(self.WIDE)

    def __exit__(self, *_):
        self.set(self.BEFORE)


def publication(n):
    """A publish op of exactly n bytes, and its data."""
    head, tail = b'{"id":1,"op":"publish","channel":"echo","data":"', b'"}'
    data = os.urandom((n + 1) // 2).hex().encode()[:n - len(head) - len(tail)]
    return head + data + tail, data.decode()


def goes_and_comes(a, op, data, frames, chop=0):
    send(a, b"".join(frames), chop)
    a.sock.settimeout(20)
    assert a.reply(1)["ok"] is True
    assert a.push(20)["data"] == data, len(op)


def test_9_sizes():
    with Limits(), ws() as a:
        a.ask("subscribe", channel="echo")
        for n in (1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24):
            op, data = publication(n)
            goes_and_comes(a, op, data, [frame(TEXT, op)])


def test_9_fragments_of_every_size():
    with Limits(), ws() as a:
        a.ask("subscribe", channel="echo")
        op, data = publication(1 << 20)
        for size in (256, 1024, 4096, 16384, 65536, 262144, 1 << 20):
            goes_and_comes(a, op, data, fragments(op, range(size, len(op), size)))
        for chop in (256, 1024, 4096):
            goes_and_comes(a, op, data, [frame(TEXT, op)], chop)


def test_9_beyond_the_limit():
    with Limits():
        refuses(1009, frame(TEXT, message((1 << 24) + 1)))
        refuses(1009, *fragments(message((1 << 24) + 1), range(65536, 1 << 24, 65536)))


def test_9_many_small_messages():
    with ws() as a:
        for _ in range(10):
            send(a, frame(TEXT, message(SHORTEST)) * 200)
            for _ in range(200):
                pong_op(a)


def test_10_a_message_in_frames_of_a_packet():
    with ws() as a:
        send(a, b"".join(fragments(message(LIMIT), range(1300, LIMIT, 1300))))
        pong_op(a)
