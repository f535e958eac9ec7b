"""Vector sets: elements, searches, and what is refused."""

import base64
import math
import os
import random
import struct
import subprocess
import sys

from door import JSON, ROOT, equal, problem, quote

V = "/v1/vectors/v"
FILMS = {"alien": ([1, 0, 0.1], 1979, "horror"), "brazil": ([0.2, 1, 0], 1985, "satire"),
         "dune": ([0.9, 0.1, 0.3], 1984, "epic"), "heat": ([0, 0.3, 1], 1995, "crime")}


def b64(values):
    return base64.b64encode(struct.pack("<%df" % len(values), *values)).decode()


def put(door, id, vector, **more):
    return door.send_json("PUT", "%s/items/%s" % (V, quote(id)), {"vector": vector, **more})


def fill(door, **more):
    items = [{"id": name, "vector": vector, "attributes": {"year": year, "genre": genre}}
             for name, (vector, year, genre) in FILMS.items()]
    answer = door.post(V + "/items", {"items": items, **more})
    equal((answer.status, answer.json), (200, {"items": [{"id": name, "created": True} for name in FILMS]}))


def search(door, **more):
    answer = door.post(V + "/search", more)
    assert answer.status == 200, answer
    return answer.json["items"]


def ids(items):
    return [i["id"] for i in items]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.hypot(*a) / math.hypot(*b)


def test_one_element(door):
    equal((put(door, "a/b", [1, -2.5, 0.1], quantization="f32", attributes={"n": 1}).status), 201)
    answer = put(door, "a/b", [0.3, 4, 1e-7])
    equal((answer.status, answer.json), (200, {"id": "a/b", "created": False}))
    item = door.get(V + "/items/a%2Fb").json
    equal((item["id"], item["attributes"]), ("a/b", {"n": 1}))
    assert all(math.isclose(x, y, rel_tol=1e-5, abs_tol=1e-6) for x, y in zip(item["vector"], [0.3, 4, 1e-7])), item
    answer = door.send_json("PUT", V + "/items/c", {"vector_b64": b64([1, 2, 3])})
    equal(answer.status, 201)
    item = door.get(V + "/items/c").json
    equal(([round(x, 5) for x in item["vector"]], item["attributes"]), ([1, 2, 3], None))
    facts = door.get(V).json
    assert isinstance(facts.pop("max_level"), int), facts
    equal(facts, {"dim": 3, "input_dim": 3, "count": 2, "quantization": "f32", "m": 16, "with_attributes": 1})
    equal(door.request("DELETE", V + "/items/c").status, 204)
    problem(door.request("DELETE", V + "/items/c"), 404, "not-found")
    problem(door.get(V + "/items/c"), 404, "not-found")
    equal(door.request("DELETE", V + "/items/a%2Fb").status, 204)
    problem(door.get(V), 404, "not-found")
    equal(door.command("EXISTS", "v"), 0)


def test_attributes(door):
    put(door, "a", [1, 2])
    attributes = {"n": 12345678901234567890, "e": 1.50, "s": "a\u0000é\"\\", "l": [1, {"x": None}], "t": True, "o": {}}
    answer = door.send_json("PATCH", V + "/items/a", {"attributes": attributes})
    equal(answer.status, 204)
    equal(door.get(V + "/items/a").json["attributes"], attributes)
    equal(ids(search(door, vector=[1, 2], filter=".t and .e == 1.5 and .s == 'a\u0000é\"\\\\'")), ["a"])
    equal(door.command("VGETATTR", "v", "a")[:28], '{"n":12345678901234567890,"e')
    equal(door.send_json("PATCH", V + "/items/a", {"attributes": None}).status, 204)
    equal(door.command("VGETATTR", "v", "a"), None)
    put(door, "a", [1, 2], attributes={"k": 1})
    put(door, "a", [2, 1])
    equal(door.get(V + "/items/a").json["attributes"], {"k": 1})
    put(door, "a", [2, 1], attributes=None)
    equal(door.get(V + "/items/a").json["attributes"], None)
    door.command("VSETATTR", "v", "a", "no json \xff")
    equal(door.get(V + "/items/a").json["attributes"], "no json \xff")
    door.command("VSETATTR", "v", "a", {"b64": "/w=="})
    equal(search(door, id="a")[0]["attributes"], {"b64": "/w=="})
    problem(door.send_json("PATCH", V + "/items/b", {"attributes": {}}), 404, "not-found")
    for body in ({}, {"attributes": 1}, {"attributes": "{}"}, {"attributes": []}):
        problem(door.send_json("PATCH", V + "/items/a", body), 400, "bad-arguments")


def test_searches(door):
    fill(door, quantization="f32")
    found = search(door, vector=[1, 0, 0.1], limit=2)
    equal(ids(found), ["alien", "dune"])
    equal(found[0], {"id": "alien", "score": found[0]["score"], "attributes": {"year": 1979, "genre": "horror"}})
    for item in search(door, vector=[0.5, 0.4, -0.2], exact=True):
        wanted = (1 + cosine([0.5, 0.4, -0.2], FILMS[item["id"]][0])) / 2
        assert abs(item["score"] - wanted) < 1e-5, (item, wanted)
    equal(search(door, vector=[1, 0, 0.1]), search(door, vector_b64=b64([1, 0, 0.1])))
    equal(ids(search(door, id="dune", limit=2)), ["dune", "alien"])
    equal(ids(search(door, id="dune", filter=".year >= 1984 and .genre in ['epic', 'crime']")), ["dune", "heat"])
    equal(search(door, id="dune", filter=".missing"), [])
    one = search(door, id="alien", limit=1, with_attributes=False)
    equal(list(one[0]), ["id", "score"])
    one = search(door, id="heat", limit=1, with_vectors=True)[0]
    assert all(abs(x - y) < 1e-6 for x, y in zip(one["vector"], FILMS["heat"][0])), one
    equal(ids(search(door, id="alien", ef=1, filter_ef=1, limit=1)), ["alien"])


def test_score_threshold(door):
    fill(door, quantization="f32")
    every = search(door, id="alien")
    for n, item in enumerate(every):
        equal(search(door, id="alien", score_threshold=item["score"]), every[:n + 1])
        equal(search(door, id="alien", score_threshold=item["score"], exact=True)[:n + 1], every[:n + 1])
    equal(search(door, id="alien", score_threshold=-1), every)
    equal(search(door, id="alien", score_threshold=2), [])


def test_several_searches(door):
    fill(door)
    answer = door.post(V + "/search", {"searches": [
        {"id": "alien", "limit": 1}, {"vector": [0, 0, 1], "limit": 1, "with_attributes": False},
        {"id": "none"}, {"vector": [1, 2]}, {"id": "heat", "filter": ".year >"}]})
    equal(answer.status, 200)
    body = answer.json
    equal([ids(x["items"]) for x in body["results"][:2]], [["alien"], ["heat"]])
    equal([(x["error"]["status"], x["error"]["code"]) for x in body["results"][2:]],
          [(404, "not-found"), (422, "vector-dimension"), (400, "bad-arguments")])
    equal(body["took_us"], sum(x["took_us"] for x in body["results"]))
    for searches in ([], {}, [1], [{}], [{"id": "alien"}] * 101, [{"id": "alien"}, {"vector": []}]):
        code = "too-large" if len(searches) > 100 else "bad-arguments"
        problem(door.post(V + "/search", {"searches": searches}), 413 if code == "too-large" else 400, code)


def test_dimensions(door):
    fill(door)
    wrong = {"vector": [1, 2, 3, 4]}
    for answer in (door.send_json("PUT", V + "/items/x", wrong), door.post(V + "/search", wrong),
                   door.post(V + "/items", {"items": [{"id": "x", "vector": [1, 2, 3]}, {"id": "y", **wrong}]})):
        body = problem(answer, 422, "vector-dimension")
        equal((body["expected"], body["got"]), (3, 4))
    equal(door.get(V).json["count"], 4)
    body = problem(door.post("/v1/vectors/new/items", {"items": [{"id": "x", "vector": [1]}, {"id": "y", "vector": [1, 2]}]}),
                   422, "vector-dimension")
    equal((body["expected"], body["got"], door.command("EXISTS", "new")), (1, 2, 0))


def test_what_is_no_vector(door):
    fill(door)
    nan, inf = float("nan"), float("inf")
    for body in ({}, {"vector": []}, {"vector": 1}, {"vector": ["1", 2, 3]}, {"vector": [1, None, 3]}, {"vector": [1e39, 0, 0]},
                 {"vector": ["inf", 0, 0]}, {"vector_b64": ""}, {"vector_b64": "AAA="}, {"vector_b64": "not base64"},
                 {"vector_b64": b64([1, nan, 2])}, {"vector_b64": b64([inf, 1, 2])}, {"vector_b64": 1},
                 {"vector": [1, 2, 3], "vector_b64": b64([1, 2, 3])}, {"vector": [1] * 65537}):
        problem(door.send_json("PUT", V + "/items/x", body), 400, "bad-arguments")
        problem(door.post(V + "/search", body), 400, "bad-arguments")
        text = problem(door.post(V + "/items", {"items": [{"id": "x", "vector": [1, 2, 3]}, {"id": "y", **body}]}),
                       400, "bad-arguments")["detail"]
        assert text.startswith("items[1]."), text
    problem(door.request("PUT", V + "/items/x", b'{"vector":[NaN,0,0]}', JSON), 400, "bad-json")
    problem(door.request("PUT", V + "/items/x", b'{"vector":[1e999,0,0]}', JSON), 400, "bad-arguments")
    equal(door.get(V).json["count"], 4)


def test_what_else_is_refused(door):
    fill(door)
    for more in ({"limit": 0}, {"limit": 1001}, {"ef": 0}, {"filter_ef": 0}, {"filter": 1}, {"exact": 1}, {"score_threshold": "x"},
                 {"with_vectors": "yes"}, {"with_attributes": None}, {"id": "alien"}, {"filter": ".a =="}):
        problem(door.post(V + "/search", {"vector": [1, 2, 3], **more}), 400, "bad-arguments")
    for more in ({"quantization": "int8"}, {"m": 3}, {"ef": 0}, {"reduce": 0}, {"attributes": 3}, {"quantization": "bin"}, {"m": 8}):
        problem(put(door, "x", [1, 2, 3], **more), 400, "bad-arguments")
    for body in ({}, {"items": []}, {"items": [1]}, {"items": [{"vector": [1, 2, 3]}]}, {"items": [{"id": [], "vector": [1, 2, 3]}]}):
        problem(door.post(V + "/items", body), 400, "bad-arguments")
    problem(door.post(V + "/search", {"id": "none"}), 404, "not-found")
    equal(search(door, **{"vector": [1, 2, 3]})[0]["id"] in FILMS, True)
    equal(door.post("/v1/vectors/none/search", {"vector": [1]}).json["items"], [])
    door.command("SET", "s", "x")
    for answer in (door.get("/v1/vectors/s"), door.get("/v1/vectors/s/items/x"), door.post("/v1/vectors/s/search", {"vector": [1]}),
                   door.send_json("PUT", "/v1/vectors/s/items/x", {"vector": [1]}), door.request("DELETE", "/v1/vectors/s/items/x")):
        problem(answer, 409, "wrong-type")


def test_forms_and_projections(door):
    for quantization, stored in (("q8", "int8"), ("f32", "f32"), ("bin", "bin")):
        key = "/v1/vectors/" + quantization
        equal(door.send_json("PUT", key + "/items/a", {"vector": [1, -2, 3], "quantization": quantization, "m": 8}).status, 201)
        equal(door.send_json("PUT", key + "/items/b", {"vector": [1, 2, 3]}).status, 201)
        facts = door.get(key).json
        equal((facts["quantization"], facts["m"], facts["count"]), (quantization, 8, 2))
        equal(door.command("VEMB", quantization, "a", "RAW")[0], stored)
    r = random.Random(1)
    vector = [r.uniform(-1, 1) for _ in range(64)]
    equal(put(door, "a", vector, reduce=16).status, 201)
    equal(put(door, "b", vector[::-1]).status, 201)
    facts = door.get(V).json
    equal((facts["dim"], facts["input_dim"]), (16, 64))
    equal(search(door, vector=vector)[0]["id"], "a")
    body = problem(put(door, "c", [1, 2]), 422, "vector-dimension")
    equal((body["expected"], body["got"]), (64, 2))


def test_many_at_once(door):
    r = random.Random(7)
    vectors = [[r.gauss(0, 1) for _ in range(24)] for _ in range(500)]
    items = [{"id": "e%d" % i, "vector_b64": b64(v), "attributes": {"n": i, "odd": i % 2 == 1}} for i, v in enumerate(vectors)]
    equal(len(door.post(V + "/items", {"items": items, "quantization": "f32"}).json["items"]), 500)
    query = [r.gauss(0, 1) for _ in range(24)]
    by_score = sorted(range(500), key=lambda i: -cosine(query, vectors[i]))
    equal(ids(search(door, vector=query, limit=20, exact=True)), ["e%d" % i for i in by_score[:20]])
    odd = ["e%d" % i for i in by_score if i % 2 and i >= 100]
    equal(ids(search(door, vector=query, limit=10, exact=True, filter=".odd and .n >= 100")), odd[:10])
    found = ids(search(door, vector=query, limit=10, ef=200))
    assert len(set(found) & {"e%d" % i for i in by_score[:10]}) >= 9, found
    again = door.post(V + "/items", {"items": items[:3]})
    equal([i["created"] for i in again.json["items"]], [False] * 3)


def test_names_of_any_bytes(door):
    equal(door.send_json("PUT", V + "/items/%FF%00", {"vector": [1, 2]}).json["id"], {"b64": "/wA="})
    equal(door.post(V + "/items", {"items": [{"id": {"b64": "/wA="}, "vector": [2, 1]}, {"id": 7, "vector": [1, 1]}]}).json,
          {"items": [{"id": {"b64": "/wA="}, "created": False}, {"id": "7", "created": True}]})
    equal(search(door, id={"b64": "/wA="}, limit=1)[0]["id"], {"b64": "/wA="})


def test_picture(door):
    r = random.Random(5)
    along = [[r.gauss(0, 1) for _ in range(12)] for _ in range(2)]
    items = []
    for i in range(300):  # two bunches on opposite sides
        side = along[0] if i < 150 else [-x for x in along[0]]
        items.append({"id": "e%d" % i, "vector": [s + 0.1 * a + 0.01 * r.gauss(0, 1) for s, a in zip(side, along[1])],
                      "attributes": {"n": i} if i else None})
    door.post(V + "/items", {"items": items})
    picture = door.get(V + "/projection").json
    equal((picture["total"], len(picture["items"])), (300, 300))
    assert picture["variance"][0] > 0.9, picture["variance"]
    of = {p["id"]: p for p in picture["items"]}
    equal((of["e0"]["attributes"], of["e7"]["attributes"]), (None, {"n": 7}))
    sides = [of["e%d" % i]["x"] > 0 for i in range(300)]
    assert sides == [sides[0]] * 150 + [not sides[0]] * 150
    few = door.get(V + "/projection?limit=20").json
    equal((few["total"], len({p["id"] for p in few["items"]})), (300, 20))
    problem(door.get("/v1/vectors/none/projection"), 404, "not-found")
    for limit in (0, 5001, "x"):
        problem(door.get(V + "/projection?limit=%s" % limit), 400, "bad-arguments")
    resp = door.resp()
    equal(resp.call("ATR.VPROJECT", "none"), None)
    got = resp.call("ATR.VPROJECT", "v", "COUNT", 2, "WITHATTRIBS")
    equal((got[0], got[1], got[2], got[4], len(got[5]), len(got[5][0])), ("total", 300, "variance", "points", 2, 4))
    equal(resp.call("ATR.VPROJECT", "v", "COUNT", 0), "ERR invalid COUNT")
    equal(resp.call("ATR.VPROJECT", "v", "COUNT"), "ERR syntax error")
    resp.close()


def test_the_example_says_what_the_readme_says(door):
    done = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "examples", "colours.py"), "--http-port", str(door.http_port)],
                          stdout=subprocess.PIPE, timeout=60)
    equal(done.returncode, 0)
    text = done.stdout.decode()
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
        assert "```\n" + text + "```" in readme.read(), text
    equal(door.get("/v1/vectors/colours").json["count"], 143)
    equal(len(door.get("/v1/vectors/colours/projection").json["items"]), 143)
