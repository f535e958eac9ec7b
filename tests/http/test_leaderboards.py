"""Leaderboards and their members."""

import base64

from door import equal, problem, quote

LB = "/v1/leaderboards/lb"


def place(door, member, score, query="", **more):
    return door.send_json("PUT", "%s/members/%s%s" % (LB, quote(member), query), {"score": score, **more})


def fill(door, n=10):
    door.command("ZADD", "lb", *[x for i in range(n) for x in (i * 10, "p%d" % i)])


def test_the_sample(door):
    for member, score in (("player1", 1500), ("player2", 2200), ("player3", 1800)):
        equal(place(door, member, score).status, 201)
    equal(door.get(LB + "?limit=10").json, {"total": 3, "items": [
        {"rank": 1, "member": "player2", "score": 2200}, {"rank": 2, "member": "player3", "score": 1800},
        {"rank": 3, "member": "player1", "score": 1500}]})
    equal(door.command("ZREVRANK", "lb", "player1"), 2)


def test_placing_tells_before_and_after(door):
    fill(door)
    answer = place(door, "p0", 45.5)
    equal((answer.status, answer.json), (200, {
        "member": "p0", "score": 45.5, "rank": 6, "previous_score": 0, "previous_rank": 10, "changed": True, "total": 10}))
    equal(place(door, "p0", 45.5).json["changed"], False)
    body = place(door, "new", -1).json
    equal((body["rank"], body["previous_score"], body["previous_rank"], body["total"]), (11, None, None, 11))
    equal(place(door, "new", -1, "?order=asc").json["rank"], 1)
    equal(place(door, "top", "inf").json["score"], "inf")


def test_modes_and_conditions(door):
    fill(door)
    equal(place(door, "p5", 40, mode="max").json, {
        "member": "p5", "score": 50, "rank": 5, "previous_score": 50, "previous_rank": 5, "changed": False, "total": 10})
    equal(place(door, "p5", 60, mode="max").json["score"], 60)
    equal(place(door, "p5", 10, mode="min").json["score"], 10)
    problem(place(door, "p5", 1, **{"if": "nx"}), 412, "precondition-failed")
    problem(place(door, "none", 1, **{"if": "xx"}), 412, "precondition-failed")
    equal(place(door, "none", 1, **{"if": "nx"}).status, 201)
    equal(place(door, "none", 2, **{"if": "xx"}).json["score"], 2)
    equal(place(door, "first", 2, mode="max", **{"if": "nx"}).status, 201)
    problem(door.send_json("PUT", "/v1/leaderboards/empty/members/m", {"score": 1, "if": "xx"}), 412, "precondition-failed")
    equal(door.command("EXISTS", "empty"), 0)
    for body in ({}, {"score": "x"}, {"score": None}, {"score": 1, "mode": "avg"}, {"score": 1, "if": "gt"}, {"score": "nan"}):
        problem(door.send_json("PUT", LB + "/members/p1", body), 400, "bad-arguments")


def test_increments(door):
    fill(door)
    equal(door.post(LB + "/members/p0/incr", {"by": 95}).json, {
        "member": "p0", "score": 95, "rank": 1, "previous_score": 0, "previous_rank": 10, "changed": True, "total": 10})
    equal(door.post(LB + "/members/new/incr", {"by": -2.5}).json["score"], -2.5)
    place(door, "top", "inf")
    body = problem(door.post(LB + "/members/top/incr", {"by": "-inf"}), 409, "overflow")
    equal(body["engine"], "ERR resulting score is not a number (NaN)")
    problem(door.post(LB + "/members/p0/incr", {}), 400, "bad-arguments")


def test_one_member(door):
    fill(door, 11)
    equal(door.get(LB + "/members/p7").json, {"member": "p7", "score": 70, "rank": 4, "total": 11, "percentile": 70})
    equal(door.get(LB + "/members/p7?order=asc").json["rank"], 8)
    equal(door.request("DELETE", LB + "/members/p7").status, 204)
    problem(door.request("DELETE", LB + "/members/p7"), 404, "not-found")
    problem(door.get(LB + "/members/p7"), 404, "not-found")
    problem(door.get("/v1/leaderboards/none/members/p7"), 404, "not-found")
    place(door, "x", 1)
    for member in range(11):
        door.request("DELETE", LB + "/members/p%d" % member)
    equal(door.get(LB + "/members/x").json["percentile"], 100)


def test_the_members_around(door):
    fill(door)
    body = door.get(LB + "/members/p7/around?radius=2").json
    equal([(i["rank"], i["member"], i.get("self")) for i in body["items"]],
          [(1, "p9", None), (2, "p8", None), (3, "p7", True), (4, "p6", None), (5, "p5", None)])
    equal(body["total"], 10)
    equal([i["member"] for i in door.get(LB + "/members/p9/around?radius=1").json["items"]], ["p9", "p8"])
    equal([i["rank"] for i in door.get(LB + "/members/p0/around?radius=1&order=asc").json["items"]], [1, 2])
    equal(len(door.get(LB + "/members/p5/around").json["items"]), 10)
    problem(door.get(LB + "/members/none/around"), 404, "not-found")
    problem(door.get(LB + "/members/p5/around?radius=-1"), 400, "bad-arguments")


def test_pages_orders_and_bounds(door):
    fill(door)
    equal([i["member"] for i in door.get(LB + "?offset=8&limit=5").json["items"]], ["p1", "p0"])
    body = door.get(LB + "?order=asc&limit=2").json
    equal([(i["rank"], i["member"]) for i in body["items"]], [(1, "p0"), (2, "p1")])
    body = door.get(LB + "?min_score=20&max_score=50&limit=3&offset=1").json
    equal((body["total"], [(i["rank"], i["member"]) for i in body["items"]]), (4, [(6, "p4"), (7, "p3"), (8, "p2")]))
    body = door.get(LB + "?min_score=85&order=asc").json
    equal((body["total"], body["items"]), (1, [{"rank": 10, "member": "p9", "score": 90}]))
    equal(door.get("/v1/leaderboards/none").json, {"total": 0, "items": []})
    for query in ("limit=0", "limit=1001", "offset=-1", "order=up", "ties=x", "min_score=x"):
        problem(door.get(LB + "?" + query), 400, "bad-arguments")


def test_ties(door):
    door.command("ZADD", "lb", 9, "a", 8, "b", 8, "c", 8, "d", 7, "e")
    ranks = lambda query: [i["rank"] for i in door.get(LB + query).json["items"]]
    equal(ranks("?ties=ordinal"), [1, 2, 3, 4, 5])
    equal(ranks("?ties=competition"), [1, 2, 2, 2, 5])
    equal(ranks("?ties=competition&offset=2&limit=2"), [2, 2])
    equal(ranks("?ties=competition&order=asc"), [1, 2, 2, 2, 5])


def test_other_types_and_odd_members(door):
    door.put("/v1/keys/s", b"v")
    for path in ("s", "s/members/m", "s/members/m/around"):
        problem(door.get("/v1/leaderboards/" + path), 409, "wrong-type")
    member = bytes(range(256))
    equal(place(door, member, 5).json["member"], {"b64": base64.b64encode(member).decode()})
    equal(door.get(LB).json["items"][0]["member"], {"b64": base64.b64encode(member).decode()})
