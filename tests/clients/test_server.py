"""What an operator asks the RESP door: CLIENT, CONFIG, INFO, SLOWLOG, MONITOR, the program's own start and end."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import redis

import doors


def client(port=doors.PORT, **more):
    return redis.Redis(port=port, **more)


def start(*flags):
    """The program with these flags, which must make it end at once: its exit status and its standard error."""
    argv = [os.environ["ATRIUM_PROGRAM"], *flags, "--memcached-port", "0", "--http-port", "0"]
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=20)
    return done.returncode, done.stderr.decode().splitlines()


class Start(unittest.TestCase):
    def refuse(self, line, *flags):
        status, lines = start(*flags)
        self.assertEqual((status, lines), (1, ["atrium: " + line]))

    def test_what_is_wrong_is_named_in_one_line(self):
        taken = str(doors.PORT)
        self.refuse("port: cannot listen on 127.0.0.1 port %s: Address already in use" % taken, "--port", taken)
        self.refuse("unknown directive 'prot'", "--prot", "1")
        self.refuse("timeout: argument couldn't be parsed into an integer", "--timeout", "soon")
        self.refuse("bind 0.0.0.0 is open to other machines: set requirepass first", "--bind", "0.0.0.0")
        self.refuse("dir: cannot change to /nonesuch: No such file or directory", "--dir", "/nonesuch")

    def test_the_line_of_a_file_is_named(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("# first\nport 0\nprot 1\n")
            file.flush()
            self.refuse("%s:3: unknown directive 'prot'" % file.name, file.name)

    def test_a_signal_ends_it_with_clients_waiting(self):
        argv = [os.environ["ATRIUM_PROGRAM"], "--memcached-port", "0", "--http-port", "0", "--port"]
        for number in (signal.SIGTERM, signal.SIGINT):
            port = doors.free_port()
            child = subprocess.Popen([*argv, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            doors.wait_for(port)
            waiting = client(port).pubsub()
            waiting.subscribe("news")
            client(port).execute_command("CLIENT", "PAUSE", 60000, "ALL")
            held = socket.create_connection(("127.0.0.1", port))
            held.sendall(b"GET a\r\n")
            child.send_signal(number)
            self.assertEqual(child.wait(5), 0)
            held.close()


class Config(unittest.TestCase):
    def test_set_is_all_or_nothing(self):
        r = client()
        before = r.config_get("timeout")
        with self.assertRaisesRegex(redis.ResponseError, "Unknown option or number of arguments"):
            r.execute_command("CONFIG", "SET", "timeout", "77", "nonesuch", "1")
        with self.assertRaisesRegex(redis.ResponseError, r"possibly related to argument 'port'\) - can't set"):
            r.execute_command("CONFIG", "SET", "timeout", "77", "port", "1")
        self.assertEqual(r.config_get("timeout"), before)

    def test_rewrite(self):
        with tempfile.TemporaryDirectory() as folder:
            path, port = os.path.join(folder, "a.conf"), doors.free_port()
            with open(path, "w") as file:
                file.write("# kept\nmemcached-port 0\nhttp-port 0\nport %d\ntimeout 100\n" % port)
            with self.running(path, port) as r:
                r.config_set("timeout", 200)
                r.config_set("requirepass", "two\nlines")
                r.config_rewrite()
            with open(path) as file:
                self.assertEqual(file.readline(), "# kept\n")
            with self.running(path, port, password="two\nlines") as r:
                self.assertEqual(r.config_get("timeout"), {"timeout": "200"})

    @contextlib.contextmanager
    def running(self, path, port, **more):
        child = subprocess.Popen([os.environ["ATRIUM_PROGRAM"], path], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            doors.wait_for(port)
            yield client(port, **more)
        finally:
            child.terminate()
            self.assertEqual(child.wait(5), 0)


class Clients(unittest.TestCase):
    def test_list_and_kill(self):
        a, b = client(client_name="test-a"), client(client_name="test-b")
        a.ping()
        number = b.client_id()
        names = {c["id"]: c["name"] for c in a.client_list()}
        self.assertEqual(names[str(number)], "test-b")
        self.assertEqual(a.client_list(client_id=[str(number)])[0]["name"], "test-b")
        self.assertEqual(a.client_kill_filter(_id=number), 1)
        self.assertEqual(a.client_kill_filter(_id=number), 0)
        fresh = None
        with contextlib.suppress(redis.ConnectionError):
            fresh = b.client_id()
        self.assertNotEqual(fresh, number)

    def test_pause_holds_writes_back(self):
        with doors.another() as (port, *_):
            a, b = client(port), client(port)
            b.get("k")
            began = time.monotonic()
            a.execute_command("CLIENT", "PAUSE", 400, "WRITE")
            b.get("k")
            self.assertLess(time.monotonic() - began, 0.35)
            b.set("k", 1)
            self.assertGreaterEqual(time.monotonic() - began, 0.39)

    def test_unpause(self):
        with doors.another() as (port, *_):
            a, b = client(port), client(port)
            b.ping()
            a.execute_command("CLIENT", "PAUSE", 60000)
            threading.Timer(0.2, lambda: a.execute_command("CLIENT", "UNPAUSE")).start()
            began = time.monotonic()
            b.set("k", 1)
            self.assertLess(time.monotonic() - began, 10)

    def test_many_look_while_others_come_and_go(self):
        errors = []

        def look():
            try:
                r = client()
                for _ in range(60):
                    r.client_list()
                    r.info()
                    r.execute_command("CLIENT", "INFO")
            except Exception as error:
                errors.append(error)

        def come_and_go():
            try:
                for i in range(60):
                    with contextlib.closing(client(client_name="n%d" % i, db=i % 16)) as r:
                        r.execute_command("CLIENT", "SETINFO", "LIB-NAME", "x" * (i + 1))
                        r.execute_command("CLIENT", "NO-EVICT", "ON")
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=t) for t in (look, come_and_go) * 3]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(errors, [])


class Watching(unittest.TestCase):
    def test_monitor(self):
        with doors.another() as (port, *_), client(port).monitor() as m:
            r = client(port, db=3)
            r.execute_command("SET", b'a"\n\x00', "1")
            with contextlib.suppress(redis.ResponseError):
                r.execute_command("HELLO", "2", "AUTH", "default", "s3cret")
            lines = [m.next_command() for _ in range(3)]
            self.assertEqual(lines[1]["db"], 3)
            self.assertEqual(lines[1]["command"], r'SET a"\n\x00 1')
            self.assertNotIn("s3cret", lines[2]["command"])

    def test_reset_ends_monitor(self):
        with doors.another() as (port, *_), socket.create_connection(("127.0.0.1", port)) as s:
            s.settimeout(10)
            s.sendall(b"MONITOR\r\n")
            self.assertEqual(s.recv(100), b"+OK\r\n")
            s.sendall(b"RESET\r\nECHO a\r\nECHO b\r\n")
            got = b""
            while not got.endswith(b"b\r\n"):
                got += s.recv(1000)
            self.assertEqual(got, b"+RESET\r\n$1\r\na\r\n$1\r\nb\r\n")

    def test_slow_log(self):
        with doors.another("--slowlog-log-slower-than", "0", "--slowlog-max-len", "3") as (port, *_):
            r = client(port, client_name="slow")
            for i in range(5):
                r.set("k%d" % i, "x" * 200)
            entries = r.slowlog_get(-1)
            self.assertEqual(len(entries), 3)
            self.assertEqual(entries[0]["command"][:6], b"SET k4")
            self.assertIn(b"(72 more bytes)", entries[0]["command"])
            r.config_set("slowlog-log-slower-than", -1)
            r.slowlog_reset()
            self.assertEqual(r.slowlog_len(), 0)

    def test_info(self):
        with doors.another() as (port, *_):
            r = client(port)
            r.set("k", 1, ex=100)
            with contextlib.suppress(redis.ResponseError):
                r.execute_command("LPUSHX")
            info = r.info()
            for field in ("redis_version", "tcp_port", "run_id", "uptime_in_seconds", "connected_clients",
                          "used_memory", "used_memory_rss", "total_commands_processed", "keyspace_hits",
                          "keyspace_misses", "expired_keys", "role", "used_cpu_sys", "db0"):
                self.assertIn(field, info)
            self.assertEqual(info["tcp_port"], port)
            self.assertEqual((info["db0"]["keys"], info["db0"]["expires"]), (1, 1))
            self.assertEqual(r.info("commandstats")["cmdstat_set"]["calls"], 1)
            self.assertNotIn("redis_version", r.info("keyspace"))
