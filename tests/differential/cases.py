"""What the generators do not reach: the rows of the command table, a server with a password, keyspace events."""

import random

import resp
from connection import Connection
from families import FAMILIES

EVENT_COMMANDS = 3000
# Flags and hints that later versions than 7.0 added to rows or took away.
LATER_FLAGS = {b"may_replicate", b"touches_arbitrary_keys"}


def call_both(connections, *argv):
    return [connection.call(*argv) for connection in connections]


def names_of(reply):
    return {item[1].lower() for item in reply[1]}


def comparable(row):
    """Of a row of COMMAND INFO what must agree, by name."""
    name, arity, flags, first, last, step, categories, tips, specs, subs = [item[1] for item in row[1][:10]]
    told = {"name": name, "arity": arity, "keys": (first, last, step)}
    told["flags"] = sorted(f[1] for f in flags if f[1] not in LATER_FLAGS)
    if b"blocking" in told["flags"]:  # scripts may call these since 7.2
        told["flags"] = [f for f in told["flags"] if f != b"noscript"]
    told["categories"] = [c[1] for c in categories]
    told["tips"] = [tip[1] for tip in tips]
    told["key specs"] = sorted(map(spec_text, specs))
    told["subcommands"] = [sub[1][0][1] for sub in subs]
    return told


def spec_text(spec):
    """A key specification as text, the order of flags set aside."""
    if not isinstance(spec[1], list):
        return repr(spec[1])
    items = dict(zip((k[1] for k in spec[1][0::2]), spec[1][1::2]))
    flags = sorted(f[1] for f in items.pop(b"flags")[1])
    noted = items.pop(b"notes", None) is not None  # in words of our own
    return repr((flags, noted)) + " ".join(resp.render(items[k]) for k in sorted(items))


def command_rows(ports, _, accepted, report):
    """COMMAND INFO of every command that both know."""
    connections = [Connection(port) for port in ports]
    common = set.intersection(*(names_of(reply) for reply in call_both(connections, "COMMAND", "LIST")))
    for name in sorted(common):
        rows = [reply[1][0] for reply in call_both(connections, "COMMAND", "INFO", name)]
        if any(row[1] is None for row in rows):
            report.difference("COMMAND INFO %s is null" % name.decode(), lambda: [])
            continue
        ours, theirs = map(comparable, rows)
        subs = set(theirs["subcommands"]) - set(ours["subcommands"])
        ours["subcommands"] = theirs["subcommands"] = None
        wrong = [key for key in theirs if ours[key] != theirs[key]]
        lines = ["%s: atrium %s, reference %s" % (key, ours[key], theirs[key]) for key in wrong]
        lines += ["missing subcommand %s" % sub.decode() for sub in sorted(subs)]
        text = ("$", " ".join(lines).encode())
        if lines and not accepted.covers([b"COMMAND", b"INFO", name], text, text):
            report.difference("COMMAND INFO " + name.decode(), lambda: lines)
        else:
            report.passed += 1
    for connection in connections:
        connection.close()


PASSWORD_SCRIPTS = [
    ["PING", "GET k", "NOSUCH", "HELLO", "HELLO 3", "HELLO 2 SETNAME x", "AUTH", "AUTH wrong", "AUTH default wrong", "AUTH nobody secret",
     "AUTH a b c", "ECHO x", "CLIENT ID", "COMMAND COUNT", "RESET", "PING"],
    ["AUTH secret", "PING", "CLIENT GETNAME", "RESET", "PING", "AUTH default secret", "PING"],
    ["HELLO 3 AUTH default wrong", "HELLO 3 AUTH default secret SETNAME me", "CLIENT GETNAME", "GET nokey"],
    ["HELLO 2 AUTH default secret", "GET nokey", "AUTH wrong", "GET nokey", "CONFIG GET requirepass"],
    ["SUBSCRIBE c", "PUBLISH c m", "SELECT 0", "GET", "OBJECT NOSUCH", "QUIT"],
]  # fmt: skip
PASSWORD_BYTES = [b"*11\r\n", b"*2\r\n$16385\r\n", b"*10\r\n$3\r\nGET\r\n", b"PING\r\n", b"*2\r\n$4\r\nECHO\r\n$16384\r\n" + b"x" * 16384 + b"\r\n"]


def with_password(ports, _, accepted, report):
    """Fresh connections to servers that ask for a password, and the limits before it is given."""
    masters = [Connection(port) for port in ports]
    if any(reply[0] != "+" for reply in call_both(masters, "CONFIG", "SET", "requirepass", "secret")):
        report.difference("CONFIG SET requirepass", lambda: ["refused"])
        return
    try:
        for script in PASSWORD_SCRIPTS:
            data = b"".join(resp.encode([w.encode() for w in line.split()]) for line in script)
            exchange(ports, data, "with a password: " + "; ".join(script), accepted, report)
        for data in PASSWORD_BYTES:
            exchange(ports, data, "before the password: " + resp.quote(data[:40]), accepted, report)
    finally:
        call_both(masters, "AUTH", "secret")
        call_both(masters, "CONFIG", "SET", "requirepass", "")
        for master in masters:
            master.close()


def exchange(ports, data, title, accepted, report):
    got = []
    for port in ports:
        connection = Connection(port)
        connection.send(data)
        answer, closed = connection.read_available(0.2)
        got.append((resp.parse_all(answer)[0], closed))
        connection.close()
    ours, theirs = [[plain(reply) for reply in replies] + [("closed", closed)] for replies, closed in got]
    if ours == theirs:
        report.passed += 1
        return
    texts = [("$", repr(side).encode()) for side in (ours, theirs)]
    if not accepted.covers([title.encode()], *texts):
        report.difference(title[:60], lambda: ["atrium:    %s" % ours, "reference: %s" % theirs])


def plain(reply):
    """HELLO's answer differs by version and id, COMMAND COUNT's and CLIENT ID's are numbers of the server's own; later
    versions added the protocol to what HELLO proposes."""
    if reply[0] == "-":
        return "-", reply[1].replace(b"HELLO <proto> AUTH", b"HELLO AUTH")
    if reply[0] in "*%" and reply[1] and reply[1][0][1] == b"server":
        return ("hello", reply[0])
    return (reply[0], b"0") if reply[0] == ":" else reply


def keyspace_events(ports, seed, accepted, report):
    """What is published of keyspace events, command by command."""
    rng = random.Random("%d events" % seed)
    family = FAMILIES["mixed"][0]
    commands = [argv for argv in (family.generate(rng) for _ in range(EVENT_COMMANDS)) if not argv[0].endswith((b"LOOP", b"LAPSE"))]
    sides = [events_of(port, commands) for port in ports]
    for i, argv in enumerate(commands):
        ours, theirs = (side[i] for side in sides)
        if ours == theirs:
            report.passed += 1
            continue
        texts = [("$", b" ".join(side)) for side in (ours, theirs)]
        if accepted.covers([b"EVENTS"] + argv, *texts):
            continue
        lines = ["> " + resp.line(argv), "atrium:    %s" % ours, "reference: %s" % theirs]
        report.difference("events of " + argv[0].upper().decode("latin-1"), lambda: lines)


def events_of(port, commands):
    """For each command the events that it published."""
    sender, listener = Connection(port), Connection(port)
    sender.call("FLUSHALL")
    sender.call("CONFIG", "SET", "notify-keyspace-events", "KEAn")
    listener.call("HELLO", 3)
    listener.send(resp.encode([b"PSUBSCRIBE", b"__key*", b"mark"]))
    confirmed = b""
    while confirmed.count(b"psubscribe") < 2:
        confirmed += listener.read_available(1.0)[0]
    try:
        for at in range(0, len(commands), 100):
            parts = [resp.encode(argv) + resp.encode([b"PUBLISH", b"mark", b""]) for argv in commands[at : at + 100]]
            sender.batch(b"".join(parts))
        frames = read_marks(listener, len(commands))
    finally:
        sender.call("CONFIG", "SET", "notify-keyspace-events", "")
        sender.close()
        listener.close()
    groups = [[]]
    for frame in frames:
        channel, data = frame[1][2][1], frame[1][3][1]
        if channel == b"mark":
            groups.append([])
        else:
            groups[-1].append(channel + b" " + data)
    return groups


def read_marks(listener, count):
    """The messages up to the last mark; fewer where nothing more comes."""
    frames, data = [], b""
    while sum(1 for f in frames if f[1][2][1] == b"mark") < count:
        more, closed = listener.read_available(1.0)
        data += more
        replies, used = resp.parse_all(data)
        data = data[used:]
        frames += [r for r in replies if r[1] and r[1][0][1] == b"pmessage"]
        if closed or not more:
            frames += [("*", [("$", b"pmessage"), ("$", b""), ("$", b"mark"), ("$", b"")])] * count
    return frames
