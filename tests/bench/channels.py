#!/usr/bin/python3
"""`make bench-channels`: one channel with many WebSocket subscribers, beside nginx with nchan and
npm's ws, in turns, one server thread each on core 0, the load (build/bench_fanout) on core 1.

    channels.py [--turns N] [SUBSCRIBERS ...]

Messages of 64 bytes; atrium's come by RESP, the others' by POST. Deliveries a second, the time from publication to receipt
where eight messages are on their way at a time, connections a second (subscribed ones), and resident bytes beyond the
empty server's a connection. The ratios are the medians of the turns' ratios: above 1 atrium is ahead. Without node, or
`npm ci` in tests/, ws has no rows."""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import run

FANOUT = os.path.join(run.ROOT, "build", "bench_fanout")
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ws_peer.mjs")
DELIVERIES = 400000
NGINX = """
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
user root; worker_processes 1; daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 40000; }}
http {{
  access_log off; nchan_shared_memory_size 256M;
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location = /sub {{ nchan_subscriber websocket; nchan_channel_id fan; nchan_subscriber_first_message newest; }}
    location = /pub {{ nchan_publisher http; nchan_channel_id fan; nchan_message_buffer_length 100; }}
  }}
}}
"""


def nchan(folder):
    port = run.free_port()
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as f:
        f.write(NGINX.format(folder=folder, port=port))
    return run.Server("nchan", ["nginx", "-p", folder, "-c", path], port, http=port)


def fan(server, n, argv):
    """connections/s, deliveries/s, p50 ms, p99 ms, bytes a connection"""
    before = server.resident()
    messages = max(DELIVERIES // n, 10)
    load = subprocess.Popen(["taskset", "-c", "1", FANOUT, *argv(n, min(messages, 1000))], stdout=subprocess.PIPE)
    most = before
    while load.poll() is None:
        most = max(most, server.resident())
        try:
            load.wait(0.05)
        except subprocess.TimeoutExpired:
            pass
    if load.returncode:
        raise SystemExit("%s lost messages or connections" % server.name)
    return (*map(float, load.stdout.read().split()), (most - before) / n)


def by_resp(server, n):
    return fan(server, n, lambda n, m: [str(server.http), "/v1/ws", "atrium.v1.json", '{"op":"subscribe","channel":"fan"}', str(n),
                                        str(m), "64", str(server.port), "resp", "fan"])


def by_post(server, n):
    return fan(server, n, lambda n, m: [str(server.http), "/sub", "", "", str(n), str(m), "64", str(server.http), "http", "/pub"])


def npm_ws(folder):
    port = run.free_port()
    return run.Server("ws", ["node", PEER, str(port)], port, http=port)


def peers():
    """name, how to start it"""
    yield "nchan", nchan
    if shutil.which("node") and os.path.isdir(os.path.join(run.ROOT, "tests", "node_modules", "ws")):
        yield "ws", npm_ws


def compare(n, turns):
    found = {"atrium": []}
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            with run.atrium("--maxclients", "15000", "--ws-threads", "1", "--ws-ping-seconds", "600", "--dir", folder) as a:
                found["atrium"].append(by_resp(a, n))
            for name, start in peers():
                with start(folder) as b:
                    found.setdefault(name, []).append(by_post(b, n))
    for name, figures in found.items():
        ratio = statistics.median(x[1] / y[1] for x, y in zip(found["atrium"], figures))
        connecting, deliveries, p50, p99, memory = (statistics.median(c) for c in zip(*figures))
        print("| %d | %s | %d/s | %s | %.1f / %.1f ms | %d/s | %.1f KiB |" % (
            n, name, deliveries, "" if name == "atrium" else "%.2f" % ratio, p50, p99, connecting, memory / 1024), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("subscribers", nargs="*", type=int, default=[100, 1000, 5000, 10000])
    args = parser.parse_args()
    print("| subscribers | server | deliveries | atrium's ratio | p50 / p99 | connections | memory each |")
    print("| --- " * 7 + "|", flush=True)
    for n in args.subscribers:
        compare(n, args.turns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
