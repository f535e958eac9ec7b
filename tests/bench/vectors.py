#!/usr/bin/python3
"""`make bench-vectors`: the vector graph beside hnswlib in one process, the same over RESP, and what searches and deletions do to others.

    vectors.py [N [DIM ...]]

In process, one thread on core 1: build/bench_vectors prints the rows. Over RESP the server's threads are on core 0. The
last rows are the 99th percentile of a GET, with four clients on all cores, without and with a client that searches all
the time; then build/bench_vectors_threads: searches by many threads, the deletion of a large set."""

import array
import csv
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Server:
    def __init__(self, *prefix):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        argv = [os.path.join(BUILD, "atrium"), "--port", str(self.port), "--http-port", "0", "--memcached-port", "0",
                "--dir", self.folder.name]
        self.process = subprocess.Popen([*prefix, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise SystemExit("atrium did not come up")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def encode(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def search_until(port, dim, stop):
    rng = random.Random(5)
    asks = [b"".join(encode(b"VSIM", b"v", b"FP32", array.array("f", [rng.gauss(0, 1) for _ in range(dim)]).tobytes())
                     for _ in range(16)) for _ in range(20)]
    with socket.create_connection(("127.0.0.1", port)) as s:
        turn = 0
        while not stop.is_set():
            s.sendall(asks[turn % len(asks)])
            turn += 1
            lines = 0
            while lines < 16 * 21:
                lines += s.recv(1 << 20).count(b"\n")


def get_p99_ms(port):
    text = subprocess.run(["redis-benchmark", "-p", str(port), "-c", "4", "-n", "50000", "-t", "get", "--csv"],
                          stdout=subprocess.PIPE, check=True).stdout.decode()
    return float(list(csv.reader(text.splitlines()))[-1][6])


def beside_searches(n, dim):
    with Server() as server:
        rng = random.Random(3)
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            for first in range(0, n, 100):
                s.sendall(b"".join(encode(b"VADD", b"v", b"FP32", array.array("f", [rng.gauss(0, 1) for _ in range(dim)]).tobytes(),
                                          b"%d" % i, b"EF", b"40") for i in range(first, first + 100)))
                lines = 0
                while lines < 100:
                    lines += s.recv(1 << 16).count(b"\n")
        alone = sorted(get_p99_ms(server.port) for _ in range(5))[2]
        stop = threading.Event()
        searcher = threading.Thread(target=search_until, args=(server.port, dim, stop))
        searcher.start()
        beside = sorted(get_p99_ms(server.port) for _ in range(5))[2]
        stop.set()
        searcher.join()
    print("| p99 of GET beside searches of %d x %d, without them | %.3f ms | %.3f ms | %.2f |" % (n, dim, beside, alone, beside / alone))


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    print("| vectors | atrium | beside | ratio |\n| --- | --- | --- | --- |", flush=True)
    for dim in sys.argv[2:] or ["128", "768"]:
        with Server("taskset", "-c", "0") as server:
            subprocess.run(["taskset", "-c", "1", os.path.join(BUILD, "bench_vectors"), str(n), dim, str(server.port)], check=True)
    beside_searches(20000, 128)
    subprocess.run([os.path.join(BUILD, "bench_vectors_threads"), "20000", "128", "1000000"], check=True)


if __name__ == "__main__":
    main()
