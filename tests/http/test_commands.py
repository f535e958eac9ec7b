"""Commands, pipelines, publishing."""

from door import equal, problem


def test_replies_by_type(door):
    equal(door.command("SET", "k", {"b64": "/wA="}), "OK")
    equal(door.command("GET", "k"), {"b64": "/wA="})
    equal(door.command("GET", "none"), None)
    equal(door.command("INCRBY", "n", 9007199254740993), "9007199254740993")
    equal(door.command("HSET", "h", "a", 1, "b", 2.50), 2)
    equal(door.command("HGETALL", "h"), {"a": "1", "b": "2.5"})
    equal(door.command("MGET", "k", "none"), [{"b64": "/wA="}, None])
    equal(door.post("/v1/commands?int64=string", ["INCR", "m"]).json, {"result": "1"})
    equal(door.post("/v1/commands?encoding=base64", ["GET", "m"]).json, {"result": {"b64": "MQ=="}})
    equal(door.post("/v1/commands?db=1", ["DBSIZE"]).json, {"result": 0})


def test_errors(door):
    door.put("/v1/keys/s", b"v")
    for command, status, code in [(["NOPE"], 400, "unknown-command"), (["GET"], 400, "bad-arguments"),
                                  (["SET", "k", "v", "XX", "NX"], 400, "bad-arguments"),
                                  (["HGET", "s", "f"], 409, "wrong-type"), (["INCR", "s"], 422, "not-a-number"),
                                  (["CONFIG", "NOPE"], 400, "unknown-command")]:
        body = problem(door.post("/v1/commands", command), status, code)
        assert body["engine"].split(" ")[0].isupper(), body
        assert body["engine"].endswith(body["detail"]), body


def test_what_has_no_meaning_in_one_request(door):
    for command in (["SUBSCRIBE", "c"], ["psubscribe", "c"], ["AUTH", "x"], ["HELLO", "3"], ["SELECT", "1"],
                    ["RESET"], ["QUIT"], ["UNSUBSCRIBE"], ["SSUBSCRIBE", "c"],
                    ["CLIENT", "SETNAME", "me"], ["CLIENT", "SETINFO", "LIB-NAME", "x"], ["CLIENT", "NO-TOUCH", "ON"],
                    ["CLIENT", "NO-EVICT", "ON"], ["CLIENT", "REPLY", "OFF"], ["WATCH", "k"], ["MONITOR"]):
        problem(door.post("/v1/commands", command), 400, "command-not-allowed")
        problem(door.post("/v1/pipeline", [["SET", "k", "v"], command]), 400, "command-not-allowed")
    equal(door.command("EXISTS", "k"), 0)


def test_malformed_commands(door):
    for command in ({}, "GET", [], [None], [["GET", "k"]], ["GET", True], ["GET", {"b64": 5}], ["GET", {"x": "y"}]):
        problem(door.post("/v1/commands", command), 400, "bad-arguments")
    for pipeline in ({}, [5], [[]], [["SET", "k", "v"], ["GET", None]]):
        problem(door.post("/v1/pipeline", pipeline), 400, "bad-arguments")
    equal(door.command("EXISTS", "k"), 0)
    problem(door.post("/v1/pipeline", [["PING"]] * 10001), 413, "too-large")


def test_a_pipeline_in_order(door):
    body = door.post("/v1/pipeline", [["SET", "k", "5"], ["INCR", "k"], ["HGET", "k", "f"], ["GET", "k"], ["NOPE"]]).json
    equal(body[:2] + body[3:4], [{"result": "OK"}, {"result": 6}, {"result": "6"}])
    equal(body[2], {"error": {"code": "wrong-type", "status": 409,
                              "detail": "Operation against a key holding the wrong kind of value"}})
    equal(body[4]["error"]["code"], "unknown-command")
    equal(door.post("/v1/pipeline", []).json, [])
    body = door.post("/v1/pipeline", [["INCR", "n"]] * 10000).json
    equal(body[-1], {"result": 10000})


def test_a_connections_mode_does_not_outlive_a_request(door):
    for command in (["CLIENT", "REPLY", "OFF"], ["CLIENT", "REPLY", "SKIP"]):
        door.post("/v1/commands", command)
        equal(door.command("PING"), "PONG")


def test_publishing(door):
    resp = door.resp()
    resp.call("SUBSCRIBE", "chat:room/1")
    answer = door.request("POST", "/v1/channels/chat:room%2F1/messages", b"hi \0 there", {"Content-Type": "text/plain"})
    equal((answer.status, answer.json["channel"], answer.json["receivers"]), (202, "chat:room/1", 1))
    equal(resp.reply(), [b"message", b"chat:room/1", b"hi \0 there"])
    resp.close()
    equal(door.request("POST", "/v1/channels/nobody/messages", b"").json["receivers"], 0)


def test_a_transaction(door):
    body = door.post("/v1/transactions", {"commands": [["SET", "k", "5"], ["INCR", "k"], ["HGET", "k", "f"], ["GET", "k"]]}).json
    equal(body["results"][:2] + body["results"][3:], [{"result": "OK"}, {"result": 6}, {"result": "6"}])
    equal(body["results"][2]["error"]["code"], "wrong-type")
    equal(door.post("/v1/transactions", {"commands": []}).json, {"results": []})
    equal(door.post("/v1/transactions", {"commands": [["BZPOPMIN", "none", "0"]]}).json, {"results": [{"result": None}]})


def test_a_transaction_that_is_refused_runs_nothing(door):
    body = problem(door.post("/v1/transactions", {"commands": [["SET", "k", "1"], ["GET"], ["NOPE", "x"]]}), 400, "tx-rejected")
    equal([(e["index"], e["error"]["code"]) for e in body["errors"]], [(1, "bad-arguments"), (2, "unknown-command")])
    for commands in ([["SET", "k", "1"], ["MULTI"]], [["SET", "k", "1"], ["SUBSCRIBE", "c"]]):
        problem(door.post("/v1/transactions", {"commands": commands}), 400, "command-not-allowed")
    for body in ({}, [], {"commands": 5}, {"commands": [5]}, {"commands": [["SET", "k", "1"], []]},
                 {"commands": [], "watch": 5}, {"commands": [], "watch": [{"key": "k"}]}, {"commands": [], "watch": [{"etag": "x"}]}):
        problem(door.post("/v1/transactions", body), 400, "bad-arguments")
    problem(door.post("/v1/transactions", {"commands": [["PING"]] * 10001}), 413, "too-large")
    equal(door.command("EXISTS", "k"), 0)
    equal(door.post("/v1/transactions", {"commands": [["SET", "k", "1"]]}).json, {"results": [{"result": "OK"}]})


def test_a_transaction_watches_etags(door):
    door.put("/v1/keys/k", b"v")
    etag = door.get("/v1/keys/k").headers["ETag"]
    for tag in (etag, etag.strip('"')):
        equal(door.post("/v1/transactions", {"watch": [{"key": "k", "etag": tag}], "commands": [["GET", "k"]]}).json,
              {"results": [{"result": "v"}]})
    equal(door.post("/v1/transactions", {"watch": [{"key": "none", "etag": None}], "commands": [["SET", "k", "w"]]}).json,
          {"results": [{"result": "OK"}]})
    for watch in ([{"key": "k", "etag": etag}], [{"key": "k", "etag": None}], [{"key": "none", "etag": etag}]):
        problem(door.post("/v1/transactions", {"watch": watch, "commands": [["SET", "k", "lost"]]}), 412, "watch-failed")
    equal(door.command("GET", "k"), "w")
    door.command("ZADD", "z", 1, "m")
    problem(door.post("/v1/transactions", {"watch": [{"key": "z", "etag": etag}], "commands": []}), 409, "wrong-type")
