"""How answers leave: gzip, for whom; and which pages may read them."""

import gzip
import json
import random

from door import Program, equal, problem


def test_gzip(door):
    door.put("/v1/keys/long", b"abc" * 1000)
    door.put("/v1/keys/short", b"abc")
    plain = door.get("/v1/keys/long")
    equal((plain.headers["Content-Encoding"], plain.headers.get_all("Vary")), (None, ["Accept", "Accept-Encoding"]))
    for coding in ("gzip", "GZIP", "br, gzip;q=0.1", "*", "identity;q=0.5, *;q=0.1"):
        packed = door.get("/v1/keys/long", Accept_Encoding=coding)
        equal((packed.headers["Content-Encoding"], packed.headers["ETag"]), ("gzip", plain.headers["ETag"]))
        equal(gzip.decompress(packed.data), plain.data)
        assert len(packed.data) < 200
    for coding in ("identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *", ""):
        equal(door.get("/v1/keys/long", Accept_Encoding=coding).data, plain.data)
    equal(door.get("/v1/keys/short", Accept_Encoding="gzip").headers["Content-Encoding"], None)
    raw = {"Accept": "application/octet-stream", "Accept_Encoding": "gzip"}
    equal(gzip.decompress(door.get("/v1/keys/long", **raw).data), b"abc" * 1000)
    part = door.get("/v1/keys/long", Range="bytes=0-1999", **raw)
    equal((part.status, part.headers["Content-Encoding"], len(part.data)), (206, None, 2000))


def test_gzip_where_it_gains_nothing(door):
    noise = random.Random(1).randbytes(4096)
    door.put("/v1/keys/noise", noise)
    answer = door.get("/v1/keys/noise", Accept="application/octet-stream", Accept_Encoding="gzip")
    equal((answer.headers["Content-Encoding"], answer.data), (None, noise))


def test_gzip_of_every_size(door):
    for n in list(range(900, 1100, 7)) + [4096, 65536, 1 << 20]:
        door.put("/v1/keys/k", b"%d" % (n % 10) * n)
        answer = door.get("/v1/keys/k", Accept_Encoding="gzip")
        data = gzip.decompress(answer.data) if answer.headers["Content-Encoding"] else answer.data
        equal(len(json.loads(data)["value"]), n)
        equal(int(door.request("HEAD", "/v1/keys/k", headers={"Accept-Encoding": "gzip"}).headers["Content-Length"]), len(answer.data))


PAGE = "https://page.example"


def test_cors(door):
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    problem(door.request("OPTIONS", "/v1/keys/k", headers=preflight), 403, "origin-not-allowed")
    door.command("CONFIG", "SET", "http-origins", "http://a.example " + PAGE)
    try:
        answer = door.request("OPTIONS", "/v1/keys/k", headers=preflight)
        equal((answer.status, answer.headers["Access-Control-Allow-Origin"], answer.headers["Access-Control-Max-Age"]), (204, PAGE, "600"))
        assert "PUT" in answer.headers["Access-Control-Allow-Methods"].split(", ")
        assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"].split(", ")
        for answer in (door.put("/v1/keys/k", b"v", Origin=PAGE), door.get("/v1/keys/k", Origin=PAGE),
                       door.get("/v1/keys/none", Origin=PAGE), door.get("/v1/nothing", Origin=PAGE), door.get("/healthz", Origin=PAGE),
                       door.get("/v1/keys?limit=x", Origin=PAGE), door.request("POST", "/v1/keys/k", b"", {"Origin": PAGE})):
            equal((answer.headers["Access-Control-Allow-Origin"], "Origin" in answer.headers.get_all("Vary")), (PAGE, True))
            assert "ETag" in answer.headers["Access-Control-Expose-Headers"].split(", ")
        for other in ("https://page.example.org", "http://page.example", "null", "page.example", ""):
            problem(door.get("/v1/keys/k", Origin=other), 403, "origin-not-allowed")
            equal(door.get("/v1/keys/k", Origin=other).headers["Access-Control-Allow-Origin"], None)
        equal(door.get("/v1/keys/k").headers["Access-Control-Allow-Origin"], None)
        door.command("CONFIG", "SET", "http-origins", "*")
        equal(door.get("/v1/keys/k", Origin="null").headers["Access-Control-Allow-Origin"], "null")
    finally:
        door.command("CONFIG", "SET", "http-origins", "")


def test_cors_before_the_password(door):
    """A browser's question has no credentials; and the page may read the 401."""
    with Program("--requirepass", "secret", "--http-origins", PAGE) as mine:
        equal(mine.request("OPTIONS", "/v1/keys/k", headers={"Origin": PAGE, "Access-Control-Request-Method": "GET"}).status, 204)
        answer = mine.get("/v1/keys/k", Origin=PAGE)
        equal((answer.status, answer.headers["Access-Control-Allow-Origin"]), (401, PAGE))
        equal(mine.get("/v1/keys/k", Origin=PAGE, Authorization="Bearer secret").status, 404)
        mine.close()
