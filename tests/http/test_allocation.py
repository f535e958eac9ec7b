"""What a route holds for an answer: the heap's growth at its highest while a request is answered, on a connection that has
been used before (live_bytes.c counts). Most stay below a kilobyte, whatever the answer's size; none is beyond twice the
answer, the request's body, which is parsed, and 4 KiB."""

import json
import mmap
import os
import struct
import subprocess
import tempfile
import time

from door import JSON, Program

HERE = os.path.dirname(os.path.abspath(__file__))
FACTOR, SLACK = 2, 4096
TURNS = 5  # other threads allocate now and then; the least growth counts


class Heap:
    def __init__(self, path):
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 16)

    def live(self):
        return struct.unpack_from("q", self.map, 0)[0]

    def most(self):
        return struct.unpack_from("q", self.map, 8)[0]

    def forget(self):
        struct.pack_into("q", self.map, 8, self.live())


def growth(door, heap, method, target, body, headers):
    """(highest growth, length of the answer)"""
    found = []
    for _ in range(TURNS):
        answer = door.request(method, target, body, headers)
        time.sleep(0.02)
        before = heap.live()
        heap.forget()
        answer = door.request(method, target, body, headers)
        assert answer.status < 300, (target, answer.status, answer.data[:300])
        found.append(heap.most() - before)
    return min(found), len(answer.data)


def fill(door):
    side = door.resp()
    side.call("SET", "small", "v" * 64)
    side.call("SET", "large", "v" * 1000000)
    side.call("HSET", "hash", *(w for i in range(1000) for w in ("field%d" % i, "value%d" % i)))
    side.call("RPUSH", "list", *("item%d" % i for i in range(5000)))
    side.call("SADD", "set", *("member%d" % i for i in range(1000)))
    side.call("ZADD", "board", *(w for i in range(5000) for w in (i, "player%d" % i)))
    for i in range(500):
        side.call("XADD", "stream", "*", "n", i)
        side.call("VADD", "vectors", "VALUES", 3, i, 1, 500 - i, "element%d" % i)
    side.close()


READS = ("/v1/keys/small", "/v1/keys/large", "/v1/keys?limit=100", "/v1/hashes/hash", "/v1/hashes/hash/fields/field7", "/v1/lists/list",
         "/v1/sets/set", "/v1/leaderboards/board?limit=10", "/v1/leaderboards/board?limit=1000", "/v1/leaderboards/board/members/player77",
         "/v1/streams/stream", "/v1/vectors/vectors", "/v1/vectors/vectors/items/element9", "/healthz", "/metrics",
         "/openapi.json", "/docs")  # fmt: skip


def test_what_routes_hold_for_an_answer(door):
    if os.environ.get("ATRIUM_BUILD", "plain") != "plain":
        return  # the sanitizers have a heap of their own
    with tempfile.TemporaryDirectory() as folder:
        library, figures = os.path.join(folder, "live_bytes.so"), os.path.join(folder, "figures")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, os.path.join(HERE, "live_bytes.c"), "-ldl"], check=True)
        with open(figures, "wb") as f:
            f.write(bytes(16))
        os.environ.update(LD_PRELOAD=library, ATRIUM_LIVE_BYTES=figures)
        try:
            program = Program()
        finally:
            del os.environ["LD_PRELOAD"]
        with program as mine:
            heap = Heap(figures)
            fill(mine)
            asks = [("GET", target, None, {}) for target in READS]
            asks.append(("POST", "/v1/pipeline", json.dumps([["GET", "small"]] * 100), JSON))
            asks.append(("POST", "/v1/vectors/vectors/search", json.dumps({"vector": [1, 2, 3], "limit": 100}), JSON))
            asks.append(("PUT", "/v1/keys/put", b"v" * 64, {}))
            report = [(growth(mine, heap, *ask), ask[1]) for ask in asks]
            if os.environ.get("ATRIUM_SHOW"):
                for (most, length), target in report:
                    print("%9d %9d %s" % (most, length, target))
            wrong = [(target, most, length) for ((most, length), target), (_, _, body, _) in zip(report, asks)
                     if most > FACTOR * length + len(body or "") + SLACK]
            assert not wrong, wrong
            mine.close()
