"""A listener of server-sent events on a raw socket."""

import json
import select
import socket


class Listener:
    def __init__(self, door, path, timeout=10, method="GET", **headers):
        self.socket = socket.create_connection(("127.0.0.1", door.http_port), timeout)
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: x", "Accept: text/event-stream"]
        lines += ["%s: %s" % (name.replace("_", "-"), value) for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.raw, self.text = b"", b""
        self.status, self.headers = 0, {}

    def start(self):
        """Reads the head and the first piece; self."""
        while b"\r\n\r\n" not in self.raw:
            self.more()
        head, _, self.raw = self.raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        if self.status == 200:
            assert self.block() == ["retry: 1000"]
        return self

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(self.raw)
        self.raw += data

    def chunk(self):
        """Appends one chunk of the body to `text`; False at the end."""
        while b"\r\n" not in self.raw:
            self.more()
        size, _, rest = self.raw.partition(b"\r\n")
        size = int(size, 16)
        while len(self.raw) < len(self.raw.partition(b"\r\n")[0]) + size + 4:
            self.more()
        rest = self.raw.partition(b"\r\n")[2]
        self.text += rest[:size]
        self.raw = rest[size + 2:]
        return size > 0

    def block(self):
        """The lines of the next event or comment; None at the end."""
        while b"\n\n" not in self.text:
            if not self.chunk():
                return None
        block, _, self.text = self.text.partition(b"\n\n")
        return block.decode().split("\n")

    def event(self):
        """The next event as a dictionary; comments are passed over. `data` is read as JSON."""
        while True:
            lines = self.block()
            if lines is None:
                return None
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if fields:
                fields["data"] = json.loads(fields.get("data", "null"))
                return fields

    def quiet(self, seconds=0.1):
        return not self.raw and not self.text and not select.select([self.socket], [], [], seconds)[0]

    def close(self):
        self.socket.close()
