"""Channels over REST: publishing, history, presence, what there is."""

from door import Program, equal, problem
from events import Listener

SPACES = ("--channel-namespace", "chat: history_size=50 presence=yes")


def publish(door, channel, data):
    answer = door.request("POST", "/v1/channels/%s/messages" % channel, data)
    equal(answer.status, 202)
    return answer.json


def test_without_a_history(door):
    equal(publish(door, "plain", b"x"), {"channel": "plain", "receivers": 0, "epoch": None, "offset": None})
    equal(door.get("/v1/channels/plain/messages").json,
          {"channel": "plain", "epoch": None, "offset": None, "complete": False, "items": [], "cursor": None})
    equal(door.get("/v1/channels/plain/presence").json, {"channel": "plain", "clients": None, "users": None, "members": []})
    resp = door.resp()
    resp.call("SUBSCRIBE", "plain")
    equal(publish(door, "plain", b"x")["receivers"], 1)
    equal(door.get("/v1/channels?match=pl*").json["items"],
          [{"channel": "plain", "subscribers": 1, "clients": 0, "messages": 0, "epoch": None, "offset": None}])
    equal(door.get("/v1/channels?match=x*").json, {"items": [], "cursor": None})
    resp.close()


def test_history(door):
    with Program(*SPACES) as mine:
        for i in range(80):
            body = publish(mine, "chat:a", b"%d" % i)
            equal((body["offset"], body["receivers"]), (i + 1, 0))
        epoch = body["epoch"]
        page = mine.get("/v1/channels/chat:a/messages?limit=10").json
        equal([m["data"] for m in page["items"]], [str(i) for i in range(30, 40)])
        equal((page["epoch"], page["offset"], page["cursor"]), (epoch, 80, "40"))
        seen = []
        cursor = "30"
        while cursor:
            page = mine.get("/v1/channels/chat:a/messages?limit=7&cursor=" + cursor).json
            seen += [m["offset"] for m in page["items"]]
            cursor = page["cursor"]
        equal(seen, list(range(31, 81)))
        equal([m["offset"] for m in mine.get("/v1/channels/chat:a/messages?reverse=true&limit=3").json["items"]], [80, 79, 78])
        equal([m["offset"] for m in mine.get("/v1/channels/chat:a/messages?reverse=true&limit=3&since=78").json["items"]], [77, 76, 75])
        for query, complete in (("since=30&epoch=" + epoch, True), ("since=29&epoch=" + epoch, False), ("since=40&epoch=feed", False),
                                ("since=80", True)):
            equal((query, mine.get("/v1/channels/chat:a/messages?" + query).json["complete"]), (query, complete))
        for query in ("since=-1", "since=x", "limit=0", "limit=1001", "reverse=2", "cursor=x"):
            problem(mine.get("/v1/channels/chat:a/messages?" + query), 400, "bad-arguments")
        publish(mine, "chat:%00", b"\xff")
        equal(mine.get("/v1/channels/chat:%00/messages").json["items"][0]["data"], {"b64": "/w=="})
        mine.close()


def test_presence(door):
    with Program(*SPACES) as mine:
        equal(mine.get("/v1/channels/chat:a/presence").json, {"channel": "chat:a", "clients": 0, "users": 0, "members": []})
        listeners = []
        for user in ("ann", "bob", "ann"):
            ticket = mine.post("/v1/tickets", {"user": user}).json["ticket"]
            listeners.append(Listener(mine, "/v1/events?channel=chat:a&ticket=" + ticket).start())
            listeners[-1].block()
        body = mine.get("/v1/channels/chat:a/presence").json
        equal((body["clients"], body["users"], sorted(m["user"] for m in body["members"])), (3, 2, ["ann", "ann", "bob"]))
        equal(len(mine.get("/v1/channels/chat:a/presence?limit=2").json["members"]), 2)
        for listener in listeners:
            listener.close()
        mine.close()


def test_a_publication_sent_twice(door):
    with Program(*SPACES) as mine:
        for replayed in (None, "true"):
            answer = mine.request("POST", "/v1/channels/chat:a/messages", b"x", {"Idempotency-Key": "once"})
            equal((answer.status, answer.json["offset"], answer.headers["Idempotency-Replayed"]), (202, 1, replayed))
        mine.close()
