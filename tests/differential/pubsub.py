"""Publishing and subscribing: scripts over several connections to each server, RESP2 and RESP3, every frame that
each connection gets compared after each step.

After a step every connection is asked PING with a word of its own; what came before the answer belongs to the
step. Where a server delivers from other threads a message may come a little later, so atrium is given time before
missing frames count. Patterns' messages and a subscription's end for all channels have no defined order."""

import random

import compare
import resp
from connection import Closed, Connection
from grammar import Family

SCRIPTS = 40
STEPS = 60
LATE_SECONDS = 0.3

GRAMMAR = """
8 SUBSCRIBE channel ...
5 PSUBSCRIBE channel_pattern ...
4 SSUBSCRIBE channel ...
3 UNSUBSCRIBE [channel ...]
3 PUNSUBSCRIBE [channel_pattern ...]
3 SUNSUBSCRIBE [channel ...]
14 PUBLISH channel value
6 SPUBLISH channel value
3 PUBSUB CHANNELS [channel_pattern]
2 PUBSUB SHARDCHANNELS [channel_pattern]
3 PUBSUB NUMSUB [channel ...]
2 PUBSUB SHARDNUMSUB [channel ...]
2 PUBSUB NUMPAT
2 PING [value]
2 GET string
1 SET string value
1 RESET
1 HELLO (2 | 3)
1 ECHO value
1 NOSUCH junk
"""
STEP_FAMILY = Family("pubsub", GRAMMAR)


class Subscriber(Connection):
    """A connection whose frames are read up to the answer of a PING."""

    frames = ()
    pings = 0

    def ask(self):
        self.pings += 1
        self.word = b"~~ping-%d~~" % self.pings
        self.send(resp.encode([b"PING", self.word]))
        self.frames = []

    def gather(self):
        """The frames before the PING's answer; the answer itself, whose shape depends on the mode, last."""
        while True:
            more = self.sock.recv(1 << 16)
            if not more:
                raise Closed("the server closed the connection", b"")
            replies, used = resp.parse_all(self.rest + more)
            self.rest = (self.rest + more)[used:]
            self.frames += replies
            if any(holds(frame, self.word) for frame in replies):
                return

    def wait(self, seconds):
        more, _ = self.read_available(seconds)
        replies, used = resp.parse_all(more)
        self.rest = more[used:]
        self.frames += replies

    def frames_in_order(self, argv):
        pongs = [f for f in self.frames if holds(f, self.word)]
        return normal(argv, [f for f in self.frames if not holds(f, self.word)]), pongs


def holds(frame, word):
    return frame[1] == word or (isinstance(frame[1], list) and any(item[1] == word for item in frame[1]))


def normal(argv, frames):
    """Frames in an order that does not depend on hash tables."""
    name = argv[0].upper()
    if name.endswith(b"UNSUBSCRIBE") and len(argv) == 1 or name == b"RESET":
        ends = [f for f in frames if isinstance(f[1], list) and len(f[1]) == 3]
        rest = [f for f in frames if f not in ends]
        return [sorted(repr(f[1][1]) for f in ends), [f[1][2] for f in ends], rest]
    patterns = [f for f in frames if isinstance(f[1], list) and f[1] and f[1][0][1] == b"pmessage"]
    return [[f for f in frames if f not in patterns], sorted(patterns, key=repr)]


class Script:
    def __init__(self, ports, rng, accepted):
        self.ports, self.rng, self.accepted = ports, rng, accepted
        self.sides = [[Subscriber(port, timeout=5) for _ in range(4)] for port in ports]
        self.lines = []
        for i in (1, 3):
            for side in self.sides:
                side[i].call(b"HELLO", b"3")

    def close(self):
        for side in self.sides:
            for connection in side:
                connection.close()

    def step(self):
        """One command on one connection of each server; a line and both results where they differ."""
        argv, at = STEP_FAMILY.generate(self.rng), self.rng.randrange(4)
        self.lines.append("connection %d> %s" % (at, resp.line(argv)))
        for side in self.sides:
            side[at].send(resp.encode(argv))
            self.settle(side, at)
        if not self.differs(argv, at):
            return None
        for connection in self.sides[0]:
            connection.wait(LATE_SECONDS)
        return self.differs(argv, at)

    def settle(self, side, first):
        """The sender first: its answer tells that the command has been carried out."""
        for i in [first] + [i for i in range(len(side)) if i != first]:
            side[i].ask()
            side[i].gather()

    def differs(self, argv, at):
        for i, (ours, theirs) in enumerate(zip(*self.sides)):
            if ours.frames_in_order(argv) == theirs.frames_in_order(argv):
                continue
            mine, reference = ours.frames[:1] or [("_", b"")], theirs.frames[:1] or [("_", b"")]
            if i == at and compare.same(argv, mine[0], reference[0]):
                continue
            if not self.accepted.covers(argv, mine[0], reference[0]):
                return argv, i, ours.frames, theirs.frames
        return None

    def told(self, found):
        _, i, ours, theirs = found
        lines = self.lines[-25:] + ["what connection %d got (the last is an answer to PING):" % i]
        lines.append("atrium:    " + "  ".join(map(resp.render, ours)))
        return lines + ["reference: " + "  ".join(map(resp.render, theirs))]


def run(ports, seed, accepted, report):
    rng = random.Random("%d pubsub" % seed)
    for _ in range(SCRIPTS):
        script = Script(ports, rng, accepted)
        try:
            for _ in range(STEPS):
                found = script.step()
                if found:
                    name = found[0][0].upper().decode("latin-1")
                    report.difference("pubsub %s" % name, lambda: script.told(found))
                    break
                report.passed += 1
        except (Closed, OSError) as why:
            report.difference("pubsub: %s" % why, lambda: script.lines[-25:])
        finally:
            script.close()
