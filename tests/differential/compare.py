"""When two replies count as equal: byte for byte, but for what cannot be (order of an unordered reply, random
picks, clocks) or need not be (the spelling of a double), and for the accepted differences of a file."""

import os
import re

import resp

SCORES = {b"ZADD", b"ZSCORE", b"ZMSCORE", b"ZINCRBY", b"ZRANGE", b"ZREVRANGE", b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE",
    b"GEOPOS", b"GEOSEARCH", b"GEORADIUS", b"GEORADIUSBYMEMBER",
    b"GEORADIUS_RO", b"GEORADIUSBYMEMBER_RO", b"ZPOPMIN", b"ZPOPMAX", b"ZMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP", b"ZUNION", b"ZINTER", b"ZDIFF", b"ZSCAN", b"ZRANDMEMBER"}  # fmt: skip
UNORDERED = {b"KEYS", b"HKEYS", b"HVALS", b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"SPOP"}
SCANS = {b"SCAN": 1, b"SSCAN": 1, b"HSCAN": 2, b"ZSCAN": 2}  # elements of an item, under RESP2 and RESP3 alike
RANDOM = {b"RANDOMKEY", b"HRANDFIELD", b"ZRANDMEMBER", b"SRANDMEMBER"}
TOLERANCE = {b"TTL": 1, b"PTTL": 1500, b"EXPIRETIME": 1, b"PEXPIRETIME": 1500}


def same(argv, ours, theirs):
    """Whether atrium's reply and the reference's to the command `argv` agree."""
    if ours == theirs:
        return True
    if "-" in (ours[0], theirs[0]) or not argv:
        return False
    name = argv[0].upper()
    if name in SCORES and name not in RANDOM and name not in SCANS:
        theirs = respelled(ours, theirs)
        if ours == theirs:
            return True
    special = SPECIAL.get(name)
    return bool(special and special(argv, ours, theirs))


def respelled(ours, theirs):
    """The reference's reply with doubles as atrium spells them, where only the spelling differs: 7.0 prints 17 digits,
    later versions and atrium the shortest that reads back. And 7.0 has a -0 here and there, atrium one zero."""
    (kind, mine), (other, value) = ours, theirs
    if kind != other or mine is None or value is None:
        return theirs
    if isinstance(mine, list) and isinstance(value, list) and len(mine) == len(value):
        return kind, [respelled(a, b) for a, b in zip(mine, value)]
    if kind in "$," and mine != value:
        try:
            number = float(value)
            if value == (b"%.17f" % float(mine)).rstrip(b"0").rstrip(b"."):  # places
                return ours
            spelled = value in (b"%.17g" % number, b"%d" % number if abs(number) < 2**63 else b"")
            if float(mine) == number and spelled and (number or mine == b"0"):
                return ours
        except (ValueError, TypeError, OverflowError):
            pass
    return theirs


def flat(reply):
    return sorted(reply[1], key=repr)


def pairs(reply):
    items = reply[1]
    return sorted(zip(items[0::2], items[1::2]), key=lambda pair: repr(pair[0]))


def both_lists(ours, theirs):
    return ours[0] == theirs[0] and isinstance(ours[1], list) and isinstance(theirs[1], list)


def same_elements(_, ours, theirs):
    return both_lists(ours, theirs) and flat(ours) == flat(theirs)


def same_pairs(_, ours, theirs):
    if not both_lists(ours, theirs):
        return False
    mine, reference = pairs(ours), pairs(theirs)
    return len(mine) == len(reference) and all(a[0] == b[0] and a[1] == respelled(a[1], b[1]) for a, b in zip(mine, reference))


def same_scan(argv, ours, theirs):
    """Whole scans give the same elements; of scans that go on, or begin in the middle, only the shape is told."""
    if not both_lists(ours, theirs) or len(ours[1]) != 2:
        return False
    (our_cursor, our_items), (their_cursor, their_items) = ours[1], theirs[1]
    if our_cursor[0] != their_cursor[0] or not both_lists(our_items, their_items):
        return False
    begin = argv[1 if argv[0].upper() == b"SCAN" else 2]
    if our_cursor != their_cursor or begin.strip(b"0"):
        return True
    compare = same_pairs if SCANS[argv[0].upper()] == 2 else same_elements
    return our_cursor[1] != b"0" or compare(argv, our_items, their_items)


def same_random(argv, ours, theirs):
    """Of random picks: type, how many, and that distinct ones are distinct. That the picks are members is
    verified by `lockstep`, which asks for the whole collection."""
    if ours[0] != theirs[0]:
        return False
    if not isinstance(ours[1], list) or not isinstance(theirs[1], list):
        return (ours[1] is None) == (theirs[1] is None)
    if len(ours[1]) != len(theirs[1]):
        return False
    shapes = [[item[0] for item in reply[1]] for reply in (ours, theirs)]
    if shapes[0] != shapes[1]:
        return False
    if argv[2].startswith(b"-"):
        return True
    step = 2 if len(argv) > 3 and ours[1] and ours[1][0][0] != "*" else 1
    picked = [repr(item) for item in ours[1][::step]]
    return len(set(picked)) == len(picked)


def same_time(argv, ours, theirs):
    if ours[0] != ":" or theirs[0] != ":":
        return False
    a, b = int(ours[1]), int(theirs[1])
    return min(a, b) >= 0 and abs(a - b) <= TOLERANCE[argv[0].upper()]


def same_object(argv, ours, theirs):
    if len(argv) > 1 and argv[1].upper() == b"IDLETIME":
        return ours[0] == theirs[0] == ":" and abs(int(ours[1]) - int(theirs[1])) <= 1
    if len(argv) > 1 and argv[1].upper() == b"HELP":
        return ours[0] == theirs[0] == "*"
    return False


def near(ours, theirs, tolerance=5000):
    return ours == theirs or (ours[0] == theirs[0] == ":" and abs(int(ours[1]) - int(theirs[1])) <= tolerance)


def same_pending(_, ours, theirs):
    """XPENDING's entries, but for how long they have been idle."""
    if not both_lists(ours, theirs) or len(ours[1]) != len(theirs[1]):
        return False
    rows = list(zip(ours[1], theirs[1]))
    if not all(both_lists(a, b) and len(a[1]) == len(b[1]) == 4 for a, b in rows):
        return False
    return all(a[1][:2] == b[1][:2] and near(a[1][2], b[1][2]) and a[1][3] == b[1][3] for a, b in rows)


# XINFO: not compared are what Redis counts of its radix tree, counters for which later versions have other rules
# (tables/streams.txt has those), and fields that 7.0 has not.
# Nor consumers without pending entries: later versions make one also where it gets nothing.
UNSTABLE = {b"radix-tree-nodes", b"entries-read", b"lag", b"idle", b"inactive", b"seen-time", b"active-time"}


def field_map(reply):
    """The fields of a map of XINFO by name; of anything else nothing."""
    items = reply[1] if isinstance(reply[1], list) else []
    if not items or items[0] not in (("$", b"name"), ("$", b"length")):
        return {}
    return {name[1]: value for name, value in zip(items[0::2], items[1::2])}


def idle_consumer(reply):
    fields = field_map(reply)
    count = fields.get(b"pel-count") or fields.get(b"pending")
    return bool(fields) and (b"idle" in fields or b"seen-time" in fields) and int(count[1]) == 0


def stable_fields(reply):
    return {name: value for name, value in field_map(reply).items()
            if name not in UNSTABLE and (name, value[0]) != (b"consumers", ":")}  # fmt: skip


def stable_info(ours, theirs):
    """A map of XINFO, or an array of them, without what need not agree; pending entries have the time of delivery before
    their last element."""
    if not both_lists(ours, theirs):
        return near(ours, theirs) if ours[0] == ":" and len(str(ours[1])) > 11 else ours == theirs
    mine, reference = stable_fields(ours), stable_fields(theirs)
    if mine or reference:
        return list(mine) == list(reference) and all(stable_info(mine[name], reference[name]) for name in mine)
    mine, reference = ([one for one in reply[1] if not idle_consumer(one)] for reply in (ours, theirs))
    return len(mine) == len(reference) and all(stable_info(a, b) for a, b in zip(mine, reference))


def same_info(_, ours, theirs):
    return stable_info(ours, theirs)


def same_hello(_, ours, theirs):
    """The same fields in the same order, equal but for the version, the id and what modules there are."""
    if ours[0] != theirs[0] or ours[0] not in "*%":
        return False
    ours, theirs = dict(zip(ours[1][0::2], ours[1][1::2])), dict(zip(theirs[1][0::2], theirs[1][1::2]))
    if list(ours) != list(theirs):
        return False
    return all(ours[k] == theirs[k] or k[1] in (b"version", b"id") for k in ours if k[1] != b"modules")


def field_names(reply):
    lines = reply[1].split(b"\n")
    return [[word.split(b"=")[0] for word in one.split(b" ")] for one in lines if one]


def same_client(argv, ours, theirs):
    """CLIENT INFO and LIST: one line for a connection, and no field of 7.0 is missing in ours."""
    sub = argv[1].upper() if len(argv) > 1 else b""
    if ours[0] != theirs[0]:
        return False
    if sub == b"ID":
        return ours[0] == ":" and int(ours[1]) > 0
    if sub == b"HELP":
        return ours[0] == "*"
    if sub not in (b"INFO", b"LIST"):
        return False
    mine, reference = field_names(ours), field_names(theirs)
    if sub == b"LIST" and len(mine) != len(reference) and mine and reference:
        mine, reference = mine[:1], reference[:1]  # connections of before may not be gone yet
    return len(mine) == len(reference) and all(set(r) <= set(m) for m, r in zip(mine, reference))


def same_command(argv, ours, theirs):
    """COMMAND: names of a list in any order; counts differ; help texts are our own."""
    sub = argv[1].upper() if len(argv) > 1 else b""
    if ours[0] != theirs[0]:
        return False
    if sub == b"LIST" and len(argv) > 2:
        return both_lists(ours, theirs) and set(flat(theirs)) <= set(flat(ours))
    if sub == b"GETKEYSANDFLAGS":
        return both_lists(ours, theirs) and flat_flags(ours) == flat_flags(theirs)
    if sub == b"INFO" and len(argv) > 2:
        return both_lists(ours, theirs) and list(map(row_shape, ours[1])) == list(map(row_shape, theirs[1]))
    if sub == b"DOCS" and len(argv) > 2:
        return both_lists(ours, theirs) and ours[1][0::2] == theirs[1][0::2]
    return sub in (b"", b"COUNT", b"HELP") or (sub in (b"INFO", b"DOCS", b"LIST") and len(argv) == 2)


def row_shape(row):
    """A row of COMMAND INFO without its flags and hints, which cases.py looks at."""
    if row[1] is None or len(row[1]) < 10:
        return row
    return [row[1][i] for i in (0, 1, 3, 4, 5)] + [item[0] for item in row[1]]


def flat_flags(reply):
    return [(pair[1][0], flat(pair[1][1])) for pair in reply[1]]


def same_config(argv, ours, theirs):
    sub = argv[1].upper() if len(argv) > 1 else b""
    if sub == b"GET":
        return same_pairs(argv, ours, theirs)
    return sub == b"HELP" and ours[0] == theirs[0]


def same_pubsub(argv, ours, theirs):
    sub = argv[1].upper() if len(argv) > 1 else b""
    if sub in (b"CHANNELS", b"SHARDCHANNELS"):
        return same_elements(argv, ours, theirs)
    return sub == b"HELP" and ours[0] == theirs[0]


def same_clock(_, ours, theirs):
    return both_lists(ours, theirs) and abs(int(ours[1][0][1]) - int(theirs[1][0][1])) <= 1


def same_kind(_, ours, theirs):
    return ours[0] == theirs[0]


def same_sort(argv, ours, theirs):
    """A set that nothing sorts comes in any order."""
    words = [arg.upper() for arg in argv]
    unsorted = b"BY" in words and b"*" not in argv[words.index(b"BY") + 1]
    if b"LIMIT" in words and unsorted:
        return both_lists(ours, theirs) and len(ours[1]) == len(theirs[1])
    return unsorted and b"STORE" not in words and same_elements(argv, ours, theirs)


SPECIAL = {
    b"SORT": same_sort,
    b"SORT_RO": same_sort,
    b"XPENDING": same_pending,
    b"XINFO": same_info,
    b"HGETALL": same_pairs,
    b"OBJECT": same_object,
    b"HELLO": same_hello,
    b"CLIENT": same_client,
    b"COMMAND": same_command,
    b"CONFIG": same_config,
    b"PUBSUB": same_pubsub,
    b"TIME": same_clock,
    b"SLOWLOG": same_kind,
    b"LOLWUT": same_kind,
}
SPECIAL.update((name, same_elements) for name in UNORDERED)
SPECIAL.update((name, same_scan) for name in SCANS)
SPECIAL.update((name, same_random) for name in RANDOM)
SPECIAL.update((name, same_time) for name in TOLERANCE)


class Accepted:
    """The accepted differences: four patterns a line; see the head of differences.txt."""

    def __init__(self, path):
        self.rules, self.used = [], {}
        with open(path) as lines:
            for text in lines:
                if text.strip() and not text.startswith("#"):
                    self.rules.append(self.rule(text.strip(), os.path.basename(path)))

    def rule(self, text, name):
        parts = [part.strip() for part in text.split(" :: ")]
        if len(parts) != 4:
            raise SystemExit("%s: not `command :: reference :: ours :: reason`: %s" % (name, text))
        return [re.compile(part, re.IGNORECASE) for part in parts[:3]] + [parts[3]]

    def covers(self, argv, ours, theirs):
        """The reason why this difference is accepted, or None."""
        if not self.rules:
            return None
        texts = resp.line(argv), resp.render(theirs), resp.render(ours)
        for rule in self.rules:
            if all(pattern.search(text) for pattern, text in zip(rule, texts)):
                self.used[rule[3]] = self.used.get(rule[3], 0) + 1
                return rule[3]
        return None
