"""Requests that wait: for a list's elements, for a stream's entries."""

import json
import socket
import threading
import time

from door import Door, Program, Resp, equal, problem

POP = "/v1/lists/jobs/pop"


def request(body, path=POP, **headers):
    data = json.dumps(body).encode()
    lines = ["POST %s HTTP/1.1" % path, "Host: x", "Content-Type: application/json", "Content-Length: %d" % len(data)]
    lines += ["%s: %s" % item for item in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Waiter:
    """A connection whose request waits."""

    def __init__(self, door, body, path=POP, **headers):
        self.socket = socket.create_connection(("127.0.0.1", door.http_port), 10)
        self.socket.sendall(request(body, path, **headers))

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                return None, None
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        length = next((int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")), 0)
        while len(rest) < length:
            rest += self.socket.recv(65536)
        return int(head.split(b" ")[1]), json.loads(rest) if rest else None

    def close(self):
        self.socket.close()


def blocked(door):
    for line in door.command("INFO", "clients").splitlines():
        if line.startswith("blocked_clients:"):
            return int(line.split(":")[1])
    raise AssertionError("INFO clients")


def until_blocked(door, n):
    end = time.time() + 5
    while blocked(door) != n:
        assert time.time() < end, "%d blocked, not %d" % (blocked(door), n)
        time.sleep(0.005)


def wait(door, n, body, path=POP, **headers):
    """One more waits, the n-th."""
    waiter = Waiter(door, body, path, **headers)
    until_blocked(door, n)
    return waiter


def test_what_is_there_is_answered_at_once(door):
    door.command("RPUSH", "jobs", "a", "b")
    equal(door.post(POP, {"wait_ms": 5000}).json["items"], ["a"])
    equal(door.post(POP, {"wait_ms": 5000, "count": 9}).json["items"], ["b"])
    for wait_ms in (-1, 30001, "x", 1.5):
        problem(door.post(POP, {"wait_ms": wait_ms}), 400, "bad-arguments")


def test_the_time_is_kept(door):
    for wait_ms in (1, 80, 300):
        began = time.monotonic()
        equal(door.post(POP, {"wait_ms": wait_ms}).status, 204)
        took = (time.monotonic() - began) * 1000
        assert wait_ms - 1 <= took < wait_ms + 1000, took
    equal(blocked(door), 0)


def test_an_element_comes(door):
    waiter = wait(door, 1, {"wait_ms": 20000, "side": "right", "count": 2})
    equal(door.post("/v1/lists/jobs/push", {"values": ["a", "b", "c"]}).json["length"], 3)
    equal(waiter.answer(), (200, {"key": "jobs", "items": ["c", "b"]}))
    waiter.socket.sendall(request({}))  # the connection is kept
    equal(waiter.answer(), (200, {"key": "jobs", "items": ["a"]}))
    waiter.socket.sendall(request({"wait_ms": 20}) + request({"wait_ms": 20000}))  # one after the other
    equal(waiter.answer(), (204, None))
    until_blocked(door, 1)
    door.command("LPUSH", "jobs", "d")
    equal(waiter.answer()[1]["items"], ["d"])
    waiter.close()


def test_who_came_first_is_served_first_at_any_door(door):
    first, resp = wait(door, 1, {"wait_ms": 20000}), door.resp()
    resp.socket.sendall(b"*3\r\n$5\r\nBLPOP\r\n$4\r\njobs\r\n$1\r\n0\r\n")
    until_blocked(door, 2)
    third = wait(door, 3, {"wait_ms": 20000})
    door.command("RPUSH", "jobs", "1", "2", "3", "4")
    equal(first.answer()[1]["items"], ["1"])
    equal(resp.reply(), [b"jobs", b"2"])
    equal(third.answer()[1]["items"], ["3"])
    equal(door.command("LRANGE", "jobs", 0, -1), ["4"])
    for c in (first, resp, third):
        c.close()


def test_many_wait_while_others_work(door):
    waiters = [Waiter(door, {"wait_ms": 20000}, "/v1/lists/l%d/pop" % (i % 7)) for i in range(200)]
    until_blocked(door, 200)
    equal(door.get("/v1/lists/l0").status, 404)
    for i in range(7):
        door.command("RPUSH", "l%d" % i, *["%d:%d" % (i, n) for n in range(30)])
    got = [w.answer()[1] for w in waiters]
    assert all(body["items"][0].startswith(body["key"][1:] + ":") for body in got), got
    equal(len({body["items"][0] for body in got}), 200)
    equal(sum(door.command("LLEN", "l%d" % i) for i in range(7)), 10)
    for w in waiters:
        w.close()


def test_who_leaves_takes_nothing_along(door):
    for half in (False, True):
        waiter = wait(door, 1, {"wait_ms": 20000})
        if half:
            waiter.socket.shutdown(socket.SHUT_WR)
            equal(waiter.answer(), (None, None))
        waiter.close()
        until_blocked(door, 0)
        door.command("RPUSH", "jobs", "stays")
        equal(door.command("LPOP", "jobs"), "stays")


def test_a_key_of_another_type_does_not_end_the_wait(door):
    waiter = wait(door, 1, {"wait_ms": 20000})
    door.put("/v1/keys/jobs", b"a string")
    door.command("DEL", "jobs")
    door.post("/v1/pipeline", [["RPUSH", "jobs", "a"], ["LPUSH", "jobs", "b"]])
    equal(waiter.answer()[1]["items"], ["a"])
    equal(door.command("LRANGE", "jobs", 0, -1), ["b"])
    waiter.close()


def the_waiting(door):
    lines = [line for line in door.command("CLIENT", "LIST").splitlines() if " cmd=blmpop " in line]
    equal(len(lines), 1)
    return lines[0].split(" ")[0][3:]


def test_an_administrator_ends_waits(door):
    waiter = wait(door, 1, {"wait_ms": 20000})
    equal(door.command("CLIENT", "UNBLOCK", the_waiting(door)), 1)
    equal(waiter.answer(), (204, None))
    waiter.socket.sendall(request({"wait_ms": 20000}))
    until_blocked(door, 1)
    equal(door.command("CLIENT", "UNBLOCK", the_waiting(door), "ERROR"), 1)
    status, body = waiter.answer()
    equal((status, body["code"]), (503, "unblocked"))
    waiter.socket.sendall(request({"wait_ms": 20000}))
    until_blocked(door, 1)
    equal(door.command("CLIENT", "KILL", "ID", the_waiting(door)), 1)
    equal(waiter.answer(), (None, None))
    waiter.close()
    equal(door.command("LLEN", "jobs"), 0)


READ = "/v1/streams/log/groups/g/read"


def test_a_group_reads_what_comes(door):
    equal(door.request("PUT", "/v1/streams/log/groups/g").status, 201)
    equal(door.post(READ, {"consumer": "a", "block_ms": 20}).status, 204)
    equal(door.post(READ, {"consumer": "a", "block_ms": 20000, "pending_after": "0"}).status, 204)
    waiters = [wait(door, i + 1, {"consumer": name, "block_ms": 20000}, READ) for i, name in enumerate("ab")]
    door.command("XADD", "log", "1-0", "n", "1")
    equal(waiters[0].answer(), (200, {"items": [{"id": "1-0", "fields": {"n": "1"}}]}))
    door.command("XADD", "log", "2-0", "n", "2")
    equal(waiters[1].answer(), (200, {"items": [{"id": "2-0", "fields": {"n": "2"}}]}))
    equal(door.post(READ, {"consumer": "b", "block_ms": 20000, "pending_after": "0"}).json["items"],
          [{"id": "2-0", "fields": {"n": "2"}}])
    waiters[0].socket.sendall(request({"consumer": "a", "block_ms": 20000}, READ))
    until_blocked(door, 1)
    door.command("DEL", "log")
    status, body = waiters[0].answer()
    equal((status, body["code"]), (404, "no-group"))
    problem(door.post(READ, {"consumer": "a", "block_ms": 30001}), 400, "bad-arguments")
    for w in waiters:
        w.close()


def test_with_a_password_and_in_another_database(_):
    with Program("--requirepass", "secret", "--threads", "1") as own:
        bearer = {"Authorization": "Bearer secret"}
        equal(own.post(POP, {"wait_ms": 1}).status, 401)
        waiter = Waiter(own, {"wait_ms": 20000}, POP + "?db=3", **bearer)
        time.sleep(0.1)
        for db in (0, 3):
            equal(own.post("/v1/lists/jobs/push?db=%d" % db, {"values": [db]}, **bearer).json["length"], 1)
        equal(waiter.answer()[1]["items"], ["3"])
        waiter.close()


def test_nothing_is_lost_or_given_twice(_):
    with Program("--threads", "8") as own:
        resp = Resp(own.resp_port)
        taken, failures = [], []

        def consume(n):
            mine = Door(own.http_port)
            try:
                while n % 4 or len(taken) < 2000:  # some give up often, and leave before the end
                    answer = mine.post(POP, {"wait_ms": 30000 if n % 4 else 5, "count": 1 + n % 3})
                    if answer.status == 204:
                        continue
                    taken.extend(answer.json["items"])
                    if "end" in answer.json["items"]:
                        return
            except Exception as error:  # told below, where it is seen
                failures.append(error)
            finally:
                mine.close()

        threads = [threading.Thread(target=consume, args=(n,)) for n in range(16)]
        for t in threads:
            t.start()
        for i in range(3000):
            equal(resp.call("RPUSH", "jobs", i) > 0, True)
        end = time.time() + 10
        while len(taken) < 3000 and not failures:
            assert time.time() < end, "somebody waits though there is something"
            time.sleep(0.01)
        for t in threads:
            while t.is_alive():
                resp.call("RPUSH", "jobs", "end")
                t.join(0.05)
        resp.close()
        equal(failures, [])
        equal(sorted(int(v) for v in taken if v != "end"), list(range(3000)))


def test_the_program_ends_while_somebody_waits(_):
    program = Program()
    own = program.door()
    waiters = [Waiter(own, {"wait_ms": 30000}) for _ in range(20)]
    until_blocked(own, 20)
    own.close()
    began = time.monotonic()
    equal(program.end(), 0)
    assert time.monotonic() - began < 3
    for w in waiters:
        assert w.answer()[0] in (204, None)
        w.close()
