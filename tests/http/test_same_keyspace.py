"""The same seeded operations through REST and through RESP leave the same keyspace: each is done to database 1 by one
door and to database 2 by the other, and every key's DUMP is compared; of hashes with deadlines of fields, and of vector
sets, whose graphs are made by chance, all that can be asked. Keys are shared by the types, so that many
operations meet a key of another type, and neither side may change it then."""

import base64
import json
import random

from door import JSON, equal, quote

OPERATIONS = 6000
COMPARED_EVERY = 1000
TTL_SLACK_MS = 5000
BYTES = [b"", b"a", b"b", b"7", b"-3", b"1.5", b"caf\xc3\xa9", b"\xff\x00\xfe", b"a/b c%", b"x" * 70, b"+", b"\r\n"]
KEYS = [b"%s:%d" % (kind, i) for kind in (b"str", b"num", b"hash", b"list", b"set", b"zset", b"stream", b"vec") for i in range(3)] + BYTES[1:8]


def as_json(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def path(value):
    return quote(value)


class Pairs:
    """Operations as (method, target, body, headers) and the command that does the same."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.entries = 0

    def one(self):
        kind, make = self.rng.choice(self.MAKERS)
        key = self.rng.choice([b"%s:%d" % (kind, self.rng.randrange(3))] * 9 + [self.rng.choice(KEYS)])
        return make(self, key)

    def value(self):
        return self.rng.choice(BYTES + [b"%d" % self.rng.randrange(1000)] * 4)

    def values(self):
        return [self.value() for _ in range(self.rng.randrange(1, 5))]

    def coin(self):
        return self.rng.random() < 0.5

    @staticmethod
    def json(method, target, body):
        return method, target, json.dumps(body), JSON

    # ---- strings and keys

    def put(self, key):
        value, ttl = self.value(), self.rng.choice(["", "", "?ttl_ms=600000", "?keep_ttl=true"])
        target = "/v1/keys/%s%s" % (path(key), ttl)
        rest = ("PUT", target, value, {}) if self.coin() else self.json("PUT", target, {"value": as_json(value)})
        options = {"": [], "?ttl_ms=600000": ["PX", "600000"], "?keep_ttl=true": ["KEEPTTL"]}[ttl]
        return rest, ["SET", key, value, "GET", *options]  # GET: an error where another type is there

    def mset(self, key):
        value, once = self.value(), self.coin()
        items = [{"key": as_json(key), "value": as_json(value), "ttl_ms": 700000, "if_none_exist": once}]
        return self.json("POST", "/v1/keys/mset", {"items": items}), ["SET", key, value, "PX", "700000", *(["NX"] if once else [])]

    def expire(self, key):
        ttl = self.rng.choice([None, 800000])
        return (self.json("PATCH", "/v1/keys/" + path(key), {"ttl_ms": ttl}),
                ["PERSIST", key] if ttl is None else ["PEXPIRE", key, ttl])

    def delete(self, key):
        rest = ("DELETE", "/v1/keys/" + path(key), None, {}) if self.coin() else \
            self.json("POST", "/v1/keys/delete", {"keys": [as_json(key)]})
        return rest, ["DEL", key]

    def count(self, key):
        by = self.rng.choice([1, -1, 10, 2**62, -(2**62)])
        return self.json("POST", "/v1/counters/%s/incr" % path(key), {"by": str(by)}), ["INCRBY", key, by]

    # ---- hashes

    def hset(self, key):
        fields = {("f%d" % self.rng.randrange(8) if self.coin() else as_json(self.rng.choice(BYTES[:7]))): self.value() for _ in range(3)}
        return (self.json("PATCH", "/v1/hashes/" + path(key), {"set": {f: as_json(v) for f, v in fields.items()}}),
                ["HSET", key, *[x for pair in fields.items() for x in pair]])

    def hput(self, key):
        field, value = self.value(), self.value()
        return ("PUT", "/v1/hashes/%s/fields/%s" % (path(key), path(field)), value, {}), ["HSET", key, field, value]

    def hput_until(self, key):
        field, value = b"f%d" % self.rng.randrange(8), self.value()
        return (("PUT", "/v1/hashes/%s/fields/%s?ttl_ms=900000" % (path(key), path(field)), value, {}),
                ["HSETEX", key, "PX", "900000", "FIELDS", "1", field, value])

    def hexpire(self, key):
        field, ttl = b"f%d" % self.rng.randrange(8), self.rng.choice([None, 500000])
        return (self.json("PATCH", "/v1/hashes/%s/fields/%s" % (path(key), path(field)), {"ttl_ms": ttl}),
                ["HPERSIST", key, "FIELDS", "1", field] if ttl is None else ["HPEXPIRE", key, ttl, "FIELDS", "1", field])

    def vput(self, key):
        element, dim = self.value() or b"e", self.rng.choice([3] * 9 + [4])
        vector = [self.rng.randrange(-8, 9) / 4 for _ in range(dim)]
        attributes = {"n": self.rng.randrange(9)} if self.coin() else None
        body = {"vector": vector, "quantization": "f32", **({"attributes": attributes} if attributes else {})}
        return (self.json("PUT", "/v1/vectors/%s/items/%s" % (path(key), path(element)), body),
                ["VADD", key, "VALUES", dim, *vector, element, "NOQUANT", *(["SETATTR", json.dumps(attributes, separators=(",", ":"))] if attributes else [])])

    def vdrop(self, key):
        element = self.value() or b"e"
        return ("DELETE", "/v1/vectors/%s/items/%s" % (path(key), path(element)), None, {}), ["VREM", key, element]

    def hdel(self, key):
        fields = [b"f%d" % self.rng.randrange(8), self.value()]
        if self.coin():
            return ("DELETE", "/v1/hashes/%s/fields/%s" % (path(key), path(fields[0])), None, {}), ["HDEL", key, fields[0]]
        return self.json("PATCH", "/v1/hashes/" + path(key), {"delete": [as_json(f) for f in fields]}), ["HDEL", key, *fields]

    def hincr(self, key):
        by = self.rng.choice([1, -7, 0.5])
        return (self.json("PATCH", "/v1/hashes/" + path(key), {"incr": {"f1": by}}),
                ["HINCRBY" if isinstance(by, int) else "HINCRBYFLOAT", key, "f1", by])

    # ---- lists and sets

    def push(self, key):
        side, values = self.rng.choice(["left", "right"]), self.values()
        return (self.json("POST", "/v1/lists/%s/push" % path(key), {"side": side, "values": [as_json(v) for v in values]}),
                [side[0] + "push", key, *values])

    def pop(self, key):
        side, count = self.rng.choice(["left", "right"]), self.rng.randrange(1, 4)
        return (self.json("POST", "/v1/lists/%s/pop" % path(key), {"side": side, "count": count}), [side[0] + "pop", key, count])

    def members(self, key):
        word, command = self.rng.choice([("add", "SADD"), ("add", "SADD"), ("remove", "SREM")])
        values = self.values()
        return self.json("PATCH", "/v1/sets/" + path(key), {word: [as_json(v) for v in values]}), [command, key, *values]

    def member(self, key):
        method, command = self.rng.choice([("PUT", "SADD"), ("DELETE", "SREM")])
        value = self.value()
        return (method, "/v1/sets/%s/members/%s" % (path(key), path(value)), None, {}), [command, key, value]

    def combine(self, key):
        word, keys = self.rng.choice(["union", "inter", "diff"]), [b"set:%d" % self.rng.randrange(3) for _ in range(2)]
        return (self.json("POST", "/v1/sets/query", {"op": word, "keys": [as_json(k) for k in keys], "store": as_json(key)}),
                ["S%sSTORE" % word, key, *keys])

    # ---- streams and leaderboards

    def add_entry(self, key):
        self.entries += 1
        fields, entry = {"f": self.value(), "g": self.value()}, "%d-1" % self.entries
        trim = self.rng.choice([{}, {}, {"max_len": 40, "exact": True}])
        body = {"id": entry, "fields": {f: as_json(v) for f, v in fields.items()}, **trim}
        return (self.json("POST", "/v1/streams/%s/entries" % path(key), body),
                ["XADD", key, *(["MAXLEN", "=", 40] if trim else []), entry, *[x for pair in fields.items() for x in pair]])

    def drop_entry(self, key):
        entry = "%d-1" % self.rng.randrange(self.entries - 300, self.entries + 1) if self.entries > 300 else "1-1"
        return ("DELETE", "/v1/streams/%s/entries/%s" % (path(key), entry), None, {}), ["XDEL", key, entry]

    def group(self, key):
        name = self.value()
        target = "/v1/streams/%s/groups/%s" % (path(key), path(name))
        if self.coin():
            return ("DELETE", target, None, {}), ["XGROUP", "DESTROY", key, name]
        return self.json("PUT", target, {"start": "0", "create": False}), ["XGROUP", "CREATE", key, name, "0"]

    def place(self, key):
        mode, option = self.rng.choice([("set", []), ("max", ["GT"]), ("min", ["LT"])])
        word, score, member = self.rng.choice(["nx", "xx", None]) if mode == "set" else None, self.score(), self.value()
        body = {"score": score, "mode": mode, **({"if": word} if word else {})}
        return (self.json("PUT", "/v1/leaderboards/%s/members/%s" % (path(key), path(member)), body),
                ["ZADD", key, *option, *([word] if word else []), score, member])

    def score(self):
        return self.rng.choice([0, 1, -1, 2.5, 1e17, "inf", "-inf", self.rng.randrange(100)])

    def add_score(self, key):
        member, by = self.value(), self.rng.choice([1, -2, 0.1])
        return (self.json("POST", "/v1/leaderboards/%s/members/%s/incr" % (path(key), path(member)), {"by": by}),
                ["ZINCRBY", key, by, member])

    def drop_member(self, key):
        member = self.value()
        return ("DELETE", "/v1/leaderboards/%s/members/%s" % (path(key), path(member)), None, {}), ["ZREM", key, member]

    MAKERS = [(b"str", put), (b"str", put), (b"str", mset), (b"str", expire), (b"zset", delete), (b"num", count), (b"num", count),
              (b"hash", hset), (b"hash", hput), (b"hash", hdel), (b"hash", hincr), (b"hash", hput_until), (b"hash", hexpire), (b"vec", vput), (b"vec", vput), (b"vec", vdrop), (b"vec", delete), (b"hash", delete), (b"hash", expire),
              (b"list", push), (b"list", push), (b"list", pop), (b"list", delete), (b"set", members), (b"set", member), (b"set", combine),
              (b"stream", add_entry), (b"stream", add_entry), (b"stream", drop_entry), (b"stream", group), (b"zset", place),
              (b"zset", place), (b"zset", add_score), (b"zset", drop_member)]


def hash_of(side, key):
    """Fields, values, and whether a deadline is there; None where none of its fields has one."""
    fields = side.call("HKEYS", key)
    lives = dict(zip(fields, side.call("HPTTL", key, "FIELDS", len(fields), *fields)))
    return None if max(lives.values()) < 0 else sorted((f, side.call("HGET", key, f), round(lives[f] / TTL_SLACK_MS / 4)) for f in fields)


def vectors_of(side, key):
    elements = side.call("VRANGE", key, "-", "+", -1)
    return [side.call("VDIM", key), *((e, side.call("VEMB", key, e), side.call("VGETATTR", key, e)) for e in sorted(elements))]


def content(side, key):
    kind = side.call("TYPE", key)
    if kind in ("vectorset", b"vectorset"):
        return vectors_of(side, key)
    return kind in ("hash", b"hash") and hash_of(side, key) or side.call("DUMP", key)


def compare(mine, theirs, done):
    keys = [sorted(side.call("KEYS", "*")) for side in (mine, theirs)]
    equal(keys[0], keys[1])
    for key in keys[0]:
        dumps = [content(side, key) for side in (mine, theirs)]
        assert dumps[0] == dumps[1], (done, key, [side.call("TYPE", key) for side in (mine, theirs)], dumps)
        lives = [side.call("PTTL", key) for side in (mine, theirs)]
        assert abs(lives[0] - lives[1]) < TTL_SLACK_MS and (lives[0] < 0) == (lives[1] < 0), (done, key, lives)


def test_rest_and_resp_leave_the_same_keyspace(door):
    pairs = Pairs(11)
    sides = [door.resp(), door.resp()]
    for db, side in zip((1, 2), sides):
        side.call("SELECT", db)
    for done in range(OPERATIONS):
        (method, target, body, headers), command = pairs.one()
        answer = door.request(method, target + ("&" if "?" in target else "?") + "db=1", body, headers)
        reply = sides[1].call(*command)
        failed = isinstance(reply, str) and reply.split(" ")[0] in ("ERR", "WRONGTYPE", "BUSYGROUP", "NOGROUP")
        assert answer.status < 500 and (answer.status >= 400 or not failed), (method, target, body, answer, command, reply)
        if done % COMPARED_EVERY == 0 or done == OPERATIONS - 1:
            compare(*sides, done)
    for side in sides:
        side.close()
