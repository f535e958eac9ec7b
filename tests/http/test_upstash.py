"""/upstash: the client of Upstash, unmodified; the forms that its users' scripts have."""

import base64
import json
import os
import subprocess

from door import ROOT, Program, equal, problem
from events import Listener


def run(door, *words, **headers):
    answer = door.post("/upstash", list(words), **headers)
    return answer.status, answer.json


def test_the_client_of_upstash(door):
    with Program("--requirepass", "secret") as mine:
        done = subprocess.run(["node", "http/upstash/drive.mjs", "http://127.0.0.1:%d/upstash" % mine.http_port, "secret"],
                              cwd=os.path.join(ROOT, "tests"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


def test_commands(door):
    equal(run(door, "SET", "k", 5), (200, {"result": "OK"}))
    equal(run(door, "INCR", "k"), (200, {"result": 6}))
    equal(run(door, "SET", "big", "9007199254740992"), (200, {"result": "OK"}))
    equal(run(door, "INCR", "big"), (200, {"result": 9007199254740993}))
    equal(run(door, "GET", "none"), (200, {"result": None}))
    run(door, "HSET", "h", "a", True)
    equal(run(door, "HGETALL", "h"), (200, {"result": ["a", "true"]}))
    run(door, "ZADD", "z", 1.5, "m")
    equal(run(door, "ZSCORE", "z", "m"), (200, {"result": "1.5"}))
    equal(run(door, "ZRANGE", "z", 0, -1, "WITHSCORES"), (200, {"result": ["m", "1.5"]}))
    equal(run(door, "LPUSH", "k", "x"), (400, {"error": "WRONGTYPE Operation against a key holding the wrong kind of value"}))
    status, body = run(door, "FROB")
    equal(status, 400)
    assert body["error"].startswith("ERR unknown command 'FROB'"), body


def test_encoding(door):
    coding = {"Upstash_Encoding": "base64"}
    door.put("/v1/keys/bin", bytes(range(256)))
    equal(base64.b64decode(run(door, "GET", "bin", **coding)[1]["result"]), bytes(range(256)))
    equal(run(door, "GET", "bin")[1]["result"], bytes(range(128)).decode() + "\ufffd" * 128)
    equal(run(door, "SET", "k", "OK", **coding)[1]["result"], "OK")
    equal(run(door, "GET", "k", **coding)[1]["result"], base64.b64encode(b"OK").decode())
    equal(run(door, "PING", **coding)[1]["result"], base64.b64encode(b"PONG").decode())
    equal(run(door, "STRLEN", "k", **coding)[1]["result"], 2)
    equal(run(door, "EVALX", **coding)[0], 400)


def test_paths(door):
    equal(door.request("POST", "/upstash/set/k/v").json, {"result": "OK"})
    equal(door.get("/upstash/get/k").json, {"result": "v"})
    equal(door.request("POST", "/upstash/set/a%2Fb/c%20d").json, {"result": "OK"})
    equal(door.get("/upstash/get/a%2Fb").json, {"result": "c d"})
    equal(door.request("POST", "/upstash/set/body", b"\x00raw").json, {"result": "OK"})
    equal(door.get("/v1/keys/body", Accept="application/octet-stream").data, b"\x00raw")
    equal(door.request("POST", "/upstash/set/k/v?EX=100&NX").json, {"result": None})
    equal(door.request("POST", "/upstash/set/k/w?EX=100").json, {"result": "OK"})
    assert 90 < door.command("TTL", "k") <= 100
    many = "/".join("f%d/%d" % (i, i) for i in range(20))
    equal(door.request("POST", "/upstash/hset/h/" + many).json, {"result": 20})
    equal(door.get("/upstash/hlen/h").json, {"result": 20})
    equal(door.get("/upstash/ping").json, {"result": "PONG"})
    equal(door.get("/upstash/get").json, {"error": "ERR wrong number of arguments for 'get' command"})
    equal(door.request("POST", "/upstash/set/empty/").json, {"result": "OK"})
    equal(door.get("/upstash/get/empty").json, {"result": ""})


def test_get_does_not_write(door):
    for path in ("set/k/v", "incr/k", "del/k", "flushall", "config/set/maxclients/1", "publish/c/m", "getdel/k", "shutdown"):
        answer = door.get("/upstash/" + path)
        equal((path, answer.status, answer.headers["Allow"]), (path, 405, "POST"))
        equal(answer.json["error"], answer.json["detail"])
    equal(door.command("EXISTS", "k"), 0)


def test_what_is_refused(door):
    for body in ({"a": 1}, [], [[]], [None], ["GET", None], "x"):
        answer = door.post("/upstash", body)
        equal(answer.status, 400)
        assert answer.json["error"], answer
    for command in (["SUBSCRIBE", "c"], ["MULTI"], ["BLPOP", "l", 0], ["MONITOR"], ["AUTH", "x"]):
        answer = door.post("/upstash", command)
        equal((command, answer.status, answer.json["code"]), (command, 400, "command-not-allowed"))
    answer = door.request("POST", "/upstash", b"[", {"Content-Type": "application/json"})
    equal((answer.status, answer.json["code"]), (400, "bad-json"))


def test_pipelines_and_transactions(door):
    for path in ("/upstash/pipeline", "/upstash/multi-exec"):
        door.flush()
        answer = door.post(path, [["SET", "k", "v"], ["INCR", "k"], ["GET", "k"], ["SADD", "s", 1]])
        equal((answer.status, answer.json), (200, [{"result": "OK"}, {"error": "ERR value is not an integer or out of range"},
                                                   {"result": "v"}, {"result": 1}]))
    answer = door.post("/upstash/multi-exec", [["SET", "k", "w"], ["SET", "k"]])
    equal((answer.status, answer.json), (400, {"error": "ERR wrong number of arguments for 'set' command"}))
    equal(door.command("GET", "k"), "v")
    equal(door.post("/upstash/pipeline", []).json, [])
    equal(door.post("/upstash/multi-exec", []).json, [])


def test_tokens(door):
    with Program("--requirepass", "secret") as mine:
        equal(mine.request("POST", "/upstash/set/k/v?_token=secret").json, {"result": "OK"})
        equal(mine.get("/upstash/get/k?_token=secret").json, {"result": "v"})
        for path, headers in (("/upstash/get/k", {}), ("/upstash/get/k?_token=x", {}), ("/upstash/get/k", {"Authorization": "Bearer x"})):
            answer = mine.get(path, **headers)
            equal(answer.status, 401)
            assert json.loads(answer.data)["error"]
        equal(mine.get("/v1/keys/k?_token=secret").status, 401)
        mine.close()


def listen(door, path, **headers):
    return Listener(door, "/upstash/" + path, method="POST", Content_Length=0, **headers).start()


def test_subscriptions(door):
    one, many = listen(door, "subscribe/up%2Cone"), listen(door, "psubscribe/up*")
    equal(one.block(), ["data: subscribe,up,one,1"])
    equal(many.block(), ["data: psubscribe,up*,1"])
    for data in ("hello", "", "a,b", "two\nlines", "and\r\nthree\rmore\n"):
        equal(run(door, "PUBLISH", "up,one", data), (200, {"result": 2}))
        lines = ["data: " + line for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
        equal(one.block(), ["data: message,up,one," + lines[0][6:]] + lines[1:])
        equal(many.block(), ["data: pmessage,up*,up,one," + lines[0][6:]] + lines[1:])
    one.close()
    many.close()


def test_subscriptions_that_are_refused(door):
    problem(door.post("/upstash/subscribe/c", None, Accept="application/json"), 406, "not-acceptable")
    equal(door.request("GET", "/upstash/subscribe/c").status, 400) # a path with a command that does not go here
    problem(door.post("/upstash/subscribe/" + "x" * 1025, None, Accept="text/event-stream"), 400, "bad-arguments")
    with Program("--channel-namespace", "mine: ws_subscribe=no") as mine:
        problem(mine.post("/upstash/subscribe/mine:1", None, Accept="text/event-stream"), 403, "no-permission")
        listener = listen(mine, "psubscribe/*")
        equal(listener.block(), ["data: psubscribe,*,1"])
        run(mine, "PUBLISH", "mine:1", "hidden")
        run(mine, "PUBLISH", "other", "shown")
        equal(listener.block(), ["data: pmessage,*,other,shown"])
        listener.close()


def test_a_subscription_is_not_kept_for_its_key(door):
    for _ in range(2):
        listener = listen(door, "subscribe/kept", Idempotency_Key="a-listener")
        equal(listener.block(), ["data: subscribe,kept,1"])
        listener.close()
