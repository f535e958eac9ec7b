"""memcached's binary protocol against Debian's memcached 1.6: fixed cases and seeded ones that are wrong in one place,
each on a fresh connection, and seeded pipelines, cut into pieces at random places. Every frame that comes must be equal but for

- cas uniques: a count there, the value's digest here. Each server is sent those that it gave; 0 stays 0.
- version's text, and stat's answers: the servers' own. That they come, and end, is compared.
- an unknown command with a body: memcached passes over extras and key twice, and loses what follows.
- a wrong magic behind good requests: memcached closes without their answers, atrium sends them first.
- the longest value: memcached counts its item's head, atrium the value alone.
- how many blanks a number has behind it that decr has made shorter: see memcached.py; numbers are not read back."""

import random
import socket
import struct
import time

HEAD = struct.Struct(">BBHBBHIIQ")
GET, SET, ADD, REPLACE, DELETE, INCR, DECR, QUIT, FLUSH, GETQ, NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND, STAT = range(17)
SETQ, ADDQ, REPLACEQ, DELETEQ, INCRQ, DECRQ, QUITQ, FLUSHQ, APPENDQ, PREPENDQ = range(0x11, 0x1B)
TOUCH, GAT, GATQ, GATK, GATKQ = 0x1C, 0x1D, 0x1E, 0x23, 0x24
PIPELINE = 40
QUIET_SECONDS = 0.12


def frame(opcode, key=b"", value=b"", extras=b"", cas=0, opaque=0, magic=0x80, lengths=None):
    """lengths: key, extras, body where they are to lie."""
    n = lengths or (len(key), len(extras), len(extras) + len(key) + len(value))
    return HEAD.pack(magic, opcode, n[0], n[1], 0, 0, n[2], opaque, cas) + extras + key + value


def stored(opcode, key, value, flags=0, exptime=0, **more):
    return frame(opcode, key, value, struct.pack(">II", flags, exptime), **more)


def counted(opcode, key, delta=1, initial=0, exptime=0xFFFFFFFF, **more):
    return frame(opcode, key, b"", struct.pack(">QQI", delta, initial, exptime), **more)


def until(opcode, key, exptime, **more):
    return frame(opcode, key, b"", struct.pack(">I", exptime), **more)


A1 = stored(SET, b"a", b"1", 5)
BIG = b"x" * 1048577
KNOWN = [op for op in range(0x25) if op not in (QUIT, QUITQ, STAT, 0x1B, 0x1F)]
CASES = [
    frame(GET, b"a"), A1 + frame(GET, b"a"), A1 + frame(GETK, b"a", opaque=77) + frame(GETQ, b"a") + frame(GETKQ, b"a"), frame(GETK, b"a") + frame(GETQ, b"a") + frame(GETKQ, b"a"),
    frame(GET), frame(GET, b"a", b"x"), frame(GET, b"a", extras=b"1234"), frame(GET, b"k" * 250), frame(GET, b"k" * 251), frame(GET, b"a b\r\n") + stored(SET, b"a b\r\n", b"1") + frame(GETK, b"a b\r\n"),
    A1 + stored(SET, b"a", b"", 7) + frame(GET, b"a"), frame(SET, b"a", b"1"), frame(SET, b"a", b"1", b"1234"), stored(SET, b"", b"1"), stored(SETQ, b"a", b"1") + frame(GET, b"a"),
    A1 + stored(SET, b"a", BIG) + frame(GET, b"a"), A1 + stored(ADD, b"a", BIG) + frame(GET, b"a"), A1 + stored(REPLACE, b"a", BIG) + frame(GET, b"a"), stored(SETQ, b"a", BIG) + frame(NOOP),
    A1 + frame(APPEND, b"a", BIG) + frame(GET, b"a"),
    A1 + stored(ADD, b"a", b"2") + stored(ADDQ, b"a", b"2") + stored(ADD, b"b", b"2") + stored(ADDQ, b"c", b"2"), A1 + stored(REPLACE, b"a", b"2") + stored(REPLACE, b"b", b"2") + stored(REPLACEQ, b"b", b"2") + frame(GET, b"a"),
    A1 + stored(SET, b"a", b"2", cas=12345) + stored(ADD, b"a", b"2", cas=12345) + stored(REPLACE, b"a", b"2", cas=12345) + frame(GET, b"a"),
    stored(SET, b"a", b"2", cas=9) + stored(ADD, b"a", b"2", cas=9) + stored(REPLACE, b"a", b"2", cas=9) + stored(SETQ, b"a", b"2", cas=9),
    A1 + frame(APPEND, b"a", b"2") + frame(PREPEND, b"a", b"0") + frame(APPENDQ, b"a", b"3") + frame(GET, b"a"), frame(APPEND, b"a", b"2") + frame(PREPEND, b"a", b"0") + frame(APPENDQ, b"a", b"3"),
    A1 + frame(APPEND, b"a", b"2", cas=99) + frame(PREPEND, b"a", b"2", cas=99), frame(APPEND, b"a", b"2", b"1234"), frame(APPEND, b"", b"2"), A1 + frame(APPEND, b"a") + frame(GET, b"a"),
    A1 + frame(DELETE, b"a") + frame(DELETE, b"a") + frame(DELETEQ, b"a"), A1 + frame(DELETEQ, b"a") + frame(GET, b"a"), A1 + frame(DELETE, b"a", cas=99) + frame(GET, b"a"), frame(DELETE), frame(DELETE, b"a", b"x"), frame(DELETE, b"a", extras=b"1234"),
    counted(INCR, b"n"), counted(INCR, b"n", 1, 10, 0) + counted(INCR, b"n", 5) + counted(DECR, b"n", 3) + counted(DECR, b"n", 100) + frame(GET, b"n"), counted(INCRQ, b"n", 1, 10, 0) + counted(INCRQ, b"n") + counted(DECRQ, b"m") + frame(NOOP),
    A1 + counted(INCR, b"a") + counted(INCR, b"a", cas=99) + counted(INCR, b"a", 2**64 - 1), stored(SET, b"a", b"x") + counted(INCR, b"a") + counted(DECRQ, b"a"), counted(DECR, b"n", 1, 2**64 - 1, 100) + frame(GET, b"n"), frame(INCR, b"n"), frame(INCR, b"n", extras=b"12345678"),
    counted(INCR, b"n", 1, 5, 100, cas=99) + counted(INCR, b"n", 1, 5, 100), stored(SET, b"n", b"") + counted(INCR, b"n", cas=99) + counted(DECRQ, b"n", cas=99),
    A1 + until(TOUCH, b"a", 100) + until(GAT, b"a", 100) + until(GATK, b"a", 100) + until(GATQ, b"a", 100) + until(GATKQ, b"a", 100), until(TOUCH, b"a", 0) + until(GAT, b"a", 0) + until(GATK, b"a", 0) + until(GATQ, b"a", 0) + until(GATKQ, b"a", 0),
    frame(TOUCH, b"a"), until(TOUCH, b"", 1), A1 + until(TOUCH, b"a", 2592001) + frame(GET, b"a"), A1 + until(GAT, b"a", 0xFFFFFFFF) + frame(GET, b"a"), stored(SET, b"a", b"1", 0, 2592001) + frame(GET, b"a"),
    A1 + frame(FLUSH) + frame(GET, b"a"), A1 + frame(FLUSH, extras=b"\0\0\0\0") + frame(GET, b"a"), A1 + frame(FLUSHQ) + frame(GET, b"a"), frame(FLUSH, b"a"), frame(FLUSH, extras=b"12"), A1 + frame(FLUSH, extras=b"\0\0\x0f\xff") + frame(GET, b"a"),
    frame(NOOP, opaque=0x01020304), frame(NOOP, b"a"), frame(NOOP, b"", b"x"), frame(VERSION), frame(VERSION, b"a"), frame(QUIT) + frame(NOOP), frame(QUITQ) + frame(NOOP), frame(QUIT, b"a"), frame(QUITQ, b"a"),
    frame(STAT, b"nosuch"), frame(STAT, b"reset"), frame(STAT, b"detail x"), frame(STAT, b"detail"), frame(STAT, extras=b"1234"),
    frame(0x1B), frame(0x20), frame(0x21, b"PLAIN", b"\0a\0b"), frame(0x22, b"PLAIN", b"\0a\0b"), frame(0x25) + frame(NOOP),
    frame(GET, b"a", lengths=(1, 0, 0)), frame(GET, b"ab", lengths=(2, 0, 1)), frame(SET, b"a", b"1", b"12345678", lengths=(1, 8, 5)), frame(GET, b"a", magic=0x81), A1, A1 + b"\x80",
    stored(SET, b"a", b"1", lengths=(1, 8, 11)), frame(GET, b"a", lengths=(3, 0, 3)), frame(NOOP, lengths=(0, 0, 30)),
    *(frame(op, b"a") for op in KNOWN), *(frame(op) for op in range(256) if op not in (QUIT, QUITQ, STAT)), *(frame(op, b"a", b"12345678", b"12345678") for op in KNOWN),
]  # fmt: skip


def split(data):
    """Whole frames of the data: opcode, status, opaque, cas, extras, key, value; and what is left."""
    frames = []
    while len(data) >= HEAD.size:
        magic, opcode, nkey, nextras, kind, status, nbody, opaque, cas = HEAD.unpack_from(data)
        if len(data) < HEAD.size + nbody:
            break
        body, data = data[HEAD.size : HEAD.size + nbody], data[HEAD.size + nbody :]
        frames.append((magic, opcode, kind, status, opaque, cas, body[:nextras], body[nextras : nextras + nkey], body[nextras + nkey :]))
    return frames, data


def plain(frames):
    shown = []
    for magic, opcode, kind, status, opaque, cas, extras, key, value in frames:
        if opcode == VERSION and status == 0:
            value = b"version"
        shown.append((magic, opcode, kind, status, opaque, "cas" if cas else 0, extras, key, value))
    return shown


def flush(port):
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(frame(FLUSH))
        s.recv(HEAD.size)


def answer(port, case):
    """Frames, what follows them, and whether the server closes; a noop behind tells that all has come."""
    flush(port)
    reply, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        try:
            s.sendall(case + frame(NOOP, opaque=0xABCDEF))
        except OSError:
            pass
        s.settimeout(QUIET_SECONDS)
        while not closed and not any(f[1] == NOOP and f[4] == 0xABCDEF for f in split(reply)[0]):
            try:
                more = s.recv(1 << 20)
            except TimeoutError:
                break
            except ConnectionResetError:
                more = b""
            closed = not more
            reply += more
    frames, rest = split(reply)
    return plain(frames), rest, closed


def run_case(ports, case, report, may_lose=False):
    """may_lose: where both close, memcached may have kept the last answers."""
    ours, theirs = (answer(port, case) for port in ports)
    lost = may_lose and ours[2] and theirs[2]
    if ours == theirs or (lost and ours[0][: len(theirs[0])] == theirs[0]):
        report.passed += 1
        return
    report.difference("memcached binary %r" % case[:60], lambda: ["> %r" % case[:200], "atrium:    %r" % (ours,), "memcached: %r" % (theirs,)])


class Requests:
    """Text keys t0.., number keys n0..; each text comes once, so that its digest tells as much as memcached's count."""

    def __init__(self, rng):
        self.rng, self.turn = rng, 0

    def key(self):
        return b"t%d" % self.rng.randrange(6)

    def number(self):
        return b"n%d" % self.rng.randrange(6)

    def text(self):
        self.turn += 1
        return b"<%d>" % self.turn + bytes(self.rng.randrange(256) for _ in range(self.rng.choice((0, 3, 20, 700))))

    def exptime(self):
        return self.rng.choice((0, 0, 0, 500, 2592000, 2592001, 2000000000, 0xFFFFFFFF))

    def unique(self, key, seen):
        known = seen.get(key, [])
        back = self.rng.choice((None, None, None, 0, 0, 1))
        return 0 if back is None else known[-1 - back] if len(known) > back else 1

    def store(self):
        key, value, flags, exptime = self.key(), self.text(), self.rng.choice((0, 1, 0xFFFFFFFF)), self.exptime()
        opcode = self.rng.choice((SET, SET, SETQ, ADD, ADDQ, REPLACE, REPLACEQ))
        if self.rng.random() < 0.3:
            key, value, opcode = self.number(), b"%d" % self.rng.randrange(10**6), self.rng.choice((SET, SETQ, ADD))
            return lambda seen, opaque: stored(opcode, key, value, flags, exptime, opaque=opaque)
        state = self.rng.getstate()
        self.rng.random()
        return lambda seen, opaque: stored(opcode, key, value, flags, exptime, opaque=opaque, cas=self.same(state, key, seen))

    def same(self, state, key, seen):
        """The draw that was made when the request was: the same for both servers."""
        mine, now = self.rng, random.Random()
        now.setstate(state)
        self.rng = now
        try:
            return self.unique(key, seen)
        finally:
            self.rng = mine

    def extend(self):
        opcode, key, value, state = self.rng.choice((APPEND, PREPEND, APPENDQ, PREPENDQ)), self.key(), self.text(), self.rng.getstate()
        self.rng.random()
        return lambda seen, opaque: frame(opcode, key, value, opaque=opaque, cas=self.same(state, key, seen))

    def get(self):
        opcode, key = self.rng.choice((GET, GETQ, GETK, GETKQ)), self.key()
        return lambda seen, opaque: frame(opcode, key, opaque=opaque)

    def touch(self):
        opcode, key, exptime = self.rng.choice((TOUCH, GAT, GATQ, GATK, GATKQ)), self.key(), self.exptime()
        return lambda seen, opaque: until(opcode, key, exptime, opaque=opaque)

    def delete(self):
        opcode, key, state = self.rng.choice((DELETE, DELETEQ)), self.rng.choice((self.key, self.key, self.number))(), self.rng.getstate()
        self.rng.random()
        return lambda seen, opaque: frame(opcode, key, opaque=opaque, cas=self.same(state, key, seen) if key[:1] == b"t" else 0)

    def count(self):
        opcode, key = self.rng.choice((INCR, DECR, INCRQ, DECRQ)), self.rng.choice((self.number, self.number, self.number, self.key))()
        delta, initial = self.rng.choice((1, 10, 10**9)), self.rng.randrange(10**9)
        exptime = 0xFFFFFFFF if key[:1] == b"t" else self.rng.choice((0, 500, 0xFFFFFFFF))
        return lambda seen, opaque: counted(opcode, key, delta, initial, exptime, opaque=opaque)

    def other(self):
        data = self.rng.choice(((NOOP, b"", b""), (VERSION, b"", b""), (0x30, b"", b""), (0x1B, b"", b""), (STAT, b"nosuch", b"")))
        return lambda seen, opaque: frame(*data, opaque=opaque)

    def any(self):
        makers = (self.store, self.get, self.extend, self.touch, self.delete, self.count, self.other)
        return self.rng.choices(makers, (30, 30, 10, 12, 6, 15, 3))[0]()


class Wrong:
    """Short pipelines of which one request is wrong in one place: a length, its key, its value, its opcode."""

    def __init__(self, rng):
        self.rng = rng

    def request(self):
        """Opcode, key, value, extras."""
        choice = self.rng.choice
        opcode, key = choice(KNOWN), choice((b"a", b"b", b"c", b"n" * 9))
        if opcode in (SET, ADD, REPLACE, SETQ, ADDQ, REPLACEQ):
            return [opcode, key, b"7" * choice((0, 1, 5, 50)), struct.pack(">II", choice((0, 5)), 0)]
        if opcode in (INCR, DECR, INCRQ, DECRQ):
            return [opcode, key, b"", struct.pack(">QQI", choice((1, 2**63, 2**64 - 1)), 7, choice((0, 100, 0xFFFFFFFF)))]
        if opcode in (APPEND, PREPEND, APPENDQ, PREPENDQ):
            return [opcode, key, b"7" * choice((0, 1, 5)), b""]
        if opcode in (TOUCH, GAT, GATQ, GATK, GATKQ):
            return [opcode, key, b"", struct.pack(">I", choice((0, 100)))]
        if opcode in (0x21, 0x22):
            return [opcode, b"PLAIN", b"\0a\0b", b""]
        return [opcode, b"" if opcode in (FLUSH, FLUSHQ, NOOP, VERSION, 0x20) else key, b"", b""]

    def spoil(self, request, more):
        kind = self.rng.choice(("opcode", "key", "no key", "value", "extras", "no extras", "cas", "lengths"))
        if kind == "opcode":
            request[0] = self.rng.choice(KNOWN)
        elif kind in ("key", "no key"):
            request[1] = b"k" * self.rng.choice((1, 250, 251, 300)) if kind == "key" else b""
        elif kind == "value":
            request[2] = b"5" * self.rng.choice((1, 30))
        elif kind in ("extras", "no extras"):
            request[3] = bytes(self.rng.randrange(1, 40)) if kind == "extras" else b""
        elif kind == "cas":
            more["cas"] = self.rng.choice((1, 2**64 - 1))
        else:
            _, key, value, extras = request
            lengths = [len(key), len(extras), len(key) + len(extras) + len(value)]
            at = self.rng.randrange(3)
            lengths[at] = max(0, lengths[at] + self.rng.choice((-1, 1, -lengths[at], 3)))
            more["lengths"] = tuple(lengths)

    def pipeline(self):
        data, wrong = b"", self.rng.randrange(4)
        for i in range(4):
            request, more = self.request(), {"opaque": self.rng.getrandbits(32)}
            if i == wrong:
                self.spoil(request, more)
            data += frame(*request, **more)
        return data


class Side:
    def __init__(self, port):
        self.socket, self.seen, self.opaque = socket.create_connection(("127.0.0.1", port), 10), {}, 0

    def ask(self, requests, rng):
        """The responses to a pipeline."""
        data = b""
        for request in requests:
            self.opaque += 1
            data += request(self.seen, self.opaque)
        self.opaque += 1
        data += frame(NOOP, opaque=self.opaque)
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.choice((0, 1, 3, 10))))
        for start, stop in zip([0] + cuts, cuts + [len(data)]):
            self.socket.sendall(data[start:stop])
            if rng.random() < 0.3:
                time.sleep(0.0005)
        reply, frames = b"", []
        while not frames or frames[-1][4] != self.opaque:
            more = self.socket.recv(1 << 20)
            if not more:
                return plain(frames) + ["closed"]
            frames, _ = split(reply := reply + more)
        for _, opcode, _, status, _, cas, _, key, _ in frames:
            if opcode in (GETK, GETKQ, GATK, GATKQ) and cas and cas not in self.seen.setdefault(key, []):
                self.seen[key].append(cas)
        return plain(frames)

    def close(self):
        self.socket.close()


def run_pipelines(ports, seed, count, report):
    rng = random.Random("%d memcached binary" % seed)
    requests, sides = Requests(rng), None
    while count > 0:
        if not sides or rng.random() < 0.05:
            for side in sides or ():
                side.close()
            for port in ports:
                flush(port)
            sides = [Side(port) for port in ports]
        pipeline = [requests.any() for _ in range(rng.randrange(1, PIPELINE))]
        count -= len(pipeline)
        cuts = rng.getrandbits(32)
        ours, theirs = (side.ask(pipeline, random.Random(cuts)) for side in sides)
        if ours == theirs:
            report.passed += len(pipeline)
            continue
        at = next((i for i in range(min(len(ours), len(theirs))) if ours[i] != theirs[i]), min(len(ours), len(theirs)))
        sent = [repr(r({}, 0))[:120] for r in pipeline]
        report.difference("memcached binary pipeline", lambda: sent + ["atrium:    %r" % (ours[at : at + 2],), "memcached: %r" % (theirs[at : at + 2],)])
        sides = None


def run(ports, seed, count, report):
    for case in CASES:
        run_case(ports, case, report)
    wrong = Wrong(random.Random("%d memcached binary, wrong" % seed))
    for _ in range(count // 100):
        run_case(ports, wrong.pipeline(), report, True)
    run_pipelines(ports, seed, count, report)
