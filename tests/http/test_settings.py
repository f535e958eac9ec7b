"""What depends on the configuration: a password, the number of clients, a port that is taken."""

import base64
import socket
import subprocess
import time

from door import Program, equal, problem


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_a_password(_):
    with Program("--requirepass", "s3cret:x") as door:
        answer = door.get("/v1/keys/k")
        problem(answer, 401, "unauthenticated")
        equal([h.split(" ")[0] for h in answer.headers.get_all("WWW-Authenticate")], ["Bearer", "Basic"])
        good = [{"Authorization": "Bearer s3cret:x"}, {"Authorization": "bearer   s3cret:x"},
                basic("default:s3cret:x"), basic(":s3cret:x")]
        for headers in good:
            equal(door.request("PUT", "/v1/keys/k", b"v", headers).status < 300, True)
        for headers in ({"Authorization": "Bearer s3cret"}, {"Authorization": "Bearer s3cret:xx"}, basic("eve:s3cret:x"),
                        basic("default:nope"), basic("default:")):
            answer = door.request("GET", "/v1/keys/k", None, headers)
            problem(answer, 401, "wrong-credentials")
            assert answer.headers["WWW-Authenticate"]
        for value in ("", "Bearer", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(),
                      "Digest x", "s3cret:x"):
            problem(door.request("GET", "/v1/keys/k", None, {"Authorization": value}), 401, "unauthenticated")
        problem(door.request("PUT", "/v1/keys/k", b"x" * 100000), 401, "unauthenticated")
        problem(door.post("/v1/commands", ["GET", "k"]), 401, "unauthenticated")
        problem(door.get("/v1/keys/k"), 401, "unauthenticated")
        equal(door.get("/healthz").status, 200)
        equal(door.get("/readyz").status, 200)
        equal(door.get("/problems/unauthenticated").status, 200)


def test_connections_are_bounded(_):
    with Program("--maxclients", "20") as door:
        held = []
        try:
            for _ in range(19):
                held.append(socket.create_connection(("127.0.0.1", door.http_port)))
            refused = 0
            for _ in range(5):
                answer = door.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", timeout=1)
                refused += answer.startswith(b"HTTP/1.1 503 ") or not answer
                held.append(socket.create_connection(("127.0.0.1", door.http_port)))
            assert refused >= 3, refused
        finally:
            for s in held:
                s.close()


def test_a_taken_port_is_named(_):
    program = Program()
    try:
        done = subprocess.run([program.process.args[0], "--port", "0", "--memcached-port", "0", "--http-port",
                               str(program.http_port)], capture_output=True, timeout=10)
        equal(done.returncode, 1)
        assert str(program.http_port).encode() in done.stderr, done.stderr
        equal(len(done.stderr.strip().split(b"\n")), 1)
    finally:
        equal(program.end(), 0)


def test_threads_share_the_work(_):
    with Program("--threads", "4") as door:
        for i in range(12):
            equal(door.command("INCR", "n"), i + 1)
            door.close()


def test_requests_that_interleave_keep_their_own_database_and_credentials(_):
    body = b'["SET", "where", "there"]'
    head = (b"POST /v1/commands?db=3 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
    with Program("--requirepass", "secret", "--threads", "1") as own:
        with socket.create_connection(("127.0.0.1", own.http_port), 5) as slow:
            slow.sendall(head)
            time.sleep(0.1)
            equal(own.get("/v1/keys/where", Authorization="Bearer secret").status, 404)
            equal(own.get("/v1/keys/where").status, 401)
            slow.sendall(body)
            assert slow.recv(1000).startswith(b"HTTP/1.1 200 ")
        equal(own.get("/v1/keys/where?db=3", Authorization="Bearer secret").json["value"], "there")
        equal(own.get("/v1/keys/where", Authorization="Bearer secret").status, 404)
