"""What a request answers was true at one moment, while others write."""

import contextlib
import threading

from door import equal


@contextlib.contextmanager
def written(door, *commands):
    """These commands in a circle, each in one step, until the block ends."""
    end, resp = threading.Event(), door.resp()

    def write():
        while not end.is_set():
            for command in commands:
                resp.call(*command)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        resp.close()


def test_a_page_of_a_leaderboard(door):
    few = [x for i in range(3) for x in (i, "m%d" % i)]
    many = [x for i in range(3, 40) for x in (i, "m%d" % i)]
    door.command("ZADD", "lb", *few)
    with written(door, ["ZADD", "lb", *many], ["ZREM", "lb", *many[1::2]]):
        for _ in range(300):
            body = door.get("/v1/leaderboards/lb?ties=competition").json
            equal(body["total"], len(body["items"]))
            body = door.get("/v1/leaderboards/lb?order=asc&min_score=1").json
            equal((body["total"], body["items"][0]["rank"]), (len(body["items"]), 2))


def test_times_to_live_of_a_hash(door):
    door.command("HSET", "h", "f", "plain")
    with written(door, ["HSETEX", "h", "PX", 100000, "FIELDS", 1, "f", "timed"], ["HSET", "h", "f", "plain"]):
        for query in ("", "?field=f") * 150:
            for item in door.get("/v1/hashes/h" + query).json["items"]:
                equal(item["ttl_ms"] is None, item["value"] == "plain")


def test_a_patched_deadline_is_no_write_of_the_value(door):
    tag = door.put("/v1/keys/k", b"v").headers["ETag"]
    door.command("CONFIG", "SET", "notify-keyspace-events", "KA")
    resp = door.resp()
    resp.call("SUBSCRIBE", "__keyspace@0__:k")
    for ttl_ms in (50000, None):
        equal(door.send_json("PATCH", "/v1/keys/k", {"ttl_ms": ttl_ms}, If_Match=tag).status, 200)
    equal([resp.reply()[2] for _ in range(2)], [b"expire", b"persist"])
    door.command("CONFIG", "SET", "notify-keyspace-events", "")
    resp.close()
