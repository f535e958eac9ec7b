"""Idempotency-Key: what is sent again is answered again and not run again."""

import json
import os
import random
import socket
import threading
import time
import uuid

from door import JSON, Program, equal, problem
from test_waiting import until_blocked

COUNTER = "/v1/counters/c/incr"
RUN = uuid.uuid4().hex + "-"  # keys outlive a test, and a flush


def value(door):
    return int(door.command("GET", "c") or 0)


def test_the_first_answer_comes_again(door):
    first = door.post(COUNTER, {"by": 5}, Idempotency_Key=RUN + "a")
    equal((first.status, first.headers["Idempotency-Replayed"]), (200, None))
    for _ in range(3):
        again = door.post(COUNTER, {"by": 5}, Idempotency_Key=RUN + "a")
        equal((again.status, again.data, again.headers["Idempotency-Replayed"]), (200, first.data, "true"))
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    equal(value(door), 5)
    equal(door.post(COUNTER, {"by": 5}, Idempotency_Key=RUN + "b").json["value"], 10)


def test_headers_and_errors_come_again(door):
    first = door.post("/v1/streams/s/entries", {"fields": {"a": "b"}}, Idempotency_Key=RUN + "entry")
    again = door.post("/v1/streams/s/entries", {"fields": {"a": "b"}}, Idempotency_Key=RUN + "entry")
    equal((again.status, again.headers["Location"], again.data), (201, first.headers["Location"], first.data))
    equal(door.command("XLEN", "s"), 1)
    door.command("SET", "c", "x")
    for replayed in (None, "true"):
        answer = door.post(COUNTER, {"by": 1}, Idempotency_Key=RUN + "error")
        equal((answer.status, answer.headers["Idempotency-Replayed"]), (422, replayed))
        equal(answer.json["code"], "not-a-number")
        door.command("SET", "c", "1")


def test_another_request_is_refused(door):
    equal(door.post(COUNTER, {"by": 1}, Idempotency_Key=RUN + "one").status, 200)
    problem(door.post(COUNTER, {"by": 2}, Idempotency_Key=RUN + "one"), 422, "idempotency-key-reused")
    problem(door.post("/v1/counters/d/incr", {"by": 1}, Idempotency_Key=RUN + "one"), 422, "idempotency-key-reused")
    problem(door.post(COUNTER + "?db=1", {"by": 1}, Idempotency_Key=RUN + "one"), 422, "idempotency-key-reused")
    equal(value(door), 1)


def test_keys_that_are_none(door):
    for key in ("", "x" * 256, "a\tb", "\xe9"):
        problem(door.request("POST", COUNTER, b"{}", {**JSON, "Idempotency-Key": key.encode("latin-1")}), 400, "bad-arguments")
    equal(door.post(COUNTER, {}, Idempotency_Key=RUN + "x" * (255 - len(RUN))).status, 200)
    equal(value(door), 1)
    for _ in range(2):  # other methods can be sent again anyway
        equal(door.put("/v1/keys/k", b"v", Idempotency_Key=RUN + "put").headers["Idempotency-Replayed"], None)


def test_one_that_runs_is_in_progress(door):
    other = type(door)(door.http_port, door.resp_port)
    path, body, answers = "/v1/lists/l/pop", {"wait_ms": 20000}, []
    thread = threading.Thread(target=lambda: answers.append(other.post(path, body, Idempotency_Key=RUN + "pop")))
    thread.start()
    until_blocked(door, 1)
    assert problem(door.post(path, body, Idempotency_Key=RUN + "pop"), 409, "idempotency-in-progress")["retryable"]
    door.command("RPUSH", "l", "x", "y")
    thread.join()
    equal(answers[0].json["items"], ["x"])
    again = door.post(path, body, Idempotency_Key=RUN + "pop")
    equal((again.json["items"], again.headers["Idempotency-Replayed"]), (["x"], "true"))
    equal(door.command("LLEN", "l"), 1)


def test_a_wait_that_its_client_left_gives_the_key_back(door):
    data = json.dumps({"wait_ms": 20000}).encode()
    with socket.create_connection(("127.0.0.1", door.http_port)) as s:
        s.sendall(b"POST /v1/lists/l/pop HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: %sleft\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (RUN.encode(), len(data), data))
        until_blocked(door, 1)
    until_blocked(door, 0)
    door.command("RPUSH", "l", "x")
    until = time.time() + 5
    while True:
        answer = door.post("/v1/lists/l/pop", {"wait_ms": 20000}, Idempotency_Key=RUN + "left")
        if answer.status != 409:
            break
        assert time.time() < until
    equal((answer.json["items"], answer.headers["Idempotency-Replayed"]), (["x"], None))


def test_what_has_changed_nothing_runs_again(door):
    door.command("CLIENT", "PAUSE", "100")
    problem(door.post(COUNTER, {}, Idempotency_Key=RUN + "paused"), 503, "paused")
    while door.post(COUNTER, {}, Idempotency_Key=RUN + "paused").status == 503:
        time.sleep(0.02)
    equal(value(door), 1)


def test_of_many_at_once_one_runs(door):
    def send(n):
        mine = type(door)(door.http_port, door.resp_port)
        for i in range(20):
            while True:
                answer = mine.post(COUNTER, {"by": 1}, Idempotency_Key=RUN + "round-%d" % i)
                if answer.status != 409:
                    break
            equal(answer.json["value"], i + 1)
            barrier.wait()
        mine.close()

    barrier = threading.Barrier(8)
    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(value(door), 20)


def test_cut_connections(door):
    """Sent and cut at once, a thousand times, then sent again until it is answered: each counter moved once."""
    rng, n = random.Random(5), 200 if os.environ.get("ATRIUM_BUILD", "plain") != "plain" else 1000
    for i in range(n):
        body = b'{"by":1}'
        head = (b"POST /v1/counters/c%d/incr HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: %scut-%d\r\n"
                b"Content-Length: %d\r\n\r\n" % (i, RUN.encode(), i, len(body)))
        for _ in range(rng.randrange(1, 3)):
            s = socket.create_connection(("127.0.0.1", door.http_port))
            s.sendall(head + body)
            if rng.random() < 0.3:
                time.sleep(rng.random() * 0.001)
            s.close()
        while True:
            answer = door.request(
                "POST", "/v1/counters/c%d/incr" % i, body, {**JSON, "Idempotency-Key": RUN + "cut-%d" % i})
            if answer.status == 200:
                break
            problem(answer, 409, "idempotency-in-progress")
        equal(answer.json["value"], 1)
    values = door.command("MGET", *["c%d" % i for i in range(n)])
    equal(set(values), {"1"})


def test_answers_are_forgotten_and_bounded(door):
    with Program("--http-idempotency-seconds", "1", "--http-idempotency-memory", "4kb") as mine:
        equal(mine.post(COUNTER, {}, Idempotency_Key=RUN + "a").json["value"], 1)
        time.sleep(1.1)
        equal(mine.post(COUNTER, {}, Idempotency_Key=RUN + "a").json["value"], 2)
        refused = ran = 0
        for i in range(100):
            answer = mine.post(COUNTER, {}, Idempotency_Key="k%d" % i)
            ran += answer.status == 200
            if answer.status != 200:
                problem(answer, 503, "busy")
                refused += 1
        assert refused > 50 and ran > 3, (ran, refused)
        equal(value(mine), 2 + ran)
        time.sleep(1.1)
        equal(mine.post(COUNTER, {}, Idempotency_Key=RUN + "later").status, 200)
        mine.close()


def test_long_answers_are_not_kept(door):
    door.command("SET", "big", "x" * 70000)
    equal(door.post("/v1/commands", ["GET", "big"], Idempotency_Key=RUN + "big").status, 200)
    problem(door.post("/v1/commands", ["GET", "big"], Idempotency_Key=RUN + "big"), 409, "idempotency-answer-lost")
