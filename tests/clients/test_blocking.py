"""Commands that wait: whoever came first is served first, nothing is lost or given twice, and who leaves takes nothing
along. With more threads than cores."""

import contextlib
import os
import socket
import threading
import time
import unittest

import redis

import doors

SMALL = os.environ.get("ATRIUM_BUILD", "plain") != "plain"
ITEMS = 2000 if SMALL else 20000
PRODUCERS = CONSUMERS = 8


def client(port=None, **more):
    return redis.Redis(port=port or doors.PORT, **more)


def request(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Waiting(unittest.TestCase):
    def setUp(self):
        self.r = client()
        self.r.flushall()
        self.sockets = []

    def tearDown(self):
        for s in self.sockets:
            s.close()

    def wait_for_blocked(self, n):
        """Until so many clients are blocked."""
        for _ in range(1000):
            if self.r.info("clients")["blocked_clients"] == n:
                return
            time.sleep(0.005)
        self.fail("%d blocked clients, not %d" % (self.r.info("clients")["blocked_clients"], n))

    def block(self, *words):
        """A new connection that waits with that command."""
        before = self.r.info("clients")["blocked_clients"]
        s = socket.create_connection(("127.0.0.1", doors.PORT), 10)
        self.sockets.append(s)
        s.sendall(request(*words))
        self.wait_for_blocked(before + 1)
        return s

    def test_first_come_first_served(self):
        waiting = [self.block(b"BLPOP", b"q", b"0") for _ in range(30)]
        self.r.rpush("q", *range(20))
        for i, s in enumerate(waiting[:20]):
            value = b"%d" % i
            self.assertEqual(s.recv(100), b"*2\r\n$1\r\nq\r\n$%d\r\n%s\r\n" % (len(value), value))
        self.wait_for_blocked(10)
        self.assertEqual(self.r.llen("q"), 0)

    def test_a_chain_of_moves_is_one_step(self):
        last = self.block(b"BLPOP", b"k5", b"0")
        moves = [self.block(b"BLMOVE", b"k%d" % i, b"k%d" % (i + 1), b"LEFT", b"RIGHT", b"0") for i in range(5)]
        pipe = self.r.pipeline(transaction=False)
        pipe.rpush("k0", "x")
        for i in range(6):
            pipe.exists("k%d" % i)
        self.assertEqual(pipe.execute(), [1] + [0] * 6)
        for s in moves:
            self.assertEqual(s.recv(100), b"$1\r\nx\r\n")
        self.assertEqual(last.recv(100), b"*2\r\n$2\r\nk5\r\n$1\r\nx\r\n")

    def test_who_left_takes_nothing_along(self):
        for _ in range(20):
            s = self.block(b"BLPOP", b"q", b"other", b"0")
            s.close()
            self.wait_for_blocked(0)
            self.r.rpush("q", "stays")
            self.assertEqual(self.r.lpop("q"), b"stays")

    def test_timeouts_are_fractional(self):
        for seconds, command in ((0.05, "blpop"), (0.2, "brpop"), (0.1, "bzpopmin")):
            began = time.monotonic()
            self.assertIsNone(getattr(self.r, command)(["none"], seconds))
            self.assertGreaterEqual(time.monotonic() - began, seconds - 0.002)

    def test_unblock(self):
        for reason, answer in ((b"TIMEOUT", b"*-1\r\n"), (b"ERROR", b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")):
            s = self.block(b"BLPOP", b"q", b"0")
            waiting = [c for c in self.r.client_list() if "b" in c["flags"]]
            self.assertEqual(self.r.execute_command("CLIENT", "UNBLOCK", waiting[0]["id"], reason), 1)
            self.assertEqual(s.recv(100), answer)
            self.assertEqual(self.r.execute_command("CLIENT", "UNBLOCK", waiting[0]["id"], reason), 0)
            self.r.rpush("q", "kept")
            self.assertEqual(self.r.lpop("q"), b"kept")

    def test_a_wait_with_claim_ends_when_an_entry_is_idle_for_long_enough(self):
        read = ["XREADGROUP", "GROUP", "g", "b", "BLOCK"]
        self.r.xgroup_create("s", "g", mkstream=True)
        entry = self.r.xadd("s", {"f": "v"})
        self.assertEqual(len(self.r.xreadgroup("g", "a", {"s": ">"})[0][1]), 1)
        began = time.monotonic()
        self.assertFalse(self.r.execute_command(*read, 100, "CLAIM", 100000, "STREAMS", "s", ">"))
        self.assertGreaterEqual(time.monotonic() - began, 0.098)
        self.r.execute_command("XCLAIM", "s", "g", "a", 0, entry)
        began = time.monotonic()
        reply = self.r.execute_command(*read, 0, "CLAIM", 300, "STREAMS", "s", ">")
        self.assertGreaterEqual(time.monotonic() - began, 0.25)
        self.assertIn(entry, repr(reply).encode())
        self.assertEqual([p["consumer"] for p in self.r.xpending_range("s", "g", "-", "+", 5)], [b"b"])

    def test_within_a_transaction_nothing_waits(self):
        with self.r.pipeline() as pipe:
            pipe.blpop(["none"], 0)
            pipe.bzpopmax(["none"], 0)
            pipe.execute_command("BLMOVE", "none", "b", "LEFT", "LEFT", 0)
            self.assertEqual(pipe.execute(), [None, None, None])

    def test_what_expires_or_is_flushed_serves_nobody(self):
        s = self.block(b"BLPOP", b"q", b"0")
        self.r.set("q", "a string", px=5)
        time.sleep(0.3)
        self.r.flushall()
        self.wait_for_blocked(1)
        self.r.rpush("q", "at last")
        self.assertEqual(s.recv(100), b"*2\r\n$1\r\nq\r\n$7\r\nat last\r\n")


class Crowd(unittest.TestCase):
    """Many threads on both sides; the server has eight."""

    def run_threads(self, functions):
        failures = []

        def guarded(function):
            try:
                function()
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        self.assertEqual(failures, [])
        self.assertFalse(any(t.is_alive() for t in threads), "a wake-up was lost")

    def test_every_item_reaches_one_consumer(self):
        keys = ["q%d" % i for i in range(4)]
        with doors.another("--threads", "8") as (port, _, _):
            taken, lock = [], threading.Lock()

            def produce(n):
                r = client(port)
                for i in range(ITEMS // PRODUCERS):
                    item = "%d:%d" % (n, i)
                    key = keys[(i * 7 + n) % 4]
                    if i % 5 == 0:
                        with r.pipeline() as pipe:
                            pipe.rpush(key, item)
                            pipe.llen(key)
                            pipe.execute()
                    elif i % 5 == 1:
                        r.lpush("side%d" % n, item)
                        r.lmove("side%d" % n, key, "LEFT", "LEFT")
                    else:
                        r.rpush(key, item)

            def consume(n):
                r, mine = client(port), []
                while True:
                    if n % 3 == 0:
                        got = r.blpop(keys[n % 4 :] + keys[: n % 4], 0)[1:]
                    elif n % 3 == 1:
                        got = r.execute_command("BLMPOP", 0, 4, *keys, "RIGHT", "COUNT", 3)[1]
                    else:
                        moved = r.execute_command("BLMOVE", keys[n % 4], "private%d" % n, "LEFT", "RIGHT", 0.02)
                        got = [moved] if moved else (r.brpop(keys, 0) or [])[1:]
                    mine += [item for item in got if item != b"end"]
                    ends = sum(item == b"end" for item in got)
                    for _ in range(ends - 1):
                        r.rpush("q0", "end")
                    if ends:
                        break
                with lock:
                    taken.extend(mine)

            consumers = [lambda n=n: consume(n) for n in range(CONSUMERS)]
            producers = [lambda n=n: produce(n) for n in range(PRODUCERS)]
            done = []

            def end():
                self.run_threads(producers)
                r = client(port)
                while sum(r.llen(k) for k in keys):
                    time.sleep(0.01)
                for _ in range(CONSUMERS):
                    r.rpush("q0", "end")
                    r.rpush("q2", "end")
                done.append(True)

            self.run_threads(consumers + [end])
            expected = {b"%d:%d" % (n, i) for n in range(PRODUCERS) for i in range(ITEMS // PRODUCERS)}
            self.assertEqual(len(taken), len(expected))
            self.assertEqual(set(taken), expected)
            self.assertTrue(done)

    def test_watched_increments_are_exact(self):
        with doors.another("--threads", "8") as (port, _, _):
            tries = 60 if SMALL else 300

            def work():
                r = client(port)
                for _ in range(tries):
                    with r.pipeline() as pipe:
                        while True:
                            with contextlib.suppress(redis.WatchError):
                                pipe.watch("sum", "twin")
                                value, twin = int(pipe.get("sum") or 0), int(pipe.get("twin") or 0)
                                pipe.multi()
                                pipe.set("sum", value + 1)
                                pipe.set("twin", twin + 1)
                                pipe.execute()
                                break

            self.run_threads([work] * 8)
            self.assertEqual(client(port).mget("sum", "twin"), [b"%d" % (8 * tries)] * 2)
