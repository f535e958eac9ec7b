"""Sets: members one by one, several at once, in pages, at random, and the algebra of several sets."""

from door import equal, problem, quote

MEMBERS = "/v1/sets/tags/members/"


def items(answer):
    equal(answer.status, 200)
    return sorted(answer.json["items"])


def test_a_member_is_added_found_and_removed(door):
    problem(door.get(MEMBERS + "red"), 404, "not-found")
    equal(door.put(MEMBERS + "red").status, 201)
    equal(door.put(MEMBERS + "red", b"a body that nobody reads").status, 204)
    equal(door.get(MEMBERS + "red").json, {"key": "tags", "member": "red"})
    equal(door.request("HEAD", MEMBERS + "red").status, 200)
    problem(door.get(MEMBERS + "blue"), 404, "not-found")
    equal(door.request("DELETE", MEMBERS + "red").status, 204)
    problem(door.request("DELETE", MEMBERS + "red"), 404, "not-found")
    problem(door.get("/v1/sets/tags"), 404, "not-found")
    equal(door.command("EXISTS", "tags"), 0)


def test_members_with_every_byte(door):
    name = bytes(range(256))
    path = "/v1/sets/%s/members/%s" % (quote(name), quote(name))
    equal(door.put(path).status, 201)
    equal(set(door.get(path).json["member"]), {"b64"})
    equal(door.get("/v1/sets/%s?member=%s" % (quote(name), quote(name))).json["total"], 1)
    equal(door.send_json("PATCH", "/v1/sets/%s" % quote(name), {"remove": [door.get(path).json["member"]]}).json["removed"], 1)


def test_another_door_sees_the_same_members(door):
    resp = door.resp()
    equal(resp.call("SADD", "tags", "red", "7"), 2)
    equal(door.get(MEMBERS + "7").status, 200)
    equal(door.put(MEMBERS + "blue").status, 201)
    equal(sorted(resp.call("SMEMBERS", "tags")), [b"7", b"blue", b"red"])
    equal(door.get("/v1/keys/tags").json["href"], "/v1/sets/tags")
    resp.close()


def test_patch_adds_and_removes(door):
    def patch(body):
        return door.send_json("PATCH", "/v1/sets/s", body)

    equal(patch({"add": ["a", "b", {"b64": "/w=="}, 5]}).json, {"key": "s", "added": 4})
    equal(patch({"add": ["a", "new"]}).json, {"key": "s", "added": 1})
    equal(patch({"remove": ["a", "none"]}).json, {"key": "s", "removed": 1})
    equal(door.get("/v1/sets/s").json["total"], 4)
    for body in ({}, {"add": []}, {"add": "a"}, {"add": [None]}, {"add": [["a"]]}, {"add": ["a"], "remove": ["b"]}):
        problem(patch(body), 400, "bad-arguments")
    problem(patch({"add": ["x"] * 10001}), 413, "too-large")
    equal(door.get("/v1/sets/s").json["total"], 4)


def test_named_members_and_patterns(door):
    door.command("SADD", "s", "ape", "bee", "cat")
    equal(door.get("/v1/sets/s?member=cat&member=none&member=ape").json,
          {"total": 3, "items": ["cat", "ape"], "cursor": None})
    equal(door.get("/v1/sets/s?member=none").json["items"], [])
    equal(items(door.get("/v1/sets/s?match=%5Bab%5D*")), ["ape", "bee"])
    equal(items(door.get("/v1/sets/s")), ["ape", "bee", "cat"])
    equal(door.get("/v1/sets/s?member=ape&encoding=base64").json["items"], [{"b64": "YXBl"}])
    for path in ("none", "none?member=a", "none?random=1"):
        problem(door.get("/v1/sets/" + path), 404, "not-found")
    for query in ("limit=0", "limit=1001", "cursor=x", "random=0", "random=10001", "random=x"):
        problem(door.get("/v1/sets/s?" + query), 400, "bad-arguments")


def test_a_large_set_in_pages(door):
    door.send_json("PATCH", "/v1/sets/s", {"add": ["member:%d" % i for i in range(2000)]})
    seen, cursor, pages = set(), "0", 0
    while cursor:
        body = door.get("/v1/sets/s?limit=300&cursor=" + cursor).json
        equal(body["total"], 2000)
        seen.update(body["items"])
        cursor, pages = body["cursor"], pages + 1
    equal(len(seen), 2000)
    assert 5 <= pages <= 8, pages


def test_random_members(door):
    door.command("SADD", "s", *range(50))
    found = items(door.get("/v1/sets/s?random=10"))
    equal((len(found), len(set(found))), (10, 10))
    equal(len(items(door.get("/v1/sets/s?random=100"))), 50)
    equal(door.command("SCARD", "s"), 50)
    taken = items(door.post("/v1/sets/s/pop", {"count": 10}))
    equal(len(set(taken)), 10)
    equal(door.command("SMISMEMBER", "s", *taken), [0] * 10)
    equal(len(items(door.post("/v1/sets/s/pop", {}))), 1)
    equal(len(items(door.post("/v1/sets/s/pop", {"count": 10000}))), 39)
    equal(door.post("/v1/sets/s/pop", {}).status, 204)
    for body in ({"count": 0}, {"count": "x"}, {"count": 10001}):
        problem(door.post("/v1/sets/s/pop", body), 400, "bad-arguments")


def query(door, **body):
    return door.post("/v1/sets/query", body)


def test_algebra(door):
    door.command("SADD", "a", "1", "2", "x")
    door.command("SADD", "b", "2", "x", "y")
    equal(items(query(door, op="inter", keys=["a", "b"])), ["2", "x"])
    equal(items(query(door, op="union", keys=["a", "b", "none"])), ["1", "2", "x", "y"])
    equal(items(query(door, op="diff", keys=["a", "b"])), ["1"])
    equal(query(door, op="inter", keys=["a", "none"]).json, {"total": 0, "items": []})
    equal(query(door, op="inter", keys=["a", "b"], count=True).json, {"total": 2})
    equal(query(door, op="union", keys=["a", "b"], count=True).json, {"total": 4})
    equal(query(door, op="union", keys=["a", "b"], count=True, limit=3).json, {"total": 3})
    equal(query(door, op="diff", keys=["a", "b"], count=True).json, {"total": 1})


def test_results_are_stored(door):
    door.command("SADD", "a", "1", "2", "x")
    door.command("SADD", "b", "2", "x", "y")
    equal(query(door, op="union", keys=["a", "b"], store="to").json, {"key": "to", "total": 4})
    equal(query(door, op="inter", keys=["to", "b"], store="to").json, {"key": "to", "total": 3})
    equal(sorted(door.command("SMEMBERS", "to")), ["2", "x", "y"])
    equal(query(door, op="diff", keys=["a", "a"], store="to").json, {"key": "to", "total": 0})
    equal(door.command("EXISTS", "to"), 0)
    equal(query(door, op="inter", keys=["a"], store={"b64": "/w=="}).json, {"key": {"b64": "/w=="}, "total": 3})


def test_queries_that_are_wrong(door):
    door.command("SADD", "a", "1")
    for body in ({}, {"op": "inter"}, {"keys": ["a"]}, {"op": "x", "keys": ["a"]}, {"op": "inter", "keys": []},
                 {"op": "inter", "keys": [None]}, {"op": "inter", "keys": "a"},
                 {"op": "inter", "keys": ["a"], "store": "b", "count": True}, {"op": "inter", "keys": ["a"], "limit": 1},
                 {"op": "inter", "keys": ["a"], "count": True, "limit": 0},
                 {"op": "inter", "keys": ["a"], "count": 1}, {"op": "inter", "keys": ["a"], "store": None}):
        problem(query(door, **body), 400, "bad-arguments")
    problem(query(door, op="inter", keys=["a"] * 1001), 413, "too-large")


def test_keys_of_another_type(door):
    door.put("/v1/keys/s", b"v")
    problem(door.get("/v1/sets/s"), 409, "wrong-type")
    problem(door.get("/v1/sets/s?random=1"), 409, "wrong-type")
    problem(door.send_json("PATCH", "/v1/sets/s", {"add": ["a"]}), 409, "wrong-type")
    problem(door.post("/v1/sets/s/pop", {}), 409, "wrong-type")
    problem(query(door, op="union", keys=["s"]), 409, "wrong-type")
    for send in (door.get, door.put, lambda path: door.request("DELETE", path)):
        problem(send("/v1/sets/s/members/a"), 409, "wrong-type")
    equal(query(door, op="union", keys=["none"], store="s").json["total"], 0)
    equal(door.get("/v1/keys/s").status, 404)
