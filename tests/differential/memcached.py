"""The memcached door against Debian's memcached 1.6: the same bytes to both, and the same bytes back.

Fixed cases first, each on a fresh connection, where it also counts whether the server closes. Then seeded pipelines
of good and of broken requests, cut into pieces at random places. What a cas unique is differs (there a number, here
the value's digest): they are taken out of the replies, and each server is sent the ones that it gave."""

import random
import re
import subprocess
import tempfile
import time

import memcached_binary
import memcached_meta
import servers
from connection import Closed, Connection

QUIET_SECONDS = 0.12
PIPELINE = 40
LONG, LONGEST = b"k" * 251, b"k" * 250
BIG = b"x" * 1048577
HALF = BIG[:700000]


def stored(word, data, rest=b""):
    """A storing request: `word` holds the line up to the length."""
    return b"%s %d%s\r\n%s\r\n" % (word, len(data), rest, data)


A1 = stored(b"set a 0 0", b"1")
CASES = [
    # lines
    b"\r\n", b"\n", b"a\r\n", b" \r\n", b"nosuch\r\n", b"GET a\r\n", A1 + b" get a\r\n", A1 + b"get  a  b\r\n", A1 + b"get a\n", b"x" * 2100,
    b"get " + b"x" * 2100, b"gets " + b"x" * 2100, b"gat 0 " + b"x" * 2100, b"x" * 3000 + b"\r\nget a\r\n", b" " * 200 + b"get " + b"a" * 2100,
    b"get " + b" ".join(b"key%d" % i for i in range(500)) + b"\r\n", b"quit\r\nget a\r\n", b"quit now\r\n",
    # get and its kind
    b"get\r\n", b"gets\r\n", b"get \r\n", b"get a\r\n", b"get " + LONG + b"\r\n", b"get " + LONGEST + b"\r\n", A1 + b"get a zz a\r\n",
    b"gat\r\n", b"gat 0\r\n", b"gat a\r\n", b"gat a b\r\n", A1 + b"gat 0 a\r\n", A1 + b"gat 0 zz a\r\n", A1 + b"gats 100 a a\r\n",
    A1 + b"gat -1 a\r\nget a\r\n", b"gat 0 " + LONG + b"\r\n",
    # storing
    b"set\r\n", b"set a\r\n", b"set a 0 0\r\n", b"set a 0 0 1 2 3\r\n", A1 + b"set a 0 0 1 noreply\r\n2\r\nget a\r\n", A1 + b"set a 0 0 1 x\r\n2\r\nget a\r\n",
    b"set a x 0 1\r\n1\r\n", b"set a 0 x 1\r\n1\r\n", b"set a 0 0 x\r\n1\r\n", b"set a -1 0 1\r\n1\r\n", b"set a 4294967295 0 1\r\n1\r\nget a\r\n",
    b"set a 0 0 -1\r\n", b"set a 0 0 2147483647\r\n", b"set a 0 0 2147483646\r\n", b"set a 0 0 1x\r\n1\r\n", b"set a 0 0 +1\r\n1\r\n",
    b"set a 00 0x1 01\r\n1\r\nget a\r\n", b"set a  7  0  1 \r\n1\r\nget a\r\n", b"set a\tb 0 0 1\r\n1\r\nget a\tb\r\n",
    b"set a 0 0 3\r\nabcdef\r\nget a\r\n", b"set a 0 0 3\r\nab\r\nget a\r\n\r\n", b"set a 0 0 0\r\n\r\nget a\r\n", b"set a 0 0 3\r\nabc\nget a\r\n",
    b"set a 0 0 3\r\nabc\n\rget a\r\n", b"set a 0 0 3\nabc\r\nget a\r\n", b"set a 0 0 3 noreply\r\nabcdef\r\nget a\r\n",
    stored(b"set " + LONG + b" 0 0", b"1") + b"get a\r\n", stored(b"set " + LONG + b" 0 0", b"1", b" noreply") + b"get a\r\n",
    stored(b"set " + LONGEST + b" 0 0", b"1") + b"get " + LONGEST + b"\r\n", b"set a 1 2 3" + b" 4" * 30 + b"\r\n",
    A1 + stored(b"set a 0 0", BIG) + b"get a\r\n", A1 + stored(b"set a 0 0", BIG, b" noreply") + b"get a\r\n",
    A1 + stored(b"add a 0 0", BIG) + b"get a\r\n", A1 + stored(b"replace a 0 0", BIG) + b"get a\r\n", A1 + stored(b"append a 0 0", BIG) + b"get a\r\n",
    stored(b"set a 0 0", HALF) + stored(b"append a 0 0", HALF) + b"get zz\r\n", stored(b"set a 0 0", HALF) + stored(b"append a 0 0", HALF, b" noreply") + b"get zz\r\n",
    stored(b"set a 5 0", b"1") + stored(b"append a 9 0", b"xy") + stored(b"prepend a 9 0", b"zw") + b"get a\r\n",
    stored(b"append zz 0 0", b"1") + stored(b"prepend zz 0 0", b"1") + stored(b"replace zz 0 0", b"1") + A1 + stored(b"add a 0 0", b"2"),
    b"cas zz 0 0 1 5\r\n1\r\n", b"cas a 0 0 1 x\r\n1\r\n", b"cas a 0 0 1\r\n", A1 + b"cas a 0 0 1 99 noreply\r\n1\r\nget a\r\n", b"cas a 0 0 1 -1\r\n1\r\n",
    A1 + b"cas a 0 0 1 18446744073709551615\r\n1\r\n", b"cas a 0 0 1 18446744073709551616\r\n1\r\n",
    # times
    b"set a 0 -1 1\r\n1\r\nget a\r\n", b"set a 0 1000000000 1\r\n1\r\nget a\r\n", A1 + b"add a 0 -1 1\r\n1\r\nget a\r\n", A1 + b"replace a 0 -1 1\r\n1\r\nget a\r\n",
    b"set a 0 2147483647 1\r\n1\r\nget a\r\n", b"set a 0 2592000 1\r\n1\r\nget a\r\n", b"set a 0 2592001 1\r\n1\r\nget a\r\n",
    # incr and decr; not of blanks alone: memcached reads on past their end, into what another value has left there
    b"incr\r\n", b"incr a\r\n", b"incr zz 1\r\n", b"incr a x\r\n", b"incr a -1\r\n", b"incr a 5x\r\n", b"incr a 18446744073709551616\r\n", b"incr a 1 2 3\r\n",
    b"incr " + LONG + b" 1\r\n", A1 + b"incr a +5\r\nincr a  7 \r\nincr a 1 x\r\n",
    stored(b"set n 3 0", b"10") + b"".join(b"%s\r\nget n\r\n" % w for w in (b"incr n 5", b"decr n 10", b"decr n 100", b"incr n 18446744073709551615",
                                                                            b"incr n 1", b"incr n 7", b"incr n 1 noreply", b"decr n 9 noreply")),
    *(stored(b"set n 0 0", v) + b"incr n 1\r\nget n\r\n" for v in (b"ab", b"-5", b" 5", b"5 ab", b"+05", b"", b"-0", b"5x", b"18446744073709551616",
                                                                   b"18446744073709551615", b"0" * 24 + b"12", b"5\t", b"1\r\n2")),
    # delete, touch, flush_all, verbosity, stats
    b"delete\r\n", b"delete zz\r\n", A1 + b"delete a\r\nget a\r\n", A1 + b"delete a 0\r\n", A1 + b"delete a 5\r\n", A1 + b"delete a noreply\r\nget a\r\n",
    A1 + b"delete a 0 noreply\r\nget a\r\n", A1 + b"delete a 5 noreply\r\nget a\r\n", b"delete a b c d\r\n", b"delete " + LONG + b"\r\n", b"delete " + LONG + b" noreply\r\nget a\r\n",
    b"touch\r\n", b"touch a\r\n", b"touch zz 0\r\n", A1 + b"touch a 10\r\ntouch a x\r\ntouch a -1\r\nget a\r\n", A1 + b"touch a 0 noreply\r\nget a\r\n", b"touch a 0 x\r\n",
    b"touch " + LONG + b" 0\r\n", A1 + b"flush_all\r\nget a\r\n", A1 + b"flush_all 0\r\nget a\r\n", A1 + b"flush_all noreply\r\nget a\r\n", b"flush_all x\r\n",
    b"flush_all 0 noreply\r\nget a\r\n", b"flush_all 0 0 0\r\n", b"flush_all x noreply\r\nget a\r\n", b"flush_all 0 x\r\n", b"verbosity\r\n", b"verbosity 0\r\n",
    b"verbosity x\r\n", b"verbosity noreply\r\nget a\r\n", b"verbosity 0 noreply\r\nget a\r\n", b"verbosity 0 1\r\n", b"verbosity 0 1 2\r\n", b"stats nosuch\r\n",
    b"stats reset\r\n",
]  # fmt: skip

CASES += memcached_meta.CASES

VERSION = re.compile(rb"VERSION [^\r\n]*\r\n$")
UNIQUE = re.compile(rb"(VALUE \S+ \d+ \d+) (\d+)\r\n")
META_UNIQUE = re.compile(rb"^((?:HD|VA|NS|EX)\b[^\r\n]* c)[1-9]\d*", re.M)
META_TTL = re.compile(rb"^((?:HD|VA)\b[^\r\n]* t)\d+", re.M)


WIDTH = re.compile(rb"(VALUE n\d \d+) \d+(| unique)\r\n(\d+) *\r\n")


def plain(reply):
    reply = META_TTL.sub(rb"\1N", META_UNIQUE.sub(rb"\1N", reply))
    return UNIQUE.sub(rb"\1 unique\r\n", reply)


def start_memcached():
    port = servers.free_port()
    argv = ["memcached", "-p", str(port), "-l", "127.0.0.1", "-U", "0", "-t", "1", "-u", "root"]
    return servers.Process(argv, port, tempfile.mkdtemp(prefix="differential-"))


def flush(port):
    link = Connection(port)
    link.send(b"flush_all\r\n")
    link.read_until(b"OK\r\n")
    link.close()


# ---- fixed cases


def answer(port, case):
    """What comes, and whether the server closes. Where the case ends by a line's end, `version` after it says that
    all has come; else, and where it was taken for data, some quiet does."""
    flush(port)
    link = Connection(port)
    try:
        link.send(case + (b"version\r\n" if case.endswith(b"\n") else b""))
    except OSError:
        pass  # closed before it had taken all: what it said is still to be read
    reply, closed = b"", False
    while not closed and not VERSION.search(reply):
        more, closed = link.read_some(QUIET_SECONDS)
        if not more:
            break
        reply += more
    link.close()
    return VERSION.sub(b"VERSION\r\n", reply), closed


def run_case(ports, case, report):
    ours, theirs = ((plain(reply), closed) for reply, closed in (answer(port, case) for port in ports))
    if ours == theirs:
        report.passed += 1
        return
    lines = ["> %r" % case[:200], "atrium:    %r closed %s" % (ours[0][:400], ours[1])]
    lines.append("memcached: %r closed %s" % (theirs[0][:400], theirs[1]))
    report.difference("memcached %r" % case[:40], lambda: lines)


def run_delayed_flush(ports, report):
    """`flush_all 1` takes what is there before its time, and what comes after stays."""
    links = [Connection(port) for port in ports]
    for link in links:
        link.send(A1 + b"flush_all 2\r\n" + stored(b"set b 0 0", b"2") + b"get a b\r\n")
        link.read_until(b"END\r\n")
    time.sleep(4)
    replies = []
    for link in links:
        link.send(b"get a b\r\n" + stored(b"set c 0 0", b"3") + b"get c\r\n")
        replies.append(link.read_until(b"\r\n3\r\nEND\r\n"))
        link.close()
    if replies[0] == replies[1]:
        report.passed += 1
    else:
        report.difference("memcached flush_all with a delay", lambda: ["atrium %r, memcached %r" % tuple(replies)])


# ---- seeded pipelines


class Requests(memcached_meta.MetaRequests):
    """Makes requests. Keys t0.. hold text, each value of which comes once, so that its digest tells as much as
    memcached's count; n0.. hold what may be numbers. How many blanks incr and decr leave behind a number that has become
    shorter depends in memcached on whether an answer with the old one is still to be sent, so they are not compared
    here (the fixed cases do), and nothing is added to numbers. These stay below 2^63: above it memcached looks for a
    minus past the number's end too, and finds one now and then."""

    def __init__(self, rng):
        self.rng, self.turn = rng, 0

    def key(self):
        return b"%s%d" % (self.rng.choice((b"t", b"n")), self.rng.randrange(6))

    def text(self):
        self.turn += 1
        filler = bytes(self.rng.randrange(256) for _ in range(self.rng.choice((0, 0, 3, 20, 60, 700))))
        return b"<%d>" % self.turn + filler

    def number(self):
        choice = self.rng.choice
        return choice((b"0", b"7", b"99", b"100", b"65535", b"4611686018427387904", b"007", b" 8", b"3 x", b"ten", b"", b"-1", b"1.5",
                       b"%d" % self.rng.randrange(10**9)))  # fmt: skip

    def value(self, key):
        return self.text() if key[:1] == b"t" or self.rng.random() < 0.03 else self.number()

    def exptime(self):
        return self.rng.choice((b"0", b"0", b"0", b"0", b"500", b"2592000", b"2000000000", b"-1", b"1000000000"))

    def noreply(self):
        return b" noreply" if self.rng.random() < 0.1 else b""

    def store(self):
        key = self.key()
        words = (b"set", b"set", b"set", b"add", b"replace", b"append", b"prepend")
        word = self.rng.choice(words if key[:1] == b"t" else words[:5])
        head = b"%s %s %d %s" % (word, key, self.rng.choice((0, 0, 1, 77, 4294967295)), self.exptime())
        return stored(head, self.value(key), self.noreply())

    def get(self):
        word = self.rng.choice((b"get", b"get", b"gets", b"gat", b"gats"))
        if word[:3] == b"gat":
            word += b" " + self.exptime()
        return word + b"".join(b" " + self.key() for _ in range(self.rng.randrange(1, 5))) + b"\r\n"

    def count(self):
        word = self.rng.choice((b"incr", b"decr"))
        most = b"1" if word == b"incr" else b"18446744073709551615"
        delta = self.rng.choice((b"1", b"1", b"10", b"999", most, b"0", b"%d" % self.rng.randrange(10**12)))
        return b"%s %s %s%s\r\n" % (word, self.key(), delta, self.noreply())

    def other(self):
        key = self.key()
        line = self.rng.choice((b"delete " + key, b"delete " + key, b"touch %s %s" % (key, self.exptime()), b"verbosity 0"))
        return line + self.noreply() + b"\r\n"

    def broken(self):
        """Ends in step with both servers: a line, or data of about the length that was announced."""
        key = self.key()
        length = self.rng.choice((b"x", b"-1", b"3", b"4", b"5", b"7"))
        lines = (b"set %s 0 0 %s\r\nabcde\r\n" % (key, length), b"set %s 0 0\r\n" % key, b"incr %s x\r\n" % key, b"incr %s\r\n" % key, b"nosuch\r\n", b"\r\n",
                 b"touch %s x\r\n" % key, b"delete %s 5\r\n" % key, b"get\r\n", b"gat x %s\r\n" % key, b"flush_all x\r\n", b"cas %s 0 0 1\r\n" % key,
                 b"delete %s 0 0 0\r\n" % key, b"verbosity x\r\n", b"set %s 0 x 2\r\nab\r\n" % key)  # fmt: skip
        return self.rng.choice(lines)

    def cas(self):
        """A cas of a key with a unique that was given for it, or with none that ever was: for each server its own."""
        key = b"t%d" % self.rng.randrange(6)
        back, data = self.rng.choice((0, 0, 0, 1, None)), self.text()
        exptime, noreply = self.exptime(), self.noreply()

        def line(seen):
            known = seen.get(key, [])
            unique = known[-1 - back] if back is not None and len(known) > back else b"1"
            return stored(b"cas %s 5 %s" % (key, exptime), data, b" " + unique + noreply)

        return line

    def any(self):
        makers = (self.store, self.get, self.count, self.other, self.broken, self.cas, self.flush,
                  self.mg, self.ms, self.md, self.ma, self.broken_meta)  # fmt: skip
        return self.rng.choices(makers, (30, 30, 15, 10, 4, 8, 0.3, 30, 20, 10, 10, 3))[0]()

    def flush(self):
        return b"flush_all" + self.noreply() + b"\r\n"


class Side:
    """One server, and the uniques that it gave, by key."""

    def __init__(self, port):
        self.link, self.seen, self.turn = Connection(port), {}, 0

    def ask(self, requests, rng):
        """The reply to a pipeline, whose end a key of this class's own marks."""
        self.turn += 1
        word = b"~~end of %d~~" % self.turn
        end = b"\r\n" * 4 + stored(b"set ~ 0 0", word) + b"get ~\r\n"
        data = b"".join(r(self.seen) if callable(r) else r for r in requests) + end
        cuts = sorted(rng.randrange(len(data)) for _ in range(rng.choice((0, 1, 3, 10))))
        for start, stop in zip([0] + cuts, cuts + [len(data)]):
            self.link.send(data[start:stop])
            if rng.random() < 0.3:
                time.sleep(0.0005)
        reply = self.link.read_until(b"\r\nVALUE ~ 0 %d\r\n%s\r\nEND\r\n" % (len(word), word))
        for head, unique in UNIQUE.findall(reply):
            if not head.endswith(b" 0"):  # all that have no bytes are one value
                self.remember(head.split()[1], unique)
        for key in self.seen.pop("stale", ()):
            self.seen.pop(key, None)
        return WIDTH.sub(rb"\1 width\2\r\n\3\r\n", plain(reply))

    def remember(self, key, unique):
        known = self.seen.setdefault(key, [])
        if unique not in known:
            known.append(unique)


def differs(ports, requests, rng):
    """The replies of both to the requests, from empty servers; None where they are equal."""
    for port in ports:
        flush(port)
    replies = [Side(port).ask(requests, rng) for port in ports]
    return None if replies[0] == replies[1] else replies


def reduced(ports, requests, rng, replies):
    """As few of the requests as show a difference."""
    found, step = None, len(requests)
    while step:
        at = 0
        while at < len(requests):
            fewer = requests[:at] + requests[at + step :]
            again = differs(ports, fewer, rng)
            if again:
                requests, found = fewer, again
            else:
                at += step
        step //= 2
    ours, theirs = found or replies
    lines = ["from empty servers:" if found else "seen once:"]
    lines += ["> %r" % (r({}) if callable(r) else r)[:200] for r in requests[-20:]]
    at = next((i for i in range(min(map(len, (ours, theirs)))) if ours[i] != theirs[i]), 0)
    return lines + ["%s ... %r" % (who, r[max(0, at - 150) : at + 150]) for who, r in (("atrium:   ", ours), ("memcached:", theirs))]


def run_pipelines(ports, seed, count, report):
    rng = random.Random("%d memcached" % seed)
    requests = Requests(rng)
    sides = None
    while count > 0:
        if not sides or rng.random() < 0.05:
            for port in ports:
                flush(port)
            sides, history = [Side(port) for port in ports], []
        pipeline = [requests.any() for _ in range(rng.randrange(1, PIPELINE))]
        history += pipeline
        count -= len(pipeline)
        replies = [side.ask(pipeline, rng) for side in sides]
        if replies[0] == replies[1]:
            report.passed += len(pipeline)
            continue
        report.difference("memcached pipeline", lambda: reduced(ports, history, rng, replies))
        sides = None


def run(port, seed, count, report):
    """`port` is atrium's memcached door."""
    theirs = start_memcached()
    ports = (port, theirs.port)
    try:
        for case in CASES:
            run_case(ports, case, report)
        run_delayed_flush(ports, report)
        run_pipelines(ports, seed, count, report)
        memcached_binary.run(ports, seed, count // 2, report)
    except Closed as why:
        report.difference("memcached: %s" % why, lambda: [repr(why.data[-200:])])
    finally:
        theirs.stop()
