"""What the tests of the log share: a server with a log that is killed and started again, loads at all doors that remember
what was acknowledged, and the disk of bad_disk.c."""

import contextlib
import http.client
import json
import mmap
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import redis

import doors
from client import WebSocket

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("ATRIUM_BUILD", "plain")


class Disk:
    """The faults of a server's files; see bad_disk.c."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.aside = tempfile.mkdtemp(prefix="bad-disk-")
        self.journal = os.path.join(self.aside, "journal")
        self.library = os.path.join(self.aside, "bad_disk.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", self.library, os.path.join(HERE, "bad_disk.c"), "-ldl"],
                       check=True)
        path = os.path.join(self.aside, "control")
        with open(path, "wb") as f:
            f.write(struct.pack("4q", 0, 0, 0, -1))
        self.file = open(path, "r+b")
        self.control = mmap.mmap(self.file.fileno(), 32)
        self.environment = {"LD_PRELOAD": self.library, "BAD_DISK_ROOT": self.root, "BAD_DISK_JOURNAL": self.journal,
                            "BAD_DISK_CONTROL": path, "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def set(self, write=0, sync=0, open=0, left=-1):
        self.control[:] = struct.pack("4q", write, sync, open, left)

    def close(self):
        self.control.close()
        self.file.close()
        shutil.rmtree(self.aside, True)


class Server:
    """An atrium with a log, in a folder that stays when it is killed."""

    def __init__(self, folder, *flags, environment=None):
        self.folder, self.flags = folder, flags
        self.environment = dict(os.environ, **(environment or {}))
        self.child = None

    def start(self):
        self.ports = [doors.free_port() for _ in range(3)]
        argv = [os.environ["ATRIUM_PROGRAM"], "--dir", self.folder, "--appendonly", "yes", "--ws-ops-per-second", "0",
                *self.flags]
        for name, port in zip(("--port", "--memcached-port", "--http-port"), self.ports):
            argv += [name, str(port)]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.child = subprocess.Popen(argv, stdout=log, stderr=log, env=self.environment)
        for port in self.ports:
            self.wait_for(port)
        self.client = redis.Redis(port=self.ports[0], single_connection_client=True)
        while True:
            try:
                self.client.ping()
                return self
            except redis.exceptions.BusyLoadingError:
                time.sleep(0.02)
            except redis.exceptions.ResponseError:
                return self

    def wait_for(self, port):
        for _ in range(3000):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            if self.child.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError("the server does not start:\n" + self.log()[-2000:])

    def kill(self):
        if self.child:
            self.child.kill()
            self.child.wait()
        self.child = None

    def log(self):
        with open(os.path.join(self.folder, "log"), "rb") as f:
            return f.read().decode("utf-8", "replace")


# ---- loads: each has names of its own, goes on until its connection breaks, and knows what was acknowledged ----------


class Load(threading.Thread):
    """`sent` and `acked` count steps; a step's effect is there wholly or not at all, and all acknowledged ones are."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name, self.sent, self.acked, self.times = name, 0, 0, []

    def attach(self, server):
        """Another thread of the same names, after a restart."""
        fresh = type(self)(self.name)
        fresh.sent, fresh.acked = self.sent, self.acked
        fresh.server = server
        return fresh

    def run(self):
        with contextlib.suppress(OSError, redis.RedisError, http.client.HTTPException, Exception):
            self.connect()
            while True:
                self.sent += 1
                self.step(self.sent)
                self.acked = self.sent
                self.times.append(time.time())

    def settle(self, found):
        """How many steps are there: the acknowledged ones, or one more. The next load goes on from there."""
        assert self.acked <= found <= self.sent, (self.name, self.acked, found, self.sent)
        self.sent = self.acked = found


class Counter(Load):
    def connect(self):
        self.c = redis.Redis(port=self.server.ports[0], single_connection_client=True)

    def step(self, n):
        self.c.incr("counter:" + self.name)

    def found(self, c):
        return int(c.get("counter:" + self.name) or 0)


class Transaction(Counter):
    """Two counters and a list that move together."""

    def step(self, n):
        with self.c.pipeline(transaction=True) as p:
            p.incr("a:" + self.name)
            p.rpush("l:" + self.name, n)
            p.set("b:" + self.name, n)
            p.execute()

    def found(self, c):
        a, b, l = int(c.get("a:" + self.name) or 0), int(c.get("b:" + self.name) or 0), c.llen("l:" + self.name)
        assert a == b == l, (a, b, l)
        return a


class Pipeline(Counter):
    """Eight commands at once, of which the last is acknowledged with the first."""

    def step(self, n):
        with self.c.pipeline(transaction=False) as p:
            for i in range(8):
                p.hset("h:" + self.name, "f%d" % i, n)
            p.execute()

    def found(self, c):
        values = [int(v) for v in c.hvals("h:" + self.name)] or [0]
        return max(min(values), self.acked) if min(values) >= self.acked else min(values)


class Several(Counter):
    """MSET and LMOVE: one step each."""

    def step(self, n):
        self.c.mset({"x:" + self.name: n, "y:" + self.name: n})

    def found(self, c):
        x, y = (int(v or 0) for v in c.mget("x:" + self.name, "y:" + self.name))
        assert x == y, (x, y)
        return x


class Popped(Counter):
    """Members drawn at random from a set: what was given out is gone."""

    def step(self, n):
        self.c.sadd("s:" + self.name, *range(n * 4, n * 4 + 4))
        self.c.spop("s:" + self.name, 3)

    def found(self, c):
        left = c.scard("s:" + self.name)
        assert left in (self.acked, self.acked + 1, self.acked + 4), (left, self.acked, self.sent)
        if left == self.acked + 4:
            c.spop("s:" + self.name, 3)
            left -= 3
        return left


class Memcached(Load):
    def connect(self):
        self.s = socket.create_connection(("127.0.0.1", self.server.ports[1]))
        self.f = self.s.makefile("rb")

    def step(self, n):
        self.s.sendall(b"set mc:%s 5 0 8\r\n%08d\r\n" % (self.name.encode(), n))
        assert self.f.readline() == b"STORED\r\n"

    def found(self, c):
        return int(c.get("mc:" + self.name) or 0)


class Http(Load):
    def connect(self):
        self.c = http.client.HTTPConnection("127.0.0.1", self.server.ports[2])

    def step(self, n):
        self.c.request("PUT", "/v1/keys/http:" + self.name, body=str(n))
        answer = self.c.getresponse()
        answer.read()
        assert answer.status < 300

    def found(self, c):
        return int(c.get("http:" + self.name) or 0)


class Socket(Load):
    def connect(self):
        self.w = WebSocket(self.server.ports[2])

    def step(self, n):
        answer = self.w.ask("command", args=["INCR", "ws:" + self.name])
        assert answer["ok"], json.dumps(answer)

    def found(self, c):
        return int(c.get("ws:" + self.name) or 0)


LOADS = (Counter, Transaction, Pipeline, Several, Popped, Memcached, Http, Socket)
