"""RDB files by hand: what the versions of Redis and Valkey wrote, an encoding each."""

import struct
import time

from test_dump import OLD, crc64, length, string

NOW_MS = int(time.time() * 1000)
SOON_MS = NOW_MS + 1000000


def file(parts, magic=b"REDIS0011", summed=True):
    body = magic + b"".join(parts) + b"\xff"
    if magic[:5] == b"REDIS" and int(magic[5:]) < 5:
        return body
    return body + struct.pack("<Q", crc64(body) if summed else 0)


def select(db):
    return b"\xfe" + length(db)


def sizes(keys, volatile):
    return b"\xfb" + length(keys) + length(volatile)


def aux(name, value):
    return b"\xfa" + string(name) + string(value)


def key(name, body, deadline_ms=None, seconds=False, idle=None, freq=None):
    """`body` begins with the type, as in a payload of DUMP."""
    head = b""
    if deadline_ms:
        head += b"\xfd" + struct.pack("<I", deadline_ms // 1000) if seconds else b"\xfc" + struct.pack("<Q", deadline_ms)
    if idle is not None:
        head += b"\xf8" + length(idle)
    if freq is not None:
        head += b"\xf9" + bytes([freq])
    return head + body[:1] + string(name) + body[1:]


def listpack(items):
    """Redis 7's: short strings, and integers in as few bytes as they take."""
    body = b""
    for item in items:
        if isinstance(item, int):
            if 0 <= item < 128:
                e = bytes([item])
            elif -4096 <= item < 4096:
                e = struct.pack(">H", 0xC000 | item & 0x1FFF)
            elif -(1 << 15) <= item < 1 << 15:
                e = b"\xf1" + struct.pack("<h", item)
            elif -(1 << 23) <= item < 1 << 23:
                e = b"\xf2" + struct.pack("<i", item)[:3]
            elif -(1 << 31) <= item < 1 << 31:
                e = b"\xf3" + struct.pack("<i", item)
            else:
                e = b"\xf4" + struct.pack("<q", item)
        elif len(item) < 64:
            e = bytes([0x80 | len(item)]) + item
        elif len(item) < 4096:
            e = struct.pack(">H", 0xE000 | len(item)) + item
        else:
            e = b"\xf0" + struct.pack("<I", len(item)) + item
        n, back = len(e), b""
        back = bytes([n]) if n < 128 else bytes([n >> 7, n & 127 | 128]) if n < 1 << 14 else \
            bytes([n >> 14, n >> 7 & 127 | 128, n & 127 | 128])
        body += e + back
    return struct.pack("<IH", len(body) + 7, len(items)) + body + b"\xff"


def intset(numbers, width):
    code = {2: "h", 4: "i", 8: "q"}[width]
    return struct.pack("<II", width, len(numbers)) + b"".join(struct.pack("<" + code, n) for n in sorted(numbers))


def module_id(name, version=1):
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    v = 0
    for c in name:
        v = v << 6 | letters.index(c)
    return b"\x81" + struct.pack(">Q", v << 10 | version)


MODULE_PARTS = (length(2) + length(7) + length(1) + length(300) + length(5) + string(b"text") + length(3) + b"\0" * 4
                + length(4) + b"\0" * 8 + length(0))
MODULE_AUX = b"\xf7" + module_id(b"scdtype00") + length(2) + length(2) + MODULE_PARTS
MODULE_VALUE = b"\x07" + module_id(b"ReJSON-RL") + MODULE_PARTS
LIBRARY = b"#!lua name=mylib\nredis.register_function('f', function(keys, args) return 1 end)"
FUNCTION = b"\xf5" + string(LIBRARY)
FUNCTION_RC = b"\xf6" + string(b"mylib") + string(b"LUA") + length(1) + string(b"about it") + string(LIBRARY)
SLOT = b"\xf4" + length(866) + length(1) + length(0)

HASH = {b"f": b"v", b"12": b"34", b"long": b"x" * 100}
PAIRS = [x for pair in HASH.items() for x in pair]
TIMED = {b"f": (b"v", SOON_MS), b"g": (b"w", 0), b"h": (b"x", SOON_MS + 5000)}

# name: (body, value as test_dump.read gives it); beside those of test_dump.OLD
VALUES = {
    "string": (b"\x00" + string(b"text"), b"text"),
    "string int8": (b"\x00\xc0\xff", b"-1"),
    "string int16": (b"\x00\xc1" + struct.pack("<h", -300), b"-300"),
    "string int32": (b"\x00\xc2" + struct.pack("<i", 1 << 30), b"1073741824"),
    "set": (b"\x02" + length(2) + string(b"a") + string(b"b"), {b"a", b"b"}),
    "set intset 16": (b"\x0b" + string(intset([-5, 1, 300], 2)), {b"-5", b"1", b"300"}),
    "set intset 32": (b"\x0b" + string(intset([-5, 1 << 30], 4)), {b"-5", b"1073741824"}),
    "set intset 64": (b"\x0b" + string(intset([1, 1 << 40], 8)), {b"1", b"1099511627776"}),
    "set listpack": (b"\x14" + string(listpack([b"a", 5, b"c" * 70])), {b"a", b"5", b"c" * 70}),
    "hash": (b"\x04" + length(3) + b"".join(map(string, PAIRS)), HASH),
    "hash listpack": (b"\x10" + string(listpack(PAIRS)), HASH),
    "zset 2": (b"\x05" + length(2) + string(b"a") + struct.pack("<d", -1.5) + string(b"b") + struct.pack("<d", 1e300),
               [(b"a", -1.5), (b"b", 1e300)]),
    "zset listpack": (b"\x11" + string(listpack([b"a", -3, b"b", b"2.5"])), [(b"a", -3.0), (b"b", 2.5)]),
    "quicklist 2": (b"\x12" + length(3) + length(2) + string(listpack([b"a", 1000000, -7])) + length(1) + string(b"y" * 9000)
                    + length(2) + string(listpack([b"z" * 5000])),
                    [b"a", b"1000000", b"-7", b"y" * 9000, b"z" * 5000]),
}


def absolute(at_ms):
    return b"\x81" + struct.pack(">Q", at_ms) if at_ms else length(0)


def relative(at_ms):
    return absolute(at_ms - SOON_MS + 1) if at_ms else length(0)


def fields(write, behind=False):
    return length(len(TIMED)) + b"".join(
        (b"" if behind else write(at)) + string(f) + string(v) + (write(at) if behind else b"") for f, (v, at) in TIMED.items())


TRIPLES = [x for f, (v, at) in TIMED.items() for x in (f, v, at)]
FIRST = struct.pack("<Q", SOON_MS)
TIMED_VALUES = {
    "timed rc": b"\x16" + fields(absolute),
    "timed listpack rc": b"\x17" + string(listpack(TRIPLES)),
    "timed": b"\x18" + FIRST + fields(relative),
    "timed listpack": b"\x19" + FIRST + string(listpack(TRIPLES)),
}
VALKEY_TIMED = b"\x16" + fields(lambda at: struct.pack("<q", at or -1), behind=True)


def lzf_runs(n):
    """n times "a" as LZF: one literal, then back references of up to 264 bytes to it."""
    out, left = b"\x00a", n - 1
    while left:
        k = min(left, 264)
        if k < 3:
            out += bytes([k - 1]) + b"a" * k
        elif k < 9:
            out += bytes([(k - 2) << 5, 0])
        else:
            out += bytes([7 << 5, k - 9, 0])
        left -= k
    return out


PACKED = lzf_runs(40)
VALUES["string lzf"] = (b"\x00\xc3" + length(len(PACKED)) + length(40) + PACKED, b"a" * 40)
BY_HAND = {**OLD, **{name: body for name, (body, _) in VALUES.items()}, **TIMED_VALUES}
