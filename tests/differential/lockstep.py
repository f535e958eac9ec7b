"""Two servers in lockstep: the same commands to both, in pipelined batches, replies compared.

An epoch starts from empty databases on fresh connections. Where the bytes of a batch agree, nothing is parsed.
A difference ends its epoch, since the states may have parted; it is reduced to few commands that show it from
empty databases (first those on the same keys, then without each that is not needed).

Pseudo-commands break a batch: SCANLOOP, HSCANLOOP, ZSCANLOOP follow the cursor to the end on both servers and
compare what was seen; LAPSE gives a key a millisecond to live and waits."""

import time

import arguments
import compare
import resp
from connection import Closed, Connection

BATCH = 150
EPOCH = 3000
REDUCE_SECONDS = 4.0
WHOLE = {b"HRANDFIELD": [b"HGETALL"], b"SRANDMEMBER": [b"SMEMBERS"], b"ZRANDMEMBER": [b"ZRANGE", b"0", b"-1", b"WITHSCORES"], b"RANDOMKEY": [b"KEYS", b"*"]}
GLOBAL = {b"SELECT", b"SWAPDB", b"FLUSHDB", b"FLUSHALL", b"HELLO", b"RESET", b"MOVE"}
KEYS = set(arguments.ALL_KEYS + arguments.LEX_KEYS + arguments.NOT_LEX_KEYS) | {b"n%d" % i for i in range(8)}


class Difference(Exception):
    def __init__(self, index, ours, theirs):
        super().__init__("commands differ")
        self.index, self.ours, self.theirs = index, ours, theirs


class Pair:
    """Connections to atrium and to the reference, both fresh and both databases empty."""

    def __init__(self, ports, protocol):
        self.protocol = protocol
        self.ours, self.theirs = (Connection(port) for port in ports)
        for one in (self.ours, self.theirs):
            one.batch(resp.encode([b"HELLO", b"%d" % protocol]) + resp.encode([b"FLUSHALL"]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ours.close()
        self.theirs.close()

    def exchange(self, encoded):
        ask, answer = self.ours.sentinel()
        ask2, answer2 = self.theirs.sentinel()
        self.ours.send(encoded + ask)
        self.theirs.send(encoded + ask2)
        return self.ours.read_until(answer), self.theirs.read_until(answer2)


class Lockstep:
    def __init__(self, ports, accepted):
        self.ports, self.accepted = ports, accepted

    def run(self, pair, commands):
        """Runs all commands; raises Difference at the first that differs and is not accepted."""
        start = 0
        for at, argv in enumerate(commands):
            pseudo = PSEUDO.get(argv[0])
            if pseudo or at - start >= BATCH:
                self.batch(pair, commands, start, at)
                start = at
            if pseudo:
                pseudo(pair, argv, at)
                start = at + 1
        self.batch(pair, commands, start, len(commands))

    def batch(self, pair, commands, start, end):
        if start >= end:
            return
        batch = commands[start:end]
        ours, theirs = pair.exchange(b"".join(map(resp.encode, batch)))
        if ours == theirs:
            return
        our_replies, their_replies = (self.split(data, len(batch)) for data in (ours, theirs))
        for i, argv in enumerate(batch):
            mine = our_replies[i] if i < len(our_replies) else ("-", b"(no reply)")
            reference = their_replies[i] if i < len(their_replies) else ("-", b"(no reply)")
            if mine == reference:
                continue
            fine = compare.same(argv, mine, reference) and self.picks(batch, our_replies, i)
            if not fine and not self.accepted.covers(argv, mine, reference):
                raise Difference(start + i, mine, reference)
        if len(our_replies) != len(batch):
            raise Difference(end - 1, ("-", b"(too many or unreadable replies)"), ("-", b"(in step)"))

    def split(self, data, count):
        try:
            return resp.parse_all(data)[0]
        except resp.Malformed as error:
            return [("-", b"(malformed) %s" % str(error).encode())] * count

    def picks(self, batch, replies, i):
        """Whether random picks are members of the whole, which the next command has fetched."""
        name = batch[i][0].upper()
        if name not in WHOLE or i + 1 >= len(batch) or batch[i + 1][0] != WHOLE[name][0]:
            return True
        if i + 1 >= len(replies) or not isinstance(replies[i + 1][1], list):
            return True
        whole = leaves(replies[i + 1])
        return all(leaf in whole for leaf in leaves(replies[i]))

    def shows(self, commands, protocol):
        """Whether these commands, from empty databases, end in a difference at the last one."""
        try:
            with Pair(self.ports, protocol) as pair:
                self.run(pair, commands)
        except Difference as found:
            return found if found.index == len(commands) - 1 else None
        except Closed:
            return None
        return None

    def reduce(self, commands, protocol):
        """A short list of commands that shows the difference of the last one."""
        deadline = time.monotonic() + REDUCE_SECONDS
        last = commands[-1]
        mine = [c for c in commands[:-1] if related(c, last)] + [last]
        best = mine if self.shows(mine, protocol) else commands
        size = max(1, (len(best) - 1) // 2)
        while size and time.monotonic() < deadline:
            at = 0
            while at < len(best) - 1 and time.monotonic() < deadline:
                shorter = best[:at] + best[min(at + size, len(best) - 1) :]
                if self.shows(shorter, protocol):
                    best = shorter
                else:
                    at += size
            size //= 2
        return best


def related(argv, last):
    if argv[0].upper() in GLOBAL:
        return True
    keys = KEYS.intersection(last[1:])
    return not keys or bool(keys.intersection(argv[1:]))


def leaves(reply):
    if isinstance(reply[1], list):
        return [leaf for item in reply[1] for leaf in leaves(item)]
    return [reply[1]]


def with_companions(commands):
    """After each random pick the command that fetches the whole, which the pick is checked against."""
    out = []
    for argv in commands:
        out.append(argv)
        name = argv[0].upper()
        if name == b"RANDOMKEY":
            out.append(WHOLE[name])
        elif name in WHOLE and len(argv) > 1:
            out.append([WHOLE[name][0], argv[1]] + WHOLE[name][1:])
    return out


def scan_loop(pair, argv, at):
    """The union of what a whole iteration gives; at most 20,000 steps."""
    seen = [walk(one, argv) for one in (pair.ours, pair.theirs)]
    if seen[0] != seen[1]:
        raise Difference(at, *(("-", repr(s)[:300].encode()) for s in seen))


def walk(connection, argv):
    name = argv[0][:-4]
    position = 1 if name == b"SCAN" else 2
    cursor, seen = b"0", set()
    for _ in range(20000):
        reply = connection.call(name, *argv[1:position], cursor, *argv[position:])
        if reply[0] != "*":
            return reply
        cursor = reply[1][0][1]
        items = [item[1] for item in reply[1][1][1]]
        if name == b"ZSCAN":
            items[1::2] = [float(score) for score in items[1::2]]
        seen.update(items if name in (b"SCAN", b"SSCAN") else zip(items[0::2], items[1::2]))
        if cursor == b"0":
            return seen
    return "no end of the iteration"


def lapse(pair, argv, at):
    key = argv[1] if len(argv) > 1 else b"s0"
    given = [one.call(b"PEXPIRE", key, b"1")[1] for one in (pair.ours, pair.theirs)]
    time.sleep(0.01)
    left = [one.call(b"EXISTS", key)[1] for one in (pair.ours, pair.theirs)]
    if given[0] != given[1] or left[0] != left[1]:
        raise Difference(at, *((":", g + b" " + l) for g, l in zip(given, left)))


PSEUDO = {b"SCANLOOP": scan_loop, b"HSCANLOOP": scan_loop, b"SSCANLOOP": scan_loop, b"ZSCANLOOP": scan_loop, b"LAPSE": lapse}
