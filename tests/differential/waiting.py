"""Blocked commands and transactions: several clients on few keys, a command at a time, in a random order.

After each command both servers are left to come to rest: whoever has no reply is blocked, as CLIENT LIST says. Then
the sender's reply, and those of the clients that were served meanwhile, must agree."""

import random

import resp
from connection import Connection

STEPS = 1200
EPOCH = 300
CLIENTS = 5
KEYS = [b"a", b"b", b"c", b"d"]
TRIES = 400


class Client(Connection):
    """A connection that may be blocked."""

    def __init__(self, port, protocol):
        super().__init__(port)
        self.call("HELLO", protocol)
        self.id = int(self.call("CLIENT", "ID")[1])
        self.blocked = False

    def reply(self, patience):
        """The next reply, or None where none comes within that many seconds."""
        self.sock.settimeout(patience)
        while True:
            replies, used = resp.parse_all(self.rest)
            if replies:
                assert used == len(self.rest) and len(replies) == 1, (replies, self.rest)
                self.rest = b""
                return replies[0]
            try:
                data = self.sock.recv(1 << 16)
            except TimeoutError:
                return None
            if not data:
                return ("closed", b"")
            self.rest += data


class Side:
    """One server with its clients."""

    def __init__(self, port, protocol):
        self.control = Connection(port)
        self.control.call("FLUSHALL")
        self.clients = [Client(port, protocol) for _ in range(CLIENTS)]

    def close(self):
        for connection in [self.control, *self.clients]:
            connection.close()

    def waiting(self):
        """The ids of the blocked clients."""
        ids = set()
        for line in self.control.call("CLIENT", "LIST")[1].decode("latin-1").splitlines():
            fields = dict(item.split("=", 1) for item in line.split(" ") if "=" in item)
            if "b" in fields["flags"]:
                ids.add(int(fields["id"]))
        return ids

    def step(self, at, argv):
        """Sends it as client `at`; the replies by client that came of it."""
        sender = self.clients[at]
        argv = [b"%d" % self.clients[int(a[1:])].id if a.startswith(b"@") else a for a in argv]
        sender.send(resp.encode(argv))
        came = {}
        for attempt in range(TRIES):
            reply = sender.reply(0.0005 if attempt < 20 else 0.02)
            if reply:
                came[at] = reply
                break
            if sender.id in self.waiting():
                sender.blocked = True
                break
        else:
            raise AssertionError("neither a reply nor blocked: %s" % resp.line(argv))
        still = self.waiting()
        for i, client in enumerate(self.clients):
            if client.blocked and client.id not in still:
                came[i] = client.reply(5.0)
                client.blocked = False
        return came


def keys(rng, most=3):
    return [rng.choice(KEYS) for _ in range(rng.randint(1, most))]


def key(rng):
    return rng.choice(KEYS)


def end(rng):
    return rng.choice([b"LEFT", b"RIGHT"])


def blocking(rng):
    some = keys(rng)
    different = list(dict.fromkeys(some))  # 7.0 takes the first id of a stream that is named twice
    return rng.choice([
        [rng.choice([b"BLPOP", b"BRPOP"]), *some, b"0"],
        [b"BLMOVE", key(rng), key(rng), end(rng), end(rng), b"0"],
        [b"BRPOPLPUSH", key(rng), key(rng), b"0"],
        [b"BLMPOP", b"0", b"%d" % len(some), *some, end(rng), b"COUNT", b"%d" % rng.randint(1, 3)],
        [rng.choice([b"BZPOPMIN", b"BZPOPMAX"]), *some, b"0"],
        [b"BZMPOP", b"0", b"%d" % len(some), *some, rng.choice([b"MIN", b"MAX"]), b"COUNT", b"%d" % rng.randint(1, 3)],
        [b"XREAD", b"BLOCK", b"0", b"STREAMS", key(rng), rng.choice([b"$", b"0"])],
        [b"XREADGROUP", b"GROUP", b"g", b"me", b"BLOCK", b"0", b"STREAMS", key(rng), b">"],
        [b"XREAD", b"COUNT", b"1", b"BLOCK", b"0", b"STREAMS", *different, *(rng.choice([b"$", b"5", b"9-1"]) for _ in different)],
        [b"XREADGROUP", b"GROUP", b"g", rng.choice([b"me", b"you"]), b"COUNT", b"1", b"NOACK", b"BLOCK", b"0", b"STREAMS", key(rng), b">"],
    ])


def changing(rng):
    values = [b"v%d" % rng.randint(0, 9) for _ in range(rng.randint(1, 3))]
    return rng.choice([
        [rng.choice([b"LPUSH", b"RPUSH"]), key(rng), *values],
        [rng.choice([b"LPUSH", b"RPUSH"]), key(rng), *values],
        [b"ZADD", key(rng), *[x for v in values for x in (b"%d" % rng.randint(0, 5), v)]],
        [b"ZADD", key(rng), *[x for v in values for x in (b"%d" % rng.randint(0, 5), v)]],
        [b"XADD", key(rng), b"%d-*" % rng.randint(1, 9), b"f", values[0]],
        [b"XADD", key(rng), b"%d-*" % rng.randint(1, 9), b"f", values[0]],
        [b"XADD", key(rng), b"MAXLEN", b"1", b"%d-*" % rng.randint(1, 9), b"f", values[0]],
        [b"XTRIM", key(rng), b"MAXLEN", b"0"], [b"XGROUP", b"DESTROY", key(rng), b"g"],
        [b"XGROUP", b"SETID", key(rng), b"g", b"0"],
        [b"XGROUP", b"CREATE", key(rng), b"g", rng.choice([b"$", b"0"]), b"MKSTREAM"],
        [rng.choice([b"LPOP", b"RPOP"]), key(rng)],
        [b"DEL", *keys(rng)],
        [b"DEL", *keys(rng)],
        [b"SET", key(rng), b"1"],
        [b"INCR", key(rng)],
        [rng.choice([b"RENAME", b"COPY"]), key(rng), key(rng)],
        [b"LMOVE", key(rng), key(rng), end(rng), end(rng)],
        [b"SORT", key(rng), b"ALPHA", b"STORE", key(rng)],
        [b"ZUNIONSTORE", key(rng), b"2", key(rng), key(rng)],
        [b"FLUSHALL"], [b"SWAPDB", b"0", b"1"], [b"MOVE", key(rng), b"1"],
        [b"CLIENT", b"UNBLOCK", b"@%d" % rng.randrange(CLIENTS), rng.choice([b"TIMEOUT", b"ERROR"])],
        [b"CLIENT", b"UNBLOCK", b"@%d" % rng.randrange(CLIENTS)],
    ])


def transaction(rng):
    return rng.choice([[b"MULTI"], [b"MULTI"], [b"EXEC"], [b"EXEC"], [b"EXEC"], [b"DISCARD"], [b"WATCH", *keys(rng)],
                       [b"WATCH", *keys(rng)], [b"UNWATCH"], [b"NOSUCH"], [b"GET"]])


def reading(rng):
    return rng.choice([[b"EXISTS", *keys(rng)], [b"TYPE", key(rng)], [b"GET", key(rng)], [b"ZRANGE", key(rng), b"0", b"-1"],
                       [b"LRANGE", key(rng), b"0", b"-1"], [b"DBSIZE"], [b"XLEN", key(rng)]])


def command(rng):
    return rng.choices([blocking, changing, transaction, reading], [6, 9, 3, 2])[0](rng)


def known_names(ports):
    replies = [Connection(port).call("COMMAND", "LIST")[1] for port in ports]
    return set.intersection(*({item[1].upper() for item in reply} for reply in replies))


def tried_again(at, ours):
    """Since 7.2 a served command runs again as a whole, so it stumbles over an earlier key of another type, or a
    group that is gone; 7.0 took the key that had changed. The states differ from there on."""
    return any(i != at and reply[0] == "-" and reply[1].startswith((b"WRONGTYPE", b"NOGROUP")) for i, reply in ours.items())


def served_by_overwriting(argv, ours, theirs):
    """A STORE over a key of another type serves those who wait for the new one; 7.0 tells only of new keys."""
    more = set(ours) - set(theirs)
    return bool(more) and argv[0] in (b"ZUNIONSTORE", b"SORT") and all(ours[i] == reply for i, reply in theirs.items())


def lost_stream(ours, theirs):
    """Since 7.2 XREADGROUP runs again where its stream goes, and says what it says of a missing one; 7.0 has a word of its
    own."""
    different = [i for i in set(ours) | set(theirs) if ours.get(i) != theirs.get(i)]
    return all(begins(theirs.get(i), b"UNBLOCKED") and begins(ours.get(i), (b"NOGROUP", b"WRONGTYPE")) for i in different)


def begins(reply, words):
    return reply is not None and reply[0] == "-" and reply[1].startswith(words)


def epoch(ports, protocol, rng, steps, known, report):
    """Up to that many steps from empty databases; how many were taken."""
    sides = [Side(port, protocol) for port in ports]
    history = []
    try:
        for step in range(steps):
            argv = command(rng)
            while argv[0] not in known and argv[0] != b"NOSUCH":
                argv = command(rng)
            free = [i for i in range(CLIENTS) if not sides[0].clients[i].blocked]
            if len(free) == 1:
                argv = [b"CLIENT", b"UNBLOCK", b"@%d" % rng.choice([i for i in range(CLIENTS) if i not in free])]
            at = rng.choice(free)
            history.append("%d> %s" % (at, resp.line(argv)))
            ours, theirs = (side.step(at, argv) for side in sides)
            if ours != theirs and lost_stream(ours, theirs):
                report.passed += 1
                continue
            if ours != theirs and (tried_again(at, ours) or served_by_overwriting(argv, ours, theirs)):
                return step + 1
            if ours != theirs:
                lines = history[-60:] + ["atrium:    %s" % ours, "reference: %s" % theirs]
                report.difference("waiting: " + argv[0].decode(), lambda: lines)
                return step + 1
            report.passed += 1
        return steps
    finally:
        for side in sides:
            side.close()


def run(ports, seed, accepted, report):
    known = known_names(ports)
    for protocol in (2, 3):
        rng = random.Random("%d waiting %d" % (seed, protocol))
        left = STEPS
        while left > 0:
            left -= epoch(ports, protocol, rng, min(left, EPOCH), known, report)
