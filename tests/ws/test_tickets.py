"""Tickets in place of the password, sessions that end, and how many connections an address has. Run by run.py."""

import http.client
import json
import os
import threading
import time

from client import Refused, Resp, WebSocket
from test_abuse import Baseline, config

PORT = int(os.environ["ATRIUM_PORT"])
HTTP = int(os.environ["ATRIUM_HTTP_PORT"])
PASSWORD = "secret"


def issue(**body):
    c = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=5)
    c.request("POST", "/v1/tickets", json.dumps(body), {"Content-Type": "application/json", "Authorization": "Bearer " + PASSWORD})
    answer = c.getresponse()
    said = json.loads(answer.read())
    assert answer.status == 201, said
    return said


def ticket(**body):
    return issue(**body)["ticket"]


def with_ticket(text):
    return WebSocket(HTTP, path="/v1/ws?ticket=" + text)


def error(reply):
    assert reply["ok"] is False, reply
    return reply["error"]["code"]


def ok(reply):
    assert reply["ok"] is True, reply
    return reply


def refused(status, open_one):
    try:
        open_one().close()
    except Refused as answer:
        assert answer.status == status, answer.head
        assert json.loads(answer.body)["status"] == status
        return
    raise AssertionError("accepted")


# ---- tickets --------------------------------------------------------------------------------------------------------


def test_a_ticket_opens_once_and_its_channels_alone():
    with Resp(PORT) as r:
        config(r, requirepass=PASSWORD)
        text = ticket(user="ann", channels=["chat:*", "news"])
        with with_ticket(text) as a:
            refused(401, lambda: with_ticket(text))
            ok(a.ask("subscribe", channel="chat:tickets"))
            ok(a.ask("subscribe", channel="news"))
            assert ok(a.ask("auth"))["user"] == "ann" and ok(a.ask("auth", user="eve"))["user"] == "ann"
            ok(a.ask("publish", channel="chat:tickets", data="x"))
            assert a.push()["from"] == "ann"
            for op, fields in (("subscribe", {"channel": "other"}), ("publish", {"channel": "other", "data": ""}),
                               ("history", {"channel": "chat", "limit": 1}), ("presence", {"channel": "other"}),
                               ("command", {"args": ["GET", "k"]})):
                assert error(a.ask(op, **fields)) == "forbidden", op
            ok(a.ask("psubscribe", pattern="*"))
            assert r.run("AUTH", PASSWORD) == b"+OK"
            r.run("PUBLISH", "other", "not for this one")
            r.run("PUBLISH", "chat:tickets", "for this one")
            assert {a.push()["data"] for _ in range(2)} == {"for this one"} and a.quiet()


def test_a_ticket_by_the_first_op():
    with Resp(PORT) as r:
        config(r, requirepass=PASSWORD)
        text = ticket(user="bob")
        with WebSocket(HTTP) as a, WebSocket(HTTP) as b:
            assert error(a.ask("subscribe", channel="c")) == "unauthenticated"
            reply = ok(a.ask("auth", ticket=text))
            assert reply["user"] == "bob" and reply["expires_ms"] is None
            ok(a.ask("subscribe", channel="c"))
            assert error(b.ask("auth", ticket=text)) == "wrong-credentials"
            assert b.close_code() == 4001


def test_tickets_that_are_too_old():
    with Resp(PORT) as r:
        config(r, requirepass=PASSWORD)
        late = ticket(ttl_ms=1)
        time.sleep(0.01)
        refused(401, lambda: with_ticket(late))


# ---- sessions that end ----------------------------------------------------------------------------------------------


def test_a_session_expires():
    assert issue(session_ttl_ms=1000)["session_ttl_ms"] == 1000 and "session_ttl_ms" not in issue()
    started = time.time()
    with with_ticket(ticket(session_ttl_ms=800)) as a:
        assert 0 <= ok(a.ask("auth"))["expires_ms"] <= 800
        ok(a.ask("subscribe", channel="chat:expires"))
        assert a.close_code() == 4201
        assert 0.7 < time.time() - started < 4


def test_a_further_ticket_refreshes_a_session():
    with Resp(PORT) as r:
        config(r, requirepass=PASSWORD)
        with with_ticket(ticket(session_ttl_ms=1000)) as a:
            reply = ok(a.ask("auth", ticket=ticket(user="ann", session_ttl_ms=60000)))
            assert 50000 < reply["expires_ms"] <= 60000 and reply["user"] == "ann"
            time.sleep(2.2)
            ok(a.ask("ping"))
            assert ok(a.ask("auth", ticket=ticket()))["expires_ms"] is None
        with with_ticket(ticket(session_ttl_ms=1000)) as a:
            assert ok(a.ask("auth", token=PASSWORD))["expires_ms"] <= 1000, "only a ticket refreshes a ticket's session"
            assert a.close_code() == 4201


# ---- connections of an address ---------------------------------------------------------------------------------------


def test_connections_of_an_address():
    with Resp(PORT) as r, Baseline():
        config(r, ws_max_connections_per_address=3)
        three = [WebSocket(HTTP) for _ in range(3)]
        refused(429, lambda: WebSocket(HTTP))
        assert ok(three[0].ask("ping"))
        three.pop().close()
        three.append(eventually_open())
        refused(429, lambda: WebSocket(HTTP))
        config(r, ws_max_connections_per_address=4)
        three.append(WebSocket(HTTP))
        refused(429, lambda: WebSocket(HTTP))
        config(r, ws_max_connections_per_address=0)
        three.append(WebSocket(HTTP))
        for a in three:
            a.close()
        config(r, ws_max_connections_per_address=1)
        eventually_open().close()
        config(r, ws_max_connections_per_address=0)


def eventually_open():
    """Once the server has seen others leave."""
    until = time.time() + 5
    while True:
        try:
            return WebSocket(HTTP)
        except Refused as answer:
            assert answer.status == 429 and time.time() < until
            time.sleep(0.02)


def test_the_limit_is_exact_when_many_come_at_once():
    let_in, turned_away = [], []

    def come():
        for _ in range(10):
            try:
                let_in.append(WebSocket(HTTP))
            except Refused as answer:
                turned_away.append(answer.status)

    with Resp(PORT) as r:
        config(r, ws_max_connections_per_address=7)
        threads = [threading.Thread(target=come) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        config(r, ws_max_connections_per_address=0)
        for a in let_in:
            a.close()
        assert len(let_in) == 7 and turned_away == [429] * 73, (len(let_in), turned_away)
