"""The argument pools: what a slot of a template is filled with. Keys are few, so that commands meet on them;
values lean to the borderline. Numbers that would make a server allocate gigabytes are left out."""

STRING_KEYS = [b"s%d" % i for i in range(6)] + [b"s:{tag}:1", b"s\x00\xff\r\n"]
HASH_KEYS = [b"h%d" % i for i in range(5)] + [b"h:{tag}:1"]
ZSET_KEYS = [b"z%d" % i for i in range(6)] + [b"z:{tag}:1"]
LEX_KEYS = [b"y0", b"y1", b"y2"]  # one score alone: order by member is undefined where scores differ
NOT_LEX_KEYS = [b"ystring", b"ymissing"]
LIST_KEYS = [b"l%d" % i for i in range(5)] + [b"l:{tag}:1"]
GEO_KEYS = [b"g0", b"g1", b"g2"]
HLL_KEYS = [b"p0", b"p1", b"p2", b"p3"]
BIT_KEYS = [b"b0", b"b1", b"b2", b"b3"]
SET_KEYS = [b"t%d" % i for i in range(6)] + [b"t:{tag}:1"]
STREAM_KEYS = [b"x%d" % i for i in range(4)] + [b"x:{tag}:1"]
ALL_KEYS = STRING_KEYS + HASH_KEYS + ZSET_KEYS + LIST_KEYS + SET_KEYS + STREAM_KEYS + BIT_KEYS + HLL_KEYS + GEO_KEYS + [b"missing", b""]

INTEGERS = [b"%d" % i for i in (0, 0, 1, 1, 1, 2, 3, 5, 7, 10, -1, -1, -2, -3, -10, 100, 4096)]
EDGE_INTEGERS = [
    b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"-9223372036854775809",
    b"9223372036854775806", b"-9223372036854775807", b"18446744073709551615", b"4611686018427387904",
    b"2147483647", b"2147483648", b"-2147483648", b"4294967296",
]  # fmt: skip
NOT_INTEGERS = [b"", b"abc", b"1.0", b"1e3", b" 1", b"1 ", b"+1", b"01", b"-0", b"0x10", b"--1", b"-", b"1\x00"]
FLOATS = [
    b"0", b"1", b"-1", b"1.5", b"-2.5", b"0.1", b"0.2", b"3.14159265358979", b"1e3", b"1e-3", b"2.0", b"5e-1",
    b"10", b"100", b"3", b"-7", b"0.30000000000000004", b"123456789.125", b"1e10", b"-1e-5", b".5", b"5.", b"+3",
]  # fmt: skip
EDGE_FLOATS = [
    b"inf", b"-inf", b"+inf", b"Infinity", b"-INF", b"1e308", b"-1e308", b"1e-320", b"1e17", b"1e18", b"1e21",
    b"9007199254740993", b"-0", b"-0.0", b"9223372036854775807", b"0x1p3", b"0x10", b"1.7976931348623157e308",
    b"4.9e-324", b"1e22", b"123456789012345678901234567890",
]  # fmt: skip
NOT_FLOATS = [b"", b"abc", b"nan", b"NaN", b"1.5x", b" 1.5", b"1.5 ", b"1e", b"--1", b"1,5", b"1\x00", b"1e400", b"-1e400"]
TEXTS = [
    b"", b"a", b"b", b"hello", b"Hello World", b"foobar", b"ohmytext", b"mynewtext", b"\x00", b"\xff\xfe",
    b"line\r\nbreak", b"\xc3\xa9t\xc3\xa9", b"x" * 44, b"x" * 45, b"y" * 64, b"y" * 65, b"z" * 300, b"a b c",
    b"*", b"h?llo", b"[abc]", b"'q\"",
]  # fmt: skip
WORDS = [
    b"NX", b"XX", b"GET", b"EX", b"PX", b"EXAT", b"PXAT", b"KEEPTTL", b"PERSIST", b"GT", b"LT", b"CH", b"INCR", b"LIMIT",
    b"WITHSCORES", b"REV", b"BYSCORE", b"BYLEX", b"COUNT", b"MATCH", b"TYPE", b"WITHVALUES", b"AGGREGATE", b"WEIGHTS", b"REPLACE",
]  # fmt: skip
PATTERNS = [
    b"*", b"*", b"s*", b"h?", b"z[0-3]", b"[^s]*", b"s[", b"\\*", b"*1", b"*0*", b"", b"?", b"nomatch", b"s\\0", b"[a-c]*",
    b"[z-a]?", b"f*", b"m[!1]", b"**a**", b"[\\]", b"[^", b"h[0-", b"{tag}", b"*{tag}*", b"*\x00*", b"*\xff*", b"f[1-3]*",
]  # fmt: skip
LEX = [
    b"-", b"+", b"-", b"+", b"[a", b"(a", b"[b", b"(b", b"[m1", b"(m1", b"[m2", b"(m3", b"[", b"(", b"[zz", b"[m\x00", b"", b"a",
    b"--", b"[m12", b"+a", b"(m9",
]  # fmt: skip

BAD_IDS = [
    b"", b"-", b"+", b"x", b"1-", b"-1", b"1-x", b"1-2-3", b"1--2", b"01-02", b" 1", b"1 ", b"+1-1", b"18446744073709551615",
    b"18446744073709551616-0", b"18446744073709551615-18446744073709551615", b"1-18446744073709551615", b"0-0", b"0", b"1-*",
    b"*-1", b"1-**", b"9" * 127, b"9" * 128, b"(1", b"(", b"1\x00-1", b"1-1\x00", b"9223372036854775808-1", b"99999-1",
]  # fmt: skip

FAR_S = 4102444800  # the year 2100


def pick(rng, pool):
    return pool[int(rng.random() * len(pool))]


def mostly(*weighted):
    """A slot that draws from one of several pools (or calls one of several slots), by their weights."""
    pools = [pool for _, pool in weighted]
    weights, total = [], 0
    for weight, _ in weighted:
        total += weight
        weights.append(total)

    def draw(rng):
        at = rng.random() * total
        for weight, pool in zip(weights, pools):
            if at < weight:
                return pool(rng) if callable(pool) else pick(rng, pool)
        return pick(rng, pools[-1])

    return draw


def between(low, high):
    return lambda rng: b"%d" % rng.randrange(low, high)


def between_keys(prefix, n):
    return lambda rng: prefix + b"%d" % rng.randrange(n)


def degrees(most):
    return lambda rng: b"%.6f" % rng.uniform(-most, most)


def near(middle):
    return lambda rng: b"%.8f" % rng.uniform(middle - 2, middle + 2)


def counted(key, wrong=0.05):
    """numkeys key ...: as many keys as announced, but for a few."""

    def draw(rng):
        keys = [key(rng) for _ in range(rng.randrange(1, 4))]
        count = b"%d" % len(keys)
        if rng.random() < wrong:
            count = pick(rng, [b"0", b"-1", b"1", b"2", b"3", b"4", b"100", b"x", b"9223372036854775807", b""])
        return [count] + keys

    return draw


def member(rng):
    return b"m%d" % int(rng.random() * 14)


def field(rng):
    return b"f%d" % int(rng.random() * 10)


def many_members(rng):
    """Enough of them to leave the small encoding."""
    start = rng.randrange(1000)
    out = []
    for i in range(rng.randrange(20, 90)):
        out += [b"%d" % rng.randrange(50), b"big%d" % (start + i)]
    return out


def element(rng):
    return b"e%d" % int(rng.random() * 8)


def many_elements(rng):
    """Some of them fill more than a block."""
    return [rng.choice([b"e%d" % rng.randrange(8), b"%d" % rng.randrange(10**6), b"long" * rng.randrange(1, 80)])
            for _ in range(rng.randrange(20, 120))]


def many_integers(rng):
    """Now and then wider ones; twice of these leave the intset."""
    wide = rng.choice([100, 1000, 10**5, 10**12])
    return [b"%d" % rng.randrange(-wide, wide) for _ in range(rng.randrange(20, 400))]


def many_set_members(rng):
    start = rng.randrange(300)
    return [b"sm%d" % (start + i) for i in range(rng.randrange(20, 150))]


def many_fields(rng):
    start = rng.randrange(2000)
    out = []
    for i in range(rng.randrange(100, 300)):
        out += [b"bf%d" % (start + i), b"%d" % i]
    return out


def stream_id(rng):
    """Of entries and near them; those that XADD makes grow by stream_new_id."""
    return b"%d-%d" % (rng.randrange(60), rng.randrange(4)) if rng.random() < 0.8 else b"%d" % rng.randrange(70)


last_ms = 0


def new_id(rng):
    """Above those before for most streams, by a clock of the generator's own that starts again now and then."""
    global last_ms
    last_ms = 0 if rng.random() < 0.01 else last_ms + rng.randrange(2)
    return b"%d-%s" % (last_ms % 64, b"*" if rng.random() < 0.5 else b"%d" % rng.randrange(6))


def many_parts(rng):
    """Fields and values that are often those of the entry before."""
    names = rng.choice([[b"name", b"age"], [b"name", b"age"], [b"f"], [b"a", b"b", b"c"], [b"%d" % rng.randrange(5)]])
    return [part for name in names for part in (name, pick(rng, TEXTS) if rng.random() < 0.2 else b"%d" % rng.randrange(300))]


def balanced(key, ident):
    """key ... id ...: as many ids as keys, but for a few."""

    def draw(rng):
        n = rng.randrange(1, 4)
        return [key(rng) for _ in range(n)] + [ident(rng) for _ in range(n if rng.random() < 0.97 else n - 1)]

    return draw


def junk(rng):
    return pick(rng, pick(rng, JUNK))


def weights(rng):
    """WEIGHTS with as many numbers as keys are usual."""
    return [b"WEIGHTS"] + [score(rng) for _ in range(rng.randrange(1, 4))]


integer = mostly((8, INTEGERS), (1, EDGE_INTEGERS), (1, NOT_INTEGERS))
number = mostly((8, FLOATS), (1, EDGE_FLOATS), (0.6, NOT_FLOATS))
score = mostly((6, INTEGERS), (5, FLOATS), (0.7, EDGE_FLOATS), (0.25, NOT_FLOATS))
JUNK = [EDGE_INTEGERS[2:4], NOT_INTEGERS, NOT_FLOATS, TEXTS, WORDS, WORDS, INTEGERS, [b"missing"], LEX]

# Distances are random and far apart, so that a few milliseconds between the servers change no answer.
seconds = mostly((9, between(100, 10**6)), (1, [b"0", b"-1", b"-100", b"1e3", b"abc", b"", b"9223372036854775807",
    b"9223372036854775", b"9223370000000000", b"-9223372036854775808", b"10000000000"]))  # fmt: skip
milliseconds = mostly((9, between(10**5, 10**9)), (1, [b"0", b"-1", b"-100", b"abc", b"", b"9223372036854775807",
    b"9223372036854775000", b"-9223372036854775808", b"10000000000000"]))  # fmt: skip
at_seconds = mostly((9, between(FAR_S, FAR_S + 40)), (1, [b"0", b"-1", b"1", b"1000000000", b"abc", b"",
    b"9223372036854775807", b"9223372036854775", b"-9223372036854775808"]))  # fmt: skip
at_milliseconds = mostly((9, between(FAR_S * 1000, FAR_S * 1000 + 40)), (1, [b"0", b"-1", b"1", b"1000000000000",
    b"abc", b"", b"9223372036854775807", b"-9223372036854775808"]))  # fmt: skip

# SET with a time gone by leaves a key that DBSIZE counts until it is touched: not here.
until_milliseconds = mostly((9, between(FAR_S * 1000, FAR_S * 1000 + 40)), (1, [b"0", b"-1", b"abc", b"",
    b"9223372036854775807", b"-9223372036854775808"]))  # fmt: skip
until_seconds = mostly((9, between(FAR_S, FAR_S + 40)), (1, [b"0", b"-1", b"abc", b"", b"9223372036854775807", b"9223372036854775"]))

any_key = mostly((1, ALL_KEYS))
string_key = mostly((12, STRING_KEYS), (1, ALL_KEYS))
hash_key = mostly((12, HASH_KEYS), (1, ALL_KEYS))
zset_key = mostly((14, ZSET_KEYS), (1, ALL_KEYS))
set_key = mostly((14, SET_KEYS), (1, ALL_KEYS))
stream_key = mostly((16, STREAM_KEYS), (1, ALL_KEYS))
read_id = mostly((6, stream_id), (3, [b"0", b"$", b"0-0"]), (0.3, BAD_IDS), (0.1, [b">"]))
list_key = mostly((14, LIST_KEYS), (1, ALL_KEYS))

SLOTS = {
    "key": any_key,
    "string": string_key,
    "hash": hash_key,
    "zset": zset_key,
    "list": list_key,
    "set": set_key,
    "set_member": mostly((8, member), (8, between(-3, 12)), (1, INTEGERS), (0.5, EDGE_INTEGERS), (0.5, NOT_INTEGERS), (0.5, TEXTS)),
    "many_integers": many_integers,
    "many_set_members": many_set_members,
    "counted_sets": counted(set_key),
    "stream": stream_key,
    "new_id": mostly((20, new_id), (0.5, BAD_IDS)),
    "id": mostly((20, stream_id), (0.7, BAD_IDS)),
    "late_id": mostly((10, lambda rng: b"%d-1" % rng.randrange(70, 80)), (1, [b"x", b"", b"1-x", b"-"])),
    "low_id": mostly((5, [b"-"]), (4, stream_id), (1, lambda rng: b"(" + stream_id(rng)), (0.5, BAD_IDS)),
    "high_id": mostly((5, [b"+"]), (4, stream_id), (1, lambda rng: b"(" + stream_id(rng)), (0.5, BAD_IDS)),
    "parts": many_parts,
    "group": mostly((12, [b"g0", b"g1", b"g2"]), (0.5, TEXTS)),
    "consumer": mostly((12, [b"alice", b"bob", b"carol"]), (0.5, TEXTS)),
    "read_streams": balanced(stream_key, read_id),
    "new_of_streams": balanced(stream_key, lambda rng: b">"),
    "pending_of_streams": balanced(stream_key, read_id),
    "max_length": mostly((9, [b"0", b"1", b"3", b"10", b"30", b"60"]), (1, [b"-1", b"abc", b"", b"9223372036854775807", b"~", b"="])),
    "no_idle": mostly((9, [b"0"]), (3, [b"1000000"]), (1, [b"-1", b"abc", b"", b"9223372036854775808"])),
    "last_time": mostly((4, [b"0", b"1", b"1000"]), (1, [b"-1", b"abc", b"", b"9223372036854775807", b"-9223372036854775808"])),
    "element": mostly((8, element), (2, INTEGERS), (1, TEXTS), (0.1, [b"w" * 9000, b"v" * 3000])),
    "many_elements": many_elements,
    "counted_lists": counted(list_key),
    "geo": mostly((20, GEO_KEYS), (1, ALL_KEYS)),
    "geo_member": mostly((1, [b"pl%d" % i for i in range(25)])),
    "geo_unit": mostly((20, [b"m", b"km", b"ft", b"mi", b"KM"]), (1, [b"cm", b"", b"kms"])),
    "lon": mostly((6, degrees(180)), (6, near(13)), (1, [b"-180", b"0", b"179.9999", b"-179.9999"]), (0.2, [b"181", b"abc", b"nan",
        b"-180.0001", b""])),  # fmt: skip
    "lat": mostly((6, degrees(85)), (6, near(38)), (1, [b"85.0511", b"-85.05112878", b"0", b"84.9", b"-66.5"]), (0.2, [b"86", b"x", b"90"])),
    "radius": mostly((8, between(0, 3000)), (3, between(0, 30)), (2, [b"0", b"1.5", b"20000", b"100000"]), (0.2, [b"-1", b"abc", b""])),
    "hll": mostly((20, [b"p0", b"p1", b"p2", b"p3"]), (1, ALL_KEYS)),
    "bits": mostly((14, BIT_KEYS), (1, ALL_KEYS)),
    "bit_offset": mostly((9, between(0, 130)), (1, [b"0", b"7", b"8", b"1000", b"5000"]), (0.5, [b"-1", b"abc", b"4294967296", b"",
        b"9223372036854775807", b"1.5"])),  # fmt: skip
    "bit_place": mostly((9, between(0, 80)), (2, [b"#0", b"#1", b"#3", b"#7"]), (0.4, [b"-1", b"#", b"#-1", b"x", b"#x", b"4294967296",
        b"9223372036854775807"])),  # fmt: skip
    "bit_type": mostly((9, [b"u1", b"u2", b"u8", b"u16", b"u32", b"u63", b"i1", b"i2", b"i5", b"i8", b"i32", b"i63", b"i64"]), (0.3, [b"u64",
        b"i65", b"u0", b"i0", b"x8", b"u", b"", b"8", b"U8", b"u08", b"u-1"])),  # fmt: skip
    "bit_value": mostly((6, INTEGERS), (3, between(-300, 300)), (3, [n for n in EDGE_INTEGERS if not n.startswith(b"-922337")]), (0.3, NOT_INTEGERS)),
    "sort_element": mostly((9, between(0, 12)), (1, [b"1.5", b"-3", b"2e2"]), (0.1, [b"x", b"", b"1x"])),
    "sort_word": between_keys(b"e", 9),
    "sort_number": mostly((9, FLOATS), (0.3, [b"abc", b"1x", b"", b"inf", b" 7"])),
    "sort_key": mostly((1, [b"so:list", b"so:set", b"so:zset", b"so:words", b"so:wordset", b"so:dest", b"missing"])),
    "sort_list": mostly((1, [b"so:list", b"so:words"])),
    "sort_dest": mostly((1, [b"so:dest", b"so:dest", b"so:list"])),
    "sort_weight_key": between_keys(b"w_", 12),
    "sort_hash_key": between_keys(b"h_", 12),
    "nosort_word": mostly((1, [b"nosort", b"", b"w_1"])),
    "sort_pattern": mostly((1, [b"#", b"w_*", b"*", b"h_*->w", b"h_*->", b"->*", b"w_*->w", b"nostar", b"*->w", b"h_1->w", b"##"])),
    "sort_junk": mostly((1, [b"BY", b"GET", b"LIMIT", b"STORE", b"ASCE", b"ALPHA", b""])),
    "bad_timeout": mostly((1, [b"-1", b"abc", b"", b"-0.1", b"nan", b"1x"])),
    "fresh": mostly((1, [b"n%d" % i for i in range(8)]), (1, ALL_KEYS)),
    "value": mostly((4, INTEGERS), (4, TEXTS), (1, FLOATS), (1, EDGE_INTEGERS), (1, NOT_INTEGERS), (0.5, EDGE_FLOATS)),
    "integer": integer,
    "delta": mostly((6, INTEGERS), (2, EDGE_INTEGERS), (1, NOT_INTEGERS)),
    "number": number,
    "score": score,
    "index": mostly((8, INTEGERS), (2, between(-20, 20)), (0.6, EDGE_INTEGERS), (0.4, NOT_INTEGERS)),
    "offset": mostly((9, [b"0", b"1", b"3", b"10", b"50", b"200"]), (1, [b"-1", b"536870912", b"abc", b"9223372036854775807",
        b"4294967296", b"", b"536870911x"])),  # fmt: skip
    "seconds": seconds,
    "milliseconds": milliseconds,
    "at_seconds": at_seconds,
    "at_milliseconds": at_milliseconds,
    "until_seconds": until_seconds,
    "until_milliseconds": until_milliseconds,
    "database": mostly((9, [b"0", b"0", b"1", b"2", b"3", b"15"]), (1, [b"16", b"-1", b"abc", b"", b"99999999999"])),
    "pattern": mostly((1, PATTERNS)),
    "count": mostly((9, [b"1", b"2", b"3", b"5", b"10", b"100", b"0"]), (1, [b"-1", b"abc", b"9223372036854775807",
        b"9223372036854775808", b"", b"1.5", b"-9223372036854775808"])),  # fmt: skip
    "random_count": mostly((9, [b"1", b"2", b"5", b"10", b"100", b"0", b"-1", b"-2", b"-7", b"-30"]), (1, [b"abc",
        b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809", b"", b"1.5"])),  # fmt: skip
    "limit_offset": mostly((9, [b"0", b"0", b"1", b"2", b"5"]), (1, [b"-1", b"100", b"abc", b"9223372036854775807", b""])),
    "limit_count": mostly((9, [b"1", b"2", b"5", b"10", b"-1"]), (1, [b"0", b"-5", b"abc", b"9223372036854775807", b""])),
    "cursor_zero": mostly((14, [b"0"]), (1, [b"", b"abc", b"-1", b"18446744073709551616", b"1x", b" 0", b"00"])),
    "type_name": mostly((6, [b"string", b"hash", b"zset"]), (1, [b"list", b"set", b"stream", b"STRING", b"nosuch", b""])),
    "field": mostly((12, field), (1, TEXTS)),
    "fields_values": many_fields,
    "member": mostly((14, member), (1, TEXTS), (0.3, FLOATS)),
    "scores_members": many_members,
    "lexset": mostly((14, LEX_KEYS), (1, NOT_LEX_KEYS)),
    "lex_member": mostly((8, member), (1, [b"a", b"ab", b"abc", b"b", b"\xff", b"m\x00", b"c" * 65, b"zz"])),
    "min_score": mostly((5, [b"-inf", b"0", b"1", b"2", b"(1", b"(2", b"-1", b"(0.1", b"1.5", b"3"]), (1, score), (0.3, [b"(", b"(abc",
        b"((1", b"", b"(nan", b"(inf", b"(-inf"])),  # fmt: skip
    "max_score": mostly((5, [b"+inf", b"inf", b"3", b"5", b"(5", b"10", b"(10", b"100", b"2", b"(3"]), (1, score), (0.3, [b"(", b"(abc",
        b"((1", b"", b"nan", b"(inf", b"-inf"])),  # fmt: skip
    "lex": mostly((1, LEX)),
    "weights": weights,
    "counted_zsets": counted(zset_key),
    "counted_two": counted(mostly((1, ZSET_KEYS[:3]))),
    "channel": mostly((12, [b"news", b"news.art", b"news.it", b"chat:room1", b"a", b""]), (1, TEXTS)),
    "channel_pattern": mostly((1, [b"news*", b"*", b"news.?rt", b"chat:*", b"[an]*", b"a", b"", b"news.*", b"*\xff*"])),
    "junk": junk,
    "unknown": mostly((1, [b"NOSUCH", b"FOO", b"get2", b"", b"SETT", b"\xff\x00", b"G ET", b"x" * 140])),
}
