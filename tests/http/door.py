"""Clients for the tests: HTTP by http.client and by raw sockets, RESP by a socket; and a program of one's own."""

import base64
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
JSON = {"Content-Type": "application/json"}
KEPT_BYTES = 1 << 18  # longer bodies are not recorded
RECORD = tempfile.NamedTemporaryFile("w", prefix="atrium-http-", suffix=".jsonl")  # every answer, for test_openapi.py
RECORD_LOCK = threading.Lock()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.data = response.read()

    @property
    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return "%d %r %r" % (self.status, dict(self.headers), self.data[:500])


def record(method, target, answer):
    """What contract/validate.mjs reads."""
    data = gzip.decompress(answer.data) if answer.data and answer.headers["Content-Encoding"] else answer.data
    body = base64.b64encode(data).decode() if len(data) <= KEPT_BYTES else None
    line = json.dumps([method, target, answer.status, answer.headers.items(), body]) + "\n"
    with RECORD_LOCK:
        RECORD.write(line)


class Door:
    def __init__(self, http_port, resp_port=None):
        self.http_port, self.resp_port = http_port, resp_port
        self.connection = None

    def request(self, method, path, body=None, headers=None):
        """One request on a kept connection, anew where the server has closed it."""
        for again in (True, False):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
            try:
                self.connection.request(method, path, body, headers or {})
                answer = Answer(self.connection.getresponse())
                break
            except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
                self.close()
                if not again:
                    raise
        record(method, path, answer)
        if answer.headers.get("Connection") == "close":
            self.close()
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def get(self, path, **headers):
        return self.request("GET", path, headers=names(headers))

    def send_json(self, method, path, value, **headers):
        return self.request(method, path, json.dumps(value), {**JSON, **names(headers)})

    def post(self, path, value, **headers):
        return self.send_json("POST", path, value, **headers)

    def put(self, path, data=b"", **headers):
        return self.request("PUT", path, data, names(headers))

    def command(self, *args):
        answer = self.post("/v1/commands", list(args))
        assert answer.status == 200, answer
        return answer.json["result"]

    def flush(self):
        self.command("FLUSHALL")

    def raw(self, data, timeout=5, half_close=False):
        """Sends bytes and returns everything until the server closes or is silent for `timeout`."""
        with socket.create_connection(("127.0.0.1", self.http_port), timeout) as s:
            s.settimeout(timeout)
            for piece in data if isinstance(data, (list, tuple)) else [data]:
                try:
                    s.sendall(piece)
                except OSError:
                    break
                if isinstance(data, (list, tuple)):
                    time.sleep(0.02)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            return receive(s)

    def resp(self):
        return Resp(self.resp_port)


def receive(s):
    got = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                return got
            got += more
    except (socket.timeout, ConnectionError):
        return got


def names(headers):
    """if_match=... to If-Match: ..."""
    return {k.replace("_", "-"): v for k, v in headers.items()}


def quote(key):
    return urllib.parse.quote(key, safe="")


class Resp:
    """Inline commands and their replies, enough to see what another door sees."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.file = self.socket.makefile("rb")

    def call(self, *args):
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in (b"+", b"-"):
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        raise AssertionError(line)

    def close(self):
        self.socket.close()


class Program:
    """An atrium of the test's own, with the flags given."""

    def __init__(self, *flags):
        binary = os.environ.get("ATRIUM_PROGRAM", os.path.join(ROOT, "build", "atrium"))
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.port, self.http_port = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        self.process = subprocess.Popen(
            [binary, "--port", str(self.port), "--http-port", str(self.http_port), "--memcached-port", "0", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until = time.time() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.http_port), 1).close()
                return
            except OSError:
                assert time.time() < until and self.process.poll() is None, "the program did not start"
                time.sleep(0.05)

    def door(self):
        return Door(self.http_port, self.port)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self):
        return self.door()

    def __exit__(self, kind, *rest):
        status = self.end()
        assert kind or status == 0, "the program ended with status %d" % status


def equal(got, wanted):
    assert got == wanted, "got %r, not %r" % (got, wanted)


def problem(answer, status, code):
    """The answer is this problem, with every member that each one has."""
    assert answer.status == status, answer
    equal(answer.headers["Content-Type"], "application/problem+json")
    body = answer.json
    equal(body["code"], code)
    equal(body["type"], "/problems/" + code)
    equal(body["status"], status)
    for name in ("title", "detail", "instance", "request_id"):
        assert isinstance(body[name], str) and body[name], body
    assert isinstance(body["retryable"], bool)
    equal(body["request_id"], answer.headers["X-Request-Id"])
    return body
