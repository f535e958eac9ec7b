"""Keys: one, groups, the listing."""

import base64
import time

from door import equal, problem, quote


def test_a_key_is_created_read_replaced_and_deleted(door):
    made = door.put("/v1/keys/page:home", b"<h1>hi</h1>")
    equal((made.status, made.data), (201, b""))
    read = door.get("/v1/keys/page:home")
    equal(read.status, 200)
    equal(read.headers["Content-Type"], "application/json")
    equal(read.json, {"key": "page:home", "type": "string", "value": "<h1>hi</h1>", "size": 11, "ttl_ms": None,
                      "etag": made.headers["ETag"].strip('"')})
    equal(read.headers["ETag"], made.headers["ETag"])
    equal(door.put("/v1/keys/page:home", b"2").status, 204)
    equal(door.command("GET", "page:home"), "2")
    gone = door.request("DELETE", "/v1/keys/page:home")
    equal((gone.status, gone.data), (204, b""))
    problem(door.request("DELETE", "/v1/keys/page:home"), 404, "not-found")
    problem(door.get("/v1/keys/page:home"), 404, "not-found")


def test_common_headers(door):
    answer = door.get("/v1/keys/none", X_Request_Id="trace-1")
    equal(answer.headers["X-Request-Id"], "trace-1")
    equal(answer.headers["Cache-Control"], "no-store")
    equal(answer.headers["X-Content-Type-Options"], "nosniff")
    assert answer.headers["Server-Timing"].startswith("total;dur=")
    first, second = (door.get("/healthz").headers["X-Request-Id"] for _ in range(2))
    assert first != second
    assert door.get("/healthz", X_Request_Id='a"b').headers["X-Request-Id"] != 'a"b'


def test_the_etag_is_the_engines_digest(door):
    tag = door.put("/v1/keys/k", b"value").headers["ETag"]
    equal(tag, '"%s"' % door.command("DIGEST", "k"))


def test_keys_with_every_byte(door):
    resp = door.resp()
    for key in [bytes([b]) for b in range(256)] + [b"a/b", b"a%2Fb", b"+", b"a\0b", b"", b"\xff\xfe", b"x" * 2000]:
        equal(door.put("/v1/keys/" + quote(key), key + b"!").status, 201)
        equal(resp.call("GET", key), key + b"!")
        body = door.get("/v1/keys/" + quote(key)).json
        got = body["key"]
        got = base64.b64decode(got["b64"]) if isinstance(got, dict) else got.encode()
        equal(got, key)
        equal(door.request("DELETE", "/v1/keys/" + quote(key)).status, 204)
    resp.close()


def test_a_plus_is_a_plus(door):
    door.put("/v1/keys/a+b", b"1")
    equal(door.command("GET", "a+b"), "1")
    equal(door.command("EXISTS", "a b"), 0)


def test_names_of_actions_are_keys_too(door):
    for name in ("mget", "mset", "delete"):
        equal(door.put("/v1/keys/" + name, b"v").status, 201)
        equal(door.get("/v1/keys/" + name).json["value"], "v")


def test_raw_bytes_both_ways(door):
    data = bytes(range(256)) * 3
    door.put("/v1/keys/bin", data, Content_Type="application/octet-stream")
    raw = door.get("/v1/keys/bin", Accept="application/octet-stream")
    equal((raw.status, raw.data, raw.headers["Content-Type"]), (200, data, "application/octet-stream"))
    equal(door.get("/v1/keys/bin").json["value"], {"b64": base64.b64encode(data).decode()})
    door.put("/v1/keys/page", b"<script>", Content_Type="text/html")
    equal(door.get("/v1/keys/page", Accept="application/octet-stream").headers["Content-Type"],
          "application/octet-stream")


def test_accept_chooses(door):
    door.put("/v1/keys/k", b"v")
    for accept, kind in [("*/*", "json"), ("application/*", "json"), ("text/html, */*;q=0.1", "json"),
                         ("application/json;q=0.1, application/octet-stream", "octet-stream"),
                         ("application/octet-stream;q=0.5, application/json", "json"),
                         ("application/json;q=0, */*", "octet-stream")]:
        equal(door.get("/v1/keys/k", Accept=accept).headers["Content-Type"], "application/" + kind)
    problem(door.get("/v1/keys/k", Accept="text/html"), 406, "not-acceptable")
    problem(door.get("/v1/keys", Accept="text/html"), 406, "not-acceptable")


def test_json_bodies(door):
    equal(door.send_json("PUT", "/v1/keys/j", {"value": {"b64": "AP8="}}).status, 201)
    equal(door.get("/v1/keys/j", Accept="application/octet-stream").data, b"\0\xff")
    door.send_json("PUT", "/v1/keys/j", {"value": "nul\0 and é"})
    equal(door.get("/v1/keys/j").json["value"], "nul\0 and é")
    door.send_json("PUT", "/v1/keys/j", {"value": 12345678901234567890})
    equal(door.get("/v1/keys/j").json["value"], "12345678901234567890")
    problem(door.send_json("PUT", "/v1/keys/j", {}), 400, "bad-arguments")
    problem(door.send_json("PUT", "/v1/keys/j", {"value": {"b64": "AP8"}}), 400, "bad-arguments")


def test_encoding_base64_forces_the_object(door):
    door.put("/v1/keys/k", b"abc")
    body = door.get("/v1/keys/k?encoding=base64").json
    equal((body["key"], body["value"], body["type"]), ({"b64": "aw=="}, {"b64": "YWJj"}, "string"))


def test_time_to_live(door):
    door.put("/v1/keys/k?ttl_ms=60000", b"v")
    assert 59000 < door.get("/v1/keys/k").json["ttl_ms"] <= 60000
    door.put("/v1/keys/k?keep_ttl=true", b"w")
    assert 59000 < door.get("/v1/keys/k").json["ttl_ms"] <= 60000
    door.put("/v1/keys/k", b"x")
    equal(door.get("/v1/keys/k").json["ttl_ms"], None)
    door.put("/v1/keys/k?expires_at_ms=%d" % (time.time() * 1000 + 5000), b"y")
    assert 3000 < door.get("/v1/keys/k").json["ttl_ms"] <= 5000
    door.put("/v1/keys/soon?ttl_ms=30", b"y")
    time.sleep(0.06)
    equal(door.get("/v1/keys/soon").status, 404)
    for query in ("ttl_ms=0", "ttl_ms=-1", "ttl_ms=x", "ttl_ms=9223372036854775808", "ttl_ms=5&keep_ttl=true",
                  "ttl_ms=5&expires_at_ms=5", "keep_ttl=maybe", "ttl_ms=9223372036854775807"):
        problem(door.put("/v1/keys/k?" + query, b"z"), 400, "bad-arguments")
    equal(door.command("GET", "k"), "y")


def test_patch_sets_and_removes_the_deadline(door):
    tag = door.put("/v1/keys/k", b"v").headers["ETag"]
    answer = door.send_json("PATCH", "/v1/keys/k", {"ttl_ms": 60000})
    equal((answer.status, answer.json), (200, {"key": "k", "ttl_ms": 60000}))
    assert 59000 < door.command("PTTL", "k") <= 60000
    equal(door.send_json("PATCH", "/v1/keys/k", {"ttl_ms": None}).json, {"key": "k", "ttl_ms": None})
    equal(door.send_json("PATCH", "/v1/keys/k", {"ttl_ms": None}).status, 200)
    equal(door.command("TTL", "k"), -1)
    problem(door.send_json("PATCH", "/v1/keys/k", {"ttl_ms": 5}, If_Match='"0000000000000000"'), 412,
            "precondition-failed")
    equal(door.send_json("PATCH", "/v1/keys/k", {"ttl_ms": 5000}, If_Match=tag).status, 200)
    assert 4000 < door.command("PTTL", "k") <= 5000
    problem(door.send_json("PATCH", "/v1/keys/no", {"ttl_ms": 5000}, If_Match=tag), 412, "precondition-failed")
    for ttl in (None, 5000):
        problem(door.send_json("PATCH", "/v1/keys/no", {"ttl_ms": ttl}), 404, "not-found")
    for body in ({}, {"ttl_ms": 0}, {"ttl_ms": "x"}, {"ttl_ms": 1.5}):
        problem(door.send_json("PATCH", "/v1/keys/k", body), 400, "bad-arguments")


def test_conditional_writes(door):
    one = door.put("/v1/keys/k", b"1", If_None_Match="*")
    equal(one.status, 201)
    problem(door.put("/v1/keys/k", b"2", If_None_Match="*"), 412, "precondition-failed")
    tag = one.headers["ETag"]
    equal(door.put("/v1/keys/k", b"2", If_Match=tag).status, 204)
    problem(door.put("/v1/keys/k", b"3", If_Match=tag), 412, "precondition-failed")
    problem(door.put("/v1/keys/k", b"3", If_Match='"short"'), 412, "precondition-failed")
    problem(door.put("/v1/keys/k", b"3", If_Match=tag + ", " + tag), 400, "bad-arguments")
    problem(door.put("/v1/keys/no", b"3", If_Match="*"), 412, "precondition-failed")
    equal(door.put("/v1/keys/k", b"3", If_Match="*").status, 204)
    equal(door.put("/v1/keys/k", b"4", If_None_Match=tag).status, 204)
    tag = door.get("/v1/keys/k").headers["ETag"]
    problem(door.put("/v1/keys/k", b"5", If_None_Match=tag), 412, "precondition-failed")
    equal(door.command("GET", "k"), "4")
    problem(door.request("DELETE", "/v1/keys/k", headers={"If-Match": '"0123456789abcdef"'}), 412,
            "precondition-failed")
    equal(door.request("DELETE", "/v1/keys/k", headers={"If-Match": tag}).status, 204)
    problem(door.request("DELETE", "/v1/keys/k", headers={"If-Match": "*"}), 412, "precondition-failed")


def test_not_modified(door):
    tag = door.put("/v1/keys/k", b"v").headers["ETag"]
    for value in (tag, "*", "W/" + tag, '"x", ' + tag):
        answer = door.get("/v1/keys/k", If_None_Match=value)
        equal((answer.status, answer.data, answer.headers["ETag"]), (304, b"", tag))
    equal(door.get("/v1/keys/k", If_None_Match='"0000000000000000"').status, 200)


def test_ranges(door):
    door.put("/v1/keys/k", b"0123456789")
    for text, data, place in [("bytes=0-3", b"0123", "bytes 0-3/10"), ("bytes=7-", b"789", "bytes 7-9/10"),
                              ("bytes=-2", b"89", "bytes 8-9/10"), ("bytes=5-99", b"56789", "bytes 5-9/10"),
                              ("bytes=-99", b"0123456789", "bytes 0-9/10"),
                              ("bytes=9-18446744073709551615", b"9", "bytes 9-9/10")]:
        answer = door.get("/v1/keys/k", Accept="application/octet-stream", Range=text)
        equal((answer.status, answer.data, answer.headers["Content-Range"]), (206, data, place))
    for text in ("bytes=3-1", "bytes=x-2", "lines=0-1", "bytes=-", "bytes=0-1,3-4", "bytes"):
        answer = door.get("/v1/keys/k", Accept="application/octet-stream", Range=text)
        equal((answer.status, answer.data), (200, b"0123456789"))
    for text in ("bytes=10-", "bytes=99-100", "bytes=-0"):
        answer = door.get("/v1/keys/k", Accept="application/octet-stream", Range=text)
        problem(answer, 416, "range-not-satisfiable")
        equal(answer.headers["Content-Range"], "bytes */10")


def test_head_is_get_without_the_body(door):
    door.put("/v1/keys/k", b"0123456789")
    answer = door.request("HEAD", "/v1/keys/k", headers={"Accept": "application/octet-stream"})
    equal((answer.status, answer.data, answer.headers["Content-Length"]), (200, b"", "10"))
    whole = door.get("/v1/keys/k")
    answer = door.request("HEAD", "/v1/keys/k")
    equal(answer.headers["Content-Length"], str(len(whole.data)))
    equal(answer.headers["ETag"], whole.headers["ETag"])
    equal(door.request("HEAD", "/v1/keys/none").status, 404)


def test_other_types(door):
    door.command("HSET", "h/1", "f", "v")
    equal(door.get("/v1/keys/h%2F1").json, {"key": "h/1", "type": "hash", "size": 1, "ttl_ms": None,
                                            "href": "/v1/hashes/h%2F1"})
    problem(door.get("/v1/keys/h%2F1", Accept="application/octet-stream"), 409, "wrong-type")
    body = problem(door.put("/v1/keys/h%2F1", b"v"), 409, "wrong-type")
    equal(body["engine"], "WRONGTYPE Operation against a key holding the wrong kind of value")
    equal(door.request("DELETE", "/v1/keys/h%2F1").status, 204)


def test_databases(door):
    door.put("/v1/keys/k?db=3", b"three")
    equal(door.get("/v1/keys/k").status, 404)
    equal(door.get("/v1/keys/k?db=3").json["value"], "three")
    for db in ("16", "-1", "x", ""):
        problem(door.get("/v1/keys/k?db=" + db), 400, "bad-arguments")


def test_listing(door):
    for i in range(250):
        door.command("SET", "user:%d" % i, "x", "PX", 60000)
    door.command("HSET", "other", "f", "v")
    seen, cursor, pages = {}, None, 0
    while pages == 0 or cursor:
        body = door.get("/v1/keys?limit=100" + ("&cursor=" + cursor if cursor else "")).json
        for item in body["items"]:
            seen[item["key"]] = item
        cursor, pages = body["cursor"], pages + 1
    equal(len(seen), 251)
    assert 2 <= pages <= 6, pages
    equal(seen["other"], {"key": "other", "type": "hash", "ttl_ms": None})
    equal(seen["user:7"]["type"], "string")
    assert 0 < seen["user:7"]["ttl_ms"] <= 60000
    body = door.get("/v1/keys?match=user:1%3F&limit=1000").json
    equal(sorted(i["key"] for i in body["items"]), ["user:1%d" % i for i in range(10)])
    equal([i["key"] for i in door.get("/v1/keys?type=hash&limit=1000").json["items"]], ["other"])
    for query in ("limit=0", "limit=1001", "limit=x", "cursor=x"):
        problem(door.get("/v1/keys?" + query), 400, "bad-arguments")


def test_groups(door):
    body = door.post("/v1/keys/mset", {"items": [
        {"key": "a", "value": "1", "ttl_ms": 60000}, {"key": "a", "value": "2", "if_none_exist": True},
        {"key": {"b64": "/w=="}, "value": {"b64": "AA=="}}]}).json
    equal(body, {"items": [{"key": "a", "set": True}, {"key": "a", "set": False},
                           {"key": {"b64": "/w=="}, "set": True}]})
    assert 0 < door.command("PTTL", "a") <= 60000
    door.command("HSET", "h", "f", "v")
    body = door.post("/v1/keys/mget", {"keys": ["a", "none", {"b64": "/w=="}, "h"]}).json
    equal(body["items"], [{"key": "a", "value": "1", "etag": door.command("DIGEST", "a")},
                          {"key": "none", "value": None, "etag": None},
                          {"key": {"b64": "/w=="}, "value": "\0", "etag": door.command("DIGEST", {"b64": "/w=="})},
                          {"key": "h", "value": None, "etag": None}])
    body = door.post("/v1/keys/delete", {"keys": ["a", "none"]}).json
    equal(body, {"items": [{"key": "a", "deleted": True}, {"key": "none", "deleted": False}]})


def test_a_wrong_group_changes_nothing(door):
    for items in ([{"key": "a", "value": "1"}, {"key": "b"}], [{"key": "a", "value": "1"}, 5], [], "x", None,
                  [{"key": "a", "value": "1"}, {"key": "b", "value": "1", "ttl_ms": 0}]):
        problem(door.post("/v1/keys/mset", {"items": items}), 400, "bad-arguments")
    for path in ("mget", "delete"):
        for keys in ([], None, ["a", None], {}):
            problem(door.post("/v1/keys/" + path, {"keys": keys}), 400, "bad-arguments")
    problem(door.post("/v1/keys/mget", {"keys": ["k"] * 10001}), 413, "too-large")
    equal(door.command("DBSIZE"), 0)


def test_both_doors_see_the_same(door):
    resp = door.resp()
    resp.call("SET", "k", "from resp")
    equal(door.get("/v1/keys/k").json["value"], "from resp")
    door.put("/v1/keys/k", b"from http")
    equal(resp.call("GET", "k"), b"from http")
    resp.close()
