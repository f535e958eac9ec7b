"""/metrics as Prometheus reads it, and the access log."""

import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time

from door import Program, equal, problem
from events import Listener

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')


def scrape(door):
    """(name, sorted labels) to number."""
    answer = door.get("/metrics")
    equal((answer.status, answer.headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
    found = {}
    for line in answer.data.decode().splitlines():
        if line.startswith("#"):
            continue
        name, labels, number = SAMPLE.match(line).groups()
        key = (name, *sorted(re.findall(r'(\w+="[^"]*")', labels or "")))
        assert key not in found, line
        found[key] = float(number)
    return found


def test_promtool_takes_it(door):
    door.put("/v1/keys/k", b"v")
    text = door.get("/metrics").data
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    equal((done.returncode, done.stdout), (0, b""))


def test_requests_are_counted(door):
    def route(pattern, method, **more):
        return ("atrium_http_requests_total", *sorted(['method="%s"' % method, 'route="%s"' % pattern] + ['%s="%s"' % i for i in more.items()]))

    before = scrape(door)
    for i in range(10):
        door.put("/v1/keys/k%d" % i, b"v")
        door.get("/v1/keys/k%d" % i)
    door.request("HEAD", "/v1/keys/k1")
    door.get("/v1/keys/none")
    door.get("/v1/nothing/at/all")
    door.post("/v1/commands", ["GET", "k1"])
    after = scrape(door)
    for key, n in ((route("/v1/keys/{key}", "GET", status="200"), 11), (route("/v1/keys/{key}", "GET", status="404"), 1),
                   (route("/v1/keys/{key}", "PUT", status="201"), 10), (route("", "", status="404"), 1),
                   (route("/v1/commands", "POST", status="200"), 1),
                   (("atrium_http_request_duration_seconds_count", 'method="GET"', 'route="/v1/keys/{key}"'), 12),
                   (("atrium_http_request_duration_seconds_bucket", 'le="+Inf"', 'method="GET"', 'route="/v1/keys/{key}"'), 12),
                   (("atrium_commands_total", 'command="set"'), 10)):
        equal((key, after[key] - before.get(key, 0)), (key, n))
    equal(after["atrium_keys", 'db="0"'], 10)
    took = [v for k, v in after.items() if k[0] == "atrium_http_request_duration_seconds_bucket" and 'route="/v1/keys/{key}"' in k and 'method="GET"' in k]
    equal(took, sorted(took))


def test_every_door_is_there(door):
    resp = door.resp()
    before = scrape(door)
    for _ in range(50):
        resp.call("PING")
    resp.call("SUBSCRIBE", "a")
    after = scrape(door)
    key = ("atrium_command_duration_seconds_count", 'door="resp"')
    equal(after[key] - before[key], 51)
    assert after["atrium_connections", 'door="resp"'] >= 1 and after["atrium_connections", 'door="http"'] >= 1
    equal((after["atrium_subscriptions", 'kind="channel"'], after["atrium_channels",]), (1, 1))
    for name in ("atrium_memory_used_bytes", "atrium_expired_keys_total", "atrium_evicted_keys_total", "atrium_uptime_seconds"):
        assert (name,) in after, name
    resp.close()


def test_labels_are_bounded(door):
    """Whatever clients ask for, no new series."""
    door.get("/v1/keys/warm")
    door.get("/warm")
    door.request("BREW", "/warm")
    door.get("/metrics")
    before = set(scrape(door))
    for i in range(200):
        door.get("/v1/keys/%d" % i)
        door.get("/%d" % i)
        door.request("BREW%d" % i, "/%d" % i)
    equal(set(scrape(door)) - before, set())


def test_counting_with_many_workers(door):
    with Program("--threads", "4") as mine:
        def ask():
            one = type(mine)(mine.http_port, mine.resp_port)
            for _ in range(250):
                one.get("/v1/keys/none")
            one.close()

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        key = ("atrium_http_requests_total", 'method="GET"', 'route="/v1/keys/{key}"', 'status="404"')
        equal(scrape(mine)[key], 2000)
        mine.close()


def test_metrics_want_the_password(door):
    with Program("--requirepass", "secret") as mine:
        problem(mine.get("/metrics"), 401, "unauthenticated")
        equal(mine.get("/metrics", Authorization="Bearer secret").status, 200)
        mine.close()


def logged(flags, work):
    """The lines that a program logs while `work` runs."""
    with tempfile.TemporaryFile("w+") as f:
        kept = os.dup(2)
        os.dup2(f.fileno(), 2)
        try:
            program = Program(*flags)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        with program as mine:
            work(mine)
            mine.close()
        f.seek(0)
        return f.read().splitlines()


def ask(door):
    door.put("/v1/keys/secret-key?ttl_ms=60000", b"secret-value", Authorization="Bearer hunter2")
    door.get("/v1/sets/s/members/secret-member", Authorization="Bearer hunter2", X_Request_Id="mine")
    door.get("/secret-path?ticket=secret-ticket", Authorization="Bearer secret-token")
    listener = Listener(door, "/v1/streams/s/events", Authorization="Bearer hunter2").start()
    listener.close()
    with socket.create_connection(("127.0.0.1", door.http_port)) as s:
        s.sendall(b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hunter2\r\nContent-Length: 9\r\n\r\nsecret")
    time.sleep(0.2)


def test_access_log(door):
    lines = [line for line in logged(["--requirepass", "hunter2", "--http-access-log", "yes"], ask) if " access " in line]
    equal(len(lines), 5)
    assert re.fullmatch(r"\S+Z notice access PUT /v1/keys/\{key\} 201 in=12 out=0 ms=\d+\.\d{3} from=127\.0\.0\.1 id=[0-9a-f]{16}", lines[0]), lines[0]
    assert " GET /v1/sets/{key}/members/{member} 404 " in lines[1] and lines[1].endswith(" id=mine"), lines[1]
    assert " GET - 404 " in lines[2], lines[2]
    assert any(" GET /v1/streams/{key}/events 200 " in line for line in lines)
    assert any(" PUT /v1/keys/{key} 0 " in line for line in lines)
    text = "\n".join(lines)
    assert "secret" not in text and "hunter2" not in text


def test_access_log_as_json(door):
    lines = logged(["--requirepass", "hunter2", "--http-access-log", "yes", "--log-format", "json"], ask)
    seen = [entry for entry in map(json.loads, lines) if entry["message"] == "access"]
    equal(len(seen), 5)
    equal(set(seen[0]), {"time", "level", "message", "method", "route", "status", "bytes_in", "bytes_out", "took_us", "from", "request_id"})
    equal((seen[0]["method"], seen[0]["route"], seen[0]["status"], seen[0]["bytes_in"]), ("PUT", "/v1/keys/{key}", 201, 12))
    assert "secret" not in "\n".join(lines) and "hunter2" not in "\n".join(lines)


def test_no_access_log_unasked(door):
    equal([line for line in logged(["--requirepass", "hunter2"], ask) if "access" in line], [])
