"""SASL at the memcached door against Debian's memcached 1.6 -S: fixed cases and seeded conversations, each on a
connection of its own. A stand-in for saslauthd tells memcached who may come in. Every frame must be equal, and whether
the server closes, but for

- the version's text.
- once in: memcached's library refuses the next good message, whatever was between; atrium takes it. None is sent.
- the longest message: memcached counts its item's head, atrium the message alone.
- a first byte that is not 0x80: memcached -S speaks the binary protocol alone, atrium text too (memcached.py)."""

import os
import random
import socket
import struct
import tempfile
import threading

import servers
from memcached_binary import APPEND, GET, NOOP, QUIT, QUITQ, SET, STAT, VERSION, frame, plain, split, stored, until

LIST, AUTH, STEP = 0x20, 0x21, 0x22
USER, PASSWORD = b"default", b"sesame"
END = 0xABCDEF
CONF = "mech_list: plain\npwcheck_method: saslauthd\nsaslauthd_path: %s\n"


def message(user=USER, password=PASSWORD, acts_as=b""):
    return acts_as + b"\0" + user + b"\0" + password


def auth(value=message(), mechanism=b"PLAIN"):
    return frame(AUTH, mechanism, value)


def step(value=message(), mechanism=b"PLAIN"):
    return frame(STEP, mechanism, value)


ASK, GOOD, BAD, BEGIN, MECHANISMS = frame(GET, b"nokey"), auth(), auth(message(password=b"wrong")), auth(b""), frame(LIST)
GARBLED = (b"x", b"\0", b"\0\0", b"\0default", b"default\0sesame", b"sesame", b"\0default\0", b"\0\0sesame")
CASES = [
    # a stranger: what is answered, and what closes
    *(frame(op) for op in range(256)), *(frame(op, b"a") for op in range(0x28)), *(frame(op, b"a", b"12345678", b"12345678") for op in range(0x28)),
    stored(SET, b"a", b"1"), until(0x1D, b"a", 0), frame(GET, b"k" * 251), frame(GET, b"a", lengths=(1, 0, 0)), frame(0x50, b"", b"body"),
    frame(QUIT), frame(QUITQ), frame(STAT), frame(APPEND, b"a", b"1"), frame(NOOP, b"a"), frame(VERSION) + ASK, MECHANISMS + frame(NOOP),
    # one message
    GOOD + ASK, BAD + ASK, auth(message(b"other")) + ASK, auth(message(b"")) + ASK, auth(message(password=b"")) + ASK, auth(message(b"Default")) + ASK,
    *(auth(value) + ASK for value in GARBLED), auth(message(acts_as=USER)) + ASK, auth(message(acts_as=b"other")) + ASK, auth(message() + b"\0") + ASK,
    auth(message() + b"\0x") + ASK, auth(message(password=b"sesam")) + ASK, auth(message(password=b"sesame ")) + ASK, auth(message(password=b"x" * 2000)) + ASK,
    auth(message(b"u" * 300)) + ASK, auth(message(password=b"x" * 1048577)) + ASK, GOOD + auth(b"x" * 1048577) + ASK,
    # mechanisms
    auth(mechanism=b"plain") + ASK, auth(mechanism=b"Plain") + ASK, auth(mechanism=b"PLAI") + ASK, auth(mechanism=b"PLAINX") + ASK, auth(mechanism=b"LOGIN") + ASK,
    *(auth(mechanism=b"P" * n) + ASK for n in (32, 33, 250, 251)), frame(AUTH, b"", message()), frame(AUTH, b"PLAIN", message(), b"1234"), frame(LIST, b"a"), frame(LIST, b"", b"x"),
    # steps, and what makes a stranger again
    step() + ASK, BEGIN + step() + ASK, BEGIN + step(mechanism=b"NOPE") + ASK, BEGIN + step(mechanism=b"P" * 33) + ASK, BEGIN + step(b"") + step() + ASK,
    BEGIN + GOOD + ASK, BEGIN + BAD + step() + ASK, BAD + step() + ASK, BEGIN + step(message(password=b"x")) + step() + ASK, BEGIN + BEGIN + step() + ASK,
    BEGIN + MECHANISMS + step() + ASK, BEGIN + auth(mechanism=b"NOPE") + step() + ASK, BEGIN + step() + step() + ASK, GOOD + step() + ASK,
    GOOD + MECHANISMS + ASK, GOOD + BAD + ASK, BAD + GOOD + ASK, GOOD + BAD + GOOD + ASK, GOOD + auth(mechanism=b"NOPE") + ASK, GOOD + BEGIN + ASK,
    GOOD + auth(mechanism=b"P" * 40) + ASK, GOOD + auth(b"x") + ASK, GOOD + frame(0x50) + ASK, GOOD + frame(LIST, b"a"),
    # once in
    GOOD + stored(SET, b"a", b"1") + frame(GET, b"a") + frame(NOOP), GOOD + frame(QUIT) + ASK, GOOD + frame(GET, b"k" * 251),
]  # fmt: skip


class Judge:
    """What saslauthd does for one user: counted strings come, a counted answer goes."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            with link, link.makefile("rb") as stream:
                user, password, _, _ = (stream.read(struct.unpack(">H", stream.read(2))[0]) for _ in range(4))
                answer = b"OK" if (user, password) == (USER, PASSWORD) else b"NO"
                link.sendall(struct.pack(">H", len(answer)) + answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def start_memcached(folder):
    """One that asks the judge in the folder."""
    port = servers.free_port()
    with open(os.path.join(folder, "memcached.conf"), "w") as conf:
        conf.write(CONF % os.path.join(folder, "mux"))
    argv = ["env", "SASL_CONF_PATH=" + folder, "memcached", "-S", "-p", str(port), "-l", "127.0.0.1", "-U", "0", "-t", "1", "-u", "root"]
    return servers.Process(argv, port, tempfile.mkdtemp(prefix="differential-"))


def answer(port, case):
    """Frames, what follows them, and whether the server closes; a version behind, which a stranger may ask, ends it."""
    reply, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        try:
            s.sendall(case + frame(VERSION, opaque=END))
            while not closed and not any(f[4] == END for f in split(reply)[0]):
                more = s.recv(1 << 20)
                closed = not more
                reply += more
        except (BrokenPipeError, ConnectionResetError):
            closed = True
    frames, rest = split(reply)
    return plain(frames), rest, closed


def conversation(rng):
    """Requests of a stranger who tries; nothing good is said to who may be in."""
    requests, may_be_in = [], False
    for _ in range(rng.randrange(1, 9)):
        kind = rng.choice(("good", "good step", "begin", "bad", "bad step", "garbled", "list", "mechanism", "version", "unknown", "ask"))
        if may_be_in and kind in ("good", "good step", "begin"):
            continue
        noise = bytes(rng.choice(b"\0adefultsm") for _ in range(rng.randrange(1, 20)))
        wrong = rng.choice((message(password=b"wrong"), message(b"nobody"), noise, *GARBLED))
        requests.append({
            "good": GOOD, "good step": step(), "begin": BEGIN, "bad": BAD, "bad step": step(wrong), "garbled": auth(wrong), "list": MECHANISMS,
            "mechanism": auth(mechanism=rng.choice((b"LOGIN", b"PLAI", b"P" * 33))), "version": frame(VERSION), "unknown": frame(0x50) if rng.random() < 0.3 else b"",
            "ask": ASK if rng.random() < 0.3 else b"",
        }[kind])  # fmt: skip
        may_be_in = kind.startswith("good") or (may_be_in and kind not in ("bad", "garbled"))
    return b"".join(requests) + ASK


def run_case(ports, case, report):
    ours, theirs = (answer(port, case) for port in ports)
    if ours == theirs:
        report.passed += 1
        return
    report.difference("memcached sasl", lambda: ["> %r" % case[:300], "atrium:    %r" % (ours,), "memcached: %r" % (theirs,)])


def run(program, seed, count, report):
    """`program` is atrium."""
    rng = random.Random("%d memcached sasl" % seed)
    with tempfile.TemporaryDirectory(prefix="differential-") as folder:
        judge = Judge(os.path.join(folder, "mux"))
        started = [servers.start_atrium(program, "--requirepass", PASSWORD.decode())]
        try:
            started.append(start_memcached(folder))
            ports = (started[0].memcached_port, started[1].port)
            for case in CASES:
                run_case(ports, case, report)
            for _ in range(count):
                run_case(ports, conversation(rng), report)
        finally:
            for server in started:
                server.stop()
            judge.close()
