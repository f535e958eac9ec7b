"""Clients that read slowly, or only after they have sent everything: what waits for them is bounded."""

import contextlib
import socket
import time
import unittest

import redis

import doors

MB = 1024 * 1024


def command(*words):
    parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


@contextlib.contextmanager
def lazy(port):
    """A connection whose socket holds little."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.settimeout(30)
        s.connect(("127.0.0.1", port))
        yield s


def read_to_end(s):
    n = 0
    with contextlib.suppress(ConnectionResetError):
        while got := s.recv(MB):
            n += len(got)
    return n


class Pipelines(unittest.TestCase):
    def test_what_waits_for_one_client_is_bounded(self):
        """20 replies of 8 MB are asked for at once: no more than about one is made ahead of what is read."""
        with doors.another() as (port, *_), lazy(port) as s:
            r = redis.Redis(port=port)
            r.set("big", b"x" * 8 * MB)
            used = r.info("memory")["used_memory"]
            s.sendall(command("CLIENT", "SETNAME", "lazy") + command("GET", "big") * 20 + command("SET", "done", 1))
            time.sleep(0.5)
            self.assertLess(r.info("memory")["used_memory"] - used, 24 * MB)
            self.assertIsNone(r.get("done"))
            expected = len("+OK\r\n$8388608\r\n\r\n+OK\r\n") + 8 * MB + 19 * (8 * MB + len("$8388608\r\n\r\n"))
            got = 0
            while got < expected:
                got += len(s.recv(MB))
            self.assertEqual(got, expected)
            self.assertEqual(r.get("done"), b"1")

    def test_all_is_sent_before_anything_is_read(self):
        """A client that writes 60,000 commands before it reads does not hang, at either door."""
        n, value = 60000, b"v" * 1000
        with doors.another() as (port, memcached, _):
            redis.Redis(port=port).set("k", value)
            for at, one, reply in ((port, command("GET", "k"), b"$1000\r\n%s\r\n" % value),
                                   (memcached, b"get k\r\n", b"VALUE k 0 1000\r\n%s\r\nEND\r\n" % value)):
                with lazy(at) as s:
                    s.sendall(one * n)
                    left = len(reply) * n
                    while left:
                        got = len(s.recv(MB))
                        self.assertTrue(got)
                        left -= got

    def test_what_was_sent_before_the_end_is_served(self):
        with doors.another() as (port, *_), lazy(port) as s:
            r = redis.Redis(port=port)
            r.set("k", b"v" * 100000)
            s.sendall(command("GET", "k") * 200 + command("SET", "done", 1))
            time.sleep(0.3)
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(read_to_end(s), 200 * (100000 + len("$100000\r\n\r\n")) + len("+OK\r\n"))
            self.assertEqual(r.get("done"), b"1")


class Limits(unittest.TestCase):
    FLAGS = ("--client-output-buffer-limit", "normal", "4mb", "2mb", "1", "pubsub", "16mb", "1mb", "3")

    def closed(self, r):
        return r.info("stats")["client_output_buffer_limit_disconnections"]

    def wait_closed(self, r):
        """Until one client was closed; it has read nothing meanwhile."""
        for _ in range(500):
            if self.closed(r):
                break
            time.sleep(0.02)
        self.assertEqual(self.closed(r), 1)

    def test_hard_limit_of_a_reply(self):
        with doors.another(*self.FLAGS) as (port, *_), lazy(port) as s:
            r = redis.Redis(port=port)
            r.set("big", b"x" * 16 * MB)
            s.sendall(command("GET", "big"))
            self.wait_closed(r)
            self.assertLess(read_to_end(s), 16 * MB)

    def test_soft_limit_of_a_subscriber(self):
        with doors.another(*self.FLAGS) as (port, *_), lazy(port) as s:
            r = redis.Redis(port=port)
            s.sendall(command("SUBSCRIBE", "news"))
            self.assertTrue(s.recv(1000).startswith(b"*3"))
            for _ in range(80):
                r.publish("news", b"x" * 100000)
            time.sleep(0.5)
            self.assertEqual(r.publish("news", "still there"), 1)
            self.wait_closed(r)
            self.assertEqual(r.publish("news", "gone"), 0)

    def test_one_who_catches_up_stays(self):
        with doors.another(*self.FLAGS) as (port, *_), lazy(port) as s:
            r = redis.Redis(port=port)
            s.sendall(command("SUBSCRIBE", "news"))
            left = 80 * len(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$100000\r\n\r\n") + 80 * 100000
            left -= len(s.recv(1000)) - len(b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
            for _ in range(80):
                r.publish("news", b"x" * 100000)
            while left > 0:
                left -= len(s.recv(MB))
            time.sleep(4.5)
            self.assertEqual(r.publish("news", "still there"), 1)


class Events(unittest.TestCase):
    def test_classes_of_the_command_line_are_on(self):
        with doors.another("--notify-keyspace-events", "KEA") as (port, *_):
            r = redis.Redis(port=port)
            p = r.pubsub()
            p.subscribe("__keyevent@0__:set")
            self.assertEqual(p.get_message(timeout=5)["type"], "subscribe")
            r.set("k", 1)
            self.assertEqual(p.get_message(timeout=5)["data"], b"k")
            self.assertEqual(r.config_get("notify-keyspace-events"), {"notify-keyspace-events": "AKE"})
