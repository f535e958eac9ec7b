"""RDB files of others: by hand, an encoding each, and by redis-server with thresholds at which it writes each of its own."""

import os
import shutil
import struct
import subprocess
import tempfile
import unittest

import redis

import doors
import rdb_files as rdb
import test_dump
import test_snapshot # whole, so that its tests are not run again here
from test_snapshot import atrium, reference

THRESHOLDS = ("hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-intset-entries", "list-max-listpack-size")


def server(folder, *flags):
    return test_snapshot.server(lambda port: [os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", str(port), "--memcached-port",
                                              "0", "--http-port", "0", *flags], folder)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rdb-files-")
        self.file = os.path.join(self.folder, "dump.rdb")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def write(self, data):
        with open(self.file, "wb") as f:
            f.write(data)

    def loaded(self, *parts, **more):
        self.write(rdb.file(parts, **more))
        return atrium(self.folder)

    def refused(self, data):
        """What the program says that does not start with it."""
        self.write(data)
        argv = [os.environ["ATRIUM_PROGRAM"], "--dir", self.folder, "--memcached-port", "0", "--http-port", "0", "--port"]
        done = subprocess.run(argv + [str(doors.free_port())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(b"dump.rdb: ", done.stdout)
        return done.stdout.decode()

    def deadlines(self, client, name, *fields):
        return client.execute_command("HPEXPIRETIME", name, "FIELDS", len(fields), *fields)

    def test_every_encoding(self):
        parts = [rdb.key(name.encode(), body) for name, body in rdb.BY_HAND.items()]
        peer = test_dump.Reference()
        self.addCleanup(peer.stop)
        with self.loaded(rdb.select(0), rdb.sizes(len(parts), 0), *parts, magic=b"REDIS0012") as client:
            self.assertEqual(client.dbsize(), len(rdb.BY_HAND))
            for name, (_, value) in rdb.VALUES.items():
                self.assertEqual(test_dump.read(client, name), value, name)
            for name, body in test_dump.OLD.items():
                peer.client.restore(name, 0, test_dump.envelope(body, 6))
                self.assertEqual(test_dump.read(client, name), test_dump.read(peer.client, name), name)
            for name in rdb.TIMED_VALUES:
                self.assertEqual(client.hgetall(name), {f: v for f, (v, _) in rdb.TIMED.items()}, name)
                self.assertEqual(self.deadlines(client, name, "f", "g", "h"), [rdb.SOON_MS, -1, rdb.SOON_MS + 5000], name)

    def test_valkey(self):
        with self.loaded(rdb.key(b"h", rdb.VALKEY_TIMED), rdb.key(b"s", b"\x00\x01a"), magic=b"VALKEY080") as client:
            self.assertEqual(client.hgetall("h"), {f: v for f, (v, _) in rdb.TIMED.items()})
            self.assertEqual(self.deadlines(client, "h", "f", "g", "h"), [rdb.SOON_MS, -1, rdb.SOON_MS + 5000])
            self.assertEqual(client.get("s"), b"a")
        self.assertIn("version", self.refused(rdb.file([], magic=b"VALKEY099")))

    def test_opcodes(self):
        s = b"\x00\x01a"
        past = rdb.NOW_MS - 5000
        parts = [rdb.aux(b"redis-ver", b"7.0.15"), rdb.aux(b"no such field", b"1"), rdb.MODULE_AUX, rdb.FUNCTION,
                 rdb.FUNCTION_RC, rdb.select(3), rdb.SLOT, rdb.sizes(5, 3), rdb.key(b"ms", s, rdb.SOON_MS),
                 rdb.key(b"s", s, rdb.SOON_MS, seconds=True), rdb.key(b"past", s, past), rdb.key(b"past s", s, past, seconds=True),
                 rdb.key(b"idle", s, idle=5000), rdb.key(b"freq", s, freq=77), rdb.key(b"all", s, rdb.SOON_MS, idle=100000),
                 rdb.select(15), rdb.sizes(1, 0), rdb.key(b"ms", s)]
        with self.loaded(*parts) as client:
            r = redis.Redis(port=client.connection_pool.connection_kwargs["port"], db=3)
            self.assertEqual(sorted(r.keys()), [b"all", b"freq", b"idle", b"ms", b"s"])
            self.assertEqual([r.execute_command("PEXPIRETIME", k) for k in ("ms", "s", "all", "idle")],
                             [rdb.SOON_MS, rdb.SOON_MS // 1000 * 1000, rdb.SOON_MS, -1])
            self.assertAlmostEqual(r.object("idletime", "idle"), 5000, delta=30)
            self.assertAlmostEqual(r.object("idletime", "all"), 100000, delta=30)
            about = r.info("persistence")
            self.assertEqual((about["rdb_last_load_keys_loaded"], about["rdb_last_load_keys_expired"]), (6, 2))

    def test_functions_are_named_when_left_out(self):
        self.write(rdb.file([rdb.FUNCTION, rdb.FUNCTION_RC, rdb.MODULE_AUX, rdb.key(b"k", b"\x00\x01a")]))
        log = os.path.join(self.folder, "log")
        with open(log, "wb") as f:
            port = doors.free_port()
            child = subprocess.Popen([os.environ["ATRIUM_PROGRAM"], "--dir", self.folder, "--memcached-port", "0",
                                      "--http-port", "0", "--port", str(port)], stdout=f, stderr=f)
        doors.wait_for(port)
        child.terminate()
        child.wait(20)
        with open(log) as f:
            text = f.read()
        self.assertEqual(text.count("a library of functions is left out: #!lua name=mylib"), 2)
        self.assertIn("data of module type scdtype00 is left out", text)

    def test_old_versions(self):
        for version in range(1, 13):
            magic = b"REDIS%04d" % version
            with self.loaded(rdb.select(0), rdb.key(b"k", b"\x00\x01a"), magic=magic) as client:
                self.assertEqual(client.get("k"), b"a", version)

    def test_what_is_wrong_is_named(self):
        good = rdb.key(b"good", b"\x00\x01a")
        for parts, words in (
                ([good, rdb.key(b"doc", rdb.MODULE_VALUE)], 'module type ReJSON-RL.*key "doc" at byte'),
                ([good, rdb.key(b"doc", b"\x06\x01")], 'a module\'s value .*key "doc" at byte'),
                ([good, rdb.key(b"odd", b"\x63\x01")], 'bad value .type 99. of key "odd" at byte'),
                ([good, rdb.key(b"z", b"\x05" + rdb.length(1) + rdb.string(b"m") + struct.pack("<d", float("nan")))],
                 'bad value .type 5. of key "z" at byte'),
                ([good, good], 'key "good" is there twice'),
                ([good, rdb.select(16)], "a bad database number at byte"),
                ([good, b"\xfc" + b"\xff" * 8], "a bad deadline at byte"),
                ([good, b"\xff" + bytes(8)], "bytes after its end at byte")):
            self.assertRegex(self.refused(rdb.file(parts)), words)
        whole = rdb.file([good])
        self.assertRegex(self.refused(whole[:-1] + b"x"), "wrong checksum at byte")
        self.assertRegex(self.refused(whole[:15]), "at byte 15 of 15")
        self.assertRegex(self.refused(b"REDIS0013" + whole[9:]), "a version of the format that is not known")
        self.assertRegex(self.refused(b"hello"), "not an RDB file")

    def test_a_log_that_begins_with_a_snapshot(self):
        """As Redis 5 and 6 wrote it, in one file; it becomes the base of the log here."""
        def command(*words):
            return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        head = rdb.file([rdb.aux(b"aof-preamble", b"1"), rdb.select(0), rdb.key(b"a", b"\x00\x011"), rdb.key(b"b", b"\x00\x012"),
                         rdb.select(3), rdb.key(b"c", b"\x00\x013")], magic=b"REDIS0009")
        tail = command(b"SELECT", b"0") + command(b"INCR", b"a") + command(b"DEL", b"b") + command(b"RPUSH", b"l", b"x", b"y")
        half = command(b"SET", b"half", b"v")[:-3]
        for data in head + tail, head + tail + half:
            with open(os.path.join(self.folder, "appendonly.aof"), "wb") as f:
                f.write(data)
            done = subprocess.run([os.environ["ATRIUM_PROGRAM"], "check", os.path.join(self.folder, "appendonly.aof")],
                                  stdout=subprocess.PIPE)
            self.assertEqual(done.returncode, 0 if data == head + tail else 1)
            self.assertIn(b"db 0: 2 keys", done.stdout)
            self.assertIn(b"  4 commands, 0 transactions", done.stdout)
            for _ in range(2):
                with server(self.folder, "--appendonly", "yes") as client:
                    self.assertEqual((client.get("a"), client.get("b"), client.lrange("l", 0, -1)), (b"2", None, [b"x", b"y"]))
                    self.assertEqual(client.dbsize(), 2)
                    self.assertEqual(redis.Redis(port=client.connection_pool.connection_kwargs["port"], db=3).get("c"), b"3")
            shutil.rmtree(os.path.join(self.folder, "appendonlydir"))

    def test_redis_at_each_threshold(self):
        """Small limits make it write the plain forms, large ones the packed ones; LRU and LFU opcodes beside."""
        filler = test_snapshot.Snapshot()
        for value, policy in (1, "allkeys-lfu"), (100000, "allkeys-lru"), (-5, "noeviction"):
            with reference(self.folder) as client:
                client = redis.Redis(port=client.connection_pool.connection_kwargs["port"], single_connection_client=True)
                for name in THRESHOLDS:
                    if value > 0 or name.startswith("list"):
                        client.config_set(name, value)
                client.config_set("maxmemory-policy", policy)
                client.config_set("stream-node-max-entries", 3 if value == 1 else 1000)
                client.config_set("rdbcompression", "no" if value == 1 else "yes")
                filler.fill(client)
                client.function_load(rdb.LIBRARY.decode(), replace=True)
                before = filler.contents(client)
                client.save()
            with atrium(self.folder) as client:
                client = redis.Redis(port=client.connection_pool.connection_kwargs["port"], single_connection_client=True)
                self.assertEqual(filler.contents(client), before)


if __name__ == "__main__":
    unittest.main()
