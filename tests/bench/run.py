#!/usr/bin/python3
"""`make bench`: atrium beside the peers that are installed, in turns, on pinned cores; prints a table of ratios.

    run.py [--quick] [--only TEXT] [--turns N]

One server thread each, on core 0; the client on core 1. A row's figures are medians over the turns (A B A B ...), its
ratios the medians of the turns' ratios. Throughput is what the client saw; where the client is the bottleneck the ratio
of server CPU time per operation (user and system) says more, so both are shown: above 1 means that atrium is ahead. The
client is redis-benchmark, wrk, or build/bench_load (load.c) for what they cannot ask. Resident bytes are beyond the empty
server's, at a million items. A row appears where atrium has its command and the peer is installed. Machines are noisy:
only ratios of one run count."""

import argparse
import contextlib
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
LOAD, BARE_HTTP = (os.path.join(ROOT, "build", name) for name in ("bench_load", "bench_bare_http"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Server:
    """A server pinned to core 0; as a context it ends with it."""

    def __init__(self, name, argv, port, **more):
        self.name, self.port = name, port
        vars(self).update(more)
        self.process = subprocess.Popen(["taskset", "-c", "0"] + argv, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            self.wait_ready()
        except BaseException:
            self.end()
            raise

    def wait_ready(self):
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        raise SystemExit("%s did not come up" % self.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def cpu(self):
        """Seconds of CPU that the process has used, by its own clock (clock_getcpuclockid(3)), to the nanosecond."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def resident(self):
        with open("/proc/%d/statm" % self.process.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def atrium(*flags):
    resp, memcached_port, http = free_port(), free_port(), free_port()
    return Server("atrium", [os.path.join(ROOT, "build", "atrium"), "--threads", "1", "--port", str(resp),
                             "--memcached-port", str(memcached_port), "--http-port", str(http), *flags], resp,
                  memcached=memcached_port, http=http)


def redis(*flags):
    port = free_port()
    return Server("redis", ["redis-server", "--port", str(port), "--save", "", *(flags or ("--appendonly", "no"))], port)


def memcached():
    port = free_port()
    return Server("memcached", ["memcached", "-u", "nobody", "-m", "4096", "-t", "1", "-p", str(port), "-l",
                                "127.0.0.1"], port, memcached=port)


def webdis(redis_port, folder):
    port = free_port()
    path = os.path.join(folder, "webdis.json")
    with open(path, "w") as f:
        json.dump({"redis_host": "127.0.0.1", "redis_port": redis_port, "http_host": "127.0.0.1",
                   "http_port": port, "threads": 1, "daemonize": False, "database": 0, "verbosity": 0,
                   "logfile": os.path.join(folder, "webdis.log"), "pool_size": 20}, f)
    return Server("webdis", ["webdis", path], port, http=port)


def bare_http():
    port = free_port()
    return Server("bare libmicrohttpd", [BARE_HTTP, str(port)], port, http=port)


# ---- loads -------------------------------------------------------------------------------------------------------

def pinned(argv):
    return subprocess.run(["taskset", "-c", "1"] + argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=120, check=True).stdout.decode("utf-8", "replace")


def redis_benchmark(server, pipeline, requests, command, keys=100000, clients=50):
    """(operations a second, p50 ms, p99 ms)"""
    text = pinned(["redis-benchmark", "-p", str(server.port), "-c", str(clients), "-n", str(requests), "-r", str(keys),
                   "-P", str(pipeline), "--csv"] + command)
    fields = [f.strip('"') for f in text.strip().splitlines()[-1].split('","')]
    return float(fields[1]), float(fields[4]), float(fields[6])


def own_load(port, protocol, pipeline, requests, command, keys=100000):
    """The same by load.c."""
    text = pinned([LOAD, str(port), protocol, "50", str(pipeline), str(requests), str(keys)] + command)
    return tuple(map(float, text.split()))


def wrk(port, ask, seconds, connections, folder):
    """ask: (method, path, body); (requests a second, p50 ms, p99 ms), where every answer was a success"""
    method, path, body = ask
    script = os.path.join(folder, "wrk.lua")
    with open(script, "w") as f:
        f.write('wrk.method = "%s"\nwrk.headers["Content-Type"] = "application/json"\n' % method)
        f.write("wrk.body = [==[%s]==]\n" % body if body else "")
    text = pinned(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--latency", "-s", script, "http://127.0.0.1:%d%s" % (port, path)])

    def ms(label):
        m = re.search(label + r"\s+([\d.]+)(us|ms|s)", text)
        return float(m.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[m.group(2)]

    if "Non-2xx" in text:
        raise SystemExit("%s %s does not succeed" % (method, path))
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


def has_command(server, name):
    with socket.create_connection(("127.0.0.1", server.port), 5) as s:
        s.sendall(command(b"COMMAND", b"INFO", name.encode()))
        return not s.recv(100).startswith((b"*1\r\n*-1", b"*1\r\n$-1", b"*1\r\n_", b"-"))


def chunked(n, make, size=2000):
    for at in range(0, n, size):
        yield b"".join(make(i) for i in range(at, min(n, at + size)))


ITEMS = {
    "strings (14 B key, 64 B value)": lambda i: command(b"SET", b"key:%010d" % i, b"v" * 64),
    "sorted set members (15 B)": lambda i: command(b"ZADD", b"z", b"%d" % (i * 7919 % 1000003), b"member:%08d" % i),
    "hash fields (10 B, 9 B value)": lambda i: command(b"HSET", b"h", b"f%09d" % i, b"v%08d" % i),
    "stream entries (3 fields)": lambda i: command(b"XADD", b"st", b"*", b"user", b"u%07d" % i, b"page", b"/home",
                                                   b"ms", b"%d" % (i % 1000)),
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
    rate = statistics.median(x[0] / y[0] for x, y in zip(a, b))
    cpu = statistics.median(y[3] / x[3] if x[3] else 0 for x, y in zip(a, b))
    a, b = ([statistics.median(c) for c in zip(*side)] for side in (a, b))
    table.add(name, format(int(a[0]), ","), format(int(b[0]), ","), "%.2f" % rate, "%.2f / %.2f" % (b[3], a[3]),
              "%.2f" % cpu, "%.2f / %.2f" % (a[1], a[2]), "%.2f / %.2f" % (b[1], b[2]))


class Row:
    """One command at one depth. `data` names what must be there first (DATA); `ours`: load.c asks it, where numbers that
    redis-benchmark writes with zeros before them are refused. `cost`: how many requests of a GET one is worth."""

    def __init__(self, name, depth, words, data=None, keys=100000, ours=False, cost=1):
        self.name, self.depth, self.words, self.data = "%s, P=%d" % (name, depth), depth, words, data
        self.keys, self.ours, self.cost = keys, ours, cost

    def requests(self, quick):
        n = (20000 if self.depth == 1 else 200000) if quick else (100000 if self.depth == 1 else 1000000)
        return max(n // self.cost, 50 * self.depth)

    def load(self, server, n):
        if self.ours:
            return own_load(server.port, "resp", self.depth, n, self.words, self.keys)
        return redis_benchmark(server, self.depth, n, self.words, self.keys)


# What rows find in the keyspace: how many commands, and the i-th one.
DATA = {
    "sorted set": (1000000, lambda i: command(b"ZADD", b"z", b"%d" % (i * 7919 % 1000003), b"m:%012d" % i)),
    "list": (1000, lambda i: command(b"RPUSH", b"list", b"element:%06d" % i)),
    "bitmap": (1, lambda i: command(b"SET", b"bitmap", bytes(j * 37 % 256 for j in range(131072)))),
    "sets": (20000, lambda i: command(b"SADD", b"set:%d" % (i % 2), b"member:%06d" % (i // 2 + i % 2 * 5000))),
}


def resp_table(million):
    value = "v" * 64
    rows = [Row(name, p, words) for p in (1, 16, 64) for name, words in (
        ("SET", ["SET", "key:__rand_int__", value]), ("GET", ["GET", "key:__rand_int__"]),
        ("INCR", ["INCR", "counter:__rand_int__"]))]
    rows += [Row(name, 16, words) for name, words in (
        ("HSET", ["HSET", "hash", "field:__rand_int__", "v"]),
        ("LPUSH", ["LPUSH", "queue", "element"]),
        ("LPOP", ["LPOP", "queue"]),
        ("SADD", ["SADD", "set", "member:__rand_int__"]),
        ("XADD with MAXLEN ~ 100000", ["XADD", "stream", "MAXLEN", "~", "100000", "*", "field", "value"]))]
    # redis-benchmark needs all of its core for PFADD, and would time itself.
    rows += [Row("PFADD", 16, ["PFADD", "visitors", "visitor:{r}"], ours=True)]
    rows += [Row("%s on %d members" % (name, million), 16, words, "sorted set", million, ours, cost)
             for name, words, ours, cost in (
        ("ZADD", ["ZADD", "z", "__rand_int__", "m:__rand_int__"], False, 1),
        ("ZRANK", ["ZRANK", "z", "m:__rand_int__"], False, 1),
        ("ZRANGE of 10", ["ZRANGE", "z", "{r}", "{r+9}"], True, 1),
        ("ZRANGEBYSCORE of 10", ["ZRANGEBYSCORE", "z", "__rand_int__", "+inf", "LIMIT", "0", "10"], False, 1))]
    return rows + [
        Row("BITCOUNT of 128 KiB", 16, ["BITCOUNT", "bitmap"], "bitmap", cost=50),
        Row("LRANGE of 100", 16, ["LRANGE", "list", "{r}", "{r+99}"], "list", 900, True, 5),
        Row("SINTER of two sets of 10000, 5000 in both", 16, ["SINTER", "set:0", "set:1"], "sets", cost=500)]


def resp_rows(table, args, want):
    million = 100000 if args.quick else 1000000
    there = set()
    with atrium() as ours, redis() as theirs:
        for row in resp_table(million):
            if not want(row.name) or not has_command(ours, row.words[0]):
                continue
            if row.data and row.data not in there:
                n, make = DATA[row.data]
                for s in (ours, theirs):
                    pipe(s.port, chunked(min(n, million), make), min(n, million))
                there.add(row.data)
            n = row.requests(args.quick)
            compare(table, row.name, *(lambda s=s: measured(s, lambda rate: n, lambda: row.load(s, n))
                                       for s in (ours, theirs)), args.turns)


def log_rows(table, args, want):
    """SET with a log of writes, beside redis-server's and beside none."""
    words, n = ["SET", "key:__rand_int__", "v" * 64], 200000 if args.quick else 1000000
    for name, flags, theirs, depth, requests, clients in (
        ("everysec", ("--appendfsync", "everysec"), redis, 16, n, 50),
        ("everysec beside none", ("--appendfsync", "everysec"), None, 16, n, 50),
        ("always", ("--appendfsync", "always"), redis, 1, n // 10, 64)):
        name = "SET with appendfsync %s, %d clients, P=%d" % (name, clients, depth)
        if not want(name):
            continue
        with tempfile.TemporaryDirectory(dir=ROOT + "/build") as a, tempfile.TemporaryDirectory(dir=ROOT + "/build") as b:
            with atrium("--dir", a, "--appendonly", "yes", *flags) as ours, (
                    theirs("--dir", b, "--appendonly", "yes", *flags) if theirs else atrium()) as other:
                compare(table, name, *(
                    lambda s=s: measured(s, lambda rate: requests,
                                         lambda: redis_benchmark(s, depth, requests, words, 100000, clients))
                    for s in (ours, other)), args.turns)


def memory_rows(table, args, want):
    n = 200000 if args.quick else 1000000
    for name, make in ITEMS.items():
        if not want("resident bytes: " + name):
            continue
        figures = []
        for start in (atrium, redis):
            with start() as s:
                pipe(s.port, [command(b"PING")], 1)
                empty = s.resident()
                pipe(s.port, chunked(n, make), n)
                time.sleep(2.5)
                figures.append((s.resident() - empty) / n)
        table.add("resident bytes: " + name, "%.1f" % figures[0], "%.1f" % figures[1],
                  "%.2f" % (figures[1] / figures[0]), "", "", "", "")


VALUE = "v" * 64
TOP_10 = "REST top 10 of a leaderboard of %d beside webdis"
# name, connections, what atrium is asked, what webdis is asked
HTTP_ROWS = [("REST GET of 64 B beside webdis, %d connections" % n, n, ("GET", "/v1/keys/k", ""), ("GET", "/GET/k", "")) for n in (50, 1, 1000)]
HTTP_ROWS += [
    ("REST PUT of 64 B beside webdis, 50 connections", 50, ("PUT", "/v1/keys/p", json.dumps({"value": VALUE})), ("PUT", "/SET/p", VALUE)),
    ("REST hash of 10 fields beside webdis, 50 connections", 50, ("GET", "/v1/hashes/h", ""), ("GET", "/HGETALL/h", "")),
    (TOP_10, 50, ("GET", "/v1/leaderboards/z?limit=10", ""), ("GET", "/ZREVRANGE/z/0/9/WITHSCORES", "")),
    ("REST GETs in pipelines of 100 beside webdis's single ones", 50, ("POST", "/v1/pipeline", json.dumps([["GET", "k"]] * 100)), ("GET", "/GET/k", "")),
]  # fmt: skip


def http_data(server, members):
    pipe(server.port, [command(b"SET", b"k", VALUE.encode())], 1)
    pipe(server.port, [command(b"HSET", b"h", *(b"%s%d" % (w, i) for i in range(10) for w in (b"field", b"value")))], 1)
    pipe(server.port, (b"".join(command(b"ZADD", b"z", b"%d" % i, b"member:%d" % i) for i in range(at, at + 1000)) for at in range(0, members, 1000)), members)


def http_rows(table, args, want):
    seconds, members = (2, 100000) if args.quick else (5, 1000000)

    def row(name, connections, ours, theirs, a, b):
        def load(server, ask):
            each = 100 if "/pipeline" in ask[1] else 1  # commands in a request

            def run():
                rate, p50, p99 = wrk(server.http, ask, seconds, connections, folder)
                return rate * each, p50, p99
            return measured(server, lambda rate: rate * seconds, run)
        compare(table, name, lambda: load(a, ours), lambda: load(b, theirs), args.turns)

    beside_webdis = [(name.replace("%d", str(members)), *rest) for name, *rest in HTTP_ROWS if want(name)]
    bare = "REST GET of 64 B beside a constant answer of bare libmicrohttpd"
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("wrk") and shutil.which("webdis") and beside_webdis:
            with atrium() as a, redis() as back, webdis(back.port, folder) as b:
                for server in (a, back):
                    http_data(server, members)
                for ask in beside_webdis:
                    row(*ask, a, b)
        if shutil.which("wrk") and want(bare):
            with atrium() as a, bare_http() as b:
                http_data(a, 0)
                row(bare, 50, ("GET", "/v1/keys/k", ""), ("GET", "/", ""), a, b)


def memcached_rows(table, args, want):
    if not want("memcached") or not shutil.which("memcached"):
        return
    loads = (("set", ["set", "key:{r}", "v" * 64]), ("get", ["get", "key:{r}"]))
    with atrium() as ours, memcached() as theirs:
        for depth in (1, 16):
            n = (20000 if depth == 1 else 200000) if args.quick else (100000 if depth == 1 else 1000000)
            for name, words in loads:
                compare(table, "memcached %s, P=%d" % (name, depth), *(
                    lambda s=s: measured(s, lambda rate: n,
                                         lambda: own_load(s.memcached, "memcached", depth, n, words))
                    for s in (ours, theirs)), args.turns)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few requests: a look, not a figure to quote")
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)) # so that the servers end
    table = Table()
    table.add("load", "atrium", "peer", "ratio", "CPU us/op peer / atrium", "CPU ratio", "p50 / p99 ms",
              "peer's p50 / p99 ms")
    table.add(*["---"] * 8)
    want = lambda name: args.only.lower() in name.lower()
    resp_rows(table, args, want)
    log_rows(table, args, want)
    memcached_rows(table, args, want)
    http_rows(table, args, want)
    memory_rows(table, args, want)
    return 0


if __name__ == "__main__":
    sys.exit(main())
