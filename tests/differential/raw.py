"""Bytes on the wire: inline commands, protocol errors, broken and oversized frames. Each case has a fresh connection
to each server; what comes back, and whether the connection is closed, must be the same. Fixed cases, then
seeded distortions of good pipelines of commands without state."""

import random
import re
import select
import time

import resp
from connection import Connection

QUIET_SECONDS = 0.4
GROUP = 50
DISTORTED = 200

PING = resp.encode([b"PING"])
CASES = [
    # inline commands
    b"PING\r\n", b"PING\n", b"  PING  \r\n", b"ping hello\r\n", b"\r\nPING\r\n", b"\r\n\r\n\r\nPING\r\n", b"\n\nPING\n", b" \r\nPING\r\n",
    b'ECHO "hello world"\r\n', b"ECHO 'hello world'\r\n", b'ECHO "a\\x41\\n\\r\\t\\b\\a\\\\"\r\n', b"ECHO 'it\\'s'\r\n", b"ECHO 'a\\n'\r\n",
    b'ECHO "unbalanced\r\nPING\r\n', b"ECHO 'unbalanced\r\nPING\r\n", b'ECHO "a"b\r\nPING\r\n', b"ECHO 'a'b\r\nPING\r\n", b'ECHO a"b"\r\nPING\r\n',
    b'ECHO ""\r\n', b"ECHO ''\r\n", b'ECHO "\\xZZ"\r\n', b"ECHO\r\n", b"ECHO a b\r\n", b"NOSUCH a b\r\n", b"\x00\r\nPING\r\n", b"ECHO \x00\r\nPING\r\n",
    b"PING\r\nPING\r\nECHO x\r\n", b"PING\rPING\r\n", b"ECHO \xff\xfe\r\n", b"ECHO \"\xff\"\r\n", b"ECHO a\tb\r\n", b"\tPING\r\n",
    b"GET http://host/ HTTP/1.1\r\n", b"QUIT\r\nPING\r\n", b"quit now\r\nPING\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"host: x\r\nPING\r\n", b"HOST:\r\n",
    # counts of arguments
    b"*0\r\n" + PING, b"*-1\r\n" + PING, b"*-10\r\n" + PING, b"*abc\r\n" + PING, b"*\r\n" + PING, b"*1a\r\n" + PING, b"* 1\r\n" + PING, b"*+1\r\n" + PING,
    b"*1048577\r\n", b"*2147483648\r\n", b"*9223372036854775808\r\n", b"*-9223372036854775809\r\n", b"*01\r\n$4\r\nPING\r\n", b"*1048576\r\n",
    b"*1\n$4\r\nPING\r\n", b"*1\r$4\r\nPING\r\n", b"*1.0\r\n$4\r\nPING\r\n", b"*1 \r\n$4\r\nPING\r\n", b"*-0\r\n" + PING,
    # lengths of arguments
    b"*1\r\n$-1\r\n", b"*1\r\n$abc\r\n", b"*1\r\n$\r\n", b"*1\r\n$536870913\r\n", b"*1\r\n$9223372036854775808\r\n", b"*1\r\n$+4\r\nPING\r\n",
    b"*1\r\n$04\r\nPING\r\n", b"*1\r\n$0\r\n\r\n" + PING, b"*1\r\n$4 \r\nPING\r\n", b"*1\r\n:4\r\nPING\r\n", b"*1\r\nPING\r\n", b"*1\r\n+PING\r\n", b"*1\r\n\r\n",
    b"*2\r\n$4\r\nECHO\r\n*1\r\n", b"*1\r\n%1\r\n", b"*1\r\n$536870912\r\n", b"*2\r\n$4\r\nECHO\r\n$-5\r\n", b"*1\r\n\x00\r\n", b"*1\r\n\xff\r\n",
    # frames that end early or too late
    b"*1\r\n$4\r\nPING", b"*1\r\n$4\r\nPIN", b"*1", b"*", b"*1\r\n$4\r\nPINGxx" + PING, b"*1\r\n$4\r\nPINGPING\r\n", b"*1\r\n$3\r\nPING\r\n" + PING,
    b"*2\r\n$4\r\nECHO\r\n$5\r\nab\r\nc\r\n" + PING, PING + b"*1\r\n$x\r\n" + PING, PING * 3 + b"*q\r\n", b"$4\r\nPING\r\n", b"+PING\r\n", b":1\r\n",
    # longer than a line may be
    b"*" + b"1" * 70000, b"*1\r\n$" + b"1" * 70000, b"A" * 70000, b"A" * 65536 + b"\r\n",
    # commands that change the reply's form, or end the connection
    resp.encode([b"QUIT"]) + PING, resp.encode([b"HELLO", b"3"]) + PING, resp.encode([b"CLIENT", b"REPLY", b"OFF"]) + PING,
    resp.encode([b"CLIENT", b"REPLY", b"SKIP"]) + PING + PING, resp.encode([b"CLIENT", b"REPLY", b"OFF"]) + PING + resp.encode([b"CLIENT", b"REPLY", b"ON"]) + PING,
    resp.encode([b"CLIENT", b"REPLY", b"OFF"]) + resp.encode([b"NOSUCH"]) + resp.encode([b"CLIENT", b"REPLY", b"SKIP"]) + PING + PING,
    resp.encode([b"ECHO", b"x" * 40000]), resp.encode([b"ECHO", b"x" * 300000]) + PING, PING * 2000, resp.encode([b"x" * 200, b"y" * 300]),
    resp.encode([b"NOSUCH"] + [b"arg%d" % i for i in range(60)]), resp.encode([b"NO\r\nSUCH", b"a\r\nb"]), resp.encode([b"CLIENT", b"no\r\nsuch"]),
    resp.encode([b"RESET"]) + PING, resp.encode([b"HELLO", b"3"]) + resp.encode([b"GET", b"nokey"]) + resp.encode([b"RESET"]) + resp.encode([b"GET", b"nokey"]),
    resp.encode([b"SUBSCRIBE", b"c"]) + PING + resp.encode([b"GET", b"k"]) + resp.encode([b"UNSUBSCRIBE"]) + PING,
    resp.encode([b"SUBSCRIBE", b"c"]) + resp.encode([b"QUIT"]) + PING,
]  # fmt: skip

GOOD = [[b"PING"], [b"PING", b"hello"], [b"ECHO", b"x" * 20], [b"ECHO", b""], [b"NOSUCH", b"a"], [b"ECHO"], [b"SELECT", b"1"], [b"CLIENT", b"GETNAME"]]


def distorted(rng):
    data = bytearray(b"".join(resp.encode(rng.choice(GOOD)) for _ in range(rng.randrange(1, 6))))
    for _ in range(rng.randrange(1, 4)):
        at, kind = rng.randrange(len(data) or 1), rng.randrange(4)
        if kind == 0 and data:
            data[at] = rng.choice(b"*$\r\n0129-: \x00\xffA'\"")
        elif kind == 1:
            del data[at : at + rng.randrange(1, 4)]
        elif kind == 2:
            data[at:at] = bytes(rng.choice(b"*$\r\n019-:") for _ in range(rng.randrange(1, 3)))
        else:
            data = data[: at + 1]
    return bytes(data)


def answers(port, cases):
    """For every case the bytes that came back and whether the connection was closed; all in parallel."""
    connections = [Connection(port) for _ in cases]
    got = {c.sock: [b"", False] for c in connections}
    for connection, case in zip(connections, cases):
        try:
            connection.send(case)
        except OSError:
            pass
    waiting, last = set(got), time.monotonic()
    while waiting and time.monotonic() - last < QUIET_SECONDS:
        ready, _, _ = select.select(list(waiting), [], [], QUIET_SECONDS / 4)
        for sock in ready:
            last = time.monotonic()
            try:
                data = sock.recv(1 << 18)
            except OSError:
                data = b""
            got[sock][0] += data
            if not data:
                got[sock][1] = True
                waiting.discard(sock)
    results = [tuple(got[c.sock]) for c in connections]
    for connection in connections:
        connection.close()
    return results


def told(case, ours, theirs):
    lines = ["sent:      " + resp.quote(case[:300])]
    for name, (data, closed) in (("atrium:    ", ours), ("reference: ", theirs)):
        lines.append(name + resp.quote(data[:300]) + (" and closed" if closed else " and kept open"))
    return lines


def run(ports, seed, accepted, report):
    rng = random.Random("%d raw" % seed)
    cases = CASES + [distorted(rng) for _ in range(DISTORTED)]
    for at in range(0, len(cases), GROUP):
        group = cases[at : at + GROUP]
        for case, ours, theirs in zip(group, answers(ports[0], group), answers(ports[1], group)):
            if same(case, ours, theirs, accepted):
                report.passed += 1
                continue
            report.difference("raw %s" % resp.quote(case[:60]), lambda: told(case, ours, theirs))


def comparable(answer):
    """HELLO tells a version and a connection's id, which differ."""
    data = re.sub(rb"(\r\nversion\r\n)\$\d+\r\n[\d.]+", rb"\1", answer[0])
    return re.sub(rb"(\r\nid\r\n:)\d+", rb"\1", data), answer[1]


def same(case, ours, theirs, accepted):
    """Where much is left unread the closing may destroy the answer on its way: then the closing alone counts."""
    if comparable(ours) == comparable(theirs) or (len(case) > 65000 and ours[1] and theirs[1]):
        return True
    return bool(accepted.covers([b"RAW", case[:300]], *(("$", data + (b" closed" if closed else b" open")) for data, closed in (ours, theirs))))
