"""Random requests at every route, from a seed: whatever comes, the answer is well-formed and no server error."""

import json
import random

from door import equal, quote

WORDS = ["by", "initial", "min", "max", "ttl_ms", "ttl_mode", "keys", "items", "key", "value", "limit", "window_ms", "cost",
         "algorithm", "peek", "set", "incr", "delete", "if", "if_none_exist", "score", "mode", "b64", "member", "values", "side",
         "count"]
VALUES = [None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 2**64, 1.5, 1e300, "", "a", "nx", "xx", "gt", "max", "gcra",
          "always", "inf", "-inf", "nan", "AA==", "\0", "é", "x" * 300, [], ["a", "b"], "left", {}, {"b64": "/w=="}, {"b64": "?"}]
QUERY = ["ttl_ms=5000", "ttl_ms=-5", "keep_ttl=1", "db=1", "db=99", "limit=2", "limit=0", "cursor=0", "cursor=7", "match=*",
         "match=[", "order=asc", "order=x", "offset=1", "min_score=1", "max_score=inf", "ties=competition", "shape=object",
         "field=f", "field=%00", "radius=2", "radius=-2", "enforce=true", "int64=string", "encoding=base64", "%", "if=nx",
         "start=1", "start=-3", "stop=-1", "stop=x"]
PATHS = ["/v1/keys", "/v1/keys/{}", "/v1/keys/mget", "/v1/keys/mset", "/v1/keys/delete", "/v1/counters/{}/incr",
         "/v1/ratelimits/{}/{}", "/v1/hashes/{}", "/v1/hashes/{}/fields/{}", "/v1/lists/{}", "/v1/lists/{}/push",
         "/v1/lists/{}/pop", "/v1/leaderboards/{}",
         "/v1/leaderboards/{}/members/{}", "/v1/leaderboards/{}/members/{}/incr", "/v1/leaderboards/{}/members/{}/around",
         "/v1/channels/{}/messages", "/v1/commands", "/v1/pipeline"]
COMMANDS = ["SET", "GET", "HSET", "ZADD", "INCREX", "ATR.COUNTER", "ATR.ZPLACE", "ATR.ZAROUND", "ATR.RATELIMIT", "ATR.KEYINFO",
            "SCAN", "HSCAN", "ZRANGE", "COPY", "DEL", "EX", "NX", "REV", "WITHSCORES", "MAX", "TTL", "COUNT"]
HEADERS = [("Accept", "application/octet-stream"), ("Accept", "text/html;q=0.3, */*"), ("If-Match", "*"), ("If-None-Match", "*"),
           ("If-Match", '"0123456789abcdef"'), ("Range", "bytes=1-2"), ("Range", "bytes=-0"), ("Origin", "http://x"),
           ("X-Request-Id", "a b"), ("Authorization", "Bearer x"), ("Content-Encoding", "gzip")]


class Source:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def name(self):
        return self.rng.choice(["k", "h", "z", "s", "n", "a/b", "\0", "é", ""])

    def value(self, depth=0):
        kind = self.rng.random()
        if kind < 0.6 or depth > 3:
            return self.rng.choice(VALUES)
        if kind < 0.8:
            return {self.rng.choice(WORDS): self.value(depth + 1) for _ in range(self.rng.randrange(5))}
        return [self.value(depth + 1) for _ in range(self.rng.randrange(5))]

    def body(self, path):
        if self.rng.random() < 0.1:
            return bytes(self.rng.randrange(256) for _ in range(self.rng.randrange(30)))
        if path == "/v1/commands":
            return json.dumps(self.command())
        if path == "/v1/pipeline":
            return json.dumps([self.command() for _ in range(self.rng.randrange(4))])
        value = {self.rng.choice(WORDS): self.value() for _ in range(self.rng.randrange(1, 6))}
        return json.dumps(value if self.rng.random() < 0.9 else self.value())

    def command(self):
        return [self.rng.choice(COMMANDS)] + [
            self.rng.choice([self.name(), self.rng.choice(COMMANDS), self.rng.randrange(-3, 99), self.value(3)])
            for _ in range(self.rng.randrange(6))]

    def request(self):
        path = self.rng.choice(PATHS)
        body = self.body(path)
        target = path.format(*[quote(self.name()) for _ in range(2)])
        if self.rng.random() < 0.4:
            target += "?" + "&".join(self.rng.choice(QUERY) for _ in range(self.rng.randrange(1, 4)))
        method = self.rng.choice(["GET", "PUT", "PATCH", "POST", "POST", "DELETE", "HEAD"])
        headers = dict(self.rng.choice(HEADERS) for _ in range(self.rng.randrange(3) if self.rng.random() < 0.3 else 0))
        if self.rng.random() < 0.9:
            headers["Content-Type"] = "application/json"
        return method, target, None if method in ("GET", "HEAD") else body, headers


def test_random_requests(door):
    source = Source(20)
    seen = set()
    for i in range(4000):
        if i % 100 == 0:
            door.post("/v1/pipeline", [["DEL", "k", "h", "z", "s", "n"], ["HSET", "h", "f", "1", "g", "x"],
                                       ["ZADD", "z", 1, "a", 2, "b", 2, "c"], ["SET", "s", "text"], ["SET", "n", 41]])
        request = source.request()
        answer = door.request(*request)
        seen.add(answer.status)
        assert answer.status < 500, (request, answer)
        if answer.data and answer.headers["Content-Type"] in ("application/json", "application/problem+json"):
            json.loads(answer.data)
    assert {200, 201, 204, 400, 404, 405, 409, 412, 422} <= seen, seen
    door.command("FLUSHALL")
    equal(door.get("/healthz").status, 200)
