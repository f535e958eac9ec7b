"""Streams: entries and their ids, pages, groups, what is pending."""

import time

from door import equal, problem, quote

STREAM = "/v1/streams/log"
ENTRIES = STREAM + "/entries"
GROUP = STREAM + "/groups/g"


def add(door, ident, fields, **more):
    answer = door.post(ENTRIES, {"id": ident, "fields": fields, **more})
    equal((answer.status, answer.json), (201, {"key": "log", "id": ident}))
    return answer


def test_entries(door):
    answer = door.post(ENTRIES, {"fields": {"name": "Eve", "age": 30}})
    equal(answer.status, 201)
    ident = answer.json["id"]
    assert abs(int(ident.split("-")[0]) - time.time() * 1000) < 60000
    equal(answer.headers["Location"], ENTRIES + "/" + ident)
    entry = {"id": ident, "fields": {"name": "Eve", "age": "30"}}
    equal(door.get(answer.headers["Location"]).json, entry)
    equal(door.get(ENTRIES).json, {"items": [entry], "cursor": None})
    info = door.get(STREAM).json
    equal(info, {"key": "log", "length": 1, "added": 1, "first_id": ident, "last_id": ident, "groups": 0})
    equal(door.get("/v1/keys/log").json["href"], STREAM)
    equal(door.request("DELETE", ENTRIES + "/" + ident).status, 204)
    problem(door.request("DELETE", ENTRIES + "/" + ident), 404, "not-found")
    problem(door.get(ENTRIES + "/" + ident), 404, "not-found")
    equal(door.get(STREAM).json["length"], 0)
    problem(door.get("/v1/streams/none"), 404, "not-found")
    equal(door.get("/v1/streams/none/entries").json, {"items": [], "cursor": None})


def test_fields_of_every_kind(door):
    name = bytes(range(256))
    path = "/v1/streams/%s/entries" % quote(name)
    pairs = [["a", "1"], ["a", "2"], ["b", {"b64": "/w=="}]]
    equal(door.post(path, {"id": "1-1", "fields": pairs}).status, 201)
    equal(door.post(path, {"id": "2-1", "fields": [[{"b64": "/w=="}, 5]]}).status, 201)
    equal(door.post(path, {"id": "3-1", "fields": [["", "empty"]]}).status, 201)
    items = door.get(path).json["items"]
    equal([item["fields"] for item in items], [pairs, [[{"b64": "/w=="}, "5"]], {"": "empty"}])
    equal(door.get(path + "?encoding=base64&start=3").json["items"][0]["fields"], [[{"b64": ""}, {"b64": "ZW1wdHk="}]])


def test_wrong_entries(door):
    for body in ({}, {"fields": {}}, {"fields": []}, {"fields": "a"}, {"fields": {"a": None}}, {"fields": {"a": ["b"]}},
                 {"fields": ["a", "b"]}, {"fields": [["a"]]}, {"fields": [["a", "b", "c"]]}, {"fields": [[None, "b"]]},
                 {"fields": {"a": "b"}, "id": "x"}, {"fields": {"a": "b"}, "id": ""}, {"fields": {"a": "b"}, "id": 5},
                 {"fields": {"a": "b"}, "id": "MAXLEN"}, {"fields": {"a": "b"}, "max_len": -1},
                 {"fields": {"a": "b"}, "id": "0-0"}, {"fields": {"a": "b"}, "exact": 1}):
        problem(door.post(ENTRIES, body), 400, "bad-arguments")
    problem(door.post(ENTRIES, {"fields": [["a", "b"]] * 10001}), 413, "too-large")
    problem(door.post(ENTRIES, {"fields": {"a": "b"}, "create": False}), 404, "not-found")
    equal(door.command("EXISTS", "log"), 0)
    add(door, "5-5", {"a": "b"})
    problem(door.post(ENTRIES, {"id": "5-5", "fields": {"a": "b"}}), 400, "bad-arguments")
    problem(door.get(ENTRIES + "?start=x"), 400, "bad-arguments")
    problem(door.get(ENTRIES + "/x"), 400, "bad-arguments")
    door.command("SET", "log", "v")
    problem(door.get(ENTRIES), 409, "wrong-type")
    problem(door.get(STREAM), 409, "wrong-type")


def test_pages(door):
    for i in range(1, 26):
        add(door, "%d-0" % i, {"i": i})
    for reverse in ("false", "true"):
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor:
            at = "" if cursor is None else "&cursor=" + cursor
            page = door.get(ENTRIES + "?limit=10&reverse=%s%s" % (reverse, at)).json
            seen += [int(item["fields"]["i"]) for item in page["items"]]
            cursor, pages = page["cursor"], pages + 1
        equal(pages, 3)
        equal(seen, sorted(range(1, 26), reverse=reverse == "true"))
    some = door.get(ENTRIES + "?start=%s&end=7" % quote(b"(3")).json["items"]
    equal([item["id"] for item in some], ["4-0", "5-0", "6-0", "7-0"])
    problem(door.get(ENTRIES + "?limit=1001"), 400, "bad-arguments")


def test_a_bounded_stream(door):
    for i in range(1, 11):
        add(door, "%d-0" % i, {"i": i}, max_len=3, exact=True)
    equal([item["id"] for item in door.get(ENTRIES).json["items"]], ["8-0", "9-0", "10-0"])


def read(door, **body):
    return door.post(GROUP + "/read", {"consumer": "alice", **body})


def test_a_group(door):
    problem(read(door), 404, "no-group")
    equal(door.request("PUT", GROUP).status, 201)
    problem(door.request("PUT", GROUP), 409, "group-exists")
    problem(door.send_json("PUT", "/v1/streams/other/groups/g", {"create": False}), 404, "not-found")
    problem(door.send_json("PUT", STREAM + "/groups/h", {"start": "x"}), 400, "bad-arguments")
    equal(read(door).status, 204)
    for i in range(1, 4):
        add(door, "%d-0" % i, {"i": i})
    equal(read(door, count=2).json, {"items": [{"id": "1-0", "fields": {"i": "1"}}, {"id": "2-0", "fields": {"i": "2"}}]})
    groups = door.get(STREAM + "/groups").json
    equal(groups, {"items": [{"group": "g", "consumers": 1, "pending": 2, "last_id": "2-0", "lag": 1}]})
    equal(door.request("DELETE", ENTRIES + "/1-0").status, 204)
    equal(read(door, pending_after="0").json["items"], [{"id": "1-0", "fields": None}, {"id": "2-0", "fields": {"i": "2"}}])
    equal(door.post(GROUP + "/ack", {"ids": ["1-0", "3-0"]}).json, {"acknowledged": 1})
    items = read(door, consumer="bob", claim_idle_ms=0, no_ack=True).json["items"]
    assert 0 <= items[0].pop("idle_ms") < 60000, items
    equal(items, [{"id": "2-0", "fields": {"i": "2"}, "deliveries": 2},
                  {"id": "3-0", "fields": {"i": "3"}, "idle_ms": 0, "deliveries": 0}])
    equal(door.command("XPENDING", "log", "g"), [1, "2-0", "2-0", [["bob", "1"]]])
    for body in ({}, {"consumer": None}, {"consumer": "a", "count": 0}, {"consumer": "a", "claim_idle_ms": -1},
                 {"consumer": "a", "pending_after": "x"}):
        problem(door.post(GROUP + "/read", body), 400, "bad-arguments")
    for body in ({}, {"ids": []}, {"ids": ["x"]}, {"ids": [None]}):
        problem(door.post(GROUP + "/ack", body), 400, "bad-arguments")
    equal(door.request("DELETE", GROUP).status, 204)
    problem(door.request("DELETE", GROUP), 404, "no-group")
