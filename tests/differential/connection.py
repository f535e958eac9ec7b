"""One client connection: batches of commands with a sentinel at the end, so that replies need no parsing to
be counted."""

import socket
import time

import resp


class Closed(Exception):
    """The server closed the connection, or nothing came in time."""

    def __init__(self, why, data):
        super().__init__(why)
        self.data = data


class Connection:
    def __init__(self, port, host="127.0.0.1", timeout=10.0):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.rest = b""
        self.turn = 0

    def close(self):
        self.sock.close()

    def sentinel(self):
        """The bytes of an ECHO and of its reply; no value that a generator makes holds this word."""
        self.turn += 1
        word = b"~~end-of-batch-%d~~" % self.turn
        return resp.encode([b"ECHO", word]), b"$%d\r\n%s\r\n" % (len(word), word)

    def send(self, data):
        self.sock.sendall(data)

    def read_until(self, tail):
        """Everything up to `tail`, without it."""
        chunks, last = [self.rest], self.rest
        self.rest = b""
        deadline = time.monotonic() + self.timeout
        while not last.endswith(tail):
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.sock.recv(1 << 18)
            except socket.timeout:
                raise Closed("no answer within %g s" % self.timeout, b"".join(chunks))
            except OSError as error:
                raise Closed(str(error), b"".join(chunks))
            if not data:
                raise Closed("the server closed the connection", b"".join(chunks))
            chunks.append(data)
            last = last[-len(tail) :] + data if len(data) < len(tail) else data
        return b"".join(chunks)[: -len(tail)]

    def read_available(self, quiet):
        """What comes until nothing has come for `quiet` seconds; and whether the server closed."""
        chunks, self.rest = [self.rest], b""
        self.sock.settimeout(quiet)
        while True:
            try:
                data = self.sock.recv(1 << 18)
            except socket.timeout:
                return b"".join(chunks), False
            except OSError:
                return b"".join(chunks), True
            if not data:
                return b"".join(chunks), True
            chunks.append(data)

    def read_some(self, quiet):
        """One piece of what comes within `quiet` seconds, empty where nothing does; and whether the server closed."""
        self.sock.settimeout(quiet)
        try:
            data = self.sock.recv(1 << 18)
        except socket.timeout:
            return b"", False
        except OSError:
            return b"", True
        return data, not data

    def batch(self, encoded):
        """Sends encoded commands and returns the bytes of their replies."""
        ask, answer = self.sentinel()
        self.send(encoded + ask)
        return self.read_until(answer)

    def call(self, *argv):
        """One command, one parsed reply."""
        argv = [a if isinstance(a, bytes) else str(a).encode() for a in argv]
        return resp.parse(self.batch(resp.encode(argv)))[0]
