"""A disk that is full, or fails: writes are refused with -MISCONF (503), reads go on, it recovers by itself when the disk
does, and what was acknowledged is there after a kill. What the disk refused was not acknowledged."""

import errno
import http.client
import json
import os
import shutil
import socket
import tempfile
import time
import unittest

import redis

from client import WebSocket
from durable import BUILD, Disk, Server


@unittest.skipIf(BUILD == "tsan", "two libraries before the C library")
class BadDisk(unittest.TestCase):
    appendfsync = "always"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="disk-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.disk = Disk(self.folder)
        self.addCleanup(self.disk.close)
        self.server = Server(self.folder, "--appendfsync", self.appendfsync, environment=self.disk.environment)
        self.addCleanup(self.server.kill)
        self.client = self.server.start().client
        self.acked = {}

    def put(self, key, value):
        """True where it was acknowledged."""
        try:
            self.client.set(key, value)
        except redis.ResponseError as e:
            self.assertIn("MISCONF Errors writing to the AOF file: ", str(e).replace("Errors", "MISCONF Errors", 1)
                          if not str(e).startswith("MISCONF") else str(e))
            return False
        self.acked[key] = str(value).encode()
        return True

    def put_until(self, wanted, key):
        """Writes until one is (or is not) acknowledged."""
        until = time.time() + 10
        n = 0
        while self.put("%s:%d" % (key, n), n) != wanted:
            self.assertLess(time.time(), until)
            n += 1
            time.sleep(0.01)

    def check_refusals(self):
        """All doors refuse writes, and answer reads."""
        self.assertEqual(self.client.get("first"), b"1")
        self.assertEqual(self.client.info("persistence")["aof_last_write_status"], "err")
        with self.assertRaises(redis.ResponseError):
            with self.client.pipeline(transaction=True) as p:
                p.set("half", 1).set("other", 1)
                p.execute()
        h = http.client.HTTPConnection("127.0.0.1", self.server.ports[2], timeout=5)
        h.request("PUT", "/v1/keys/http", body="x")
        answer = h.getresponse()
        self.assertEqual([answer.status, json.loads(answer.read())["code"]], [503, "persistence-failing"])
        h.request("GET", "/v1/keys/first")
        self.assertEqual(h.getresponse().status, 200)
        with socket.create_connection(("127.0.0.1", self.server.ports[1]), 5) as m:
            m.sendall(b"set mc 0 0 1\r\nx\r\n")
            self.assertIn(b"SERVER_ERROR", m.recv(200))
        w = WebSocket(self.server.ports[2])
        self.assertEqual(w.ask("command", args=["SET", "ws", "1"])["error"]["code"], "persistence-failing")
        self.assertEqual(w.ask("command", args=["GET", "first"])["result"], "1")

    def run_fault(self, **fault):
        self.assertTrue(self.put("first", 1))
        for _ in range(2):
            self.disk.set(**fault)
            self.put_until(False, "during%d" % len(self.acked))
            self.check_refusals()
            self.disk.set()
            self.put_until(True, "after%d" % len(self.acked))
            self.assertEqual(self.client.info("persistence")["aof_last_write_status"], "ok")
        self.assertEqual(self.client.execute_command("WAITAOF", 1, 0, 5000)[0], 1)
        self.server.kill()
        self.client = self.server.start().client
        for key, value in self.acked.items():
            self.assertEqual(self.client.get(key), value, key)
        self.assertFalse(self.client.exists("half") ^ self.client.exists("other"))

    def test_full(self):
        self.run_fault(left=100)

    def test_write_error(self):
        self.run_fault(write=errno.EIO)

    def test_sync_error(self):
        self.run_fault(sync=errno.EIO)

    def test_pipeline_that_the_disk_refuses(self):
        """Every command of it is answered, and none as if it were done."""
        if self.appendfsync != "always":
            return
        self.disk.set(sync=errno.EIO)
        answers = self.client.pipeline(transaction=False)
        for i in range(20):
            answers.set("k%d" % i, i)
        answers = answers.execute(raise_on_error=False)
        self.assertEqual(len(answers), 20)
        self.assertTrue(all(isinstance(a, redis.ResponseError) for a in answers), answers)
        self.disk.set()
        self.put_until(True, "after")

    def test_rewrite_that_fails(self):
        """The log goes on as it was; a later rewrite succeeds."""
        self.assertTrue(self.put("first", 1))
        for fault in {"open": errno.EROFS}, {"left": 40}, {"sync": errno.EIO}:
            self.disk.set(**fault)
            self.client.bgrewriteaof()
            until = time.time() + 10
            while self.client.info("persistence")["aof_last_bgrewrite_status"] != "err":
                self.assertLess(time.time(), until)
                time.sleep(0.02)
            self.disk.set()
            self.put_until(True, "then%d" % len(self.acked))
            self.client.bgrewriteaof()
            until = time.time() + 10
            while True:
                info = self.client.info("persistence")
                if info["aof_last_bgrewrite_status"] == "ok" and not info["aof_rewrite_in_progress"]:
                    break
                self.assertLess(time.time(), until)
                time.sleep(0.02)
        self.assertTrue(self.put("last", 1))
        self.client.execute_command("WAITAOF", 1, 0, 5000)
        self.server.kill()
        self.client = self.server.start().client
        for key, value in self.acked.items():
            self.assertEqual(self.client.get(key), value, key)


class BadDiskEverysec(BadDisk):
    appendfsync = "everysec"


if __name__ == "__main__":
    unittest.main()
