"""/v1/streams/{key}/events: entries as they come, from an id on."""

import os
import threading
import time

from door import equal, problem
from events import Listener
from test_waiting import until_blocked

PATH = "/v1/streams/s/events"


def test_entries_come_as_they_are_added(door):
    door.command("XADD", "s", "1-1", "before", "1")
    listener = Listener(door, PATH).start()
    equal(listener.headers["content-type"], "text/event-stream")
    equal(listener.headers["cache-control"], "no-store")
    until_blocked(door, 1)
    for i in range(2, 50):
        door.command("XADD", "s", "%d-1" % i, "n", str(i), "b", {"b64": "/w=="})
        equal(listener.event(), {"id": "%d-1" % i, "data": {"id": "%d-1" % i, "fields": {"n": str(i), "b": {"b64": "/w=="}}}})
    assert listener.quiet()
    listener.close()
    until_blocked(door, 0)


def test_a_stream_that_is_not_there_yet(door):
    listener = Listener(door, PATH).start()
    door.command("XADD", "s", "5-0", "a", "b")
    equal(listener.event()["id"], "5-0")
    listener.close()


def test_resume(door):
    for i in range(1, 101):
        door.command("XADD", "s", "%d-0" % i, "n", str(i))
    for path, headers, first in ((PATH, {"Last_Event_ID": "40-0"}, 41), (PATH + "?since=0", {}, 1), (PATH + "?since=97", {}, 98),
                                 (PATH + "?since=0", {"Last_Event_ID": "99-0"}, 100)):
        listener = Listener(door, path, **headers).start()
        for i in range(first, 101):
            equal(listener.event()["id"], "%d-0" % i)
        assert listener.quiet()
        listener.close()
    for bad in ("x", "$", "-", "1-", "1-1-1", ">", "18446744073709551616-0"):
        problem(door.get(PATH + "?since=" + bad), 400, "bad-arguments")


def test_what_is_no_stream(door):
    door.command("SET", "s", "x")
    problem(door.get(PATH), 409, "wrong-type")
    door.command("DEL", "s")
    problem(door.get(PATH, Accept="application/json"), 406, "not-acceptable")
    equal(door.request("HEAD", PATH).status, 200)
    door.close()
    listener = Listener(door, PATH).start()
    until_blocked(door, 1)
    door.command("SET", "s", "x")
    door.command("DEL", "s")
    door.command("XADD", "s", "7-7", "a", "b")
    equal(listener.event()["id"], "7-7")
    listener.close()


def test_other_databases_and_forms(door):
    listener = Listener(door, PATH + "?db=3&encoding=base64").start()
    door.post("/v1/streams/s/entries?db=3", {"fields": {"a": "b"}, "id": "1-1"})
    equal(listener.event()["data"]["fields"], [[{"b64": "YQ=="}, {"b64": "Yg=="}]])
    listener.close()


def test_many_idle_listeners_hold_no_thread(door):
    n = 200 if os.environ.get("ATRIUM_BUILD", "plain") != "plain" else 1500
    listeners = [Listener(door, PATH, timeout=30) for _ in range(n)]
    for listener in listeners:
        listener.start()
    until_blocked(door, n)
    equal(door.get("/healthz").status, 200)
    door.command("XADD", "s", "1-1", "a", "b")
    for listener in listeners:
        equal(listener.event()["id"], "1-1")
    for listener in listeners:
        listener.close()
    until_blocked(door, 0)


def test_a_slow_listener_is_bounded(door):
    """It reads nothing while 64 MiB go by: they wait in the stream, once, and it gets them all afterwards."""
    listener = Listener(door, PATH, timeout=30).start()
    until_blocked(door, 1)

    def used():
        return next(int(line.split(":")[1]) for line in door.command("INFO", "memory").splitlines() if line.startswith("used_memory:"))

    value, n = "x" * 65536, 1024
    for i in range(n):
        door.command("XADD", "s", "%d-0" % (i + 1), "v", value)
    time.sleep(0.2)
    beyond = used() - door.command("MEMORY", "USAGE", "s", "SAMPLES", 0)
    assert beyond < 24 << 20, beyond
    for i in range(n):
        equal(listener.event()["id"], "%d-0" % (i + 1))
    listener.close()


def test_listeners_that_come_and_go(door):
    """Each gets what is added after it has come, in order, without a hole."""
    stop, failures = threading.Event(), []

    def listen():
        while not stop.is_set():
            listener = Listener(door, PATH, timeout=10).start()
            last = None
            for _ in range(20):
                event = listener.event()
                n = int(event["id"].split("-")[0])
                if last is not None and n != last + 1:
                    failures.append((last, n))
                last = n
            listener.close()

    threads = [threading.Thread(target=listen) for _ in range(4)]
    for thread in threads:
        thread.start()
    began, i = time.time(), 0
    while time.time() - began < 1.5:
        i += 1
        door.command("XADD", "s", "MAXLEN", "~", "1000", "%d-0" % i, "a", "b")
    stop.set()
    while any(t.is_alive() for t in threads):
        i += 1
        door.command("XADD", "s", "%d-0" % i, "a", "b")
        time.sleep(0.001)
    equal(failures, [])
