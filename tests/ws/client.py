"""WebSocket (RFC 6455) and RESP clients for the tests, on plain sockets."""

import base64
import hashlib
import json
import os
import socket
import struct
import time
import zlib

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FLUSH_TAIL = b"\0\0\xff\xff" # of a compressed message, not sent
WAIT_S = 5


contract = None # set by the runner: every message of the server must be as it says


class Refused(Exception):
    """The handshake was answered otherwise than by 101."""

    def __init__(self, status, head, body):
        super().__init__(status)
        self.status, self.head, self.body = status, head, body


class Closed(Exception):
    """The server closed; `code` is its close code, None where the connection just ended."""

    def __init__(self, code, reason=""):
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason


def bearer(password):
    return "atrium.bearer." + base64.urlsafe_b64encode(password.encode()).decode().rstrip("=")


def mask_with(key, payload):
    n = len(payload)
    pad = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big")


def frame(opcode, payload=b"", final=True, masked=True, reserved=0, length=None):
    """A client's frame; `length` is what its head says where that is not the payload's."""
    n = len(payload) if length is None else length
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    bit = 0x80 if masked else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + mask_with(key, payload)


class WebSocket:
    def __init__(self, port, path="/v1/ws", protocols=("atrium.v1.json",), headers=(), version="13"):
        self.sock = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.ids = 0
        self.pushes = []
        self.deflated = 0 # messages that came compressed
        self.handshake(port, path, protocols, headers, version)

    def handshake(self, port, path, protocols, headers, version):
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", f"Sec-WebSocket-Version: {version}"]
        if protocols:
            lines.append("Sec-WebSocket-Protocol: " + ", ".join(protocols))
        lines += headers
        self.sock.sendall("\r\n".join(lines + ["", ""]).encode())
        head, self.rest = self.read_head()
        status = int(head.split()[1])
        if status != 101:
            raise Refused(status, head, self.rest + self.read_to_end())
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        fields = {k.lower(): v.strip() for k, v in (l.split(":", 1) for l in head.split("\r\n")[1:] if ":" in l)}
        assert fields["sec-websocket-accept"] == accept, head
        self.protocol = fields.get("sec-websocket-protocol")
        self.extensions = fields.get("sec-websocket-extensions")

    def read_head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                raise Closed(None, "during the handshake: " + data.decode("latin-1"))
            data += more
        head, rest = data.split(b"\r\n\r\n", 1)
        return head.decode("latin-1"), rest

    def read_to_end(self):
        data = b""
        try:
            while more := self.sock.recv(65536):
                data += more
        except OSError:
            pass
        return data

    # ---- frames

    def send_frame(self, opcode, payload, final=True, masked=True, reserved=0):
        self.sock.sendall(frame(opcode, payload, final, masked, reserved))

    def need(self, n):
        while len(self.rest) < n:
            try:
                more = self.sock.recv(1 << 18)
            except ConnectionError:
                more = b""
            if not more:
                raise Closed(None)
            self.rest += more

    def read_frame(self):
        self.need(2)
        opcode, n, at = self.rest[0] & 15, self.rest[1], 2
        first = self.rest[0]
        assert first & 0x80 and not first & 0x30 and not n & 0x80, "whole, unmasked frames"
        if n >= 126:
            size = 2 if n == 126 else 8
            self.need(2 + size)
            n, at = int.from_bytes(self.rest[2:2 + size], "big"), 2 + size
        self.need(at + n)
        payload, self.rest = self.rest[at:at + n], self.rest[at + n:]
        if first & 0x40:
            assert self.extensions, "nobody agreed to compression"
            self.deflated += 1
            payload = zlib.decompressobj(-15).decompress(payload + FLUSH_TAIL)
        return opcode, payload

    def read(self, timeout=WAIT_S, answer_pings=True):
        """The next message, parsed."""
        self.sock.settimeout(timeout)
        while True:
            opcode, payload = self.read_frame()
            if opcode == TEXT:
                message = json.loads(payload)
                if contract:
                    contract.check_any(message)
                return message
            if opcode == BINARY:
                return self.part(payload)
            if opcode == PING and answer_pings:
                self.send_frame(PONG, payload)
            if opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big") if payload else None
                raise Closed(code, payload[2:].decode())

    # ---- messages

    def part(self, payload):
        """A binary message: its JSON, with the data as bytes."""
        n = struct.unpack(">I", payload[:4])[0]
        head, data = json.loads(payload[4:4 + n]), payload[4 + n:]
        if contract:
            contract.check_schema("messageHead", head)
            contract.seen.add("binaryMessage")
        return {**head, "data": data}

    def ask_binary(self, op, data, **fields):
        """The same with data behind the JSON of a binary message."""
        self.ids += 1
        text = json.dumps({"id": self.ids, "op": op, **fields}).encode()
        self.send_frame(BINARY, struct.pack(">I", len(text)) + text + data)
        reply = self.reply(self.ids)
        if contract:
            contract.check(op + "Reply" if reply["ok"] else "failure", reply)
        return reply

    def send(self, message):
        self.send_frame(TEXT, message.encode() if isinstance(message, str) else json.dumps(message).encode())

    def ask(self, op, **fields):
        """Sends an op, returns its reply; pushes before it go to self.pushes."""
        self.ids += 1
        self.send({"id": self.ids, "op": op, **fields})
        reply = self.reply(self.ids)
        if contract:
            contract.check(op + "Reply" if reply["ok"] else "failure", reply)
        return reply

    def reply(self, want):
        while True:
            message = self.read()
            if "id" in message:
                assert message["id"] == want, message
                return message
            self.pushes.append(message)

    def push(self, timeout=WAIT_S):
        if self.pushes:
            return self.pushes.pop(0)
        message = self.read(timeout)
        assert "id" not in message, message
        return message

    def quiet(self, seconds=0.15):
        """Is nothing coming?"""
        if self.pushes:
            return False
        try:
            self.read(seconds)
            return False
        except TimeoutError:
            return True

    def close_code(self, timeout=WAIT_S, answer_pings=True):
        """Reads until the server closes."""
        until = time.time() + timeout
        try:
            while time.time() < until:
                self.read(max(0.01, until - time.time()), answer_pings)
        except Closed as closed:
            return closed.code
        raise AssertionError("not closed")

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Resp:
    """Just enough RESP2 to run commands and read pushes."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.file = self.sock.makefile("rb")

    def send(self, *args):
        words = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        self.sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind in b"*>":
            return [self.read() for _ in range(int(rest))]
        return line[:-2]

    def run(self, *args):
        self.send(*args)
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()
