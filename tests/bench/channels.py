#!/usr/bin/python3
"""`make bench-channels`: one channel with many WebSocket subscribers, beside nginx with nchan, in turns, one server thread
each on core 0, the load (build/bench_fanout) on core 1.

    channels.py [--turns N] [SUBSCRIBERS ...]

Messages of 64 bytes; atrium's come by RESP, nchan's by POST. Deliveries a second, the time from publication to receipt
where eight messages are on their way at a time, connections a second (subscribed ones), and resident bytes beyond the
empty server's a connection."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

import run

FANOUT = os.path.join(run.ROOT, "build", "bench_fanout")
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


def compare(n, turns):
    ours, theirs = [], []
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            with run.atrium("--maxclients", "15000", "--ws-threads", "1", "--dir", folder) as a:
                ours.append(fan(a, n, lambda n, m: [str(a.http), "/v1/ws", "atrium.v1.json", '{"op":"subscribe","channel":"fan"}',
                                                    str(n), str(m), "64", str(a.port), "resp", "fan"]))
            with nchan(folder) as b:
                theirs.append(fan(b, n, lambda n, m: [str(b.http), "/sub", "", "", str(n), str(m), "64", str(b.http), "http", "/pub"]))
    ratio = statistics.median(x[1] / y[1] for x, y in zip(ours, theirs))
    a, b = ([statistics.median(c) for c in zip(*side)] for side in (ours, theirs))
    print("| %d | %d/s | %d/s | %.2f | %.1f / %.1f ms | %.1f / %.1f ms | %d/s | %d/s | %.1f KiB | %.1f KiB |" % (
        n, a[1], b[1], ratio, a[2], a[3], b[2], b[3], a[0], b[0], a[4] / 1024, b[4] / 1024), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("subscribers", nargs="*", type=int, default=[100, 1000, 5000, 10000])
    args = parser.parse_args()
    print("| subscribers | deliveries, atrium | nchan | ratio | p50 / p99, atrium | nchan | connections, atrium | nchan | memory each, atrium | nchan |")
    print("| --- " * 10 + "|", flush=True)
    for n in args.subscribers:
        compare(n, args.turns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
