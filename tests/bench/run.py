#!/usr/bin/python3
"""`make bench`: atrium beside the peers that are installed, in turns, on pinned cores; prints a table of ratios.

    run.py [--quick] [--only TEXT] [--turns N]

One server thread each, on core 0; the client on core 1. A row's figures are medians over the turns (A B A B ...).
Throughput is what the client saw; where the client is the bottleneck the ratio of server CPU time per operation
(user and system, from /proc) says more, so both are shown: above 1 means that atrium is ahead. Resident bytes are
beyond the empty server's, at a million items. Machines are noisy: only ratios of one run count."""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Server:
    """A server pinned to core 0."""

    def __init__(self, name, argv, port):
        self.name, self.port = name, port
        self.process = subprocess.Popen(["taskset", "-c", "0"] + argv, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("%s did not come up" % name)

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self):
        with open("/proc/%d/statm" % self.process.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def atrium():
    resp, memcached, http = free_port(), free_port(), free_port()
    s = Server("atrium", [os.path.join(ROOT, "build", "atrium"), "--threads", "1", "--port", str(resp),
                          "--memcached-port", str(memcached), "--http-port", str(http)], resp)
    s.memcached, s.http = memcached, http
    return s


def redis():
    port = free_port()
    return Server("redis", ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"], port)


def memcached():
    port = free_port()
    return Server("memcached", ["memcached", "-u", "nobody", "-m", "4096", "-t", "1", "-p", str(port), "-l",
                                "127.0.0.1"], port)


def webdis(redis_port, folder):
    port = free_port()
    path = os.path.join(folder, "webdis.json")
    with open(path, "w") as f:
        json.dump({"redis_host": "127.0.0.1", "redis_port": redis_port, "http_host": "127.0.0.1",
                   "http_port": port, "threads": 1, "daemonize": False, "database": 0, "verbosity": 0,
                   "logfile": os.path.join(folder, "webdis.log"), "pool_size": 20}, f)
    return Server("webdis", ["webdis", path], port)


# ---- loads -------------------------------------------------------------------------------------------------------

def pinned(argv):
    return subprocess.run(["taskset", "-c", "1"] + argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=120, check=True).stdout.decode("utf-8", "replace")


def redis_benchmark(server, pipeline, requests, command, keys=100000):
    """(operations a second, p50 ms, p99 ms)"""
    text = pinned(["redis-benchmark", "-p", str(server.port), "-c", "50", "-n", str(requests), "-r", str(keys),
                   "-P", str(pipeline), "--csv"] + command)
    fields = [f.strip('"') for f in text.strip().splitlines()[-1].split('","')]
    return float(fields[1]), float(fields[4]), float(fields[6])


def wrk(port, path, seconds):
    text = pinned(["wrk", "-t1", "-c50", "-d%ds" % seconds, "--latency", "http://127.0.0.1:%d%s" % (port, path)])
    def ms(label):
        m = re.search(label + r"\s+([\d.]+)(us|ms|s)", text)
        return float(m.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[m.group(2)]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), ms("50%"), ms("99%")


def pipe(port, chunks, replies, end=b"\r\n"):
    """Sends chunks while reading; returns when `replies` line ends have come."""
    s = socket.create_connection(("127.0.0.1", port))
    s.setblocking(False)
    import select
    seen, data, tail = 0, b"", b""
    chunks = iter(chunks)
    more = True
    while seen < replies:
        if not data and more:
            data = next(chunks, b"")
            more = bool(data)
        r, w, _ = select.select([s], [s] if data else [], [], 30)
        if not r and not w:
            raise SystemExit("a server has not answered for 30 s")
        if w:
            data = data[s.send(data):]
        if r:
            got = s.recv(1 << 20)
            if not got:
                raise SystemExit("a server closed the connection")
            seen += (tail + got).count(end)
            tail = (tail + got)[-(len(end) - 1):] # an end may be cut in two
    s.close()


def command(*words):
    out = b"*%d\r\n" % len(words)
    for w in words:
        out += b"$%d\r\n%s\r\n" % (len(w), w)
    return out


def chunked(n, make, size=2000):
    for at in range(0, n, size):
        yield b"".join(make(i) for i in range(at, min(n, at + size)))


ITEMS = {
    "strings (14 B key, 64 B value)": lambda i: command(b"SET", b"key:%010d" % i, b"v" * 64),
    "sorted set members (15 B)": lambda i: command(b"ZADD", b"z", b"%d" % (i * 7919 % 1000003), b"member:%08d" % i),
    "hash fields (10 B, 9 B value)": lambda i: command(b"HSET", b"h", b"f%09d" % i, b"v%08d" % i),
}


# ---- rows ----------------------------------------------------------------------------------------------------------

class Table:
    def __init__(self):
        self.lines = []

    def add(self, *cells):
        self.lines.append("| " + " | ".join(cells) + " |")
        print(self.lines[-1], flush=True)


def measured(server, operations, run):
    """(rate, p50, p99, server CPU microseconds an operation)"""
    before = server.cpu()
    rate, p50, p99 = run()
    return rate, p50, p99, (server.cpu() - before) * 1e6 / operations(rate)


def compare(table, name, ours, theirs, turns):
    """ours and theirs: functions that return measured()'s tuple."""
    a, b = [], []
    for _ in range(turns):
        a.append(ours())
        b.append(theirs())
    a, b = ([statistics.median(c) for c in zip(*side)] for side in (a, b))
    table.add(name, "%s" % format(int(a[0]), ","), "%s" % format(int(b[0]), ","), "%.2f" % (a[0] / b[0]),
              "%.2f / %.2f" % (b[3], a[3]), "%.2f" % (b[3] / a[3] if a[3] else 0),
              "%.2f / %.2f" % (a[1], a[2]), "%.2f / %.2f" % (b[1], b[2]))


def resp_rows(table, args, want):
    ours, theirs = atrium(), redis()
    try:
        million = 100000 if args.quick else 1000000
        for s in (ours, theirs):
            pipe(s.port, chunked(million, lambda i: command(b"ZADD", b"z", b"%d" % (i * 7919 % 1000003),
                                                            b"m:%012d" % i)), million)
        value = "v" * 64
        rows = [("%s, P=%d" % (name, p), p, words) for p in (1, 16, 64) for name, words in (
            ("SET", ["SET", "key:__rand_int__", value]), ("GET", ["GET", "key:__rand_int__"]),
            ("INCR", ["INCR", "counter:__rand_int__"]))]
        rows += [("HSET, P=16", 16, ["HSET", "hash", "field:__rand_int__", "v"])]
        rows += [("%s on %d members, P=16" % (n, million), 16, w) for n, w in (
            ("ZADD", ["ZADD", "z", "__rand_int__", "m:__rand_int__"]),
            ("ZRANK", ["ZRANK", "z", "m:__rand_int__"]),
            ("ZRANGE of 10", ["ZRANGE", "z", "50000", "50009"]))]
        for name, p, words in rows:
            if not want(name):
                continue
            n = (20000 if p == 1 else 200000) if args.quick else (100000 if p == 1 else 1000000)
            keys = million if " on " in name else 100000
            compare(table, name,
                    lambda: measured(ours, lambda rate: n, lambda: redis_benchmark(ours, p, n, words, keys)),
                    lambda: measured(theirs, lambda rate: n, lambda: redis_benchmark(theirs, p, n, words, keys)),
                    args.turns)
    finally:
        ours.end()
        theirs.end()


def memory_rows(table, args, want):
    n = 200000 if args.quick else 1000000
    for name, make in ITEMS.items():
        if not want("resident bytes: " + name):
            continue
        figures = []
        for start in (atrium, redis):
            s = start()
            try:
                pipe(s.port, [command(b"PING")], 1)
                empty = s.resident()
                pipe(s.port, chunked(n, make), n)
                time.sleep(2.5)
                figures.append((s.resident() - empty) / n)
            finally:
                s.end()
        table.add("resident bytes: " + name, "%.1f" % figures[0], "%.1f" % figures[1],
                  "%.2f" % (figures[1] / figures[0]), "", "", "", "")


def http_rows(table, args, want):
    name = "REST GET of 64 B beside webdis"
    if not want(name) or not shutil.which("webdis") or not shutil.which("wrk"):
        return
    seconds = 2 if args.quick else 5
    with tempfile.TemporaryDirectory() as folder:
        ours, back = atrium(), redis()
        theirs = webdis(back.port, folder)
        try:
            for s in (ours, back):
                pipe(s.port, [command(b"SET", b"k", b"v" * 64)], 1)
            compare(table, name,
                    lambda: measured(ours, lambda rate: rate * seconds,
                                     lambda: wrk(ours.http, "/v1/keys/k", seconds)),
                    lambda: measured(theirs, lambda rate: rate * seconds,
                                     lambda: wrk(theirs.port, "/GET/k", seconds)), args.turns)
        finally:
            for s in (ours, theirs, back):
                s.end()


def memcached_rows(table, args, want):
    if not want("memcached") or not shutil.which("memcached"):
        return
    n = 50000 if args.quick else 500000
    ours, theirs = atrium(), memcached()

    def load(server, port, get):
        make = ((lambda i: b"get key:%06d\r\n" % (i % 100000)) if get else
                (lambda i: b"set key:%06d 0 0 64\r\n%s\r\n" % (i % 100000, b"v" * 64)))
        began = time.time()
        pipe(port, chunked(n, make, 16), n, b"END\r\n" if get else b"STORED\r\n")
        return n / (time.time() - began), 0.0, 0.0

    try:
        for get, name in ((False, "memcached set, one pipelining connection"), (True, "memcached get, one pipelining connection")):
            compare(table, name,
                    lambda: measured(ours, lambda rate: n, lambda: load(ours, ours.memcached, get)),
                    lambda: measured(theirs, lambda rate: n, lambda: load(theirs, theirs.port, get)), args.turns)
    finally:
        ours.end()
        theirs.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few requests: a look, not a figure to quote")
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    table = Table()
    table.add("load", "atrium", "peer", "ratio", "CPU us/op peer / atrium", "CPU ratio", "p50 / p99 ms",
              "peer's p50 / p99 ms")
    table.add(*["---"] * 8)
    want = lambda name: args.only.lower() in name.lower()
    resp_rows(table, args, want)
    memcached_rows(table, args, want)
    http_rows(table, args, want)
    memory_rows(table, args, want)
    return 0


if __name__ == "__main__":
    sys.exit(main())
