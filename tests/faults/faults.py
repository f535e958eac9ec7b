"""What the tests of this folder share: raw connections, and the measure of what a fault leaves behind."""

import contextlib
import os
import socket
import struct
import time
import unittest

import redis

import doors
from client import WebSocket

RESP, MEMCACHED, HTTP = doors.PORT, doors.MEMCACHED_PORT, doors.HTTP_PORT
WAIT_S = 20
SLACK_BYTES = 512 * 1024 # used memory moves by this much without a leak: buffers that are kept for reuse


def connect(port, receive_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(WAIT_S)
    s.connect(("127.0.0.1", port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def to_end(s):
    """What comes until the server closes; a reset is a close."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := s.recv(1 << 16):
            data += more
    return data


def exchange(port, request, half_close=True):
    """What the server answers to `request` until it closes."""
    with connect(port) as s:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            s.sendall(request)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        return to_end(s)


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def http_get(path):
    return b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path


# ---- ways to go ----------------------------------------------------------------------------------------------------

def leave_in_order(s):
    s.close()


def leave_by_reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def leave_by_halves(s):
    """Says that nothing more will come, and is gone a moment later."""
    with contextlib.suppress(OSError):
        s.shutdown(socket.SHUT_WR)
    time.sleep(0.002)
    s.close()


WAYS = (leave_in_order, leave_by_reset, leave_by_halves)


class Fault(unittest.TestCase):
    """Each test starts with an empty keyspace and ends with all doors answering."""

    def setUp(self):
        self.redis = redis.Redis(port=RESP, socket_timeout=WAIT_S)
        self.redis.flushall()
        self.pid = self.redis.info("server")["process_id"]

    def tearDown(self):
        self.assertTrue(self.redis.ping())
        self.assertEqual(exchange(MEMCACHED, b"version\r\nquit\r\n")[:8], b"VERSION ")
        self.assertRegex(exchange(HTTP, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
                         rb"^HTTP/1\.1 200 ")
        with WebSocket(HTTP) as w:
            self.assertTrue(w.ask("ping")["ok"])
        self.redis.close()

    def footprint(self):
        """(file descriptors, clients, bytes in use)"""
        fds = len(os.listdir("/proc/%d/fd" % self.pid))
        return fds, len(self.redis.client_list()), self.redis.info("memory")["used_memory"]

    def settled(self):
        """The footprint once connections have gone and what is freed in the background is freed."""
        last = self.footprint()
        still = 0
        until = time.time() + WAIT_S
        while still < 5 and time.time() < until:
            time.sleep(0.02)
            now = self.footprint()
            still = still + 1 if now[:2] == last[:2] and abs(now[2] - last[2]) < 4096 else 0
            last = now
        return last

    def leaves_nothing(self, fault, times, warm_up=2):
        """Runs fault() and compares the footprints before and after; what the first times make for good, they may."""
        for _ in range(warm_up):
            fault()
        before = self.settled()
        for _ in range(times):
            fault()
        until = time.time() + WAIT_S
        while True:
            after = self.settled()
            if after[0] <= before[0] and after[1] <= before[1] and after[2] <= before[2] + SLACK_BYTES:
                return
            if time.time() > until:
                self.fail("(descriptors, clients, bytes) were %s, are %s" % (before, after))
