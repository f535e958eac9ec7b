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
    equal(first, ["id: 0,0"])
    equal(publish(door, "c", b"hello"), 1)
    event = listener.event()
    equal((event["id"], event["data"]["channel"], event["data"]["data"]), ("0,0", "c", "hello"))
    assert abs(event["data"]["time_ms"] - time.time() * 1000) < 60000
    resp = door.resp()
    equal(resp.call("PUBLISH", "d", b"\xff\x00\n\r"), 1)
    equal(listener.event()["data"]["data"], {"b64": "/wAKDQ=="})
    equal(publish(door, "e", b"x"), 0)
    for i in range(500):
        resp.call("PUBLISH", "c", "line\n%d\r\ndata: x\n\n" % i)
    for i in range(500):
        event = listener.event()
        equal(event["data"]["data"], "line\n%d\r\ndata: x\n\n" % i)
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
    again = Listener(door, "/v1/events?channel=c&pattern=x*", Last_Event_ID=first[0][4:]).start()
    equal(again.block(), ["id: 0"])
    equal([again.event() for _ in range(2)], [{"id": "0", "event": "gap", "data": {"channel": "c"}},
                                              {"id": "0", "event": "gap", "data": {"pattern": "x*"}}])
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
        while len(got) < i - 8:  # else it is slow, too: 16 of them are a full queue
            assert thread.is_alive()
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


HISTORY = ("--channel-namespace", "chat: history_size=100 presence=yes small: history_size=5")


def resume(door, query, last):
    """A listener that comes again, and its first id."""
    listener = Listener(door, "/v1/events?" + query, Last_Event_ID=last).start()
    return listener, listener.block()[0][4:]


def test_a_history_is_resumed(door):
    """Cut off anywhere, it gets every message once, in order."""
    with Program(*HISTORY) as mine:
        listener, first = listen(mine, "channel=chat:a&channel=chat:b")
        last, seen, sent = first[0][4:], [], 0
        for turn in range(12):
            for _ in range(turn):
                publish(mine, "chat:a" if sent % 3 else "chat:b", b"%d" % sent)
                sent += 1
            for _ in range(turn // 2):
                event = listener.event()
                last = event["id"]
                seen.append(int(event["data"]["data"]))
            listener.close()
            publish(mine, "chat:a", b"%d" % sent)
            sent += 1
            listener, start = resume(mine, "channel=chat:a&channel=chat:b", last)
            equal(start, last)
        while len(seen) < sent:
            event = listener.event()
            assert event.get("event") != "gap", event
            seen.append(int(event["data"]["data"]))
        assert listener.quiet()
        equal(sorted(seen), list(range(sent)))
        listener.close()
        mine.close()


def test_a_gap_where_history_is_too_short(door):
    with Program(*HISTORY) as mine:
        listener, first = listen(mine, "channel=small:x")
        publish(mine, "small:x", b"0")
        last = listener.event()["id"]
        listener.close()
        for i in range(1, 5):
            publish(mine, "small:x", b"%d" % i)
        listener, start = resume(mine, "channel=small:x", last)
        equal([listener.event()["data"]["data"] for _ in range(4)], ["1", "2", "3", "4"])
        listener.close()
        for i in range(5, 20):
            publish(mine, "small:x", b"%d" % i)
        listener, start = resume(mine, "channel=small:x", last)
        event = listener.event()
        equal((event["event"], event["data"], event["id"]), ("gap", {"channel": "small:x"}, start))
        publish(mine, "small:x", b"20")
        event = listener.event()
        equal((event["data"]["data"], event["data"]["offset"]), ("20", 21))
        listener.close()
        for bad in ("x", "0", "1.2.3", "ffff.1", last.split(".")[0] + ".99999", last + "," + last):
            listener, start = resume(mine, "channel=small:x", bad)
            event = listener.event()
            assert event.get("event") == "gap" or bad == last + "," + last, (bad, event)
            listener.close()
        mine.close()


def test_closed_namespaces_need_a_ticket_or_the_password(door):
    rules = ("--channel-namespace", "vip: ws_subscribe=no history_size=5")
    with Program(*rules) as mine:
        problem(mine.get("/v1/events?channel=vip:1"), 403, "no-permission")
        problem(mine.get("/v1/events?channel=open&channel=vip:1"), 403, "no-permission")
        any_ticket, named = (mine.post("/v1/tickets", body).json["ticket"] for body in ({}, {"channels": ["vip:*"]}))
        problem(mine.get("/v1/events?channel=vip:1&ticket=" + any_ticket), 403, "no-permission")
        all_open, _ = listen(mine, "pattern=*")
        let_in, _ = listen(mine, "channel=vip:1&ticket=" + named)
        publish(mine, "vip:1", b"secret")
        publish(mine, "open", b"news")
        equal(let_in.event()["data"]["data"], "secret")
        equal(all_open.event()["data"]["data"], "news")
        all_open.close()
        let_in.close()
        mine.close()
    with Program(*rules, "--requirepass", "pw") as mine:
        token = {"Authorization": "Bearer pw"}
        listener, _ = listen(mine, "channel=vip:1&pattern=vip:*", **token)
        equal(mine.request("POST", "/v1/channels/vip:1/messages", b"secret", token).status, 202)
        equal([listener.event()["data"]["data"] for _ in "12"], ["secret", "secret"])
        listener.close()
        mine.close()


def test_tickets(door):
    with Program("--requirepass", "secret", *HISTORY) as mine:
        token = {"Authorization": "Bearer secret"}

        def ticket(**body):
            answer = mine.post("/v1/tickets", body, **token)
            equal(answer.status, 201)
            return answer.json["ticket"]

        problem(mine.post("/v1/tickets", {}), 401, "unauthenticated")
        problem(mine.get("/v1/events?channel=chat:a"), 401, "unauthenticated")
        problem(mine.get("/v1/events?channel=chat:a&ticket=none"), 401, "unauthenticated")
        problem(mine.get("/v1/keys/k?ticket=" + ticket()), 401, "unauthenticated")
        once = ticket(user="ann", channels=["chat:*"])
        problem(mine.get("/v1/events?channel=&ticket=" + once), 400, "bad-arguments")
        equal(mine.request("HEAD", "/v1/events?channel=chat:a&ticket=" + once).status, 200)
        listener, _ = listen(mine, "channel=chat:a&ticket=" + once)
        equal(mine.get("/v1/channels/chat:a/presence", **token).json["members"][0]["user"], "ann")
        mine.request("POST", "/v1/channels/chat:a/messages", b"x", token)
        equal(listener.event()["data"]["data"], "x")
        problem(mine.get("/v1/events?channel=chat:a&ticket=" + once), 401, "unauthenticated")
        listener.close()
        for query in ("channel=other", "channel=chat:a&channel=other", "pattern=*", "pattern=chat:a*"):
            problem(mine.get("/v1/events?%s&ticket=%s" % (query, ticket(channels=["chat:*"]))), 403, "no-permission")
        for query, body in (("pattern=chat:*", {"channels": ["chat:*"]}), ("pattern=*&channel=any", {})):
            listener, _ = listen(mine, query + "&ticket=" + ticket(**body))
            listener.close()
        late = ticket(ttl_ms=1)
        time.sleep(0.05)
        problem(mine.get("/v1/events?channel=chat:a&ticket=" + late), 401, "unauthenticated")
        for body in ({"ttl_ms": 0}, {"ttl_ms": 86400001}, {"channels": []}, {"channels": [""]}, {"channels": ["x"] * 65}, {"channels": "x"},
                     {"user": ""}, {"user": "x" * 256}, {"user": 5}):
            problem(mine.post("/v1/tickets", body, **token), 400, "bad-arguments")
        mine.close()
