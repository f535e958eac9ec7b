"""Hashes and their fields."""

import time

from door import equal, problem, quote

FIELD = "/v1/hashes/user:1/fields/"


def test_a_field_is_created_read_replaced_and_deleted(door):
    made = door.put(FIELD + "name", b"Ada")
    equal(made.status, 201)
    equal(door.put(FIELD + "name", b"Eve").status, 204)
    answer = door.get(FIELD + "name")
    equal(answer.json, {"key": "user:1", "field": "name", "value": "Eve", "ttl_ms": None,
                        "etag": answer.headers["ETag"].strip('"')})
    equal(door.get(FIELD + "name", Accept="application/octet-stream").data, b"Eve")
    equal(door.get(FIELD + "name", If_None_Match=answer.headers["ETag"]).status, 304)
    equal(door.send_json("PUT", FIELD + "name", {"value": {"b64": "/w=="}}).status, 204)
    equal(door.get(FIELD + "name").json["value"], {"b64": "/w=="})
    equal(door.request("DELETE", FIELD + "name").status, 204)
    problem(door.request("DELETE", FIELD + "name"), 404, "not-found")
    problem(door.get(FIELD + "name"), 404, "not-found")
    problem(door.get(FIELD + "name", Accept="text/html"), 406, "not-acceptable")


def test_a_field_goes_and_the_others_stay(door):
    door.command("HSET", "user:1", "name", "Ada", "auth_token", "tok")
    equal(door.send_json("PATCH", FIELD + "auth_token", {"ttl_ms": 40}).json,
          {"key": "user:1", "field": "auth_token", "ttl_ms": 40})
    assert 0 < door.get(FIELD + "auth_token").json["ttl_ms"] <= 40
    time.sleep(0.08)
    equal(door.get(FIELD + "auth_token").status, 404)
    equal(door.get(FIELD + "name").json["value"], "Ada")


def test_deadlines_of_fields(door):
    equal(door.put(FIELD + "f?ttl_ms=60000", b"v").status, 201)
    equal(door.put(FIELD + "f?ttl_ms=50000", b"v").status, 204)
    assert 40000 < door.get(FIELD + "f").json["ttl_ms"] <= 50000
    problem(door.send_json("PATCH", FIELD + "f", {"ttl_ms": 10000, "if": "gt"}), 412, "precondition-failed")
    equal(door.send_json("PATCH", FIELD + "f", {"ttl_ms": 10000, "if": "lt"}).status, 200)
    problem(door.send_json("PATCH", FIELD + "f", {"ttl_ms": 9000, "if": "nx"}), 412, "precondition-failed")
    equal(door.send_json("PATCH", FIELD + "f", {"ttl_ms": None}).json["ttl_ms"], None)
    problem(door.send_json("PATCH", FIELD + "f", {"ttl_ms": 9000, "if": "xx"}), 412, "precondition-failed")
    problem(door.send_json("PATCH", FIELD + "none", {"ttl_ms": 9000}), 404, "not-found")
    problem(door.send_json("PATCH", "/v1/hashes/none/fields/f", {"ttl_ms": None}), 404, "not-found")
    for body in ({}, {"ttl_ms": 0}, {"ttl_ms": 5, "if": "x"}):
        problem(door.send_json("PATCH", FIELD + "f", body), 400, "bad-arguments")


def test_conditions_of_put(door):
    problem(door.put(FIELD + "f?if=xx", b"v"), 412, "precondition-failed")
    equal(door.put(FIELD + "f?if=nx", b"v").status, 201)
    problem(door.put(FIELD + "f?if=nx", b"w"), 412, "precondition-failed")
    equal(door.put(FIELD + "f?if=xx", b"x").status, 204)
    equal(door.command("HGET", "user:1", "f"), "x")
    problem(door.put(FIELD + "f?if=gt", b"x"), 400, "bad-arguments")


def test_fields_with_every_byte(door):
    name = bytes(range(256))
    equal(door.put("/v1/hashes/%s/fields/%s" % (quote(name), quote(name)), name).status, 201)
    equal(door.get("/v1/hashes/%s/fields/%s" % (quote(name), quote(name)), Accept="application/octet-stream").data, name)


def test_pages_and_shapes(door):
    door.command("HSET", "h", "a", "1", "b", "2", "c", "3")
    door.send_json("PATCH", "/v1/hashes/h/fields/b", {"ttl_ms": 60000})
    body = door.get("/v1/hashes/h").json
    items = {i["field"]: i for i in body["items"]}
    equal({name: i["value"] for name, i in items.items()}, {"a": "1", "b": "2", "c": "3"})
    equal((items["a"]["ttl_ms"], body["cursor"]), (None, None))
    assert 0 < items["b"]["ttl_ms"] <= 60000
    equal(door.get("/v1/hashes/h?shape=object").json, {"key": "h", "fields": {"a": "1", "b": "2", "c": "3"}})
    body = door.get("/v1/hashes/h?field=c&field=none&field=a").json
    equal([i["field"] for i in body["items"]], ["c", "a"])
    equal(sorted(i["field"] for i in door.get("/v1/hashes/h?match=%5Bab%5D").json["items"]), ["a", "b"])
    equal(door.get("/v1/hashes/h?field=none").json["items"], [])
    for path in ("none", "none?field=a", "none?shape=object"):
        problem(door.get("/v1/hashes/" + path), 404, "not-found")
    problem(door.get("/v1/hashes/h?shape=x"), 400, "bad-arguments")
    door.put("/v1/keys/s", b"v")
    problem(door.get("/v1/hashes/s"), 409, "wrong-type")


def test_a_large_hash_in_pages(door):
    door.command("HSET", "h", *[x for i in range(2000) for x in ("field:%d" % i, i)])
    seen, cursor = set(), "0"
    while cursor:
        body = door.get("/v1/hashes/h?limit=300&cursor=" + cursor).json
        seen.update(i["field"] for i in body["items"])
        cursor = body["cursor"]
    equal(len(seen), 2000)


def patch(door, body):
    return door.send_json("PATCH", "/v1/hashes/h", body)


def test_patch_sets_adds_and_deletes(door):
    equal(patch(door, {"set": {"a": "1", "b": {"b64": "/w=="}, "n\0": 2}}).json, {"key": "h", "set": 3})
    equal(door.command("HGET", "h", "n\0"), "2")
    equal(patch(door, {"set": {"a": "x", "new": "x"}, "if": "nx"}).status, 412)
    equal(patch(door, {"set": {"a": "x", "new": "x"}, "if": "xx"}).status, 412)
    equal(patch(door, {"set": {"a": "5"}, "if": "xx", "ttl_ms": 60000}).status, 200)
    assert 0 < door.get("/v1/hashes/h/fields/a").json["ttl_ms"] <= 60000
    equal(patch(door, {"incr": {"a": 2}}).json, {"key": "h", "field": "a", "value": 7})
    equal(patch(door, {"incr": {"a": 0.5}}).json, {"key": "h", "field": "a", "value": 7.5})
    problem(patch(door, {"incr": {"a": 1}}), 422, "not-a-number")
    equal(patch(door, {"delete": ["a", "none"]}).json, {"key": "h", "deleted": 1})
    for body in ({}, {"set": {}}, {"set": 5}, {"set": {"a": None}}, {"incr": {}}, {"incr": {"a": 1, "b": 1}},
                 {"incr": {"a": "x"}}, {"delete": []}, {"delete": [None]}, {"set": {"a": 1}, "delete": ["a"]},
                 {"set": {"a": 1}, "if": "gt"}, {"set": {"a": 1}, "ttl_ms": 0}):
        problem(patch(door, body), 400, "bad-arguments")
