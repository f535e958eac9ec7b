"""Requests of which two ends could be seen, and those that do not end."""

import socket
import threading
import time

from door import Program, equal, problem, receive


def test_two_lengths_of_one_body(door):
    for lines in (b"Content-Length: 3\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 3",
                  b"Content-Length: 3\r\nContent-Length: 4", b"Content-Length: 3\r\nContent-Length: 3",
                  b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity",
                  b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"):
        answer = door.raw(b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                          % lines, timeout=1)
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1, (lines, answer)
        assert b'"code":"bad-request"' in answer or b"Content-Length" in answer, (lines, answer)
    equal(door.command("EXISTS", "k"), 0)


def trickle(port, pieces, pause, results, name):
    """Sends piece after piece until it is cut; how long that took."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(pause)
        for piece in pieces:
            try:
                s.sendall(piece)
                if s.recv(65536) == b"":
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        else:
            began = -1000
    results[name] = time.monotonic() - began


def test_slow_requests_are_cut(door):
    first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\n"
    drops = [b"x"] * 200
    cases = {
        "head": [b"GET /heal"] + drops,
        "headers": [head + b"A: "] + drops,
        "next headers": [first, head + b"A: "] + drops,
        "body": [head + b"Content-Length: 10000\r\n\r\n"] + drops,
        "next body": [first, head + b"Content-Length: 10000\r\n\r\n"] + drops,
        "chunked": [head + b"Transfer-Encoding: chunked\r\n\r\n"] + [b"1\r\nx\r\n"] * 200,
        "silent body": [head + b"Content-Length: 10000\r\n\r\n"] + [b""] * 200,
    }
    with Program("--http-request-seconds", "1") as mine:
        results = {}
        threads = [threading.Thread(target=trickle, args=(mine.http_port, pieces, 0.05, results, name)) for name, pieces in cases.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, took in results.items():
            assert 0.9 < took < 4, (name, took)
        equal(mine.command("EXISTS", "k"), 0)
        with socket.create_connection(("127.0.0.1", mine.http_port)) as s:  # one that waits between requests is not
            s.settimeout(0.5)
            s.sendall(first)
            assert receive(s).startswith(b"HTTP/1.1 200 ")
            time.sleep(1.5)
            s.sendall(first)
            assert receive(s).startswith(b"HTTP/1.1 200 ")
        mine.close()


def test_a_large_body_has_its_time(door):
    """A second for each 16 KiB, beyond the one that any has."""
    with Program("--http-request-seconds", "1") as mine:
        with socket.create_connection(("127.0.0.1", mine.http_port)) as s:
            s.sendall(b"PUT /v1/keys/k HTTP/1.1\r\nHost: x\r\nContent-Length: 163840\r\nConnection: close\r\n\r\n")
            for _ in range(10):
                s.sendall(b"x" * 16384)
                time.sleep(0.25)
            s.settimeout(2)
            assert receive(s).startswith(b"HTTP/1.1 201 ")
        mine.close()
