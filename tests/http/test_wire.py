"""HTTP/1.1 on a raw socket: pieces, pipelines, bodies in chunks, heads that can be read in two ways, and what a
connection is worth after an error."""

import json
import random
import socket
import time

from door import equal

HOST = b"Host: x\r\n"
LAST = b"GET /v1/keys/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Wire:
    """A connection whose answers are read one by one."""

    def __init__(self, door):
        self.socket = socket.create_connection(("127.0.0.1", door.http_port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, *pieces):
        for i, piece in enumerate(pieces):
            if i:
                time.sleep(0.0005)
            self.socket.sendall(piece)

    def answer(self, method="GET"):
        """(status, headers, body); None where the server has closed."""
        line = self.file.readline()
        if not line:
            return None
        assert line.startswith(b"HTTP/1.1 "), line
        status, headers = int(line.split()[1]), {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, value = line.decode("latin-1").split(":", 1)
            headers[name.lower()] = value.strip()
        bodiless = method == "HEAD" or status in (204, 304)
        body = b"" if bodiless else self.file.read(int(headers["content-length"]))
        return status, headers, body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def put(key, body, head=b""):
    return b"PUT /v1/keys/%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (key, head, len(body), body)


def chunked(key, *chunks):
    return (b"PUT /v1/keys/%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % key +
            b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n")


def test_split_at_every_byte(door):
    for message in (put(b"k", b"a\r\n\r\nb"), chunked(b"k", b"a\r\n", b"\r\nb")):
        with Wire(door) as kept:
            for i in range(1, len(message)):
                door.put("/v1/keys/k", b"before")
                with Wire(door) as fresh:
                    fresh.send(message[:i], message[i:])
                    equal(fresh.answer()[0], 204)
                kept.send(message[:i], message[i:])
                equal(kept.answer()[0], 204)
        equal(door.command("GET", "k"), "a\r\n\r\nb")


def test_a_pipeline_in_pieces_of_every_size(door):
    rng = random.Random(5)
    data, methods, statuses = b"", [], []
    for i in range(60):
        request, method, status = rng.choice([
            (put(b"p", b"%d" % i), "PUT", {201, 204}), (chunked(b"q", b"x" * rng.randrange(1, 40)), "PUT", {201, 204}),
            (b"HEAD /v1/keys/p HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD", {200, 404}),
            (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "GET", {404}),
            (b"POST /v1/commands HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[1,", "POST", {400})])
        data, methods, statuses = data + request, methods + [method], statuses + [status]
    for size in (1, 7, 64, 1000, len(data)):
        with Wire(door) as wire:
            wire.send(*[data[i:i + size] for i in range(0, len(data), size)])
            for method, status in zip(methods, statuses):
                assert wire.answer(method)[0] in status


def test_answers_without_bodies(door):
    """HEAD says what GET would, and 204 and 304 say nothing, so that the next answer begins where it must."""
    etag = door.put("/v1/keys/k", b"v" * 100).headers["ETag"].encode()
    get = b"GET /v1/keys/k HTTP/1.1\r\nHost: x\r\n"
    with Wire(door) as wire:
        wire.send(get + b"\r\n", b"HEAD" + get[3:] + b"\r\n", get + b"If-None-Match: %s\r\n\r\n" % etag,
                  b"HEAD" + get[3:] + b"If-None-Match: %s\r\n\r\n" % etag, put(b"k", b"w"), b"HEAD /v1/keys/none" + get[14:] + b"\r\n",
                  b"HEAD /docs" + get[14:] + b"\r\n", get + b"\r\n")
        whole, head = wire.answer(), wire.answer("HEAD")
        equal((whole[0], head[0]), (200, 200))
        timing = ("server-timing", "x-request-id", "date")
        equal({k: v for k, v in head[1].items() if k not in timing}, {k: v for k, v in whole[1].items() if k not in timing})
        for method, status in (("GET", 304), ("HEAD", 304), ("PUT", 204), ("HEAD", 404), ("HEAD", 200), ("GET", 200)):
            equal(wire.answer(method)[0], status)


def test_connections_live_on_after_errors(door):
    door.command("LPUSH", "list", "a")
    as_json = b"Content-Type: application/json\r\n"
    cases = [
        (404, b"GET /v1/keys/none HTTP/1.1\r\n"), (404, b"GET /nothing HTTP/1.1\r\n"), (405, b"OPTIONS /healthz HTTP/1.1\r\n"),
        (400, b"GET /v1/keys?limit=x HTTP/1.1\r\n"), (400, b"GET /v1/keys/% HTTP/1.1\r\n"),
        (406, b"GET /v1/lists/list HTTP/1.1\r\nAccept: text/html\r\n"), (409, b"GET /v1/sets/list HTTP/1.1\r\n"),
        (426, b"GET /v1/ws HTTP/1.1\r\n"), (412, b"DELETE /v1/keys/list HTTP/1.1\r\nIf-Match: \"0\"\r\n"),
    ]
    with_body = [
        (400, b"/v1/commands", as_json, b"[1"), (400, b"/v1/commands", as_json, b"{}"), (400, b"/v1/commands", as_json, b'["FROB"]'),
        (409, b"/v1/commands", as_json, b'["SADD","list","a"]'), (422, b"/v1/commands", as_json, b'["HINCRBYFLOAT","h","f","x"]'),
        (413, b"/v1/commands", as_json, b"[" * 100), (413, b"/v1/keys/mget", as_json, json.dumps({"keys": ["k"] * 10001}).encode()),
    ]
    with Wire(door) as wire:
        for status, head in cases:
            wire.send(head + HOST + b"\r\n")
            equal((status, wire.answer()[0]), (status, status))
        for status, path, head, body in with_body:
            wire.send(b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (path, head, len(body), body))
            equal((body[:40], wire.answer()[0]), (body[:40], status))
        wire.send(LAST)
        equal((wire.answer()[0], wire.answer()), (404, None))


def refused(door, data):
    """400, then the end: what stands behind is not taken for a request. (libmicrohttpd 0.9.75 writes the head of an answer
    of its own twice; the second one is part of the body.)"""
    with Wire(door) as wire:
        wire.send(data + LAST)
        answer = wire.answer()
        assert answer and answer[0] == 400 and b"HTTP/1.1 4" not in wire.file.read(), (data, answer)


def test_heads_that_can_be_read_in_two_ways(door):
    length, coding = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"
    for headers, body in (
            (length + coding, b"3\r\nabc\r\n0\r\n\r\n"), (coding + length, b"3\r\nabc\r\n0\r\n\r\n"), (length + length, b"abc"),
            (length + b"Content-Length: 5\r\n", b"abcde"), (coding + coding, b"3\r\nabc\r\n0\r\n\r\n"),
            (b"Transfer-Encoding: gzip\r\n", b"abc"), (b"Transfer-Encoding: gzip, chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
            (b"Transfer-Encoding: xchunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"), (b"Transfer-Encoding: identity\r\n", b"abc"),
            (b"Content-Length : 3\r\n", b"abc"), (b"Transfer-Encoding : chunked\r\n" + length, b"abc"), (b"A\tb: c\r\n" + length, b"abc")):
        for before in (b"", put(b"first", b"v")):
            door.flush()
            with Wire(door) as wire:
                if before:
                    wire.send(before)
                    equal(wire.answer()[0], 201)
                wire.send(b"PUT /v1/keys/k HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body + LAST)
                answer = wire.answer()
                equal((headers, answer[0], json.loads(answer[2])["code"]), (headers, 400, "bad-request"))
                equal((answer[1].get("connection"), wire.answer()), ("close", None))
            equal(door.command("EXISTS", "k"), 0)


def test_lengths_that_are_none(door):
    for value in (b"+3", b"-3", b"0x3", b"3, 3", b"3 3", b"", b"three", b"3.0"):
        refused(door, b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\nabc" % value)
    refused(door, b"PUT /v1/keys/k HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    equal(door.command("EXISTS", "k"), 0)


def test_hosts_and_stray_bytes(door):
    for head in (b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
                 b"GET /health z HTTP/1.1\r\nHost: x\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n"):
        refused(door, head + b"\r\n")
    with Wire(door) as wire:
        wire.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        equal((wire.answer()[0], wire.answer()), (200, None))
    with Wire(door) as wire: # an empty line before the request is nothing
        wire.send(b"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nA:\r\n\r\n")
        equal(wire.answer()[0], 200)


def test_chunks(door):
    head = b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
    for body in (b"3\r\nabc\r\n0\r\n\r\n", b"3;name=value\r\nabc\r\n0\r\n\r\n", b"003\r\nabc\r\n000\r\n\r\n", b"1\r\na\r\n2\r\nbc\r\n0\r\nTrailer: x\r\n\r\n"):
        with Wire(door) as wire:
            wire.send(head + body + LAST)
            assert wire.answer()[0] in (201, 204) and wire.answer()[0] == 404
        equal(door.command("GETDEL", "k"), "abc")
    for body, status in ((b"-3\r\nabc\r\n0\r\n\r\n", 400), (b"0x3\r\nabc\r\n0\r\n\r\n", 400), (b"3\r\nabcd\r\n0\r\n\r\n", 400),
                         (b"\r\nabc\r\n0\r\n\r\n", 400), (b"g\r\nabc\r\n", 400), (b"f" * 20 + b"\r\nabc\r\n", 413)):
        with Wire(door) as wire:
            wire.send(head + body + LAST)
            answer = wire.answer()
            assert answer is None or answer[0] == status, (body, answer)
            assert answer is None or wire.answer() is None, body
        equal(door.command("EXISTS", "k"), 0)
