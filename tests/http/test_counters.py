"""Counters and rate limits."""

import threading
import time

from door import Door, equal, problem


def incr(door, body, key="c"):
    return door.post("/v1/counters/%s/incr" % key, body)


def test_an_increment_tells_value_lifetime_and_creation(door):
    equal(incr(door, {}).json, {"key": "c", "value": 1, "ttl_ms": None, "created": True})
    equal(incr(door, {"by": -5}).json, {"key": "c", "value": -4, "ttl_ms": None, "created": False})
    equal(door.request("POST", "/v1/counters/c/incr").json["value"], -3)
    equal(door.command("GET", "c"), "-3")
    equal(incr(door, {"initial": 100, "by": -1}, "quota").json["value"], 99)
    equal(incr(door, {"initial": 100, "by": -1}, "quota").json["value"], 98)


def test_modes_of_the_time_to_live(door):
    equal(incr(door, {"ttl_ms": 60000}).json["ttl_ms"], 60000)
    time.sleep(0.02)
    assert incr(door, {"ttl_ms": 60000}).json["ttl_ms"] < 60000
    equal(incr(door, {"ttl_ms": 90000, "ttl_mode": "always"}).json["ttl_ms"], 90000)
    assert incr(door, {"ttl_ms": 1, "ttl_mode": "keep"}).json["ttl_ms"] > 80000
    assert door.command("PTTL", "c") > 80000
    incr(door, {}, "plain")
    equal(incr(door, {"ttl_ms": 5000}, "plain").json["ttl_ms"], None)


def test_bounds_refuse_and_change_nothing(door):
    equal(incr(door, {"by": 10, "max": 10}).json["value"], 10)
    body = problem(incr(door, {"max": 10}), 409, "out-of-bounds")
    equal(body["value"], 10)
    problem(incr(door, {"by": -11, "min": 0}), 409, "out-of-bounds")
    problem(incr(door, {"by": 5, "max": 4}, "none"), 409, "out-of-bounds")
    equal(door.command("EXISTS", "none"), 0)
    equal(door.command("GET", "c"), "10")


def test_large_integers_are_exact(door):
    big = 2**53 + 1
    equal(incr(door, {"by": big}).json["value"], str(big))
    equal(incr(door, {"by": str(-big)}).json["value"], 0)
    equal(door.post("/v1/counters/c/incr?int64=string", {}).json["value"], "1")
    equal(incr(door, {"by": 2**63 - 2}).json["value"], str(2**63 - 1))
    body = problem(incr(door, {}), 409, "overflow")
    equal(body["engine"], "ERR increment or decrement would overflow")


def test_wrong_increments(door):
    for body in ({"by": 1.5}, {"by": "x"}, {"by": 2**63}, {"ttl_ms": 0}, {"ttl_mode": "never"}, {"min": None}, [], 5):
        problem(incr(door, body), 400, "bad-arguments")
    door.put("/v1/keys/c", b"abc")
    problem(incr(door, {}), 422, "not-a-number")
    door.command("HSET", "h", "f", "v")
    problem(incr(door, {}, "h"), 409, "wrong-type")


def test_no_client_passes_the_bound(door):
    totals = []

    def work():
        own, n = Door(door.http_port), 0
        while incr(own, {"max": 400}).status == 200:
            n += 1
        totals.append(n)
        own.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal((sum(totals), door.command("GET", "c")), (400, "400"))


# ---- rate limits


def take(door, subject="u1", query="", **body):
    return door.post("/v1/ratelimits/api/%s%s" % (subject, query), {"limit": 3, "window_ms": 60000, **body})


def test_a_limit_allows_and_then_refuses(door):
    for algorithm in ("gcra", "sliding", "fixed"):
        for left in (2, 1, 0):
            answer = take(door, algorithm, algorithm=algorithm)
            body = answer.json
            equal((answer.status, body["allowed"], body["limit"], body["remaining"]), (200, True, 3, left))
            equal(body["retry_after_ms"], 0)
        answer = take(door, algorithm, algorithm=algorithm)
        equal((answer.status, answer.json["allowed"], answer.json["remaining"]), (200, False, 0))
        assert 0 < answer.json["retry_after_ms"] <= 120000
        assert int(answer.headers["Retry-After"]) >= 1


def test_enforced_it_is_429(door):
    for _ in range(3):
        equal(take(door, query="?enforce=true").status, 200)
    answer = take(door, query="?enforce=true")
    body = problem(answer, 429, "rate-limited")
    equal((body["allowed"], body["remaining"], body["limit"]), (False, 0, 3))
    assert int(answer.headers["Retry-After"]) >= 1
    equal(answer.headers["RateLimit-Policy"], '"api";q=3;w=60')
    assert answer.headers["RateLimit"].startswith('"api";r=0;t=')


def test_cost_and_peek(door):
    equal(take(door, cost=2).json["remaining"], 1)
    equal(take(door, peek=True).json["allowed"], True)
    equal(take(door, peek=True).json["allowed"], True)
    equal(take(door, cost=2).json["allowed"], False)
    equal(take(door, cost=9).json["retry_after_ms"], None)
    equal(take(door).json["remaining"], 0)


def test_policies_and_subjects_do_not_mix(door):
    for path in ("api/a%2Fb", "api/a", "api2/a", "api/%FF"):
        equal(door.post("/v1/ratelimits/" + path, {"limit": 5, "window_ms": 1000}).json["remaining"], 4)
    equal(door.command("DBSIZE"), 4)


def test_wrong_limits(door):
    for body in ({}, {"limit": 5}, {"limit": 0, "window_ms": 5}, {"limit": 5, "window_ms": -1},
                 {"limit": 5, "window_ms": 5, "cost": 0}, {"limit": 5, "window_ms": 5, "algorithm": "x"},
                 {"limit": 5, "window_ms": 5, "peek": 1}):
        problem(door.post("/v1/ratelimits/api/u", body), 400, "bad-arguments")
    problem(door.post("/v1/ratelimits/a%20b/u", {"limit": 5, "window_ms": 5}), 400, "bad-arguments")
    problem(take(door, query="?enforce=perhaps"), 400, "bad-arguments")
