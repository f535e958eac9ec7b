"""HTTP itself: paths, methods, bodies that are wrong in every way, connections that misbehave."""

import json
import random

from door import JSON, equal, problem


def test_health_is_open(door):
    equal(door.get("/healthz").json["status"], "ok")
    equal(door.get("/readyz").json["status"], "ready")
    equal(door.request("HEAD", "/healthz").data, b"")


def test_unknown_paths(door):
    for path in ("/", "/nope", "/v1", "/v1/", "/v1/keys/a/b", "/healthz/", "//healthz", "/v1/keys/a/b/c/d/e/f/g/h/i",
                 "/V1/keys/a", "/v1/key"):
        problem(door.get(path), 404, "not-found")


def test_unknown_methods(door):
    answer = door.request("POST", "/v1/keys/a", b"x")
    problem(answer, 405, "method-not-allowed")
    equal(answer.headers["Allow"], "GET, HEAD, PUT, PATCH, DELETE")
    answer = door.request("OPTIONS", "/v1/keys/mget")
    problem(answer, 405, "method-not-allowed")
    equal(set(answer.headers["Allow"].split(", ")), {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
    for method in ("TRACE", "FOO", "get"):
        problem(door.request(method, "/healthz"), 405, "method-not-allowed")


def test_each_problem_has_its_page(door):
    page = door.get("/problems/wrong-type")
    equal(page.headers["Content-Type"], "text/html; charset=utf-8")
    assert b"wrong-type" in page.data and b"409" in page.data
    problem(door.get("/problems/none"), 404, "not-found")


def test_bad_percent_encoding(door):
    for path in ("/v1/keys/%", "/v1/keys/%4", "/v1/keys/%zz", "/v1/keys/a%%41", "/v1/hashes/a/fields/%g1",
                 "/v1/keys/a?db=%", "/v1/keys?match=%4x"):
        problem(door.get(path), 400, "bad-target")
    problem(door.get("/v1/keys?" + "&".join("a=1" for _ in range(200))), 400, "bad-target")


def test_absolute_targets(door):
    door.put("/v1/keys/k", b"v")
    answer = door.raw(b"GET http://example.org/v1/keys/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ") and b'"value":"v"' in answer, answer
    answer = door.raw(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 "), answer


def test_bad_json(door):
    for text, offset in [(b"", 0), (b"{", 1), (b"{}x", 2), (b'{"by":01}', 7), (b'{"by":1,}', 8), (b'{"by":"\xff"}', 7),
                         (b'{"by":"\\ud800"}', 7), (b"\xef\xbb\xbf{}", 0), (b"[" * 100, 64), (b'{"a":nul}', 8)]:
        answer = door.request("POST", "/v1/commands", text, JSON)
        if offset == 64:
            equal(answer.status, 413)
        else:
            equal(problem(answer, 400, "bad-json")["offset"], offset)
    problem(door.request("POST", "/v1/commands", b"[" + b"1," * 1100000 + b"1]", JSON), 413, "too-large")


def test_media_types(door):
    for kind in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"):
        equal(door.request("POST", "/v1/commands", b'["PING"]', {"Content-Type": kind}).status, 200)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
        problem(door.request("POST", "/v1/commands", b'["PING"]', {"Content-Type": kind}), 415, "unsupported-media-type")
    problem(door.put("/v1/keys/k", b"x", Content_Encoding="gzip"), 415, "unsupported-media-type")
    equal(door.command("EXISTS", "k"), 0)


def test_pages_of_other_origins_are_refused(door):
    host = "127.0.0.1:%d" % door.http_port
    problem(door.put("/v1/keys/k", b"x", Origin="http://evil.example"), 403, "origin-not-allowed")
    problem(door.get("/v1/keys/k", Origin="null"), 403, "origin-not-allowed")
    equal(door.put("/v1/keys/k", b"x", Origin="http://" + host).status, 201)


def test_pipelined_requests(door):
    door.put("/v1/keys/k", b"v")
    one = b"GET /v1/keys/k HTTP/1.1\r\nHost: x\r\n\r\n"
    put = b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nv%d"
    data = one * 20 + b"".join(put % i for i in range(10)) + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = door.raw(data)
    equal((answer.count(b"HTTP/1.1 200 OK"), answer.count(b"HTTP/1.1 204 ")), (21, 10))
    equal((answer.count(b'"value":"v"'), answer.count(b'"value":"v9"')), (20, 1))


def test_chunked_bodies(door):
    head = b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = door.raw([head, b"3\r\nabc\r\n", b"4\r\ndefg", b"\r\n0\r\n", b"\r\n"])
    assert answer.startswith(b"HTTP/1.1 201 "), answer
    equal(door.get("/v1/keys/k").json["value"], "abcdefg")
    answer = door.raw(head + b"zz\r\nabc\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") or not answer, answer
    equal(door.get("/v1/keys/k").json["value"], "abcdefg")


def test_expect_continue(door):
    head = b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    answer = door.raw([head, b"abc"])
    assert answer.startswith(b"HTTP/1.1 100 ") and b"HTTP/1.1 201 " in answer, answer


def test_large_values(door):
    data = bytes(range(256)) * 16384
    equal(door.put("/v1/keys/big", data).status, 201)
    equal(door.get("/v1/keys/big", Accept="application/octet-stream").data, data)
    body = door.get("/v1/keys/big").json
    equal(body["size"], len(data))


def test_bodies_beyond_the_limit(door):
    door.command("CONFIG", "SET", "http-max-body", "100000")
    try:
        equal(door.put("/v1/keys/k", b"x" * 100000).status, 201)
        head = b"%s /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n"
        for method in (b"PUT", b"PATCH", b"DELETE"):
            answer = door.raw(head % method + b"y" * 100001, timeout=1)
            assert answer.startswith(b"HTTP/1.1 413 "), (method, answer)
        chunked = b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        answer = door.raw(chunked + (b"2710\r\n" + b"y" * 10000 + b"\r\n") * 11 + b"0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 "), answer
        equal(door.get("/v1/keys/k", Accept="application/octet-stream").data, b"x" * 100000)
    finally:
        door.command("CONFIG", "SET", "http-max-body", "64mb")


def test_oversized_heads(door):
    """A problem in JSON, as for every other error: for the first request of a connection whatever its length, for
    later ones up to what libmicrohttpd holds."""
    first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    for before, sizes in ((b"", (13000, 16300, 17000, 40000, 400000)), (first, (13000, 16000, 18000))):
        for n in sizes:
            for head, status, code in (
                    (b"GET /v1/keys/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 414, "uri-too-long"),
                    (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: %s\r\n\r\n", 431, "headers-too-large"),
                    (b"POST /v1/commands HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\nA: %s\r\n\r\n", 431, "headers-too-large")):
                answer = door.raw([before, head % (b"k" * n)] if before else head % (b"k" * n))
                answer = answer[answer.rindex(b"HTTP/1.1 "):]
                assert answer.startswith(b"HTTP/1.1 %d " % status), (n, answer[:200])
                assert b"\r\nContent-Type: application/problem+json\r\n" in answer, (n, answer[:200])
                body = json.loads(answer.split(b"\r\n\r\n", 1)[1])
                equal((body["status"], body["code"], body["type"]), (status, code, "/problems/" + code))
    equal(door.get("/v1/keys/" + "k" * 11000).status, 404)


def test_websocket_path_over_plain_http(door):
    answer = door.get("/v1/ws")
    problem(answer, 426, "upgrade-required")
    equal(answer.headers["Upgrade"], "websocket")


def test_heads_that_come_in_pieces(door):
    door.put("/v1/keys/k", b"v")
    text = b"GET /v1/keys/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = door.raw([text[i:i + 7] for i in range(0, len(text), 7)])
    assert answer.startswith(b"HTTP/1.1 200 "), answer


def test_garbage_closes_or_answers(door):
    rng = random.Random(7)
    for _ in range(60):
        data = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200))) + b"\r\n\r\n"
        answer = door.raw(data, timeout=0.5, half_close=True)
        assert not answer or answer.startswith(b"HTTP/1."), (data, answer)
    for data in (b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", b"GET /\0x HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                 b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"):
        answer = door.raw(data, timeout=0.5, half_close=True)
        assert not answer.startswith(b"HTTP/1.1 2"), (data, answer)
    equal(door.command("EXISTS", "k"), 0)
