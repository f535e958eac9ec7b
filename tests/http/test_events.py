"""/v1/events: channels and patterns as server-sent events."""

import os
import threading
import time

from door import Program, equal, problem
from events import Listener


def listen(door, query, **headers):
    """A listener that is subscribed, and its first id."""
    listener = Listener(door, "/v1/events?" + query, **headers).start()
    return listener, listener.block()


def publish(door, channel, data):
    return door.request("POST", "/v1/channels/%s/messages" % channel, data).json["receivers"]


def subscriptions(door):
    return door.command("PUBSUB", "NUMSUB", "c")[1]


def until_subscribed(door, n):
    end = time.time() + 10
    while subscriptions(door) != n:
        assert time.time() < end, (subscriptions(door), n)
        time.sleep(0.01)


def test_messages_of_every_door_come(door):
    listener, first = listen(door, "channel=c&channel=d")
    equal(len(first), 1)
    assert first[0].startswith("id: "), first
    epoch = first[0][4:].split(".")[0]
    equal(publish(door, "c", b"hello"), 1)
    event = listener.event()
    equal((event["id"], event["data"]["channel"], event["data"]["data"]), (epoch + ".1", "c", "hello"))
    assert abs(event["data"]["time_ms"] - time.time() * 1000) < 60000
    resp = door.resp()
    equal(resp.call("PUBLISH", "d", b"\xff\x00\n\r"), 1)
    equal(listener.event()["data"]["data"], {"b64": "/wAKDQ=="})
    equal(publish(door, "e", b"x"), 0)
    for i in range(500):
        resp.call("PUBLISH", "c", "line\n%d\r\ndata: x\n\n" % i)
    for i in range(500):
        event = listener.event()
        equal((event["id"], event["data"]["data"]), ("%s.%d" % (epoch, 3 + i), "line\n%d\r\ndata: x\n\n" % i))
    assert listener.quiet()
    resp.close()
    listener.close()
    until_subscribed(door, 0)


def test_patterns(door):
    listener, _ = listen(door, "pattern=news.*&channel=news.a")
    publish(door, "news.a", b"1")
    got = [listener.event()["data"] for _ in range(2)]
    equal(sorted((d["channel"], d.get("pattern"), d["data"]) for d in got if "pattern" not in d), [("news.a", None, "1")])
    equal([(d["channel"], d["pattern"], d["data"]) for d in got if "pattern" in d], [("news.a", "news.*", "1")])
    listener.close()


def test_names_and_forms(door):
    listener, _ = listen(door, "channel=%00%ff+a&encoding=base64")
    publish(door, "%00%ff+a", b"x")
    equal(listener.event()["data"]["channel"], {"b64": "AP8rYQ=="})
    listener.close()
    for query in ("", "channel=", "pattern=", "channel=" + "x" * 1025, "channel=a&pattern="):
        problem(door.get("/v1/events?" + query), 400, "bad-arguments")
    problem(door.get("/v1/events?channel=c", Accept="application/json"), 406, "not-acceptable")
    equal(door.request("HEAD", "/v1/events?channel=c").status, 200)
    equal(subscriptions(door), 0)


def test_who_comes_again_is_told_of_a_gap(door):
    listener, first = listen(door, "channel=c")
    listener.close()
    again = Listener(door, "/v1/events?channel=c", Last_Event_ID=first[0][4:]).start()
    event = again.event()
    equal((event["event"], event["data"]), ("gap", {}))
    publish(door, "c", b"x")
    equal(again.event()["data"]["data"], "x")
    again.close()


def test_many_idle_listeners(door):
    n = 150 if os.environ.get("ATRIUM_BUILD", "plain") != "plain" else 1500
    listeners = [Listener(door, "/v1/events?channel=c", timeout=30) for _ in range(n)]
    for listener in listeners:
        listener.start().block()
    equal(publish(door, "c", b"all"), n)
    for listener in listeners:
        equal(listener.event()["data"]["data"], "all")
    for listener in listeners:
        listener.close()
    until_subscribed(door, 0)


def test_a_slow_listener_is_cut_off(door):
    """It reads nothing; what waits for it is bounded, and others get everything."""
    slow, _ = listen(door, "channel=c")
    other, _ = listen(door, "channel=c", timeout=30)
    data, n = b"x" * 65536, 300
    got = []
    thread = threading.Thread(target=lambda: got.extend(len(other.event()["data"]["data"]) for _ in range(n)))
    thread.start()
    for i in range(n):
        publish(door, "c", data)
        if i % 20 == 0:
            while len(got) < i - 20:
                time.sleep(0.001)
    thread.join()
    equal(got, [65536] * n)
    until_subscribed(door, 1)
    count = 0
    try:
        while slow.event():
            count += 1
    except (EOFError, ConnectionError):
        pass
    assert 1 <= count < n, count
    slow.close()
    other.close()
    until_subscribed(door, 0)


def test_who_is_killed_is_cut_off(door):
    listener, _ = listen(door, "channel=c")
    clients = [line for line in door.command("CLIENT", "LIST").splitlines() if " sub=1 " in line]
    equal(len(clients), 1)
    door.command("CLIENT", "KILL", "ID", clients[0].split(" ")[0][3:])
    equal(listener.event(), None)
    listener.close()
    until_subscribed(door, 0)


def test_listeners_that_come_and_go(door):
    stop, failures = threading.Event(), []

    def come_and_go():
        while not stop.is_set():
            listener, _ = listen(door, "channel=c")
            last = None
            for _ in range(10):
                n = int(listener.event()["data"]["data"])
                if last is not None and n != last + 1:
                    failures.append((last, n))
                last = n
            listener.close()

    threads = [threading.Thread(target=come_and_go) for _ in range(6)]
    for thread in threads:
        thread.start()
    began, i = time.time(), 0
    while time.time() - began < 1.5 or any(t.is_alive() for t in threads):
        if time.time() - began > 1.5:
            stop.set()
        i += 1
        publish(door, "c", b"%d" % i)
    equal(failures, [])
    until_subscribed(door, 0)


def test_the_program_ends_with_listeners(door):
    with Program() as mine:
        listeners = [listen(mine, "channel=c")[0] for _ in range(20)] + [Listener(mine, "/v1/streams/s/events").start() for _ in range(20)]
        mine.close()
    for listener in listeners:
        try:
            equal(listener.event(), None)
        except (EOFError, ConnectionError):
            pass
        listener.close()
