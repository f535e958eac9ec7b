"""Lists: ranges, push and pop at both ends."""

from door import equal, problem, quote

LIST = "/v1/lists/jobs"


def push(door, body, path=LIST):
    return door.post(path + "/push", body)


def pop(door, body, path=LIST):
    return door.post(path + "/pop", body)


def test_a_queue(door):
    equal(push(door, {"values": ["a", "b"]}).json, {"key": "jobs", "length": 2})
    equal(push(door, {"values": ["c", 4], "side": "right"}).json, {"key": "jobs", "length": 4})
    equal(push(door, {"values": ["z", {"b64": "/w=="}], "side": "left"}).json, {"key": "jobs", "length": 6})
    equal(door.get(LIST).json, {"key": "jobs", "total": 6, "start": 0,
                                "items": [{"b64": "/w=="}, "z", "a", "b", "c", "4"]})
    equal(pop(door, {}).json, {"key": "jobs", "items": [{"b64": "/w=="}]})
    equal(door.request("POST", LIST + "/pop").json["items"], ["z"])
    equal(pop(door, {"side": "right", "count": 2}).json["items"], ["4", "c"])
    equal(pop(door, {"count": 9}).json["items"], ["a", "b"])
    equal((pop(door, {}).status, door.command("EXISTS", "jobs")), (204, 0))
    problem(door.get(LIST), 404, "not-found")


def test_ranges(door):
    door.command("RPUSH", "jobs", *range(1500))

    def items(query):
        body = door.get(LIST + query).json
        equal(body["total"], 1500)
        return body["start"], body["items"]

    def numbers(start, stop):
        return start, [str(i) for i in range(start, stop)]

    equal(items(""), numbers(0, 100))
    equal(items("?start=1450"), numbers(1450, 1500))
    equal(items("?start=-2"), numbers(1498, 1500))
    equal(items("?start=-1500"), numbers(0, 100))
    equal(items("?start=-200"), numbers(1300, 1400))
    equal(items("?start=3&stop=3"), numbers(3, 4))
    equal(items("?stop=-1"), numbers(0, 1000))
    equal(items("?start=1000&stop=9223372036854775807"), numbers(1000, 1500))
    for query in ("?start=1500", "?start=5&stop=4", "?start=9223372036854775807", "?stop=-9223372036854775808"):
        equal(items(query), (0, []))
    equal(items("?start=-9223372036854775808")[1], [])


def test_every_byte(door):
    key, value = bytes(range(256)), {"b64": "/wAA"}
    path = "/v1/lists/" + quote(key)
    equal(push(door, {"values": [value, "", "\0"]}, path).json["length"], 3)
    equal(door.get(path).json["items"], [value, "", "\0"])
    equal(pop(door, {"count": 3}, path).json["items"], [value, "", "\0"])


def test_another_door_sees_the_same_list(door):
    resp = door.resp()
    equal(resp.call("RPUSH", "jobs", "a", "b"), 2)
    equal(pop(door, {}).json["items"], ["a"])
    equal(push(door, {"values": ["c"]}).status, 200)
    equal(resp.call("LRANGE", "jobs", 0, -1), [b"b", b"c"])
    resp.close()


def test_errors(door):
    for body in ({}, {"values": []}, {"values": "a"}, {"values": [None]}, {"values": ["a"], "side": "up"}):
        problem(push(door, body), 400, "bad-arguments")
    for body in ({"side": "up"}, {"count": 0}, {"count": "x"}):
        problem(pop(door, body), 400, "bad-arguments")
    problem(door.get(LIST + "?start=x"), 400, "bad-arguments")
    problem(door.get(LIST + "?stop=1.5"), 400, "bad-arguments")
    door.put("/v1/keys/jobs", b"a string")
    for answer in (door.get(LIST), push(door, {"values": ["a"]}), pop(door, {})):
        problem(answer, 409, "wrong-type")
    equal(door.request("DELETE", LIST).status, 405)
