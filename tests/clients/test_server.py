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

    def banner(self, *flags):
        """The line of the RESP door."""
        child = subprocess.Popen([os.environ["ATRIUM_PROGRAM"], "--memcached-port", "0", "--http-port", "0", *flags],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = [child.stdout.readline() for _ in range(2)]
        child.terminate()
        child.communicate(timeout=5)
        return lines[1].split()

    def test_it_tells_where_it_is_bound(self):
        port = str(doors.free_port())
        self.assertEqual(self.banner("--port", port, "--bind", "127.0.0.2")[:6],
                         ["RESP", "127.0.0.2:" + port, "redis-cli", "-h", "127.0.0.2", "-p"])
        skipped = self.banner("--port", port, "--bind", "-10.255.255.1", "127.0.0.1", "--requirepass", "x")
        self.assertEqual(skipped[:5], ["RESP", "127.0.0.1:" + port, "redis-cli", "-p", port])

    def test_shutdown(self):
        port = doors.free_port()
        argv = [os.environ["ATRIUM_PROGRAM"], "--memcached-port", "0", "--http-port", "0", "--port", str(port)]
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        doors.wait_for(port)
        with self.assertRaisesRegex(redis.ResponseError, "No shutdown in progress."):
            client(port).execute_command("SHUTDOWN", "ABORT")
        client(port).shutdown(nosave=True)
        self.assertEqual(child.wait(5), 0)

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
                    r.client_info()
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


    def test_what_the_list_tells(self):
        r = client()
        r.execute_command("WATCH", "k")
        line = r.client_info()
        self.assertGreater(int(line["fd"]), 2)
        self.assertEqual((line["watch"], int(line["omem"]), line["events"]), ("1", 0, "r"))
        r.execute_command("UNWATCH")
        self.assertEqual(r.client_info()["watch"], "0")

    def test_pushes_come_through_while_replies_are_off(self):
        with socket.create_connection(("127.0.0.1", doors.PORT), 10) as s:
            f = s.makefile("rb")
            s.sendall(b"CLIENT REPLY OFF\r\nPING\r\nSUBSCRIBE off-2\r\nPING\r\n")
            for expected in (b"*3\r\n$9\r\nsubscribe\r\n$5\r\noff-2\r\n:1\r\n",
                             b"*3\r\n$7\r\nmessage\r\n$5\r\noff-2\r\n$1\r\nm\r\n"):
                self.assertEqual(f.read(len(expected)), expected)
                client().publish("off-2", "m")
        with socket.create_connection(("127.0.0.1", doors.PORT), 10) as s:
            s.sendall(b"HELLO 3\r\nSUBSCRIBE off-3\r\nCLIENT REPLY OFF\r\nPUBLISH off-3 mine\r\nGET k\r\n"
                      b"CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nECHO end\r\n")
            f, got = s.makefile("rb"), b""
            while not got.endswith(b"end\r\n"):
                got += f.readline()
            self.assertEqual(got[got.index(b">"):],
                             b">3\r\n$9\r\nsubscribe\r\n$5\r\noff-3\r\n:1\r\n"
                             b">3\r\n$7\r\nmessage\r\n$5\r\noff-3\r\n$4\r\nmine\r\n+OK\r\n$3\r\nend\r\n")


class Waiting(unittest.TestCase):
    def timed(self, *command):
        began = time.monotonic()
        answer = client(socket_timeout=10).execute_command(*command)
        return answer, time.monotonic() - began

    def test_nobody_acknowledges(self):
        for command, least, most in ((("WAIT", 0, 0), 0, 0.2), (("WAIT", 1, 300), 0.29, 2), (("WAIT", -1, 5000), 0, 0.2)):
            answer, took = self.timed(*command)
            self.assertEqual(answer, 0)
            self.assertTrue(least <= took < most, (command, took))
        self.assertEqual(self.timed("WAITAOF", 0, 0, 0)[0], [0, 0])
        answer, took = self.timed("WAITAOF", 0, 1, 300)
        self.assertEqual(answer, [0, 0])
        self.assertGreaterEqual(took, 0.29)

    def test_it_is_unblocked_as_other_commands_are(self):
        waiting, answers = client(), []
        number = waiting.client_id()
        thread = threading.Thread(target=lambda: answers.append(waiting.execute_command("WAIT", 3, 0)))
        thread.start()
        while not client().execute_command("CLIENT", "UNBLOCK", number):
            time.sleep(0.01)
        thread.join(10)
        self.assertEqual(answers, [0])


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

    def test_no_lines_while_replies_are_off(self):
        with doors.another() as (port, *_), socket.create_connection(("127.0.0.1", port), 10) as s:
            s.sendall(b"MONITOR\r\nCLIENT REPLY OFF\r\n")
            f = s.makefile("rb")
            self.assertEqual(f.readline(), b"+OK\r\n")
            while not client(port).info("commandstats").get("cmdstat_client|reply"):
                time.sleep(0.01)
            client(port).get("unseen")
            s.sendall(b"CLIENT REPLY ON\r\nECHO end\r\n")
            got = b""
            while not got.endswith(b"end\r\n"):
                got += f.readline()
            self.assertNotIn(b"unseen", got)

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

    def test_memory(self):
        r = client()
        stats = r.memory_stats()
        for field in ("peak.allocated", "startup.allocated", "clients.normal", "overhead.total", "keys.count",
                      "dataset.bytes", "allocator.active", "fragmentation"):
            self.assertIn(field, stats)
        self.assertGreaterEqual(stats["peak.allocated"], stats["total.allocated"])
        self.assertGreater(stats["total.allocated"], stats["startup.allocated"])
        text = r.execute_command("MEMORY", "MALLOC-STATS")
        self.assertIn(b"jemalloc" if os.environ["ATRIUM_BUILD"] == "plain" else b"Stats not supported", text)

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
            self.assertEqual(info["used_memory_dataset"] + info["used_memory_overhead"], info["used_memory"])
            self.assertGreater(info["total_system_memory"], info["used_memory_rss"])
            self.assertGreater(info["mem_clients_normal"], 0)
            self.assertEqual((info["pubsub_channels"], info["pubsubshard_channels"]), (0, 0))
            listener = r.pubsub()
            listener.subscribe("c")
            self.assertEqual(listener.get_message(timeout=5)["type"], "subscribe")
            self.assertEqual(r.info("stats")["pubsub_channels"], 1)
            until = time.time() + 10
            while r.info("stats")["instantaneous_ops_per_sec"] == 0:
                self.assertLess(time.time(), until)
            self.assertEqual((info["db0"]["keys"], info["db0"]["expires"]), (1, 1))
            self.assertEqual(r.info("commandstats")["cmdstat_set"]["calls"], 1)
            self.assertNotIn("redis_version", r.info("keyspace"))
