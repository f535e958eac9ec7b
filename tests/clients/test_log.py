"""The log of writes: what a server killed with SIGKILL had acknowledged is there after the next start, whatever wrote it
(random commands of all families too); redis-check-aof finds the files well formed, redis-server loads them, and its own are
loaded here. Rewriting, switching on and off, halves that a crash leaves, damage."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import redis

import doors
import test_dump

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "differential"))
from families import FAMILIES  # noqa: E402

SOON_MS = 20000


def start(argv, folder, port):
    log = open(os.path.join(folder, "log"), "ab")
    child = subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log)
    log.close()
    return child


@contextlib.contextmanager
def running(argv, folder):
    """A server on a free port, ended with SIGKILL."""
    port = doors.free_port()
    child = start(argv(port), folder, port)
    try:
        doors.wait_for(port)
        client = redis.Redis(port=port, single_connection_client=True)
        while True:
            try:
                client.ping()
                break
            except redis.exceptions.BusyLoadingError:
                time.sleep(0.02)
        yield client
    finally:
        child.kill()
        child.wait()


def atrium(folder, *flags):
    return running(lambda port: [os.environ["ATRIUM_PROGRAM"], "--dir", folder, "--port", str(port), "--memcached-port",
                                 "0", "--http-port", "0", "--appendonly", "yes", *flags], folder)


def reference(folder, *flags):
    return running(lambda port: ["redis-server", "--port", str(port), "--dir", folder, "--save", "", "--appendonly",
                                 "yes", *flags], folder)


def synced(client):
    """All that was written is on disk."""
    if "atrium_version" in client.info("server"):
        assert client.execute_command("WAITAOF", 1, 0, 5000)[0] == 1
    else:
        time.sleep(0.3)


def rewrite(client):
    client.bgrewriteaof()
    for _ in range(400):
        info = client.info("persistence")
        if not info["aof_rewrite_in_progress"] and not info.get("aof_rewrite_scheduled"):
            assert info["aof_last_bgrewrite_status"] == "ok"
            return info
        time.sleep(0.02)
    raise AssertionError("the rewrite does not end")


def contents(client):
    """Every key with its value and deadlines, those about to pass left out."""
    found, later = {}, time.time() * 1000 + SOON_MS
    for db in range(16):
        client.execute_command("SELECT", db)
        for key in client.scan_iter(count=1000):
            at = client.execute_command("PEXPIRETIME", key)
            if at == -2 or 0 <= at < later:
                continue
            value = test_dump.read(client, key)
            if isinstance(value, bytes) and value.startswith(b"HYLL"):
                value = value[:8] + value[16:]  # PFCOUNT keeps its estimate there
            if isinstance(value, dict) and value:
                with contextlib.suppress(redis.ResponseError):
                    times = client.execute_command("HPEXPIRETIME", key, "FIELDS", len(value), *value)
                    value = {f: (v, t) if t > 0 else v for (f, v), t in zip(value.items(), times) if t < 0 or t >= later}
            found[db, key] = at, value
    client.execute_command("SELECT", 0)
    return found


def run_quietly(client, argv):
    with contextlib.suppress(redis.RedisError):
        client.execute_command(*argv)


class Log(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="log-")
        self.files = os.path.join(self.folder, "appendonlydir")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def manifest(self):
        with open(os.path.join(self.files, "appendonly.aof.manifest")) as f:
            return f.read().split("\n")[:-1]

    def last_file(self):
        return os.path.join(self.files, self.manifest()[-1].split()[1])

    def server_log(self):
        with open(os.path.join(self.folder, "log"), "rb") as f:
            return f.read().decode()

    def assert_same(self, after, before):
        self.assertEqual(after.keys(), before.keys())
        for key in before:
            self.assertEqual(after[key], before[key], key)

    def check_well_formed(self):
        path = os.path.join(self.files, "appendonly.aof.manifest")
        done = subprocess.run(["redis-check-aof", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)

    def refuses_to_start(self, *flags):
        argv = [os.environ["ATRIUM_PROGRAM"], "--dir", self.folder, "--port", str(doors.free_port()), "--memcached-port", "0",
                "--http-port", "0", "--appendonly", "yes", *flags]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        return done.stdout.decode()

    # ---- what comes back

    def fill(self, c):
        filler = test_dump.Dump()
        filler.redis = filler.atrium = c
        filler.words(c)
        c.set("volatile", "v", ex=1000)
        c.set("soon", "v", px=20)
        c.execute_command("SELECT", 5)
        c.set("elsewhere", "5")
        c.execute_command("SELECT", 0)
        c.spop("set:100", 30)
        c.incrbyfloat("float", 1.1)
        c.blpop("list:5", 1)
        c.execute_command("BZPOPMIN", "zset:5", 1)
        c.xadd("stream:auto", {"f": "v"})
        c.getex("string:3", ex=500)
        with c.pipeline(transaction=True) as pipe:
            pipe.set("one", 1).incr("one").spop("set:500").rpush("two", "x")
            pipe.execute()
        time.sleep(0.05)
        c.get("soon")

    def carry_over(self, first, second, minimum=40):
        with first(self.folder) as c:
            self.fill(c)
            synced(c)
            before = contents(c)
        if first is reference:  # whose log does not tell how much a group has read
            with first(self.folder) as c:
                before = contents(c)
        self.check_well_formed()
        with second(self.folder) as c:
            self.assert_same(contents(c), before)
            self.assertGreater(len(before), minimum)
            c.incr("again")
            synced(c)
        with first(self.folder) as c:
            self.assertEqual(c.get("again"), b"1")
            after = contents(c)
            del after[0, b"again"]
            self.assert_same(after, before)

    def test_here_and_here(self):
        self.carry_over(atrium, atrium)

    def test_here_then_redis(self):
        self.carry_over(atrium, reference)

    def test_redis_then_here(self):
        self.carry_over(reference, atrium)

    def test_base_as_commands(self):
        with atrium(self.folder, "--aof-use-rdb-preamble", "no") as c:
            self.fill(c)
            rewrite(c)
            before = contents(c)
        self.assertIn("base.aof", self.manifest()[0])
        for server in reference, atrium:
            with server(self.folder) as c:
                self.assert_same(contents(c), before)

    def test_random_commands(self):
        """Each family, with a rewrite in the middle of all."""
        names = [n for n in FAMILIES if n != "connection"]
        rng = random.Random(int(os.environ.get("LOG_SEED", 11)))
        for appendfsync in "everysec", "always":
            with atrium(self.folder, "--appendfsync", appendfsync) as c:
                sock = c.connection_pool.get_connection("_")
                for i in range(4000 if appendfsync == "everysec" else 1000):
                    argv = FAMILIES[rng.choice(names)][0].generate(rng)
                    if argv[0].upper() in (b"FLUSHALL", b"FLUSHDB") and rng.random() < 0.9:
                        continue
                    if argv[0].upper() in (b"WAIT", b"BLPOP", b"BRPOP", b"BLMOVE", b"BLMPOP", b"BRPOPLPUSH",
                                           b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP") or b"BLOCK" in [a.upper() for a in argv]:
                        continue
                    sock.send_command(*argv)
                    with contextlib.suppress(redis.ResponseError):
                        sock.read_response()
                    if i == 2000:
                        c.connection_pool.release(sock)
                        rewrite(c)
                        sock = c.connection_pool.get_connection("_")
                c.connection_pool.release(sock)
                synced(c)
                before = contents(c)
            with atrium(self.folder) as c:
                self.assert_same(contents(c), before)

    def test_newer_commands(self):
        """What Redis 7.0 does not know stands in the log in words that it knows, but for fields' deadlines."""
        words = """SET s 1 EX 500 NX | INCREX s BYINT 5 UBOUND 7 EX 300 | ATR.COUNTER c 3 TTL 400000 |
            ATR.RATELIMIT r 10 400000 | MSETEX 2 m1 a m2 b EX 600 | SET d x | DELEX d | SET e x | SET e y IFEQ x |
            ATR.EXPIRE e 700000 | HSET h a 1 b 2 c 3 | HGETDEL h FIELDS 1 a | HSETEX h FIELDS 1 z 9 |
            ATR.ZPLACE z 5 m INCR | ATR.ZPLACE z 5 m INCR | HINCRBYFLOAT h b 0.5 | SETNX n 1 | HSETNX h q 1 |
            SADD set a b c d e | SPOP set 2 | SPOP set | SORT set ALPHA STORE sorted | COPY set set2 | MOVE set2 3 |
            RENAME sorted sorted2 | XADD x * f v | XADD x MAXLEN ~ 1 * f v | XADD x NOMKSTREAM 9999999999999-* f v |
            XTRIM x MAXLEN 1 | GETDEL n | APPEND s2 abc | SETRANGE s2 5 x | PFADD p a b c | SETBIT bits 7 1""".split("|")
        with atrium(self.folder) as c:
            for line in words:
                c.execute_command(*line.split())
            synced(c)
            before = contents(c)
        for server in reference, atrium:
            with server(self.folder) as c:
                after = contents(c)
                self.assertEqual(after.keys(), before.keys())
                for key in before:
                    self.assertEqual(after[key][0], before[key][0], key)
                    values = [v[1] for v in (after[key], before[key])]
                    values = [{f: p[0] if isinstance(p, tuple) else p for f, p in v.items()} if isinstance(v, dict) else v
                              for v in values]
                    self.assertEqual(*values, key)

    def test_field_deadlines(self):
        words = """HSET h a 1 b 2 c 3 d 4 | HPEXPIRE h 1 FIELDS 1 a | HEXPIRE h 500 FIELDS 2 b x | HEXPIRE h 100 NX FIELDS 1 b |
            HSETEX h EX 600 FIELDS 2 e 5 f 6 | HGETEX h EX 700 FIELDS 1 c | HPERSIST h FIELDS 1 f | HINCRBY h e 1 |
            HSETEX h FXX KEEPTTL FIELDS 1 b 22 | HSET g a 1 | HPEXPIRE g 1 FIELDS 1 a | HEXPIREAT h 1 FIELDS 1 d""".split("|")
        with atrium(self.folder) as c:
            for line in words:
                c.execute_command(*line.split())
            time.sleep(0.3)
            c.execute_command("HSETNX", "h", "a", "again")
            synced(c)
            before = contents(c)
        with atrium(self.folder) as c:
            self.assert_same(contents(c), before)
            self.assertEqual(c.exists("g"), 0)
            self.assertEqual(sorted(c.hkeys("h")), [b"a", b"b", b"c", b"e", b"f"])

    def test_deadlines_that_pass_while_it_is_down(self):
        with atrium(self.folder) as c:
            c.set("k", 5, px=300)
            c.incr("k")
            c.hset("h", "f", 1)
            c.execute_command("HPEXPIRE", "h", 300, "FIELDS", 1, "f")
            c.hincrby("h", "f", 1)
            synced(c)
        time.sleep(0.4)
        with atrium(self.folder) as c:
            self.assertEqual([c.get("k"), c.exists("h")], [None, 0])

    def test_evicted_keys(self):
        """They stay away, and what waits for the log's sync evicts nobody."""
        with atrium(self.folder, "--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru") as c:
            with c.pipeline(transaction=False) as p:
                for i in range(60000):
                    p.set("key:%d" % i, "x" * 100)
                p.execute()
            c.config_set("maxmemory", 0)  # an answer as long as all names would evict some
            synced(c)
            keys = sorted(c.keys())
            self.assertGreater(c.info("stats")["evicted_keys"], 0)
            self.assertGreater(len(keys), 10000)
        with atrium(self.folder) as c:
            self.assertEqual(sorted(c.keys()), keys)

    def test_blocked_commands(self):
        with atrium(self.folder) as c:
            port = c.connection_pool.connection_kwargs["port"]
            got = []
            threads = [threading.Thread(target=lambda: got.append(redis.Redis(port=port).blpop(["a", "b"], 5))),
                       threading.Thread(target=lambda: got.append(redis.Redis(port=port).blmove("b", "c", 5))),
                       threading.Thread(target=lambda: got.append(redis.Redis(port=port).bzpopmax("z", 5)))]
            for t in threads:
                t.start()
            while c.info("clients")["blocked_clients"] != 3:
                time.sleep(0.01)
            c.rpush("a", 1, 2, 3)
            c.rpush("b", 4, 5)
            c.zadd("z", {"m": 1, "n": 2})
            for t in threads:
                t.join()
            synced(c)
            before = contents(c)
        for server in reference, atrium:
            with server(self.folder) as c:
                self.assert_same(contents(c), before)
        self.assertEqual(len(got), 3)

    # ---- transactions, halves, damage

    def test_transactions_are_whole(self):
        with atrium(self.folder) as c:
            c.set("a", 1)
            with c.pipeline(transaction=True) as pipe:
                pipe.incr("a").execute_command("SELECT", 2)
                pipe.set("b", 2).execute_command("SELECT", 0)
                pipe.execute()
            c.mset({"c": 1, "d": 2})
            synced(c)
            before = contents(c)
        path = self.last_file()
        with open(path, "rb") as f:
            data = f.read()
        self.check_well_formed()
        at = data.index(b"$5\r\nMULTI") - 4
        for cut in range(at + 1, data.index(b"$4\r\nEXEC") + 8, 7):
            with open(path, "wb") as f:
                f.write(data[:cut])
            with atrium(self.folder) as c:
                self.assertEqual([c.get("a"), c.dbsize()], [b"1", 1])
                self.assertEqual(os.path.getsize(path), at)
        self.assertIn("cut off at byte %d" % at, self.server_log())
        with open(path, "wb") as f:
            f.write(data)
        with atrium(self.folder) as c:
            self.assert_same(contents(c), before)

    def test_cut_tail(self):
        with atrium(self.folder) as c:
            for i in range(10):
                c.set("key:%d" % i, "x" * 100)
            synced(c)
        path = self.last_file()
        with open(path, "rb") as f:
            data = f.read()
        at = data.rindex(b"*3\r\n$3\r\nSET")
        for tail in data[at:at + 60], data[at:at + 60] + b"\0" * 4096, b"\0" * 100:
            with open(path, "wb") as f:
                f.write(data[:at] + tail)
            self.assertIn("at byte %d" % at, self.refuses_to_start("--aof-load-truncated", "no"))
            with atrium(self.folder) as c:
                self.assertEqual(c.dbsize(), 9)
                c.set("key:9", "again")
                synced(c)
            with atrium(self.folder) as c:
                self.assertEqual(c.dbsize(), 10)

    def test_damage_in_the_middle(self):
        with atrium(self.folder) as c:
            for i in range(300):
                c.set("key:%d" % i, "x" * 50)
            synced(c)
            rewrite(c)
            for i in range(300):
                c.set("key:%d" % i, "y" * 50)
            synced(c)
        for name in [line.split()[1] for line in self.manifest()] + ["appendonly.aof.manifest"]:
            path = os.path.join(self.files, name)
            with open(path, "rb") as f:
                data = f.read()
            for at in range(3, max(len(data) - 300, 4), 1000 if "base" in name else 997):
                changed = bytearray(data)
                changed[at] ^= 1 << at % 7
                with open(path, "wb") as f:
                    f.write(changed)
                if name.endswith("manifest") and at > 5:
                    continue
                self.assertIn(name, self.refuses_to_start())
            with open(path, "wb") as f:
                f.write(data)
        with atrium(self.folder) as c:
            self.assertEqual(c.dbsize(), 300)

    def test_commands_that_no_log_has(self):
        """Whoever can write the file must not make the program end, wait or read other files at its start."""
        with atrium(self.folder) as c:
            c.set("a", 1)
            synced(c)
        path = os.path.join(self.files, self.manifest()[-1].split()[1])
        with open(path, "rb") as f:
            data = f.read()
        for words in (["SHUTDOWN"], ["GET", "a"], ["CONFIG", "SET", "dir", "/"], ["MONITOR"], ["SUBSCRIBE", "c"]):
            for before in (b"", b"*1\r\n$5\r\nMULTI\r\n"):
                with open(path, "wb") as f:
                    f.write(data + before + b"*%d\r\n" % len(words))
                    f.write(b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
                self.assertIn("is no command of a log", self.refuses_to_start())
        with open(path, "wb") as f:
            f.write(data)
        with atrium(self.folder) as c:
            self.assertEqual(c.get("a"), b"1")

    def test_missing_files(self):
        with atrium(self.folder) as c:
            c.set("a", 1)
            synced(c)
        manifest = os.path.join(self.files, "appendonly.aof.manifest")
        os.rename(manifest, manifest + ".away")
        self.assertIn("is missing", self.refuses_to_start())
        os.rename(manifest + ".away", manifest)
        base = os.path.join(self.files, self.manifest()[0].split()[1])
        os.rename(base, base + ".away")
        self.assertIn(os.path.basename(base), self.refuses_to_start())

    def test_log_of_one_file(self):
        """As Redis wrote it before 7.0."""
        with open(os.path.join(self.folder, "appendonly.aof"), "wb") as f:
            f.write(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n")
        for _ in range(2):
            with atrium(self.folder) as c:
                self.assertEqual(c.get("a"), b"1")
        with reference(self.folder) as c:
            self.assertEqual(c.get("a"), b"1")

    # ---- rewriting and switching

    def test_rewrite_under_load(self):
        with atrium(self.folder) as c:
            port = c.connection_pool.connection_kwargs["port"]
            stop = threading.Event()
            counts = [0, 0]

            def load(n):
                client = redis.Redis(port=port)
                while not stop.is_set():
                    client.incr("n%d" % n)
                    client.set("k%d:%d" % (n, counts[n] % 1000), counts[n])
                    counts[n] += 1

            threads = [threading.Thread(target=load, args=(n,)) for n in range(2)]
            for t in threads:
                t.start()
            sizes = [rewrite(c)["aof_base_size"] for _ in range(4)]
            stop.set()
            for t in threads:
                t.join()
            synced(c)
            before = contents(c)
        self.assertGreater(min(sizes), 0)
        self.assertEqual(len(os.listdir(self.files)), 3, os.listdir(self.files))
        self.check_well_formed()
        for server in reference, atrium:
            with server(self.folder) as c:
                self.assert_same(contents(c), before)
                self.assertEqual([int(c.get("n%d" % n)) for n in range(2)], counts)

    def test_rewrite_by_itself(self):
        with atrium(self.folder, "--auto-aof-rewrite-min-size", "20kb") as c:
            for i in range(1000):
                c.set("key", "x" * 50)
            for _ in range(200):
                info = c.info("persistence")
                if info["aof_rewrites"] and not info["aof_rewrite_in_progress"]:
                    break
                time.sleep(0.02)
            self.assertGreater(c.info("persistence")["aof_rewrites"], 0)
            self.assertLess(c.info("persistence")["aof_current_size"], 80000)

    def test_switched_on_and_off(self):
        with atrium(self.folder, "--appendonly", "no") as c:
            c.set("before", 1)
            self.assertIn("disabled", str(test_dump.error_of(c, "WAITAOF", 1, 0, 0)))
            c.config_set("appendonly", "yes")
            while not c.info("persistence")["aof_enabled"] or c.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(0.01)
            c.set("during", 1)
            synced(c)
            c.config_set("appendonly", "no")
            while c.info("persistence")["aof_enabled"]:
                time.sleep(0.01)
            c.set("after", 1)
        with atrium(self.folder) as c:
            self.assertEqual(sorted(c.keys()), [b"before", b"during"])

    def test_rewritten_while_off(self):
        """The files then hold what there is, and the next log goes on from them."""
        with atrium(self.folder) as c:
            c.set("a", 1)
            synced(c)
        with atrium(self.folder, "--appendonly", "no") as c:
            c.set("b", 2)
            rewrite(c)
            self.assertEqual(len(self.manifest()), 1)
            self.assertEqual(len(os.listdir(self.files)), 2)
        for server in reference, atrium:
            with server(self.folder) as c:
                self.assertEqual(c.keys(), [b"b"])

    def test_switched_on_over_older_files(self):
        """They stay what the next start loads until the new ones are complete."""
        with atrium(self.folder) as c:
            c.set("old", 1)
            synced(c)
        with atrium(self.folder, "--appendonly", "no") as c:
            c.set("new", 1)
            c.config_set("appendonly", "yes")
            while not c.info("persistence")["aof_enabled"] or c.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(0.01)
            c.set("newer", 1)
            synced(c)
        self.check_well_formed()
        with atrium(self.folder) as c:
            self.assertEqual(sorted(c.keys()), [b"new", b"newer"])

    def test_flags_of_memcached(self):
        """Also of keys that a transaction writes anew."""
        memcached_port = doors.free_port()
        with atrium(self.folder, "--memcached-port", str(memcached_port)) as c:
            doors.wait_for(memcached_port)
            with socket.create_connection(("127.0.0.1", memcached_port)) as m:
                for key in "a", "b", "c":
                    m.sendall(b"set %s 77 0 1\r\n5\r\n" % key.encode())
                    self.assertEqual(m.recv(100), b"STORED\r\n")
            c.rename("c", "d")
            with c.pipeline(transaction=True) as p:
                p.execute_command("INCREX", "a", "BYINT", 60)
                p.execute_command("SELECT", 3)
                p.set("a", 1)
                p.execute_command("SELECT", 0)
                p.execute()
            synced(c)
        with atrium(self.folder, "--memcached-port", str(memcached_port)) as c:
            doors.wait_for(memcached_port)
            with socket.create_connection(("127.0.0.1", memcached_port)) as m:
                for key, value in (b"a", b"65"), (b"b", b"5"), (b"d", b"5"):
                    m.sendall(b"get %s\r\n" % key)
                    self.assertEqual(m.recv(100), b"VALUE %s 77 %d\r\n%s\r\nEND\r\n" % (key, len(value), value))
        with reference(self.folder) as c:
            self.assertEqual(c.get("a"), b"65")

    def test_snapshot_begins_the_log(self):
        """A first log takes over what the snapshot holds; from then on the snapshot is not looked at."""
        with atrium(self.folder, "--appendonly", "no") as c:
            c.set("a", 1)
            c.save()
        with atrium(self.folder) as c:
            self.assertEqual(c.get("a"), b"1")
            c.set("a", 2)
            synced(c)
        with atrium(self.folder) as c:
            self.assertEqual(c.get("a"), b"2")

    def test_info(self):
        with atrium(self.folder) as c:
            c.set("a", 1)
            synced(c)
            info = c.info("persistence")
            self.assertEqual([info[k] for k in ("aof_enabled", "aof_last_write_status", "aof_last_bgrewrite_status",
                                                "aof_rewrite_in_progress", "aof_buffer_length")],
                             [1, "ok", "ok", 0, 0])
            self.assertEqual(info["aof_current_size"],
                             sum(os.path.getsize(os.path.join(self.files, line.split()[1])) for line in self.manifest()))


if __name__ == "__main__":
    unittest.main()
